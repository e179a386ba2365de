"""lossd's metrics as Prometheus and a plain HTTP client see them. LOSSD_BINARY names the program."""

import hashlib
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import grpc
import pages
from lossd.v1 import compute_pb2, loss_service_pb2_grpc, tensor_pb2
from lossd.v1 import compare_pb2, run_service_pb2_grpc, runs_pb2
from prometheus_client.parser import text_string_to_metric_families

# A proxy named in the environment is not for this machine's own server.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_SERVICE = "lossd.v1.LossService/"

# The buckets of gRPC's proposal A66.
_TIMES = [0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005,
          0.006, 0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13,
          0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1, 2, 5, 10, 20, 50, 100, float("inf")]
_SIZES = [0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864,
          268435456, 1073741824, 4294967296, float("inf")]


class Lossd:
    """A lossd of one's own, on free loopback ports."""

    def __init__(self, *flags):
        self.process = subprocess.Popen(
            [os.environ["LOSSD_BINARY"], "--listen", "127.0.0.1:0", "--metrics-listen",
             "127.0.0.1:0", "--max-connection-age", "1h", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.said = [self.process.stdout.readline().strip() for _ in range(2)]
        self.metrics_address = self.said[0].split()[-1]
        self.channel = grpc.insecure_channel(self.said[1].split()[-1],
                                             options=[("grpc.enable_http_proxy", 0)])
        self.stub = loss_service_pb2_grpc.LossServiceStub(self.channel)

    def get(self, path, method="GET"):
        """Returns the status and the text of a page."""
        request = urllib.request.Request(f"http://{self.metrics_address}{path}", method=method)
        try:
            with _HTTP.open(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def samples(self):
        """Returns the value of each sample by its name and labels."""
        status, text = self.get("/metrics")
        if status != 200:
            raise RuntimeError(f"/metrics answers {status}")
        return {(sample.name, *sorted(sample.labels.items())): sample.value
                for family in text_string_to_metric_families(text) for sample in family.samples}

    def samples_after(self, calls):
        """Returns the samples once so many calls have ended: one ends after its client's answer."""
        give_up = time.monotonic() + 30
        while True:
            samples = self.samples()
            ended = sum(value for (name, *_), value in samples.items()
                        if name == "grpc_server_call_duration_seconds_count")
            if ended >= calls or time.monotonic() > give_up:
                return samples
            time.sleep(0.01)

    def stop(self):
        self.channel.close()
        self.process.terminate()
        self.process.stdout.close()
        return self.process.wait(timeout=60)


def value(samples, name, **labels):
    return samples.get((name, *sorted(labels.items())))


def batch(values, classes, data_type=tensor_pb2.DATA_TYPE_FLOAT32):
    """Returns a request of FLOAT32 or FLOAT64 logits whose labels are all 0."""
    rows = len(values) // classes
    letter = "f" if data_type == tensor_pb2.DATA_TYPE_FLOAT32 else "d"
    data = struct.pack(f"<{len(values)}{letter}", *values)
    logits = tensor_pb2.Tensor(data_type=data_type, shape=[rows, classes], data=data)
    return compute_pb2.ComputeRequest(logits=logits,
                                      labels=tensor_pb2.Tensor(int_values=[0] * rows))


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


class MetricsTest(unittest.TestCase):
    def start(self, *flags):
        lossd = Lossd("--drain-delay", "0s", *flags)
        self.addCleanup(lossd.stop)
        return lossd

    def tokens(self, *names):
        """Returns a file in which each name has the token "of NAME"."""
        file = tempfile.NamedTemporaryFile("w", suffix=".tokens")
        self.addCleanup(file.close)
        for name in names:
            file.write(f"{name} {hashlib.sha256(f'of {name}'.encode()).hexdigest()}\n")
        file.flush()
        return file.name

    def test_the_first_line_of_stdout_says_where(self):
        lossd = self.start()
        self.assertRegex(lossd.said[0], r"^metrics on 127\.0\.0\.1:[1-9]\d*$")
        self.assertRegex(lossd.said[1], r"^listening on 127\.0\.0\.1:[1-9]\d*$")

    def test_an_address_in_use_ends_it_with_an_error(self):
        lossd = self.start()
        other = subprocess.run(
            [os.environ["LOSSD_BINARY"], "--listen", "127.0.0.1:0", "--metrics-listen",
             lossd.metrics_address], capture_output=True, text=True, timeout=60)
        self.assertEqual((other.returncode, other.stdout), (1, ""))
        self.assertIn(f"cannot listen at {lossd.metrics_address}", other.stderr)

    def test_calls_are_counted(self):
        lossd = self.start()
        plain = batch([0.5] * 320, 10)
        focal = batch([1, 2, 3, float("nan"), 5, 6], 2, tensor_pb2.DATA_TYPE_FLOAT64)
        focal.loss.focal.gamma = 2
        answers = [lossd.stub.Compute(request, timeout=60) for request in (plain, plain, focal)]
        with self.assertRaises(grpc.RpcError):
            lossd.stub.Compute(compute_pb2.ComputeRequest(), timeout=60)
        compare = compare_pb2.CompareRequest(logits=plain.logits, labels=plain.labels)
        compare.losses.add().cross_entropy.SetInParent()
        compare.losses.add().poly1.SetInParent()
        lossd.stub.Compare(compare, timeout=60)

        samples = lossd.samples_after(5)
        method = _SERVICE + "Compute"
        self.assertEqual(value(samples, "grpc_server_call_started_total", grpc_method=method), 4)
        for status, calls in (("OK", 3), ("INVALID_ARGUMENT", 1)):
            labels = {"grpc_method": method, "grpc_status": status}
            count = "grpc_server_call_duration_seconds_count"
            self.assertEqual(value(samples, count, **labels), calls)
            self.assertEqual(value(samples, "lossd_messages_total", **labels), calls)
        ok = {"grpc_method": method, "grpc_status": "OK"}
        self.assertEqual(
            value(samples, "grpc_server_call_rcvd_total_compressed_message_size_bytes_sum", **ok),
            2 * plain.ByteSize() + focal.ByteSize())
        self.assertEqual(
            value(samples, "grpc_server_call_sent_total_compressed_message_size_bytes_sum", **ok),
            sum(answer.ByteSize() for answer in answers))
        lasted = value(samples, "grpc_server_call_duration_seconds_sum", **ok)
        computed = value(samples, "lossd_compute_seconds_sum", grpc_method=method)
        self.assertTrue(0 < computed < 60 and 0 < lasted < 60)

        for loss, data_type, batches, rows in (("cross_entropy", "FLOAT32", 3, 96),
                                               ("poly1", "FLOAT32", 1, 32),
                                               ("focal", "FLOAT64", 1, 3)):
            labels = {"loss": loss, "data_type": data_type}
            self.assertEqual(value(samples, "lossd_batches_total", **labels), batches, loss)
            self.assertEqual(value(samples, "lossd_rows_total", **labels), rows, loss)
        non_finite = "lossd_non_finite_losses_total"
        self.assertEqual(value(samples, non_finite, data_type="FLOAT64"), 1)
        self.assertEqual(value(samples, non_finite, data_type="FLOAT32"), 0)
        self.assertEqual(value(samples, "lossd_connections"), 1)
        self.assertEqual(value(samples, "lossd_serving"), 1)

    def test_messages_of_a_stream_are_counted_while_it_is_open(self):
        lossd = self.start()
        good, bad = batch([0.5] * 20, 10), batch([0.5] * 20, 10)
        bad.labels.int_values[0] = 10
        requests = [compute_pb2.ComputeStreamRequest(sequence=i, request=r)
                    for i, r in enumerate((good, bad, good))]
        answered = []

        def send():
            yield from requests
            while not answered:
                time.sleep(0.01)

        answers = lossd.stub.ComputeStream(send(), timeout=60)
        for _ in requests:
            next(answers)
        method = _SERVICE + "ComputeStream"
        samples = lossd.samples()
        answered.append(True)
        self.assertEqual(value(samples, "grpc_server_call_started_total", grpc_method=method), 1)
        for status, count in (("OK", 2), ("INVALID_ARGUMENT", 1)):
            labels = {"grpc_method": method, "grpc_status": status}
            self.assertEqual(value(samples, "lossd_messages_total", **labels), count)
        self.assertEqual(value(samples, "lossd_request_bytes_sum", grpc_method=method),
                         sum(request.ByteSize() for request in requests))
        self.assertEqual(
            value(samples, "lossd_rows_total", loss="cross_entropy", data_type="FLOAT32"), 4)
        self.assertEqual(list(answers), [])
        ended = lossd.samples_after(1)
        self.assertEqual(value(ended, "grpc_server_call_duration_seconds_count",
                               grpc_method=method, grpc_status="OK"), 1)

    def test_reflection_is_counted_by_its_name(self):
        lossd = self.start()
        method = "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        list_services = bytes([7 << 3 | 2, 0])
        self.assertEqual(len(list(lossd.channel.stream_stream("/" + method)(iter([list_services])))), 1)
        samples = lossd.samples_after(1)
        for name, count in ((method, 1), ("other", None)):  # which is shown where it has some
            self.assertEqual(value(samples, "grpc_server_call_started_total", grpc_method=name), count)

    def test_refusals_are_counted_by_reason(self):
        lossd = self.start("--max-message-bytes", "1KiB")
        with self.assertRaises(grpc.RpcError):
            lossd.stub.Compute(batch([0.5] * 1000, 10), timeout=60)
        samples = lossd.samples_after(1)
        self.assertEqual(value(samples, "lossd_refused_total", reason="LIMIT_EXCEEDED"), 1)
        self.assertEqual(value(samples, "lossd_refused_total", reason="OVERLOADED"), 0)

    def test_compressed_requests_that_are_refused_are_counted(self):
        lossd = self.start()
        for _ in range(3):
            with self.assertRaises(grpc.RpcError) as refused:
                lossd.stub.Compute(batch([0.5] * 3200, 10), timeout=60,
                                   compression=grpc.Compression.Gzip)
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        samples = lossd.samples_after(3)
        self.assertEqual(value(samples, "lossd_refused_compressed_total"), 3)
        self.assertEqual(value(samples, "grpc_server_call_duration_seconds_count",
                               grpc_method=_SERVICE + "Compute", grpc_status="CANCELLED"), 3)

    def test_calls_are_counted_by_the_name_of_their_token(self):
        lossd = self.start("--token-file", self.tokens("job", "other"))
        request = batch([0.5] * 320, 10)
        for token in ("of job", "of job", "of other"):
            lossd.stub.Compute(request, timeout=60, metadata=bearer(token))
        for metadata in ((), bearer("of nobody"), (("authorization", "Basic of job"),)):
            with self.assertRaises(grpc.RpcError):
                lossd.stub.Compute(request, timeout=60, metadata=metadata)
        samples = lossd.samples_after(6)
        for token, calls in (("job", 2), ("other", 1)):
            self.assertEqual(value(samples, "lossd_token_calls_total", token=token), calls)
            self.assertEqual(value(samples, "lossd_token_messages_total", token=token), calls)
            self.assertEqual(value(samples, "lossd_token_request_bytes_total", token=token),
                             calls * request.ByteSize())
            seconds = value(samples, "lossd_token_compute_seconds_total", token=token)
            self.assertTrue(0 < seconds < 60, seconds)
        for reason in ("MISSING_TOKEN", "WRONG_TOKEN_SCHEME", "UNKNOWN_TOKEN"):
            self.assertEqual(value(samples, "lossd_refused_total", reason=reason), 1, reason)
        names = {dict(labels).get("token") for _, *labels in samples}
        self.assertEqual(names, {None, "job", "other"})

    def test_a_stream_counts_its_messages_once(self):
        lossd = self.start("--token-file", self.tokens("job"))
        message = compute_pb2.ComputeStreamRequest(request=batch([0.5] * 20, 10))
        answers = list(lossd.stub.ComputeStream(iter([message] * 3), timeout=60,
                                                metadata=bearer("of job")))
        self.assertEqual(len(answers), 3)
        samples = lossd.samples_after(1)
        self.assertEqual(value(samples, "lossd_token_calls_total", token="job"), 1)
        self.assertEqual(value(samples, "lossd_token_messages_total", token="job"), 3)
        self.assertEqual(value(samples, "lossd_token_request_bytes_total", token="job"),
                         3 * message.ByteSize())

    def test_runs_and_the_answers_of_their_streams_are_counted(self):
        lossd = self.start()
        runs = run_service_pb2_grpc.RunServiceStub(lossd.channel)
        request = batch([0.5] * 320, 10)
        request.run = "counted"
        request.request_id = "first"
        request.sample_ids.int_values.extend(range(32))
        lossd.stub.Compute(request, timeout=60)
        exported = list(runs.ExportRunSamples(
            runs_pb2.ExportRunSamplesRequest(run="counted"), timeout=60))
        samples = lossd.samples_after(2)
        self.assertEqual(value(samples, "lossd_runs"), 1)
        self.assertGreater(value(samples, "lossd_runs_bytes"), 32 * 80)
        self.assertEqual(value(samples, "lossd_dropped_runs_total"), 0)
        self.assertEqual(value(samples, "lossd_unrecorded_batches_total"), 0)
        self.assertEqual(
            value(samples, "lossd_messages_total",
                  grpc_method="lossd.v1.RunService/ExportRunSamples", grpc_status="OK"),
            len(exported))

    def test_histograms_have_the_buckets_of_the_proposal_and_add_up(self):
        lossd = self.start()
        lossd.stub.Compute(batch([0.5] * 20, 10), timeout=60)
        buckets = {}
        samples = lossd.samples_after(1)
        for (name, *labels), count in samples.items():
            if not name.endswith("_bucket"):
                continue
            labels = dict(labels)
            bound = float(labels.pop("le"))
            series = (name[:-len("_bucket")], *sorted(labels.items()))
            buckets.setdefault(series, []).append((bound, count))
        self.assertGreater(len(buckets), 5)
        for (name, *labels), counts in buckets.items():
            bounds = [bound for bound, _ in counts]
            self.assertEqual(bounds, _TIMES if name.endswith("_seconds") else _SIZES, name)
            self.assertEqual([c for _, c in counts], sorted(c for _, c in counts), name)
            self.assertEqual(counts[-1][1], samples[(name + "_count", *labels)], name)

    def test_in_a_drain_it_is_alive_and_not_ready(self):
        lossd = Lossd("--drain-delay", "20s")
        self.addCleanup(lossd.stop)
        self.assertEqual(lossd.get("/readyz"), (200, "ready\n"))
        self.assertEqual(lossd.get("/healthz"), (200, "ok\n"))
        lossd.process.send_signal(signal.SIGTERM)
        give_up = time.monotonic() + 15
        while lossd.get("/readyz")[0] == 200 and time.monotonic() < give_up:
            time.sleep(0.01)
        self.assertEqual(lossd.get("/readyz"), (503, "not serving\n"))
        self.assertEqual(lossd.get("/healthz"), (200, "ok\n"))
        self.assertEqual(value(lossd.samples(), "lossd_serving"), 0)

    def test_there_is_nothing_else(self):
        lossd = self.start()
        self.assertEqual(lossd.get("/")[0], 404)
        self.assertEqual(lossd.get("/metrics/")[0], 404)
        self.assertEqual(lossd.get("/metrics", method="POST")[0], 405)

    def test_the_page_lists_every_metric(self):
        lossd = self.start("--token-file", self.tokens("job"))
        lossd.stub.Compute(batch([0.5] * 20, 10), timeout=60, metadata=bearer("of job"))
        lossd.samples_after(1)
        text = lossd.get("/metrics")[1]
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
        labels = {name: "" for name in types}
        for name, shown in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.M):
            name = name if name in types else re.sub(r"_(bucket|count|sum)$", "", name)
            names = [label for label in re.findall(r'(\w+)="', shown) if label != "le"]
            labels[name] = ", ".join(f"`{label}`" for label in names) or "–"
        listed = [[cell.strip() for cell in line.split("|")[1:-1]]
                  for line in pages.between_marks("server/README.md", "the metrics")
                  if line.startswith("| `")]
        self.assertEqual(listed, [[f"`{name}`", types[name], labels[name], helps[name]]
                                  for name in types])


if __name__ == "__main__":
    unittest.main()
