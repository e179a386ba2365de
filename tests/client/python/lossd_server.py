"""A lossd of the tests' own: LOSSD_BINARY, on a free loopback port or a socket."""

import os
import select
import subprocess
import time

BINARY = os.environ["LOSSD_BINARY"]


class Server:
    """A lossd, ended by SIGTERM to its own process."""

    def __init__(self, *flags, listen="127.0.0.1:0"):
        self._command = [BINARY, "--listen", listen, "--drain-delay", "0s", "--log-level", "error", *flags]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                line = self.process.stdout.readline()
                if line.startswith("listening on "):
                    self.address = line.split()[-1]
                    return
                if not line:
                    break
        self.process.kill()
        raise RuntimeError(f"{BINARY} printed no line 'listening on ADDRESS'")

    def start_again(self):
        """Starts at the same address."""
        self._command[2] = self.address
        self.start()

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


_SHARED = []


def shared():
    """Returns the address of one server for all tests, ended with the process."""
    if not _SHARED:
        import atexit

        server = Server()
        server.start()
        atexit.register(server.stop)
        _SHARED.append(server)
    return _SHARED[0].address
