"""MONAI's lines."""

import monai
import monai.losses
from monai.losses import FocalLoss

from lines import B, Q, V, Y, Z, sigmoid, weights
from libraries.with_torch import caller

TITLE = "MONAI"
PACKAGE = "monai"
VERSION = monai.__version__
LOSSES = [name for name, value in vars(monai.losses).items()
          if isinstance(value, type) and value.__name__ == name]

line = caller({"FocalLoss": FocalLoss}, tolerance=2e-6)
FOCAL = {"focal": {"gamma": 2}}
NO_BACKGROUND = [["-Infinity", *row[1:]] for row in Z]

LINES = [
    line("FocalLoss()(z, b)", sigmoid(**FOCAL), labels=B),
    line("FocalLoss(alpha=0.25)(z, b)", sigmoid(**FOCAL, class_weighting={"alpha": 0.25}), labels=B),
    line("FocalLoss(weight=v)(z, b)", sigmoid(**FOCAL, **weights(V)), labels=B),
    line("FocalLoss(to_onehot_y=True)(z, y[:, None])", sigmoid(**FOCAL)),
    line("FocalLoss(include_background=False)(z, b)", sigmoid(**FOCAL, **weights([0, 1, 1])),
         labels=B, normalizer="N·(C−1)"),
    line("FocalLoss(use_softmax=True, to_onehot_y=True)(z, y[:, None])", FOCAL, normalizer="N·C",
         note="its mean counts every channel"),
    line("FocalLoss(use_softmax=True, to_onehot_y=True, alpha=0.25)(z, y[:, None])",
         {**FOCAL, **weights([0.75, 0.25, 0.25])}, normalizer="N·C",
         note="channel 0 is the background, of weight 1 − α"),
    line("FocalLoss(use_softmax=True, to_onehot_y=True, include_background=False)(z, y[:, None])",
         {**FOCAL, "ignore_index": 0}, request_logits=NO_BACKGROUND, normalizer="N·(C−1)",
         note="it drops the channel before the softmax: logit 0 is −inf, and rows of class 0 are "
              "ignored"),
    line("FocalLoss()(z, q)",
         sigmoid(focal={"gamma": 2, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"}), labels=Q,
         lossd=0.130245, note="soft targets cannot be said: its factor is σ(−z(2t − 1))^γ"),
    line("FocalLoss(reduction='sum')(z.T[None], b.T[None])", sigmoid(**FOCAL), labels=B,
         normalizer="N", note="one image of N pixels: its sum is a mean over space first"),
]
