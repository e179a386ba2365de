#!/usr/bin/env bash
# thinc 9.1.1: CategoricalCrossentropy has no cross entropy in it. Its get_loss is the sum of the
# squares of its gradient, so that the loss of a sample is at most 2, and a confident mistake
# costs no more than a moderate one.
#
# Expected: −log p of the label, −log 1e-6 = 13.8 for a probability of 1e-6. The gradient is cross
# entropy's by the logits.
#
# Seen on 2026-11-29, one sample of two classes:
#   p=0.5 loss 0.5 -log p 0.69
#   p=0.01 loss 1.96 -log p 4.61
#   p=1e-06 loss 2.0 -log p 13.82
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'thinc==9.1.1' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import math
import sys

import numpy as np
from thinc.api import CategoricalCrossentropy

seen = []
for p in (0.5, 0.01, 1e-6):
    guesses, label = np.array([[p, 1 - p]], np.float32), np.array([0])
    loss = CategoricalCrossentropy()
    seen.append(round(float(loss.get_loss(guesses, label)), 2))
    squares = float((loss.get_grad(guesses, label) ** 2).sum())
    print(f"p={p:g} loss {seen[-1]} -log p {-math.log(p):.2f}")
    if abs(squares - loss.get_loss(guesses, label)) > 1e-6:
        sys.exit("the loss is not the sum of the gradient's squares")
sys.exit(seen != [0.5, 1.96, 2.0])
PYTHON
