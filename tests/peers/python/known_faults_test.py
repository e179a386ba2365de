"""Faults that users met in other libraries, each named in public, and what lossd does there.

Each test shows the fault first, in the installed library or, where that one has it no longer or was
never a package, in the formula that the issue shows; then lossd's answer, against 60 digits or by
hand. Issues are named owner/repository#number where the repository is not the library's own.
"""

import jax
import keras
import numpy as np
import optax
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight
from torchvision.ops import sigmoid_focal_loss

from lossd_client import Refusal, assert_close, tensor, weights
from sixty_digits import Case, sigmoid_derivatives, softmax_derivatives
from torch_test import autograd

SIGMOID = {"activation": "ACTIVATION_SIGMOID"}


def floats(values):
    return np.array(values, dtype=object).astype(np.float64)


# --- Focal loss ----------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", (0.1, 0.5, 0.9))
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_gamma_below_1_where_p_t_is_1(lossd, dtype, gamma):
    """kornia#918, optax#1267: the derivative of (1 − p)^γ is 0^(γ−1) there, and so NaN."""
    logits = np.array([[-100, -100, 100, 100, 1000]], dtype=dtype)
    labels = np.array([[0, 1, 0, 1, 1]])
    z = torch.from_numpy(logits).requires_grad_()
    sigmoid_focal_loss(z, torch.from_numpy(labels).to(z), alpha=-1, gamma=gamma).sum().backward()
    assert z.grad.isnan().any()
    assert np.isnan(jax.grad(lambda x: optax.losses.sigmoid_focal_loss(
        x, 1.0, gamma=0.0))(1000.0))

    answer = lossd.compute(logits, labels, {**SIGMOID, "focal": {"gamma": gamma}},
                           hessian_diagonal=True)
    expected = sigmoid_derivatives(
        Case("focal", {"gamma": gamma}), logits[0].tolist(), labels[0].tolist())
    assert answer.non_finite_count == 0
    for actual, values in zip((answer.losses, answer.gradient, answer.hessian), expected):
        values = floats(values)
        values[np.abs(values) < float(np.finfo(dtype).tiny)] = 0
        np.testing.assert_allclose(actual[0], values, rtol=64 * float(np.finfo(dtype).eps),
                                   atol=float(np.finfo(dtype).tiny))


def test_gamma_0_at_a_large_logit(lossd):
    """optax#1267 as reported: γ = 0. of a logit of 1000 has no gradient; it is cross entropy's,
    0."""
    for z in (1000.0, -1000.0):
        answer = lossd.compute(np.array([z]), np.array([1]), {**SIGMOID, "focal": {"gamma": 0.0}},
                               hessian_diagonal=True)
        assert answer.gradient == (0 if z > 0 else -1) and answer.hessian == 0
        assert answer.losses == max(-z, 0)


@pytest.mark.parametrize("z", (15.0, 17.0, 20.0, 40.0))
def test_float32_focal_of_the_sure(lossd, z):
    """1 − p by subtraction in float32: at z = 15 the loss is 37 % off even where the logarithm is
    right (torchvision's over PyTorch 1.13, whose logarithm is not, is 60 % off), and at 17 it is 0.
    How little an easy sample still counts is what focal loss is about."""
    exact, slope, _ = (
        floats(v)[0] for v in sigmoid_derivatives(Case("focal", {"gamma": 2.0}), [z], [1]))
    peer = sigmoid_focal_loss(torch.tensor([z]), torch.tensor([1.0]), alpha=-1, gamma=2).item()
    by_subtraction = (1 - torch.sigmoid(torch.tensor(z))).item() ** 2 * np.log1p(np.exp(-z))
    if z == 15.0:
        assert 0.36 < by_subtraction / exact - 1 < 0.38
        assert 0.3 < peer / exact - 1
    else:
        assert peer == 0 and by_subtraction == 0
    # The rounding of the largest of the exponents, 3z of float32, is all that there is.
    digits = 8 * float(np.finfo(np.float32).eps)
    for logits, labels, loss in (
        (np.float32([z]), np.array([1]), {**SIGMOID, "focal": {"gamma": 2}}),
        (np.float32([[z, 0]]), np.array([0]), {"focal": {"gamma": 2}}),
    ):
        answer = lossd.compute(logits, labels, loss)
        tiny = np.finfo(np.float32).tiny
        np.testing.assert_allclose(answer.losses, [exact], rtol=digits, atol=tiny)
        np.testing.assert_allclose(answer.gradient.flat[0], slope, rtol=digits, atol=tiny)


