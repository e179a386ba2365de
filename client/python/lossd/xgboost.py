"""Objectives for XGBoost.

    import lossd.xgboost

    booster = xgboost.train(
        {"num_class": 7, "base_score": 0, "disable_default_eval_metric": True},
        xgboost.DMatrix(features, label=labels, weight=weights),
        obj=lossd.xgboost.Objective({"focal": {"gamma": 2}}))
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

from lossd import boosters
from lossd.results import Array

__all__ = ["Objective"]


class Objective(boosters.Objective):
    """A loss as `obj` of xgboost.train, or as `objective` of XGBClassifier.

    loss: a name or LossSpec's fields as a dict. client: a lossd.Client; None is to LOSSD_ADDRESS, or to
    localhost:50051. hessian_factor: 2 is what XGBoost's own multi:softprob has.

    Margins [N, K] of num_class are a softmax's unless the loss says sigmoid, [N] a sigmoid's. The DMatrix's weights are
    passed on; XGBoost itself does not give them to an objective.
    """

    def __call__(self, first: Array, second: Any, sample_weight: Optional[Array] = None) -> Tuple[Array, Array]:
        """Returns gradient and Hessian: of margins and a DMatrix, as xgboost.train calls, or of labels, margins and
        weights, as XGBClassifier does."""
        if hasattr(second, "get_label"):
            given = second.get_weight()
            return self.derivatives(first, second.get_label(), given if len(given) else None)
        return self.derivatives(second, first, sample_weight)
