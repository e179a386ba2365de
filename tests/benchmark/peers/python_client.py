"""Calls python_server.py from tensors to tensors; an agent of the benchmark.

Reads "ADDRESS ROWS CLASSES CALLS" lines and answers each with the seconds of the calls.
"""

import functools
import json
import sys
import time
import warnings

import grpc
import torch

import loss_pb2
import loss_pb2_grpc

# The bytes of a message are read and never written.
warnings.filterwarnings("ignore", message="The given buffer is not writable")


@functools.lru_cache(maxsize=None)
def connect(address):
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    return loss_pb2_grpc.PythonLossStub(grpc.insecure_channel(address, options=options))


@functools.lru_cache(maxsize=1)
def make_batch(rows, classes):
    torch.manual_seed(1)
    return torch.randn(rows, classes), torch.randint(classes, (rows,))


def cross_entropy(stub, logits, labels):
    """The mean loss, the losses and the gradient."""
    response = stub.CrossEntropy(
        loss_pb2.CrossEntropyRequest(
            rows=logits.shape[0],
            classes=logits.shape[1],
            logits=logits.numpy().tobytes(),
            labels=labels.numpy().tobytes(),
        )
    )
    losses = torch.frombuffer(response.losses, dtype=torch.float32)
    gradient = torch.frombuffer(response.gradient, dtype=torch.float32)
    return response.loss, losses, gradient.reshape(logits.shape)


def main():
    for line in sys.stdin:
        address, rows, classes, calls = line.split()
        stub = connect(address)
        logits, labels = make_batch(int(rows), int(classes))
        seconds = []
        for _ in range(int(calls)):
            start = time.perf_counter()
            cross_entropy(stub, logits, labels)
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"calls": seconds}), flush=True)


if __name__ == "__main__":
    main()
