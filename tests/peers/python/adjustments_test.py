"""What acts around a loss (logit adjustments, mining, softcap, temperature, z-loss) against the
papers' formulas in float64 PyTorch with autograd, and the factors that the papers detach
detached."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from lossd_client import Refusal, assert_close, tensor, weights
from torch_test import autograd

ROUNDINGS = 64
SAMPLES, CLASSES = 40, 6
COUNTS = np.array([5000.0, 700.0, 90.0, 40.0, 9.0, 1.0])


def draw(seed, spread=2.0):
    generator = np.random.default_rng(seed)
    return (generator, spread * generator.standard_normal((SAMPLES, CLASSES)),
            generator.integers(CLASSES, size=SAMPLES))


def compare(lossd, function, logits, labels, loss, reduction="none", roundings=ROUNDINGS,
            **keywords):
    value, gradient = autograd(function, logits)
    answer = lossd.compute(logits, labels, loss, reduction=reduction, **keywords)
    actual = answer.losses if reduction == "none" else answer.loss
    assert_close(actual, value, roundings, what="loss")
    assert_close(answer.gradient, gradient, roundings, what="gradient")
    return answer


def adjustment(name, **parameters):
    return {"logit_adjustment": {name: {"counts": tensor(COUNTS), **parameters}}}


# --- Logit adjustments ---------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ("none", "sum", "mean"))
@pytest.mark.parametrize("tau", (1.0, 1.5, 0.0))
def test_logit_adjustment(lossd, tau, reduction):
    """Menon et al. 2021; τ = 1 is Ren et al.'s balanced softmax."""
    _, logits, labels = draw(51)
    y, shift = torch.from_numpy(labels), torch.from_numpy(tau * np.log(COUNTS / COUNTS.sum()))
    compare(lossd, lambda z: F.cross_entropy(z + shift, y, reduction=reduction), logits, labels,
            adjustment("prior", tau=tau), reduction)


def test_balanced_softmax_is_the_softmax_of_the_counts(lossd):
    """As Ren et al. write it, n_k exp(z_k) / Σ n_j exp(z_j); the default τ."""
    _, logits, labels = draw(52)
    y, n = torch.from_numpy(labels), torch.from_numpy(COUNTS)

    def balanced(z):
        p = n * z.exp() / (n * z.exp()).sum(-1, keepdim=True)
        return -p.gather(-1, y[:, None])[:, 0].log()

    compare(lossd, balanced, logits, labels, adjustment("prior"))


@pytest.mark.parametrize("weighted", (False, True))
@pytest.mark.parametrize("max_margin, scale", ((0.5, 30.0), (0.8, 1.0)))
def test_label_distribution_aware_margin(lossd, max_margin, scale, weighted):
    """LDAM, Cao et al. 2019: margins in proportion to n^−¼, the largest max_margin; then scale; and
    with its deferred re-weighting, class weights."""
    generator, logits, labels = draw(53, spread=0.5)
    y = torch.from_numpy(labels)
    margins = COUNTS**-0.25
    margins = torch.from_numpy(margins * max_margin / margins.max())
    loss = adjustment("margin", max_margin=max_margin, scale=scale)
    v = None
    if weighted:
        v = torch.from_numpy(generator.random(CLASSES) + 0.1)
        loss["class_weighting"] = weights(v.numpy())

    def ldam(z):
        shifted = z - F.one_hot(y, CLASSES) * margins[y][:, None]
        return F.cross_entropy(scale * shifted, y, weight=v)

    # Logits 30 times as large are rounded 30 times as coarsely.
    compare(lossd, ldam, logits, labels, loss, "mean", roundings=30 * ROUNDINGS)


@pytest.mark.parametrize("p, q", ((0.8, 2.0), (0.8, 0.0), (0.0, 2.0), (1.5, 0.5)))
def test_seesaw(lossd, p, q):
    """Wang et al. 2021: mitigation (n_j/n_t)^p where n_j < n_t, compensation (σ_j/σ_t)^q where
    σ_j > σ_t, both multiplying exp(z_j) in the denominator, detached."""
    _, logits, labels = draw(54)
    y, n, eps = torch.from_numpy(labels), torch.from_numpy(COUNTS), 0.01

    def seesaw(z):
        sigma = z.detach().softmax(-1)
        mitigation = (n[None, :] / n[y][:, None]).clamp(max=1) ** p
        sigma_t = sigma.gather(-1, y[:, None]).clamp(min=eps)
        compensation = (sigma / sigma_t).clamp(min=1) ** q
        factor = torch.where(F.one_hot(y, CLASSES).bool(), torch.ones_like(z),
                             mitigation * compensation)
        z_t = z.gather(-1, y[:, None])[:, 0]
        return -z_t + (factor * z.exp()).sum(-1).log()

    compare(lossd, seesaw, logits, labels, adjustment("seesaw", p=p, q=q, eps=eps))


