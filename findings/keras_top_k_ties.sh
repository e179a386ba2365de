#!/usr/bin/env bash
# keras 3.15.1: top-1 accuracy of a model that says the same for every class is 100 %. The top-k
# metrics count every class that ties with the k-th as one of the k; plain accuracy takes the
# first.
#
# Expected: SparseTopKCategoricalAccuracy(k=1) is SparseCategoricalAccuracy, or at least not
# perfect for a model that has learnt nothing (all its units dead, its logits clipped or coarsely
# rounded).
#
# Seen on 2026-11-29, 1,000 samples of 1,000 classes:
#   zeros: accuracy 0.001, top-1 1.0
#   rounded noise: accuracy 0.001, top-1 0.005
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'keras==3.15.1' 'jax==0.10.2' 'numpy==2.4.6'

KERAS_BACKEND=jax KERAS_HOME="$work/keras" "$work/venv/bin/python" - <<'PYTHON'
import sys

import keras
import numpy as np


def measured(metric, labels, logits):
    metric.update_state(labels, logits)
    return round(float(metric.result()), 3)


labels = np.arange(1000)
noise = np.round(np.random.default_rng(1).standard_normal((1000, 1000))).astype("f")
seen = []
for name, logits in (("zeros", np.zeros((1000, 1000), "f")), ("rounded noise", noise)):
    accuracy = measured(keras.metrics.SparseCategoricalAccuracy(), labels, logits)
    top_1 = measured(keras.metrics.SparseTopKCategoricalAccuracy(k=1), labels, logits)
    print(f"{name}: accuracy {accuracy}, top-1 {top_1}")
    seen.append((accuracy, top_1))
sys.exit(not (seen[0] == (0.001, 1.0) and seen[1][1] > 3 * seen[1][0]))
PYTHON
