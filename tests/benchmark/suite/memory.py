"""What a server's memory does under large requests, one after the other."""

import time

from suite.rows import Bound, Quantity, fraction_of
from suite.transport import METHOD

SECTION = "memory, 60 MiB requests one after the other"

_SHAPE = (15360, 1024)  # 60 MiB of logits
_SIZE = 4 * _SHAPE[0] * _SHAPE[1]
_SETTLED = 50  # calls after which every pool is full
_BUDGET = 150  # seconds


def _call(context, server, calls):
    context.caller.ask("raw", server.address, METHOD, *_SHAPE, calls, 0, timeout=600)


def _call_until(context, server, calls, deadline):
    """At most `calls` calls, in tens; how many there was time for."""
    made = 0
    while made < calls and time.monotonic() < deadline:
        _call(context, server, 10)
        made += 10
    return made


def measure(context):
    deadline = time.monotonic() + _BUDGET
    with context.start_lossd() as server:
        time.sleep(0.5)
        idle = server.memory("VmRSS")
        server.reset_peak()
        settled = _call_until(context, server, context.count(_SETTLED, 10), deadline)
        early = server.memory("VmHWM")
        made = settled + _call_until(context, server, context.count(1000, 20) - settled, deadline)
        late = server.memory("VmHWM")
    peak = fraction_of(
        SECTION,
        f"peak of {made} requests above idle, over the request's size",
        Quantity(late - idle, "B"),
        Quantity(_SIZE, "B", "request"),
        Bound("<=", 2.5),
        note=f"idle {idle / 2**20:.0f} MiB",
    )
    growth = fraction_of(
        SECTION,
        f"growth of the peak from request {settled} to {made}, over the request's size",
        Quantity(late - early, "B"),
        Quantity(_SIZE, "B", "request"),
        Bound("<=", 0.02),
    )
    return [peak, growth]
