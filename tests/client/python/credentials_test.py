"""TLS and tokens, against a lossd that asks for them."""

import os
import shutil
import subprocess
import tempfile
import unittest

import numpy as np

import lossd
from lossd_server import Server

Z, Y = np.zeros((2, 3)), [0, 1]


@unittest.skipUnless(shutil.which("openssl"), "there is no openssl to make certificates")
class TlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.key, cls.cert = (os.path.join(folder.name, name) for name in ("key.pem", "cert.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", cls.key, "-out", cls.cert], check=True, capture_output=True)

    def serving(self, *flags):
        return Server("--tls-cert", self.cert, "--tls-key", self.key, *flags)

    @staticmethod
    def localhost(server):
        """Returns the server's target by the name that its certificate has."""
        return f"localhost:{server.address.rpartition(':')[2]}"

    def check_answered(self, target, **arguments):
        with lossd.Client(target, **arguments) as client:
            self.assertAlmostEqual(client.compute([[0.0, 0.0]], [0]).loss, np.log(2))

    def check_unavailable(self, target, **arguments):
        with lossd.Client(target, retries=0, deadline=10, **arguments) as client:
            with self.assertRaises(lossd.Unavailable):
                client.compute(Z, Y)

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


if __name__ == "__main__":
    unittest.main()
