"""lossd's focal loss with soft_target_rule BLENDED against torchvision's sigmoid_focal_loss."""

import numpy as np
import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from lossd_client import assert_close

ROUNDINGS = 64


def focal(gamma, alpha):
    loss = {
        "activation": "ACTIVATION_SIGMOID",
        "focal": {"gamma": gamma, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"},
    }
    if alpha is not None:
        loss["class_weighting"] = {"alpha": alpha}
    return loss


def peer(logits, labels, gamma, alpha, reduction="none"):
    z = torch.from_numpy(logits).requires_grad_()
    value = sigmoid_focal_loss(
        z, torch.from_numpy(labels), alpha=-1 if alpha is None else alpha, gamma=gamma,
        reduction=reduction)
    value.sum().backward()
    return value.detach().numpy(), z.grad.numpy()


@pytest.mark.parametrize("reduction", ("none", "sum", "mean"))
@pytest.mark.parametrize("gamma", (0.0, 0.5, 2.0, 3.7))
@pytest.mark.parametrize("alpha", (None, 0.25, 1.0))
@pytest.mark.parametrize("targets", ("hard", "soft"))
def test_sigmoid_focal_loss(lossd, targets, alpha, gamma, reduction):
    generator = np.random.default_rng(21)
    logits = 3 * generator.standard_normal((24, 5))
    labels = generator.random(logits.shape)
    if targets == "hard":
        labels = (labels < 0.3).astype(np.float64)
    value, gradient = peer(logits, labels, gamma, alpha, reduction)
    answer = lossd.compute(logits, labels, focal(gamma, alpha), reduction=reduction)
    actual = answer.losses if reduction == "none" else answer.loss
    assert_close(actual, value, ROUNDINGS, what="loss")
    # torchvision's 1 − p_t has an absolute error of an epsilon, which γ < 1 raises to a root of it
    # times the slope: at |z| ≤ 12, p_t leaves at least 6e-6 of it.
    assert_close(answer.gradient, gradient, ROUNDINGS if gamma >= 1 or gamma == 0 else 1e5,
                 what="gradient")


def test_the_rules_differ_on_soft_targets_alone(lossd):
    """PER_CLASS has a factor for each side, BLENDED (torchvision's, optax's) one for both."""
    logits = np.array([1.5])
    p = 1 / (1 + np.exp(-1.5))
    for target in (0.0, 1.0, 0.4):
        labels = np.array([target])
        value, _ = peer(logits, labels, 2.0, None)
        blended = lossd.compute(logits, labels, focal(2.0, None)).losses
        per_class = lossd.compute(
            logits, labels, {"activation": "ACTIVATION_SIGMOID", "focal": {}}).losses
        assert_close(blended, value, ROUNDINGS)
        by_hand = -target * (1 - p) ** 2 * np.log(p) - (1 - target) * p**2 * np.log(1 - p)
        assert_close(per_class, [by_hand], ROUNDINGS)
        assert (abs(per_class - blended) > 0.01).all() == (target == 0.4)