@pytest.mark.parametrize("activation", ("sigmoid", "softmax"))
def test_confidently_wrong_samples_keep_their_gradient(lossd, activation):
    """tensorflow/addons#693: focal loss of probabilities clipped to [ε, 1 − ε] has a gradient of 0
    where the clipping acts, for the very samples that focal loss is for."""
    z = -20.0
    if activation == "sigmoid":
        peer = keras.losses.BinaryFocalCrossentropy(gamma=2.0, from_logits=True)
        labels, logits = np.float32([[1]]), np.float32([[z]])
        ours = lossd.compute(logits, labels.astype(np.int64), {**SIGMOID, "focal": {"gamma": 2}})
    else:
        peer = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True)
        labels, logits = np.float32([[1, 0]]), np.float32([[z, 0]])
        ours = lossd.compute(logits, np.array([0]), {"focal": {"gamma": 2}})
    value = peer(labels, logits)
    gradient = np.asarray(jax.grad(lambda x: peer(labels, x))(logits))
    # −ln ε of Keras's 1e-7, and nothing pulls: what is left is the slope of the focal factor.
    assert_close(value, -np.log(1e-7), 1000, dtype=np.float32)
    assert (np.abs(gradient) < 1e-6).all()

    _, slope, _ = sigmoid_derivatives(Case("focal", {"gamma": 2.0}), [z], [1])
    assert_close(ours.loss, 20.0, 4, dtype=np.float32)
    assert_close(ours.gradient.flat[0], floats(slope)[0], 4, dtype=np.float32)
    assert -1.001 < ours.gradient.flat[0] < -0.999


@pytest.mark.parametrize("activation", ("softmax", "sigmoid"))
def test_class_weights_do_not_leak_into_p_t(lossd, activation):
    """gokulprasadthekkel/pytorch-multi-class-focal-loss#1 and many copies of it: p_t = exp(−CE) of
    a cross entropy that has the weights in it already is p_t^v."""
    v, gamma = np.array([4.0, 0.5, 1.0]), 2.0
    logits, labels = np.array([[1.0, 0.2, -0.5], [0.0, 1.0, 0.5]]), np.array([0, 1])
    cross = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels), reduction="none",
                            weight=torch.from_numpy(v)).numpy()
    leaking = (1 - np.exp(-cross)) ** gamma * cross
    if activation == "softmax":
        loss = {"focal": {"gamma": gamma}, "class_weighting": weights(v)}
        plain = lossd.compute(logits, labels, {"focal": {"gamma": gamma}})
        weighted = lossd.compute(logits, labels, loss)
        assert (np.abs(weighted.losses / leaking - 1) > 0.2).all()
        p_t = np.exp(-cross / v[labels])
        assert_close(weighted.losses, -v[labels] * (1 - p_t) ** gamma * np.log(p_t), 64)
        assert_close(weighted.losses, v[labels] * plain.losses, 4)
        assert_close(weighted.gradient, v[labels][:, None] * plain.gradient, 4)
    else:
        targets = np.eye(3)[labels]
        loss = {**SIGMOID, "focal": {"gamma": gamma}}
        plain = lossd.compute(logits, targets, loss)
        weighted = lossd.compute(logits, targets, {**loss, "class_weighting": weights(v)})
        assert_close(weighted.losses, v * plain.losses, 4)
        assert_close(weighted.gradient, v * plain.gradient, 4)
    asked = {"class_statistics": True}
    assert_close(
        lossd.compute(logits, labels, {"class_weighting": weights(v)}, **asked)
        .message.class_statistics.mean_true_probability,
        lossd.compute(logits, labels, **asked).message.class_statistics.mean_true_probability, 0)


# --- Means ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("around", (
    {}, {"label_smoothing": 0.1}, {"class_weighting": weights([1, 2, 3])}, {"focal": {}}),
    ids=("nothing", "label smoothing", "class weights", "focal"))
