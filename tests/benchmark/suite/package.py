"""Calls by the Python package over the same calls by the C++ client, from arrays to arrays."""

from suite.rows import Bound, fraction_of, interleave, median

SECTION = "calls by the Python package, time over the C++ client's"

_SHAPES = [
    # rows, classes, bound, calls a round
    (32, 10, 3, 300),
    (1024, 1000, None, 20),
    (8192, 1000, 2.5, 4),
]


def _measure(context, client, shape):
    rows, classes, most, calls = shape
    calls = context.count(calls)

    def python(count=calls):
        return client.ask(context.lossd.address, rows, classes, count)["calls"]

    def cpp(count=calls):
        return context.caller.ask("compute", context.lossd.address, rows, classes, count, 0)["calls"]

    python(2)  # The first calls open connections and fill pools.
    cpp(2)
    samples = interleave(context.count(7), {"python": python, "cpp": cpp})
    return fraction_of(
        SECTION,
        f"softmax CE {rows}x{classes}",
        median(samples["python"]),
        median(samples["cpp"], label="C++ client"),
        Bound("<=", most) if most else None,
    )


def measure(context):
    with context.start_python_agent("package_client.py") as client:
        return [_measure(context, client, shape) for shape in _SHAPES[: 1 if context.quick else 3]]
