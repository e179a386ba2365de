"""The programs of one build: where they are, and how each is started."""

import json
import os
import subprocess

from suite.processes import RAISED_MALLOC, Agent, Server

THREADS = 2
_MAX_MESSAGE_BYTES = 1 << 30


class Programs:
    """Starts the programs in one folder. Each server and agent is to be used in a `with`."""

    def __init__(self, folder, log):
        """log: the file that their stderr goes to."""
        self._folder = folder
        self._log = log

    def path(self, name):
        return os.path.join(self._folder, name)

    def lossd(self, prefix=(), listen="127.0.0.1:0"):
        """Starts a lossd. `prefix`: words before its command."""
        arguments = [self.path("lossd"), "--listen", listen]
        arguments += ["--threads", str(THREADS), "--max-message-bytes", str(_MAX_MESSAGE_BYTES)]
        return Server([*prefix, *arguments], {}, self._log)

    def echo(self, environment):
        return Server([self.path("echo_server")], environment, self._log)

    def caller(self):
        return Agent([self.path("caller")], RAISED_MALLOC, self._log)

    def _kernels_benchmark(self, *arguments):
        command = [self.path("kernels_benchmark"), *arguments]
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=self._log, check=True, text=True
        ).stdout

    def kernel_names(self):
        """Returns the names that kernels() can measure."""
        return self._kernels_benchmark("--benchmark_list_tests").split()

    def kernels(self, names, repetitions, min_time):
        """Runs kernels_benchmark in a process of its own and returns its report, parsed.

        names: a regular expression for the whole name.
        """
        printed = self._kernels_benchmark(
            f"--benchmark_filter=^({names})$",
            "--benchmark_format=json",
            f"--benchmark_repetitions={repetitions}",
            f"--benchmark_min_time={min_time}",
            # With one repetition, the order of the list is kept, in which shapes are together.
            f"--benchmark_enable_random_interleaving={'true' if repetitions > 1 else 'false'}",
        )
        return json.loads(printed) if printed.strip() else {"benchmarks": []}