def test_the_mean_of_a_batch_that_is_all_ignored(lossd, around):
    """pytorch#70348: 0/0, and a NaN in the weights of the model after the next step."""
    logits = np.random.default_rng(91).standard_normal((4, 3))
    labels = np.full(4, -100)
    peer, gradient = autograd(lambda z: F.cross_entropy(z, torch.from_numpy(labels)), logits)
    assert np.isnan(peer) and not np.isnan(gradient).all()
    for reduction in ("mean", "mean_valid", "sum", "none"):
        answer = lossd.compute(logits, labels, {"ignore_index": -100, **around},
                               reduction=reduction, hessian_diagonal=True)
        assert answer.loss == 0 and answer.valid_count == 0 and answer.weight_sum == 0
        assert (answer.losses == 0).all()
        assert (answer.gradient == 0).all() and (answer.hessian == 0).all()


def test_weight_smoothing_and_ignore_index_together(lossd):
    """pytorch#69339, #73205, #91383: ignored samples in the smoothing term and its divisor, or an
    index error. Here a batch with ignored samples is the batch without them, bit for bit."""
    generator = np.random.default_rng(92)
    logits, labels = generator.standard_normal((30, 4)), generator.integers(4, size=30)
    ignored = generator.random(30) < 0.3
    labels[ignored] = -100
    v = generator.random(4) + 0.1
    loss = {"class_weighting": weights(v), "label_smoothing": 0.2}
    for reduction in ("none", "sum", "mean", "mean_valid"):
        answer = lossd.compute(logits, labels, {**loss, "ignore_index": -100}, reduction=reduction)
        without = lossd.compute(logits[~ignored], labels[~ignored], loss, reduction=reduction)
        assert_close(answer.loss, without.loss, 4)
        assert answer.weight_sum == without.weight_sum
        assert (answer.losses[~ignored] == without.losses).all()
        assert (answer.losses[ignored] == 0).all() and (answer.gradient[ignored] == 0).all()
        assert_close(answer.gradient[~ignored], without.gradient, 4)
    log_p = torch.from_numpy(logits[~ignored]).log_softmax(-1).numpy()
    y = 0.8 * np.eye(4)[labels[~ignored]] + 0.05
    by_hand = -(v * y * log_p).sum() / v[labels[~ignored]].sum()
    loss["ignore_index"] = -100
    assert_close(lossd.compute(logits, labels, loss, reduction="mean").loss, by_hand, 64)


def test_which_of_weight_and_smoothing_comes_first(lossd):
    """pytorch#104776: class weights act on the smoothed target, so that a heavy class draws the
    optimum to it however small ε is, as the report's two classes of weight 0.01 and 0.99 show.
    lossd does as PyTorch does and says so. Who wants the label's weight on the whole smoothed loss
    gives it as the sample's."""
    logits, labels, v = np.array([[3.0, 0.0]]), np.array([0]), np.array([0.01, 0.99])
    log_p = torch.from_numpy(logits).log_softmax(-1).numpy()[0]
    smoothed = np.array([0.95, 0.05])
    peer, _ = autograd(lambda z: F.cross_entropy(
        z, torch.from_numpy(labels), weight=torch.from_numpy(v), label_smoothing=0.1,
        reduction="none"), logits)
    on_the_target = lossd.compute(
        logits, labels, {"class_weighting": weights(v), "label_smoothing": 0.1})
    on_the_sample = lossd.compute(
        logits, labels, {"label_smoothing": 0.1}, sample_weights=v[labels])
    assert_close(peer, [-(v * smoothed * log_p).sum()], 64)
    assert_close(on_the_target.losses, peer, 64)
    assert on_the_target.gradient[0, 0] > 0  # away from the label
    assert_close(on_the_sample.losses, [-v[0] * (smoothed * log_p).sum()], 64)


@pytest.mark.parametrize("weighted", (False, True))
@pytest.mark.parametrize("split", ((1, 39), (10, 10, 10, 10), (3, 17, 1, 19)))
def test_micro_batches_and_ranks_add_up(lossd, split, weighted):
    """transformers#34191: the mean of micro-batches' means is not the batch's mean where they hold
    different numbers of tokens. With `normalizer` each row's gradient is the whole batch's, bit for
    bit, and the losses add up to their rounding."""
    generator = np.random.default_rng(93)
    logits = 2 * generator.standard_normal((40, 6, 11))
    labels = generator.integers(11, size=(40, 6))
    for row, length in enumerate(generator.integers(1, 7, size=40)):
        labels[row, length:] = -100
    loss = {"ignore_index": -100, "label_smoothing": 0.1}
    if weighted:
        loss["class_weighting"] = weights(generator.random(11) + 0.1)
    whole = lossd.compute(logits, labels, loss, reduction="mean")

    edges = np.cumsum((0,) + split)
    parts = [(logits[a:b], labels[a:b]) for a, b in zip(edges, edges[1:])]
    means = [lossd.compute(*part, loss, reduction="mean") for part in parts]
    assert abs(np.mean([m.loss for m in means]) / whole.loss - 1) > 1e-3
    # A first pass over the parts tells this; ranks add up as many numbers.
    divisor = sum(m.weight_sum for m in means)
    assert_close(divisor, whole.weight_sum, 64)
    answers = [lossd.compute(*part, loss, reduction="mean", normalizer=whole.weight_sum)
               for part in parts]
    gradient = np.concatenate([answer.gradient for answer in answers])
    np.testing.assert_array_equal(gradient, whole.gradient)
    assert_close(sum(answer.loss for answer in answers), whole.loss, 64)


