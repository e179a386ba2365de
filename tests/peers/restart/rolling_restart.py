"""Restarts three lossd one after the other under clients that call on, and fails if one call does.

    rolling_restart.py NAME=COMMAND...

Each COMMAND is a caller as caller.py is; one more calls through HAProxy where that is on the PATH.
"""

import json
import os
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from lossd.v1 import compute_pb2, tensor_pb2

LOSSD = os.path.abspath("build/release/bin/lossd")
REPLICAS = 3
FEWEST_CALLS = 10_000
# A stop takes the delay, the age and a second; streams in use go on until shortly before the timeout.
FLAGS = ["--drain-delay", "1s", "--max-connection-age", "2s", "--drain-timeout", "6s"]
PAUSE = 2.5  # Until clients have found a server that is there again.

HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  retries 3
  option redispatch 1
frontend grpc
  bind 127.0.0.1:{port} proto h2
  default_backend lossd
backend lossd
  balance roundrobin
{servers}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(rows, classes):
    logits = tensor_pb2.Tensor(
        data_type=tensor_pb2.DATA_TYPE_FLOAT32, shape=[rows, classes], data=bytes(4 * rows * classes)
    )
    labels = tensor_pb2.Tensor(
        data_type=tensor_pb2.DATA_TYPE_INT64, shape=[rows], data=struct.pack("<q", 1) * rows
    )
    return compute_pb2.ComputeRequest(
        logits=logits, labels=labels, outputs=compute_pb2.OutputOptions(gradient=True)
    )


def write_requests(folder):
    """The paths of a small request, one of 5 MiB, and a stream's."""
    batch = compute_pb2.ComputeStreamRequest(sequence=1, request=request(256, 100))
    messages = {"small": request(32, 10), "large": request(1310, 1000), "batch": batch}
    for name, message in messages.items():
        with open(f"{folder}/{name}", "wb") as file:
            file.write(message.SerializeToString())
    return [f"{folder}/{name}" for name in messages]


def wait_for_line(process, start):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([process.stdout], [], [], 0.5)[0]:
            line = process.stdout.readline()
            if line.startswith(start):
                return
            if not line:
                break
    raise RuntimeError(f"{process.args} printed no line '{start}'")


class Replica:
    def __init__(self, errors):
        self.address = f"127.0.0.1:{free_port()}"
        self._errors = errors
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [LOSSD, "--listen", self.address, *FLAGS],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        wait_for_line(self.process, "listening on ")

    def stop(self):
        """Returns the seconds that it took."""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        if status != 0:
            raise RuntimeError(f"lossd exited {status} after SIGTERM, expected 0")
        return time.monotonic() - begin


class Caller:
    def __init__(self, name, command, target, requests):
        self.name = name
        self.process = subprocess.Popen(
            [*command, target, *requests], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        wait_for_line(self.process, "calling")

    def finish(self):
        output, _ = self.process.communicate(timeout=120)
        return json.loads(output)


def start_haproxy(folder, replicas):
    port = free_port()
    servers = "\n".join(
        f"  server s{i} {replica.address} proto h2 check inter 100ms fall 1 rise 1"
        for i, replica in enumerate(replicas)
    )
    path = f"{folder}/haproxy.cfg"
    with open(path, "w", encoding="utf-8") as file:
        file.write(HAPROXY.format(port=port, servers=servers))
    process = subprocess.Popen(["haproxy", "-db", "-f", path], stderr=subprocess.DEVNULL)
    time.sleep(1)
    return process, f"127.0.0.1:{port}"


def restart_all(replicas, seconds):
    """Restarts them in turn until `seconds` have passed, and each twice at least."""
    begin = time.monotonic()
    rounds = 0
    while rounds < 2 or time.monotonic() - begin < seconds:
        for replica in replicas:
            taken = replica.stop()
            replica.start()
            print(f"{replica.address} stopped in {taken:.1f} s and is there again", flush=True)
            time.sleep(PAUSE)
        rounds += 1


def judge(name, result):
    print(f"{name}: {json.dumps(result)}", flush=True)
    # HAProxy 2.6 loses the status of some streams that a server ends before the client does.
    cut = 0 if "HAProxy" in name else result["cut"]
    return result["failed"] + cut == 0 and result["large"] > 0 and result["batches"] > 0


def main(commands):
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/lossd.log", "wb") as errors:
        requests = write_requests(folder)
        replicas = [Replica(errors) for _ in range(REPLICAS)]
        target = "ipv4:" + ",".join(replica.address for replica in replicas)
        callers = [Caller(name, command, target, requests) for name, command in commands]
        proxy = None
        if shutil.which("haproxy"):
            proxy, address = start_haproxy(folder, replicas)
            name, command = commands[-1]
            callers.append(Caller(f"{name} through HAProxy", command, f"ipv4:{address}", requests))
        try:
            restart_all(replicas, seconds=45)
            results = [(caller.name, caller.finish()) for caller in callers]
        finally:
            for process in [proxy, *(replica.process for replica in replicas)]:
                if process:
                    process.kill()
                    process.wait()
        good = [judge(*result) for result in results]
        calls = sum(result["small"] for _, result in results)
        print(f"{calls} small calls")
        return 0 if all(good) and calls >= FEWEST_CALLS else 1


if __name__ == "__main__":
    pairs = (argument.split("=", 1) for argument in sys.argv[1:])
    sys.exit(main([(name, shlex.split(command)) for name, command in pairs]))
