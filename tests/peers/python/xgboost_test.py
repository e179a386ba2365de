"""lossd against the gradients of XGBoost's own objectives, and XGBoost trained with lossd's focal
loss."""

import json

import numpy as np
import pytest
import sklearn.metrics
import xgboost

from lossd_client import assert_close

FLOOR = 1e-16


# --- XGBoost's own objectives --------------------------------------------------------------------


def xgboost_derivatives(objective, margins, label, **parameters):
    """Gradient and Hessian of one sample that an objective gives to the trees.

    They are not in XGBoost's interface, but one round of training on one sample shows them: its
    tree is one leaf, whose value is −gradient / Hessian and whose cover is the Hessian.
    """
    data = xgboost.DMatrix(np.zeros((1, 1)), label=[label])
    data.set_base_margin(np.asarray(margins, dtype=np.float32).reshape(1, -1))
    booster = xgboost.train(
        {"objective": objective, "eta": 1, "lambda": 0, "alpha": 0, "min_child_weight": 0,
         "max_delta_step": 0, "base_score": 0.5, "nthread": 1, **parameters},
        data, num_boost_round=1)
    leaves = [json.loads(tree) for tree in booster.get_dump(dump_format="json", with_stats=True)]
    hessian = np.array([leaf["cover"] for leaf in leaves])
    return -np.array([leaf["leaf"] for leaf in leaves]) * hessian, hessian


LOGITS = np.float32([-20, -3.5, -0.7, 0, 0.3, 2, 11, 17])


@pytest.mark.parametrize("label", (0, 1))
def test_logistic(lossd, label):
    for z in LOGITS:
        gradient, hessian = xgboost_derivatives("binary:logistic", [z], label)
        answer = lossd.compute(
            np.array([z]), np.array([label]), {"activation": "ACTIVATION_SIGMOID"},
            hessian_diagonal=True, hessian_mode="HESSIAN_MODE_POSITIVE")
        # XGBoost's p is a float32 near 1: its error is one of p, not of the small 1 − p.
        assert_close(answer.gradient, gradient, 4, scale=1, dtype=np.float32, what=f"gradient, {z}")
        assert_close(answer.hessian, hessian, 4, scale=1, dtype=np.float32, what=f"Hessian, {z}")
        assert answer.hessian >= FLOOR and hessian >= FLOOR * 0.99


def test_scale_pos_weight_is_the_positive_weight(lossd):
    for z in LOGITS:
        for label in (0, 1):
            gradient, hessian = xgboost_derivatives(
                "binary:logistic", [z], label, scale_pos_weight=7)
            answer = lossd.compute(
                np.array([z]), np.array([label]),
                {"activation": "ACTIVATION_SIGMOID",
                 "class_weighting": {"positive_weights": {"float_values": [7]}}},
                hessian_diagonal=True)
            assert_close(answer.gradient, gradient, 4, scale=7, dtype=np.float32)
            assert_close(answer.hessian, hessian, 4, scale=7, dtype=np.float32)


def test_softprob_has_twice_the_hessian(lossd):
    """The same gradients p − y; but XGBoost takes 2p(1 − p) for the Hessian, twice the second
    derivative, which lossd's is: a step by lossd's Hessian is twice as long, as if eta was."""
    generator = np.random.default_rng(81)
    for _ in range(20):
        margins = 3 * generator.standard_normal(5).astype(np.float32)
        label = generator.integers(5)
        gradient, hessian = xgboost_derivatives("multi:softprob", margins, label, num_class=5)
        answer = lossd.compute(margins[None], np.array([label]), hessian_diagonal=True)
        assert_close(answer.gradient[0], gradient, 8, scale=1, dtype=np.float32, what="gradient")
        assert_close(2 * answer.hessian[0], hessian, 8, scale=1, dtype=np.float32, what="Hessian")
        p = np.exp(margins.astype(np.float64) - margins.max())
        p /= p.sum()
        assert_close(answer.hessian[0], p * (1 - p), 8, scale=1, dtype=np.float32)


# --- lossd's focal loss as XGBoost's objective ---------------------------------------------------


class FocalObjective:
    """A custom objective for xgboost.train; keeps the least Hessian that it gave."""

    def __init__(self, lossd, loss, mode="HESSIAN_MODE_POSITIVE"):
        self.lossd, self.loss, self.mode = lossd, loss, mode
        self.least_hessian = np.inf
        self.mean_losses = []

    def __call__(self, margins, data):
        answer = self.lossd.compute(
            margins.astype(np.float32), data.get_label().astype(np.int64), self.loss,
            hessian_diagonal=True, hessian_mode=self.mode)
        self.least_hessian = min(self.least_hessian, answer.hessian.min())
        self.mean_losses.append(answer.loss / len(margins))
        return answer.gradient, answer.hessian


