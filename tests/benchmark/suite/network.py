"""A network between two processes of this machine: a veth pair, one end in a namespace of its own."""

import os
import subprocess

HERE_ADDRESS = "198.18.0.1"  # RFC 2544's addresses for benchmarks
THERE_ADDRESS = "198.18.0.2"

_NETEM = "netem rate 10gbit delay 0.1ms limit 100000"
# Without netem the rate alone. The bucket holds what 10 Gbit/s brings within a timer's tick.
_TBF = "tbf rate 10gbit burst 4mb limit 64mb"


class NetworkRefused(Exception):
    """No network was made; the words of the tool that refused."""


def _run(command):
    try:
        done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NetworkRefused(f"{command.split()[0]} is not installed") from None
    if done.returncode != 0:
        raise NetworkRefused(f"'{command}': {' '.join(done.stderr.split())}")


class Network:
    """10 Gbit/s and 0.2 ms there and back, in as far as this kernel shapes traffic.

    Made when the block that it is used in is entered, gone when it is left. NetworkRefused where
    that is not permitted.
    """

    def __init__(self):
        self._namespace = f"lossd-{os.getpid()}"
        self._here = f"lossd{os.getpid() % 100000}"
        self._there = "there"
        self.description = ""

    @property
    def inside(self):
        """The words before a command that runs at the other end."""
        return ["ip", "netns", "exec", self._namespace]

    def __enter__(self):
        _run(f"ip netns add {self._namespace}")
        try:
            self._connect()
            self.description = self._shape()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # The other end and its addresses go with the namespace.
        subprocess.run(["ip", "link", "del", self._here], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", self._namespace], capture_output=True, check=False)

    def _connect(self):
        _run(f"ip link add {self._here} type veth peer name {self._there} netns {self._namespace}")
        _run(f"ip addr add {HERE_ADDRESS}/30 dev {self._here}")
        _run(f"ip link set {self._here} up")
        inside = " ".join(self.inside)
        _run(f"{inside} ip addr add {THERE_ADDRESS}/30 dev {self._there}")
        _run(f"{inside} ip link set {self._there} up")

    def _shape_both(self, discipline):
        _run(f"tc qdisc replace dev {self._here} root {discipline}")
        _run(f"{' '.join(self.inside)} tc qdisc replace dev {self._there} root {discipline}")

    def _shape(self):
        try:
            self._shape_both(_NETEM)
            return "10 Gbit/s and 0.2 ms there and back"
        except NetworkRefused:
            self._shape_both(_TBF)
            return "10 Gbit/s; this kernel has no netem and so no delay"
