#!/usr/bin/env bash
# ml-confusion-matrix 2.0.0 (npm): the false omission rate is the miss rate. It divides the misses
# by the positives, FN / (FN + TP), so that a screening test that is almost never wrong when it
# says "well" seems to be wrong in every third case.
#
# Expected: FN / (FN + TN), the share of the negative answers that are wrong, which is 1 − NPV.
# The class's negative predictive value is right.
#
# Seen on 2026-11-30, 4 of 6 ill found, 994 well:
#   false negative rate 0.3333
#   false omission rate 0.3333
#   1 - negative predictive value 0.0020
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . ml-confusion-matrix@2.0.0 \
  >npm.log

cat >omission.js <<'JS'
const {ConfusionMatrix} = require("ml-confusion-matrix");
const matrix = new ConfusionMatrix([[4, 2], [0, 994]], ["ill", "well"]);
const print = (name, rate) => console.log(name, rate.toFixed(4));
print("false negative rate", matrix.getFalseNegativeRate("ill"));
print("false omission rate", matrix.getFalseOmissionRate("ill"));
print("1 - negative predictive value", 1 - matrix.getNegativePredictiveValue("ill"));
JS
seen=$(node omission.js)
echo "$seen"
[[ $seen == "false negative rate 0.3333
false omission rate 0.3333
1 - negative predictive value 0.0020" ]]
