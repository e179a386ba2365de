"""What the live page asks, as a plain HTTP client and gRPC get it. LOSSD_BINARY names the program."""

import hashlib
import http.client
import json
import os
import struct
import subprocess
import tempfile
import time
import unittest

import grpc
from google.protobuf import json_format
from lossd.v1 import compute_pb2, loss_service_pb2_grpc, run_service_pb2_grpc, runs_pb2, tensor_pb2


class Lossd:
    """A lossd of one's own that shows its page, on free loopback ports."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [os.environ["LOSSD_BINARY"], "--listen", "127.0.0.1:0", "--web-listen", "127.0.0.1:0",
             "--drain-delay", "0s", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.said = [self.process.stdout.readline().strip() for _ in range(2)]
        self.web = self.said[0].split()[-1]
        self.channel = grpc.insecure_channel(self.said[1].split()[-1], options=[("grpc.enable_http_proxy", 0)])
        self.losses = loss_service_pb2_grpc.LossServiceStub(self.channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(self.channel)

    def ask(self, path, **headers):
        """Returns the response, whose body is not read yet."""
        connection = http.client.HTTPConnection(self.web, timeout=60)
        connection.request("GET", path, headers=headers)
        return connection.getresponse()

    def get(self, path, **headers):
        """Returns the status, and the JSON of a page."""
        response = self.ask(path, **headers)
        return response.status, json.load(response)

    def record(self, run, step, token=None):
        """Records a batch of 100 samples of three classes, which are learned as steps go on."""
        rows = 100
        logits = [value for row in range(rows) for value in ((row % 7 - 3) / 3 + step / 4, 0.1 * row % 1, 0)]
        request = compute_pb2.ComputeRequest(
            logits=tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_FLOAT64, shape=[rows, 3],
                                     data=struct.pack(f"<{3 * rows}d", *logits)),
            labels=tensor_pb2.Tensor(int_values=[0] * rows), sample_ids=tensor_pb2.Tensor(int_values=range(rows)),
            run=run, request_id=f"{run}/{step}", step=step, epoch=step, learning_rate=0.5)
        self.losses.Compute(request, timeout=60, metadata=bearer(token))

    def stop(self):
        self.channel.close()
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def bearer(token):
    return [("authorization", f"Bearer {token}")] if token else None


def event_of(stream):
    """Returns the name and the data of the next event."""
    name = stream.readline().decode().removeprefix("event: ").strip()
    data = json.loads(stream.readline().decode().removeprefix("data: "))
    stream.readline()
    return name, data


class LivePageTest(unittest.TestCase):
    def start(self, *flags):
        lossd = Lossd(*flags)
        self.addCleanup(lossd.stop)
        return lossd

    def test_stdout_says_where_before_the_server_listens(self):
        lossd = self.start()
        self.assertRegex(lossd.said[0], r"^web on 127\.0\.0\.1:[1-9]\d*$")
        self.assertRegex(lossd.said[1], r"^listening on ")

    def test_an_address_in_use_ends_it_with_an_error(self):
        lossd = self.start()
        other = subprocess.run([os.environ["LOSSD_BINARY"], "--listen", "127.0.0.1:0", "--web-listen", lossd.web],
                               capture_output=True, text=True, timeout=60)
        self.assertEqual((other.returncode, other.stdout), (1, ""))
        self.assertIn(f"cannot listen at {lossd.web}", other.stderr)

    def test_json_says_what_grpc_says(self):
        lossd = self.start()
        for step in range(5):
            lossd.record("a/run-1.0", step)
        lossd.record("other", 0)

        def same(path, answer):
            status, told = lossd.get(path)
            self.assertEqual(status, 200)
            self.assertEqual(json_format.ParseDict(told, type(answer)()), answer)

        same("/api/runs", lossd.runs.ListRuns(runs_pb2.ListRunsRequest()))
        first = lossd.runs.ListRuns(runs_pb2.ListRunsRequest(page_size=1))
        same("/api/runs?page_size=1", first)
        same(f"/api/runs?page_token={first.next_page_token}",
             lossd.runs.ListRuns(runs_pb2.ListRunsRequest(page_token=first.next_page_token)))
        same("/api/run?run=a/run-1.0&max_points=2",
             lossd.runs.GetRun(runs_pb2.GetRunRequest(run="a/run-1.0", max_points=2)))
        same("/api/samples?run=other&order_by=SAMPLE_ORDER_LOWEST_MARGIN&class_id=0&page_size=7",
             lossd.runs.ListRunSamples(runs_pb2.ListRunSamplesRequest(
                 run="other", order_by=runs_pb2.SAMPLE_ORDER_LOWEST_MARGIN, class_id=0, page_size=7)))

    def test_errors_are_those_of_grpc(self):
        lossd = self.start()
        status, told = lossd.get("/api/run?run=none")
        with self.assertRaises(grpc.RpcError) as raised:
            lossd.runs.GetRun(runs_pb2.GetRunRequest(run="none"))
        self.assertEqual((status, told["code"]), (404, raised.exception.code().name))
        self.assertEqual(told["message"], raised.exception.details())
        self.assertEqual(lossd.get("/api/run?run=%3Cb%3E")[0], 400)
        self.assertEqual(lossd.get("/api/samples?run=a&order_by=7x")[0], 400)

    def test_events_tell_of_changes_until_the_server_stops(self):
        lossd = Lossd()
        stream = lossd.ask("/api/watch")
        self.assertEqual(stream.getheader("Content-Type"), "text/event-stream")
        self.assertEqual(event_of(stream), ("runs", {}))
        for step in (0, 1):
            lossd.record("live", step)
            name, told = event_of(stream)
            self.assertEqual(name, "runs")
            self.assertEqual([(run["name"], int(run["presentationCount"])) for run in told["runs"]],
                             [("live", 100 * (step + 1))])
        begin = time.monotonic()
        self.assertEqual(lossd.stop(), 0)
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual(stream.read(), b"")

    def test_a_watcher_who_reads_nothing_holds_up_nobody(self):
        lossd = self.start()
        slow = lossd.ask("/api/watch")
        others = [lossd.ask("/api/watch") for _ in range(15)]
        self.assertEqual(lossd.get("/api/watch")[0], 429)
        for other in others:
            self.assertEqual(event_of(other), ("runs", {}))
        lossd.record("run", 0)
        for other in others:
            self.assertEqual(event_of(other)[1]["runs"][0]["name"], "run")
        self.assertEqual(lossd.get("/api/runs")[0], 200)
        slow.close()

    def test_a_token_sees_its_own_runs_and_an_admins_all(self):
        with tempfile.NamedTemporaryFile("w", suffix=".tokens") as file:
            for name, role in (("one", ""), ("two", ""), ("chief", " admin")):
                file.write(f"{name} {hashlib.sha256(f'of {name}'.encode()).hexdigest()}{role}\n")
            file.flush()
            lossd = self.start("--token-file", file.name)
            for name in ("one", "two"):
                lossd.record(f"of-{name}", 0, token=f"of {name}")
            for path in ("/api/runs", "/api/run?run=of-one", "/api/samples?run=of-one", "/api/watch"):
                status, told = lossd.get(path)
                self.assertEqual((status, told["code"]), (401, "UNAUTHENTICATED"))
            self.assertEqual(lossd.ask("/").status, 200)

            def seen(token):
                told = lossd.get("/api/runs", Authorization=f"Bearer {token}")[1]
                name, event = event_of(lossd.ask("/api/watch", Authorization=f"Bearer {token}"))
                self.assertEqual([run["name"] for run in event["runs"]], [run["name"] for run in told["runs"]], name)
                return [run["name"] for run in told["runs"]]

            self.assertEqual(seen("of one"), ["of-one"])
            self.assertEqual(seen("of chief"), ["of-one", "of-two"])
            status, _ = lossd.get("/api/run?run=of-two", Authorization="Bearer of one")
            with self.assertRaises(grpc.RpcError) as raised:
                lossd.runs.GetRun(runs_pb2.GetRunRequest(run="of-two"), metadata=bearer("of one"))
            self.assertEqual(status, {"NOT_FOUND": 404, "PERMISSION_DENIED": 403}[raised.exception.code().name])

    def test_another_host_name_is_refused_at_a_loopback_address(self):
        lossd = self.start()
        self.assertEqual(lossd.ask("/api/runs", Host="rebound.example").status, 403)
        self.assertEqual(lossd.ask("/", Host="rebound.example").status, 403)
        self.assertEqual(lossd.ask("/", Host="localhost:1").status, 200)


if __name__ == "__main__":
    unittest.main()
