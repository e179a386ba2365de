#!/usr/bin/env bash
# river 0.26.1: a regression with EpsilonInsensitiveHinge learns 2y − 1 in place of y. The loss is
# a RegressionLoss, but maps its target as if it were a class of 0 or 1.
#
# Expected: |y − prediction| − eps, and 0 within eps: a model that is shown y = 10 again and again
# ends at 10, as it does with Absolute, to which this loss tends with eps.
#
# Seen on 2026-11-29:
#   Absolute: loss of a perfect prediction of 10: 0, learnt 10.0
#   EpsilonInsensitiveHinge: loss of a perfect prediction of 10: 8.9, learnt 19.0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'river==0.26.1' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

from river import linear_model, optim

seen = {}
for loss in (optim.losses.Absolute(), optim.losses.EpsilonInsensitiveHinge(eps=0.1)):
    model = linear_model.LinearRegression(
        optimizer=optim.SGD(0.05), loss=loss, intercept_lr=0.05)
    for step in range(3000):
        model.learn_one({"x": step % 11 / 10}, 10.0)
    name = type(loss).__name__
    seen[name] = (loss(10.0, 10.0), round(model.predict_one({"x": 0.5}), 1))
    print(f"{name}: loss of a perfect prediction of 10: {seen[name][0]:g}, learnt {seen[name][1]}")
loss, learnt = seen["EpsilonInsensitiveHinge"]
sys.exit(not (seen["Absolute"] == (0, 10.0) and abs(loss - 8.9) < 1e-9 and learnt == 19.0))
PYTHON
