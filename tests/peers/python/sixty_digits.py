"""The losses of the API by their formulas, and their derivatives by finite differences in 60
digits.

Written from the comments of proto/lossd/v1/loss_spec.proto alone, with one function for softmax and
one for sigmoid: no derivative is written down, and nothing is done about cancellation, for which
the digits leave room. Numbers are mpmath's; a case is a LossSpec in plain Python (see `Case`).
"""

import dataclasses

import mpmath
from mpmath import mpf

# A second difference with a step of 1e-30 loses 60 digits and leaves 60; its own error is the
# square of the step, relative to the loss's fourth derivative.
mpmath.mp.dps = 120
STEP = mpf(10) ** -30


@dataclasses.dataclass
class Case:
    """What a LossSpec says. Lists have an entry for each class; None is unset."""

    form: str
    parameters: dict = dataclasses.field(default_factory=dict)
    blended: bool = False
    detaches: bool = False
    weights: list = None
    alpha: float = None
    positive_weights: list = None
    smoothing: float = 0.0
    temperature: float = 1.0
    softcap: float = 0.0
    z_loss: float = 0.0
    adjustment: str = None  # prior, margin or seesaw
    adjustment_parameters: dict = dataclasses.field(default_factory=dict)
    counts: list = None


def log(x):
    return mpf("-inf") if x == 0 else mpmath.log(x)


def times(a, b):
    """a · b, where a weight of 0 wins over anything."""
    return mpf(0) if a == 0 else a * b


def power(x, exponent):
    return mpf(1) if exponent == 0 else mpf(x) ** exponent


# --- φ(ln p) of the forms that are Σ a_k φ(ln p_k) -----------------------------------------------


def phi(case, u, positive=True, factor=None):
    """`positive`: which side of a sigmoid, for the one form whose sides differ; `factor`: its
    focusing factor, where that is held constant."""
    parameter = {name: mpf(value) for name, value in case.parameters.items()}
    p = mpmath.exp(u)
    if case.form in ("cross_entropy", "kl_divergence"):
        return -u
    if case.form == "focal":
        return -power(1 - p, parameter["gamma"]) * u
    if case.form == "poly1":
        return -u + parameter["epsilon"] * (1 - p)
    if case.form == "generalized_cross_entropy":
        return (1 - power(p, parameter["q"])) / parameter["q"]
    if case.form == "focal_star":
        logit = u - log(1 - p)
        x = parameter["gamma"] * logit + parameter["beta"]
        return mpmath.log(1 + mpmath.exp(-x)) / parameter["gamma"]
    if case.form == "hinge":
        return max(mpf(0), parameter["margin"] - (u - log(1 - p)))
    if case.form == "squared_margin":
        return (u - log(1 - p) - parameter["target"]) ** 2
    if case.form == "asymmetric":
        factor = focusing(case, p, positive) if factor is None else factor
        if positive:
            return -factor * u
        return -factor * log(1 - max(1 - p - parameter["margin"], mpf(0)))
    raise KeyError(case.form)


def focusing(case, p, positive):
    """The focusing factor of a side of the asymmetric loss, of which p is the probability."""
    if positive:
        return power(1 - p, mpf(case.parameters["gamma_positive"]))
    shifted = max(1 - p - mpf(case.parameters["margin"]), mpf(0))
    return power(shifted, mpf(case.parameters["gamma_negative"]))


SUMS_OF_PHI = ("cross_entropy", "kl_divergence", "focal", "poly1", "generalized_cross_entropy",
               "focal_star", "asymmetric", "hinge", "squared_margin")


def is_sum_of_phi(case):
    return case.form in SUMS_OF_PHI and not case.blended


# --- The forms that are not, of a distribution y and its prediction p ----------------------------


def whole(case, p, y):
    parameter = {name: mpf(value) for name, value in case.parameters.items()}
    if case.form == "symmetric_cross_entropy":
        cross = -sum(times(yk, log(pk)) for pk, yk in zip(p, y))
        reverse = -sum(pk * max(log(yk), parameter["log_zero"]) for pk, yk in zip(p, y))
        return parameter["alpha"] * cross + parameter["beta"] * reverse
    if case.form == "jensen_shannon":
        beta = parameter.get("beta", mpf(1) / 2)
        total = mpf(0)
        for pk, yk in zip(p, y):
            m = beta * yk + (1 - beta) * pk
            total += beta * times(yk, log(yk) - log(m)) + (1 - beta) * times(pk, log(pk) - log(m))
        return total
    if case.form == "reverse_kl_divergence":
        return sum(times(pk, log(pk) - log(yk)) for pk, yk in zip(p, y))
    raise KeyError(case.form)


