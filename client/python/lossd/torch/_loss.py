"""Any loss, for PyTorch: a function and a module, differentiable once with respect to the logits."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor

from lossd import _compute, _contract, _fields
from lossd._default import default_client
from lossd._template import batch_template, make_template
from lossd.client import Client, Spec
from lossd.results import Result, as_dict
from lossd.torch._tensors import empty_for, gradient_dtype, loss_dtype, moved, numpy_of, to_wire, type_of

OnResult = Optional[Callable[[Result], object]]
Number = Union[int, float, Tensor, None]


def _tensors_as_arrays(fields: Mapping[str, Any]) -> Dict[str, Any]:
    """Returns the fields with torch's tensors, at any depth, as arrays."""

    def converted(value: Any, name: str) -> Any:
        if isinstance(value, torch.Tensor):
            return to_wire(value, name)
        if isinstance(value, Mapping):
            return {key: converted(each, f"{name}.{key}") for key, each in value.items()}
        return value

    return {key: converted(value, f"loss.{key}") for key, value in fields.items()}


class Recorded(NamedTuple):
    """The run that a batch is recorded in, and what it is told of the batch: ComputeRequest's fields."""

    run: Optional[str] = None
    sample_ids: Optional[Tensor] = None
    request_id: Optional[str] = None
    step: Number = None
    epoch: Number = None
    learning_rate: Number = None

    def write_to(self, message: Any) -> None:
        """Sets the fields that are no tensors. Raises InvalidArgument."""
        fields = {name: value.item() if isinstance(value, torch.Tensor) else value
                  for name, value in self._asdict().items() if name != "sample_ids"}  # fmt: skip
        _fields.fill(message, fields)
        _compute.name_request(message)


NOWHERE = Recorded()


def compute(template: Any, client: Client, logits: Tensor, tensors: Mapping[str, Optional[Tensor]], normalizer: Any,
            recorded: Recorded, gradient_wanted: bool,
            deadline: Any) -> Tuple[Result, Tensor, Optional[Tensor]]:  # fmt: skip
    """Returns the result, the loss or losses, and the gradient, None when it is not wanted."""
    message = batch_template(template, normalizer, gradient_wanted, type_of(logits))
    if recorded is not NOWHERE:
        recorded.write_to(message)
    device, out, gradient = logits.device, {}, None
    if gradient_wanted:
        gradient = empty_for(logits.shape, gradient_dtype(logits), device)
        out["gradient"] = numpy_of(gradient)
    arrays = {name: to_wire(tensor, name) for name, tensor in tensors.items() if tensor is not None}
    batch = _compute.Batch(message, {"logits": to_wire(logits, "logits"), **arrays})
    result = client._compute_batch(batch, out, deadline)
    if result.gradient is None:
        gradient = None
    if message.outputs.omit_losses or result.losses is None:
        loss = torch.scalar_tensor(result.loss, dtype=loss_dtype(logits), device=device)
    else:
        loss = moved(torch.from_numpy(result.losses), device)
    return result, loss, None if gradient is None else moved(gradient, device)


def scaled(gradient: Tensor, upstream: Tensor, class_axis: int, dtype: torch.dtype) -> Tensor:
    """Returns the gradient of what follows the loss, of whose gradient `upstream` is."""
    if 0 < upstream.dim() < gradient.dim():
        upstream = upstream.unsqueeze(class_axis)  # one loss for all classes of a sample
    found: Tensor = (gradient * upstream).to(dtype)
    return found


class _Backward(torch.autograd.Function):
    """Gives the loss its gradient, which came with it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, loss_and_gradient: Tuple[Tensor, Tensor], class_axis: int) -> Tensor:
        loss, gradient = loss_and_gradient
        ctx.save_for_backward(gradient)
        ctx.dtype, ctx.class_axis = logits.dtype, class_axis
        return loss

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        found = scaled(gradient, upstream[0], ctx.class_axis, ctx.dtype)
        if torch.is_grad_enabled():  # with create_graph
            refusing = torch.empty(0, requires_grad=True)
            found = _FirstOnly.apply(found.detach(), refusing)  # type: ignore[no-untyped-call,unused-ignore]
        return found, None, None


class _FirstOnly(torch.autograd.Function):
    """Refuses to differentiate a gradient again: without it, its dependence on the logits would be left out."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, _: Tensor) -> Tensor:
        same: Tensor = gradient.view_as(gradient)
        return same

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        raise RuntimeError("lossd gives first derivatives alone: a loss cannot be differentiated twice")


