"""Losses and gradients from a lossd server, for PyTorch training loops.

    loss = lossd_loss(model(x), labels, {"focal": {"gamma": 2}})
    loss.backward()

The server is at LOSSD_ADDRESS (default localhost:50051), unless the caller gives a channel to another.
One call brings the loss and its gradient with respect to the logits; backward() makes no call.
Tensors travel as raw bytes.

Needs torch, grpcio, protobuf, and the stubs in a folder on the PYTHONPATH:

    client/python/generate_stubs build/python
"""

import functools
import os
import sys

import grpc
import torch
from google.protobuf import json_format

from lossd.v1 import compute_pb2, loss_service_pb2_grpc, loss_spec_pb2, tensor_pb2

_DATA_TYPES = {
    torch.bfloat16: tensor_pb2.DATA_TYPE_BFLOAT16,
    torch.float32: tensor_pb2.DATA_TYPE_FLOAT32,
    torch.float64: tensor_pb2.DATA_TYPE_FLOAT64,
    torch.int64: tensor_pb2.DATA_TYPE_INT64,
}
_TORCH_TYPES = {data_type: dtype for dtype, data_type in _DATA_TYPES.items()}
_REDUCTIONS = {
    "none": compute_pb2.REDUCTION_NONE,
    "sum": compute_pb2.REDUCTION_SUM,
    "mean": compute_pb2.REDUCTION_MEAN,
    "mean_valid": compute_pb2.REDUCTION_MEAN_VALID,
}


def connect(address, max_message_bytes=64 << 20):
    """Returns a plain-text channel to `address`, with the server's default limit for messages."""
    return grpc.insecure_channel(
        address,
        options=[
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
        ],
    )


@functools.lru_cache(maxsize=None)
def _default_channel(_process):
    # Each process needs its own: a gRPC channel does not survive fork().
    return connect(os.environ.get("LOSSD_ADDRESS", "localhost:50051"))


def to_tensor(values):
    """Returns a torch tensor as a lossd.v1.Tensor: float32, float64, bfloat16, or integers, sent as int64."""
    values = values.detach().cpu().contiguous()
    if not values.is_floating_point():
        values = values.to(torch.int64)
    if values.dtype not in _DATA_TYPES:
        raise TypeError(f"lossd takes float32, float64, bfloat16, integers, not {values.dtype}")
    if sys.byteorder != "little":
        raise RuntimeError("lossd_torch copies memory unchanged, and the wire is little-endian")
    bits = values.view(torch.int16) if values.dtype is torch.bfloat16 else values  # numpy has none
    return tensor_pb2.Tensor(
        data_type=_DATA_TYPES[values.dtype], shape=values.shape, data=bits.numpy().tobytes()
    )


def from_tensor(tensor, device=None):
    """Returns a lossd.v1.Tensor with raw data as a torch tensor."""
    dtype = _TORCH_TYPES[tensor.data_type]
    if not tensor.data:
        return torch.zeros(list(tensor.shape), dtype=dtype, device=device)
    values = torch.frombuffer(bytearray(tensor.data), dtype=dtype)
    return values.reshape(list(tensor.shape)).to(device)


class _LossdLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, request, stub, timeout):
        response = stub.Compute(request, timeout=timeout)
        if request.outputs.gradient:
            ctx.save_for_backward(from_tensor(response.gradient, logits.device))
        if request.reduction == compute_pb2.REDUCTION_NONE:
            return from_tensor(response.losses, logits.device)
        dtype = torch.float64 if logits.dtype is torch.float64 else torch.float32
        return torch.tensor(response.loss, dtype=dtype, device=logits.device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad_output):
        (gradient,) = ctx.saved_tensors
        if 0 < grad_output.dim() < gradient.dim():
            grad_output = grad_output.unsqueeze(-1)  # one loss for all classes of a sample
        return (gradient * grad_output).to(gradient.dtype), None, None, None


def lossd_loss(
    logits, labels, spec=None, *, reduction="mean", sample_weights=None, channel=None, timeout=30.0
):
    """Returns the loss of `logits` against `labels`, differentiable once with respect to the logits.

    logits: [N, C], or [N] for a sigmoid loss; computed in its own type, 16-bit floats in float32. A
    bfloat16 travels unchanged, both ways; a float16 as float32, so that a loss scale reaches the gradient
    before it is rounded.
    labels: integers [N], one class per sample; or floats of the logits' shape, a target per class. For a
    sigmoid loss also integers 0 and 1 of the logits' shape, which beside [N, 1] is [N, 1].
    spec: a lossd.v1.LossSpec, or the same as a dict in JSON form; None is softmax cross entropy.
    reduction: "mean" (weighted, as torch's own), "sum", "mean_valid", or "none" for the losses.
    sample_weights: ≥ 0, of the losses' shape or [N]. A sample of weight 0 is ignored: padding may hold
    anything.
    timeout: seconds until the call fails with DEADLINE_EXCEEDED.

    Raises grpc.RpcError with the server's message when it refuses.
    """
    if logits.dtype is torch.float16:
        logits = logits.float()
    if isinstance(spec, dict):
        spec = json_format.ParseDict(spec, loss_spec_pb2.LossSpec())
    request = compute_pb2.ComputeRequest(
        loss=spec,
        logits=to_tensor(logits),
        labels=to_tensor(labels),
        reduction=_REDUCTIONS[reduction],
        outputs=compute_pb2.OutputOptions(
            gradient=logits.requires_grad,
            omit_losses=reduction != "none",
            omit_class_weights=True,
        ),
    )
    if sample_weights is not None:
        request.sample_weights.CopyFrom(to_tensor(sample_weights))
    stub = loss_service_pb2_grpc.LossServiceStub(channel or _default_channel(os.getpid()))
    return _LossdLoss.apply(logits, request, stub, timeout)
