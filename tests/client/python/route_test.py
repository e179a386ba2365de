"""Targets and proxies."""

import contextlib
import os
import select
import socket
import unittest

import numpy as np

import lossd
from lossd._call.target import grpc_target, proxy_for
from lossd_server import shared

Z, Y = np.zeros((2, 3)), [0, 1]
VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy", "NO_PROXY", "LOSSD_ADDRESS")
SQUID = "http://squid:3128"
PROXIES = (
    ({}, ("gpu-7:50051",), None),
    ({"http_proxy": SQUID}, ("gpu-7:50051", "gpu-7", "localhost.example:1", "notlocalhost:1", "128.0.0.1:1",
                             "[::2]:1", "dns:///gpu-7:1", "ipv4:127.0.0.1:1,10.0.0.1:1"), "squid:3128"),
    ({"http_proxy": SQUID}, ("localhost:50051", "LocalHost:1", "localhost", "a.localhost:1", "127.0.0.1:1",
                             "127.3.2.1:1", "0.0.0.0:1", "[::1]:1", "::1", "[::ffff:127.0.0.1]:1", "localhost.:1",
                             "ipv4:127.0.0.1:1,127.0.0.2:1", "ipv6:[::1]:1", "ipv6:%5B::1%5D:1", "dns:localhost:1",
                             "dns:///localhost:1", "dns://8.8.8.8/localhost:1", "unix:/run/lossd",
                             "unix:///run/lossd", "unix-abstract:lossd"), None),
    ({"http_proxy": SQUID, "NO_PROXY": "gpu-7, .Cluster"}, ("gpu-7:1", "GPU-7:1", "a.cluster:1"), None),
    ({"http_proxy": SQUID, "NO_PROXY": "gpu-7", "no_proxy": "gpu-8"}, ("gpu-7:1",), "squid:3128"),
    ({"http_proxy": SQUID, "no_proxy": "gpu-8", "no_grpc_proxy": "gpu-9"}, ("gpu-9:1",), None),
    ({"http_proxy": SQUID, "https_proxy": "http://other:1/"}, ("gpu-7:1",), "other:1"),
    ({"http_proxy": SQUID, "grpc_proxy": "http://user:secret@third:80"}, ("gpu-7:1",), "third:80"),
    ({"http_proxy": "https://squid:3128"}, ("gpu-7:1",), None),
    ({"http_proxy": "squid:3128"}, ("gpu-7:1",), None),
)


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


class TargetsTest(unittest.TestCase):
    def test_targets(self):
        for target, expected in (
            ("gpu-7:1234", "dns:///gpu-7:1234"), ("gpu-7", "dns:///gpu-7:50051"), ("::1", "dns:///[::1]:50051"),
            ("[::1]:7", "dns:///[::1]:7"), ("[::1]", "dns:///[::1]:50051"), ("10.0.0.1", "dns:///10.0.0.1:50051"),
            ("/run/lossd.sock", "unix:/run/lossd.sock"), ("unix:/a", "unix:/a"),
            ("dns:///lossd.cluster:50051", "dns:///lossd.cluster:50051"),
            ("ipv4:10.0.0.1:1,10.0.0.2:1", "ipv4:10.0.0.1:1,10.0.0.2:1"),
        ):
            self.assertEqual(grpc_target(target), expected)

    def test_the_environment_has_a_target(self):
        with environment(LOSSD_ADDRESS=shared()), lossd.Client() as client:
            self.assertAlmostEqual(client.compute([[0.0, 0.0]], [0]).loss, np.log(2))


class ProxiesTest(unittest.TestCase):
    def test_which_calls_go_through_one(self):
        for variables, targets, expected in PROXIES:
            with environment(**variables):
                for target in targets:
                    self.assertEqual(proxy_for(target), expected, target)

    @contextlib.contextmanager
    def silent_proxy(self):
        """A listener that accepts nothing, so that who connects is seen."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener, f"127.0.0.1:{listener.getsockname()[1]}"

    def test_no_proxy_sees_a_call_to_this_machine(self):
        port = shared().rpartition(":")[2]
        with self.silent_proxy() as (listener, proxy), environment(http_proxy=f"http://{proxy}"):
            for host in ("127.0.0.1", "localhost", "dns:///localhost"):
                with lossd.Client(f"{host}:{port}") as client:
                    client.compute(Z, Y)
            self.assertFalse(select.select([listener], [], [], 0)[0])

    def test_errors_name_the_proxy_and_no_password(self):
        with self.silent_proxy() as (_, proxy), environment(http_proxy=f"http://user:secret@{proxy}"):
            with lossd.Client("gpu-7.example:50051", deadline=0.5, retries=0) as client:
                for call in (lambda: client.compute(Z, Y), lambda: next(client.compute_stream([(Z, Y)]))):
                    with self.assertRaisesRegex(lossd.LossdError, f"through the proxy {proxy}; no_proxy") as caught:
                        call()
                    self.assertNotIn("secret", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
