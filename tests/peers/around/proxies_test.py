"""The proxies' configurations of docker/README.md, as the page has them, in front of two lossd.

    proxies_test.py [NAME]...

tests/peers/proxies runs it. Addresses, ports and the folder of the certificate are put in; the rest is the page's.
"""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc
import pages
from lossd.v1 import compute_pb2, loss_service_pb2_grpc
from metrics_test import batch

_CALLERS = 4
_ROOMY = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
          ("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]


def free_port(host):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class Lossd:
    """A lossd at the same addresses each time that it starts. They are at a host of its own, where no other
    socket takes the port while it is down."""

    _FLAGS = ["--drain-delay", "1s", "--drain-timeout", "6s"]

    def __init__(self, host, age):
        self.host = host
        self.port, self.metrics_port = free_port(host), free_port(host)
        self._age = age
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [os.environ["LOSSD_BINARY"], "--listen", f"{self.host}:{self.port}", "--metrics-listen",
             f"{self.host}:{self.metrics_port}", "--max-connection-age", self._age, *self._FLAGS],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2):
            self.process.stdout.readline()

    def end(self, signal_number):
        self.process.send_signal(signal_number)
        self.process.stdout.close()
        return self.process.wait(timeout=60)


class Proxy:
    """A proxy with the page's configuration."""

    AGE = "500ms"  # Connections leave again and again while calls go on.

    def __init__(self, folder, servers):
        self.port = free_port("127.0.0.1")
        text = self.placed("\n".join(pages.blocks("docker/README.md", self.LANGUAGE)[0].lines), folder, servers)
        config = os.path.join(folder, self.FILE)
        with open(config, "w", encoding="utf-8") as file:
            file.write(self.whole(text, folder) + "\n")
        self.log = os.path.join(folder, "proxy.log")
        environment = {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.command(config, folder), stdout=log, stderr=log, env=environment)
        self._wait()

    def placed(self, text, folder, servers):
        """Returns the page's text with this machine's addresses and files; each must be there."""
        places = [(r"/etc/lossd/", folder + "/"), (self.OWN[0], self.OWN[1].format(port=self.port))]
        for number, server in enumerate(servers, 1):
            places += [(rf"lossd-{number}:50051", f"{server.host}:{server.port}"),
                       (rf"address: lossd-{number}, port_value: 50051",
                        f"address: {server.host}, port_value: {server.port}")]
        for pattern, place in places:
            text = re.sub(pattern, place, text)
        if re.search(r"\b50051\b|/etc/lossd|\b443\b", text):
            raise RuntimeError("something of the page was not put in its place:\n" + text)
        return text

    def whole(self, text, _folder):
        return text

    def _wait(self):
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(self.log, encoding="utf-8") as log:
            raise RuntimeError("the proxy does not listen: " + log.read())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Nginx(Proxy):
    LANGUAGE, FILE, OWN = "nginx", "nginx.conf", (r"listen 443", "listen 127.0.0.1:{port}")

    def whole(self, text, folder):
        paths = "".join(f"{name}_temp_path {folder}/{name};\n"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return (f"pid {folder}/pid;\ndaemon off;\nworker_processes 2;\nerror_log stderr;\n"
                f"events {{}}\nhttp {{\naccess_log off;\n{paths}{text}\n}}\n")

    def command(self, config, _folder):
        return ["nginx", "-c", config]


class Haproxy(Proxy):
    LANGUAGE, FILE, OWN = "haproxy", "haproxy.cfg", (r"bind :443", "bind 127.0.0.1:{port}")

    def placed(self, text, folder, servers):
        # One machine has the port of the metrics once: each server says its own.
        text = text.replace("  http-check connect port 9464\n", "  http-check connect\n")
        for number, server in enumerate(servers, 1):
            text = text.replace(f"lossd-{number}:50051", f"lossd-{number}:50051 port {server.metrics_port}")
        return super().placed(text, folder, servers)

    def command(self, config, _folder):
        return ["haproxy", "-db", "-f", config]


class Caddy(Proxy):
    LANGUAGE, FILE, OWN = "caddyfile", "Caddyfile", (r"https://:443", "https://127.0.0.1:{port}")

    def whole(self, text, _folder):
        return "{\nadmin off\nauto_https disable_redirects\n}\n" + text

    def command(self, config, _folder):
        return ["caddy", "run", "--config", config, "--adapter", "caddyfile"]


class Envoy(Proxy):
    AGE = "15s"  # lossd's own: the page says why Envoy must leave before.
    LANGUAGE, FILE, OWN = "yaml", "envoy.yaml", (r"address: 0.0.0.0, port_value: 443",
                                                "address: 127.0.0.1, port_value: {port}")

    def command(self, config, folder):
        return [os.environ["ENVOY_BINARY"], "-c", config, "--base-id-path", f"{folder}/base_id",
                "--use-dynamic-base-id", "--concurrency", "2", "--log-level", "warning"]


class Calls:
    """Callers that make small calls until it stops."""

    def __init__(self, open_channel):
        self.answered, self.failed = 0, []
        self._open_channel = open_channel
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(_CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self):
        request = batch([0.5] * 320, 10)
        with self._open_channel() as channel:
            stub = loss_service_pb2_grpc.LossServiceStub(channel)
            while not self._stop.wait(0.003):
                try:
                    stub.Compute(request, timeout=30)
                    self.answered += 1
                except grpc.RpcError as error:
                    self.failed.append(f"{error.code()} {error.details()}")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class ProxyTest:
    """What each proxy must do; its class is named by `proxy`."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", "/CN=lossd", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
             "-keyout", f"{cls.folder}/tls.key", "-out", f"{cls.folder}/tls.crt"],
            check=True, stderr=subprocess.DEVNULL)
        with open(f"{cls.folder}/tls.crt", "rb") as file:
            cls.certificate = file.read()
        with open(f"{cls.folder}/tls.key", "rb") as key, open(f"{cls.folder}/both.pem", "wb") as both:
            both.write(cls.certificate + key.read())
        cls.servers = [Lossd(f"127.64.17.{number}", cls.proxy.AGE) for number in (1, 2)]
        for server in cls.servers:
            cls.addClassCleanup(lambda server=server: server.end(signal.SIGKILL))
        cls.running = cls.proxy(cls.folder, cls.servers)
        cls.addClassCleanup(cls.running.stop)

    def channel(self):
        credentials = grpc.ssl_channel_credentials(self.certificate)
        return grpc.secure_channel(f"127.0.0.1:{self.running.port}", credentials, options=_ROOMY)

    def direct(self):
        return grpc.insecure_channel(f"{self.servers[0].host}:{self.servers[0].port}", options=_ROOMY)

    def test_1_tls_offers_http_2(self):
        context = ssl.create_default_context(cadata=self.certificate.decode())
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", self.running.port)) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                self.assertEqual(secure.selected_alpn_protocol(), "h2")

    def test_2_a_call_of_60_mib(self):
        request = batch([0.25, 0.5, 1, 2] * (15728 * 250), 1000)
        request.outputs.gradient = True
        with self.channel() as channel, self.direct() as direct:
            answers = [loss_service_pb2_grpc.LossServiceStub(one).Compute(request, timeout=60)
                       for one in (channel, direct)]
        self.assertEqual(len(answers[0].gradient.data), 15728 * 1000 * 4)
        self.assertEqual(answers[0], answers[1])

    def test_3_an_interleaved_stream(self):
        """Each request is made when the answer before has come; all together are 20 MiB."""
        request = batch([0.5] * (262 * 1000), 1000)
        request.outputs.gradient = True
        turn = threading.Semaphore(1)

        def requests():
            for sequence in range(20):
                turn.acquire()
                yield compute_pb2.ComputeStreamRequest(sequence=sequence, request=request)

        seen = []
        with self.channel() as channel:
            for answer in loss_service_pb2_grpc.LossServiceStub(channel).ComputeStream(requests(), timeout=60):
                self.assertEqual(len(answer.response.gradient.data), 262 * 1000 * 4, answer.error)
                seen.append(answer.sequence)
                turn.release()
        self.assertEqual(seen, list(range(20)))

    def test_4_a_server_is_restarted(self):
        """One drains and comes back, then is killed and comes back, while calls go on."""
        calls = Calls(self.channel)
        try:
            time.sleep(2)  # some ages of connections
            self.assertEqual(calls.failed, [])
            self.assertEqual(self.servers[0].end(signal.SIGTERM), 0)
            self.servers[0].start()
            time.sleep(1)
            drained = list(calls.failed)
            answered = calls.answered
            self.servers[0].end(signal.SIGKILL)
            time.sleep(2)
            killed = calls.failed[len(drained):]
            self.servers[0].start()
            time.sleep(1)
            self.assertGreater(calls.answered, answered + 100)
        finally:
            calls.stop()
        print(f"{type(self).__name__}: {calls.answered} calls answered; failed: {len(drained)} in a drain, "
              f"{len(killed)} when one was killed, {len(calls.failed) - len(drained) - len(killed)} after")
        self.assertEqual(drained, [])
        self.assertLessEqual(len(killed), _CALLERS, killed)
        self.assertEqual(calls.failed[len(drained) + len(killed):], [])


class NginxTest(ProxyTest, unittest.TestCase):
    proxy = Nginx


class HaproxyTest(ProxyTest, unittest.TestCase):
    proxy = Haproxy


class CaddyTest(ProxyTest, unittest.TestCase):
    proxy = Caddy


class EnvoyTest(ProxyTest, unittest.TestCase):
    proxy = Envoy


if __name__ == "__main__":
    names = [f"{name.capitalize()}Test" for name in sys.argv[1:]]
    unittest.main(argv=[sys.argv[0], "--verbose", *names])
