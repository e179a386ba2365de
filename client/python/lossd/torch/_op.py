"""The losses inside torch.compile: one custom operator, which the compiler does not look into."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple, Union

import torch
from torch import Tensor

from lossd._template import losses_shape
from lossd.client import Client, client_numbered
from lossd.torch import _loss
from lossd.torch._loss import NOWHERE, Prepared, Recorded, by_key
from lossd.torch._tensors import gradient_dtype, loss_dtype

HAS_CUSTOM_OPS = hasattr(torch.library, "custom_op")  # since PyTorch 2.4

_of_functions: Dict[int, Prepared] = {}


def is_compiling() -> bool:
    """Returns whether torch.compile traces the caller, and can take the operator."""
    return HAS_CUSTOM_OPS and torch.compiler.is_compiling()  # type: ignore[attr-defined,unused-ignore]


def _make_template(spec: Any, fields: Mapping[str, Any], client: Optional[int], options: Mapping[str, Any]) -> int:
    from lossd.torch._module import prepare

    prepared = prepare(spec, **options, client=client_numbered(client), fields=fields).register()
    _of_functions[prepared.key] = prepared  # for as long as the compiled code may run
    return prepared.key


if HAS_CUSTOM_OPS:
    import torch._dynamo  # type: ignore[import-not-found,unused-ignore]

    # The trace has the number as a constant.
    _make_template = torch._dynamo.assume_constant_result(_make_template)  # type: ignore[no-untyped-call,unused-ignore]


def template_of(spec: Any, fields: Mapping[str, Any], client: Optional[Client] = None, **options: Any) -> int:
    """Returns the number of a loss that a compiled function makes. All but the client must be constants."""
    return _make_template(spec, fields, None if client is None else client._number, options)


def loss(logits: Tensor, labels: Optional[Tensor], sample_weights: Optional[Tensor],
         normalizer: Union[float, Tensor, None], recorded: Recorded, key: int,
         teacher_logits: Optional[Tensor] = None) -> Tensor:  # fmt: skip
    """Returns the loss by the operator."""
    _loss.check_tensors({"labels": labels, "sample_weights": sample_weights, "normalizer": normalizer,
                         "teacher_logits": teacher_logits})  # fmt: skip
    wanted = logits.requires_grad and torch.is_grad_enabled()
    operator = torch.ops.lossd.loss  # type: ignore[attr-defined,unused-ignore]
    run, sample_ids, request_id, step, epoch, learning_rate = recorded
    found: Tensor = operator(
        logits, labels, sample_weights, _as_tensor(normalizer), key, wanted, run, sample_ids, request_id,
        _as_tensor(step), _as_tensor(epoch), _as_tensor(learning_rate), teacher_logits)[0]  # fmt: skip
    return found


def _as_tensor(number: Any) -> Optional[Tensor]:
    if number is None or isinstance(number, torch.Tensor):
        return number
    return torch.tensor(number, dtype=torch.float64)


def _compute(
    logits: Tensor,
    labels: Optional[Tensor],
    sample_weights: Optional[Tensor],
    normalizer: Optional[Tensor],
    key: int,
    wanted: bool,
    run: Optional[str] = None,
    sample_ids: Optional[Tensor] = None,
    request_id: Optional[str] = None,
    step: Optional[Tensor] = None,
    epoch: Optional[Tensor] = None,
    learning_rate: Optional[Tensor] = None,
    teacher_logits: Optional[Tensor] = None,
) -> Tuple[Tensor, Tensor]:
    recorded = (run, sample_ids, request_id, step, epoch, learning_rate)
    prepared, told = by_key[key], NOWHERE if all(value is None for value in recorded) else Recorded(*recorded)
    loss, gradient = prepared.loss_and_gradient(logits, labels, sample_weights, normalizer, told, wanted,
                                                {"teacher_logits": teacher_logits})  # fmt: skip
    return loss, logits.new_empty(0) if gradient is None else gradient


def _compute_fake(
    logits: Tensor,
    labels: Optional[Tensor],
    sample_weights: Optional[Tensor],
    normalizer: Optional[Tensor],
    key: int,
    wanted: bool,
    *_: Any,
) -> Tuple[Tensor, Tensor]:
    shape = losses_shape(by_key[key].template, tuple(logits.shape))
    made = torch.empty(logits.shape if wanted else (0,), dtype=gradient_dtype(logits), device=logits.device)
    return torch.empty(shape, dtype=loss_dtype(logits), device=logits.device), made


def _keep(ctx: Any, inputs: Any, output: Any) -> None:
    ctx.save_for_backward(output[1])
    ctx.dtype = inputs[0].dtype
    ctx.class_axis = by_key[inputs[4]].class_axis


def _backward(ctx: Any, upstream: Tensor, _: Any) -> Any:
    (gradient,) = ctx.saved_tensors
    return _loss.scaled(gradient, upstream, ctx.class_axis, ctx.dtype), *[None] * 12


def _register() -> None:
    op = torch.library.custom_op(  # type: ignore[attr-defined,unused-ignore]
        "lossd::loss", _compute, mutates_args=(),
        schema="(Tensor logits, Tensor? labels, Tensor? sample_weights, Tensor? normalizer, int key, bool wanted, "
        "str? run=None, Tensor? sample_ids=None, str? request_id=None, Tensor? step=None, Tensor? epoch=None, "
        "Tensor? learning_rate=None, Tensor? teacher_logits=None)"
        " -> (Tensor, Tensor)")  # fmt: skip
    op.register_fake(_compute_fake)
    op.register_autograd(_backward, setup_context=_keep)


if HAS_CUSTOM_OPS:
    _register()
