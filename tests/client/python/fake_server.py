"""A server in place of lossd whose answers a test scripts."""

import concurrent.futures
import socket

import grpc

from lossd import _contract


def unavailable(retry_after=None):
    """Returns what a script has for an overloaded server: (code, words, details)."""
    details = []
    if retry_after is not None:
        info = _contract.RetryInfo()
        info.retry_delay.seconds, info.retry_delay.nanos = divmod(int(retry_after * 1e9), 10**9)
        details.append(info)
    return grpc.StatusCode.UNAVAILABLE, "the server is overloaded", details


END = object()  # as an answer on a stream: it ends


class Refused(tuple):
    """(code, words, details), as an answer on a stream before anything is read of it."""



def closed_port():
    """Returns an address at which nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{unused.getsockname()[1]}"


class FakeServer(grpc.GenericRpcHandler):
    """Answers the calls of each method from a list: bytes, or (code, words, details) as an error; the last one again
    and again. `requests` has (method, bytes, metadata) of each call."""

    def __init__(self, credentials=None, **answers):
        self._answers = answers
        self.requests = []
        self._server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(4), handlers=[self],
            options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)])
        if credentials is None:
            self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        else:
            self.address = f"localhost:{self._server.add_secure_port('127.0.0.1:0', credentials)}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None).wait()

    def service(self, call):
        method = call.method.rpartition("/")[2]
        if method == "ComputeStream":
            return grpc.stream_stream_rpc_method_handler(lambda requests, context: self._stream(requests, context))
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer(method, request, context))

    def _next(self, method):
        answers = self._answers[method]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _answer(self, method, request, context):
        self.requests.append((method, request, dict(context.invocation_metadata())))
        answer = self._next(method)
        return answer if isinstance(answer, bytes) else _fail(context, *answer)

    def _stream(self, requests, context):
        if isinstance(self._answers["ComputeStream"][0], Refused):
            _fail(context, *self._next("ComputeStream"))
        for request in requests:
            self.requests.append(("ComputeStream", request, dict(context.invocation_metadata())))
            answer = self._next("ComputeStream")
            if answer is END:
                return
            if isinstance(answer, bytes):
                response = _contract.ComputeStreamResponse(
                    sequence=_contract.ComputeStreamRequest.FromString(request).sequence)
                response.response.MergeFromString(answer)
                yield response.SerializeToString()
            else:
                _fail(context, *answer)


def _fail(context, code, words, details):
    status = _contract.Status(code=code.value[0], message=words)
    for detail in details:
        packed = status.details.add()
        packed.type_url = f"type.googleapis.com/{detail.DESCRIPTOR.full_name}"
        packed.value = detail.SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, words)


def loss(value):
    """Returns the bytes of an answer with that loss."""
    return _contract.ComputeResponse(loss=value).SerializeToString()
