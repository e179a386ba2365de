"""MMDetection's lines.

Its compiled operators are not on PyPI. What is called here is its Python, which needs none of them: an
empty mmcv stands in for theirs, and the losses are imported without the detectors.
"""

import ast
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types


def stand_in(name, **values):
    module = types.ModuleType(name)
    module.__dict__.update(values)
    sys.modules[name] = module


stand_in("mmcv", __version__="2.1.0")
stand_in("mmcv.ops", sigmoid_focal_loss=None)

import mmdet

stand_in("mmdet.models", __path__=[os.path.join(os.path.dirname(mmdet.__file__), "models")])
stand_in("mmdet.models.losses", __path__=[os.path.join(sys.modules["mmdet.models"].__path__[0], "losses")])

from mmdet.models.losses import (cross_entropy_loss, focal_loss, gfocal_loss, ghm_loss, kd_loss,
                                 seesaw_loss, varifocal_loss)

from lines import B, Q, T, V, Y_255, floats, sigmoid, weights
from libraries.with_torch import caller

TITLE = "MMDetection"
PACKAGE = "mmdet"
VERSION = mmdet.__version__


def exported():
    """Returns the classes that the losses' __init__ exports, which imports the detectors' operators."""
    path = os.path.join(sys.modules["mmdet.models.losses"].__path__[0], "__init__.py")
    with open(path, encoding="utf-8") as file:
        body = ast.parse(file.read()).body
    names = next(ast.literal_eval(node.value) for node in body
                 if isinstance(node, ast.Assign) and node.targets[0].id == "__all__")
    return [name for name in names if name[0].isupper()]


LOSSES = exported()

line = caller({"CrossEntropyLoss": cross_entropy_loss.CrossEntropyLoss, "GHMC": ghm_loss.GHMC,
               "py_sigmoid_focal_loss": focal_loss.py_sigmoid_focal_loss,
               "quality_focal_loss": gfocal_loss.quality_focal_loss_tensor_target,
               "varifocal_loss": varifocal_loss.varifocal_loss,
               "knowledge_distillation_kl_div_loss": kd_loss.knowledge_distillation_kl_div_loss,
               "seesaw_ce_loss": seesaw_loss.seesaw_ce_loss}, tolerance=1e-6)

SEESAW = {"seesaw": {"counts": floats([100, 10, 1])}}

LINES = [
    line("CrossEntropyLoss()(z, y)"),
    line("CrossEntropyLoss(class_weight=[0.25, 1, 2])(z, y)", weights(V), "MEAN_VALID",
         note="its mean divides by N, lossd's MEAN by Σv_t"),
    line("CrossEntropyLoss()(z, y_255, ignore_index=255)", {"ignore_index": 255}, labels=Y_255,
         normalizer="N", note="ignored samples count in its mean"),
    line("CrossEntropyLoss(avg_non_ignore=True)(z, y_255, ignore_index=255)", {"ignore_index": 255},
         labels=Y_255),
    line("CrossEntropyLoss(use_sigmoid=True)(z, y)", sigmoid()),
    line("CrossEntropyLoss(use_sigmoid=True)(z, b, avg_factor=4)", sigmoid(), labels=B,
         normalizer="N", note="`avg_factor` is `normalizer`"),
    line("py_sigmoid_focal_loss(z, b)",
         sigmoid(focal={"gamma": 2}, class_weighting={"alpha": 0.25}), labels=B,
         note="FocalLoss(use_sigmoid=True)"),
    line("quality_focal_loss(z, q)", sigmoid(quality_focal={"beta": 2}), labels=Q, normalizer="N",
         note="QualityFocalLoss: it sums over classes"),
    line("varifocal_loss(z, q)", sigmoid(varifocal={"alpha": 0.75, "gamma": 2}), labels=Q,
         note="VarifocalLoss"),
    line("varifocal_loss(z, q, iou_weighted=False)", sigmoid(varifocal={"alpha": 0.75, "gamma": 2}),
         labels=Q, lossd=0.218613, note="`iou_weighted=False` cannot be said"),
    line("knowledge_distillation_kl_div_loss(z, 4 * t.log(), T=4)",
         {"kl_divergence": {}, "temperature": 4}, labels=T, normalizer="N·C",
         times={"loss": 16, "gradient": 16},
         note="KnowledgeDistillationKLDivLoss: a mean over classes, times T²; `t` is the teacher's softmax"),
    line("GHMC(bins=10)(z, b, torch.ones_like(z))",
         sigmoid(mining={"gradient_harmonizing": {"bins": 10}}), labels=B,
         note="without momentum: lossd keeps nothing between calls"),
    line("seesaw_ce_loss(z, y, None, torch.tensor([100, 10, 1]), 3, 0.8, 2.0, 0.01)",
         {"logit_adjustment": SEESAW},
         note="SeesawLoss's classes; the counts that it gathers are `counts`, and its objectness is "
              "a loss of its own"),
]
