"""Objectives for LightGBM.

    import lossd.lightgbm

    booster = lightgbm.train(
        {"objective": lossd.lightgbm.Objective({"focal": {"gamma": 2}}), "num_class": 7, "lambda_l2": 1},
        lightgbm.Dataset(features, label=labels, weight=weights))
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from lossd import boosters
from lossd.results import Array

__all__ = ["Objective"]


class Objective(boosters.Objective):
    """A loss as `objective` of lightgbm.train's parameters, or of LGBMClassifier.

    loss: a name or LossSpec's fields as a dict. client: a lossd.Client; None is to LOSSD_ADDRESS, or to
    localhost:50051. hessian_factor: K / (K − 1) is what LightGBM's own multi-class objective has.

    Scores [N, K] of num_class are a softmax's unless the loss says sigmoid, [N] a sigmoid's. They start at 0, or at
    Dataset(init_score=…), and `predict` gives them raw: take their argmax or softmax.
    """

    def __call__(self, first: Array, second: Any, sample_weight: Optional[Array] = None) -> Tuple[Array, Array]:
        """Returns gradient and Hessian: of scores and a Dataset, as lightgbm.train calls, or of labels, scores and
        weights, as LGBMClassifier does."""
        if hasattr(second, "get_label"):
            return self.derivatives(first, second.get_label(), second.get_weight())
        return self.derivatives(second, first, sample_weight)