def test_multiclass_focal_boosting(lossd, shuttle):
    """Ten rounds on the 43,500 rows of Shuttle, seven classes of which the rarest has ten rows."""
    (x, y), (x_test, y_test) = shuttle
    objective = FocalObjective(lossd, {"focal": {"gamma": 2}})
    train = xgboost.DMatrix(x, label=y)
    booster = xgboost.train(
        {"num_class": 7, "max_depth": 4, "eta": 0.5, "min_child_weight": 0, "base_score": 0,
         "disable_default_eval_metric": True, "nthread": 2, "seed": 1},
        train, num_boost_round=10, obj=objective)
    margins = booster.predict(xgboost.DMatrix(x_test), output_margin=True)
    predicted = margins.argmax(-1)
    accuracy = sklearn.metrics.accuracy_score(y_test, predicted)
    balanced_accuracy = sklearn.metrics.balanced_accuracy_score(y_test, predicted)
    print(f"accuracy {accuracy:.4f}, balanced {balanced_accuracy:.4f}, losses "
          f"{objective.mean_losses[0]:.4f} to {objective.mean_losses[-1]:.2e}, least Hessian "
          f"{objective.least_hessian:.3g}")
    assert objective.least_hessian >= FLOOR
    assert len(objective.mean_losses) == 10
    assert objective.mean_losses[-1] < objective.mean_losses[0] / 20
    assert accuracy > 0.99
    assert balanced_accuracy > 0.8


def test_binary_focal_boosting(lossd, shuttle):
    """The 171 rows of the third rarest class against all others; focal's α as in the paper."""
    (x, y), (x_test, y_test) = shuttle
    rare = 3
    objective = FocalObjective(lossd, {
        "activation": "ACTIVATION_SIGMOID", "focal": {"gamma": 1.5},
        "class_weighting": {"alpha": 0.75}})
    booster = xgboost.train(
        {"max_depth": 4, "eta": 0.5, "min_child_weight": 0, "base_score": 0,
         "disable_default_eval_metric": True, "nthread": 2, "seed": 1},
        xgboost.DMatrix(x, label=y == rare), num_boost_round=15, obj=objective)
    scores = booster.predict(xgboost.DMatrix(x_test), output_margin=True)
    precision = sklearn.metrics.average_precision_score(y_test == rare, scores)
    print(f"average precision {precision:.4f} of {np.mean(y_test == rare):.5f} positives, least "
          f"Hessian {objective.least_hessian:.3g}")
    assert objective.least_hessian >= FLOOR
    assert objective.mean_losses[-1] < objective.mean_losses[0] / 20
    assert precision > 0.9


def test_the_exact_hessian_of_focal_is_negative_somewhere(lossd):
    """Focal loss is not convex: what POSITIVE is for. A confident and wrong sample's Hessian is
    below 0, and a sum of such would turn the leaf's step around."""
    margins = np.float32([[-6, 0, 0]])
    for mode, positive in (("HESSIAN_MODE_EXACT", False), ("HESSIAN_MODE_POSITIVE", True)):
        answer = lossd.compute(margins, np.array([0]), {"focal": {"gamma": 2}},
                               hessian_diagonal=True, hessian_mode=mode)
        assert (answer.hessian > 0).all() == positive, (mode, answer.hessian)


def test_boosting_goes_on_where_everything_is_learned(lossd):
    """At margins of ±200 focal's own Hessian is 0 to the last bit; the floor keeps leaves
    finite."""
    data = xgboost.DMatrix(np.arange(8.0)[:, None], label=[0, 0, 0, 0, 1, 1, 1, 1])
    data.set_base_margin(np.where(data.get_label() == 1, 200, -200))
    objective = FocalObjective(lossd, {"activation": "ACTIVATION_SIGMOID", "focal": {}})
    booster = xgboost.train(
        {"eta": 1, "lambda": 0, "min_child_weight": 0, "disable_default_eval_metric": True}, data,
        num_boost_round=3, obj=objective)
    assert objective.least_hessian >= FLOOR
    assert np.float32(objective.least_hessian) > 0
    assert np.isfinite(booster.predict(data, output_margin=True)).all()
