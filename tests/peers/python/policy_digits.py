"""Losses of ratios by the formulas of proto/lossd/v1/loss_spec.proto, and their derivatives by finite differences
in 60 digits.

What is detached is held at the token's own numbers. Run by itself it prints the table of
tests/server/loss/tokens/policy_digits.h.
"""

import dataclasses

import mpmath
from mpmath import mpf

from sixty_digits import STEP, first_and_second


@dataclasses.dataclass
class Token:
    u: float
    old: float
    reference: float
    advantage: float


@dataclasses.dataclass
class PolicyCase:
    """What a LossSpec says. A coefficient of 0 is no penalty, a cap of None is none."""

    form: str
    parameters: dict = dataclasses.field(default_factory=dict)
    by_kl: bool = False
    cap: float = None
    coefficient: float = 0.0
    estimator: str = "K3"
    reverse: bool = False
    log_ratio: object = None  # of the token's sequence, in place of u − o


class Held:
    """A case at a token: its functions of u."""

    def __init__(self, case, token):
        self.case = case
        self.parameter = {name: mpf(value) for name, value in case.parameters.items()}
        self.u, self.old, self.reference, self.a = (mpf(v) for v in dataclasses.astuple(token))
        self.r = self.ratio(self.u)

    def x(self, u):
        x = u - self.old
        if self.case.log_ratio is not None:  # the value of the sequence, the derivative of the token
            x = self.case.log_ratio + (u - self.u)
        cap = self.case.cap
        return x if cap is None else max(-mpf(cap), min(mpf(cap), x))

    def ratio(self, u):
        return mpmath.exp(self.x(u))

    def phi(self, u):
        return getattr(self, self.case.form)(u, self.ratio(u), **self.parameter)

    def importance_sampling(self, u, r):
        return -self.a * r

    def ppo(self, u, r, epsilon_low, epsilon_high, dual_clip=None):
        worse = min(r * self.a, max(1 - epsilon_low, min(1 + epsilon_high, r)) * self.a)
        return -(max(worse, dual_clip * self.a) if dual_clip is not None and self.a < 0 else worse)

    def cispo(self, u, r, minimum_ratio, maximum_ratio):
        return -max(minimum_ratio, min(maximum_ratio, self.r)) * self.a * u

    def dro(self, u, r, beta):
        return -self.a * u + beta / 2 * self.x(u) ** 2

    def sapo(self, u, r, tau_positive, tau_negative):
        tau = tau_positive if self.a > 0 else tau_negative
        return -self.a * 4 / tau / (1 + mpmath.exp(-tau * (r - 1)))

    def dppo(self, u, r, threshold_low, threshold_high):
        p, o = mpmath.exp(self.u), mpmath.exp(self.old)
        moved = abs(p - o)
        if self.case.by_kl:
            moved = o * mpmath.log(o / p) + (1 - o) * mpmath.log((1 - o) / (1 - p))
        up, down = (moved, mpf(0)) if p > o else (mpf(0), moved)
        masked = up > threshold_high if self.a > 0 else self.a < 0 and down > threshold_low
        return mpf(0) if masked else -self.a * r

    def estimate(self, u):
        t = self.reference - u
        return {"K1": -t, "K2": t * t / 2, "K3": mpmath.exp(t) - 1 - t}[self.case.estimator]

    def derivatives(self):
        """The loss, φ′ and φ″ at the token."""
        slope, curvature = first_and_second(self.phi, self.u)
        value = self.phi(self.u)
        beta = mpf(self.case.coefficient)
        if beta == 0:
            return value, slope, curvature
        if not self.case.reverse:
            first, second = first_and_second(self.estimate, self.u)
            return value + beta * self.estimate(self.u), slope + beta * first, curvature + beta * second

        # The gradient whose expectation is the divergence's, and what is differentiated of that.
        def of_divergence(u):
            return self.ratio(u) * (self.u - self.reference + (u - self.u))

        first = of_divergence(self.u)
        second = (of_divergence(self.u + STEP) - of_divergence(self.u - STEP)) / (2 * STEP)
        return (value + beta * self.r * self.estimate(self.u), slope + beta * first,
                curvature + beta * second)  # fmt: skip


def derivatives(case, token):
    return Held(case, token).derivatives()


FORMS = {
    "importance_sampling": ({},),
    "ppo": ({"epsilon_low": 0.2, "epsilon_high": 0.2}, {"epsilon_low": 0.1, "epsilon_high": 0.28, "dual_clip": 3.0}),
    "cispo": ({"minimum_ratio": 0.0, "maximum_ratio": 4.0}, {"minimum_ratio": 0.8, "maximum_ratio": 1.2}),
    "dro": ({"beta": 0.05}, {"beta": 2.5}),
    "sapo": ({"tau_positive": 1.0, "tau_negative": 1.05}, {"tau_positive": 3.0, "tau_negative": 0.5}),
    "dppo": ({"threshold_low": 0.2, "threshold_high": 0.2}, {"threshold_low": 0.01, "threshold_high": 0.05}),
}  # fmt: skip
KLS = [(0.0, "K3", False)] + [(0.3, estimator, reverse) for estimator in ("K1", "K2", "K3") for reverse in (False, True)]

TOKENS = (
    Token(-0.5, -0.7, -0.6, 1.0), Token(-0.25, -2.0, -0.25000001, -0.75), Token(-3.0, -1.5, -2.0, 0.5),
    Token(-0.0078125, -0.5, -4.0, 2.0), Token(-1.5, -1.5, -1.5009765625, -1.25), Token(-6.0, -4.5, -5.0, -2.0),
    Token(-0.125, -1.25, -0.1328125, 0.0), Token(-2.0, -700.0, -2.5, 1.5), Token(-62.0, -2.0, -63.0, -1.0),
)  # fmt: skip


def _cases():
    for form, choices in FORMS.items():
        for parameters in choices:
            yield PolicyCase(form, parameters)
    yield PolicyCase("dppo", FORMS["dppo"][1], by_kl=True)
    yield PolicyCase("importance_sampling", cap=1.0)
    for coefficient, estimator, reverse in KLS[1:]:
        yield PolicyCase("dro", {"beta": 0.0}, coefficient=coefficient, estimator=estimator, reverse=reverse)
    yield PolicyCase("ppo", FORMS["ppo"][1], coefficient=0.04, reverse=True)


def _print_table():
    def number(x):
        return repr(float(x)) if x else "0"

    for case in _cases():
        form = case.form + ("_by_kl" if case.by_kl else "")
        parameters = ", ".join(number(value) for value in case.parameters.values())
        estimator = f"KlEstimator::k{case.estimator}"
        gradient = "KlGradient::k" + ("ReverseKl" if case.reverse else "Estimator")
        print(f'    {{"{form}", {{{parameters}}}, {case.cap or "kNoCap"}, {{{number(case.coefficient)}, '
              f"{estimator}, {gradient}}},\n     {{")  # fmt: skip
        for token in TOKENS:
            columns = ", ".join(number(v) for v in (*dataclasses.astuple(token), *derivatives(case, token)))
            print(f"         {{{columns}}},")
        print("     }},")


if __name__ == "__main__":
    _print_table()
