"""The listings of client/BOOSTERS.md, run as printed on 217,500 rows, and beside the boosters' own
objectives where those have the same loss."""

import pickle

import numpy as np
import pytest
import sklearn.metrics

import pages

RARE = 3  # The third rarest of the classes: 171 rows of 58,000.
COPIES = 5


@pytest.fixture(scope="module")
def data(shuttle):
    """The demo's training rows five times, with weights: (features, labels, weights)."""
    (features, labels), _ = shuttle
    labels = np.tile(labels, COPIES)
    assert len(labels) >= 200_000
    return np.tile(features, (COPIES, 1)), labels, np.random.default_rng(91).uniform(0.5, 2, len(labels))


def listing(booster, number=0):
    """Returns the code of a booster's listing."""
    blocks = ["\n".join(block.lines) for block in pages.blocks("client/BOOSTERS.md", "python")]
    return [block for block in blocks if f"import {booster}" in block][number]


@pytest.fixture
def run(lossd, monkeypatch):
    # A proxy that is not there: the listings call this machine directly.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("LOSSD_ADDRESS", lossd.address)

    def run_listing(code, features, labels, weights, changes=(), **names):
        """Runs a listing unchanged but for changes of one text into another."""
        for old, new in changes:
            assert code.count(old) == 1, old
            code = code.replace(old, new)
        names |= {"features": features, "labels": labels, "weights": weights}
        exec(code, names)
        return names["booster"]

    return run_listing


CROSS_ENTROPY = ('"focal": {"gamma": 2}', '"cross_entropy": {}')


def balanced(scores, labels):
    return sklearn.metrics.balanced_accuracy_score(labels, np.argmax(scores, -1))


def test_xgboost(run, data, shuttle):
    import xgboost
    _, (x, y) = shuttle
    booster = run(listing("xgboost"), *data)
    assert balanced(booster.predict(xgboost.DMatrix(x), output_margin=True), y) > 0.95


def test_xgboost_binary(run, data, shuttle):
    import xgboost
    (features, labels, weights), (_, (x, y)) = data, shuttle
    booster = run(listing("xgboost", 1), features, labels == RARE, weights)
    scores = booster.predict(xgboost.DMatrix(x), output_margin=True)
    assert sklearn.metrics.average_precision_score(y == RARE, scores) > 0.9


def test_xgboost_binary_is_the_built_in_with_weights_and_a_start(run, data):
    import xgboost
    features, labels, weights = data
    start = np.random.default_rng(92).standard_normal(len(labels)).astype(np.float32)
    booster = run(listing("xgboost", 1), features, labels == RARE, weights,
                  (CROSS_ENTROPY, ("weight=weights)", "weight=weights, base_margin=start)")), start=start)
    rows = xgboost.DMatrix(features, label=labels == RARE, weight=weights, base_margin=start)
    built_in = xgboost.train({"objective": "binary:logistic", "max_depth": 4, "eta": 0.5,
                              "min_child_weight": 0, "base_score": 0.5}, rows, num_boost_round=10)
    difference = booster.predict(rows, output_margin=True) - built_in.predict(rows, output_margin=True)
    assert np.quantile(np.abs(difference), 0.999) < 1e-3


def check_same(ours, theirs, labels):
    """Checks scores of the same rows: their log losses agree in all digits that are printed, and more."""
    link = softmax if ours.ndim > 1 else lambda scores: 1 / (1 + np.exp(-scores))
    one, other = (sklearn.metrics.log_loss(labels, link(scores)) for scores in (ours, theirs))
    assert f"{one:.5f}" == f"{other:.5f}"
    assert one == pytest.approx(other, rel=1e-6)


@pytest.fixture(params=[False, True], ids=["", "weighted"])
def rows(request, shuttle):
    """The demo's training rows once, with weights or without: (features, labels, weights)."""
    (features, labels), _ = shuttle
    return features, labels, np.random.default_rng(91).uniform(0.5, 2, len(labels)) if request.param else None


