"""LightGBM's lines: the derivatives of its own objectives.

One round of training shows them, where a sample has a leaf of its own: its value is −gradient / Hessian,
its weight the Hessian.
"""

import lightgbm
import numpy

from lines import B_1, Q_1, S, Y, Z, Z_1, Line, floats, sigmoid

TITLE = "LightGBM"
PACKAGE = "lightgbm"
VERSION = lightgbm.__version__

OWN_LEAVES = {"learning_rate": 1.0, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0,
              "boost_from_average": False, "min_data_in_bin": 1, "feature_pre_filter": False,
              "num_threads": 1, "verbose": -1, "num_leaves": 4}

# It guesses how many samples a leaf has from its share of the Hessian: one may be rounded to none.
COPIES = 1024


def leaves(objective, margins, label, weight, parameters):
    """Returns gradient and Hessian of one sample's margins; samples of the other classes share the
    other leaf."""
    classes = parameters.get("num_class", 2)
    others = [(label + k) % classes if label == int(label) else 1 - label for k in range(1, classes)]
    start = numpy.array([margins] + [numpy.zeros(numpy.shape(margins))] * len(others), float)
    data = lightgbm.Dataset(
        numpy.repeat([[0.0]] + [[1.0]] * len(others), COPIES, 0),
        label=numpy.repeat([label, *others], COPIES), init_score=numpy.repeat(start, COPIES, 0),
        weight=numpy.repeat([weight] + [1] * len(others), COPIES))
    booster = lightgbm.train({"objective": objective, **OWN_LEAVES, **parameters}, data, 1)
    nodes = booster.trees_to_dataframe().set_index("node_index")
    found = []
    for tree, leaf in enumerate(booster.predict([[0.0]], pred_leaf=True)[0]):
        node = nodes.loc[f"{tree}-L{int(leaf)}"]
        assert node.node_depth == 2, "two samples share a leaf"
        found.append((-node.value * node.weight / COPIES, node.weight / COPIES))
    return found


def line(objective, labels, logits, loss=None, *, weights=None, times=None, note="", **parameters):
    said = "".join(f", {name}={value}" for name, value in parameters.items() if name != "num_class")

    def run():
        rows = [leaves(objective, margins, label, weight, parameters)
                for margins, label, weight in zip(logits, labels, weights or [1] * len(labels))]
        derivatives = numpy.array(rows, float).reshape(numpy.shape(logits) + (2,))
        return {"gradient": derivatives[..., 0].tolist(),
                "hessian_diagonal": derivatives[..., 1].tolist()}

    return Line(f"{objective}{said}" + (", Dataset(weight=s)" if weights else ""), run, loss, "NONE",
                labels=labels, logits=logits, sample_weights=weights, hessian_mode="POSITIVE",
                times=times, note=note, tolerance=2e-6)


LINES = [
    line("binary", B_1, Z_1, sigmoid()),
    line("binary", B_1, Z_1, sigmoid(class_weighting={"positive_weights": floats([3])}),
         scale_pos_weight=3),
    line("binary", B_1, Z_1, sigmoid(), weights=S,
         note="a custom objective has to take the weights itself: send them"),
    line("cross_entropy", Q_1, Z_1, sigmoid(), note="soft labels"),
    line("multiclass", Y, Z, num_class=3, times={"hessian_diagonal": 1.5},
         note="K/(K − 1) times the second derivative"),
    line("multiclassova", Y, Z, sigmoid(), num_class=3),
]
