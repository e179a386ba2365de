"""A lossd of one's own, on a free loopback port. LOSSD_BINARY names it."""

import os
import subprocess

import grpc

from lossd.v1 import loss_service_pb2_grpc


class Server:
    def __init__(self):
        self._process = subprocess.Popen([os.environ["LOSSD_BINARY"], "--listen", "127.0.0.1:0",
                                          "--drain-delay", "0s"],
                                         stdout=subprocess.PIPE, text=True)
        listening = (line for line in self._process.stdout if line.startswith("listening on "))
        self.address = next(listening).split()[-1]
        # A proxy named in the environment is not for this machine's own server.
        self._channel = grpc.insecure_channel(self.address, options=[("grpc.enable_http_proxy", 0)])
        self._stub = loss_service_pb2_grpc.LossServiceStub(self._channel)

    def compute(self, request):
        return self._stub.Compute(request, timeout=60)

    def stop(self):
        self._channel.close()
        self._process.terminate()
        self._process.stdout.close()
        if self._process.wait(timeout=60) != 0:
            raise RuntimeError(f"lossd exited {self._process.returncode} after SIGTERM, expected 0")
