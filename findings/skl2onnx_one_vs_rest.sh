#!/usr/bin/env bash
# skl2onnx 1.20.0 with scikit-learn 1.9.1: the converted OneVsRestClassifier of a model that gives
# no probabilities (LinearSVC, Perceptron, SGDClassifier) decides between two classes at 0.5,
# where scikit-learn decides at 0: what lies between them changes class. With three classes both
# agree.
#
# Expected: the same labels. decision_function > 0 means class 1.
#
# Seen on 2026-11-30:
#   decision  -1.00  -0.20   0.20   0.40   0.60   1.00
#   scikit-learn 0 0 1 1 1 1
#   converted    0 0 0 0 1 1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'skl2onnx==1.20.0' 'scikit-learn==1.9.1' 'onnx==1.23.2' \
  'onnxruntime==1.32.0' 'numpy==2.4.6'

seen=$("$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

model = OneVsRestClassifier(LinearSVC(C=100, random_state=0))
model.fit(np.array([[-1], [1]], np.float32), [0, 1])
points = np.array([[-1], [-0.2], [0.2], [0.4], [0.6], [1]], np.float32)
session = onnxruntime.InferenceSession(to_onnx(model, points).SerializeToString())
print("decision", *(f"{value:6.2f}" for value in model.decision_function(points)))
print("scikit-learn", *model.predict(points))
print("converted   ", *session.run(None, {"X": points})[0])
PYTHON
)
echo "$seen"
[[ $seen == "decision  -1.00  -0.20   0.20   0.40   0.60   1.00
scikit-learn 0 0 1 1 1 1
converted    0 0 0 0 1 1" ]]
