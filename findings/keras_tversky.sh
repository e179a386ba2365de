#!/usr/bin/env bash
# keras 3.15.1: alpha and beta of the Tversky loss are exchanged. Its documentation, like the paper
# that it names, gives alpha to the false positives, but the code multiplies the false negatives
# by it, so that raising alpha to have fewer false alarms brings more of them.
#
# Expected: with one true positive and two false positives, 1 − 1 / (1 + 2·alpha): 0.643 for alpha
# 0.9, and 0.167 for alpha 0.1.
#
# Seen on 2026-11-29:
#   two false positives: alpha=0.9, beta=0.1: 0.167; alpha=0.1, beta=0.9: 0.643
#   two false negatives: alpha=0.9, beta=0.1: 0.643; alpha=0.1, beta=0.9: 0.167
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'keras==3.15.1' 'jax==0.10.2' 'numpy==2.4.6'

KERAS_BACKEND=jax KERAS_HOME="$work/keras" "$work/venv/bin/python" - <<'PYTHON'
import sys

import keras
import numpy as np

one, three = np.float32([1, 0, 0, 0]), np.float32([1, 1, 1, 0])
seen = {}
for name, target, prediction in (("false positives", one, three), ("false negatives", three, one)):
    seen[name] = [round(float(keras.losses.Tversky(alpha=alpha, beta=beta)(target, prediction)), 3)
                  for alpha, beta in ((0.9, 0.1), (0.1, 0.9))]
    print(f"two {name}: alpha=0.9, beta=0.1: {seen[name][0]}; alpha=0.1, beta=0.9: {seen[name][1]}")
sys.exit(seen != {"false positives": [0.167, 0.643], "false negatives": [0.643, 0.167]})
PYTHON
