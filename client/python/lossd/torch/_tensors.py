"""Torch's tensors as arrays that travel, and arrays in memory that becomes tensors: one copy each way."""

from __future__ import annotations

from typing import Any, Dict

import torch

from lossd import _contract, _fields, _template
from lossd._arrays import BFLOAT16, WireArray

_NUMBER = _contract.DATA_TYPE
_TYPES: Dict[torch.dtype, int] = {
    torch.bfloat16: BFLOAT16,
    torch.float16: _NUMBER["FLOAT16"],
    torch.float32: _NUMBER["FLOAT32"],
    torch.float64: _NUMBER["FLOAT64"],
    torch.int32: _NUMBER["INT32"],
    torch.int64: _NUMBER["INT64"],
    torch.uint8: _NUMBER["UINT8"],
}
_DTYPES = {number: dtype for dtype, number in _TYPES.items()}


def loss_dtype(logits: torch.Tensor) -> torch.dtype:
    """Returns the type of the losses of these logits."""
    return _DTYPES[_template.loss_type(type_of(logits))]


def gradient_dtype(logits: torch.Tensor) -> torch.dtype:
    """Returns the type in which the gradient of these logits comes; what backward() gives has the logits' own."""
    return _DTYPES[_template.gradient_type(type_of(logits))]


def type_of(logits: torch.Tensor) -> int:
    """Returns the contract's number of the logits' type. Raises InvalidArgument where they are no floats."""
    if logits.dtype not in _TYPES or not logits.is_floating_point():
        raise _fields.refuse("logits", f"has elements of type {logits.dtype}, expected floats of 16, 32 or 64 bits")
    return _TYPES[logits.dtype]


def _on_the_cpu(tensor: torch.Tensor) -> torch.Tensor:
    """Returns the tensor where NumPy can read it; from a GPU through pinned memory."""
    if tensor.device.type == "cpu":
        return tensor
    if tensor.device.type == "cuda":
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        pinned.copy_(tensor)
        return pinned
    copied: torch.Tensor = tensor.cpu()
    return copied


def numpy_of(tensor: torch.Tensor) -> Any:
    """Returns the elements of a tensor on the CPU as a NumPy array of the same memory, bfloat16 as 16 bits."""
    return tensor.view(torch.int16).numpy() if tensor.dtype is torch.bfloat16 else tensor.numpy()


def to_wire(tensor: torch.Tensor, name: str) -> WireArray:
    """Returns the tensor as an array that travels: a bool as uint8, other integers as int64. Raises InvalidArgument."""
    if tensor.requires_grad:
        tensor = tensor.detach()
    if tensor.dtype is torch.bool:
        tensor = tensor.to(torch.uint8)
    elif tensor.dtype not in _TYPES:
        if tensor.is_complex() or tensor.is_floating_point():
            raise _fields.refuse(name, f"has elements of type {tensor.dtype}, expected floats of 16, 32 or 64 bits, "
                                 "or integers")  # fmt: skip
        tensor = tensor.to(torch.int64)
    tensor = _on_the_cpu(tensor)
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.contiguous()  # its bits are looked at as integers
    return WireArray(numpy_of(tensor), _TYPES[tensor.dtype])


def empty_for(shape: Any, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Returns memory on the CPU for what goes to the device: pinned where that is a GPU."""
    if device.type == "cuda":
        return torch.empty(shape, dtype=dtype, pin_memory=True)
    return torch.empty(shape, dtype=dtype)


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Returns the tensor on the device."""
    return tensor if device.type == "cpu" else tensor.to(device, non_blocking=device.type == "cuda")
