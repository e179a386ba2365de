#!/usr/bin/env bash
# onnx 1.23.2: the reference evaluator's LpNormalization with p = 1 divides by the sum of the
# values, not by the sum of their magnitudes. [3, −4] becomes [−3, 4]: signs turned, and an L1
# norm of 7.
#
# Expected: [3/7, −4/7], which has an L1 norm of 1; onnxruntime 1.32.0 answers that. With p = 2
# both agree.
#
# Seen on 2026-11-29:
#   p=1 reference [-3.0, 4.0] onnxruntime [0.428571, -0.571429]
#   p=2 reference [0.6, -0.8] onnxruntime [0.6, -0.8]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'onnx==1.23.2' 'onnxruntime==1.32.0' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator

answers = {}
for p in (1, 2):
    graph = helper.make_graph(
        [helper.make_node("LpNormalization", ["x"], ["y"], p=p)], "norm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    checker.check_model(model)
    x = {"x": np.float32([[3, -4]])}
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers[p] = [[round(float(v), 6) for v in run(None, x)[0][0]]
                  for run in (ReferenceEvaluator(model).run, session.run)]
    print(f"p={p} reference {answers[p][0]} onnxruntime {answers[p][1]}")
sys.exit(answers != {1: [[-3.0, 4.0], [0.428571, -0.571429]], 2: [[0.6, -0.8], [0.6, -0.8]]})
PYTHON
