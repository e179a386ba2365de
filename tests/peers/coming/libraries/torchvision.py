"""torchvision's lines."""

import torchvision
from torchvision.ops import sigmoid_focal_loss

from lines import B, Q, sigmoid
from libraries.with_torch import caller

TITLE = "torchvision"
PACKAGE = "torchvision"
VERSION = torchvision.__version__.split("+")[0]
LOSSES = [name for name in torchvision.ops.__all__ if "loss" in name]

line = caller({"sigmoid_focal_loss": sigmoid_focal_loss})
ALPHA = {"class_weighting": {"alpha": 0.25}}

LINES = [
    line("sigmoid_focal_loss(z, b, reduction='mean')", sigmoid(focal={"gamma": 2}, **ALPHA),
         labels=B, note="alpha 0.25 is the default there; here none is"),
    line("sigmoid_focal_loss(z, b, reduction='sum')", sigmoid(focal={"gamma": 2}, **ALPHA), "SUM",
         labels=B),
    line("sigmoid_focal_loss(z, b, reduction='none')", sigmoid(focal={"gamma": 2}, **ALPHA), "NONE",
         labels=B, note="its default"),
    line("sigmoid_focal_loss(z, b, alpha=-1, gamma=1.5, reduction='mean')",
         sigmoid(focal={"gamma": 1.5}), labels=B),
    line("sigmoid_focal_loss(z, q, reduction='mean')",
         sigmoid(focal={"gamma": 2, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"}, **ALPHA),
         labels=Q, note="soft targets: one focal factor for yes and no together"),
    line("sigmoid_focal_loss(z, q, alpha=-1, gamma=2, reduction='mean')", sigmoid(focal={"gamma": 2}), labels=Q,
         lossd=0.214673, note="lossd's default rule, PER_CLASS, has a factor for each side"),
]
