#!/usr/bin/env bash
# pbf 5.1.2 (npm): a NaN is not sent. The code that it compiles for a proto3 float asks
# "if (obj.value)", which NaN fails as 0 does, so that the field stays away and is read as 0. A
# loss that has diverged arrives as a perfect one. −0 loses its sign the same way. In a repeated
# field both travel.
#
# Expected: proto3 leaves out a field only if it is +0; −0 "is considered distinct and will be
# serialized", and so is NaN: 0d0000c07f.
#
# Seen on 2026-11-30:
#   1.5 sent 0d0000c03f, read 1.5
#   NaN sent nothing, read 0
#   -0 sent nothing, read 0
#   repeated NaN sent 12040000c07f, read NaN
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . pbf@5.1.2 \
  protocol-buffers-schema@3.6.1 >npm.log

cat >nan.mjs <<'JS'
import {PbfReader, PbfWriter} from "pbf";
import {compile} from "pbf/compile";
import schema from "protocol-buffers-schema";

const {readLoss, writeLoss} = compile(schema.parse(
  'syntax = "proto3"; message Loss { float value = 1; repeated float row = 2; }'));

function print(name, loss, numberOf) {
  const writer = new PbfWriter();
  writeLoss(loss, writer);
  const sent = writer.finish();
  console.log(`${name} sent ${Buffer.from(sent).toString("hex") || "nothing"}, read`,
              numberOf(readLoss(new PbfReader(sent))));
}

for (const value of [1.5, NaN, -0]) {
  print(Object.is(value, -0) ? "-0" : value, {value}, (loss) => loss.value);
}
print("repeated NaN", {row: [NaN]}, (loss) => loss.row[0]);
JS
seen=$(node nan.mjs)
echo "$seen"
[[ $seen == "1.5 sent 0d0000c03f, read 1.5
NaN sent nothing, read 0
-0 sent nothing, read 0
repeated NaN sent 12040000c07f, read NaN" ]]
