"""What jax.jit takes for a loss and its gradient on one thread; an agent of the benchmark.

Reads and answers the lines that pytorch_losses.py does.
"""

import os

os.environ["JAX_PLATFORMS"] = "cpu"
# Its pool has a thread for each CPU that the process may run on.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

# pylint: disable=wrong-import-position
import jax
import jax.numpy as jnp
import numpy
import optax

import measuring


def cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def smoothing(logits, labels):
    """Smoothed labels without an array of them: 0.9 CE, and 0.1 of every class's mean."""
    log_p = jax.nn.log_softmax(logits)
    log_p_t = jnp.take_along_axis(log_p, labels[:, None], 1)[:, 0]
    return -(0.9 * log_p_t + 0.1 * log_p.mean(1)).mean()


def softmax_focal(logits, labels, gamma=2.0):
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1)[:, 0]
    return -((1 - jnp.exp(log_p)) ** gamma * log_p).mean()


def squared_error(logits, labels):
    """The sum over classes of (p_k - y_k)^2, one-hot y, without the one-hot array."""
    p = jax.nn.softmax(logits)
    p_t = jnp.take_along_axis(p, labels[:, None], 1)[:, 0]
    return (jnp.square(p).sum(1) - 2 * p_t + 1).mean()


def soft_targets(logits, targets):
    return optax.softmax_cross_entropy(logits, targets).mean()


def sigmoid_focal(logits, targets):
    return optax.sigmoid_focal_loss(logits, targets, alpha=0.25, gamma=2.0).mean()


LOSSES = {
    loss.__name__: loss
    for loss in (
        cross_entropy,
        smoothing,
        softmax_focal,
        squared_error,
        soft_targets,
        sigmoid_focal,
    )
}


def make_batch(name, shape):
    """Logits, and class ids or float targets."""
    random = numpy.random.default_rng(1)
    some = random.normal(0, 2, min(numpy.prod(shape), 1 << 20)).astype(numpy.float32)
    logits = numpy.resize(some, shape)
    if name == "sigmoid_focal":
        return logits, (random.random(shape) < 1 / 16).astype(numpy.float32)
    labels = random.integers(shape[1], size=shape[0])
    if name != "soft_targets":
        return logits, labels
    targets = numpy.full(shape, 0.1 / shape[1], numpy.float32)
    targets[numpy.arange(shape[0]), labels] += 0.9
    return logits, targets


def main():
    measuring.say({"version": f"jax {jax.__version__} jit, optax {optax.__version__}"})
    for name, shape, repetitions in measuring.requests():
        step_of = jax.jit(jax.value_and_grad(LOSSES[name]))
        logits, labels = map(jnp.asarray, make_batch(name, shape))

        def step():
            jax.block_until_ready(step_of(logits, labels))

        measuring.say(measuring.measure(step, repetitions))


if __name__ == "__main__":
    main()
