"""paddle's lines."""

import functools

import paddle
import paddle.nn.functional as F

import lines
from lines import B, P, Q, T, V, W, Y_100, Y_255, Line, floats, sigmoid, weights

TITLE = "paddle"
PACKAGE = "paddlepaddle"
VERSION = paddle.__version__
LOSSES = [name for name in paddle.nn.functional.__all__
          if name.endswith("_loss") or "entropy" in name or name == "kl_div"]

NAMES = {name: paddle.to_tensor(values, "int64" if name in ("y", "y_100", "y_255") else "float64")
         for name, values in lines.INPUTS.items()} | {"F": F, "paddle": paddle}


def run(call, logits):
    z = paddle.to_tensor(logits, "float64", stop_gradient=False)
    loss = eval(call, {**NAMES, "z": z})
    loss.sum().backward()
    return {"losses" if loss.ndim else "loss": loss.tolist(), "gradient": z.grad.tolist()}


def line(call, loss=None, reduction="MEAN", *, logits=lines.Z, **more):
    return Line(call, functools.partial(run, call, logits), loss, reduction, logits=logits,
                **{"tolerance": 1e-6, **more})


def yes_no(*arguments, note="", **more):
    """A line whose logits are not 0, where paddle's derivative is another."""
    note = "; ".join(filter(None, ["logits z + 0.25", note]))
    return line(*arguments, logits=[[z + 0.25 for z in row] for row in lines.Z], note=note, **more)


SOFT_WEIGHTED = [sum(share * weight for share, weight in zip(row, V)) for row in T]

LINES = [
    line("F.cross_entropy(z, y)"),
    line("F.cross_entropy(z, y, weight=v)", weights(V)),
    line("F.cross_entropy(z, y, reduction='sum')", reduction="SUM"),
    line("F.cross_entropy(z, y, label_smoothing=0.1)", {"label_smoothing": 0.1}),
    line("F.cross_entropy(z, y_255, ignore_index=255)", {"ignore_index": 255}, labels=Y_255),
    line("F.cross_entropy(z, y_100)", {"ignore_index": -100}, labels=Y_100, normalizer="N",
         note="ignored samples count in its mean where ignore_index < 0, as the default −100 is"),
    line("F.cross_entropy(z, t, soft_label=True)", labels=T),
    line("F.cross_entropy(z, t, soft_label=True, weight=v)", labels=T, sample_weights=SOFT_WEIGHTED,
         note="each sample weighs Σ t_k v_k, whole; lossd's class weights act inside the sum: send "
              "`sample_weights` instead"),
    line("F.nll_loss(F.log_softmax(z), y, weight=v)", weights(V),
         note="log-probabilities are logits: softmax leaves them as they are"),
    yes_no("F.binary_cross_entropy_with_logits(z, b)", sigmoid(), labels=B),
    yes_no("F.binary_cross_entropy_with_logits(z, q, weight=w)", sigmoid(), "MEAN_VALID", labels=Q,
         sample_weights=W, note="its mean divides by the number of elements, lossd's MEAN by Σw"),
    yes_no("F.binary_cross_entropy_with_logits(z, q, pos_weight=p)",
         sigmoid(class_weighting={"positive_weights": floats(P)}), labels=Q),
    line("F.binary_cross_entropy_with_logits(z, paddle.zeros_like(z))", sigmoid(), logits=[[0]],
         labels=[[0]], lossd={"gradient": [0.5]},
         note="its gradient is −½ there for both labels"),
    yes_no("F.sigmoid_focal_loss(z, b)", sigmoid(focal={"gamma": 2}, class_weighting={"alpha": 0.25}),
         "SUM", labels=B),
    yes_no("F.sigmoid_focal_loss(z, b, normalizer=paddle.to_tensor([4.0], 'float64'))",
         sigmoid(focal={"gamma": 2}, class_weighting={"alpha": 0.25}), labels=B, normalizer="N",
         note="with MEAN, `normalizer` divides here too"),
    line("F.kl_div(F.log_softmax(z), t, reduction='batchmean')", {"kl_divergence": {}}, labels=T),
    line("F.kl_div(F.log_softmax(z), t)", {"kl_divergence": {}}, labels=T, normalizer="N·C",
         note="its mean counts every class of every sample"),
    yes_no("F.multi_label_soft_margin_loss(z, 1.0 * b)", sigmoid(), labels=B),
    yes_no("F.soft_margin_loss(z, 2 * b - 1)", sigmoid(), labels=B, note="labels 0 and 1, not −1 and 1"),
    line("F.softmax_with_cross_entropy(z, y[:, None]).squeeze(-1)", reduction="NONE"),
    line("F.binary_cross_entropy(F.sigmoid(z), b)", sigmoid(), labels=B, note="send the logits"),
    line("F.mse_loss(F.sigmoid(z), b)", sigmoid(squared_error={}), labels=B),
]
