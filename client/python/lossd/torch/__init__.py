"""Losses to train with in PyTorch.

    import lossd.torch

    criterion = lossd.torch.FocalLoss(gamma=2)
    criterion(model(x), labels).backward()

Each form of the catalogue is a function, focal(logits, labels, gamma=2), and a module, FocalLoss(gamma=2); loss() and
Loss take any LossSpec. All take loss()'s options. The forms of a ratio, ppo(log_probs, advantages, old_log_probs=old)
and PpoLoss, take log-probabilities in place of logits; policy() and PolicyLoss take any LossSpec of them.
"""

from lossd._default import default_client
from lossd.torch._module import Loss, loss
from lossd.torch.forms import (
    AsymmetricLoss,
    CrossEntropyLoss,
    FocalLoss,
    FocalStarLoss,
    GeneralizedCrossEntropyLoss,
    JensenShannonLoss,
    KlDivergenceLoss,
    Poly1Loss,
    QualityFocalLoss,
    SquaredErrorLoss,
    SymmetricCrossEntropyLoss,
    VarifocalLoss,
    asymmetric,
    cross_entropy,
    focal,
    focal_star,
    generalized_cross_entropy,
    jensen_shannon,
    kl_divergence,
    poly1,
    quality_focal,
    squared_error,
    symmetric_cross_entropy,
    varifocal,
)
from lossd.torch.policy_forms import (
    CispoLoss,
    DppoLoss,
    DroLoss,
    ImportanceSamplingLoss,
    PolicyLoss,
    PpoLoss,
    SapoLoss,
    cispo,
    dppo,
    dro,
    importance_sampling,
    policy,
    ppo,
    reinforce,
    sapo,
)

__all__ = [
    "AsymmetricLoss",
    "CispoLoss",
    "CrossEntropyLoss",
    "DppoLoss",
    "DroLoss",
    "FocalLoss",
    "FocalStarLoss",
    "GeneralizedCrossEntropyLoss",
    "ImportanceSamplingLoss",
    "JensenShannonLoss",
    "KlDivergenceLoss",
    "Loss",
    "PolicyLoss",
    "Poly1Loss",
    "PpoLoss",
    "QualityFocalLoss",
    "SapoLoss",
    "SquaredErrorLoss",
    "SymmetricCrossEntropyLoss",
    "VarifocalLoss",
    "asymmetric",
    "cispo",
    "cross_entropy",
    "default_client",
    "dppo",
    "dro",
    "focal",
    "focal_star",
    "generalized_cross_entropy",
    "importance_sampling",
    "jensen_shannon",
    "kl_divergence",
    "loss",
    "policy",
    "poly1",
    "ppo",
    "quality_focal",
    "reinforce",
    "sapo",
    "squared_error",
    "symmetric_cross_entropy",
    "varifocal",
]
