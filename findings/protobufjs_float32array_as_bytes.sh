#!/usr/bin/env bash
# protobufjs 8.8.1: a Float32Array given for a field of bytes is sent as one byte a number. Each
# number is cut to an integer modulo 256: 0.5, −1.5, 300 travel as 0, 255, 44. verify() finds no
# fault with it, and neither fromObject() nor encode() says anything.
#
# Expected: the array's 12 bytes, as Buffer.from(array.buffer) has them, or an error, as for an
# ArrayBuffer (verify: "buffer expected"). A repeated float, on the other hand, refuses a
# Float32Array ("array expected").
#
# Seen on 2026-11-29:
#   Float32Array: verify null, sent 00ff2c
#   its buffer: verify null, sent 0000003f0000c0bf00009643
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . protobufjs@8.8.1 >npm.log

cat >bytes.js <<'JS'
const protobuf = require("protobufjs");
const Tensor = protobuf
  .parse('syntax = "proto3"; message Tensor { bytes data = 1; }')
  .root.lookupType("Tensor");
const numbers = Float32Array.of(0.5, -1.5, 300);
const given = {"Float32Array": numbers, "its buffer": Buffer.from(numbers.buffer)};
for (const [name, data] of Object.entries(given)) {
  const sent = Tensor.encode(Tensor.fromObject({data})).finish();
  console.log(`${name}: verify ${Tensor.verify({data})}, sent`,
              Buffer.from(sent).toString("hex").slice(4));
}
JS
seen=$(node bytes.js)
echo "$seen"
[[ $seen == "Float32Array: verify null, sent 00ff2c
its buffer: verify null, sent 0000003f0000c0bf00009643" ]]
