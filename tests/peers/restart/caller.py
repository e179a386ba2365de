"""Calls lossd until standard input ends, then prints what came of it as one line of JSON.

    caller.py TARGET SMALL LARGE BATCH

TARGET is gRPC's name of the servers; the others are files with a request of Compute, a large one, and
one of ComputeStream. Small calls begin every 3 ms, whatever becomes of those before; large ones follow
each other, and so do the batches of a stream. Nothing is tried again but batches that a server which
stops has not answered.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc

COMPUTE = "/lossd.v1.LossService/Compute"
STREAM = "/lossd.v1.LossService/ComputeStream"
INTERVAL = 0.003
LARGE_INTERVAL = 0.05


class Caller:
    def __init__(self, target, small, large, batch):
        options = [
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.enable_http_proxy", 0),
            # Beyond it gRPC does not send again what a leaving connection has not taken.
            ("grpc.per_rpc_retry_buffer_size", 64 << 20),
        ]
        channel = grpc.insecure_channel(target, options=options)
        self._compute = channel.unary_unary(COMPUTE)
        self._stream = channel.stream_stream(STREAM)
        self._small, self._large, self._batch = small, large, batch
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.counts = {"small": 0, "large": 0, "batches": 0, "streams": 0, "cut": 0, "failed": 0}
        self.errors = []

    def count(self, name):
        with self._lock:
            self.counts[name] += 1

    def fail(self, what, error, name="failed"):
        self.count(name)
        if len(self.errors) < 10:
            self.errors.append(f"{what}: {error.code()} {error.details()}")

    def call(self, name, request):
        try:
            self._compute(request, timeout=30)
        except grpc.RpcError as error:
            self.fail(name, error)
        else:
            self.count(name)

    def small_calls(self):
        with ThreadPoolExecutor(32) as pool:
            due = time.monotonic()
            while not self._stop.is_set():
                pool.submit(self.call, "small", self._small)
                due += INTERVAL
                time.sleep(max(0, due - time.monotonic()))

    def large_calls(self):
        while not self._stop.is_set():
            self.call("large", self._large)
            time.sleep(LARGE_INTERVAL)

    def batches(self):
        while not self._stop.is_set():
            self.count("streams")
            turn = threading.Semaphore(1)

            def requests():
                while not self._stop.is_set():
                    turn.acquire()
                    yield self._batch

            try:
                for _ in self._stream(requests()):
                    self.count("batches")
                    turn.release()
            except grpc.RpcError as error:
                # A server that stops ends it so, with details, and has answered what it took.
                stops = error.code() == grpc.StatusCode.UNAVAILABLE and "shutting down" in error.details()
                if not stops:
                    self.fail("stream", error, "cut")

    def run(self):
        threads = [
            threading.Thread(target=work) for work in (self.small_calls, self.large_calls, self.batches)
        ]
        for thread in threads:
            thread.start()
        print("calling", flush=True)
        sys.stdin.read()
        self._stop.set()
        for thread in threads:
            thread.join(40)
        print(json.dumps({**self.counts, "errors": self.errors}), flush=True)


def read(path):
    with open(path, "rb") as file:
        return file.read()


if __name__ == "__main__":
    Caller(sys.argv[1], *(read(path) for path in sys.argv[2:5])).run()
