#!/usr/bin/env bash
# river 0.26.1: the value of losses.Quantile(0.9) is the loss of quantile 0.1. Its gradient is
# that of 0.9, so that a model trains right while the loss reported for it falls for worse
# predictions.
#
# Expected: the pinball loss of 0.9 charges a prediction 5 too low 0.9 · 5 = 4.5, and one 5 too
# high 0.5, and the gradient is its slope: −0.9 and 0.1.
#
# Seen on 2026-11-29:
#   5 too low: loss 0.5, gradient -0.9
#   5 too high: loss 4.5, gradient 0.1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'river==0.26.1' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

from river import optim

loss = optim.losses.Quantile(0.9)
seen = []
for name, target, prediction in (("low", 10.0, 5.0), ("high", 5.0, 10.0)):
    seen.append((round(loss(target, prediction), 6), round(loss.gradient(target, prediction), 6)))
    print(f"5 too {name}: loss {seen[-1][0]}, gradient {seen[-1][1]}")
sys.exit(seen != [(0.5, -0.9), (4.5, 0.1)])
PYTHON
