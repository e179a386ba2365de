"""The contract, proto/lossd/v1/, as protobuf's messages, made from its descriptor image.

The image lies in a pool of its own. So no generated code has to fit the protobuf that is installed, and
stubs of the same files in the same process, by whomever, do not clash with these.
"""

from __future__ import annotations

import pathlib
from typing import Any, Optional, Type

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

IMAGE_NAME = "lossd-v1.binpb"


def _image() -> bytes:
    """Returns the descriptor image: the package's own, or in a source tree the one of proto/."""
    own = pathlib.Path(__file__).with_name(IMAGE_NAME)
    if own.is_file():
        return own.read_bytes()
    return (pathlib.Path(__file__).parents[3] / "proto" / IMAGE_NAME).read_bytes()


def _make_pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(_image()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _make_pool()


def _class(full_name: str) -> Type[Message]:
    descriptor = _POOL.FindMessageTypeByName(full_name)
    if hasattr(message_factory, "GetMessageClass"):
        made: Type[Message] = message_factory.GetMessageClass(descriptor)
    else:  # protobuf before 4.22
        made = message_factory.MessageFactory(_POOL).GetPrototype(descriptor)
    return made


def _numbers(enum: str) -> dict[str, int]:
    """Returns the numbers of an enum's values by their names without the prefix."""
    values = _POOL.FindEnumTypeByName(f"lossd.v1.{enum}").values
    prefix = values[0].name[: -len("UNSPECIFIED")]
    return {value.name[len(prefix) :]: value.number for value in values}


# Message types, and so their attributes, are made at run time: Any is what a type checker can know.
Tensor: Any = _class("lossd.v1.Tensor")
LossSpec: Any = _class("lossd.v1.LossSpec")
OutputOptions: Any = _class("lossd.v1.OutputOptions")
Rollout: Any = _class("lossd.v1.Rollout")
ComputeRequest: Any = _class("lossd.v1.ComputeRequest")
ComputeResponse: Any = _class("lossd.v1.ComputeResponse")
ComputeStreamRequest: Any = _class("lossd.v1.ComputeStreamRequest")
ComputeStreamResponse: Any = _class("lossd.v1.ComputeStreamResponse")
CompareRequest: Any = _class("lossd.v1.CompareRequest")
CompareResponse: Any = _class("lossd.v1.CompareResponse")
ComputeClassWeightsRequest: Any = _class("lossd.v1.ComputeClassWeightsRequest")
ComputeClassWeightsResponse: Any = _class("lossd.v1.ComputeClassWeightsResponse")
MeasureInformationRequest: Any = _class("lossd.v1.MeasureInformationRequest")
MeasureInformationResponse: Any = _class("lossd.v1.MeasureInformationResponse")
ListLossesRequest: Any = _class("lossd.v1.ListLossesRequest")
ListLossesResponse: Any = _class("lossd.v1.ListLossesResponse")
GetServerInfoRequest: Any = _class("lossd.v1.GetServerInfoRequest")
GetServerInfoResponse: Any = _class("lossd.v1.GetServerInfoResponse")
GetRunRequest: Any = _class("lossd.v1.GetRunRequest")
GetRunResponse: Any = _class("lossd.v1.GetRunResponse")
WatchRunRequest: Any = _class("lossd.v1.WatchRunRequest")
WatchRunResponse: Any = _class("lossd.v1.WatchRunResponse")
ListRunsRequest: Any = _class("lossd.v1.ListRunsRequest")
ListRunsResponse: Any = _class("lossd.v1.ListRunsResponse")
DeleteRunRequest: Any = _class("lossd.v1.DeleteRunRequest")
ListRunSamplesRequest: Any = _class("lossd.v1.ListRunSamplesRequest")
ListRunSamplesResponse: Any = _class("lossd.v1.ListRunSamplesResponse")
ExportRunSamplesRequest: Any = _class("lossd.v1.ExportRunSamplesRequest")
ExportRunSamplesResponse: Any = _class("lossd.v1.ExportRunSamplesResponse")
Status: Any = _class("google.rpc.Status")
BadRequest: Any = _class("google.rpc.BadRequest")
ErrorInfo: Any = _class("google.rpc.ErrorInfo")
RetryInfo: Any = _class("google.rpc.RetryInfo")

DATA_TYPE = _numbers("DataType")
REDUCTION = _numbers("Reduction")
ACTIVATION = _numbers("Activation")
RATIO_LEVEL = _numbers("RatioLevel")

SERVICE = "lossd.v1.LossService"
RUN_SERVICE = "lossd.v1.RunService"


def field_number(message: Any, name: str) -> int:
    """Returns the number of a message's field."""
    number: int = message.DESCRIPTOR.fields_by_name[name].number
    return number


_REQUESTS = (ComputeRequest, CompareRequest, ComputeClassWeightsRequest)


def name_at(path: str, number: int) -> Optional[str]:
    """Returns the name of the field of that number in the message at a path of a request, as "losses[1].focal"; None
    where there is none."""
    first, *others = (part.partition("[")[0] for part in path.split("."))
    field = next(filter(None, (kind.DESCRIPTOR.fields_by_name.get(first) for kind in _REQUESTS)), None)
    for name in others:
        field = field and field.message_type and field.message_type.fields_by_name.get(name)
    found = field and field.message_type and field.message_type.fields_by_number.get(number)
    return found.name if found else None
