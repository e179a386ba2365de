"""Every form's loss, gradient and diagonal Hessian against finite differences in 60 digits."""

import zlib

import numpy as np
import pytest

from lossd_client import tensor, weights
from sixty_digits import Case, positive_hessian, sigmoid_derivatives, softmax_derivatives

# Relative to the largest entry of the row: entries of a row are differences of the same terms.
TOLERANCE = 1e-12
# What second differences of 120 digits leave where the derivative is 0.
NOISE = 1e-50
ROWS, CLASSES = 3, 4

FORMS = {
    "cross_entropy": ("softmax", "sigmoid"),
    "focal": ("softmax", "sigmoid"),
    "focal blended": ("sigmoid",),
    "squared_error": ("softmax", "sigmoid"),
    "kl_divergence": ("softmax", "sigmoid"),
    "poly1": ("softmax", "sigmoid"),
    "generalized_cross_entropy": ("softmax", "sigmoid"),
    "symmetric_cross_entropy": ("softmax", "sigmoid"),
    "asymmetric": ("sigmoid",),
    "asymmetric detached": ("sigmoid",),
    "quality_focal": ("sigmoid",),
    "varifocal": ("sigmoid",),
    "focal_star": ("sigmoid",),
    "jensen_shannon": ("softmax", "sigmoid"),
    "jensen_shannon skewed": ("softmax", "sigmoid"),
    "hinge": ("sigmoid",),
    "squared_margin": ("sigmoid",),
    "reverse_kl_divergence": ("softmax",),
}
BY_ACTIVATION = {
    activation: [form for form, activations in FORMS.items() if activation in activations]
    for activation in ("softmax", "sigmoid")
}
GAMMAS = (0.0, 0.3, 0.5, 0.9, 1.0, 1.5, 2.0, 3.7)


def draw_parameters(generator, form):
    pick = generator.choice

    def asymmetric():
        return {
            "gamma_positive": pick((0.0, 0.5, 1.0)), "gamma_negative": pick((0.5, 2.0, 4.0)),
            "margin": pick((0.0, 0.05, 0.2))}

    return {
        "focal": lambda: {"gamma": pick(GAMMAS)},
        "focal blended": lambda: {"gamma": pick(GAMMAS)},
        "poly1": lambda: {"epsilon": pick((-1.0, 0.5, 1.0, 4.0))},
        "generalized_cross_entropy": lambda: {"q": pick((0.1, 0.5, 0.7, 1.0))},
        "symmetric_cross_entropy": lambda: {
            "alpha": pick((0.1, 1.0, 6.0)), "beta": pick((0.0, 0.1, 1.0)),
            "log_zero": pick((-4.0, -1.5, -6.0))},
        "asymmetric": asymmetric, "asymmetric detached": asymmetric,
        "quality_focal": lambda: {"beta": pick((0.0, 1.0, 1.5, 2.0, 3.0))},
        "varifocal": lambda: {"alpha": pick((0.25, 0.75)), "gamma": pick((0.5, 1.0, 2.0))},
        "focal_star": lambda: {"gamma": pick((0.5, 2.0)), "beta": pick((0.0, 1.0, -0.5))},
        "jensen_shannon skewed": lambda: {"beta": pick((0.01, 0.3, 0.9))},
        "hinge": lambda: {"margin": pick((0.3, 1.0, 4.0))},
        "squared_margin": lambda: {"target": pick((-0.7, 1.0, 5.0))},
    }.get(form, dict)()


def draw_targets(generator, activation, labels):
    if activation == "sigmoid":
        targets = generator.random((ROWS, CLASSES))
        if labels == "hard":
            return (targets < 0.4).astype(np.float64)
        targets[generator.random(targets.shape) < 0.2] = 0  # both kinds in one batch
        targets[generator.random(targets.shape) < 0.1] = 1
        return targets
    if labels == "class ids":
        return generator.integers(CLASSES, size=ROWS)
    targets = generator.exponential(size=(ROWS, CLASSES))
    targets[generator.random(targets.shape) < 0.25] = 0
    targets[:, 0] += 0.01
    if labels == "sum 1":
        return targets / targets.sum(-1, keepdims=True)
    return targets


