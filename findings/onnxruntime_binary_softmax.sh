#!/usr/bin/env bash
# onnxruntime 1.32.0, CPU: a LinearClassifier with two labels and one score z answers 1 − z and z
# when it is asked for SOFTMAX or SOFTMAX_ZERO, as for NONE: "probabilities" of −2 and 3. Where z
# is between 0 and 0.5, the class that it names is not the one with the larger number.
#
# Expected: a softmax: two numbers in [0, 1], the larger one for the class that is named, as for
# LOGISTIC. ONNX's own reference evaluator 1.23.2 answers the softmax of −z and z.
#
# Seen on 2026-11-30, labels 0 and 1:
#   LOGISTIC z=0.3: label 1, scores 0.4256 0.5744, reference 0.4256 0.5744
#   LOGISTIC z=3: label 1, scores 0.0474 0.9526, reference 0.0474 0.9526
#   SOFTMAX z=0.3: label 1, scores 0.7000 0.3000, reference 0.3543 0.6457
#   SOFTMAX z=3: label 1, scores -2.0000 3.0000, reference 0.0025 0.9975
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


def text(scores):
    return " ".join(f"{score:.4f}" for score in scores[0])


for transform in ("LOGISTIC", "SOFTMAX"):
    node = helper.make_node(
        "LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml", coefficients=[1.0],
        intercepts=[0.0], classlabels_ints=[0, 1], post_transform=transform)
    graph = helper.make_graph(
        [node], "classifier", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])],
        [helper.make_tensor_value_info("label", TensorProto.INT64, [1]),
         helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])])
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)])
    checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for z in (0.3, 3):
        data = {"x": np.array([[z]], np.float32)}
        label, scores = session.run(None, data)
        reference = ReferenceEvaluator(model).run(None, data)[1]
        print(f"{transform} z={z}: label {label[0]}, scores {text(scores)}, "
              f"reference {text(reference)}")
PYTHON
)
echo "$seen"
[[ $seen == "LOGISTIC z=0.3: label 1, scores 0.4256 0.5744, reference 0.4256 0.5744
LOGISTIC z=3: label 1, scores 0.0474 0.9526, reference 0.0474 0.9526
SOFTMAX z=0.3: label 1, scores 0.7000 0.3000, reference 0.3543 0.6457
SOFTMAX z=3: label 1, scores -2.0000 3.0000, reference 0.0025 0.9975" ]]
