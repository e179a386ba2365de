"""Losses and gradients from a lossd server, for PyTorch training loops.

    loss = lossd_loss(model(x), labels, {"focal": {"gamma": 2}})
    loss.backward()

The server is at LOSSD_ADDRESS (default localhost:50051), unless the caller gives a channel to another.
One call brings the loss and its gradient with respect to the logits; backward() makes no call. Tensors
travel as raw bytes. A batch that is too large for one message travels in chunks.

Needs torch, grpcio, protobuf, and on the PYTHONPATH this folder and the stubs:

    client/python/generate_stubs build/python
    export PYTHONPATH=build/python:client/python
"""

import os

import torch
from google.protobuf import json_format

from lossd.v1 import compute_pb2, loss_spec_pb2, tensor_pb2
from lossd_batch import compute, from_tensor, to_tensor
from lossd_channel import CallError, Server, connect, default_channel

__all__ = ["CallError", "connect", "from_tensor", "lossd_loss", "to_tensor"]

_REDUCTIONS = {
    "none": compute_pb2.REDUCTION_NONE,
    "sum": compute_pb2.REDUCTION_SUM,
    "mean": compute_pb2.REDUCTION_MEAN,
    "mean_valid": compute_pb2.REDUCTION_MEAN_VALID,
}


class _LossdLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, class_axis, loss_and_gradient):
        loss, gradient = loss_and_gradient
        ctx.save_for_backward(gradient)
        ctx.dtype, ctx.class_axis = logits.dtype, class_axis
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        if 0 < grad_output.dim() < gradient.dim():
            grad_output = grad_output.unsqueeze(ctx.class_axis)  # one loss for all classes of a sample
        return (gradient * grad_output).to(ctx.dtype), None, None


def lossd_loss(
    logits, labels, spec=None, *, reduction="mean", sample_weights=None, class_axis=-1,
    normalizer=None, outputs=None, on_answer=None, channel=None, timeout=30.0,
):
    """Returns the loss of `logits` against `labels`, differentiable once with respect to the logits.

    logits: [N, C], [N, d1, ..., C], or [N] for a sigmoid loss; with class_axis=1 [N, C, d1, ...].
    Computed in their own type, 16-bit floats in float32. They travel unchanged. The gradient of float16
    comes back as float32, so that a loss scale reaches it before it is rounded.
    labels: integers of the losses' shape, one class per sample; or floats of the logits' shape, a target
    per class. For a sigmoid loss also integers 0 and 1 of the logits' shape, which beside [N, 1] is
    [N, 1].
    spec: a lossd.v1.LossSpec, or the same as a dict in JSON form; None is softmax cross entropy.
    reduction: "mean" (weighted, as torch's own), "sum", "mean_valid", or "none" for the losses.
    sample_weights: ≥ 0, of the losses' shape or [N]; a mask of integers or bools too. A sample of weight
    0 is ignored: padding may hold anything.
    normalizer: a number ≥ 0 in place of a mean's divisor, so that the gradients of micro-batches and
    ranks add up exactly.
    outputs: a lossd.v1.OutputOptions, or the same as a dict, of what `on_answer` wants beside the loss.
    on_answer: a function that is given each lossd.v1.ComputeResponse.
    timeout: seconds until the call fails with DEADLINE_EXCEEDED.

    A batch larger than the channel's max_message_bytes (see connect) travels in chunks, and on_answer
    is called for each. Losses and gradient then have the bits of a single call. A sum or mean adds the
    chunks' sums in double, and may differ from a single call's in the last bits of that.

    Raises grpc.RpcError with the server's message when it refuses, ValueError for what can neither be
    cut nor fits a message, and for labels, weights or a normalizer that need a gradient: lossd has none.
    """
    for name, values in (("labels", labels), ("sample_weights", sample_weights), ("normalizer", normalizer)):
        if torch.is_grad_enabled() and getattr(values, "requires_grad", False):
            raise ValueError(f"{name} requires a gradient, which lossd gives for logits alone: detach() it")
    if reduction not in _REDUCTIONS:
        raise ValueError(f"reduction = {reduction!r}, expected one of {', '.join(_REDUCTIONS)}")
    if class_axis == logits.dim() - 1:
        class_axis = -1
    if class_axis != -1 and not (class_axis == 1 and logits.dim() > 1):
        raise ValueError(f"class_axis = {class_axis}, expected 1 or -1, the last of logits.dim() = {logits.dim()}")
    differentiable = logits.requires_grad and torch.is_grad_enabled()
    request = compute_pb2.ComputeRequest(
        loss=_message(spec, loss_spec_pb2.LossSpec),
        reduction=_REDUCTIONS[reduction],
        outputs=_message(outputs, compute_pb2.OutputOptions),
        class_axis=None if class_axis == -1 else class_axis,
        normalizer=None if normalizer is None else float(normalizer),
    )
    request.outputs.gradient = differentiable
    request.outputs.omit_losses = reduction != "none"
    request.outputs.omit_class_weights |= outputs is None
    if logits.dtype is torch.float16:
        request.outputs.gradient_data_type = tensor_pb2.DATA_TYPE_FLOAT32
    tensors = {"logits": logits, "labels": labels}
    if sample_weights is not None:
        mask = not sample_weights.is_floating_point()
        tensors["sample_weights"] = sample_weights.double() if mask else sample_weights
    server = Server(channel or default_channel(os.getpid()), timeout)
    loss_and_gradient = compute(server, request, tensors, on_answer)
    return _LossdLoss.apply(logits, class_axis, loss_and_gradient) if differentiable else loss_and_gradient[0]


def _message(fields, kind):
    return json_format.ParseDict(fields, kind()) if isinstance(fields, dict) else fields
