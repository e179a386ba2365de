"""optax's lines."""

import jax
import optax
import optax.losses

from lines import B, Q, T, sigmoid
from libraries.with_jax import caller

TITLE = "optax"
PACKAGE = "optax"
VERSION = optax.__version__
LOSSES = [name for name, value in vars(optax.losses).items() if callable(value) and not name.startswith("_")]

line = caller({"optax": optax, "one_hot": lambda y: jax.nn.one_hot(y, 3)})
BLENDED = {"gamma": 2, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"}
IMPOSSIBLE = [[0, 1, "-Infinity"]]

LINES = [
    line("optax.losses.softmax_cross_entropy_with_integer_labels(z, y).mean()"),
    line("optax.losses.softmax_cross_entropy(z, t).mean()", labels=T),
    line("optax.losses.softmax_cross_entropy(z, optax.losses.smooth_labels(one_hot(y), 0.1)).mean()",
         {"label_smoothing": 0.1}),
    line("optax.losses.sigmoid_binary_cross_entropy(z, b).mean()", sigmoid(), labels=B),
    line("optax.losses.sigmoid_binary_cross_entropy(z, q)", sigmoid(), "NONE", labels=Q),
    line("optax.losses.sigmoid_focal_loss(z, b).mean()", sigmoid(focal={"gamma": 2}), labels=B),
    line("optax.losses.sigmoid_focal_loss(z, b, alpha=0.25).mean()",
         sigmoid(focal={"gamma": 2}, class_weighting={"alpha": 0.25}), labels=B),
    line("optax.losses.sigmoid_focal_loss(z, q).mean()", sigmoid(focal=BLENDED), labels=Q,
         note="soft targets: one focal factor for yes and no together"),
    line("optax.losses.poly_loss_cross_entropy(z, one_hot(y)).mean()", {"poly1": {"epsilon": 2}},
         note="epsilon is 2 there, 1 here, unless said"),
    line("optax.losses.poly_loss_cross_entropy(z, t).mean()", {"poly1": {"epsilon": 2}}, labels=T),
    line("optax.losses.poly_loss_cross_entropy(z, optax.losses.smooth_labels(one_hot(y), 0.1)).mean()",
         {"poly1": {"epsilon": 2}, "label_smoothing": 0.1}),
    line("optax.losses.kl_divergence(jax.nn.log_softmax(z), t).mean()", {"kl_divergence": {}}, labels=T),
    line("optax.losses.softmax_cross_entropy(z, one_hot(y[:1])).mean()", logits=IMPOSSIBLE, labels=[0],
         lossd=1.31326, note="a class that cannot be is 0 · −inf there; "
                             "`safe_softmax_cross_entropy` has the next line's number"),
    line("optax.losses.safe_softmax_cross_entropy(z, one_hot(y[:1])).mean()", logits=IMPOSSIBLE, labels=[0]),
]
