#!/usr/bin/env bash
# xgboost 3.2.0 (xgboost-cpu): the logloss that objective binary:logitraw reports is no log loss,
# and in the end it is negative. Margins go into the metric as if they were probabilities. It
# rises while the model gets better, so that early stopping, which watches it by default, stops
# after one round.
#
# Expected: the log loss of the margins' sigmoid, as binary:logistic reports it.
#
# Seen on 2026-11-29, 200 rounds of the same model:
#   round 1: reported 0.566, of the sigmoid 0.513
#   round 10: reported 1.430, of the sigmoid 0.208
#   round 200: reported -0.884, of the sigmoid 0.091
#   early stopping after 3 rounds without progress: best round 1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'xgboost-cpu==3.2.0' 'numpy==2.4.6'

seen=$("$work/venv/bin/python" - <<'PYTHON'
import numpy as np
import xgboost

generator = np.random.default_rng(0)
features = generator.standard_normal((2000, 3))
labels = features[:, 0] + 0.3 * generator.standard_normal(2000) > 0
data = xgboost.DMatrix(features, labels)


def train(**more):
    history = {}
    model = xgboost.train(
        {"objective": "binary:logitraw", "max_depth": 3, "nthread": 1}, data, 200,
        evals=[(data, "train")], evals_result=history, verbose_eval=False, **more)
    return model, history["train"]["logloss"]


model, reported = train()
for rounds in (1, 10, 200):
    margins = model.predict(data, iteration_range=(0, rounds))
    actual = np.logaddexp(0, np.where(labels, -margins, margins)).mean()
    print(f"round {rounds}: reported {reported[rounds - 1]:.3f}, of the sigmoid {actual:.3f}")
best = train(early_stopping_rounds=3)[0].best_iteration + 1
print(f"early stopping after 3 rounds without progress: best round {best}")
PYTHON
)
echo "$seen"
[[ $seen == "round 1: reported 0.566, of the sigmoid 0.513
round 10: reported 1.430, of the sigmoid 0.208
round 200: reported -0.884, of the sigmoid 0.091
early stopping after 3 rounds without progress: best round 1" ]]
