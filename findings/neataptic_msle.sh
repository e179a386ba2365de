#!/usr/bin/env bash
# neataptic 1.4.7 (npm): the mean squared logarithmic error is neither squared nor a mean: it is
# the sum of log target − log output. A prediction ten times too large costs −2.3, less than a
# right one, so that evolution, which looks for the least, is drawn to overshoot; and mistakes of
# opposite sign cancel out.
#
# Expected: the mean of (log target − log output)², or of log1p: 0 for what is right and more for
# everything else.
#
# Seen on 2026-11-30, target 10:
#   output 10 costs 0.00
#   output 1 costs 2.30
#   output 100 costs -2.30
#   outputs 1 and 100 cost 0.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . neataptic@1.4.7 >npm.log

cat >cost.js <<'JS'
const {MSLE} = require("neataptic").methods.cost;
const cost = (outputs) => MSLE(outputs.map(() => 10), outputs).toFixed(2);
for (const output of [10, 1, 100]) console.log(`output ${output} costs ${cost([output])}`);
console.log(`outputs 1 and 100 cost ${cost([1, 100])}`);
JS
seen=$(node cost.js)
echo "$seen"
[[ $seen == "output 10 costs 0.00
output 1 costs 2.30
output 100 costs -2.30
outputs 1 and 100 cost 0.00" ]]
