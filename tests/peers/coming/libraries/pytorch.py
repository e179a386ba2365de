"""PyTorch's lines."""

import torch
import torch.nn.functional as F

from lines import B, P, Q, T, V, W, Y, Y_100, Z, floats, sigmoid, weights
from libraries.with_torch import caller

TITLE = "PyTorch"
PACKAGE = "torch"
VERSION = torch.__version__.split("+")[0]
LOSSES = [name for name in dir(F) if callable(getattr(F, name))
          and (name.endswith("_loss") or "entropy" in name or name == "kl_div") and not name.startswith("_")]

line = caller({"F": F})

IMAGE = [[[row[k] for row in Z] for k in range(3)]]

LINES = [
    line("F.cross_entropy(z, y)"),
    line("F.cross_entropy(z, y, reduction='sum')", reduction="SUM"),
    line("F.cross_entropy(z, y, reduction='none')", reduction="NONE"),
    line("F.cross_entropy(z, y, weight=v)", weights(V)),
    line("F.cross_entropy(z, y, weight=v, label_smoothing=0.1)",
         {**weights(V), "label_smoothing": 0.1}),
    line("F.cross_entropy(z, y_100)", {"ignore_index": -100}, labels=Y_100,
         note="−100 is the default there; here it is said"),
    line("F.cross_entropy(z, y * 0 - 100)", {"ignore_index": -100}, labels=[-100] * 4, lossd=0,
         note="all ignored: here a mean over nothing is 0, and so is its gradient"),
    line("F.cross_entropy(z, y[None])", logits=IMAGE, labels=[Y], class_axis=1,
         note="an image with its classes first, logits [zᵀ], labels [y]"),
    line("F.cross_entropy(z, t)", labels=T),
    line("F.cross_entropy(z, t, weight=v)", weights(V), labels=T,
         note="with soft targets both divide by N, with labels both by the sum of the labels' weights"),
    line("F.linear_cross_entropy(z, torch.eye(3).double(), y)",
         note="lossd takes the logits, which this makes from features and a matrix"),
    line("F.nll_loss(F.log_softmax(z, -1), y, weight=v)", weights(V),
         note="log-probabilities are logits: softmax leaves them as they are"),
    line("F.binary_cross_entropy_with_logits(z, b)", sigmoid(), labels=B),
    line("F.binary_cross_entropy_with_logits(z, q, pos_weight=p)",
         sigmoid(class_weighting={"positive_weights": floats(P)}), labels=Q),
    line("F.binary_cross_entropy_with_logits(z, q, weight=w)", sigmoid(), "MEAN_VALID", labels=Q,
         sample_weights=W, note="its mean divides by the number of elements, lossd's MEAN by Σw"),
    line("F.binary_cross_entropy(z.sigmoid(), b)", sigmoid(), labels=B, note="send the logits"),
    line("F.binary_cross_entropy(z.sigmoid(), torch.ones_like(z))", sigmoid(), logits=[[-200]],
         labels=[[1]], lossd=200,
         note="it cuts log p at −100, and its gradient is 0 there"),
    line("F.kl_div(F.log_softmax(z, -1), t, reduction='batchmean')", {"kl_divergence": {}},
         labels=T),
    line("F.kl_div(F.log_softmax(z, -1), t)", {"kl_divergence": {}}, labels=T, normalizer="N·C",
         note="its mean counts every class of every sample"),
    line("F.kl_div(F.log_softmax(z / 4, -1), t, reduction='batchmean') * 4**2",
         {"kl_divergence": {}, "temperature": 4}, labels=T, times={"loss": 16, "gradient": 16},
         note="distillation: `temperature` does not multiply by T²; `gradient_scale` 16 does, of the "
              "gradient"),
    line("F.soft_margin_loss(z, 2 * b - 1)", sigmoid(), labels=B, note="labels 0 and 1, not −1 and 1"),
    line("F.multilabel_soft_margin_loss(z, b, weight=v)", sigmoid(**weights(V)), labels=B),
    line("F.mse_loss(z.softmax(-1), F.one_hot(y).double(), reduction='sum') / len(z)",
         {"squared_error": {}}, note="Brier's score"),
    line("F.mse_loss(z.sigmoid(), b)", sigmoid(squared_error={}), labels=B),
]