def test_xgboost_is_the_built_in_to_the_last_digit(run, rows, shuttle):
    import xgboost
    (features, labels, weights), (_, (x, y)) = rows, shuttle
    ours = run(listing("xgboost"), *rows, (('{"focal": {"gamma": 2}})', '"cross_entropy", hessian_factor=2)'),))
    built_in = xgboost.train({"objective": "multi:softprob", "num_class": 7, "max_depth": 4, "eta": 0.5,
                              "min_child_weight": 0, "base_score": 0},
                             xgboost.DMatrix(features, label=labels, weight=weights), num_boost_round=10)
    check_same(*(booster.predict(xgboost.DMatrix(x), output_margin=True) for booster in (ours, built_in)), y)


def test_a_nan_margin_is_told(run, data):
    features, labels, weights = data
    start = np.zeros(len(labels), np.float32)
    start[-7] = np.nan
    with pytest.raises(ValueError, match="give 1 of 217500 losses that are not finite"):
        run(listing("xgboost", 1), features, labels == RARE, weights,
            (("weight=weights)", "weight=weights, base_margin=start)"),), start=start)


def test_lightgbm(run, data, shuttle):
    _, (x, y) = shuttle
    assert balanced(run(listing("lightgbm"), *data).predict(x), y) > 0.95


def lightgbm_s_own(objective, features, labels, weights, **more):
    import lightgbm
    return lightgbm.train(
        {"objective": objective, "num_leaves": 15, "learning_rate": 0.5, "min_sum_hessian_in_leaf": 0, "lambda_l2": 1,
         "verbose": -1, "boost_from_average": False, **more},
        lightgbm.Dataset(features, label=labels, weight=weights), num_boost_round=10)


def test_lightgbm_is_the_built_in_to_the_last_digit(run, rows, shuttle):
    _, (x, y) = shuttle
    ours = run(listing("lightgbm"), *rows, (('{"focal": {"gamma": 2}})', '"cross_entropy", hessian_factor=7 / 6)'),))
    built_in = lightgbm_s_own("multiclass", *rows, num_class=7)
    check_same(ours.predict(x), built_in.predict(x, raw_score=True), y)


def test_lightgbm_binary_is_the_built_in_to_the_last_digit(run, rows, shuttle):
    (features, labels, weights), (_, (x, y)) = rows, shuttle
    ours = run(listing("lightgbm"), features, labels == RARE, weights, (CROSS_ENTROPY, ('"num_class": 7, ', "")))
    built_in = lightgbm_s_own("binary", features, labels == RARE, weights)
    check_same(ours.predict(x), built_in.predict(x, raw_score=True), y == RARE)


def test_scikit_learn(run, data, shuttle):
    _, (x, y) = shuttle
    assert balanced(run(listing("lossd.lightgbm", 1), *data).predict(x), y) > 0.95


@pytest.mark.parametrize("weighted", [False, True])
def test_xgboost_s_classifier(lossd, monkeypatch, shuttle, weighted):
    import xgboost
    from lossd.xgboost import Objective
    monkeypatch.setenv("LOSSD_ADDRESS", lossd.address)
    (features, labels), (x, y) = shuttle
    weights = np.where(labels == RARE, 1.0, 0.5) if weighted else None
    classifier = xgboost.XGBClassifier(objective=Objective("focal"), n_estimators=5, max_depth=4, base_score=0,
                                       min_child_weight=0)
    classifier.fit(features, labels, sample_weight=weights)
    scores = classifier.get_booster().predict(xgboost.DMatrix(x), output_margin=True)
    assert balanced(scores, y) > 0.9
    pickle.loads(pickle.dumps(classifier))


def softmax(scores):
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def test_catboost(run, data, shuttle):
    (features, labels, weights), (_, (x, y)) = data, shuttle
    booster = run(listing("catboost"), features, (labels == RARE).astype(int), weights)
    assert sklearn.metrics.average_precision_score(y == RARE, booster.predict(x)) > 0.9


def test_catboost_is_the_built_in_to_the_last_digit(run, rows, shuttle):
    import catboost
    (features, labels, weights), (_, (x, y)) = rows, shuttle
    labels = (labels == RARE).astype(int)
    ours = run(listing("catboost"), features, labels, weights, (CROSS_ENTROPY,))
    built_in = catboost.CatBoost(
        {"loss_function": "Logloss", "iterations": 10, "learning_rate": 0.5, "depth": 4, "verbose": False,
         "allow_writing_files": False, "boost_from_average": False})
    built_in.fit(catboost.Pool(features, labels, weight=weights))
    check_same(ours.predict(x), built_in.predict(x), y == RARE)