# --- Softmax -------------------------------------------------------------------------------------


def softmax(z):
    terms = [mpmath.exp(zk) for zk in z]
    return [term / sum(terms) for term in terms]


def before_adjustment(case, z):
    if case.softcap:
        cap = mpf(case.softcap)
        z = [zk if mpmath.isinf(zk) else cap * mpmath.tanh(zk / cap) for zk in z]
    return [zk / mpf(case.temperature) for zk in z]


def detached(case, z):
    """What is held constant while the logits move: seesaw's probabilities."""
    return softmax(before_adjustment(case, z)) if case.adjustment == "seesaw" else None


def adjusted(case, z, label, held):
    z = before_adjustment(case, z)
    if case.adjustment is None:
        return z
    parameter = {name: mpf(value) for name, value in case.adjustment_parameters.items()}
    counts = [mpf(n) for n in case.counts]
    if case.adjustment == "prior":
        return [zk + parameter["tau"] * log(n / sum(counts)) for zk, n in zip(z, counts)]
    if case.adjustment == "margin":
        least = min(n for n in counts if n > 0)
        n = counts[label] if counts[label] > 0 else least
        margin = parameter["max_margin"] * (n / least) ** (mpf(-1) / 4)
        return [parameter["scale"] * (zk - (margin if k == label else 0))
                for k, zk in enumerate(z)]
    if case.adjustment == "seesaw":
        at_least_one = [max(n, mpf(1)) for n in counts]
        result = []
        for j, zj in enumerate(z):
            if j != label:
                zj += parameter["p"] * min(mpf(0), log(at_least_one[j] / at_least_one[label]))
                ratio = held[j] / max(held[label], parameter["eps"])
                zj += parameter["q"] * max(mpf(0), log(ratio))
            result.append(zj)
        return result
    raise KeyError(case.adjustment)


def softmax_loss(case, z, target, held):
    """ℓ of one sample; `target` is a class id or a list of a target per class."""
    count = len(z)
    label = None if isinstance(target, list) else target
    t = target if label is None else [mpf(k == label) for k in range(count)]
    t = [mpf(tk) for tk in t]
    z = adjusted(case, z, label, held)
    log_sum = mpmath.log(sum(mpmath.exp(zk) for zk in z))
    u = [zk - log_sum for zk in z]
    p = [mpmath.exp(uk) for uk in u]
    epsilon = mpf(case.smoothing)
    y = [(1 - epsilon) * tk + epsilon / count * sum(t) for tk in t]
    v = [mpf(1)] * count if case.weights is None else [mpf(vk) for vk in case.weights]
    a = [vk * yk for vk, yk in zip(v, y)]
    if is_sum_of_phi(case):
        loss = sum(times(ak, phi(case, uk)) if ak else mpf(0) for ak, uk in zip(a, u))
        if case.form == "kl_divergence":
            loss += sum(times(ak, log(yk)) for ak, yk in zip(a, y))
    else:
        mean_weight = sum(vk * tk for vk, tk in zip(v, t)) / sum(t) if sum(t) else mpf(0)
        if case.form == "squared_error":
            loss = mean_weight * sum((pk - yk) ** 2 for pk, yk in zip(p, y))
        else:
            loss = mean_weight * whole(case, p, y)
    return loss + mpf(case.z_loss) * log_sum**2


# --- Sigmoid -------------------------------------------------------------------------------------


def sides(case, t, class_index):
    """y, a₁, a₀ and v̄ of one element."""
    t = mpf(t)
    epsilon = mpf(case.smoothing)
    y = (1 - epsilon) * t + epsilon / 2
    v = mpf(1) if case.weights is None else mpf(case.weights[class_index])
    w = mpf(1) if case.positive_weights is None else mpf(case.positive_weights[class_index])
    yes, no = (mpf(1), mpf(1)) if case.alpha is None else (mpf(case.alpha), 1 - mpf(case.alpha))
    balance = mpf(1) if case.alpha is None else yes * t + no * (1 - t)
    return y, yes * v * w * y, no * v * (1 - y), v * balance * (w * t + 1 - t)


def held_factors(case, z):
    """The focusing factors of both sides at logit z where they are held constant, else None."""
    if not case.detaches:
        return None, None
    (z,) = before_adjustment(case, [z])
    p = 1 / (1 + mpmath.exp(-z))
    return focusing(case, p, True), focusing(case, 1 / (1 + mpmath.exp(z)), False)


