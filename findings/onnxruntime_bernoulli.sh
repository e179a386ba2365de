#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU: the operator Bernoulli draws 1 with probability 1 − p. Where p is 1 it
# answers 0 everywhere, where p is 0 it answers 1.
#
# Expected: the input is the probability of a 1, as in ONNX's specification; ONNX's own reference
# evaluator draws so.
#
# Seen on 2026-11-29, share of ones in 10,000 draws (it varies a little between runs):
#   p      reference  onnxruntime
#   0         0.0000       1.0000
#   0.1       0.0976       0.9031
#   0.9       0.9024       0.1005
#   1         1.0000       0.0000
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'onnxruntime==1.32.0' 'onnx==1.23.2' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

graph = helper.make_graph(
    [helper.make_node("Bernoulli", ["p"], ["y"], seed=3.0)], "draws",
    [helper.make_tensor_value_info("p", TensorProto.FLOAT, [10000])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [10000])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=10)
checker.check_model(model)
session = onnxruntime.InferenceSession(
    model.SerializeToString(), providers=["CPUExecutionProvider"])
inverted = True
print("p      reference  onnxruntime")
for p in (0.0, 0.1, 0.9, 1.0):
    inputs = {"p": np.full(10000, p, np.float32)}
    reference = ReferenceEvaluator(model).run(None, inputs)[0].mean()
    runtime = session.run(None, inputs)[0].mean()
    print(f"{p:<6g} {reference:9.4f} {runtime:12.4f}")
    inverted &= abs(reference - p) < 0.02 and abs(runtime - (1 - p)) < 0.02
sys.exit(not inverted)
PYTHON
