"""Losses to train with in PyTorch.

    import lossd.torch

    criterion = lossd.torch.FocalLoss(gamma=2)
    criterion(model(x), labels).backward()

Each form of the catalogue is a function, focal(logits, labels, gamma=2), and a module, FocalLoss(gamma=2); loss() and
Loss take any LossSpec. All take loss()'s options.
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

__all__ = [
    "AsymmetricLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "FocalStarLoss",
    "GeneralizedCrossEntropyLoss",
    "JensenShannonLoss",
    "KlDivergenceLoss",
    "Loss",
    "Poly1Loss",
    "QualityFocalLoss",
    "SquaredErrorLoss",
    "SymmetricCrossEntropyLoss",
    "VarifocalLoss",
    "asymmetric",
    "cross_entropy",
    "default_client",
    "focal",
    "focal_star",
    "generalized_cross_entropy",
    "jensen_shannon",
    "kl_divergence",
    "loss",
    "poly1",
    "quality_focal",
    "squared_error",
    "symmetric_cross_entropy",
    "varifocal",
]
