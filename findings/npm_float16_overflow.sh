#!/usr/bin/env bash
# float16 0.0.1 (npm): numbers too large for binary16 become small ones of the other sign. The
# exponent grows into the sign bit, so that 1,000,000 is written as −0.00023 and 131,072 as −0.
# From 65,600 to 131,000 it is NaN, and a negative one needs 17 bits: float16ToByte(−1,000,000) is
# 0x10ba1.
#
# Expected: ±infinity from 65,520 on, as IEEE 754 rounds, or an error. @petamoriken/float16 3.9.3
# has it so.
#
# Seen on 2026-11-30:
#   65520: 0x7c00 Infinity, rounded Infinity
#   100000: 0x7e1b NaN, rounded Infinity
#   131072: 0x8000 -0, rounded Infinity
#   1000000: 0x8ba1 -0.0002328, rounded Infinity
#   -1000000: 0x10ba1 0.0002328, rounded -Infinity
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . float16@0.0.1 \
  @petamoriken/float16@3.9.3 >npm.log

cat >overflow.js <<'JS'
const {byteToFloat16, float16ToByte} = require("float16");
const {f16round} = require("@petamoriken/float16");
const text = (number) => (Object.is(number, -0) ? "-0" : String(Number(number.toPrecision(4))));
for (const number of [65520, 100000, 131072, 1e6, -1e6]) {
  const bits = float16ToByte(number);
  console.log(`${number}: 0x${bits.toString(16)} ${text(byteToFloat16(bits))},`,
              `rounded ${f16round(number)}`);
}
JS
seen=$(node overflow.js)
echo "$seen"
[[ $seen == "65520: 0x7c00 Infinity, rounded Infinity
100000: 0x7e1b NaN, rounded Infinity
131072: 0x8000 -0, rounded Infinity
1000000: 0x8ba1 -0.0002328, rounded Infinity
-1000000: 0x10ba1 0.0002328, rounded -Infinity" ]]
