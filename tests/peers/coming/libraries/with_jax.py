"""Runs calls of JAX libraries in float64, with its gradient."""

import functools
import os

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import numpy

import lines

jax.config.update("jax_enable_x64", True)

# The inputs: classes as integers, all else as float64.
INPUTS = {name: numpy.array(values, int if name in ("y", "y_100", "y_255") else float)
          for name, values in lines.INPUTS.items()}


def run(call, names, logits):
    def loss(z):
        return eval(call, {**names, **INPUTS, "jax": jax, "jnp": jnp, "z": z})

    z = jnp.array([[float(x) for x in row] for row in logits])
    value = loss(z)
    return {"losses" if value.ndim else "loss": value.tolist(),
            "gradient": jax.grad(lambda z: loss(z).sum())(z).tolist()}


def caller(names, tolerance=1e-12):
    """Returns a function that makes the Line of a call which may use `names` and the inputs."""

    def line(call, loss=None, reduction="MEAN", *, logits=lines.Z, **more):
        return lines.Line(call, functools.partial(run, call, names, logits), loss, reduction,
                          logits=logits, **{"tolerance": tolerance, **more})

    return line
