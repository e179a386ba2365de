"""Calls to the servers of both builds, each made by the caller of the same build."""

import contextlib
import dataclasses
import statistics
import typing

from suite.compared_builds import Key
from suite.comparison import Side
from suite.processes import Refused
from suite.transport import METHOD

_ADDRESS = "{address}"
_SITTING = 3  # rounds before servers and callers are started anew: where pages lie matters

_MEMORY_SHAPE = (15360, 1024)  # 60 MiB of logits
_MEMORY_CALLS = 20


@dataclasses.dataclass(frozen=True)
class _Call:
    """What a caller is asked, and how its answer is read: seconds a call."""

    key: Key
    words: tuple
    seconds: typing.Callable


def _each(section, name, command, shape, calls):
    """Returns the _Call that is read by the median of its calls, made one after the other.

    command: the words before the shape. The last word is the silence before each call.
    """
    words = (*command, *shape, calls, 0)
    return _Call(Key(section, name), words, lambda answer: statistics.median(answer["calls"]))


def _together(section, name, command, shape, calls, last):
    """Returns the _Call that is read by its total. last: the number of clients, or a depth."""
    words = (*command, *shape, calls, last)
    return _Call(Key(section, name), words, lambda answer: answer["total"] / calls)


_RAW = ("raw", _ADDRESS, METHOD)
_CLIENTS = ("clients", _ADDRESS, METHOD)
_COMPUTE = ("compute", _ADDRESS)


def _throughput(name, shape, calls):
    return [
        _each("throughput", f"{name}, one call at a time", _RAW, shape, calls),
        _together("throughput", f"{name}, two clients", _CLIENTS, shape, 2 * calls, 2),
    ]


def _remote(shape, calls):
    return _each("remote", f"softmax CE {shape[0]}x{shape[1]}", _COMPUTE, shape, calls)


# Calls of one shape are made in turn, for a caller makes a batch when the shape changes.
_SMALL, _MANY, _LARGEST = (32, 10), (1024, 1000), (2048, 32000)
_GROUPS = [
    [
        _each("small", "unary p50 32x10", _RAW, _SMALL, 400),
        _each("small", "unary p50 32x10 of the client library", _COMPUTE, _SMALL, 400),
        _together("small", "ComputeStream 32x10", ("stream", _ADDRESS), _SMALL, 3000, 16),
    ],
    [
        _together("clients", f"{clients} clients 1024x1000", _CLIENTS, _MANY, 64, clients)
        for clients in (1, 2, 4, 8, 16)
    ],
    _throughput("4 MiB", (1024, 1024), 16),
    _throughput("16 MiB", (4096, 1024), 6),
    _throughput("64 MiB", (16384, 1024), 2),
    [_remote((65536, 10), 12)],
    [_remote((8192, 1000), 4)],
    [_remote((256, 128256), 1)],
    [
        _remote(_LARGEST, 1),
        _each("chunked", "chunked call 2048x32000", ("chunked", _ADDRESS), _LARGEST, 1),
    ],
]
_QUICK_GROUPS = _GROUPS[:3]

SECTIONS = tuple(dict.fromkeys(call.key.section for group in _GROUPS for call in group))


class _Pair:
    """A server and the caller of its build."""

    def __init__(self, programs, stack):
        self._server = stack.enter_context(programs.lossd())
        self._caller = stack.enter_context(programs.caller())

    def measure(self, call):
        words = (self._server.address if word == _ADDRESS else word for word in call.words)
        return call.seconds(self._caller.ask(*words))


def _answered(builds, pairs, call):
    """Makes the calls for the first time, which opens connections and fills pools."""
    for side, pair in pairs.items():
        try:
            pair.measure(call)
        except Refused as refused:
            builds.leave_out(call.key, f"{side.name.lower()} build: {refused}")
            return False
    return True


def _sit(builds, groups, orders):
    with contextlib.ExitStack() as stack:
        pairs = {side: _Pair(builds.programs(side), stack) for side in Side}
        for group in groups:
            calls = [call for call in group if _answered(builds, pairs, call)]
            for order in orders:
                for call in calls:
                    for side in order:
                        builds.add(call.key, side, pairs[side].measure(call))


def measure(builds, wanted):
    """Measures what `wanted`, a function of a Key, is true of; gives the samples to `builds`."""
    groups = _QUICK_GROUPS if builds.quick else _GROUPS
    groups = [[call for call in group if wanted(call.key)] for group in groups]
    orders = builds.turns()
    if not any(groups):
        return
    for first in range(0, len(orders), _SITTING):
        _sit(builds, groups, orders[first : first + _SITTING])


def _idle_and_peak(programs, calls):
    """Returns what a fresh server takes when idle, and how much more at most under `calls` calls."""
    with programs.lossd() as server, programs.caller() as caller:
        caller.ask("raw", server.address, METHOD, 32, 10, 1, 0)
        idle = server.memory("VmRSS")
        server.reset_peak()
        caller.ask("raw", server.address, METHOD, *_MEMORY_SHAPE, calls, 0, timeout=600)
        return idle, server.memory("VmHWM") - idle


def measure_memory(builds, wanted):
    """Measures the server's memory, as measure() does the calls."""
    calls = 5 if builds.quick else _MEMORY_CALLS
    keys = [Key("memory", "idle"), Key("memory", f"peak of {calls} requests of 60 MiB, above idle")]
    if not any(map(wanted, keys)):
        return
    for order in builds.turns():
        for side in order:
            for key, sample in zip(keys, _idle_and_peak(builds.programs(side), calls)):
                if wanted(key):
                    builds.add(key, side, sample, "B")
