"""What tree boosters ask of a loss: the gradient and the Hessian of each margin, as aligned float32.

lossd.xgboost and lossd.lightgbm have objectives made of it.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy

from lossd import _contract, _fields, _request
from lossd._call.route import UNSET
from lossd._default import default_client
from lossd.client import Client, Spec
from lossd.results import Array


def derivatives(
    margins: Array,
    labels: Array,
    weights: Optional[Array] = None,
    loss: Spec = None,
    *,
    client: Optional[Client] = None,
    hessian_factor: float = 1.0,
    deadline: Any = UNSET,
) -> Tuple[Array, Array]:
    """Returns the gradient and the Hessian of each margin, float32, in C order, of the margins' shape.

    margins: [N] of a sigmoid's loss, which `loss` then need not say, or [N, K]; in any order of memory.
    labels: a class for each row, or float targets in [0, 1] for a sigmoid.
    weights: of the rows, ≥ 0. loss: a name or LossSpec's fields as a dict.
    client: a lossd.Client; None is this process's to LOSSD_ADDRESS, or to localhost:50051.
    deadline: seconds, in place of the client's.
    hessian_factor: what the Hessian is multiplied by: 2 is XGBoost's own of multi:softprob, K / (K − 1) LightGBM's.

    The Hessian is HESSIAN_MODE_POSITIVE's, 1e-16 or more, since boosters divide by it and focal loss is not convex.
    Rows of any number travel, in parts. Raises lossd.InvalidArgument, a ValueError, where a loss is not finite: a
    booster takes a NaN without a word, and stands still.
    """
    margins = numpy.ascontiguousarray(margins, numpy.float32)
    gradient, hessian = numpy.empty((2, *margins.shape), numpy.float32)
    result = (client or default_client()).compute(
        margins, _labels(labels, margins), loss=_with_activation(loss, margins.ndim), sample_weights=weights,
        outputs={"gradient": True, "hessian_diagonal": True, "hessian_mode": "positive", "omit_losses": True,
                 "omit_class_weights": True},
        out={"gradient": gradient, "hessian_diagonal": hessian}, deadline=deadline)  # fmt: skip
    if result.non_finite_count:
        raise _fields.refuse("logits", f"give {result.non_finite_count} of {len(margins)} losses that are not finite")
    if hessian_factor != 1.0:
        numpy.multiply(hessian, numpy.float32(hessian_factor), out=hessian)
    return gradient, hessian


def _with_activation(loss: Spec, rank: int) -> Any:
    """Returns the loss with its activation: a sigmoid for margins [N], which are one each, if it does not say."""
    spec, _ = _request.make(_contract.ComputeRequest, {"loss": {} if loss is None else loss}, ())
    if rank == 1 and not spec.loss.activation:
        spec.loss.activation = _contract.ACTIVATION["SIGMOID"]
    return spec.loss


def _labels(labels: Array, margins: Array) -> Array:
    """Returns a booster's labels, which are floats even for classes, as the classes that they are."""
    labels = numpy.asarray(labels)
    if labels.dtype.kind != "f" or labels.shape != margins.shape[:1]:
        return labels
    classes = labels.astype(numpy.int64)
    if bool((classes == labels).all()):
        return classes
    if margins.ndim > 1:
        raise _fields.refuse("labels", "are not whole numbers, and margins [N, K] want a class for each row")
    return labels


class Objective:
    """What the objectives of the boosters share: a loss, and how it is asked for. The arguments are derivatives()'s."""

    def __init__(
        self,
        loss: Spec = None,
        *,
        client: Optional[Client] = None,
        hessian_factor: float = 1.0,
        deadline: Any = UNSET,
    ) -> None:
        # It is checked here, and kept as bytes: boosters copy and pickle their objectives.
        self._loss: bytes = _with_activation(loss, rank=2).SerializeToString()
        self._client = client
        self._hessian_factor = hessian_factor
        self._deadline = deadline

    def derivatives(self, margins: Array, labels: Array, weights: Optional[Array] = None) -> Tuple[Array, Array]:
        """Returns the gradient and the Hessian of each margin, as the function does."""
        return derivatives(
            margins, labels, weights, _contract.LossSpec.FromString(self._loss), client=self._client,
            hessian_factor=self._hessian_factor, deadline=self._deadline,
        )  # fmt: skip
