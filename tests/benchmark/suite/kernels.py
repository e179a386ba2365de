"""lossd's kernels against memcpy, against each other, and one core against two."""

import re

from suite.rows import Bound, fraction_of, median, times_faster

SECTION = "kernels, side by side"
FORMS_SECTION = "forms at 8192x1000, 1 thread: time over cross entropy's of the same activation"

_SHAPES = {
    # shape: most times memcpy, most times cross entropy for focal
    "65536x10": (None, 1.1),
    "8192x1000": (1.7, 1.05),
    "2048x32000": (1.5, 1.05),
    "256x128256": (1.5, 1.05),
}

# A form that is slower than this times cross entropy says why.
_SLOW = 1.5
_POWER = "a logarithm and an exponential more for each element, for the power of p"
_SHIFT = "a logarithm and a division more for each element, for the shifted probability"
_WHY_SLOW = {
    "sigmoid/asymmetric": _SHIFT,
    "sigmoid/asymmetric_detached": _SHIFT,
    "sigmoid/generalized_cross_entropy": _POWER,
    "sigmoid/jensen_shannon": "a logarithm and a division more for each element",
    "sigmoid/jensen_shannon_skewed": "in double, with eight logarithms and four divisions more",
}


def _shape_rows(context, shape):
    memcpy_limit, focal_limit = _SHAPES[shape]
    names = rf"(memcpy|softmax/(cross_entropy|focal))/{shape}(/threads:1)?"
    seconds = context.kernels(names, "cpu_time", context.count(3), processes=context.count(5))
    entropy = median(seconds[f"softmax/cross_entropy/{shape}/threads:1"])
    focal = median(seconds[f"softmax/focal/{shape}/threads:1"])
    memcpy = median(seconds[f"memcpy/{shape}"], label="memcpy")
    return [
        fraction_of(
            SECTION,
            f"softmax CE {shape}, 1 thread, over memcpy of the tensor",
            entropy,
            memcpy,
            Bound("<=", memcpy_limit) if memcpy_limit else None,
        ),
        fraction_of(
            SECTION,
            f"softmax focal {shape}, class ids, 1 thread, over CE",
            focal,
            median(seconds[f"softmax/cross_entropy/{shape}/threads:1"], label="lossd's CE"),
            Bound("<=", focal_limit),
        ),
    ]


def _two_cores(context, shape="2048x32000"):
    names = rf"softmax/cross_entropy/{shape}/threads:[12]"
    seconds = context.kernels(names, "real_time", context.count(3), processes=context.count(5))
    return times_faster(
        SECTION,
        f"softmax CE {shape}, 2 threads faster than 1",
        median(seconds[f"softmax/cross_entropy/{shape}/threads:2"]),
        median(seconds[f"softmax/cross_entropy/{shape}/threads:1"], label="1 thread"),
        Bound(">=", 1.7),
    )


def _policy_rows(context):
    loss = "log_probability/ppo/kl_penalty"
    names = {"": f"{loss}/1000000/threads:1", ", mask": f"{loss}/mask/1000000/threads:1"}
    pattern = "|".join(["memcpy/tokens/1000000x5", *names.values()])
    seconds = context.kernels(pattern, "cpu_time", context.count(3), processes=context.count(5))
    memcpy = median(seconds["memcpy/tokens/1000000x5"], label="memcpy")
    return [
        fraction_of(
            SECTION,
            f"ppo + kl_penalty, gradient and statistics, 1000000 tokens{what}, 1 thread, over memcpy of 5 columns",
            median(seconds[name]),
            memcpy,
            Bound("<=", 4) if not what else None,
        )
        for what, name in names.items()
    ]


def measure(context):
    shapes = list(_SHAPES) if not context.quick else ["65536x10", "8192x1000"]
    rows = [row for shape in shapes for row in _shape_rows(context, shape)]
    return [*rows, _two_cores(context), *_policy_rows(context)]


def _form_row(name, seconds, entropy):
    ratio = seconds.value / entropy.value
    note = _WHY_SLOW.get(name, "") if ratio > _SLOW else ""
    return fraction_of(FORMS_SECTION, name.replace("/", " "), seconds, entropy, None, note)


def measure_forms(context):
    names = r"(softmax|sigmoid)/[a-z0-9_]+/8192x1000/threads:1"
    seconds = context.kernels(names, "cpu_time", repetitions=context.count(5), min_time=0.02)
    medians = {re.sub("/8192.*", "", name): median(s) for name, s in seconds.items()}
    rows = []
    for activation in ("softmax", "sigmoid"):
        base = f"{activation}/cross_entropy"
        for name, value in medians.items():
            if name.startswith(activation) and name != base:
                rows.append(_form_row(name, value, medians[base]))
    return rows