def sigmoid_loss(case, z, t, class_index, held=(None, None)):
    """ℓ of one element."""
    (z,) = before_adjustment(case, [z])
    p = 1 / (1 + mpmath.exp(-z))
    u1, u0 = -mpmath.log(1 + mpmath.exp(-z)), -mpmath.log(1 + mpmath.exp(z))
    y, a1, a0, mean_weight = sides(case, t, class_index)
    if is_sum_of_phi(case):
        loss = (times(a1, phi(case, u1, True, held[0])) if a1 else mpf(0)) + (
            times(a0, phi(case, u0, False, held[1])) if a0 else mpf(0))
        if case.form == "kl_divergence":
            loss += times(a1, log(y)) + times(a0, log(1 - y))
        return loss
    parameter = {name: mpf(value) for name, value in case.parameters.items()}
    cross = -times(y, u1) - times(1 - y, u0)
    if case.form == "focal":  # blended
        loss = power(y * (1 - p) + (1 - y) * p, parameter["gamma"]) * cross
    elif case.form == "squared_error":
        loss = (p - y) ** 2
    elif case.form == "quality_focal":
        loss = power(abs(y - p), parameter["beta"]) * cross
    elif case.form == "varifocal":
        loss = y * cross if t > 0 else -parameter["alpha"] * power(p, parameter["gamma"]) * u0
    else:
        loss = whole(case, [p, 1 - p], [y, 1 - y])
    return mean_weight * loss


# --- Derivatives ---------------------------------------------------------------------------------


def first_and_second(function, x):
    """function'(x) and function''(x) by central differences."""
    above, here, below = function(x + STEP), function(x), function(x - STEP)
    return (above - below) / (2 * STEP), (above - 2 * here + below) / STEP**2


def softmax_derivatives(case, z, target):
    """ℓ, its gradient, and its Hessian's diagonal, of one sample."""
    z = [mpf(zk) for zk in z]
    held = detached(case, z)
    gradient, hessian = [], []
    for j in range(len(z)):
        if mpmath.isinf(z[j]):
            gradient.append(mpf(0))
            hessian.append(mpf(0))
            continue
        first, second = first_and_second(
            lambda x: softmax_loss(case, z[:j] + [x] + z[j + 1:], target, held), z[j])
        gradient.append(first)
        hessian.append(second)
    return softmax_loss(case, z, target, held), gradient, hessian


def sigmoid_derivatives(case, z, targets):
    """The same of one row of elements, each its own sample."""
    losses, gradient, hessian = [], [], []
    for k, (zk, tk) in enumerate(zip(z, targets)):
        zk = mpf(zk)
        held = held_factors(case, zk)
        losses.append(sigmoid_loss(case, zk, tk, k))
        first, second = first_and_second(lambda x: sigmoid_loss(case, x, tk, k, held), zk)
        gradient.append(first)
        hessian.append(second)
    return losses, gradient, hessian


def positive_hessian(case, activation, z, target):
    """HESSIAN_MODE_POSITIVE of one row, without adjustments: the positive parts of the convex
    pieces for the sums of φ, the absolute value for the rest; at least 1e-16."""
    floor = mpf(10) ** -16
    if not is_sum_of_phi(case):
        derivatives = softmax_derivatives if activation == "softmax" else sigmoid_derivatives
        return [max(abs(h), floor) for h in derivatives(case, z, target)[2]]
    z = [mpf(zk) for zk in z]
    result = []
    if activation == "sigmoid":
        for k, (zk, tk) in enumerate(zip(z, target)):
            p = 1 / (1 + mpmath.exp(-zk))
            _, a1, a0, _ = sides(case, tk, k)
            h = mpf(0)
            for a, q, positive, factor in zip((a1, a0), (p, 1 - p), (True, False), held_factors(case, zk)):
                if a:
                    first, second = first_and_second(
                        lambda u: phi(case, u, positive, factor), mpmath.log(q))
                    h += a * (max(second, mpf(0)) * (1 - q) ** 2 - first * q * (1 - q))
            result.append(max(h, floor))
        return result
    p = softmax(z)
    t = target if isinstance(target, list) else [mpf(k == target) for k in range(len(z))]
    epsilon = mpf(case.smoothing)
    y = [(1 - epsilon) * mpf(tk) + epsilon / len(z) * sum(t) for tk in t]
    v = [mpf(1)] * len(z) if case.weights is None else [mpf(vk) for vk in case.weights]
    slopes = [first_and_second(lambda u: phi(case, u), mpmath.log(pk)) for pk in p]
    for j, pj in enumerate(p):
        h = mpf(0)
        for k, (first, second) in enumerate(slopes):
            h += v[k] * y[k] * (
                max(second, mpf(0)) * ((j == k) - pj) ** 2 - first * pj * (1 - pj))
        result.append(max(h, floor))
    return result
