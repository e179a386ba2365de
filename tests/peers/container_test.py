"""The image in a real engine: what is in it, what lossd may do there, and that a stop loses nothing.

tests/peers/container builds the image and runs this. The engine and its options come by the environment:
LOSSD_ENGINE, RUN_OPTIONS, LOSSD_IMAGE, GRPCURL.
"""

import datetime
import json
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import dns_server
import grpc
from lossd.v1 import compute_pb2, tensor_pb2

ENGINE = os.environ["LOSSD_ENGINE"]
IMAGE = os.environ["LOSSD_IMAGE"]
RUN_OPTIONS = os.environ["RUN_OPTIONS"].split()
USER = 65532
LARGEST_SIZE = 40_000_000
SCRATCH = os.path.abspath("build/peers/container")
COMPUTE = "lossd.v1.LossService/Compute"
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def output_of(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def engine(*arguments):
    return output_of(ENGINE, *arguments).strip()


def two_equal_logits(*target):
    """Returns the loss that grpcurl gets there for two equal logits, which is ln 2."""
    request = {"logits": {"shape": [1, 2], "floatValues": [0, 0]}, "labels": {"intValues": [1]}}
    answer = output_of(
        os.environ["GRPCURL"], "-plaintext", "-max-time", "30", "-d", json.dumps(request), *target, COMPUTE
    )
    return json.loads(answer)["loss"]


class Container:
    """A command that runs a container in the foreground, and its output in files."""

    def __init__(self, folder, name, command, environment=None):
        self.name = name
        self._paths = [os.path.join(folder, f"{name}.{stream}") for stream in ("stdout", "stderr")]
        with open(self._paths[0], "wb") as stdout, open(self._paths[1], "wb") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                env={**os.environ, **(environment or {})},
            )
        self.wait_for(lambda: "\nlistening on " in "\n" + self.output())

    def output(self):
        with open(self._paths[0], encoding="utf-8") as file:
            return file.read()

    def log(self):
        with open(self._paths[1], encoding="utf-8") as file:
            return file.read()

    def wait_for(self, holds):
        give_up = time.monotonic() + 120
        while not holds():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.remove()
                raise RuntimeError(f"{self.name} did not get so far: {self.output()}{self.log()}")
            time.sleep(0.1)

    def inspect(self, what):
        return engine("inspect", "--format", "{{" + what + "}}", self.name)

    def status(self):
        """Returns /proc/PID/status of lossd."""
        with open(f"/proc/{self.inspect('.State.Pid')}/status", encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def root_options(self):
        with open(f"/proc/{self.inspect('.State.Pid')}/mounts", encoding="utf-8") as file:
            return next(line.split()[3].split(",") for line in file if line.split()[1] == "/")

    def address(self, port):
        return engine("port", self.name, f"{port}/tcp").splitlines()[0]

    def stop(self):
        """Returns the exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            subprocess.run([ENGINE, "rm", "--force", self.name], capture_output=True, timeout=60, check=False)


def by_docker_run(folder, environment=(), options=(), flags=()):
    name = f"lossd-peers-{os.getpid()}-{time.monotonic_ns()}"
    options = [*RUN_OPTIONS, "--name", name, *options]
    for variable in environment:
        options += ["--env", variable]
    settings = {
        "LOSSD_PORT": "127.0.0.1:", "LOSSD_METRICS_PORT": "127.0.0.1:", "LOSSD_RUN_OPTIONS": " ".join(options),
    }
    return Container(folder, name, ["docker/run", *flags], settings)


def image_files(container):
    """Returns (size, path) of the image's files, the largest first, and the paths of its links."""
    with subprocess.Popen([ENGINE, "export", container.name], stdout=subprocess.PIPE) as export:
        listing = output_of("tar", "--list", "--verbose", "--numeric-owner", stdin=export.stdout)
    files, links = [], []
    for line in listing.splitlines():
        mode, _, size, _, _, path = line.split(maxsplit=5)
        if mode.startswith("-"):
            files.append((int(size), path))
        elif mode.startswith("l"):
            links.append(path.split(" -> ")[0])
    return sorted(files, reverse=True), links


class Stream:
    """Sends batches that differ, a few ahead of their answers, until lossd ends the stream."""

    def __init__(self, address):
        self.answers = []
        self.error = None
        self._ahead = threading.Semaphore(4)
        self._ended = threading.Event()
        channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
        self._call = channel.stream_stream(
            "/lossd.v1.LossService/ComputeStream",
            request_serializer=compute_pb2.ComputeStreamRequest.SerializeToString,
            response_deserializer=compute_pb2.ComputeStreamResponse.FromString,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _batches(self):
        sequence = 0
        while not self._ended.is_set():
            self._ahead.acquire()
            sequence += 1
            yield compute_pb2.ComputeStreamRequest(
                sequence=sequence,
                request=compute_pb2.ComputeRequest(
                    logits=tensor_pb2.Tensor(shape=[1, 2], float_values=[sequence % 10, 0]),
                    labels=tensor_pb2.Tensor(int_values=[0]),
                ),
            )

    def _read(self):
        try:
            for answer in self._call(self._batches(), timeout=60):
                self.answers.append((answer.sequence, answer.response.loss))
                self._ahead.release()
                time.sleep(0.002)
        except grpc.RpcError as error:
            self.error = error
        self._ended.set()
        self._ahead.release()

    def wait_for_answers(self, count):
        give_up = time.monotonic() + 30
        while len(self.answers) < count and time.monotonic() < give_up and not self._ended.is_set():
            time.sleep(0.01)

    def join(self):
        self._thread.join(timeout=60)


class RunningTest(unittest.TestCase):
    """What is true of a container as docker/run starts it without options."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir=SCRATCH)
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.container = by_docker_run(cls.folder)
        cls.addClassCleanup(cls.container.remove)

    def test_calls_are_answered_and_it_is_ready(self):
        self.assertAlmostEqual(two_equal_logits(self.container.address(50051)), math.log(2), delta=1e-6)
        with _HTTP.open(f"http://{self.container.address(9464)}/readyz", timeout=30) as answer:
            self.assertEqual(answer.status, 200)

    def test_it_is_healthy(self):
        # Docker asks by itself; podman has systemd do it, which need not be there.
        if ENGINE == "podman":
            engine("healthcheck", "run", self.container.name)
        self.container.wait_for(lambda: self.container.inspect(".State.Health.Status") == "healthy")

    def test_lossd_is_process_1_and_has_no_rights(self):
        status = self.container.status()
        self.assertEqual(status["NSpid"].split()[-1], "1")
        self.assertEqual(set(status["Uid"].split()) | set(status["Gid"].split()), {str(USER)})
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertIn("ro", self.container.root_options())

    def test_the_image_holds_lossd_and_its_libraries_alone(self):
        files, links = image_files(self.container)
        # "bin" is a link to an empty folder.
        programs = [path for path in [path for _, path in files] + links if re.search(r"(^|/)s?bin/", path)]
        self.assertEqual(programs, ["usr/local/bin/lossd"])
        for size, path in files[:10]:
            print(f"{size:9} {path}")
        size = int(engine("image", "inspect", "--format", "{{.Size}}", IMAGE))
        print(f"{size:9} in all, {len(files)} files")
        self.assertLessEqual(size, LARGEST_SIZE)

    def test_the_image_says_what_it_is(self):
        config = json.loads(engine("image", "inspect", IMAGE))[0]["Config"]
        self.assertEqual(config["User"], f"{USER}:{USER}")
        self.assertEqual(config["Entrypoint"], ["/usr/local/bin/lossd"])
        labels = {name.rpartition(".")[2]: value for name, value in config["Labels"].items()}
        self.assertEqual(labels["licenses"], "Apache-2.0")
        self.assertRegex(labels["revision"], "^[0-9a-f]{40}(-modified)?$")
        version = engine("run", "--rm", *RUN_OPTIONS, IMAGE, "--version")
        self.assertEqual(f"lossd {labels['version']}", version)


class StopTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(dir=SCRATCH)
        self.addCleanup(shutil.rmtree, self.folder)

    def running(self, **options):
        container = by_docker_run(self.folder, **options)
        self.addCleanup(container.remove)
        return container

    def test_a_stop_in_the_middle_of_a_stream_loses_no_answer(self):
        container = self.running(environment=[
            "LOSSD_ACCESS_LOG=on", "LOSSD_MAX_CONNECTION_AGE=1s", "LOSSD_DRAIN_DELAY=500ms",
            "LOSSD_DRAIN_TIMEOUT=5s",
        ])
        stream = Stream(container.address(50051))
        self.addCleanup(stream.join)
        stream.wait_for_answers(20)
        before = len(stream.answers)
        self.assertEqual(container.stop(), 0, container.log())
        stream.join()
        self.assertEqual(stream.error.code(), grpc.StatusCode.UNAVAILABLE, stream.error)
        self.assertIn("shutting down", stream.error.details())
        self.assertGreater(len(stream.answers), before + 20)  # It went on after the signal.
        for place, (sequence, loss) in enumerate(stream.answers, 1):
            self.assertEqual(sequence, place)
            self.assertAlmostEqual(loss, math.log1p(math.exp(-(place % 10))), delta=1e-6)
        # What lossd says that it answered is what came.
        self.assertRegex(container.log(), rf'method="\S*ComputeStream".* messages="?{len(stream.answers)}"? ')
        self.assertIn('cancelled_calls="none"', container.log())

    def test_settings_names_and_sockets(self):
        """A file of settings with a name that DNS tells and a socket; and what time the log says."""
        for name in ("settings", "sockets"):
            os.mkdir(os.path.join(self.folder, name))
        os.chmod(self.folder, 0o755)
        os.chown(os.path.join(self.folder, "sockets"), USER, USER)
        with open(os.path.join(self.folder, "settings", "lossd.yaml"), "w", encoding="utf-8") as file:
            file.write("listen: [loss.example:0, unix:/run/lossd/lossd.sock]\ndrain-delay: 0s\n")
        with dns_server.DnsServer("127.0.0.53", {"loss.example": "127.0.0.7"}):
            container = self.running(
                environment=["TZ=Asia/Tokyo"],
                options=["--network", "host", "--dns", "127.0.0.53",
                         "--volume", f"{self.folder}/settings:/etc/lossd:ro",
                         "--volume", f"{self.folder}/sockets:/run/lossd"],
                flags=["--config", "/etc/lossd/lossd.yaml", "--metrics-listen", "none"],
            )
        address = re.search(r"listening on loss\.example:(\d+)", container.output())
        self.assertAlmostEqual(two_equal_logits(f"127.0.0.7:{address[1]}"), math.log(2), delta=1e-6)
        socket = os.path.relpath(os.path.join(self.folder, "sockets", "lossd.sock"))
        self.assertAlmostEqual(two_equal_logits("-unix", socket), math.log(2), delta=1e-6)
        said = re.search(r"^(\S+)Z info serving ", container.log(), re.M)
        time_said = datetime.datetime.fromisoformat(said[1]).replace(tzinfo=datetime.timezone.utc)
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - time_said).total_seconds(), 300)
        self.assertEqual(container.stop(), 0, container.log())


if __name__ == "__main__":
    unittest.main(verbosity=2)