def test_focal_through_a_prior(lossd):
    _, logits, labels = draw(55)
    y, shift = torch.from_numpy(labels), torch.from_numpy(np.log(COUNTS / COUNTS.sum()))

    def focal(z):
        u = (z + shift).log_softmax(-1).gather(-1, y[:, None])[:, 0]
        return -((1 - u.exp()) ** 1.5) * u

    # 1 − p_t by subtraction, of a p_t of up to 1 − 1e-4.
    compare(lossd, focal, logits, labels, {"focal": {"gamma": 1.5}, **adjustment("prior")},
            roundings=1e4)


# --- Softcap, temperature, z-loss ----------------------------------------------------------------


@pytest.mark.parametrize("softcap", (0.0, 5.0, 30.0))
@pytest.mark.parametrize("temperature", (1.0, 0.5, 4.0))
@pytest.mark.parametrize("z_loss", (0.0, 1e-4, 0.1))
def test_softcap_temperature_and_z_loss(lossd, softcap, temperature, z_loss):
    """Softcap first (Gemma 2), then temperature; z-loss (PaLM) of the final logits."""
    _, logits, labels = draw(56, spread=6.0)
    y = torch.from_numpy(labels)

    def loss(z):
        if softcap:
            z = softcap * torch.tanh(z / softcap)
        z = z / temperature
        return F.cross_entropy(z, y) + z_loss * (z.logsumexp(-1) ** 2).mean()

    compare(lossd, loss, logits, labels,
            {"softcap": softcap, "temperature": temperature, "z_loss": z_loss}, "mean")


def test_the_class_weight_does_not_act_on_z_loss_the_sample_weight_does(lossd):
    generator, logits, labels = draw(57)
    y = torch.from_numpy(labels)
    v, s = generator.random(CLASSES) + 0.1, generator.random(SAMPLES)
    v_t, s_t = torch.from_numpy(v), torch.from_numpy(s)

    def loss(z):
        return s_t * (F.cross_entropy(z, y, weight=v_t, reduction="none")
                      + 0.1 * z.logsumexp(-1) ** 2)

    answer = compare(lossd, loss, logits, labels,
                     {"class_weighting": weights(v), "z_loss": 0.1}, sample_weights=s)
    assert_close(answer.weight_sum, (s * v[labels]).sum(), ROUNDINGS)


# --- Mining --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ("none", "sum", "mean", "mean_valid"))
@pytest.mark.parametrize("keep", ({"keep_fraction": 0.25}, {"keep_count": 7}, {"keep_count": 1000},
                                  {"keep_fraction": 1e-9}))
def test_online_hard_example_mining(lossd, keep, reduction):
    """OHEM, Shrivastava et al. 2016: the mean over the hardest alone."""
    _, logits, labels = draw(58)
    y = torch.from_numpy(labels)
    count = min(keep.get("keep_count", max(1, int(keep.get("keep_fraction", 1) * SAMPLES + 0.5))),
                SAMPLES)

    def ohem(z):
        losses = F.cross_entropy(z, y, reduction="none")
        if reduction == "none":
            kept = torch.zeros(SAMPLES, dtype=torch.float64)
            kept[losses.detach().topk(count).indices] = 1
            return losses * kept
        hardest = losses.topk(count).values
        return hardest.sum() if reduction == "sum" else hardest.mean()

    answer = compare(lossd, ohem, logits, labels, {"mining": {"hardest": keep}}, reduction)
    assert answer.valid_count == count


def test_hardest_is_ranked_by_the_weighted_loss(lossd):
    generator, logits, labels = draw(59)
    s, y = generator.random(SAMPLES), torch.from_numpy(labels)

    def ohem(z):
        return (torch.from_numpy(s) * F.cross_entropy(z, y, reduction="none")).topk(10).values.sum()

    compare(lossd, ohem, logits, labels, {"mining": {"hardest": {"keep_count": 10}}}, "sum",
            sample_weights=s)


