"""The part of a request that a training loop does not change: the loss and its options, checked once."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from lossd import _compute, _contract, _fields, _request
from lossd.client import Spec

_LOSS_SPEC = _contract.LossSpec.DESCRIPTOR
_FLOAT16, _FLOAT32, _FLOAT64 = (_contract.DATA_TYPE[name] for name in ("FLOAT16", "FLOAT32", "FLOAT64"))
_SIGMOID_ONLY = ("asymmetric", "quality_focal", "varifocal", "focal_star", "hinge", "squared_margin")
_OF_A_BATCH = ("labels", "sample_weights", "normalizer")

SPEC_FIELDS = [field.name for field in _LOSS_SPEC.fields
               if field.containing_oneof is None or field.containing_oneof.name != "form"]  # fmt: skip
SIGMOID = _compute.SIGMOID


def split_options(
    options: Mapping[str, Any], names: Sequence[str], of_a_batch: Sequence[str] = _OF_A_BATCH
) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Returns the options that are LossSpec's fields, and those of `names`. Raises InvalidArgument for any other, which
    may have been meant for one of those that belong to a batch."""
    for name in options:
        if name not in SPEC_FIELDS and name not in names:
            known = [*SPEC_FIELDS, *names, *of_a_batch]
            raise _fields.refuse(name, f"is no argument; {_fields.suggest(name, known)}")
    fields = {name: value for name, value in options.items() if name in SPEC_FIELDS}
    return fields, {name: value for name, value in options.items() if name in names}


def make_template(
    spec: Spec,
    fields: Mapping[str, Any],
    *,
    reduction: str,
    class_axis: int,
    outputs: Optional[Mapping[str, Any]] = None,
) -> Any:
    """Returns a ComputeRequest with all but what belongs to a batch.

    fields: LossSpec's, beside those of `spec`. Forms that only a sigmoid has are given it. Raises InvalidArgument.
    """
    message, _ = _request.make(_contract.ComputeRequest, {"loss": spec, "reduction": reduction, "outputs": outputs}, ())
    loss, asked = message.loss, message.outputs
    _fields.fill(loss, fields, "loss")
    if loss.WhichOneof("form") in _SIGMOID_ONLY and not loss.activation:
        loss.activation = SIGMOID
    if class_axis != -1:
        message.class_axis = class_axis
    asked.omit_losses = message.reduction > _contract.REDUCTION["NONE"]
    asked.omit_class_weights = asked.omit_class_weights or outputs is None
    return message


def frozen(value: Any) -> Any:
    """Returns what is equal for equal options alone. Raises TypeError for arrays, and what else is no plain value."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return type(value), value
    if isinstance(value, Mapping):
        return dict, tuple((key, frozen(each)) for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return list, tuple(map(frozen, value))
    raise TypeError(f"{type(value).__name__} is not kept")


def loss_type(logits_type: int) -> int:
    """Returns the type that losses of logits of this type have."""
    return _FLOAT64 if logits_type == _FLOAT64 else _FLOAT32


def gradient_type(logits_type: int) -> int:
    """Returns the type that a gradient travels in: FLOAT16 would lose what a loss scale reaches only behind it."""
    return _FLOAT32 if logits_type == _FLOAT16 else logits_type


def batch_template(template: Any, normalizer: Any, gradient_wanted: bool, logits_type: int) -> Any:
    """Returns the template as one batch's request without its arrays."""
    message = _contract.ComputeRequest()
    message.CopyFrom(template)
    message.outputs.gradient = gradient_wanted
    if gradient_wanted and logits_type == _FLOAT16:
        message.outputs.gradient_data_type = gradient_type(logits_type)
    if normalizer is not None:
        message.normalizer = float(normalizer)
    return message


def losses_shape(template: Any, shape: Tuple[int, ...]) -> Tuple[int, ...]:
    """Returns the shape of the losses of logits of that shape: () where they are reduced."""
    if template.outputs.omit_losses:
        return ()
    if template.loss.activation in (SIGMOID, _compute.LOG_PROBABILITY) or len(shape) < 2:
        return shape
    axis = 1 if template.class_axis == 1 else len(shape) - 1
    return shape[:axis] + shape[axis + 1 :]