def check_tensors(tensors: Mapping[str, Any]) -> None:
    """Raises InvalidArgument where a tensor wants a gradient that lossd does not give."""
    if not torch.is_grad_enabled():
        return
    for name, tensor in tensors.items():
        if getattr(tensor, "requires_grad", False):
            raise _fields.refuse(name, "requires a gradient, which lossd gives for logits alone: detach() it")


def _check_axis(class_axis: int, logits: Tensor) -> None:
    if class_axis not in (-1, logits.dim() - 1) and not (class_axis == 1 and logits.dim() > 1):
        rank = logits.dim()
        raise _fields.refuse("class_axis", f"= {class_axis}, expected 1 or -1, the last of logits.dim() = {rank}")


_numbers = itertools.count()
by_key: "weakref.WeakValueDictionary[int, Prepared]" = weakref.WeakValueDictionary()


class Prepared:
    """A loss with all that does not belong to a batch."""

    def __init__(self, spec: Spec, fields: Mapping[str, Any], *, reduction: str, class_axis: int,
                 outputs: Optional[Mapping[str, Any]], on_result: OnResult, client: Optional[Client],
                 deadline: Union[float, None, str]) -> None:  # fmt: skip
        if isinstance(spec, Mapping):
            spec = _tensors_as_arrays(spec)
        fields = _tensors_as_arrays(fields)
        self.template = make_template(spec, fields, reduction=reduction, class_axis=class_axis, outputs=outputs)
        self.class_axis = class_axis
        self.on_result = on_result
        self.client = client
        self.deadline = deadline
        self.key = -1

    def register(self) -> "Prepared":
        """Gives the loss a number, by which compiled code finds it: that keeps no objects. Returns itself."""
        self.key = next(_numbers)
        by_key[self.key] = self
        return self

    def __getstate__(self) -> Dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "key"}
        state["template"] = self.template.SerializeToString()
        return state

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.__dict__.update(state, template=_contract.ComputeRequest.FromString(state["template"]))
        self.register()

    @property
    def text(self) -> str:
        """The loss and its reduction, for people."""
        fields = as_dict(self.template)
        fields.pop("outputs", None)
        return ", ".join(f"{name}={value!r}" for name, value in fields.items())

    def loss_and_gradient(
        self,
        logits: Tensor,
        labels: Optional[Tensor],
        sample_weights: Optional[Tensor],
        normalizer: Any,
        recorded: Recorded,
        wanted: bool,
        others: Mapping[str, Optional[Tensor]] = {},
    ) -> Tuple[Tensor, Optional[Tensor]]:
        """Returns the loss or losses, and the gradient where it is wanted. `others` are the batch's other tensors, by
        their fields' names."""
        _check_axis(self.class_axis, logits)
        if sample_weights is not None and not sample_weights.is_floating_point():
            sample_weights = sample_weights.to("cpu", torch.float64)  # a mask
        tensors = {"labels": labels, "sample_weights": sample_weights, "sample_ids": recorded.sample_ids, **others}
        client = self.client or default_client()
        result, loss, gradient = compute(self.template, client, logits, tensors, normalizer, recorded, wanted,
                                         self.deadline)  # fmt: skip
        if self.on_result is not None:
            self.on_result(result)
        return loss, gradient

    def __call__(
        self,
        logits: Tensor,
        labels: Optional[Tensor],
        sample_weights: Optional[Tensor],
        normalizer: Any,
        recorded: Recorded,
        others: Mapping[str, Optional[Tensor]] = {},
    ) -> Tensor:
        check_tensors({"labels": labels, "sample_weights": sample_weights, "normalizer": normalizer, **others})
        wanted = logits.requires_grad and torch.is_grad_enabled()
        loss, gradient = self.loss_and_gradient(logits, labels, sample_weights, normalizer, recorded, wanted, others)
        if gradient is None:
            return loss
        axis = self.class_axis
        found: Tensor = _Backward.apply(logits, (loss, gradient), axis)  # type: ignore[no-untyped-call,unused-ignore]
        return found
