"""lossd against PyTorch's own losses, gradients by autograd."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lossd_client import Refusal, assert_close, tensor, weights

# The sums of a few terms, of values that each side rounds a few times.
ROUNDINGS = 64
SAMPLES, CLASSES = 24, 5
DTYPES = (np.float64, np.float32)
REDUCTIONS = ("none", "sum", "mean")


def autograd(function, logits, upstream=None):
    """The value of a torch loss of float64 logits, and the gradient of Σ upstream · value."""
    z = torch.from_numpy(np.array(logits, dtype=np.float64)).requires_grad_()
    value = function(z)
    seed = torch.ones_like(value) if upstream is None else torch.from_numpy(np.array(upstream))
    value.backward(seed)
    return value.detach().numpy(), z.grad.numpy()


def compare(lossd, function, logits, labels, loss, *, reduction, roundings=ROUNDINGS, **keywords):
    """lossd's reduced loss (or its losses) and gradient against those of the torch `function`.

    In float32 the expected values are those of the rounded logits: their rounding is no error of
    the loss.
    """
    for dtype in DTYPES:
        z = np.asarray(logits, dtype=dtype)
        value, gradient = autograd(function, z, keywords.get("upstream_gradient"))
        answer = lossd.compute(z, labels, loss, reduction=reduction, **keywords)
        actual = answer.losses if reduction == "none" else answer.loss
        assert_close(actual, value, roundings, dtype=dtype, what=f"loss, {dtype.__name__}")
        assert_close(answer.gradient, gradient, roundings, dtype=dtype,
                     what=f"gradient, {dtype.__name__}")


def draw(seed, shape=(SAMPLES, CLASSES), spread=3.0):
    generator = np.random.default_rng(seed)
    return generator, spread * generator.standard_normal(shape)


def soft_targets(generator, shape):
    """Targets of sum 1 along the last axis, some of them exactly 0."""
    targets = generator.exponential(size=shape)
    targets[generator.random(shape) < 0.2] = 0
    targets[..., 0] += 1e-3
    return targets / targets.sum(-1, keepdims=True)


# --- Cross entropy: weight × label_smoothing × ignore_index × targets × reduction ----------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignored", (None, -100, 2))
@pytest.mark.parametrize("smoothing", (0.0, 0.1, 0.9))
@pytest.mark.parametrize("weighted", ("unweighted", "weighted", "a weight of 0"))
def test_cross_entropy_of_class_ids(lossd, weighted, smoothing, ignored, reduction):
    generator, logits = draw(1)
    labels = generator.integers(CLASSES, size=SAMPLES)
    loss = {"cross_entropy": {}, "label_smoothing": smoothing}
    options = {"label_smoothing": smoothing, "reduction": reduction}
    if weighted != "unweighted":
        v = generator.random(CLASSES) + 0.1
        if weighted == "a weight of 0":
            v[1] = 0
        loss["class_weighting"] = weights(v)
        options["weight"] = torch.from_numpy(v)
    if ignored is not None:
        labels[::4] = ignored
        loss["ignore_index"] = ignored
        options["ignore_index"] = ignored
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.cross_entropy(z, y, **options), logits, labels, loss,
            reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", (0.0, 0.1, 0.9))
@pytest.mark.parametrize("weighted", (False, True))
def test_cross_entropy_of_soft_targets(lossd, weighted, smoothing, reduction):
    generator, logits = draw(2)
    targets = soft_targets(generator, logits.shape)
    loss = {"label_smoothing": smoothing}
    options = {"label_smoothing": smoothing, "reduction": reduction}
    if weighted:
        v = generator.random(CLASSES) + 0.1
        loss["class_weighting"] = weights(v)
        options["weight"] = torch.from_numpy(v)
    y = torch.from_numpy(targets)
    compare(lossd, lambda z: F.cross_entropy(z, y, **options), logits, targets, loss,
            reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", (0.0, 0.1))
@pytest.mark.parametrize("weighted", (False, True))
@pytest.mark.parametrize("targets, ignored", (
    ("class ids", None), ("class ids", -100), ("class ids", 2), ("soft targets", None)))
def test_cross_entropy_of_images(lossd, targets, ignored, weighted, smoothing, reduction):
    generator, logits = draw(3, (3, CLASSES, 4, 2))
    loss = {"label_smoothing": smoothing}
    options = {"label_smoothing": smoothing, "reduction": reduction}
    if targets == "class ids":
        labels = generator.integers(CLASSES, size=(3, 4, 2))
        if ignored is not None:
            labels[:, ::3] = ignored
            loss["ignore_index"] = options["ignore_index"] = ignored
    else:
        labels = np.moveaxis(soft_targets(generator, (3, 4, 2, CLASSES)), -1, 1).copy()
    if weighted:
        v = generator.random(CLASSES) + 0.1
        loss["class_weighting"] = weights(v)
        options["weight"] = torch.from_numpy(v)
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.cross_entropy(z, y, **options), logits, labels, loss,
            reduction=reduction, class_axis=1)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy_of_language_models(lossd, reduction):
    """[B, T, V], the class axis last: PyTorch has it moved to where it wants it."""
    generator, logits = draw(4, (2, 6, 11))
    labels = generator.integers(11, size=(2, 6))
    labels[:, -2:] = -100
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.cross_entropy(z.transpose(1, 2), y, reduction=reduction),
            logits, labels, {"ignore_index": -100}, reduction=reduction)


@pytest.mark.parametrize("dtype", (np.int32, np.int64, np.uint8))
def test_integer_labels_of_every_type(lossd, dtype):
    generator, logits = draw(5)
    labels = generator.integers(CLASSES, size=SAMPLES)
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.cross_entropy(z, y, reduction="none"), logits,
            labels.astype(dtype), None, reduction="none")


def test_upstream_gradient_is_that_of_autograd(lossd):
    generator, logits = draw(6)
    labels = generator.integers(CLASSES, size=SAMPLES)
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.cross_entropy(z, y, reduction="none", label_smoothing=0.1), logits,
            labels, {"label_smoothing": 0.1}, reduction="none",
            upstream_gradient=generator.standard_normal(SAMPLES))


def test_a_vocabulary_of_50257_classes(lossd):
    generator, logits = draw(7, (4, 50257))
    labels = generator.integers(50257, size=4)
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.cross_entropy(z, y), logits, labels, None, reduction="mean")


# --- Hostile logits ------------------------------------------------------------------------------

HOSTILE = {
    "±10000": [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]],
    "ties": [[0.0, 0.0, 0.0], [7.0, 7.0, -7.0], [-3.0, -3.0, -3.0]],
    "denormal": [[5e-324, 0.0, -5e-324], [1e-310, 2e-310, 0.0], [0.0, -0.0, 0.0]],
    "−inf beside the target": [[0.0, -np.inf, 1.0], [2.0, -np.inf, -np.inf], [0.0, 1.0, -np.inf]],
    "−inf at the target": [[-np.inf, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 0.0, 0.0]],
    "+inf": [[np.inf, 0.0, 1.0], [0.0, np.inf, 2.0], [1.0, 0.0, 0.0]],
    "NaN": [[np.nan, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, np.nan, 0.0]],
    "all −inf": [[-np.inf, -np.inf, -np.inf], [0.0, 1.0, 2.0], [1.0, 0.0, 0.0]],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_cross_entropy_of_hostile_logits(lossd, name):
    """Not an error: the same infinities and NaN as PyTorch's, and they are counted."""
    logits = np.array(HOSTILE[name])
    labels = np.array([0, 0, 0])
    y = torch.from_numpy(labels)
    value, gradient = autograd(lambda z: F.cross_entropy(z, y, reduction="none"), logits)
    answer = lossd.compute(logits, labels)
    # A loss of 2e4 is the difference of two logits.
    assert_close(answer.losses, value, ROUNDINGS, what="losses")
    assert answer.non_finite_count == np.count_nonzero(~np.isfinite(value))
    healthy = np.isfinite(value)
    assert_close(answer.gradient[healthy], gradient[healthy], ROUNDINGS, what="gradient")


