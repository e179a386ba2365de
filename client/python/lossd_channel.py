"""Channels to a lossd server that suit its messages: limits, proxies, and what their errors mean.

    channel = connect("gpu-7:50051", max_message_bytes=256 << 20)
    loss = lossd_loss(model(x), labels, channel=channel)

Needs grpcio, protobuf, and the stubs, as lossd_torch does.
"""

import collections
import functools
import ipaddress
import os
import time
import urllib.parse
import weakref

import grpc

from lossd.v1 import loss_service_pb2_grpc

_Route = collections.namedtuple("_Route", "max_message_bytes proxy")
_routes = weakref.WeakKeyDictionary()  # of the channels that connect() made


def connect(address, max_message_bytes=64 << 20):
    """Returns a plain-text channel to `address`: "host:port" or "unix:/path".

    max_message_bytes: a batch whose request or answer would be larger travels in chunks. At most the
    server's --max-message-bytes, which has the same default; −1 is gRPC's own limit, 2 GiB.

    No proxy is used for this machine (localhost, 127.0.0.0/8, ::1, unix:), nor for hosts whose names end
    in an entry of no_grpc_proxy, no_proxy or NO_PROXY, the first that is set. Others are called through
    the proxy that grpc_proxy, https_proxy or http_proxy names, as gRPC does.
    """
    proxy = proxy_for(address)
    channel = grpc.insecure_channel(
        address,
        options=[
            ("grpc.max_send_message_length", max_message_bytes),
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.enable_http_proxy", int(proxy is not None)),
        ],
    )
    limit = max_message_bytes if max_message_bytes >= 0 else (2 << 30) - 1
    _routes[channel] = _Route(limit, proxy)
    return channel


@functools.lru_cache(maxsize=None)
def default_channel(_process):
    """Returns this process's channel to LOSSD_ADDRESS."""
    # Each process needs its own: a gRPC channel does not survive fork().
    return connect(os.environ.get("LOSSD_ADDRESS", "localhost:50051"))


def _first_set(*variables):
    return next((os.environ[name] for name in variables if name in os.environ), "")


def proxy_for(target):
    """Returns the proxy of a target, "host:port" without credentials, None when it is called directly."""
    proxy = urllib.parse.urlsplit(_first_set("grpc_proxy", "https_proxy", "http_proxy"))
    scheme, _, rest = target.partition(":")
    if proxy.scheme != "http" or scheme in ("unix", "unix-abstract", "vsock"):
        return None
    addresses = rest if scheme in ("dns", "ipv4", "ipv6") else target
    hosts = [_host(address) for address in addresses.rpartition("/")[2].split(",")]
    names = _first_set("no_grpc_proxy", "no_proxy", "NO_PROXY").lower().split(",")
    direct = tuple(name.strip() for name in names if name.strip())
    if all(_is_this_machine(host) or host.endswith(direct) for host in hosts):
        return None
    return proxy.netloc.rpartition("@")[2]


def _host(address):
    address = urllib.parse.unquote(address).lower()
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]


def _is_this_machine(host):
    try:
        address = ipaddress.ip_address(host)
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return ("." + host).rstrip(".").endswith(".localhost")


class CallError(grpc.RpcError):
    """A failed call: the code() and details() of the server or of gRPC, and what to do about it."""

    def __init__(self, error, advice):
        super().__init__(f"{error.code()}: {error.details()}; {advice}")
        self.code = error.code
        self.details = lambda: f"{error.details()}; {advice}"
        self.trailing_metadata = error.trailing_metadata


def _advice(error, route, first_row):
    """Returns what to say beside an error's own words, "" when they say enough."""
    code, words = error.code(), error.details()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and (
        "message larger than max" in words or "--max-message-bytes" in words
    ):
        return (
            "a channel by connect(address, max_message_bytes=...), at most the server's "
            "--max-message-bytes, gets batches in messages that fit"
        )
    if code is grpc.StatusCode.INVALID_ARGUMENT and first_row:
        return f"the batch was cut, and these rows count from its row {first_row}"
    unanswered = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    if route.proxy and unanswered and not error.trailing_metadata():
        return f"the call went through the proxy {route.proxy}; no_proxy lists hosts that go without"
    return ""


class Server:
    """The calls that share a channel and a deadline, `timeout` seconds from now; None is no deadline."""

    def __init__(self, channel, timeout):
        # gRPC's own limit for other channels: theirs are not known.
        self._route = _routes.get(channel, _Route((2 << 30) - 1, None))
        self._stub = loss_service_pb2_grpc.LossServiceStub(channel)
        self._end = None if timeout is None else time.monotonic() + timeout

    @property
    def max_message_bytes(self):
        return self._route.max_message_bytes

    def compute(self, request, first_row=0):
        """Returns the ComputeResponse. Raises grpc.RpcError, a CallError when there is more to say."""
        left = None if self._end is None else self._end - time.monotonic()
        try:
            return self._stub.Compute(request, timeout=left)
        except grpc.RpcError as error:
            advice = _advice(error, self._route, first_row)
            if not advice:
                raise
            raise CallError(error, advice) from error
