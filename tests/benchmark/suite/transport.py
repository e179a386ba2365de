"""lossd against the echo server, which is the limit for a server on gRPC: both are called with the
same bytes by the same thin client, and answer with as many."""

import os

from suite.context import THREADS
from suite.processes import Refused
from suite.rows import (
    Bound,
    Quantity,
    Row,
    fraction_of,
    interleave,
    median,
    percentile,
)
from suite.table import quantity_text

METHOD = "/lossd.v1.LossService/Compute"

THROUGHPUT_SECTION = "throughput of requests with the gradient back, over the echo's"
SMALL_SECTION = "small calls, 32x10"
CLIENTS_SECTION = "many clients"

_SIZES = {"4 MiB": (1024, 1024), "16 MiB": (4096, 1024), "64 MiB": (16384, 1024)}


class Pair:
    """Both servers, asked for the same shape."""

    def __init__(self, context, rows, classes):
        self._caller = context.caller
        self._shape = (rows, classes)
        self._lossd = (context.lossd.address, METHOD)
        # Also opens the connections, and lets lossd fill its pools.
        self.response_bytes = self._raw(self._lossd, 3)["response_bytes"]
        self._echo = (context.echo.address, f"/lossd.benchmark.Echo/{self.response_bytes}")
        self._raw(self._echo, 3)

    def _raw(self, target, calls):
        return self._caller.ask("raw", *target, *self._shape, calls, 0)

    def _clients(self, target, calls, clients):
        return self._caller.ask("clients", *target, *self._shape, calls, clients)["total"] / calls

    def in_turn(self, calls):
        """What interleave() takes: the seconds of each of `calls` calls."""
        return {
            "lossd": lambda: self._raw(self._lossd, calls)["calls"],
            "echo": lambda: self._raw(self._echo, calls)["calls"],
        }

    def together(self, calls, clients):
        """The same, the seconds that a call takes of all the time when `clients` call at once."""
        return {
            "lossd": lambda: [self._clients(self._lossd, calls, clients)],
            "echo": lambda: [self._clients(self._echo, calls, clients)],
        }


def _cpu_seconds(processes, call):
    """What `processes` take of the CPUs for a call, whatever it calls."""
    before = sum(process.cpu_seconds() for process in processes)
    call()
    return sum(process.cpu_seconds() for process in processes) - before


def _throughput_row(name, shape, samples, bound, note=""):
    size = 4 * shape[0] * shape[1]
    rates = {side: Quantity(size / median(s).value, "B/s") for side, s in samples.items()}
    echo = Quantity(rates["echo"].value, "B/s", "echo")
    return fraction_of(THROUGHPUT_SECTION, name, rates["lossd"], echo, bound, note)


def _computing(context, shape, threads, clock):
    """What computing alone takes of a call, without a server around it."""
    name = f"softmax/cross_entropy/{shape[0]}x{shape[1]}/threads:{threads}"
    return median(context.kernels(name, clock, repetitions=context.count(5))[name])


def _limit_of_calls(context, shape, echo):
    """What is left of the echo's rate when each call also computes, and nothing else: in words."""
    computing = _computing(context, shape, THREADS, "real_time")
    limit = echo.value / (echo.value + computing.value)
    return (
        f"the echo's {quantity_text(echo)} and the computing's {quantity_text(computing)} "
        f"make {limit:.2f}"
    )


def _limit_of_clients(context, shape, echo_calls, calls):
    """The same if the CPUs are never idle, so that a call takes what CPU time it needs."""
    echo = Quantity(_cpu_seconds((context.caller, context.echo), echo_calls) / calls)
    computing = _computing(context, shape, 1, "cpu_time")
    limit = echo.value / (echo.value + computing.value)
    return (
        f"the echo's {quantity_text(echo)} of CPU time and the computing's "
        f"{quantity_text(computing)} make {limit:.2f}"
    )


