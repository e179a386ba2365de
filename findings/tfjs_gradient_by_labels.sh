#!/usr/bin/env bash
# TensorFlow.js 4.22.0: tf.losses.softmaxCrossEntropy has a wrong gradient by its labels: labels −
# softmax, which is the gradient by the logits with its sign turned. Distillation that trains the
# teacher too, or anything else that learns targets, follows it.
#
# Expected: the loss is linear in the labels, its gradient by them −log softmax; that is also what
# differences of the loss say.
#
# Seen on 2026-11-29, logits 2, 1, 0, labels 0.7, 0.2, 0.1:
#   gradient 0.035 -0.045 0.010
#   differences 0.408 1.408 2.408
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cd -- "$work"
npm install --silent --no-audit --no-fund --ignore-scripts --prefix . @tensorflow/tfjs-core@4.22.0 \
  @tensorflow/tfjs-backend-cpu@4.22.0 @tensorflow/tfjs-layers@4.22.0 >npm.log

cat >gradient.js <<'JS'
const tf = require("@tensorflow/tfjs-core");
require("@tensorflow/tfjs-backend-cpu");
require("@tensorflow/tfjs-layers");

const logits = tf.tensor2d([[2, 1, 0]]);
const labels = [0.7, 0.2, 0.1];
const loss = (y) => tf.losses.softmaxCrossEntropy(y, logits);
const moved = (j, step) => loss(tf.tensor2d([labels.map((y, i) => (i === j ? y + step : y))]));
const print = (name, numbers) => console.log(name, numbers.map((v) => v.toFixed(3)).join(" "));

print("gradient", [...tf.grad(loss)(tf.tensor2d([labels])).dataSync()]);
const difference = (j) => tf.sub(moved(j, 0.05), moved(j, -0.05)).dataSync()[0] / 0.1;
print("differences", labels.map((_, j) => difference(j)));
JS
seen=$(node gradient.js 2>&1 | grep -E '^(gradient|differences)')
echo "$seen"
[[ $seen == "gradient 0.035 -0.045 0.010
differences 0.408 1.408 2.408" ]]
