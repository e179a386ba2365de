"""A million rows for XGBoost."""

import time

import numpy as np
import xgboost

import lossd
import lossd.xgboost
from claim import Claim

ROWS, CLASSES = 1_000_000, 7


def softmax(z):
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def million(address):
    random = np.random.default_rng(3)
    features, labels = random.standard_normal((ROWS, 4), np.float32), random.integers(CLASSES, size=ROWS)
    data = xgboost.DMatrix(features, label=labels)
    margins = random.standard_normal((ROWS, CLASSES), np.float32)
    with lossd.Client(address) as client:
        objective = lossd.xgboost.Objective("cross_entropy", client=client)
        begin = time.monotonic()
        gradient, hessian = objective(margins, data)
        seconds = time.monotonic() - begin
        xgboost.train({"num_class": CLASSES, "base_score": 0, "max_depth": 2, "disable_default_eval_metric": True},
                      data, num_boost_round=2, obj=objective)
    p = softmax(margins.astype(np.float64))
    expected = p.copy()
    expected[np.arange(ROWS), labels] -= 1
    furthest = max(np.abs(gradient - expected).max(), np.abs(hessian - p * (1 - p)).max())
    return [Claim(f"a million rows × {CLASSES} classes through the objective of XGBoost, {seconds:.2f} s: furthest "
                  "gradient or Hessian from NumPy's in float64", f"{furthest:.1e}", "≤ 1e-6", furthest <= 1e-6)]