# --- Logits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ("cross_entropy", "focal", "kl_divergence", "poly1",
                                  "generalized_cross_entropy"))
def test_minus_infinity_on_a_class_without_target(lossd, form):
    """optax#896: 0 · −inf is NaN; a masked class's logit is −inf and its target 0. PyTorch's soft
    targets have the same fault."""
    logits = np.array([[1.0, -np.inf, 0.0], [-np.inf, 2.0, -np.inf]])
    labels = np.array([[0.7, 0.0, 0.3], [0.0, 1.0, 0.0]])
    assert np.isnan(optax.losses.softmax_cross_entropy(logits, labels)).any() or np.isnan(
        jax.grad(lambda z: optax.losses.softmax_cross_entropy(z, labels).sum())(logits)).any()
    y = torch.from_numpy(labels)
    peer, _ = autograd(lambda z: F.cross_entropy(z, y, reduction="none"), logits)
    assert np.isnan(peer).all()

    answer = lossd.compute(logits, labels, {form: {}}, hessian_diagonal=True)
    case = Case(form, {"focal": {"gamma": 2.0}, "poly1": {"epsilon": 1.0},
                       "generalized_cross_entropy": {"q": 0.7}}.get(form, {}))
    assert answer.non_finite_count == 0
    for row, (z, t) in enumerate(zip(logits.tolist(), labels.tolist())):
        loss, gradient, hessian = softmax_derivatives(case, z, t)
        assert_close(answer.losses[row], float(loss), 64, scale=1)
        assert_close(answer.gradient[row], floats(gradient), 64, scale=1)
        assert_close(answer.hessian[row], floats(hessian), 64, scale=1)


def test_minus_infinity_on_a_class_of_weight_0(lossd):
    """The same 0 · −inf by way of a class weight: smoothing puts a target on every class, the
    weight of 0 takes it away again."""
    logits, labels, v = np.array([[1.0, -np.inf, 0.0]]), np.array([0]), np.array([1.0, 0.0, 1.0])
    peer, _ = autograd(lambda z: F.cross_entropy(
        z, torch.from_numpy(labels), weight=torch.from_numpy(v), label_smoothing=0.1,
        reduction="sum"), logits)
    assert np.isnan(peer)
    answer = lossd.compute(logits, labels, {"class_weighting": weights(v), "label_smoothing": 0.1})
    log_p = torch.tensor([1.0, 0.0], dtype=torch.float64).log_softmax(-1).numpy()
    y = np.array([0.9 + 0.1 / 3, 0.1 / 3])
    assert_close(answer.losses, [-(y * log_p).sum()], 64)
    assert answer.non_finite_count == 0 and np.isfinite(answer.gradient).all()