@pytest.mark.parametrize("probability, min_kept", ((0.7, 0), (0.05, 0), (0.05, 12), (1e-9, 0)))
def test_ohem_of_segmentation(lossd, probability, min_kept):
    """The samples with p_t below a threshold, at least min_kept: of images, the class axis
    second."""
    generator = np.random.default_rng(60)
    logits = 2 * generator.standard_normal((2, CLASSES, 5, 4))
    labels = generator.integers(CLASSES, size=(2, 5, 4))
    labels[0, 0] = 255
    y = torch.from_numpy(labels)

    def ohem(z):
        losses = F.cross_entropy(z, y, ignore_index=255, reduction="none").flatten()
        valid = (y != 255).flatten()
        p_t = torch.where(valid, (-losses).exp().detach(), torch.full_like(losses, 2))
        kept = p_t < probability
        if kept.sum() < min_kept:
            kept = torch.zeros_like(valid)
            kept[p_t.topk(min_kept, largest=False).indices] = True
        return losses[kept].sum() / max(int(kept.sum()), 1)

    compare(lossd, ohem, logits, labels,
            {"ignore_index": 255,
             "mining": {"below": {"probability": probability, "min_kept": min_kept}}},
            "mean", class_axis=1)


def harmonized(losses, p_t, bins):
    """Each loss times N / (samples of its bin · non-empty bins), the weight detached."""
    bin_of = ((1 - p_t.detach()) * bins).long().clamp(max=bins - 1)
    in_bin = torch.bincount(bin_of.flatten(), minlength=bins)
    return losses * losses.numel() / (in_bin[bin_of] * (in_bin > 0).sum())


@pytest.mark.parametrize("reduction", ("none", "sum", "mean"))
@pytest.mark.parametrize("bins", (1, 10, 30))
def test_gradient_harmonizing_of_softmax(lossd, bins, reduction):
    """GHM-C, Li et al. 2019; the divisor stays the number of samples."""
    _, logits, labels = draw(61)
    y = torch.from_numpy(labels)

    def ghm(z):
        losses = F.cross_entropy(z, y, reduction="none")
        losses = harmonized(losses, (-losses).exp(), bins)
        return {"none": losses, "sum": losses.sum(), "mean": losses.mean()}[reduction]

    compare(lossd, ghm, logits, labels, {"mining": {"gradient_harmonizing": {"bins": bins}}},
            reduction)


def test_gradient_harmonizing_of_sigmoid(lossd):
    """As in the paper's detector: g = |p − t| of each element."""
    generator, logits, _ = draw(62)
    labels = (generator.random(logits.shape) < 0.2).astype(np.float64)
    y = torch.from_numpy(labels)

    def ghm(z):
        p = z.sigmoid()
        return harmonized(F.binary_cross_entropy_with_logits(z, y, reduction="none"),
                          p * y + (1 - p) * (1 - y), 10)

    compare(lossd, ghm, logits, labels,
            {"activation": "ACTIVATION_SIGMOID", "mining": {"gradient_harmonizing": {}}})


# --- What cannot act is refused ------------------------------------------------------------------


@pytest.mark.parametrize("loss, field", (
    ({"activation": "ACTIVATION_SIGMOID", **adjustment("prior")}, "logit_adjustment"),
    ({"activation": "ACTIVATION_SIGMOID", "z_loss": 0.1}, "z_loss"),
    ({"logit_adjustment": {"prior": {}}}, "counts"),
    ({"logit_adjustment": {"prior": {"counts": tensor(np.ones(3))}}}, "counts"),
    ({"mining": {"hardest": {"keep_fraction": 0.0}}}, "keep_fraction"),
    ({"mining": {"hardest": {}}}, "hardest"),
    ({"mining": {"below": {"probability": 1.5}}}, "probability"),
    ({"mining": {"gradient_harmonizing": {"bins": 0}}}, "bins"),
    ({"softcap": -1.0}, "softcap"),
    ({"temperature": float("nan")}, "temperature"),
))
def test_nonsense_is_refused_by_name(lossd, loss, field):
    _, logits, labels = draw(63)
    targets = labels
    if "activation" in loss:
        targets = np.eye(CLASSES)[labels]
    with pytest.raises(Refusal) as refused:
        lossd.compute(logits, targets, loss)
    assert refused.value.code == "INVALID_ARGUMENT", refused.value
    assert any(field in name for name in refused.value.fields), refused.value.fields


@pytest.mark.parametrize("name", ("margin", "seesaw"))
def test_margins_of_soft_targets_are_refused(lossd, name):
    _, logits, labels = draw(64)
    with pytest.raises(Refusal) as refused:
        lossd.compute(logits, np.eye(CLASSES)[labels], adjustment(name))
    assert refused.value.code == "INVALID_ARGUMENT"


def test_a_label_of_a_class_without_prior_is_refused(lossd):
    _, logits, labels = draw(65)
    labels[3] = 1
    counts = np.array([10.0, 0, 5, 5, 5, 5])
    with pytest.raises(Refusal, match=r"labels\[3\]|labels\[") as refused:
        lossd.compute(logits, labels, {"logit_adjustment": {"prior": {"counts": tensor(counts)}}})
    assert refused.value.code == "INVALID_ARGUMENT"
