"""The function and the module that the losses by name share."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Union

import torch
from torch import Tensor

from lossd._call.route import UNSET
from lossd._template import frozen, split_options
from lossd.client import Client, Spec
from lossd.torch import _op
from lossd.torch._loss import NOWHERE, Number, OnResult, Prepared, Recorded

_OF_A_BATCH = ("labels", "teacher_logits", "sample_weights", "normalizer", *Recorded._fields)
_OPTIONS = ("reduction", "class_axis", "outputs", "on_result", "client", "deadline")


def prepare(
    spec: Spec = None,
    *,
    reduction: str = "mean",
    class_axis: int = -1,
    outputs: Optional[Mapping[str, Any]] = None,
    on_result: OnResult = None,
    client: Optional[Client] = None,
    deadline: Union[float, None, str] = UNSET,
    fields: Mapping[str, Any],
) -> Prepared:
    """Returns the loss of loss()'s arguments."""
    return Prepared(spec, fields, reduction=reduction, class_axis=class_axis, outputs=outputs, on_result=on_result,
                    client=client, deadline=deadline)  # fmt: skip


def loss(
    logits: Tensor,
    labels: Optional[Tensor] = None,
    spec: Spec = None,
    *,
    teacher_logits: Optional[Tensor] = None,
    sample_weights: Optional[Tensor] = None,
    normalizer: Union[float, Tensor, None] = None,
    run: Optional[str] = None,
    sample_ids: Optional[Tensor] = None,
    request_id: Optional[str] = None,
    step: Number = None,
    epoch: Number = None,
    learning_rate: Number = None,
    **options: Any,
) -> Tensor:
    """Returns any loss of `logits` against `labels`, differentiable once with respect to the logits.

        loss = lossd.torch.loss(model(x), labels, {"focal": {"gamma": 2}}, label_smoothing=0.1)
        loss.backward()

    One call brings the loss and its gradient; backward() makes none. Under no_grad, and for logits that need none, no
    gradient is asked for.

    logits: [N, C], [N, d1, …, C], or [N] for a sigmoid loss; with class_axis=1 [N, C, d1, …]. On any device. They
    travel in their own type, and are computed so, 16-bit floats in float32. The gradient has their type and device;
    that of float16 travels as float32, so that a GradScaler's scale reaches it before it is rounded.
    labels: integers of the losses' shape, or floats of the logits' shape, a target for each class.
    spec: a form's name, "focal", or LossSpec's fields as a dict; None is cross entropy.
    teacher_logits: in place of labels, floats of the logits' shape: the targets are their softmax, at the loss's
    temperature or at teacher={"temperature": T}. detach() them, or compute them under no_grad.
    sample_weights: ≥ 0, the losses' shape or [N]; a mask of bools or integers, too. A sample of weight 0 is ignored.
    normalizer: a number ≥ 0 in place of a mean's divisor, so that the gradients of micro-batches and ranks add up.

    run: the training run that records this batch before it is answered, also under no_grad: lossd.runs shows it.
    sample_ids: beside run, integers of the losses' shape: which samples of the data set these are.
    request_id, step, epoch, learning_rate: as Client.compute has them. Inside torch.compile give numbers that change
    as tensors, and no request_id: what is constant is compiled in.

    options: any field of LossSpec: activation="sigmoid", class_weighting={"weights": tensor}, label_smoothing,
    ignore_index, temperature, softcap, z_loss, logit_adjustment, mining, teacher; and
    reduction: "mean" (by weight, as torch's), "sum", "mean_valid", or "none" for the losses.
    class_axis: 1, or -1, the last.
    outputs: OutputOptions' fields as a dict, {"class_statistics": True}, of what on_result wants to see.
    on_result: a function that is given each lossd.Result.
    client: a lossd.Client; None is this process's to LOSSD_ADDRESS, or to localhost:50051.
    deadline: seconds, in place of the client's.

    Returns float64 for float64 logits, else float32. Raises lossd.LossdError; InvalidArgument, a ValueError, also for
    labels, weights or a normalizer that need a gradient: lossd has none for them.
    """
    recorded = _recorded(run, sample_ids, request_id, step, epoch, learning_rate)
    if _op.is_compiling():
        fields, others = split_options(options, _OPTIONS, _OF_A_BATCH)
        template = _op.template_of(spec, fields, **others)
        return _op.loss(logits, labels, sample_weights, normalizer, recorded, template, teacher_logits)
    return _prepared(spec, options)(logits, labels, sample_weights, normalizer, recorded, _taught(teacher_logits))


def _taught(teacher_logits: Optional[Tensor]) -> Mapping[str, Optional[Tensor]]:
    return {} if teacher_logits is None else {"teacher_logits": teacher_logits}


def _recorded(run: Optional[str], *others: Any) -> Recorded:
    if run is None and all(value is None for value in others):
        return NOWHERE
    return Recorded(run, *others)


_without_client: Dict[Any, Prepared] = {}


def _prepared(spec: Spec, options: Dict[str, Any]) -> Prepared:
    """Returns the loss of these options, the same one where they are plain values: a loop gives them at each step."""
    client = options.get("client")
    kept = _without_client if client is None else client._losses
    try:
        key = frozen((spec, {name: value for name, value in options.items() if name != "client"}))
    except TypeError:  # an array, or on_result's function
        key = None
    found = kept.get(key) if key is not None else None
    if found is None:
        fields, others = split_options(options, _OPTIONS, _OF_A_BATCH)
        found = prepare(spec, **others, fields=fields)
        if key is not None:
            if len(kept) >= 64:
                kept.clear()
            kept[key] = found
    return found


class Loss(torch.nn.Module):
    """Any loss as a module: loss()'s spec and options, checked once.

        criterion = lossd.torch.Loss({"focal": {"gamma": 2}}, reduction="mean")
        criterion(model(x), labels).backward()
    """

    def __init__(self, spec: Spec = None, **options: Any) -> None:
        super().__init__()
        fields, others = split_options(options, _OPTIONS, _OF_A_BATCH)
        self._prepared = prepare(spec, **others, fields=fields).register()

    def forward(
        self,
        logits: Tensor,
        labels: Optional[Tensor] = None,
        *,
        teacher_logits: Optional[Tensor] = None,
        sample_weights: Optional[Tensor] = None,
        normalizer: Union[float, Tensor, None] = None,
        run: Optional[str] = None,
        sample_ids: Optional[Tensor] = None,
        request_id: Optional[str] = None,
        step: Number = None,
        epoch: Number = None,
        learning_rate: Number = None,
    ) -> Tensor:
        """Returns the loss, as loss() does."""
        recorded = _recorded(run, sample_ids, request_id, step, epoch, learning_rate)
        if _op.is_compiling():
            key = self._prepared.key
            return _op.loss(logits, labels, sample_weights, normalizer, recorded, key, teacher_logits)
        return self._prepared(logits, labels, sample_weights, normalizer, recorded, _taught(teacher_logits))

    def extra_repr(self) -> str:
        return self._prepared.text
