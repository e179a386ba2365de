"""Proxies that the environment names: which calls go through one, and what their errors say."""

import contextlib
import os
import select
import socket

import grpc
import torch

from lossd_channel import proxy_for
from lossd_torch import connect, lossd_loss
from server import Server

VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy", "NO_PROXY", "LOSSD_ADDRESS")


@contextlib.contextmanager
def environment(**variables):
    before = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in VARIABLES:
            os.environ.pop(name, None)
        os.environ.update(before)


SQUID = "http://squid:3128"
TARGETS = (
    ({}, ("gpu-7:50051",), None),
    ({"http_proxy": SQUID}, ("gpu-7:50051", "gpu-7", "localhost.example:1", "notlocalhost:1", "128.0.0.1:1",
                             "[::2]:1", "dns:///gpu-7:1", "ipv4:127.0.0.1:1,10.0.0.1:1"), "squid:3128"),
    ({"http_proxy": SQUID}, ("localhost:50051", "LocalHost:1", "localhost", "a.localhost:1", "127.0.0.1:1",
                             "127.3.2.1:1", "0.0.0.0:1", "[::1]:1", "::1", "[::ffff:127.0.0.1]:1", "localhost.:1", "ipv4:127.0.0.1:1,127.0.0.2:1",
                             "ipv6:[::1]:1", "ipv6:%5B::1%5D:1", "dns:localhost:1", "dns:///localhost:1",
                             "dns://8.8.8.8/localhost:1", "unix:/run/lossd", "unix:///run/lossd",
                             "unix-abstract:lossd"), None),
    ({"http_proxy": SQUID, "NO_PROXY": "gpu-7, .Cluster"}, ("gpu-7:1", "GPU-7:1", "a.cluster:1"), None),
    ({"http_proxy": SQUID, "NO_PROXY": "gpu-7", "no_proxy": "gpu-8"}, ("gpu-7:1",), "squid:3128"),
    ({"http_proxy": SQUID, "no_proxy": "gpu-8", "no_grpc_proxy": "gpu-9"}, ("gpu-9:1",), None),
    ({"http_proxy": SQUID, "https_proxy": "http://other:1/"}, ("gpu-7:1",), "other:1"),
    ({"http_proxy": SQUID, "grpc_proxy": "http://user:secret@third:80"}, ("gpu-7:1",), "third:80"),
    ({"http_proxy": "https://squid:3128"}, ("gpu-7:1",), None),
    ({"http_proxy": "squid:3128"}, ("gpu-7:1",), None),
)


def check_targets(checks):
    for variables, targets, expected in TARGETS:
        with environment(**variables):
            wrong = [target for target in targets if proxy_for(target) != expected]
        checks.check(f"with {variables or 'no proxy'}, {targets[0]} and its like", not wrong,
                     f"wrong: {wrong}" if wrong else expected or "called directly")


@contextlib.contextmanager
def silent_proxy():
    """A listener that accepts nothing, so that who connects is seen."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"127.0.0.1:{listener.getsockname()[1]}"


def saw_a_connection(listener):
    return bool(select.select([listener], [], [], 0)[0])


def check_this_machine(checks):
    """grpc/grpc#39516: gRPC asks the proxy for localhost, too."""
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    with silent_proxy() as (listener, proxy), environment(http_proxy=f"http://{proxy}"), Server() as server:
        port = server.address.rpartition(":")[2]
        losses = []
        for host in ("127.0.0.1", "localhost", "dns:///localhost"):
            channel = connect(f"{host}:{port}")
            losses.append(lossd_loss(logits, labels, channel=channel).item())
            channel.close()
        checks.check("no proxy sees a call to this machine", len(losses) == 3 and not saw_a_connection(listener),
                     f"losses {losses}")


def check_errors(checks):
    logits, labels = torch.zeros(2, 3), torch.tensor([0, 1])
    with silent_proxy() as (listener, proxy):
        for expected in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
            with environment(http_proxy=f"http://user:secret@{proxy}"):
                channel = connect("gpu-7.example:50051")
            try:
                lossd_loss(logits, labels, channel=channel, timeout=1)
                checks.check("the error names the proxy", False, "there was none")
            except grpc.RpcError as error:
                words = error.details()
                checks.check(
                    f"the error names the proxy: {expected.name}",
                    error.code() is expected and f"through the proxy {proxy}; no_proxy" in words
                    and "secret" not in str(error), words,
                )
            channel.close()
            listener.close()


def check_proxies(checks):
    check_targets(checks)
    check_this_machine(checks)
    check_errors(checks)