def loss_spec(case, activation):
    """The LossSpec that `case` says."""
    parameters = dict(case.parameters)
    if case.blended:
        parameters["soft_target_rule"] = "SOFT_TARGET_RULE_BLENDED"
    if case.detaches:
        parameters["detach_focusing"] = True
    spec = {
        "activation": "ACTIVATION_" + activation.upper(),
        case.form: parameters,
        "label_smoothing": case.smoothing,
        "temperature": case.temperature,
        "softcap": case.softcap,
        "z_loss": case.z_loss,
    }
    weighting = {} if case.weights is None else weights(case.weights)
    if case.alpha is not None:
        weighting["alpha"] = case.alpha
    if case.positive_weights is not None:
        weighting["positive_weights"] = tensor(np.array(case.positive_weights))
    if weighting:
        spec["class_weighting"] = weighting
    if case.adjustment:
        spec["logit_adjustment"] = {case.adjustment: {
            **case.adjustment_parameters, "counts": tensor(np.array(case.counts, dtype=float))}}
    return spec


def assert_agrees(actual, expected, what):
    """Row by row, relative to the row's largest entry."""
    expected = np.array(expected, dtype=object)
    actual = np.asarray(actual).reshape(expected.shape)
    for row in np.ndindex(expected.shape[:-1]):
        scale = max(abs(e) for e in expected[row])
        for a, e in zip(actual[row], expected[row]):
            assert np.isfinite(a), f"{what} {row}: {a}, expected {float(e)!r}"
            assert abs(float(a) - e) <= TOLERANCE * scale + NOISE, (
                f"{what} {row}: {a!r}, expected {float(e)!r} in a row of {float(scale):.3g}; "
                f"off by {float(abs(float(a) - e) / scale):.2e} of it")


def check(lossd, case, activation, logits, targets, sample_weights=None):
    answer = lossd.compute(
        logits, targets, loss_spec(case, activation), hessian_diagonal=True,
        sample_weights=sample_weights)
    s = np.ones(len(logits)) if sample_weights is None else sample_weights
    losses, gradient, hessian = [], [], []
    for row, (z, target) in enumerate(zip(logits.tolist(), targets.tolist())):
        if activation == "softmax":
            loss, first, second = softmax_derivatives(case, z, target)
            loss = [loss]
        else:
            loss, first, second = sigmoid_derivatives(case, z, target)
        for rows, values in ((losses, loss), (gradient, first), (hessian, second)):
            rows.append([s[row] * value for value in values])
    described = f"{case}, logits {logits.tolist()}, targets {targets.tolist()}"
    assert_agrees(answer.losses, losses, f"losses of {described}")
    assert_agrees(answer.gradient, gradient, f"gradient of {described}")
    assert_agrees(answer.hessian, hessian, f"Hessian of {described}")


def draw_case(generator, form, activation, around, labels):
    case = Case(form.split()[0], draw_parameters(generator, form), blended="blended" in form,
                detaches="detached" in form)
    if around in ("weights and smoothing", "everything"):
        case.weights = (generator.random(CLASSES) * 3).tolist()
        case.weights[generator.integers(CLASSES)] = 0.0
        if form != "varifocal":
            case.smoothing = float(generator.choice((0.1, 0.6)))
        if activation == "sigmoid":
            case.alpha = float(generator.choice((0.25, 0.9)))
            case.positive_weights = (generator.random(CLASSES) * 3).tolist()
    if around in ("temperature and softcap", "everything"):
        case.temperature = float(generator.choice((0.5, 2.5)))
        case.softcap = float(generator.choice((3.0, 30.0)))
    if around in ("z_loss", "everything") and activation == "softmax":
        case.z_loss = float(generator.choice((1e-4, 0.5)))
    adjustment = around
    if around == "everything" and activation == "softmax":
        adjustment = generator.choice(
            ("prior", "margin", "seesaw") if labels == "class ids" else ("prior",))
    if adjustment in ("prior", "margin", "seesaw"):
        case.adjustment = str(adjustment)
        case.counts = generator.integers(1, 1000, size=CLASSES).tolist()
        case.adjustment_parameters = {
            "prior": lambda: {"tau": float(generator.choice((1.0, 0.5, -1.0)))},
            "margin": lambda: {"max_margin": 0.5, "scale": float(generator.choice((1.0, 5.0)))},
            "seesaw": lambda: {"p": 0.8, "q": float(generator.choice((0.5, 2.0))), "eps": 0.01},
        }[case.adjustment]()
    return case


def takes_class_ids(form):
    return form != "reverse_kl_divergence"  # it takes a target per class


