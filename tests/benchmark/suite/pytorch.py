"""lossd's kernels against eager PyTorch, one thread each, in CPU time."""

import os
import re

from suite.loss_agents import LossAgent, best_configurations, pytorch_configurations
from suite.rows import Bound, Row, interleave, median, times_faster

SECTION = "kernels, 1 thread: times faster than the best eager PyTorch"

_DATA = [
    # what, PyTorch's loss and shape, lossd's benchmark, bound
    ("softmax CE 65536x10", "cross_entropy 65536x10", "softmax/cross_entropy/65536x10", 6),
    ("softmax CE 8192x1000", "cross_entropy 8192x1000", "softmax/cross_entropy/8192x1000", 4),
    ("softmax CE 2048x32000", "cross_entropy 2048x32000", "softmax/cross_entropy/2048x32000", 3.3),
    ("softmax CE 256x128256", "cross_entropy 256x128256", "softmax/cross_entropy/256x128256", 3),
    ("softmax focal 65536x10", "softmax_focal 65536x10", "softmax/focal/65536x10", None),
    ("softmax focal 8192x1000", "softmax_focal 8192x1000", "softmax/focal/8192x1000", None),
    (
        "sigmoid focal 65536x80, float targets",
        "sigmoid_focal 65536x80",
        "sigmoid/focal/targets/65536x80",
        15,
    ),
    (
        "sigmoid focal 65536x80, class ids",
        "sigmoid_focal 65536x80",
        "sigmoid/focal/65536x80",
        15,
    ),
    (
        "softmax CE 8x21x512x512, class_axis 1",
        "cross_entropy 8x21x512x512",
        "softmax/cross_entropy/8x21x512x512",
        4,
    ),
]


def _configurations():
    """Those of each eager PyTorch there is, which LOSSD_BENCH_PYTHON may add to."""
    interpreters = ["/usr/bin/python3"]
    if os.environ.get("LOSSD_BENCH_PYTHON"):
        interpreters.append(os.environ["LOSSD_BENCH_PYTHON"])
    return pytorch_configurations(interpreters, "eager")


def _measure(context, name, loss, kernel, limit, configuration):
    kernel = f"{kernel}/threads:1"

    def ours():
        return context.kernels(re.escape(kernel), "cpu_time", repetitions=2).get(kernel, [])

    with LossAgent(context, configuration) as pytorch:
        samples = interleave(
            context.count(5),
            {"ours": ours, "theirs": lambda: pytorch.ask(loss, context.count(3))["calls"]},
        )
        bound = Bound(">=", limit) if limit else None
        if not samples["ours"]:
            return Row(SECTION, name, bound=bound, note=f"kernels_benchmark has no {kernel}")
        theirs = median(samples["theirs"], label=pytorch.label)
        return times_faster(SECTION, name, median(samples["ours"]), theirs, bound)


def measure(context):
    data = _DATA if not context.quick else _DATA[:2]
    best = best_configurations(context, _configurations(), {loss for _, loss, _, _ in data})
    return [_measure(context, *entry, configuration=best[entry[1]]) for entry in data]
