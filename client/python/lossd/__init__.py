"""lossd's client: losses and gradients from a server.

    import lossd

    client = lossd.Client("gpu-7:50051")
    result = client.compute(logits, labels, loss={"focal": {"gamma": 2}}, reduction="mean",
                            outputs={"gradient": True})

lossd.Client calls from threads, lossd.AsyncClient from asyncio. lossd.torch, lossd.jax and lossd.keras are losses to
train with, lossd.xgboost and lossd.lightgbm objectives. lossd.errors lists what can go wrong, lossd.results what
comes back.
"""

import pkgutil

# Stubs of a caller's own, in a folder lossd/v1 elsewhere on the path, are found beside the package.
__path__ = pkgutil.extend_path(__path__, __name__)

from lossd._call.target import Tls  # noqa: E402
from lossd._version import __version__
from lossd.aio import AsyncClient
from lossd.async_streams import AsyncResultStream
from lossd.client import Client
from lossd.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    LossdError,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
    Violation,
)
from lossd.results import (
    ClassStatistics,
    ClassWeights,
    Comparison,
    Difficulty,
    Information,
    Loss,
    Parameter,
    PolicyStatistics,
    Result,
    SchemeWeights,
    ServerInfo,
)
from lossd.streams import ResultStream

__all__ = [
    "Aborted",
    "AlreadyExists",
    "AsyncClient",
    "AsyncResultStream",
    "Cancelled",
    "ClassStatistics",
    "ClassWeights",
    "Client",
    "Comparison",
    "DataLoss",
    "DeadlineExceeded",
    "Difficulty",
    "FailedPrecondition",
    "Information",
    "Internal",
    "InvalidArgument",
    "Loss",
    "LossdError",
    "NotFound",
    "OutOfRange",
    "Parameter",
    "PermissionDenied",
    "PolicyStatistics",
    "ResourceExhausted",
    "Result",
    "ResultStream",
    "SchemeWeights",
    "ServerInfo",
    "Tls",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "Violation",
    "__version__",
]
