"""Losses of ratios and their derivatives, of log-probabilities and of logits, against finite differences in 60 digits."""

import dataclasses
import itertools
import zlib

import mpmath
import numpy as np
import pytest
from mpmath import mpf

from policy_digits import FORMS, KLS, Held, PolicyCase, Token, derivatives
from sixty_digits import first_and_second

# Relative to the largest of the terms that a number is the sum of.
TOLERANCE = 2e-14
CAPS = (None, 0.75)


def draw_tokens(generator, count):
    """Tokens whose policies are close, far apart, and now and then the same."""
    u = -generator.exponential(size=count) * generator.choice([1e-3, 1, 5], size=count) - 1e-6
    spread = generator.choice([1e-6, 0.1, 1, 6], size=(2, count))
    old, reference = np.minimum(u + spread * generator.normal(size=(2, count)), -1e-7)
    return np.stack([u, old, reference, generator.normal(size=count) * 2], axis=1)


def draw_case(generator, form):
    coefficient, estimator, reverse = KLS[generator.integers(len(KLS))]
    return PolicyCase(
        form, FORMS[form][generator.integers(len(FORMS[form]))], by_kl=form == "dppo" and generator.random() < 0.5,
        cap=CAPS[generator.integers(2)], coefficient=coefficient, estimator=estimator, reverse=reverse)  # fmt: skip


def loss_spec(case, activation):
    spec = {"activation": "ACTIVATION_" + activation, case.form: dict(case.parameters)}
    if case.by_kl:
        spec["dppo"]["divergence"] = "DPPO_DIVERGENCE_KL"
    spec["ratio"] = {} if case.cap is None else {"log_ratio_cap": case.cap}
    if case.log_ratio is not None:
        spec["ratio"]["level"] = "RATIO_LEVEL_SEQUENCE"
    if case.coefficient:
        spec["kl_penalty"] = {
            "coefficient": case.coefficient, "estimator": "KL_ESTIMATOR_" + case.estimator,
            "gradient": "KL_GRADIENT_" + ("REVERSE_KL" if case.reverse else "ESTIMATOR")}  # fmt: skip
    return spec


def rollout_of(case, tokens, shape):
    names = {"old_log_probs": 1, "advantages": 3} | ({"reference_log_probs": 2} if case.coefficient else {})
    return {name: np.ascontiguousarray(tokens[:, k]).reshape(shape) for name, k in names.items()}


def assert_digits(actual, expected, terms, what):
    for k, (a, e, scale) in enumerate(zip(np.ravel(actual), expected, terms)):
        assert np.isfinite(a), f"{what}[{k}]: {a}"
        error = abs(mpf(float(a)) - e)
        assert error <= TOLERANCE * scale, f"{what}[{k}]: {a!r}, expected {float(e)!r}, off by {float(error):.2e}"


def scale_of(case, token):
    """What the terms of φ and of its derivatives may be as large as."""
    u, old, reference, a = dataclasses.astuple(token)
    r = np.exp(max(0, u - old)) if case.log_ratio is None else np.exp(max(0.0, float(case.log_ratio)))
    x, t = abs(u - old), abs(reference - u)
    k = case.coefficient * r * (1 + t + t * t + np.exp(min(t, reference - u)))
    beta = case.parameters.get("beta", 0)
    bend = 1 + r * max(case.parameters.get("tau_positive", 0), case.parameters.get("tau_negative", 0))
    return abs(a) * (max(r, 1) * bend + abs(u)) * (1 + abs(u)) + beta * (1 + x) ** 2 + k


def check_tokens(lossd, case, tokens, shape, cases=None):
    answer = lossd.compute(
        tokens[:, 0].reshape(shape).copy(), None, loss_spec(case, "LOG_PROBABILITY"), hessian_diagonal=True,
        rollout=rollout_of(case, tokens, shape))  # fmt: skip
    rows = [Token(*row) for row in tokens.tolist()]
    cases = cases or [case] * len(rows)
    expected = list(zip(*(derivatives(each, token) for each, token in zip(cases, rows))))
    terms = [scale_of(each, token) for each, token in zip(cases, rows)]
    for name, values in zip(("losses", "gradient", "hessian"), expected):
        assert_digits(getattr(answer, name), values, terms, f"{name} of {case}, {tokens.tolist()}")