def measure_throughput(context):
    rows = []
    for name, shape in _SIZES.items():
        pair = Pair(context, *shape)
        calls = context.count(max(2, 24 * 1024 // shape[0]))
        in_turn = interleave(context.count(5), pair.in_turn(calls))
        together = interleave(context.count(5), pair.together(2 * calls, 2))
        bound = Bound(">=", 0.85)
        limit = _limit_of_calls(context, shape, median(in_turn["echo"]))
        rows.append(_throughput_row(f"{name}, one call at a time", shape, in_turn, bound, limit))
        # Many calls, for CPU time is counted in hundredths of a second.
        many = 10 * calls
        limit = _limit_of_clients(context, shape, pair.together(many, 2)["echo"], many)
        rows.append(_throughput_row(f"{name}, two clients", shape, together, bound, limit))
    return rows


def measure_policy(context):
    """A policy loss of a million tokens in float32: u, o, f and A there, and the gradient back."""
    name, tokens = "ppo + kl_penalty, 1000000 tokens, one call at a time", 1000000
    pair = Pair(context, tokens, 0)
    samples = interleave(context.count(7), pair.in_turn(context.count(12, 2)))
    return [_throughput_row(name, (tokens, 4), samples, Bound(">=", 0.8))]


def _limit_of_cpus(context, processes, call):
    """How long the CPUs take at least for what `processes` do in a call: in words."""
    calls = context.count(5)
    taken = _cpu_seconds(processes, lambda: [call() for _ in range(calls)]) / calls
    cpus = len(os.sched_getaffinity(0))
    return (
        f"client and server take {quantity_text(Quantity(taken))} of CPU time, "
        f"at least {quantity_text(Quantity(taken / cpus))} on {cpus} CPUs"
    )


def measure_chunked(context):
    """The client's call that cuts a batch into chunks, its compute hidden behind the wire."""
    name, bound, shape = "chunked call 2048x32000", Bound(">=", 1.0), (2048, 32000)
    if context.quick:
        return []
    words = ("chunked", context.lossd.address, *shape)
    try:
        context.caller.ask(*words, 1, 0)
    except Refused as refused:
        return [Row(THROUGHPUT_SECTION, name, bound=bound, note=str(refused))]
    echo = Pair(context, *shape).in_turn(1)["echo"]
    measures = {"lossd": lambda: context.caller.ask(*words, 1, 0)["calls"], "echo": echo}
    samples = interleave(context.count(7), measures)
    limit = _limit_of_cpus(context, (context.caller, context.lossd), measures["lossd"])
    wire = f"the echo's call takes {quantity_text(median(samples['echo']))}"
    return [_throughput_row(name, shape, samples, bound, f"{limit}; {wire}")]


def _silence_row(context):
    calls = context.count(15, 2)
    words = ("compute", context.lossd.address, 32, 10)
    context.caller.ask(*words, 3, 0)
    slow = percentile(context.caller.ask(*words, calls, 1200)["calls"], 90)
    return fraction_of(
        SMALL_SECTION,
        f"p90 of {calls} calls, each after 1.2 s of silence, over 2 ms",
        Quantity(slow),
        Quantity(2e-3, "s", "limit"),
        Bound("<", 1.0),
    )


def _stream_row(context, unary_seconds):
    name, bound = "ComputeStream, 16 messages under way: calls per second over unary", Bound(">=", 4)
    calls = context.count(3000, 200)
    words = ("stream", context.lossd.address, 32, 10, calls, 16)
    try:
        context.caller.ask(*words)
        totals = [context.caller.ask(*words)["total"] for _ in range(context.count(5))]
    except Refused as refused:
        return Row(SMALL_SECTION, name, bound=bound, note=str(refused))
    streamed = Quantity(calls / median(totals).value, "1/s")
    unary = Quantity(1 / unary_seconds, "1/s", "unary")
    return fraction_of(SMALL_SECTION, name, streamed, unary, bound)


def measure_small(context):
    samples = interleave(context.count(10, 2), Pair(context, 32, 10).in_turn(context.count(300, 20)))
    lossd = median(samples["lossd"])
    echo = median(samples["echo"], label="echo")
    p50 = fraction_of(SMALL_SECTION, "unary p50 over the echo's", lossd, echo, Bound("<=", 1.15))
    return [p50, _stream_row(context, lossd.value), _silence_row(context)]


def measure_clients(context):
    """The same calls from 1 to 16 connections; 16 may not lose a tenth of the best."""
    shape = (1024, 1000)
    counts = (1, 2, 4, 8, 16)
    pair = Pair(context, *shape)
    measures = {
        clients: pair.together(context.count(64, 16), clients)["lossd"] for clients in counts
    }
    samples = interleave(context.count(5), measures)
    rates = {clients: 1 / median(samples[clients]).value for clients in counts}
    best = max(rates, key=rates.get)
    return [
        fraction_of(
            CLIENTS_SECTION,
            "16 clients at 1024x1000, calls per second over the best of 1, 2, 4, 8 and 16",
            Quantity(rates[16], "1/s"),
            Quantity(rates[best], "1/s", f"{best} clients"),
            Bound(">=", 0.9),
        )
    ]

