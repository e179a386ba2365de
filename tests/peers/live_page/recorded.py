"""Runs for the live page: a lossd of one's own, and trainings that it records over gRPC."""

import os
import subprocess

import grpc
import numpy
from lossd.v1 import compute_pb2, loss_service_pb2_grpc, run_service_pb2_grpc, tensor_pb2

_MESSAGES = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]


class Lossd:
    """A lossd that shows its page, on free loopback ports."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [os.environ["LOSSD_BINARY"], "--listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0",
             "--max-connection-age", "1h", "--drain-delay", "0s", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.said = [self.process.stdout.readline().strip() for _ in range(2)]
        self.url = f"http://{self.said[0].split()[-1]}/"
        self.channel = grpc.insecure_channel(self.said[1].split()[-1], options=_MESSAGES)
        self.losses = loss_service_pb2_grpc.LossServiceStub(self.channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(self.channel)

    def record(self, run, step, logits, labels, ids, gradient=False, metadata=None, **fields):
        """Sends a batch of a run. Returns the answer."""
        request = compute_pb2.ComputeRequest(
            logits=_tensor(logits, tensor_pb2.DATA_TYPE_FLOAT32, "<f4"),
            labels=_tensor(labels, tensor_pb2.DATA_TYPE_INT32, "<i4"),
            sample_ids=_tensor(ids, tensor_pb2.DATA_TYPE_INT64, "<i8"),
            run=run, request_id=f"{run}/{step}", step=step, reduction=compute_pb2.REDUCTION_MEAN, **fields)
        request.loss.focal.gamma = 2
        request.outputs.gradient = gradient
        return self.losses.Compute(request, timeout=120, metadata=metadata)

    def stop(self):
        self.channel.close()
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def _tensor(values, data_type, dtype):
    array = numpy.ascontiguousarray(values, dtype=dtype)
    return tensor_pb2.Tensor(data_type=data_type, shape=array.shape, data=array.tobytes())


class Training:
    """A small network that learns seven unequal classes, a few of whose labels are wrong, with lossd's gradients."""

    SAMPLES, CLASSES, BATCH = 4000, 7, 250

    def __init__(self, lossd, name, rate):
        self.lossd, self.name, self.rate = lossd, name, rate
        self.random = numpy.random.default_rng(7)
        odds = numpy.array([0.42, 0.24, 0.14, 0.09, 0.06, 0.03, 0.02])
        self.labels = self.random.choice(self.CLASSES, self.SAMPLES, p=odds)
        centers = self.random.normal(0, 1.35, (self.CLASSES, 8))
        self.inputs = centers[self.labels] + self.random.normal(0, 1, (self.SAMPLES, 8))
        wrong = self.random.random(self.SAMPLES) < 0.04
        self.labels = numpy.where(wrong, self.random.integers(0, self.CLASSES, self.SAMPLES), self.labels)
        self.first = self.random.normal(0, 0.4, (8, 32))
        self.second = self.random.normal(0, 0.2, (32, self.CLASSES))
        self.step = 0

    def epochs(self, count, of):
        """Trains for so many epochs out of `of`; the rate drops to a fifth after two thirds of these."""
        for _ in range(count):
            epoch = self.step * self.BATCH // self.SAMPLES + 1
            rate = self.rate * (0.2 if epoch > 2 * of / 3 else 1)
            order = self.random.permutation(self.SAMPLES)
            for begin in range(0, self.SAMPLES, self.BATCH):
                self._learn(order[begin:begin + self.BATCH], epoch, rate)

    def _learn(self, rows, epoch, rate):
        inputs = self.inputs[rows]
        hidden = numpy.maximum(inputs @ self.first, 0)
        answer = self.lossd.record(self.name, self.step, hidden @ self.second, self.labels[rows], rows, gradient=True,
                                   epoch=epoch, learning_rate=rate)
        gradient = numpy.frombuffer(answer.gradient.data, "<f4").reshape(len(rows), self.CLASSES)
        back = (gradient @ self.second.T) * (hidden > 0)
        self.second -= rate * hidden.T @ gradient
        self.first -= rate * inputs.T @ back
        self.step += 1


def record_million(lossd, name, samples=1_000_000, epochs=4, batch=62_500, classes=10):
    """Records presentations of very many samples that are learned, each at a pace of its own."""
    random = numpy.random.default_rng(3)
    pace = random.normal(1.1, 1.0, samples).astype("f4")
    labels = random.integers(0, classes, samples)
    step = 0
    for epoch in range(1, epochs + 1):
        for begin in range(0, samples, batch):
            ids = numpy.arange(begin, begin + batch)
            logits = random.normal(0, 1.2, (batch, classes)).astype("f4")
            logits[numpy.arange(batch), labels[ids]] += pace[ids] * epoch
            lossd.record(name, step, logits, labels[ids], ids, epoch=epoch, learning_rate=0.1 / epoch)
            step += 1
