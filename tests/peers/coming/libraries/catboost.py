"""CatBoost's lines: its metrics, which are its losses."""

import catboost
import numpy
from catboost.utils import eval_metric

import lines
from lines import B, B_1, Q, Q_1, S, Z_1, Line, sigmoid

TITLE = "CatBoost"
PACKAGE = "catboost"
VERSION = catboost.__version__

NAMES = {name: numpy.array(values) for name, values in lines.INPUTS.items()} | {"eval_metric": eval_metric}


def line(call, loss=None, reduction="MEAN", **more):
    return Line(call, lambda: {"loss": float(eval(call, NAMES)[0])}, loss, reduction, **more)


LINES = [
    line("eval_metric(b_1, z_1, 'Logloss')", sigmoid(), logits=Z_1, labels=B_1),
    line("eval_metric(b_1, z_1, 'Logloss', weight=s)", sigmoid(), logits=Z_1, labels=B_1,
         sample_weights=S),
    line("eval_metric(q_1, z_1, 'CrossEntropy')", sigmoid(), logits=Z_1, labels=Q_1,
         tolerance=1e-6),
    line("eval_metric(b_1, z_1, 'Focal:focal_alpha=0.25;focal_gamma=2')",
         sigmoid(focal={"gamma": 2}, class_weighting={"alpha": 0.25}), logits=Z_1, labels=B_1),
    line("eval_metric(y, z, 'MultiClass')"),
    line("eval_metric(y, z, 'MultiClass', weight=s)", sample_weights=S),
    line("eval_metric(y, z, 'MultiClassOneVsAll')", sigmoid()),
    line("eval_metric(b, z, 'MultiLogloss')", sigmoid(), labels=B),
    line("eval_metric(q, z, 'MultiCrossEntropy')", sigmoid(), labels=Q, tolerance=1e-6),
    line("eval_metric(b_1, z_1, 'BrierScore')", sigmoid(squared_error={}), logits=Z_1, labels=B_1),
]
