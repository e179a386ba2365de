"""XGBoost's lines: the derivatives of its own objectives.

They are not in its interface, but one round of training on one sample shows them: the tree is one leaf,
whose value is −gradient / Hessian and whose cover is the Hessian.
"""

import json
import re

import numpy
import xgboost

from lines import B_1, Q_1, S, Y, Z, Z_1, Line, floats, sigmoid

TITLE = "XGBoost"
PACKAGE = "xgboost-cpu"
VERSION = xgboost.__version__


def candidates():
    """Returns the objectives, which XGBoost names when it is asked for none of them."""
    try:
        xgboost.train({"objective": "none of them"}, xgboost.DMatrix([[0]], label=[0]), 1)
    except xgboost.core.XGBoostError as error:
        return re.findall(r"^Objective candidate: (\S+)$", str(error), re.M)
    raise AssertionError("XGBoost has an objective of that name")


LOSSES = candidates()


def one_leaf(objective, margins, label, weight, parameters):
    data = xgboost.DMatrix(numpy.zeros((1, 1)), label=[label], weight=[weight])
    data.set_base_margin(numpy.array(margins, numpy.float32).reshape(1, -1))
    booster = xgboost.train(
        {"objective": objective, "eta": 1, "lambda": 0, "min_child_weight": 0, "base_score": 0.5,
         "nthread": 1, **parameters}, data, num_boost_round=1)
    leaves = [json.loads(tree) for tree in booster.get_dump(dump_format="json", with_stats=True)]
    return [(-leaf["leaf"] * leaf["cover"], leaf["cover"]) for leaf in leaves]


def line(objective, labels, logits, loss=None, *, weights=None, times=None, note="", **parameters):
    said = "".join(f", {name}={value}" for name, value in parameters.items() if name != "num_class")

    def run():
        rows = [one_leaf(objective, margins, label, weight, parameters)
                for margins, label, weight in zip(logits, labels, weights or [1] * len(labels))]
        derivatives = numpy.array(rows, float).reshape(numpy.shape(logits) + (2,))
        return {"gradient": derivatives[..., 0].tolist(),
                "hessian_diagonal": derivatives[..., 1].tolist()}

    return Line(f"{objective}{said}" + (", DMatrix(weight=s)" if weights else ""), run, loss, "NONE",
                labels=labels, logits=logits, sample_weights=weights, hessian_mode="POSITIVE",
                times=times, note=note, tolerance=2e-6)


LINES = [
    line("binary:logistic", B_1, Z_1, sigmoid()),
    line("reg:logistic", Q_1, Z_1, sigmoid(), note="soft labels"),
    line("binary:logistic", B_1, Z_1, sigmoid(class_weighting={"positive_weights": floats([3])}),
         scale_pos_weight=3),
    line("binary:logistic", B_1, Z_1, sigmoid(), weights=S,
         note="a custom objective never sees the weights of the DMatrix: send them"),
    line("multi:softprob", Y, Z, num_class=3, times={"hessian_diagonal": 2},
         note="2p(1 − p), not the second derivative: a step with lossd's is twice as long"),
    line("multi:softmax", Y, Z, num_class=3, times={"hessian_diagonal": 2}),
]
