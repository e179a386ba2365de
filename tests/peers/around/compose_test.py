"""docker/compose.yaml without an engine: its programs, each at a loopback address of its own, under load.

tests/peers/compose runs it. One lossd is killed, and the dashboard's queries, asked of the Prometheus that runs
there, must show it.
"""

import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import grpc
import pages
import yaml
from lossd.v1 import loss_service_pb2_grpc
from metrics_test import batch
from prometheus_test import PrometheusApi, dashboard

# Which of this machine's programs is an image's entry point; None: the command names it.
_ENTRY_POINTS = {"lossd": os.environ["LOSSD_BINARY"], "haproxy": None, "prom/prometheus": "prometheus"}
_PORTS = {"lossd": 50051, "metrics": 9464, "haproxy": 50051, "prometheus": 9090}
_CALLERS = 4
# What Grafana's $__rate_interval is for scrapes each 2 s.
_RATE = "8s"


def entry_point(image):
    return _ENTRY_POINTS[image.partition(":")[0]]


class Stack:
    """The services of the file that can be run: Grafana is not to be had."""

    def __init__(self, folder):
        path = os.path.join(pages.ROOT, "docker/compose.yaml")
        with open(path, encoding="utf-8") as file:
            services = yaml.safe_load(file)["services"]
        self.services = {name: service for name, service in services.items() if name != "grafana"}
        self.addresses = {name: f"127.64.16.{i}" for i, name in enumerate(self.services, 1)}
        self.folder = folder
        self.processes = {}

    def on_loopback(self, text, own):
        """Returns a configuration with addresses for the services' names, and its own to listen at."""
        text = re.sub(r"\bbind :", f"bind {own}:", text)
        for name, address in self.addresses.items():
            text = re.sub(rf"\b{name}:(?=\d)", f"{address}:", text)
        return text

    def mounted(self, name):
        """Returns where each volume is on this machine by where it is in the container, the longest first."""
        places = {}
        for volume in self.services[name].get("volumes", []):
            source, target = volume.split(":")[:2]
            here = os.path.join(self.folder, name, target.strip("/").replace("/", "_"))
            if source.startswith("."):
                os.makedirs(os.path.dirname(here), exist_ok=True)
                with open(os.path.join(pages.ROOT, "docker", source), encoding="utf-8") as file:
                    text = file.read()
                with open(here, "w", encoding="utf-8") as file:
                    file.write(self.on_loopback(text, self.addresses[name]))
            else:
                os.makedirs(here)
            places[target] = here
        places = dict(sorted(places.items(), key=lambda place: -len(place[0])))
        for here in places.values():  # one file may name another
            if os.path.isfile(here):
                with open(here, encoding="utf-8") as file:
                    text = self.in_place(file.read(), places)
                with open(here, "w", encoding="utf-8") as file:
                    file.write(text)
        return places

    @staticmethod
    def in_place(text, places):
        for target, here in places.items():
            text = re.sub(rf"(?<![\w.]){re.escape(target)}\b", here, text)
        return text

    def start(self, name):
        service = self.services[name]
        places = self.mounted(name)
        program = entry_point(service["image"])
        command = [self.in_place(word, places) for word in service.get("command", [])]
        environment = {**os.environ, **service.get("environment", {})}
        address = self.addresses[name]
        if service["image"] == "lossd":  # as the image has them, at 0.0.0.0
            environment["LOSSD_LISTEN"] = f"{address}:{_PORTS['lossd']}"
            environment["LOSSD_METRICS_LISTEN"] = f"{address}:{_PORTS['metrics']}"
        if name == "prometheus":
            command.append(f"--web.listen-address={address}:{_PORTS['prometheus']}")
        with open(os.path.join(self.folder, f"{name}.log"), "a", encoding="utf-8") as log:
            self.processes[name] = subprocess.Popen(
                [program, *command] if program else command, env=environment, stdout=log, stderr=log)
        port = _PORTS["lossd" if service["image"] == "lossd" else name]
        self.wait_for(name, address, port)

    def wait_for(self, name, address, port):
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up and self.processes[name].poll() is None:
            try:
                socket.create_connection((address, port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.1)
        with open(os.path.join(self.folder, f"{name}.log"), encoding="utf-8") as log:
            raise RuntimeError(f"{name} does not listen at {address}:{port}: {log.read()[-2000:]}")

    def kill(self, name):
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes.pop(name).wait()

    def stop(self):
        for name in list(self.processes):
            self.kill(name)


class Load:
    """Callers that call one after the other until it stops, and count."""

    def __init__(self, target, options=()):
        self.answered = 0
        self.failed = []
        self._stop = threading.Event()
        self._target = target
        self._options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1), *options]
        self._threads = [threading.Thread(target=self._call) for _ in range(_CALLERS)]
        for thread in self._threads:
            thread.start()

    def _call(self):
        request = batch([0.5] * 320, 10)
        with grpc.insecure_channel(self._target, options=self._options) as channel:
            stub = loss_service_pb2_grpc.LossServiceStub(channel)
            while not self._stop.wait(0.005):
                try:
                    stub.Compute(request, timeout=30)
                    self.answered += 1
                except grpc.RpcError as error:
                    self.failed.append(f"{error.code()} {error.details()}")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class ComposeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.stack = Stack(folder.name)
        self.addCleanup(self.stack.stop)
        for name in self.stack.services:
            self.stack.start(name)
        self.prometheus = PrometheusApi(f"{self.stack.addresses['prometheus']}:{_PORTS['prometheus']}")

    def shown(self, title):
        """Returns the panel's numbers by instance, or by "" where it shows one for all."""
        (query,) = dashboard(_RATE)[title]
        return {result["metric"].get("instance", "").partition(":")[0]: float(result["value"][1])
                for result in self.prometheus.query(query)}

    def wait_until(self, what, true):
        give_up = time.monotonic() + 60
        while not true():
            self.assertLess(time.monotonic(), give_up, what)
            time.sleep(0.2)
        return time.monotonic()

    def calls_by(self, names):
        """Returns whether those servers, and no others, are shown to answer calls."""
        busy = {address for address, rate in self.shown("Requests answered, by server").items() if rate > 0}
        return busy == {self.stack.addresses[name] for name in names}

    def serving(self):
        return self.shown("Servers that serve").get("")

    def balancing(self, names):
        """Returns callers that balance over those servers by the service config of docker/README.md."""
        (shown,) = pages.blocks("docker/README.md", "json")
        addresses = ",".join(f"{self.stack.addresses[name]}:{_PORTS['lossd']}" for name in names)
        return Load(f"ipv4:{addresses}", [("grpc.service_config", "\n".join(shown.lines))])

    def test_a_lossd_that_is_killed_shows(self):
        everyone = [name for name in self.stack.services if name.startswith("lossd-")]
        self.assertEqual(len(everyone), 3)
        load = Load(f"{self.stack.addresses['haproxy']}:{_PORTS['haproxy']}")
        self.addCleanup(load.stop)
        balancing = self.balancing(everyone)
        self.addCleanup(balancing.stop)
        self.wait_until("three serve", lambda: self.serving() == 3)
        self.wait_until("each answers calls", lambda: self.calls_by(everyone))
        for title, queries in dashboard(_RATE).items():
            for query in queries:
                self.assertTrue(self.prometheus.query(query), f"nothing is shown by {title}: {query}")
        self.assertEqual(load.failed, [])

        killed, *others = everyone
        address = self.stack.addresses[killed]
        connections = self.shown("Connections")
        self.stack.kill(killed)
        self.wait_until("two serve", lambda: self.serving() == 2)
        self.wait_until("only the others answer calls", lambda: self.calls_by(others))
        self.assertIn(address, connections)
        self.assertNotIn(address, self.shown("Connections"))
        pending = {(alert["labels"]["alertname"], alert["labels"]["instance"].partition(":")[0])
                   for alert in self.prometheus.get("alerts")["alerts"]}
        self.assertIn(("LossdDown", address), pending)
        # What was on its way to the killed one may be lost: of each caller one call.
        self.assertLessEqual(len(load.failed), _CALLERS, load.failed)
        answered, failed = load.answered, len(load.failed)
        self.wait_until("calls go on", lambda: load.answered > answered + 100)
        self.assertEqual(len(load.failed), failed, load.failed)

        self.stack.start(killed)
        self.wait_until("three serve again", lambda: self.serving() == 3)
        self.wait_until("each answers calls again", lambda: self.calls_by(everyone))
        self.assertEqual(balancing.failed, [])
        print(f"{load.answered} calls answered through HAProxy, {len(load.failed)} of those in flight lost; "
              f"{balancing.answered} of clients that balance, none lost")


if __name__ == "__main__":
    unittest.main()