@pytest.mark.parametrize("name", ("±10000", "ties", "denormal", "NaN"))
def test_binary_cross_entropy_of_hostile_logits(lossd, name):
    logits = np.array(HOSTILE[name])
    labels = np.array([[1.0, 0.0, 0.3], [0.0, 1.0, 0.7], [1.0, 1.0, 0.0]])
    y = torch.from_numpy(labels)
    value, gradient = autograd(
        lambda z: F.binary_cross_entropy_with_logits(z, y, reduction="none"), logits)
    answer = lossd.compute(logits, labels, {"activation": "ACTIVATION_SIGMOID"})
    assert_close(answer.losses, value, ROUNDINGS, what="losses")
    assert_close(answer.gradient, gradient, ROUNDINGS, what="gradient")


# --- Where lossd differs on purpose --------------------------------------------------------------


def test_smoothing_of_targets_that_do_not_sum_to_one(lossd):
    """PyTorch spreads ε/C whatever the targets sum to; lossd spreads ε of what is there,
    (ε/C)·Σt, so that a row of twice the target is twice the loss, and a row of zeros is 0."""
    generator, logits = draw(8, (3, CLASSES))
    once = soft_targets(generator, logits.shape)
    twice = 2 * once

    def peer(targets):
        return autograd(lambda z: F.cross_entropy(
            z, torch.from_numpy(targets), label_smoothing=0.1, reduction="none"), logits)[0]

    def ours(targets):
        return lossd.compute(logits, targets, {"label_smoothing": 0.1}).losses

    assert_close(ours(once), peer(once), ROUNDINGS, what="targets of sum 1")
    log_p = torch.log_softmax(torch.from_numpy(logits), -1).numpy()
    assert_close(peer(twice), -(log_p * (0.9 * twice + 0.1 / CLASSES)).sum(-1), ROUNDINGS)
    assert_close(ours(twice), 2 * ours(once), ROUNDINGS)
    assert_close(ours(0 * once), np.zeros(3), 0)
    assert (peer(0 * once) > 0).all()


