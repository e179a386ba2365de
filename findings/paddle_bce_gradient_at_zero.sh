#!/usr/bin/env bash
# paddlepaddle 3.3.1, CPU: binary_cross_entropy_with_logits has a wrong gradient where the logit is
# exactly 0: −½ − y, which is 1 less than right, so that a negative's has its sign turned. A last
# layer that begins at zero has all its logits there: the first step pushes every negative towards
# the positives. The loss itself, ln 2, is right, and so is the gradient a millionth beside.
#
# Expected: σ(0) − y = ½ − y: 0.5 for y = 0, 0.2 for y = 0.3, −0.5 for y = 1.
#
# Seen on 2026-11-30:
#   logit 0: gradients -0.5, -0.8, -1.5 for targets 0, 0.3, 1
#   logit 1e-06: gradients 0.5, 0.2, -0.5 for targets 0, 0.3, 1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'paddlepaddle==3.3.1' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

import paddle
from paddle.nn.functional import binary_cross_entropy_with_logits


def gradient(logit, target):
    z = paddle.to_tensor([logit], dtype="float64", stop_gradient=False)
    y = paddle.to_tensor([target], dtype="float64")
    binary_cross_entropy_with_logits(z, y, reduction="sum").backward()
    return round(z.grad.numpy().item(), 5)


seen = {}
for logit in (0.0, 1e-6):
    seen[logit] = [gradient(logit, target) for target in (0.0, 0.3, 1.0)]
    print(f"logit {logit:g}: gradients {', '.join(map(str, seen[logit]))} for targets 0, 0.3, 1")
sys.exit(seen != {0.0: [-0.5, -0.8, -1.5], 1e-6: [0.5, 0.2, -0.5]})
PYTHON
