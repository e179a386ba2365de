"""Runs calls of PyTorch libraries in float64, with autograd."""

import functools

import torch

import lines

# The inputs: classes as int64, all else as float64.
INPUTS = {name: torch.tensor(values, dtype=torch.int64 if name in "y y_100 y_255" else torch.float64)
          for name, values in lines.INPUTS.items()}


def run(call, names, logits, dtype):
    z = torch.tensor(logits, dtype=dtype, requires_grad=True)
    inputs = {name: values if values.dtype is torch.int64 else values.to(dtype)
              for name, values in INPUTS.items()}
    loss = eval(call, {**names, **inputs, "torch": torch, "z": z})
    loss.sum().backward()
    return {"losses" if loss.dim() else "loss": loss.detach().tolist(), "gradient": z.grad.tolist()}


def caller(names, dtype=torch.float64, tolerance=1e-12):
    """Returns a function that makes the Line of a call which may use `names` and the inputs."""

    def line(call, loss=None, reduction="MEAN", *, logits=lines.Z, request_logits=None, **more):
        return lines.Line(call, functools.partial(run, call, names, logits, dtype), loss, reduction,
                          logits=request_logits or logits, **{"tolerance": tolerance, **more})

    return line