@pytest.mark.parametrize("form", ("cross_entropy", "focal", "squared_error", "jensen_shannon"))
@pytest.mark.parametrize("labels", ("class ids", "soft"))
def test_a_large_common_offset(lossd, labels, form):
    """1e6 added to all logits changes nothing. log p = z − logsumexp(z) loses what is small beside
    1e6, here all but three digits of an easy sample's loss. (Logits in 1/1024: the sum is
    exact.)"""
    generator = np.random.default_rng(94)
    logits = np.round(1024 * 5 * generator.standard_normal((20, 6))) / 1024
    logits[:, 0] += 18
    targets = np.zeros(20, dtype=np.int64)
    if labels == "soft":
        targets = 0.9 * np.eye(6)[targets] + 0.1 / 6
    z = torch.from_numpy(logits + 1e6)
    naive = (z.logsumexp(-1) - z[:, 0]).numpy()
    near = lossd.compute(logits, targets, {form: {}}, hessian_diagonal=True)
    far = lossd.compute(logits + 1e6, targets, {form: {}}, hessian_diagonal=True)
    np.testing.assert_array_equal(far.losses, near.losses)
    np.testing.assert_array_equal(far.gradient, near.gradient)
    np.testing.assert_array_equal(far.hessian, near.hessian)
    if form == "cross_entropy" and labels == "class ids":
        assert np.abs(naive / near.losses - 1).max() > 1e-4
        exact = [float(softmax_derivatives(Case(form), z, 0)[0]) for z in logits.tolist()]
        np.testing.assert_allclose(far.losses, exact, rtol=64 * np.finfo(np.float64).eps)


# --- Labels and counts ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", (-1, 3, 255, -100, 2**31, 2**32 + 1, 2**63 - 1, -(2**63)))
def test_labels_out_of_range(lossd, bad):
    """pytorch#43840; and #32049, #49882, #66872, #108148: on some devices and with some reductions
    an out-of-range label was no error, but garbage or ignored. jax answers NaN or, for a negative
    one, counts from the end. (PyTorch ignores −100 unasked; lossd ignores what it is told.) lossd
    names the label and the range, and goes on serving."""
    logits = np.zeros((4, 3))
    labels = np.array([0, 1, bad, 2])
    if bad in (-1, 3):
        peer = np.asarray(optax.losses.softmax_cross_entropy_with_integer_labels(
            np.float64([[0, 1, 2]]), np.array([bad])))
        assert peer.shape == (1,)  # no error of any kind
    for options in ({}, {"focal": {"gamma": 2}}, {"ignore_index": 7}, {"label_smoothing": 0.1}):
        with pytest.raises(Refusal) as refused:
            lossd.compute(logits, labels, options)
        assert refused.value.code == "INVALID_ARGUMENT"
        assert f"labels[2] = {bad}" in str(refused.value) and "[0, 3)" in str(refused.value)
        assert any(field.startswith("labels") for field in refused.value.fields)
    assert lossd.compute(logits, np.array([0, 1, 2, 2])).valid_count == 4


def test_labels_out_of_range_in_images_and_small_types(lossd):
    labels = np.zeros((2, 4, 5), dtype=np.uint8)
    labels[1, 2, 3] = 255
    with pytest.raises(Refusal, match="255 is not in") as refused:
        lossd.compute(np.zeros((2, 3, 4, 5)), labels, class_axis=1)
    assert refused.value.code == "INVALID_ARGUMENT"
    answer = lossd.compute(np.zeros((2, 3, 4, 5)), labels, {"ignore_index": 255}, class_axis=1)
    assert answer.valid_count == 39
    for bad in (np.nan, -0.1, 1.1, np.inf):
        with pytest.raises(Refusal) as refused:
            lossd.compute(np.zeros(3), np.array([0.0, bad, 1.0]), SIGMOID)
        assert refused.value.code == "INVALID_ARGUMENT" and "labels" in str(refused.value)


def test_zero_counts_in_class_weights(lossd):
    """scikit-learn#32941: a class whose samples weigh 0 gets a balanced weight of inf."""
    labels, s = np.array([0, 0, 1, 1, 2]), np.array([1.0, 1.0, 0.0, 0.0, 3.0])
    with np.errstate(divide="ignore"):
        peer = compute_class_weight("balanced", classes=np.arange(3), y=labels, sample_weight=s)
    assert np.isinf(peer[1])
    answers = (lossd.class_weights(labels=tensor(labels), sample_weights=tensor(s)),
               lossd.class_weights(counts=tensor(np.array([2.0, 0.0, 3.0]))))
    for answer in answers:
        assert list(answer.empty_classes) == [1]
        assert len(answer.weights) == 6
        for scheme in answer.weights:
            assert np.isfinite(scheme.values).all() and scheme.values[1] == 0
        # N / (C n) over the two classes that are there.
        assert_close(answer.weights[0].values, [5 / (2 * 2), 0, 5 / (2 * 3)], 4)
    nothing = lossd.class_weights(counts=tensor(np.zeros(3)))
    assert list(nothing.empty_classes) == [0, 1, 2]
    assert all((np.array(scheme.values) == 0).all() for scheme in nothing.weights)