def test_ignore_index_beside_soft_targets_is_refused(lossd):
    """PyTorch takes a negative one and does nothing with it; lossd says that it cannot act."""
    generator, logits = draw(9)
    targets = soft_targets(generator, logits.shape)
    y = torch.from_numpy(targets)
    plain, _ = autograd(lambda z: F.cross_entropy(z, y), logits)
    ignoring, _ = autograd(lambda z: F.cross_entropy(z, y, ignore_index=-1), logits)
    assert plain == ignoring
    with pytest.raises(Refusal) as refused:
        lossd.compute(logits, targets, {"ignore_index": -1})
    assert refused.value.code == "INVALID_ARGUMENT"
    assert any("ignore_index" in field for field in refused.value.fields)


@pytest.mark.parametrize("reduction", ("sum", "mean"))
def test_an_empty_batch_is_0_and_never_nan(lossd, reduction):
    logits = np.zeros((0, 3))
    labels = np.zeros(0, dtype=np.int64)
    peer, _ = autograd(
        lambda z: F.cross_entropy(z, torch.from_numpy(labels), reduction=reduction), logits)
    answer = lossd.compute(logits, labels, reduction=reduction)
    assert answer.loss == 0 and answer.gradient.shape == (0, 3)
    assert peer == 0 if reduction == "sum" else np.isnan(peer)


def test_a_weight_of_0_on_every_label_is_0_and_never_nan(lossd):
    """PyTorch divides 0 by the weights' sum of 0."""
    logits, labels, v = np.zeros((2, 3)), np.array([1, 1]), np.array([1.0, 0.0, 1.0])
    peer, _ = autograd(lambda z: F.cross_entropy(
        z, torch.from_numpy(labels), weight=torch.from_numpy(v)), logits)
    answer = lossd.compute(logits, labels, {"class_weighting": weights(v)}, reduction="mean")
    assert np.isnan(peer)
    assert answer.loss == 0 and (answer.gradient == 0).all()


