"""Each form of the catalogue: a function and a module. LossSpec in loss_spec.proto has the whole formulas and ranges.

All take the arguments of lossd.torch.loss, the modules those that do not belong to a batch. Those of softmax take
teacher_logits=… in place of labels.
"""

from __future__ import annotations

from typing import Any, Optional

from torch import Tensor

from lossd.torch._module import Loss, loss


def cross_entropy(logits: Tensor, labels: Optional[Tensor] = None, **options: Any) -> Tensor:
    """−Σ a_k ln p_k. Softmax, or with activation="sigmoid" each logit by itself."""
    return loss(logits, labels, {"cross_entropy": {}}, **options)


class CrossEntropyLoss(Loss):
    """cross_entropy() as a module."""

    def __init__(self, **options: Any) -> None:
        super().__init__({"cross_entropy": {}}, **options)


def focal(
    logits: Tensor,
    labels: Optional[Tensor] = None,
    *,
    gamma: float = 2.0,
    soft_target_rule: Optional[str] = None,
    **options: Any,
) -> Tensor:
    """Σ a_k (1 − p_k)^γ (−ln p_k): easy samples weigh little. γ = 0 is cross entropy. Lin et al., ICCV 2017."""
    return loss(logits, labels, {"focal": {"gamma": gamma, "soft_target_rule": soft_target_rule}}, **options)


class FocalLoss(Loss):
    """focal() as a module."""

    def __init__(self, *, gamma: float = 2.0, soft_target_rule: Optional[str] = None, **options: Any) -> None:
        super().__init__({"focal": {"gamma": gamma, "soft_target_rule": soft_target_rule}}, **options)


def squared_error(logits: Tensor, labels: Optional[Tensor] = None, **options: Any) -> Tensor:
    """v̄ Σ (p_k − y_k)², the Brier score."""
    return loss(logits, labels, {"squared_error": {}}, **options)


class SquaredErrorLoss(Loss):
    """squared_error() as a module."""

    def __init__(self, **options: Any) -> None:
        super().__init__({"squared_error": {}}, **options)


def kl_divergence(logits: Tensor, labels: Optional[Tensor] = None, **options: Any) -> Tensor:
    """Σ a_k (ln y_k − ln p_k): cross entropy less the target's entropy."""
    return loss(logits, labels, {"kl_divergence": {}}, **options)


class KlDivergenceLoss(Loss):
    """kl_divergence() as a module."""

    def __init__(self, **options: Any) -> None:
        super().__init__({"kl_divergence": {}}, **options)


def poly1(logits: Tensor, labels: Optional[Tensor] = None, *, epsilon: float = 1.0, **options: Any) -> Tensor:
    """Σ a_k (−ln p_k + ε (1 − p_k)). Leng et al., ICLR 2022."""
    return loss(logits, labels, {"poly1": {"epsilon": epsilon}}, **options)


class Poly1Loss(Loss):
    """poly1() as a module."""

    def __init__(self, *, epsilon: float = 1.0, **options: Any) -> None:
        super().__init__({"poly1": {"epsilon": epsilon}}, **options)


def generalized_cross_entropy(
    logits: Tensor,
    labels: Optional[Tensor] = None,
    *,
    q: float = 0.7,
    **options: Any,
) -> Tensor:
    """Σ a_k (1 − p_k^q) / q: robust to label noise. Zhang and Sabuncu, NeurIPS 2018."""
    return loss(logits, labels, {"generalized_cross_entropy": {"q": q}}, **options)


class GeneralizedCrossEntropyLoss(Loss):
    """generalized_cross_entropy() as a module."""

    def __init__(self, *, q: float = 0.7, **options: Any) -> None:
        super().__init__({"generalized_cross_entropy": {"q": q}}, **options)


def symmetric_cross_entropy(
    logits: Tensor,
    labels: Optional[Tensor] = None,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    **options: Any,
) -> Tensor:
    """v̄ (α·CE + β·RCE), where log_zero stands for ln 0. Wang et al., ICCV 2019."""
    form = {"alpha": alpha, "beta": beta, "log_zero": log_zero}
    return loss(logits, labels, {"symmetric_cross_entropy": form}, **options)


class SymmetricCrossEntropyLoss(Loss):
    """symmetric_cross_entropy() as a module."""

    def __init__(self, *, alpha: float = 0.1, beta: float = 1.0, log_zero: float = -4.0, **options: Any) -> None:
        super().__init__({"symmetric_cross_entropy": {"alpha": alpha, "beta": beta, "log_zero": log_zero}}, **options)


def asymmetric(
    logits: Tensor,
    labels: Tensor,
    *,
    gamma_positive: float = 0.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
    detach_focusing: bool = False,
    **options: Any,
) -> Tensor:
    """Multi-label, sigmoid: positives and negatives are focused differently, and negatives below `margin` cost nothing.
    Ridnik et al., ICCV 2021."""
    form = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative, "margin": margin,
            "detach_focusing": detach_focusing}  # fmt: skip
    return loss(logits, labels, {"asymmetric": form}, **options)