@pytest.mark.parametrize("form", FORMS)
def test_log_probabilities(lossd, form):
    generator = np.random.default_rng(zlib.crc32(form.encode()))
    for _ in range(20):
        check_tokens(lossd, draw_case(generator, form), draw_tokens(generator, 8), (8,))


@pytest.mark.parametrize("form", ["importance_sampling", "ppo", "sapo"])
def test_ratios_of_sequences(lossd, form):
    """The value is the sequence's, whose mean log-ratio is held, and the derivative the token's."""
    generator = np.random.default_rng(zlib.crc32(b"sequences " + form.encode()))
    for _ in range(5):
        tokens = draw_tokens(generator, 8)
        tokens[:, 1] = np.maximum(tokens[:, 1], tokens[:, 0] - 2)
        case = PolicyCase(form, FORMS[form][0])
        x = [mpf(u) - mpf(old) for u, old in tokens[:, :2].tolist()]
        means = [sum(x[:4]) / 4, sum(x[4:]) / 4]
        cases = [dataclasses.replace(case, log_ratio=means[k // 4]) for k in range(8)]
        check_tokens(lossd, cases[0], tokens, (2, 4), cases)


def log_softmax(z, label):
    return z[label] - mpmath.log(sum(mpmath.exp(zk) for zk in z))


def log_sigmoid(z, label):
    return -mpmath.log(1 + mpmath.exp(-z[0] if label else z[0]))


def differences_by_logits(case, token, z, label, log_p):
    """The derivatives of the loss by each logit."""
    held = Held(case, token)
    held.u = log_p(z, label)
    held.r = held.ratio(held.u)

    def loss(moved):
        u = log_p(moved, label)
        return held.phi(u) + mpf(case.coefficient) * held.estimate(u)

    return [first_and_second(lambda x, j=j: loss(z[:j] + [x] + z[j + 1 :]), z[j]) for j in range(len(z))]


@pytest.mark.parametrize(("form", "activation"), itertools.product(FORMS, ("SOFTMAX", "SIGMOID")))
def test_logits(lossd, form, activation):
    generator = np.random.default_rng(zlib.crc32(f"{form} {activation}".encode()))
    classes, log_p = (3, log_softmax) if activation == "SOFTMAX" else (1, log_sigmoid)
    for _ in range(5):
        case = dataclasses.replace(draw_case(generator, form), reverse=False)
        logits = 2 * generator.normal(size=(6, classes))
        labels = generator.integers(max(2, classes), size=6)
        tokens = np.zeros((6, 4))
        for k, (z, label) in enumerate(zip(logits.tolist(), labels.tolist())):
            u = float(log_p([mpf(v) for v in z], label))
            tokens[k] = (u, *np.minimum(u + generator.normal(size=2), -1e-4), generator.normal())
        given = logits if classes > 1 else logits[:, 0]
        answer = lossd.compute(given, labels, loss_spec(case, activation), hessian_diagonal=True,
                               rollout=rollout_of(case, tokens, (6,)))  # fmt: skip
        for k, (z, label) in enumerate(zip(logits.tolist(), labels.tolist())):
            token = Token(*tokens[k].tolist())
            found = differences_by_logits(case, token, [mpf(v) for v in z], label, log_p)
            terms = [5 * scale_of(case, token)] * classes
            what = f"{case}, {token}, z {z}, label {label}"
            assert_digits(answer.gradient[k], [first for first, _ in found], terms, f"gradient of {what}")
            assert_digits(answer.hessian[k], [second for _, second in found], terms, f"Hessian of {what}")


