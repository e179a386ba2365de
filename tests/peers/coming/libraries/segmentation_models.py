"""segmentation-models-pytorch's lines."""

import segmentation_models_pytorch
from segmentation_models_pytorch import losses

from lines import B, P, V, Y_255, floats, sigmoid, weights
from libraries.with_torch import caller

TITLE = "segmentation-models-pytorch"
PACKAGE = "segmentation-models-pytorch"
VERSION = segmentation_models_pytorch.__version__
LOSSES = [name for name in losses.__all__ if not name.endswith("_MODE")]

line = caller({name: getattr(losses, name) for name in dir(losses)})
FOCAL = {"focal": {"gamma": 2}}

LINES = [
    line("FocalLoss('multiclass')(z, y)", sigmoid(**FOCAL),
         note="a yes or no for each class, with labels that are class ids"),
    line("FocalLoss('multiclass', alpha=0.25, ignore_index=255)(z, y_255)",
         sigmoid(**FOCAL, class_weighting={"alpha": 0.25}, ignore_index=255), labels=Y_255),
    line("FocalLoss('multiclass', class_weights=[0.25, 1, 2])(z, y)",
         sigmoid(**FOCAL, **weights(V)), normalizer="N·Σv", tolerance=1e-6),
    line("FocalLoss('multilabel')(z, b)", sigmoid(**FOCAL), labels=B),
    line("FocalLoss('binary', alpha=0.25)(z, b)", sigmoid(**FOCAL, class_weighting={"alpha": 0.25}),
         labels=B),
    line("FocalLoss('multilabel', reduced_threshold=0.5)(z, b)", sigmoid(**FOCAL), labels=B, lossd=0.118024,
         note="`reduced_threshold` cannot be said: no factor is 1 below a threshold; focal is nearest"),
    line("FocalLoss('multilabel', normalized=True)(z, b)", sigmoid(**FOCAL), labels=B, lossd=0.118024,
         note="`normalized` cannot be said: it divides by a sum over the batch, which a `normalizer` "
              "may be given"),
    line("SoftCrossEntropyLoss(smooth_factor=0.1)(z, y)", {"label_smoothing": 0.1}),
    line("SoftCrossEntropyLoss(smooth_factor=0.1, ignore_index=255)(z, y_255)",
         {"label_smoothing": 0.1, "ignore_index": 255}, labels=Y_255, normalizer="N",
         note="ignored samples count in its mean"),
    line("SoftBCEWithLogitsLoss()(z, b)", sigmoid(), labels=B),
    line("SoftBCEWithLogitsLoss(smooth_factor=0.1)(z, b)", sigmoid(label_smoothing=0.2), labels=B,
         note="twice the number: 1 becomes 1 − s there, 1 − ε/2 here"),
    line("SoftBCEWithLogitsLoss(pos_weight=p)(z, b)",
         sigmoid(class_weighting={"positive_weights": floats(P)}), labels=B),
]