# --- Binary cross entropy ------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("targets", ("hard", "soft"))
@pytest.mark.parametrize("positive", ("none", "one for all", "one a class"))
@pytest.mark.parametrize("weighted", (False, True))
def test_binary_cross_entropy(lossd, weighted, positive, targets, reduction):
    generator, logits = draw(10)
    labels = generator.random(logits.shape)
    if targets == "hard":
        labels = (labels < 0.3).astype(np.float64)
    weighting, options = {}, {"reduction": reduction}
    if weighted:
        v = generator.random(CLASSES) + 0.1
        weighting["weights"] = tensor(v)
        options["weight"] = torch.from_numpy(v)
    if positive != "none":
        w = generator.random(1 if positive == "one for all" else CLASSES) * 5
        weighting["positive_weights"] = tensor(w)
        options["pos_weight"] = torch.from_numpy(w)
    loss = {"activation": "ACTIVATION_SIGMOID", "class_weighting": weighting}
    y = torch.from_numpy(labels)
    compare(lossd, lambda z: F.binary_cross_entropy_with_logits(z, y, **options), logits, labels,
            loss, reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", ((SAMPLES,), (3, 4, CLASSES)))
def test_binary_cross_entropy_of_other_shapes(lossd, shape, reduction):
    generator, logits = draw(11, shape)
    labels = generator.integers(2, size=shape)
    y = torch.from_numpy(labels.astype(np.float64))
    compare(lossd, lambda z: F.binary_cross_entropy_with_logits(z, y, reduction=reduction),
            logits, labels, {"activation": "ACTIVATION_SIGMOID"}, reduction=reduction)


def test_class_ids_beside_sigmoid_logits_are_one_hot(lossd):
    """[N] integers beside [N, C] logits; label C: all negative."""
    generator, logits = draw(12)
    labels = generator.integers(CLASSES + 1, size=SAMPLES)
    y = torch.from_numpy(np.eye(CLASSES + 1)[labels][:, :CLASSES])
    compare(lossd, lambda z: F.binary_cross_entropy_with_logits(z, y, reduction="none"), logits,
            labels, {"activation": "ACTIVATION_SIGMOID"}, reduction="none")


# --- Kullback–Leibler, squared error -------------------------------------------------------------


@pytest.mark.parametrize("reduction", ("none", "sum", "batchmean"))
def test_kl_divergence(lossd, reduction):
    generator, logits = draw(13)
    targets = soft_targets(generator, logits.shape)
    y = torch.from_numpy(targets)

    def peer(z):
        value = F.kl_div(z.log_softmax(-1), y, reduction=reduction)
        return value.sum(-1) if reduction == "none" else value

    compare(lossd, peer, logits, targets, {"kl_divergence": {}},
            reduction={"batchmean": "mean"}.get(reduction, reduction))


def test_mean_kl_divergence_is_over_samples_not_elements(lossd):
    """PyTorch's own "mean" divides by N·C, which is no mean of divergences, as its documentation
    warns; lossd's MEAN is "batchmean"."""
    generator, logits = draw(14)
    targets = soft_targets(generator, logits.shape)
    y = torch.from_numpy(targets)
    with pytest.warns(UserWarning, match="batchmean"):
        peer, _ = autograd(lambda z: F.kl_div(z.log_softmax(-1), y, reduction="mean"), logits)
    answer = lossd.compute(logits, targets, {"kl_divergence": {}}, reduction="mean")
    assert_close(answer.loss, CLASSES * peer, ROUNDINGS)


@pytest.mark.parametrize("activation", ("SOFTMAX", "SIGMOID"))
def test_squared_error(lossd, activation):
    generator, logits = draw(15)
    targets = soft_targets(generator, logits.shape)
    y = torch.from_numpy(targets)

    def peer(z):
        p = z.softmax(-1) if activation == "SOFTMAX" else z.sigmoid()
        return F.mse_loss(p, y, reduction="none").sum(-1) if activation == "SOFTMAX" else \
            F.mse_loss(p, y, reduction="none")

    # The gradient is what is left of p_j (d_j − Σ p d), terms of up to 1.
    compare(lossd, peer, logits, targets,
            {"activation": "ACTIVATION_" + activation, "squared_error": {}}, reduction="none")


# --- 16-bit floats -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ("float16", "bfloat16"))
def test_16_bit_logits_are_rounded_once(lossd, name):
    """The gradient is that of the 16-bit logits, computed wide, and rounded once to nearest
    even."""
    import ml_dtypes

    dtype, torch_dtype, bits = {
        "float16": (np.float16, torch.float16, 11),
        "bfloat16": (ml_dtypes.bfloat16, torch.bfloat16, 8),
    }[name]
    generator, logits = draw(16, (64, 9))
    z = logits.astype(dtype)
    labels = generator.integers(9, size=64)
    y = torch.from_numpy(labels)
    wide = z.astype(np.float64)
    value, gradient = autograd(lambda x: F.cross_entropy(x, y, reduction="none"), wide)
    answer = lossd.compute(z, labels, gradient=True)
    assert answer.gradient.dtype == dtype and answer.losses.dtype == np.float32
    assert_close(answer.losses, value, ROUNDINGS, dtype=np.float32, what="losses")

    # Half a unit in the last place, and float32's own error before that rounding; below the
    # smallest normal number the unit stays what it is there.
    tiny = float(torch.finfo(torch_dtype).tiny)
    unit = 2.0 ** (np.floor(np.log2(np.maximum(np.abs(gradient), tiny))) + 1 - bits)
    error = np.abs(answer.gradient.astype(np.float64) - gradient)
    bound = unit / 2 + ROUNDINGS * np.finfo(np.float32).eps * np.abs(gradient).max()
    assert (error <= bound).all(), (error - bound).max()
    rounded = torch.from_numpy(gradient).to(torch_dtype).double().numpy()
    same = answer.gradient.astype(np.float64) == rounded
    # Only where the exact value lies within float32's error of the middle of two may they differ.
    assert same.mean() > 0.99, same.mean()


# --- Margins -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("classes", (2, CLASSES, 100))
def test_margins_of_class_ids(lossd, classes, dtype):
    generator, logits = draw(61, (SAMPLES, classes))
    logits = logits.astype(dtype)
    labels = generator.integers(classes, size=SAMPLES)
    z, y = torch.from_numpy(logits), torch.from_numpy(labels)[:, None]
    others = z.scatter(1, y, -torch.inf).amax(1)
    answer = lossd.compute(logits, labels, margin=True)
    np.testing.assert_array_equal(answer.margin, (z.gather(1, y)[:, 0] - others).numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_margins_of_binary_labels(lossd, dtype):
    generator, logits = draw(62)
    logits = logits.astype(dtype)
    labels = generator.integers(2, size=logits.shape)
    z = torch.from_numpy(logits)
    expected = torch.where(torch.from_numpy(labels) == 1, z, -z)
    answer = lossd.compute(logits, labels, {"activation": "ACTIVATION_SIGMOID"}, margin=True)
    np.testing.assert_array_equal(answer.margin, expected.numpy())
