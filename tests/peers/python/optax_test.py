"""lossd against optax, gradients and diagonal Hessians by jax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lossd_client import assert_close

ROUNDINGS = 64


def evaluate(function, logits):
    """Losses, their gradient, and the diagonal of the Hessian of their sum."""
    z = jnp.asarray(logits)

    def total(x):
        return function(x).sum()

    hessian = jax.hessian(total)(z).reshape(z.size, z.size)
    return (np.asarray(function(z)), np.asarray(jax.grad(total)(z)),
            np.asarray(jnp.diagonal(hessian)).reshape(z.shape))


def compare(lossd, function, logits, labels, loss, roundings=ROUNDINGS, **keywords):
    value, gradient, hessian = evaluate(function, logits)
    answer = lossd.compute(logits, labels, loss, hessian_diagonal=True, **keywords)
    assert_close(answer.losses, value, roundings, what="losses")
    assert_close(answer.gradient, gradient, roundings, what="gradient")
    assert_close(answer.hessian, hessian, roundings, what="Hessian")


def draw(seed, shape=(12, 5), spread=2.0):
    generator = np.random.default_rng(seed)
    return generator, spread * generator.standard_normal(shape)


@pytest.mark.parametrize("gamma", (1.0, 2.0, 3.7))
@pytest.mark.parametrize("alpha", (None, 0.25))
@pytest.mark.parametrize("targets", ("hard", "soft"))
def test_sigmoid_focal_loss(lossd, targets, alpha, gamma):
    generator, logits = draw(41)
    labels = generator.random(logits.shape)
    if targets == "hard":
        labels = (labels < 0.3).astype(np.float64)
    loss = {
        "activation": "ACTIVATION_SIGMOID",
        "focal": {"gamma": gamma, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"},
    }
    if alpha is not None:
        loss["class_weighting"] = {"alpha": alpha}
    # The differences that jax's Hessian is made of are up to a hundred times as large as it is.
    compare(lossd,
            lambda z: optax.losses.sigmoid_focal_loss(z, labels, alpha=alpha, gamma=gamma),
            logits, labels, loss, 100 * ROUNDINGS)


@pytest.mark.parametrize("epsilon", (-1.0, 0.0, 1.0, 2.0))
@pytest.mark.parametrize("targets", ("hard", "soft"))
def test_poly_loss(lossd, targets, epsilon):
    generator, logits = draw(42)
    if targets == "hard":
        ids = generator.integers(5, size=12)
        labels, one_hot = ids, np.eye(5)[ids]
    else:
        labels = one_hot = generator.dirichlet(np.ones(5), size=12)
    compare(lossd,
            lambda z: optax.losses.poly_loss_cross_entropy(z, one_hot, epsilon=epsilon),
            logits, labels, {"poly1": {"epsilon": epsilon}})


@pytest.mark.parametrize("masked", (False, True))
def test_safe_softmax_cross_entropy(lossd, masked):
    generator, logits = draw(43)
    labels = generator.dirichlet(np.ones(5), size=12)
    if masked:
        labels[:, 1] = 0
        labels /= labels.sum(-1, keepdims=True)
        logits[:, 1] = -np.inf
    answer = lossd.compute(logits, labels)
    value = np.asarray(optax.losses.safe_softmax_cross_entropy(logits, labels))
    gradient = np.asarray(
        jax.grad(lambda z: optax.losses.safe_softmax_cross_entropy(z, labels).sum())(logits))
    assert_close(answer.losses, value, ROUNDINGS, what="losses")
    assert_close(answer.gradient, gradient, ROUNDINGS, what="gradient")
    assert answer.non_finite_count == 0


def test_softmax_cross_entropy_with_integer_labels(lossd):
    generator, logits = draw(44)
    labels = generator.integers(5, size=12)
    compare(lossd,
            lambda z: optax.losses.softmax_cross_entropy_with_integer_labels(z, labels),
            logits, labels, None)


def test_sigmoid_binary_cross_entropy(lossd):
    generator, logits = draw(45)
    labels = generator.random(logits.shape)
    compare(lossd, lambda z: optax.losses.sigmoid_binary_cross_entropy(z, labels), logits, labels,
            {"activation": "ACTIVATION_SIGMOID"})


def test_convex_kl_divergence_and_smooth_labels(lossd):
    generator, logits = draw(46)
    labels = generator.dirichlet(np.ones(5), size=12)
    smoothed = optax.losses.smooth_labels(jnp.asarray(labels), 0.1)
    compare(lossd,
            lambda z: optax.losses.kl_divergence(jax.nn.log_softmax(z), smoothed),
            logits, labels, {"kl_divergence": {}, "label_smoothing": 0.1})
