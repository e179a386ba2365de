"""TLS and tokens, against a lossd that asks for them, from threads and from asyncio."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

import lossd
from lossd._call.target import grpc_target, stays_here
from lossd_server import Server

Z, Y = np.zeros((2, 3)), [0, 1]
LOOP = asyncio.new_event_loop()  # one for all: gRPC's poller outlives a loop


def setUpModule():
    unittest.addModuleCleanup(LOOP.close)
    unittest.addModuleCleanup(lambda: LOOP.run_until_complete(LOOP.shutdown_asyncgens()))


def serving(*flags):
    # gRPC's asyncio keeps connections of calls that failed until Python collects its cycles; no stop waits for them.
    return Server("--drain-timeout", "100ms", *flags)


async def first_of(stream):
    async with stream:
        return await stream.__anext__()


def asked(target, **arguments):
    """Calls once with each client, Compute and as a stream. Returns the four results or errors."""
    outcomes = []
    with lossd.Client(target, retries=0, deadline=10, **arguments) as client:
        for call in (lambda: client.compute(Z, Y), lambda: next(client.compute_stream([(Z, Y)]))):
            try:
                outcomes.append(call())
            except lossd.LossdError as error:
                outcomes.append(error.with_traceback(None))

    async def awaited():
        async with lossd.AsyncClient(target, retries=0, deadline=10, **arguments) as client:
            for call in (lambda: client.compute(Z, Y), lambda: first_of(client.compute_stream([(Z, Y)]))):
                try:
                    outcomes.append(await call())
                except lossd.LossdError as error:
                    outcomes.append(error.with_traceback(None))

    LOOP.run_until_complete(awaited())
    return outcomes


class CredentialsTest(unittest.TestCase):
    def check_answered(self, target, **arguments):
        for result in asked(target, **arguments):
            self.assertIsInstance(result, lossd.Result, result)
            self.assertAlmostEqual(result.loss, 2 * np.log(3))

    def check_refused(self, kind, target, **arguments):
        """Returns the errors, of which each is of that kind."""
        errors = asked(target, **arguments)
        self.assertEqual([type(error) for error in errors], [kind] * 4)
        return errors


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl to make certificates")
class TlsTest(CredentialsTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.key, cls.cert = (os.path.join(folder.name, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", cls.key, "-out", cls.cert], check=True, capture_output=True)

    def serving(self, *flags):
        return serving("--tls-cert", self.cert, "--tls-key", self.key, *flags)

    @staticmethod
    def localhost(server):
        """Returns the server's target by the name that its certificate has."""
        return f"localhost:{server.address.rpartition(':')[2]}"

    def check_unavailable(self, target, **arguments):
        self.check_refused(lossd.Unavailable, target, **arguments)

    def test_a_certificate_that_is_trusted(self):
        with self.serving() as server, open(self.cert, "rb") as cert:
            for ca in (self.cert, cert.read()):
                self.check_answered(self.localhost(server), tls=lossd.Tls(ca=ca))
            self.check_answered(server.address, tls=lossd.Tls(ca=self.cert, server_name="localhost"))

    def test_one_that_is_not(self):
        with self.serving() as server:
            self.check_unavailable(self.localhost(server), tls=True)
            self.check_unavailable(server.address, tls=lossd.Tls(ca=self.cert))  # another name
            self.check_unavailable(server.address)

    def test_the_caller_s_own(self):
        with self.serving("--tls-client-ca", self.cert) as server:
            tls = lossd.Tls(ca=self.cert, cert=self.cert, key=self.key)
            self.check_answered(self.localhost(server), tls=tls)
            self.check_unavailable(self.localhost(server), tls=lossd.Tls(ca=self.cert))
        with self.assertRaisesRegex(ValueError, "cert and key are set together"):
            lossd.Client("a:1", tls=lossd.Tls(cert=self.cert))

    def test_a_token_beside_a_certificate(self):
        with tokens("secret") as path, self.serving("--token-file", path) as server:
            tls = lossd.Tls(ca=self.cert)
            self.check_answered(self.localhost(server), tls=tls, token="secret")
            self.check_refused(lossd.Unauthenticated, self.localhost(server), tls=tls)


