#!/usr/bin/env bash
# river 0.26.1: in CrossEntropy(class_weight=...) loss and gradient weigh different things. The
# loss is weighted by the true class; each component of the gradient by the class it belongs to.
# With a weight of 10 on class 0, a sample of class 1, whose loss has weight 1, pushes class 0
# down ten times as hard.
#
# Expected: the gradient by the logits is v_y (p − onehot(y)), whose sum is 0. Here it is v_j
# times each component, so that rare classes with large weights are pushed down by all the others.
#
# Seen on 2026-11-29, p = softmax of logits 0, label 1, class_weight {0: 10}:
#   gradient    [3.333333, -0.666667, 0.333333]
#   differences [0.333333, -0.666667, 0.333333]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'river==0.26.1' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import math
import sys

from river import optim

loss = optim.losses.CrossEntropy(class_weight={0: 10.0})


def softmax(logits):
    exponentials = [math.exp(z) for z in logits]
    return {j: e / sum(exponentials) for j, e in enumerate(exponentials)}


def at(j, step):
    return loss(1, softmax([step if j == i else 0.0 for i in range(3)]))


gradient = loss.gradient(1, softmax([0.0, 0.0, 0.0]))
gradient = [round(gradient[j], 6) for j in range(3)]
differences = [round((at(j, 1e-4) - at(j, -1e-4)) / 2e-4, 6) for j in range(3)]
print("gradient   ", gradient)
print("differences", differences)
sys.exit(not (gradient == [3.333333, -0.666667, 0.333333]
              and differences == [0.333333, -0.666667, 0.333333]))
PYTHON
