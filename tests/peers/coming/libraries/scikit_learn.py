"""scikit-learn's lines: metrics, without derivatives."""

import numpy
import sklearn
import sklearn.metrics
from sklearn.metrics import brier_score_loss, log_loss

import lines
from lines import B_1, S, Z_1, Line, sigmoid

TITLE = "scikit-learn"
PACKAGE = "scikit-learn"
VERSION = sklearn.__version__
LOSSES = [name for name in sklearn.metrics.__all__ if "loss" in name or "brier" in name]

NAMES = {name: numpy.array(values) for name, values in lines.INPUTS.items()}


def softmax(z):
    return numpy.exp(z) / numpy.exp(z).sum(-1, keepdims=True)


def sigma(z):
    return 1 / (1 + numpy.exp(-z))


def line(call, loss=None, reduction="MEAN", **more):
    names = {**NAMES, "log_loss": log_loss, "brier_score_loss": brier_score_loss, "softmax": softmax,
             "sigma": sigma, "numpy": numpy}
    return Line(call, lambda: {"loss": float(eval(call, names))}, loss, reduction, **more)


LINES = [
    line("log_loss(y, softmax(z))"),
    line("log_loss(y, softmax(z), sample_weight=s)", sample_weights=S),
    line("log_loss(b_1, sigma(z_1))", sigmoid(), logits=Z_1, labels=B_1),
    line("log_loss([0], [[0.0, 1.0, 0.0]], labels=[0, 1, 2])", logits=[["-Infinity", 0, "-Infinity"]],
         labels=[0], lossd="Infinity", note="it cuts p at the type's epsilon"),
    line("brier_score_loss(y, softmax(z))", {"squared_error": {}}),
    line("brier_score_loss(b_1, sigma(z_1))", sigmoid(squared_error={}), logits=Z_1, labels=B_1),
]