def draw_targets_for(form, generator, activation, labels):
    targets = draw_targets(generator, activation, labels)
    if form == "reverse_kl_divergence":
        targets[targets == 0] = 0.05  # elsewhere it is infinite
    return targets


def softmax_settings():
    for form in BY_ACTIVATION["softmax"]:
        for labels in ("class ids", "sum 1", "any sum"):
            # The Jensen–Shannon divergence is one of distributions.
            if form.startswith("jensen_shannon") and labels == "any sum":
                continue
            if labels == "class ids" and not takes_class_ids(form):
                continue
            for around in ("nothing", "weights and smoothing", "temperature and softcap", "z_loss",
                           "prior", "margin", "seesaw", "everything"):
                if labels == "class ids" or around not in ("margin", "seesaw"):
                    yield form, labels, around


def sigmoid_settings():
    for form in BY_ACTIVATION["sigmoid"]:
        for labels in ("hard", "soft"):
            for around in ("nothing", "weights and smoothing", "temperature and softcap",
                           "everything"):
                yield form, labels, around


def run(lossd, activation, form, labels, around, draws):
    generator = np.random.default_rng(zlib.crc32(f"{activation} {form} {labels} {around}".encode()))
    for _ in range(draws):
        case = draw_case(generator, form, activation, around, labels)
        logits = generator.choice((0.5, 2.0, 6.0)) * generator.standard_normal((ROWS, CLASSES))
        targets = draw_targets_for(form, generator, activation, labels)
        sample_weights = generator.random(ROWS) + 0.1 if around == "everything" else None
        check(lossd, case, activation, logits, targets, sample_weights)


@pytest.mark.parametrize("form, labels, around", softmax_settings())
def test_softmax(lossd, form, labels, around):
    run(lossd, "softmax", form, labels, around, draws=4)


@pytest.mark.parametrize("form, labels, around", sigmoid_settings())
def test_sigmoid(lossd, form, labels, around):
    run(lossd, "sigmoid", form, labels, around, draws=6)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("activation", ("softmax", "sigmoid"))
@pytest.mark.parametrize("z", (-30.0, -8.0, 8.0, 17.0, 30.0, 45.0))
def test_focal_of_the_confident(lossd, z, activation, gamma):
    """Where 1 − p is 1e-20 and p itself is 1."""
    case = Case("focal", {"gamma": gamma})
    if activation == "softmax":
        check(lossd, case, activation, np.array([[z, 0.0, -1.0, -z]]), np.array([0]))
    else:
        check(lossd, case, activation, np.array([[z]]), np.array([[1.0]]))


@pytest.mark.parametrize("form", filter(takes_class_ids, BY_ACTIVATION["softmax"]))
def test_a_softmax_prior_with_an_empty_class(lossd, form):
    """π = 0: the class's logit is −inf, and it is as if it was not there."""
    generator = np.random.default_rng(5)
    case = Case(form.split()[0], draw_parameters(generator, form), adjustment="prior",
                adjustment_parameters={"tau": 1.0}, counts=[10, 0, 5, 1])
    check(lossd, case, "softmax", generator.standard_normal((3, 4)), np.array([0, 2, 3]))


@pytest.mark.parametrize("activation, form, labels", (
    [("softmax", form, labels) for form in BY_ACTIVATION["softmax"]
     for labels in ("class ids", "sum 1") if labels != "class ids" or takes_class_ids(form)]
    + [("sigmoid", form, labels) for form in BY_ACTIVATION["sigmoid"]
       for labels in ("hard", "soft")]))
def test_the_positive_hessian(lossd, activation, form, labels):
    generator = np.random.default_rng(zlib.crc32(f"positive {activation} {form} {labels}".encode()))
    for draw in range(4):
        around = "weights and smoothing" if draw % 2 else "nothing"
        case = draw_case(generator, form, activation, around, labels)
        logits = 3 * generator.standard_normal((ROWS, CLASSES))
        targets = draw_targets_for(form, generator, activation, labels)
        answer = lossd.compute(logits, targets, loss_spec(case, activation), hessian_diagonal=True,
                               hessian_mode="HESSIAN_MODE_POSITIVE")
        expected = [positive_hessian(case, activation, z, target)
                    for z, target in zip(logits.tolist(), targets.tolist())]
        assert_agrees(answer.hessian, expected, f"positive Hessian of {case}")
        assert (answer.hessian >= 1e-16).all()
