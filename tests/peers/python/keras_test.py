"""lossd against Keras's categorical and binary focal cross entropies, gradients by jax.

Keras computes them from probabilities clipped to [ε, 1 − ε]; the comparisons stay where that
clipping does not act (known_faults_test.py goes where it does).
"""

import jax
import keras
import numpy as np
import pytest

from lossd_client import assert_close, weights

# 1 − p_t is left with an absolute error of an epsilon where it is as small as 1e-3.
ROUNDINGS = 1e4
REDUCTIONS = {"none": None, "mean": "sum_over_batch_size", "sum": "sum"}


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def evaluate(loss, labels, logits):
    def total(z):
        return keras.ops.sum(loss(labels, z))

    return np.asarray(loss(labels, logits)), np.asarray(jax.grad(total)(logits))


def draw(seed, shape=(24, 5)):
    generator = np.random.default_rng(seed)
    return generator, np.clip(1.5 * generator.standard_normal(shape), -5, 5)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", (0.0, 0.2))
@pytest.mark.parametrize("gamma", (0.0, 0.5, 2.0))
@pytest.mark.parametrize("alpha", (0.25, "by class"))
@pytest.mark.parametrize("targets", ("hard", "soft"))
def test_categorical_focal(lossd, targets, alpha, gamma, smoothing, reduction):
    generator, logits = draw(31)
    if targets == "hard":
        labels = np.eye(5)[generator.integers(5, size=24)]
    else:
        labels = generator.dirichlet(np.ones(5), size=24)
    if alpha == "by class":
        alpha = (generator.random(5) + 0.1).tolist()
    peer = keras.losses.CategoricalFocalCrossentropy(
        alpha=alpha, gamma=gamma, from_logits=True, label_smoothing=smoothing,
        reduction=REDUCTIONS[reduction])
    value, gradient = evaluate(peer, labels, logits)
    loss = {
        "focal": {"gamma": gamma},
        "class_weighting": weights(np.broadcast_to(alpha, 5)),
        "label_smoothing": smoothing,
    }
    answer = lossd.compute(logits, labels, loss, reduction=reduction)
    actual = answer.losses if reduction == "none" else answer.loss
    assert_close(actual, value, ROUNDINGS, what="loss")
    assert_close(answer.gradient, gradient, ROUNDINGS, what="gradient")


def test_the_mean_by_class_ids_is_by_weight(lossd):
    """Keras divides by the number of samples, and so does lossd with a float target per class; with
    class ids lossd's MEAN divides by their weights, as PyTorch does, and MEAN_VALID does not."""
    generator, logits = draw(32)
    ids = generator.integers(5, size=24)
    v = generator.random(5) + 0.1
    peer = keras.losses.CategoricalFocalCrossentropy(alpha=v.tolist(), gamma=2.0, from_logits=True)
    value, _ = evaluate(peer, np.eye(5)[ids], logits)
    loss = {"focal": {}, "class_weighting": weights(v)}
    assert_close(lossd.compute(logits, ids, loss, reduction="mean").loss,
                 value * 24 / v[ids].sum(), ROUNDINGS)
    assert_close(lossd.compute(logits, ids, loss, reduction="mean_valid").loss, value, ROUNDINGS)
    assert_close(lossd.compute(logits, np.eye(5)[ids], loss, reduction="mean").loss, value,
                 ROUNDINGS)


def binary_focal(gamma, alpha, smoothing):
    loss = {
        "activation": "ACTIVATION_SIGMOID",
        "focal": {"gamma": gamma, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"},
        "label_smoothing": smoothing,
    }
    if alpha is not None:
        loss["class_weighting"] = {"alpha": alpha}
    return loss


def keras_binary_focal(gamma, alpha, smoothing, labels, logits):
    peer = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=alpha is not None, alpha=0.25 if alpha is None else alpha,
        gamma=gamma, from_logits=True, label_smoothing=smoothing, reduction=None)
    # Keras averages over the last axis: an axis of 1 leaves each element its own loss. That mean
    # goes through float32 whatever floatx() is; the gradient does not.
    value, gradient = evaluate(peer, labels[..., None], logits[..., None])
    return value, gradient[..., 0]


@pytest.mark.parametrize("gamma", (0.0, 0.5, 2.0))
@pytest.mark.parametrize("targets, alpha, smoothing", (
    ("hard", None, 0.0), ("hard", 0.25, 0.0), ("hard", None, 0.2),
    ("soft", None, 0.0), ("soft", 0.25, 0.0), ("soft", None, 0.2)))
def test_binary_focal(lossd, targets, alpha, smoothing, gamma):
    generator, logits = draw(33)
    labels = generator.random(logits.shape)
    if targets == "hard":
        labels = (labels < 0.3).astype(np.float64)
    value, gradient = keras_binary_focal(gamma, alpha, smoothing, labels, logits)
    answer = lossd.compute(logits, labels, binary_focal(gamma, alpha, smoothing))
    assert_close(answer.losses, value, 4, dtype=np.float32, what="losses")
    assert_close(answer.gradient, gradient, ROUNDINGS, what="gradient")


def test_smoothing_does_not_move_the_class_balance(lossd):
    """Keras smooths first and so balances a positive by α(1 − ε/2) + (1 − α)ε/2; in lossd a
    positive stays one: its weight is α."""
    logits, labels = np.array([1.0, -0.5]), np.array([1.0, 0.0])
    alpha, smoothing = 0.25, 0.2
    unbalanced, _ = keras_binary_focal(2.0, None, smoothing, labels, logits)
    peer, _ = keras_binary_focal(2.0, alpha, smoothing, labels, logits)
    ours = lossd.compute(logits, labels, binary_focal(2.0, alpha, smoothing)).losses
    smoothed = labels * (1 - smoothing) + smoothing / 2
    assert_close(peer, unbalanced * (alpha * smoothed + (1 - alpha) * (1 - smoothed)), 4,
                 dtype=np.float32)
    assert_close(ours, unbalanced * [alpha, 1 - alpha], 4, dtype=np.float32)


@pytest.mark.parametrize("smoothing", (0.0, 0.2))
def test_categorical_cross_entropy(lossd, smoothing):
    generator, logits = draw(34)
    labels = generator.dirichlet(np.ones(5), size=24)
    peer = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction=None)
    value, gradient = evaluate(peer, labels, logits)
    answer = lossd.compute(logits, labels, {"label_smoothing": smoothing})
    assert_close(answer.losses, value, 64)
    assert_close(answer.gradient, gradient, 64)


def test_sparse_categorical_cross_entropy_with_ignored_classes(lossd):
    generator, logits = draw(35)
    labels = generator.integers(5, size=24)
    labels[::3] = -1
    peer = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1, reduction=None)
    value, gradient = evaluate(peer, labels, logits)
    answer = lossd.compute(logits, labels, {"ignore_index": -1})
    assert_close(answer.losses, value, 64)
    assert_close(answer.gradient, gradient, 64)
