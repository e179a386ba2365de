"""The contract of 0.1.0, and a server that has no other."""

import concurrent.futures
import os

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from lossd import _contract
from lossd_server import shared

IMAGE = os.path.join(os.path.dirname(__file__), "contract-0.1.0.binpb")
SERVICE = "lossd.v1.LossService"


def _pool():
    pool = descriptor_pool.DescriptorPool()
    with open(IMAGE, "rb") as image:
        for file in descriptor_pb2.FileDescriptorSet.FromString(image.read()).file:
            pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL = _pool()


def message(name):
    """Returns a message type of 0.1.0."""
    descriptor = POOL.FindMessageTypeByName(f"lossd.v1.{name}")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(POOL).GetPrototype(descriptor)  # protobuf before 4.22


def types_of(method):
    """Returns the names of a method's request and answer."""
    found = POOL.FindServiceByName(SERVICE).methods_by_name[method]
    return found.input_type.name, found.output_type.name


def newer_fields(sent, descriptor, path=""):
    """Returns what 0.1.0 says of each field in a message of today that its descriptor does not have: in a loss, a
    scheme or outputs. A request's own it does not see."""
    words = []
    for field, value in sent.ListFields():
        old = descriptor.fields_by_number.get(field.number)
        if old is None and path:
            words.append(f"{path} has the unknown field {field.number}")
        elif old is not None and old.message_type is not None:
            repeated = not hasattr(value, "DESCRIPTOR")
            for index, each in enumerate(value if repeated else [value]):
                name = f"{field.name}[{index}]" if repeated else field.name
                words += newer_fields(each, old.message_type, f"{path}.{name}" if path else name)
    return words


class OldServer(grpc.GenericRpcHandler):
    """Answers what a lossd of 0.1.0 does: today's own computes, and sees and says nothing that is newer."""

    def __init__(self):
        self._today = grpc.insecure_channel(shared())
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[self],
                                   options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()
        self._today.close()

    def service(self, call):
        method = call.method.rpartition("/")[2]
        if method == "ComputeStream":
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(method, request, context))

    def _answer(self, method, request, context):
        asked, answered = map(message, types_of(method))
        words = newer_fields(getattr(_contract, asked.DESCRIPTOR.name).FromString(request), asked.DESCRIPTOR)
        if words:
            status = _contract.Status(code=grpc.StatusCode.UNIMPLEMENTED.value[0], message="; ".join(words))
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNIMPLEMENTED, status.message)
        old = asked.FromString(request)
        answer = answered.FromString(self._today.unary_unary(f"/{SERVICE}/{method}")(old.SerializeToString()))
        answer.DiscardUnknownFields()
        return answer.SerializeToString()