@contextlib.contextmanager
def tokens(*secrets):
    """Returns a file with these tokens for lossd, and removes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "tokens")
        with open(path, "w", encoding="ascii") as file:
            for number, secret in enumerate(secrets):
                file.write(f"job-{number} {hashlib.sha256(secret.encode()).hexdigest()}\n")
        yield path


class TokensTest(CredentialsTest):
    def test_calls_have_the_token_that_the_server_knows(self):
        given = iter(["one", "two\n", "one", "two"])
        with tokens("one", "two") as path, serving("--token-file", path) as server:
            for token in ("one", "two\n", lambda: next(given)):
                self.check_answered(server.address, token=token)
        self.assertEqual(list(given), [])

    def test_or_are_refused_and_errors_do_not_repeat_it(self):
        with tokens("one") as path, serving("--token-file", path) as server:
            for token, reason in ((None, "MISSING_TOKEN"), ("", "MISSING_TOKEN"), ("three", "UNKNOWN_TOKEN")):
                for error in self.check_refused(lossd.Unauthenticated, server.address, token=token):
                    self.assertEqual(error.reason, reason)
                    self.assertNotIn("three", str(error))

    def test_what_no_metadata_may_have_is_told_without_it(self):
        for token in ("se cret", "se\ncret", "secr\u00e9t"):
            for kind in (lossd.Client, lossd.AsyncClient):
                with self.assertRaisesRegex(ValueError, "^token has a space, a line's end or no ASCII") as caught:
                    kind("localhost:1", token=token)
                self.assertNotIn("cr", str(caught.exception))
            for error in self.check_refused(lossd.InvalidArgument, "localhost:1", token=lambda: token):
                self.assertNotIn("cr", str(error))

    def test_none_goes_in_plain_text_to_another_machine(self):
        words = "token would go to dns:///gpu-7:1 in plain text, expected tls"
        with self.assertRaisesRegex(ValueError, words) as caught:
            lossd.Client("gpu-7:1", token="secret")
        self.assertNotIn("secret", str(caught.exception))
        with self.assertRaisesRegex(ValueError, "'nowhere', expected 'this_machine' or"):
            lossd.Client("gpu-7:1", plain_text_tokens="nowhere")
        for arguments in ({"tls": True}, {"plain_text_tokens": "everywhere"}):
            lossd.Client("gpu-7:1", token="secret", **arguments).close()

    def test_which_machine_is_this_one(self):
        for target in ("localhost:1", "localhost", "127.0.0.1:1", "127.3.2.1:1", "0.0.0.0:1", "[::1]:1", "::1",
                       "[::ffff:127.0.0.1]:1", "ipv4:127.0.0.1:1,127.0.0.2:1", "ipv6:[::1]:1", "ipv6:%5B::1%5D:1",
                       "dns:localhost:1", "dns:///localhost:1", "unix:/run/lossd", "unix:///run/lossd", "/run/lossd",
                       "unix-abstract:lossd"):
            self.assertTrue(stays_here(grpc_target(target)), target)
        for target in ("gpu-7:50051", "10.0.0.7:1", "128.0.0.1:1", "[::2]:1", "127.0.0.1.example:1",
                       # Names that a DNS server answers for.
                       "a.localhost:1", "localhost.:1", "localhost.example:1", "localhost,localhost:1",
                       "dns://8.8.8.8/localhost:1", "dns:a.localhost:1", "gpu-7/localhost:1",
                       "dns:///gpu-7/localhost:1", "dns:", "dns:///",
                       # The machine around a virtual one.
                       "vsock:2:1",
                       # What others may mean something by.
                       "xds:localhost:1", "xds:///localhost", "http://localhost:1", "UNIX:50051",
                       "ipv4:127.0.0.1:1,10.0.0.1:1", "ipv4:localhost:1", "ipv4://10.0.0.1/127.0.0.1:1", "ipv4:",
                       "localhost:1?a=/gpu-7", "gpu-7:1#/localhost"):
            self.assertFalse(stays_here(grpc_target(target)), target)


if __name__ == "__main__":
    unittest.main()
