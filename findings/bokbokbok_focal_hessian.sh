#!/usr/bin/env bash
# bokbokbok 1.0.5: the focal loss that it gives to XGBoost and LightGBM has a second derivative of
# 0 for every positive sample. Where (1 − p)^γ belongs stands (1 − y)^γ, which is 0 for a label
# of 1. Both libraries take the sum of second derivatives for a leaf's weight: to
# min_child_weight, positives do not exist. Negatives have about half of theirs.
#
# Expected: the slope of the gradient, which is right: 0.1546, 0.3991 and 0.0127 for a positive.
#
# Seen on 2026-11-30, alpha 1, gamma 2:
#   label 1: second derivative 0.0000 0.0000 0.0000, slope 0.1546 0.3991 0.0127
#   label 0: second derivative 0.0071 0.2259 0.0608, slope 0.0127 0.3991 0.1546
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-deps 'bokbokbok==1.0.5' 'numpy==2.4.6'

seen=$("$work/venv/bin/python" - <<'PYTHON'
import types

import numpy as np
from bokbokbok.loss_functions.classification import WeightedFocalLoss

objective = WeightedFocalLoss(alpha=1.0, gamma=2.0)
margins, step = np.array([-2.0, 0.0, 2.0]), 1e-5
for label in (1, 0):
    data = types.SimpleNamespace(get_label=lambda: np.full(3, float(label)))
    second = objective(margins.copy(), data)[1]
    up, down = (objective(margins + move, data)[0] for move in (step, -step))
    print(f"label {label}: second derivative", *(f"{number:.4f}" for number in second), end=", ")
    print("slope", *(f"{number:.4f}" for number in (up - down) / (2 * step)))
PYTHON
)
echo "$seen"
[[ $seen == "label 1: second derivative 0.0000 0.0000 0.0000, slope 0.1546 0.3991 0.0127
label 0: second derivative 0.0071 0.2259 0.0608, slope 0.0127 0.3991 0.1546" ]]
