"""Whole remote calls, each with its own client, from arrays to arrays."""

from suite.context import THREADS
from suite.rows import Bound, interleave, median, times_faster
from suite.transport import Pair

SECTION = f"remote call, loss and gradient, {THREADS} threads: times faster than a Python server"

_SHAPES = [
    # rows, classes, bound, calls a round
    (65536, 10, 3.5, 10),
    (8192, 1000, 4.5, 4),
    (2048, 32000, 9, 1),
    (256, 128256, 12, 1),
]


def _measure(context, caller, server, client, shape):
    rows, classes, least, calls = shape

    def ours(count=calls):
        words = ("compute", context.lossd.address, rows, classes, count, 0)
        return caller.ask(*words)["calls"]

    def theirs(count=calls):
        return client.ask(server.address, rows, classes, count)["calls"]

    echo = Pair(context, rows, classes).in_turn(calls)["echo"]
    ours(2)  # The first calls open connections and fill pools.
    theirs(1)
    samples = interleave(context.count(4), {"ours": ours, "theirs": theirs, "echo": echo})
    limit = median(samples["theirs"]).value / median(samples["echo"]).value
    return times_faster(
        SECTION,
        f"softmax CE {rows}x{classes}",
        median(samples["ours"]),
        median(samples["theirs"], label="Python grpcio + PyTorch"),
        Bound(">=", least),
        note=f"the same bytes from the echo server: {limit:.1f}",
    )


def measure(context):
    with context.start_python_server() as server, context.start_python_agent(
        "python_client.py"
    ) as client:
        shapes = _SHAPES if not context.quick else _SHAPES[:2]
        return [_measure(context, context.caller, server, client, shape) for shape in shapes]
