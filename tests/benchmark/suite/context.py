"""What the measurements share: where things are, how long to measure, and the running servers."""

import contextlib
import functools
import json
import os
import subprocess

from suite.kernel_report import seconds_by_name
from suite.processes import RAISED_MALLOC, Agent, Server

THREADS = 2
_MAX_MESSAGE_BYTES = 1 << 30


class Context:
    """Servers and clients start when first asked for and end when the block that it is used in is left."""

    def __init__(self, build, stubs, quick):
        self.bin = os.path.join(build, "bin")
        self.stubs = stubs
        self.quick = quick
        self.here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        self.root = os.path.dirname(os.path.dirname(self.here))
        self._stack = contextlib.ExitStack()
        # What the programs say on stderr; who fails is looked up there.
        self.log = self._stack.enter_context(
            open(os.path.join(build, "benchmark.log"), "w", encoding="utf-8")
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def count(self, full, quick=1):
        """How often to do something."""
        return quick if self.quick else full

    def start_lossd(self, prefix=(), listen="127.0.0.1:0"):
        """A lossd of one's own, to be used in a `with`. `prefix`: words before its command."""
        arguments = [os.path.join(self.bin, "lossd"), "--listen", listen]
        arguments += ["--threads", str(THREADS), "--max-message-bytes", str(_MAX_MESSAGE_BYTES)]
        return Server([*prefix, *arguments], {}, self.log)

    @functools.cached_property
    def lossd(self):
        return self._stack.enter_context(self.start_lossd())

    def start_echo(self, environment):
        """An echo server of one's own, to be used in a `with`."""
        return Server([os.path.join(self.bin, "echo_server")], environment, self.log)

    @functools.cached_property
    def echo(self):
        return self._stack.enter_context(self.start_echo(RAISED_MALLOC))

    @functools.cached_property
    def caller(self):
        agent = Agent([os.path.join(self.bin, "caller")], RAISED_MALLOC, self.log)
        return self._stack.enter_context(agent)

    def peer(self, script, interpreter="/usr/bin/python3"):
        """The command that runs one of the programs in peers/."""
        return [interpreter, os.path.join(self.here, "peers", script)]

    def _tuned(self):
        path = os.pathsep.join([self.stubs, os.path.join(self.root, "client", "python")])
        # OpenMP's threads spin while they wait, and on few CPUs one then waits for the time slice of
        # another: a small step took 8 ms now and then instead of 0.3.
        threads = {"OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
        return {**RAISED_MALLOC, **threads, "PYTHONPATH": path}

    def start_python_server(self):
        """PyTorch behind grpcio, tuned as the others are, to be used in a `with`."""
        return Server(self.peer("python_server.py"), self._tuned(), self.log)

    def start_python_agent(self, script):
        """One of the agents in peers/, tuned the same way, to be used in a `with`."""
        return Agent(self.peer(script), self._tuned(), self.log)

    def kernels(self, names, clock, repetitions, min_time=0.05, processes=1):
        """Runs kernels_benchmark: name -> seconds of each repetition, in an order that mixes them.

        names: a regular expression for the whole name.
        processes: one after the other, each with so many repetitions. Where a process's pages lie
            decides which of them share the caches' sets, a few percent either way.
        """
        merged = {}
        for _ in range(processes):
            for name, seconds in self._kernels(names, clock, repetitions, min_time).items():
                merged.setdefault(name, []).extend(seconds)
        return merged

    def _kernels(self, names, clock, repetitions, min_time):
        arguments = [
            os.path.join(self.bin, "kernels_benchmark"),
            f"--benchmark_filter=^({names})$",
            "--benchmark_format=json",
            f"--benchmark_repetitions={repetitions}",
            f"--benchmark_min_time={0.01 if self.quick else min_time}",
            "--benchmark_enable_random_interleaving=true",
        ]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=self.log, check=True)
        return seconds_by_name(json.loads(done.stdout), clock) if done.stdout.strip() else {}
