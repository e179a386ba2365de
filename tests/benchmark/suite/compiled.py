"""lossd's kernels against PyTorch, eager and compiled, and JAX, compiled, one thread each, in CPU time."""

import os
import re
import subprocess

from suite.loss_agents import (
    LossAgent,
    best_configurations,
    jax_configurations,
    pytorch_configurations,
)
from suite.rows import Bound, Quantity, Row, interleave, median, times_faster

SECTION = "kernels, 1 thread: times faster than eager and compiled PyTorch and compiled JAX"

_SHAPES = ("8192x1000", "65536x10", "2048x32000")

_PEERS = ("torch eager", "torch.compile", "jax.jit")

# what: (the peers' loss, lossd's benchmark, peer -> the least times faster at each of _SHAPES)
_OFTEN = {"torch.compile": (3, 3, 3.5), "jax.jit": (2, 2, 2.5)}
_PLAIN = (3, 4.2, 3.8)
_LOSSES = {
    "CE": ("cross_entropy", "cross_entropy", dict.fromkeys(_PEERS, _PLAIN)),
    "CE, smoothing 0.1": ("smoothing", "cross_entropy/label_smoothing", _OFTEN),
    "focal": ("softmax_focal", "focal", _OFTEN),
    "squared error": ("squared_error", "squared_error", _OFTEN),
    "CE, soft targets": ("soft_targets", "cross_entropy/soft_targets", {}),
}


def _environment(context):
    """The interpreter of the peers' environment, and why there is none."""
    made = subprocess.run(
        [os.path.join(context.root, "tests", "benchmark", "peers", "environment")],
        stdout=subprocess.PIPE,
        stderr=context.log,
        text=True,
        check=False,
    )
    lines = made.stdout.splitlines() or [""]
    return (lines[-1], "") if made.returncode == 0 else ("", lines[-1] or "see benchmark.log")


def _row(context, what, loss, kernel, peer, configuration, limit):
    full = f"{kernel}/threads:1"
    bound = Bound(">=", limit) if limit else None

    def ours():
        return context.kernels(re.escape(full), "cpu_time", repetitions=2).get(full, [])

    answers = []

    def theirs():
        answers.append(agent.ask(loss, context.count(3)))
        return answers[-1]["calls"]

    with LossAgent(context, configuration) as agent:
        samples = interleave(context.count(3), {"ours": ours, "theirs": theirs})
        what = f"{what}, over {peer}"
        if not samples["ours"]:
            return Row(SECTION, what, bound=bound, note=f"kernels_benchmark has no {full}")
        peak = Quantity(max(context.kernel_peaks(re.escape(full)).values()), "B")
        theirs_peak = max(answer["peak"] for answer in answers) / 2**20
        return times_faster(
            SECTION,
            what,
            median(samples["ours"]),
            median(samples["theirs"], label=agent.label),
            bound,
            note=f"its peak memory: {theirs_peak:.0f} MiB",
            peak=peak,
        )


def _losses(context, shapes):
    """(what, the peers' words, lossd's benchmark, the shape's column, bounds) of each row."""
    for what, (loss, kernel, bounds) in _LOSSES.items():
        for column, shape in enumerate(shapes):
            yield f"softmax {what} {shape}", f"{loss} {shape}", f"softmax/{kernel}/{shape}", column, bounds


def measure(context):
    interpreter, missing = _environment(context)
    if missing:
        return [Row(SECTION, "all", note=missing)]
    configurations = {
        "torch eager": pytorch_configurations([interpreter], "eager"),
        "torch.compile": pytorch_configurations([interpreter], "compile"),
        "jax.jit": jax_configurations([interpreter]),
    }
    shapes = _SHAPES if not context.quick else _SHAPES[:1]
    losses = list(_losses(context, shapes))
    rows = []
    for peer in _PEERS:
        best = best_configurations(context, configurations[peer], [loss for _, loss, *_ in losses])
        for what, loss, kernel, column, bounds in losses:
            if loss not in best:
                rows.append(Row(SECTION, f"{what}, over {peer}", note="it could not compute it"))
                continue
            limit = bounds[peer][column] if peer in bounds else None
            rows.append(_row(context, what, loss, kernel, peer, best[loss], limit))
    return rows
