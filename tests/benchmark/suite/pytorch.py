"""lossd's kernels against eager PyTorch, one thread each, in CPU time."""

import json
import os
import re

from suite.machine import has_cpu_flag
from suite.processes import RAISED_MALLOC, Agent
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


def _capabilities():
    """The values of ATEN_CPU_CAPABILITY that this machine can run; another one is a crash."""
    flags = {"avx2": "avx2", "avx512": "avx512f"}
    return ["default", *(name for name, flag in flags.items() if has_cpu_flag(flag))]


def _configurations():
    """Label -> (interpreter, environment): each PyTorch with each tuning that may make it faster."""
    interpreters = ["/usr/bin/python3"]
    if os.environ.get("LOSSD_BENCH_PYTHON"):
        interpreters.append(os.environ["LOSSD_BENCH_PYTHON"])
    return {
        (interpreter, malloc, capability): (
            interpreter,
            {
                **(RAISED_MALLOC if malloc == "malloc raised" else {}),
                "ATEN_CPU_CAPABILITY": capability,
                "OMP_NUM_THREADS": "1",
            },
        )
        for interpreter in interpreters
        for malloc in ("malloc default", "malloc raised")
        for capability in _capabilities()
    }


class _PyTorch(Agent):
    """One configuration, running."""

    def __init__(self, context, key):
        interpreter, environment = _configurations()[key]
        super().__init__(context.peer("pytorch_eager.py", interpreter), environment, context.log)
        version = json.loads(self.read_line(120))["torch"]
        self.label = f"torch {version}, {key[1]}, {key[2]}"


def _best_configurations(context, losses):
    """Loss -> the configuration that computes it fastest, each tried once by itself."""
    best = {}
    for key in _configurations():
        with _PyTorch(context, key) as pytorch:
            for loss in losses:
                seconds = median(pytorch.ask(loss, context.count(3))["calls"]).value
                if loss not in best or seconds < best[loss][0]:
                    best[loss] = (seconds, key)
    return {loss: key for loss, (_, key) in best.items()}


def _measure(context, name, loss, kernel, limit, configuration):
    kernel = f"{kernel}/threads:1"

    def ours():
        return context.kernels(re.escape(kernel), "cpu_time", repetitions=2).get(kernel, [])

    with _PyTorch(context, configuration) as pytorch:
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
    best = _best_configurations(context, {loss for _, loss, _, _ in data})
    return [_measure(context, *entry, configuration=best[entry[1]]) for entry in data]
