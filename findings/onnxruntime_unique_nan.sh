#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU: one NaN and Unique loses other values. Of NaN, 1, 2 only NaN is left,
# counted three times; of 1, NaN, 2 the NaN is gone and counted as a 1. NaN passes for equal to
# whatever it is compared with.
#
# Expected: each of the three once, as with NumPy's unique, and with ONNX's own reference
# evaluator 1.23.2.
#
# Seen on 2026-11-30:
#   nan 1 2: onnxruntime nan, counts 3, reference 1 2 nan, counts 1 1 1
#   1 nan 2: onnxruntime 1 2, counts 2 1, reference 1 2 nan, counts 1 1 1
#   1 2 nan: onnxruntime 1 2, counts 2 1, reference 1 2 nan, counts 1 1 1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'onnxruntime==1.32.0' 'onnx==1.23.2' 'numpy==2.4.6'

seen=$("$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper
from onnx.reference import ReferenceEvaluator


def text(numbers):
    return " ".join(f"{number:g}" for number in numbers)


graph = helper.make_graph(
    [helper.make_node("Unique", ["x"], ["values", "", "", "counts"])], "unique",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3])],
    [helper.make_tensor_value_info("values", TensorProto.FLOAT, [None]),
     helper.make_tensor_value_info("counts", TensorProto.INT64, [None])])
model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(model.SerializeToString())
reference = ReferenceEvaluator(model)
for numbers in ([np.nan, 1, 2], [1, np.nan, 2], [1, 2, np.nan]):
    data = {"x": np.array(numbers, np.float32)}
    answers = (f"{name} {text(values)}, counts {text(counts)}" for name, (values, counts) in (
        ("onnxruntime", session.run(None, data)), ("reference", reference.run(None, data))))
    print(f"{text(numbers)}:", ", ".join(answers))
PYTHON
)
echo "$seen"
[[ $seen == "nan 1 2: onnxruntime nan, counts 3, reference 1 2 nan, counts 1 1 1
1 nan 2: onnxruntime 1 2, counts 2 1, reference 1 2 nan, counts 1 1 1
1 2 nan: onnxruntime 1 2, counts 2 1, reference 1 2 nan, counts 1 1 1" ]]
