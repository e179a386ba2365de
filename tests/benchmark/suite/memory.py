"""What a server's memory does under large requests, one after the other."""

import dataclasses
import time

from suite.rows import Bound, Quantity, fraction_of
from suite.transport import METHOD

SECTION = "memory, 60 MiB requests one after the other"

_SHAPE = (15360, 1024)  # 60 MiB of logits
_SIZE = 4 * _SHAPE[0] * _SHAPE[1]
_SETTLED = 50  # calls after which the heap has what most calls need
_BUDGET = 150  # seconds


def _call(context, server, method, calls):
    context.caller.ask("raw", server.address, method, *_SHAPE, calls, 0, timeout=600)


def _call_until(context, server, method, calls, deadline):
    """At most `calls` calls, in tens; how many there was time for."""
    made = 0
    while made < calls and time.monotonic() < deadline:
        _call(context, server, method, 10)
        made += 10
    return made


@dataclasses.dataclass(frozen=True)
class _Memory:
    """Bytes, and after how many requests."""

    idle: int
    settled: int  # requests
    early: int
    made: int  # requests
    late: int


def _measure(context, server, method):
    deadline = time.monotonic() + _BUDGET
    time.sleep(0.5)
    idle = server.memory("VmRSS")
    server.reset_peak()
    settled = _call_until(context, server, method, context.count(_SETTLED, 10), deadline)
    early = server.memory("VmHWM")
    more = context.count(1000, 20) - settled
    made = settled + _call_until(context, server, method, more, deadline)
    return _Memory(idle, settled, early, made, server.memory("VmHWM"))


def _rows(name, memory, most_peak=None, most_growth=None):
    size = Quantity(_SIZE, "B", "request")
    return [
        fraction_of(
            SECTION,
            f"{name}: peak of {memory.made} requests above idle, over the request's size",
            Quantity(memory.late - memory.idle, "B"),
            size,
            most_peak,
            note=f"idle {memory.idle / 2**20:.0f} MiB",
        ),
        fraction_of(
            SECTION,
            f"{name}: growth of the peak from request {memory.settled} to {memory.made}, "
            "over the request's size",
            Quantity(memory.late - memory.early, "B"),
            size,
            most_growth,
        ),
    ]


def measure(context):
    with context.start_lossd() as server:
        lossd = _measure(context, server, METHOD)
    with context.start_echo({}) as server:
        echo = _measure(context, server, f"/lossd.benchmark.Echo/{_SIZE}")
    return [
        *_rows("lossd", lossd, Bound("<=", 2.5), Bound("<=", 0.02)),
        *_rows("the echo, which holds a request but no gradient", echo),
    ]
