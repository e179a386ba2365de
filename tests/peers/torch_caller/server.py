"""A lossd of the tests' own, and the count of what they checked."""

import os
import select
import subprocess
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
LOSSD = os.environ.get("LOSSD", os.path.join(ROOT, "build", "release", "bin", "lossd"))


class Server:
    """A lossd on a free loopback port, ended by SIGTERM to its own process."""

    def __init__(self, *flags):
        self.command = [LOSSD, "--listen", "127.0.0.1:0", "--drain-delay", "0s", *flags]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                line = self.process.stdout.readline()
                if line.startswith("listening on "):
                    self.address = line.split()[-1]
                    return self
                if not line:
                    break
        self.process.kill()
        raise RuntimeError(f"{LOSSD} printed no line 'listening on ADDRESS'")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def check(self, name, holds, detail):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'PASS' if holds else 'FAIL'} {name}: {detail}", flush=True)

    def skip(self, name, reason):
        self.skipped += 1
        print(f"SKIP {name}: {reason}", flush=True)
