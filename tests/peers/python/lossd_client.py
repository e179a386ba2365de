"""A lossd of one's own and calls to it with numpy in and out, for the tests beside this file.

The server is LOSSD_BINARY, or else what tests/run built.
"""

import dataclasses
import os
import select
import subprocess
import time

import grpc
import ml_dtypes
import numpy as np
from google.rpc import error_details_pb2, status_pb2

from lossd.v1 import class_weights_pb2, compute_pb2, information_pb2
from lossd.v1 import loss_service_pb2_grpc, tensor_pb2

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BINARY = os.environ.get("LOSSD_BINARY", os.path.join(ROOT, "build", "release", "bin", "lossd"))

_TYPES = {
    np.dtype(np.float32): tensor_pb2.DATA_TYPE_FLOAT32,
    np.dtype(np.float64): tensor_pb2.DATA_TYPE_FLOAT64,
    np.dtype(np.float16): tensor_pb2.DATA_TYPE_FLOAT16,
    np.dtype(ml_dtypes.bfloat16): tensor_pb2.DATA_TYPE_BFLOAT16,
    np.dtype(np.int32): tensor_pb2.DATA_TYPE_INT32,
    np.dtype(np.int64): tensor_pb2.DATA_TYPE_INT64,
    np.dtype(np.uint8): tensor_pb2.DATA_TYPE_UINT8,
}
_DTYPES = {number: dtype for dtype, number in _TYPES.items()}


def tensor(values):
    """Anything that numpy takes, as a lossd.v1.Tensor of raw data; numpy's own types otherwise."""
    values = np.asarray(values)
    return tensor_pb2.Tensor(
        data_type=_TYPES[values.dtype],
        shape=values.shape,
        data=np.ascontiguousarray(values).tobytes(),
    )


def array(message):
    """The numpy array of a lossd.v1.Tensor that came as raw data."""
    return np.frombuffer(message.data, _DTYPES[message.data_type]).reshape(tuple(message.shape))


@dataclasses.dataclass
class Answer:
    """A ComputeResponse; the arrays that were not asked for are None."""

    losses: np.ndarray = None
    gradient: np.ndarray = None
    hessian: np.ndarray = None
    probabilities: np.ndarray = None
    class_weights: np.ndarray = None
    log_sum_exp: np.ndarray = None
    margin: np.ndarray = None
    loss: float = 0.0
    loss_sum: float = 0.0
    weight_sum: float = 0.0
    valid_count: int = 0
    non_finite_count: int = 0
    message: compute_pb2.ComputeResponse = None


class Refusal(Exception):
    """An error of the server: its code, its words, and the fields that it names."""

    def __init__(self, error):
        super().__init__(error.details())
        self.code = error.code().name
        self.fields = []
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for detail in status_pb2.Status.FromString(value).details:
                    bad_request = error_details_pb2.BadRequest()
                    if detail.Unpack(bad_request):
                        self.fields += [v.field for v in bad_request.field_violations]


class Lossd:
    """A lossd on a free loopback port, ended by SIGTERM to its own process."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [BINARY, "--listen", "127.0.0.1:0", "--drain-delay", "0s"], stdout=subprocess.PIPE, text=True
        )
        size = 64 << 20
        self.address = self._read_address()
        self._channel = grpc.insecure_channel(
            self.address,
            options=[
                ("grpc.max_send_message_length", size),
                ("grpc.max_receive_message_length", size),
                # A proxy named in the environment is not for this machine's own server.
                ("grpc.enable_http_proxy", 0),
            ],
        )
        self._stub = loss_service_pb2_grpc.LossServiceStub(self._channel)
        return self

    def __exit__(self, *_):
        self._channel.close()
        self._process.terminate()
        status = self._process.wait(timeout=30)
        if status != 0:
            raise RuntimeError(f"lossd exited {status} after SIGTERM, expected 0")

    def _read_address(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if select.select([self._process.stdout], [], [], 0.5)[0]:
                line = self._process.stdout.readline()
                if line.startswith("listening on "):
                    return line.split()[-1]
                if not line:
                    break
        self._process.kill()
        raise RuntimeError(f"{BINARY} printed no line 'listening on ADDRESS'")

    def _call(self, method, request):
        try:
            return method(request, timeout=60)
        except grpc.RpcError as error:
            raise Refusal(error) from None

    def compute(self, logits, labels, loss=None, *, reduction="none", sample_weights=None,
                upstream_gradient=None, normalizer=None, class_axis=None, rollout=None, **outputs):
        """One call of Compute. `loss` and `outputs` are LossSpec and OutputOptions, in their
        fields' names, with tensor(...) where they hold one; `rollout` is arrays in Rollout's.
        Log-probabilities have labels of None. The gradient is always asked for. Raises Refusal.
        """
        request = compute_pb2.ComputeRequest(
            loss=loss or {},
            logits=tensor(logits),
            labels=None if labels is None else tensor(labels),
            rollout={name: tensor(values) for name, values in rollout.items()} if rollout else None,
            reduction="REDUCTION_" + reduction.upper(),
            outputs={"gradient": True, **outputs},
            class_axis=class_axis,
            normalizer=normalizer,
        )
        if sample_weights is not None:
            request.sample_weights.CopyFrom(tensor(sample_weights))
        if upstream_gradient is not None:
            request.upstream_gradient.CopyFrom(tensor(upstream_gradient))
        response = self._call(self._stub.Compute, request)
        answer = Answer(message=response)
        for name in ("losses", "gradient", "probabilities", "class_weights", "log_sum_exp",
                     "margin"):
            if response.HasField(name):
                setattr(answer, name, array(getattr(response, name)))
        if response.HasField("hessian_diagonal"):
            answer.hessian = array(response.hessian_diagonal)
        for name in ("loss", "loss_sum", "weight_sum", "valid_count", "non_finite_count"):
            setattr(answer, name, getattr(response, name))
        return answer

    def class_weights(self, **request):
        """ComputeClassWeights, as its response message."""
        return self._call(
            self._stub.ComputeClassWeights,
            class_weights_pb2.ComputeClassWeightsRequest(**request),
        )

    def information(self, p, q):
        """MeasureInformation, as its response message."""
        return self._call(
            self._stub.MeasureInformation,
            information_pb2.MeasureInformationRequest(p=tensor(p), q=tensor(q)),
        )


def weights(values):
    """A LossSpec's class_weighting with these weights."""
    return {"weights": tensor(np.asarray(values, dtype=np.float64))}


def assert_close(actual, expected, roundings, *, scale=None, dtype=np.float64, what=""):
    """Every element within `roundings` epsilons of `dtype` of the expected one, relative to
    `scale`: the largest finite |expected| unless said. Infinities and NaN must be the same on both
    sides."""
    actual = np.asarray(actual, dtype=np.float64)
    expected = np.asarray(expected, dtype=np.float64)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(actual[~finite], expected[~finite], err_msg=what)
    assert np.isfinite(actual[finite]).all(), f"{what}: not finite where {expected[finite]} is due"
    if not finite.any():
        return
    if scale is None:
        scale = np.abs(expected[finite]).max()
    epsilon = float(np.finfo(np.float64 if dtype == np.float64 else np.float32).eps)
    bound = np.broadcast_to(roundings * epsilon * np.asarray(scale), expected.shape)[finite]
    error = np.abs(actual[finite] - expected[finite])
    worst = np.argmax(error - bound)
    assert (error <= bound).all(), (
        f"{what}: {actual[finite][worst]!r}, expected {expected[finite][worst]!r}; "
        f"off by {error[worst]:.3g}, at most {bound[worst]:.3g}"
    )
