"""What the measurements share: where things are, how long to measure, and the running servers."""

import contextlib
import functools
import os

from suite.kernel_report import peaks_by_name, seconds_by_name
from suite.processes import RAISED_MALLOC, Agent, Server
from suite.programs import THREADS, Programs

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(os.path.dirname(_HERE))


class Context:
    """Servers and clients start when first asked for and end when the block that it is used in is left."""

    def __init__(self, build, stubs, quick):
        self.root = ROOT
        self.stubs = stubs
        self.quick = quick
        self._stack = contextlib.ExitStack()
        # Takes what the programs say on stderr, to be read when one of them fails.
        self.log = self._stack.enter_context(
            open(os.path.join(build, "benchmark.log"), "w", encoding="utf-8")
        )
        self._programs = Programs(os.path.join(build, "bin"), self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def count(self, full, quick=1):
        """Returns how often to do something."""
        return quick if self.quick else full

    def start_lossd(self, prefix=(), listen="127.0.0.1:0"):
        """Starts a lossd of one's own, to be used in a `with`. `prefix`: words before its command."""
        return self._programs.lossd(prefix, listen)

    @functools.cached_property
    def lossd(self):
        return self._stack.enter_context(self.start_lossd())

    def start_echo(self, environment):
        """Starts an echo server of one's own, to be used in a `with`."""
        return self._programs.echo(environment)

    @functools.cached_property
    def echo(self):
        return self._stack.enter_context(self.start_echo(RAISED_MALLOC))

    @functools.cached_property
    def caller(self):
        return self._stack.enter_context(self._programs.caller())

    def peer(self, script, interpreter="/usr/bin/python3"):
        """Returns the command that runs one of the programs in peers/."""
        return [interpreter, os.path.join(_HERE, "peers", script)]

    def _tuned(self):
        path = os.pathsep.join([self.stubs, os.path.join(ROOT, "client", "python")])
        # OpenMP's threads spin while they wait, and on few CPUs one then waits for the time slice of
        # another: a small step took 8 ms now and then instead of 0.3.
        threads = {"OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
        return {**RAISED_MALLOC, **threads, "PYTHONPATH": path}

    def start_python_server(self):
        """Starts PyTorch behind grpcio, tuned as the others are, to be used in a `with`."""
        return Server(self.peer("python_server.py"), self._tuned(), self.log)

    def start_python_agent(self, script):
        """Starts one of the agents in peers/, tuned the same way, to be used in a `with`."""
        return Agent(self.peer(script), self._tuned(), self.log)

    def kernel_peaks(self, names):
        """Name -> bytes at the most while it runs, beside the arrays that it reads and writes."""
        return peaks_by_name(self._programs.kernels(names, 1, 0.001))

    def kernels(self, names, clock, repetitions, min_time=0.05, processes=1):
        """Runs kernels_benchmark: name -> seconds of each repetition, in an order that mixes them.

        names: a regular expression for the whole name.
        processes: one after the other, each with so many repetitions. Where a process's pages lie
            decides which of them share the caches' sets, a few percent either way.
        """
        merged = {}
        min_time = 0.01 if self.quick else min_time
        for _ in range(processes):
            report = self._programs.kernels(names, repetitions, min_time)
            for name, seconds in seconds_by_name(report, clock).items():
                merged.setdefault(name, []).extend(seconds)
        return merged