class AsymmetricLoss(Loss):
    """asymmetric() as a module."""

    def __init__(
        self,
        *,
        gamma_positive: float = 0.0,
        gamma_negative: float = 4.0,
        margin: float = 0.05,
        detach_focusing: bool = False,
        **options: Any,
    ) -> None:
        form = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative, "margin": margin,
                "detach_focusing": detach_focusing}  # fmt: skip
        super().__init__({"asymmetric": form}, **options)


def quality_focal(logits: Tensor, labels: Tensor, *, beta: float = 2.0, **options: Any) -> Tensor:
    """|y − p|^β · BCE, sigmoid, for targets in [0, 1]. Li et al., NeurIPS 2020."""
    return loss(logits, labels, {"quality_focal": {"beta": beta}}, **options)


class QualityFocalLoss(Loss):
    """quality_focal() as a module."""

    def __init__(self, *, beta: float = 2.0, **options: Any) -> None:
        super().__init__({"quality_focal": {"beta": beta}}, **options)


def varifocal(logits: Tensor, labels: Tensor, *, alpha: float = 0.75, gamma: float = 2.0, **options: Any) -> Tensor:
    """y·BCE where t > 0, else α p^γ · BCE; sigmoid. Zhang et al., CVPR 2021."""
    return loss(logits, labels, {"varifocal": {"alpha": alpha, "gamma": gamma}}, **options)


class VarifocalLoss(Loss):
    """varifocal() as a module."""

    def __init__(self, *, alpha: float = 0.75, gamma: float = 2.0, **options: Any) -> None:
        super().__init__({"varifocal": {"alpha": alpha, "gamma": gamma}}, **options)


def focal_star(logits: Tensor, labels: Tensor, *, gamma: float = 2.0, beta: float = 0.0, **options: Any) -> Tensor:
    """−ln σ(γ s z + β) / γ, sigmoid. Lin et al., ICCV 2017, appendix."""
    return loss(logits, labels, {"focal_star": {"gamma": gamma, "beta": beta}}, **options)


class FocalStarLoss(Loss):
    """focal_star() as a module."""

    def __init__(self, *, gamma: float = 2.0, beta: float = 0.0, **options: Any) -> None:
        super().__init__({"focal_star": {"gamma": gamma, "beta": beta}}, **options)


def _jensen_shannon(beta: float) -> dict[str, Any]:
    return {"jensen_shannon": {} if beta == 0.5 else {"beta": beta}}  # a server of 0.1 has no such field


def jensen_shannon(logits: Tensor, labels: Optional[Tensor] = None, *, beta: float = 0.5, **options: Any) -> Tensor:
    """β KL(y ‖ m) + (1 − β) KL(p ‖ m), m = β y + (1 − β) p, with β in (0, 1): bounded. Targets sum to 1."""
    return loss(logits, labels, _jensen_shannon(beta), **options)


class JensenShannonLoss(Loss):
    """jensen_shannon() as a module."""

    def __init__(self, *, beta: float = 0.5, **options: Any) -> None:
        super().__init__(_jensen_shannon(beta), **options)


def hinge(logits: Tensor, labels: Tensor, *, margin: float = 1.0, **options: Any) -> Tensor:
    """max(0, margin − s z), s = ±1; sigmoid. Cortes and Vapnik, Machine Learning 20, 1995."""
    return loss(logits, labels, {"hinge": {"margin": margin}}, **options)


class HingeLoss(Loss):
    """hinge() as a module."""

    def __init__(self, *, margin: float = 1.0, **options: Any) -> None:
        super().__init__({"hinge": {"margin": margin}}, **options)


def squared_margin(logits: Tensor, labels: Tensor, *, target: float = 1.0, **options: Any) -> Tensor:
    """(s z − target)², s = ±1; sigmoid: IPO, on the margins of pairs. Azar et al., 2023."""
    return loss(logits, labels, {"squared_margin": {"target": target}}, **options)


class SquaredMarginLoss(Loss):
    """squared_margin() as a module."""

    def __init__(self, *, target: float = 1.0, **options: Any) -> None:
        super().__init__({"squared_margin": {"target": target}}, **options)


def reverse_kl_divergence(logits: Tensor, labels: Optional[Tensor] = None, **options: Any) -> Tensor:
    """Σ p_k (ln p_k − ln y_k), for a float target per class; softmax. Gu et al., ICLR 2024."""
    return loss(logits, labels, {"reverse_kl_divergence": {}}, **options)


class ReverseKlDivergenceLoss(Loss):
    """reverse_kl_divergence() as a module."""

    def __init__(self, **options: Any) -> None:
        super().__init__({"reverse_kl_divergence": {}}, **options)
