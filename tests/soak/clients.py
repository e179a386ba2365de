"""The clients of a soak: each role is a process that calls until its time is up, and counts.

    clients.py ROLE ADDRESS SECONDS

prints a JSON object at its end: how many calls ended with which code, how many answers were wrong, and
how many codes came that this role does not provoke.
"""

import collections
import json
import math
import os
import random
import signal
import struct
import subprocess
import sys
import time

import grpc
from lossd.v1 import compute_pb2, loss_service_pb2_grpc, loss_spec_pb2, tensor_pb2

OK = "OK"
OVERLOADED = "UNAVAILABLE"


def request(rows, classes):
    """A batch of cross entropy whose logits are all 0, so that each loss is ln(classes)."""
    return compute_pb2.ComputeRequest(
        logits=tensor_pb2.Tensor(shape=[rows, classes], data_type=tensor_pb2.DATA_TYPE_FLOAT32,
                                 data=bytes(4 * rows * classes)),
        labels=tensor_pb2.Tensor(shape=[rows], data_type=tensor_pb2.DATA_TYPE_INT32,
                                 data=bytes(4 * rows)),
        loss=loss_spec_pb2.LossSpec(activation=loss_spec_pb2.ACTIVATION_SOFTMAX,
                                    cross_entropy=loss_spec_pb2.CrossEntropyLoss()),
        reduction=compute_pb2.REDUCTION_MEAN,
        outputs=compute_pb2.OutputOptions(gradient=True),
    )


def is_right(response, rows, classes):
    """Looks at the mean loss, and at the gradient's size and first row: (1/C − 1)/N, (1/C)/N, ..."""
    if not math.isclose(response.loss, math.log(classes), rel_tol=1e-6):
        return False
    if len(response.gradient.data) != 4 * rows * classes:
        return False
    first, second = struct.unpack_from("<2f", response.gradient.data)
    return (math.isclose(first, (1 / classes - 1) / rows, rel_tol=1e-5)
            and math.isclose(second, 1 / classes / rows, rel_tol=1e-5))


class Client:
    """One connection, and what its calls came to."""

    def __init__(self, address):
        self.address = address
        self.codes = collections.Counter()
        self.began = time.monotonic()
        self.texts = {}  # of each code, what the first error said, and when
        self.wrong = 0
        self.connect()

    def connect(self):
        limit = 64 << 20
        self.channel = grpc.insecure_channel(self.address, options=[
            ("grpc.max_receive_message_length", limit), ("grpc.max_send_message_length", limit),
            ("grpc.per_rpc_retry_buffer_size", limit),
            ("grpc.use_local_subchannel_pool", 1)])
        self.stub = loss_service_pb2_grpc.LossServiceStub(self.channel)

    def call(self, batch, rows, classes, timeout=60):
        try:
            response = self.stub.Compute(batch, timeout=timeout)
        except grpc.RpcError as error:
            self.note(error)
            return
        self.codes[OK] += 1
        self.wrong += not is_right(response, rows, classes)

    def note(self, error):
        code = error.code().name
        if code == OVERLOADED and not any(
                key == "grpc-status-details-bin" for key, _ in error.trailing_metadata() or ()):
            code = "UNAVAILABLE without details"
        self.codes[code] += 1
        self.texts.setdefault(
            code, f"{error.details()} ({time.monotonic() - self.began:.1f} s)")


def repeat(rows, classes, pause):
    batch = request(rows, classes)

    def run(client):
        client.call(batch, rows, classes)
        time.sleep(pause)
    return run


def stream(client):
    batch = request(256, 100)
    requests = [compute_pb2.ComputeStreamRequest(sequence=i, request=batch) for i in range(20)]
    try:
        for place, answer in enumerate(client.stub.ComputeStream(iter(requests), timeout=60)):
            if answer.HasField("error"):
                client.codes[f"code {answer.error.code} in a stream"] += 1
                continue
            client.codes[OK] += 1
            client.wrong += answer.sequence != place or not is_right(answer.response, 256, 100)
    except grpc.RpcError as error:
        client.note(error)


def with_deadline(client):
    client.call(request(4096, 1000), 4096, 1000, timeout=random.uniform(0.001, 0.1))


def cancel(client):
    call = client.stub.Compute.future(request(4096, 1000), timeout=60)
    time.sleep(random.uniform(0, 0.05))
    call.cancel()
    try:
        call.result()
        client.codes[OK] += 1
    except grpc.FutureCancelledError:
        client.codes["CANCELLED"] += 1
    except grpc.RpcError as error:
        client.note(error)


def send_nonsense(client):
    method = client.channel.unary_unary("/lossd.v1.LossService/Compute",
                                        request_serializer=lambda b: b,
                                        response_deserializer=lambda b: b)
    try:
        method(os.urandom(random.choice([1, 100, 20000])), timeout=60)
        client.codes[OK] += 1
        client.wrong += 1
    except grpc.RpcError as error:
        client.note(error)
    time.sleep(0.05)


def reconnect(client):
    client.call(request(32, 10), 32, 10)
    client.channel.close()
    client.connect()


def lose_a_client(end):
    """Starts a client with large calls, and after a moment ends it as `end` does."""
    def run(client):
        child = subprocess.Popen([sys.executable, __file__, "large", client.address, "60"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.5, 2))
        end(child)
        child.wait()
        client.codes["clients lost"] += 1
    return run


def stop_then_kill(child):
    child.send_signal(signal.SIGSTOP)
    time.sleep(8)
    child.kill()


# The role: what it does again and again, and the codes that it provokes beside OK and UNAVAILABLE.
ROLES = {
    "small": (repeat(32, 10, 0.005), ()),
    "medium": (repeat(262, 1000, 0.05), ()),
    "large": (repeat(4096, 1000, 0), ()),
    "stream": (stream, ("code 14 in a stream",)),
    "deadline": (with_deadline, ("DEADLINE_EXCEEDED",)),
    "cancel": (cancel, ("CANCELLED",)),
    # Random bytes may also announce a tensor that is too large.
    "nonsense": (send_nonsense, ("INVALID_ARGUMENT", "RESOURCE_EXHAUSTED")),
    "reconnect": (reconnect, ()),
    "killed": (lose_a_client(lambda child: child.kill()), ("clients lost",)),
    "stopped": (lose_a_client(stop_then_kill), ("clients lost",)),
}


def main():
    role, address, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    act, provoked = ROLES[role]
    client = Client(address)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        act(client)
    expected = {OK, OVERLOADED, *provoked}
    unexpected = {code: [n, client.texts.get(code)]
                  for code, n in client.codes.items() if code not in expected}
    print(json.dumps({"codes": client.codes, "wrong": client.wrong, "unexpected": unexpected}))


if __name__ == "__main__":
    main()
