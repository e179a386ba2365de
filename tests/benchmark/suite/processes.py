"""The programs that are measured, as processes of their own."""

import json
import os
import select
import subprocess
import time

# glibc then keeps what is freed, in place of giving it back and taking fresh pages the next time.
RAISED_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 33),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 33),
}

# A proxy named in the environment is not for this machine's own servers.
_OWN_ADDRESSES = "127.0.0.1,198.18.0.2"


class Process:
    """A program with its input and output as pipes. Ended when the block that it is used in is left."""

    def __init__(self, arguments, environment, log):
        """environment: what it has beside this process's. log: the file that its stderr goes to."""
        self.name = " ".join(map(os.path.basename, arguments[:2]))
        self._process = subprocess.Popen(
            arguments,
            env={**os.environ, "no_grpc_proxy": _OWN_ADDRESSES, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )

    @property
    def pid(self):
        return self._process.pid

    def cpu_seconds(self):
        """What all of its threads have taken so far, of the kernel's time too."""
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])
        return (user + system) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.terminate()
        try:
            # A server that drains waits for its clients to leave; all is measured by now.
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def read_line(self, timeout):
        """The next line of its output; RuntimeError when there is none within `timeout` seconds."""
        if not select.select([self._process.stdout], [], [], timeout)[0]:
            raise RuntimeError(f"{self.name} said nothing for {timeout} s")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with status {self._process.wait(timeout=10)}")
        return line.rstrip("\n")

    def write_line(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


class Server(Process):
    """A program that prints "listening on ADDRESS" once it serves."""

    def __init__(self, arguments, environment, log):
        super().__init__(arguments, environment, log)
        deadline = time.monotonic() + 60
        self.address = None
        try:
            while self.address is None:
                line = self.read_line(deadline - time.monotonic())
                if line.startswith("listening on "):
                    self.address = line.split()[-1]
        except BaseException:
            self.__exit__()
            raise

    def memory(self, field):
        """VmRSS or VmHWM, the most since the last reset_peak(), in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise RuntimeError(f"/proc/{self.pid}/status has no {field}")

    def reset_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as clear:
            clear.write("5")


class Refused(Exception):
    """A measurement that could not be made: the words of who was asked for it."""


class Agent(Process):
    """A program that reads a line with what to measure and answers with a line of JSON."""

    def ask(self, *words, timeout=180):
        """The parsed answer; Refused when it is "error: ...". """
        self.write_line(" ".join(str(word) for word in words))
        line = self.read_line(timeout)
        if line.startswith("error: "):
            raise Refused(line[len("error: ") :])
        return json.loads(line)
