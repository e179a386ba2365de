"""ONNX's lines: its operators, by its reference evaluator."""

import numpy
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

import lines
from lines import V, Y_255, Line, weights

TITLE = "ONNX"
PACKAGE = "onnx"
VERSION = onnx.__version__
LOSSES = [schema.name for schema in onnx.defs.get_all_schemas() if "Loss" in schema.name]

NAMES = {name: numpy.array(values, numpy.int64 if name in ("y", "y_100", "y_255") else numpy.float64)
         for name, values in lines.INPUTS.items()}


def operator(name):
    """Returns a function that computes one operator of the newest opset, with its attributes by name."""

    def compute(*inputs, **attributes):
        names = ["x", "y", "w"][:len(inputs)]
        types = [helper.np_dtype_to_tensor_dtype(array.dtype) for array in inputs]
        graph = helper.make_graph(
            [helper.make_node(name, names, ["loss"], **attributes)], "one",
            [helper.make_tensor_value_info(*value) for value in zip(names, types, [None] * 3)],
            [helper.make_tensor_value_info("loss", types[0], None)])
        [loss] = ReferenceEvaluator(helper.make_model(graph)).run(None, dict(zip(names, inputs)))
        return loss

    return compute


def log_softmax(z):
    return z - numpy.log(numpy.exp(z).sum(-1, keepdims=True))


NAMES |= {"numpy": numpy, "log_softmax": log_softmax,
          **{name: operator(name) for name in ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")}}


def line(call, loss=None, reduction="MEAN", **more):
    def run():
        value = numpy.asarray(eval(call, NAMES), float)
        return {"losses" if value.ndim else "loss": value.tolist()}

    return Line(call, run, loss, reduction, **more)


FAR = "numpy.array([[0, 105.0]], numpy.float32), numpy.array([0])"

LINES = [
    line("SoftmaxCrossEntropyLoss(z, y)"),
    line("SoftmaxCrossEntropyLoss(z, y, reduction='sum')", reduction="SUM"),
    line("SoftmaxCrossEntropyLoss(z, y, reduction='none')", reduction="NONE"),
    line("SoftmaxCrossEntropyLoss(z, y, v)", weights(V)),
    line("SoftmaxCrossEntropyLoss(z, y_255, v, ignore_index=255)", {**weights(V), "ignore_index": 255},
         labels=Y_255),
    line(f"SoftmaxCrossEntropyLoss({FAR})", logits=[[0, 105]], labels=[0], lossd=105,
         note="the reference takes the logarithm of a float32 that is 0; runtimes need not"),
    line("NegativeLogLikelihoodLoss(log_softmax(z), y, v)", weights(V),
         note="log-probabilities are logits: softmax leaves them as they are"),
    line("NegativeLogLikelihoodLoss(log_softmax(z), y_255, ignore_index=255)", {"ignore_index": 255},
         labels=Y_255),
]
