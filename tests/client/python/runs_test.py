"""Batches of training runs, their names over tries and cuts, and what lossd.runs shows of the runs."""

import asyncio
import csv
import datetime
import os
import re
import tempfile
import unittest
from unittest import mock

import numpy as np

import lossd
import lossd.async_runs
import lossd.runs
from fake_server import FakeServer, loss, unavailable
from lossd import _contract
from lossd._default import default_client
from lossd_server import Server, shared

Z, Y, IDS = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), [0, 0], [7, 9]
HEX = re.compile("[0-9a-f]{32}")


def sent(fake, method="Compute"):
    """Returns the ComputeRequests that the server got."""
    payloads = [payload for name, payload, _ in fake.requests if name == method]
    if method == "Compute":
        return [_contract.ComputeRequest.FromString(payload) for payload in payloads]
    return [_contract.ComputeStreamRequest.FromString(payload).request for payload in payloads]


class RequestsTest(unittest.TestCase):
    def test_what_is_told_travels(self):
        with FakeServer(Compute=[loss(1.0)]) as fake, lossd.Client(fake.address) as client:
            client.compute(Z, Y, run="a/b", sample_ids=IDS, request_id="mine", step=3, epoch=1, learning_rate=0.5)
            client.compute(Z, Y)
            told, plain = sent(fake)
        self.assertEqual((told.run, told.request_id, told.step, told.epoch, told.learning_rate),
                         ("a/b", "mine", 3, 1, 0.5))
        np.testing.assert_array_equal(np.frombuffer(told.sample_ids.data, np.int64), IDS)
        for name in ("run", "request_id"):
            self.assertEqual(getattr(plain, name), "")
        for name in ("sample_ids", "step", "epoch", "learning_rate"):
            self.assertFalse(plain.HasField(name), name)

    def test_a_request_without_a_name_gets_one_that_all_its_tries_share(self):
        with FakeServer(Compute=[unavailable(0.01), unavailable(0.01), loss(1.0)]) as fake:
            with lossd.Client(fake.address) as client:
                client.compute(Z, Y, run="a", sample_ids=IDS)
                client.compute(Z, Y, run="a", sample_ids=IDS)
            names = [request.request_id for request in sent(fake)]
        self.assertEqual(len(names), 4)
        self.assertEqual(len(set(names[:3])), 1)
        self.assertNotEqual(names[2], names[3])
        for name in names:
            self.assertRegex(name, HEX)

    def test_with_asyncio_too(self):
        async def call(address):
            async with lossd.AsyncClient(address) as client:
                await client.compute(Z, Y, run="a", sample_ids=IDS, step=1)

        with FakeServer(Compute=[unavailable(0.01), loss(1.0)]) as fake:
            asyncio.run(call(fake.address))
            first, second = sent(fake)
        self.assertRegex(first.request_id, HEX)
        self.assertEqual(first, second)

    def test_a_stream_that_breaks_sends_the_same_names_again(self):
        batches = [{"logits": Z, "labels": Y, "sample_ids": IDS} for _ in range(4)]
        answers = [loss(1.0), unavailable(0.01), loss(1.0)]
        with FakeServer(ComputeStream=answers) as fake, lossd.Client(fake.address) as client:
            self.assertEqual(len(list(client.compute_stream(batches, run="a", ahead=1))), 4)
            names = [request.request_id for request in sent(fake, "ComputeStream")]
        self.assertEqual(len(names), 5)
        self.assertEqual(names[1], names[2])
        self.assertEqual(len(set(names)), 4)

    def test_parts_are_named_by_their_first_rows_and_keep_their_names(self):
        def names_and_rows(ids, **arguments):
            answers = [loss(1.0), unavailable(0.01), loss(1.0)]
            with FakeServer(Compute=answers) as fake, lossd.Client(fake.address, max_message_bytes=20000) as client:
                client.compute(np.zeros((2000, 3)), np.zeros(2000, int), run="a", sample_ids=ids,
                               outputs={"omit_losses": True}, **arguments)
                return [(request.request_id, np.frombuffer(request.sample_ids.data, np.int64)[0])
                        for request in sent(fake)]

        found = names_and_rows(np.arange(2000), request_id="mine")
        self.assertGreater(len(found), 3)
        self.assertEqual(len(set(found)), len(found) - 1)  # one of them was sent twice
        for name, row in found:
            self.assertEqual(name, f"mine#{row}")
        whole = {name.partition("#")[0] for name, _ in names_and_rows(np.arange(2000))}
        self.assertEqual(len(whole), 1)
        self.assertRegex(whole.pop(), HEX)
        # A sample that comes twice is presented in the order of the rows.
        rows = [int(name.partition("#")[2]) for name, _ in names_and_rows(np.zeros(2000, int))]
        self.assertEqual(rows, sorted(rows))

    def test_errors_name_the_argument(self):
        with lossd.Client(shared()) as client:
            for field, arguments in (
                    ("sample_ids", {"run": "a"}), ("sample_ids.shape", {"run": "a", "sample_ids": [1]}),
                    ("run", {"run": "a b", "sample_ids": IDS}), ("run", {"run": "a" * 129, "sample_ids": IDS}),
                    ("request_id", {"request_id": "x" * 97}), ("step", {"step": -1}), ("epoch", {"epoch": -1}),
                    ("learning_rate", {"learning_rate": float("nan")})):
                with self.assertRaises(lossd.InvalidArgument) as caught:
                    client.compute(Z, Y, **arguments)
                self.assertEqual([violation.field for violation in caught.exception.violations], [field])
            client.compute(Z, Y, run="three-classes", sample_ids=IDS)
            with self.assertRaises(lossd.FailedPrecondition):
                client.compute(Z[:, :2], Y, run="three-classes", sample_ids=IDS)


class RunsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.client = lossd.Client(cls.server.address)
        cls.addClassCleanup(cls.client.close)
        random = np.random.default_rng(1)
        for step in range(6):
            cls.record("seven", random.standard_normal((7, 3)), np.arange(7) % 3, np.arange(7), step=step,
                       learning_rate=0.1)

    @classmethod
    def record(cls, run, logits, labels, ids, **told):
        cls.client.compute(logits, labels, run=run, sample_ids=ids, **told)

    def test_a_run(self):
        run = lossd.runs.show("seven", client=self.client)
        self.assertEqual((run.name, run.first_step, run.last_step), ("seven", 0, 5))
        self.assertEqual((run.sample_count, run.presentation_count, run.hard_threshold), (7, 42, 0.5))
        self.assertEqual((run.map.shape, run.map.sum(), len(run.forgetting_histogram)), ((20, 20), 7, 11))
        self.assertEqual([point.learning_rate for point in run.points], [0.1] * 6)
        np.testing.assert_array_equal(run.points[0].class_ids, [0, 1, 2])
        now = datetime.datetime.now(datetime.timezone.utc)
        self.assertLess(abs((now - run.update_time).total_seconds()), 60)
        self.assertLessEqual(run.create_time, run.update_time)
        self.assertEqual(len(lossd.runs.show("seven", max_points=3, client=self.client).points), 3)

    def test_runs_are_listed_and_deleted(self):
        for number in range(120):
            self.record(f"list/{number:03}", Z, Y, IDS)
        names = [run.name for run in lossd.runs.list(client=self.client)]
        self.assertEqual(names, sorted(names))
        self.assertLessEqual({f"list/{number:03}" for number in range(120)} | {"seven"}, set(names))
        lossd.runs.delete("list/007", client=self.client)
        with self.assertRaisesRegex(lossd.NotFound, "list/007"):
            lossd.runs.show("list/007", client=self.client)
        with self.assertRaises(lossd.NotFound):
            next(lossd.runs.samples("list/007", client=self.client))
        with self.assertRaises(lossd.NotFound):
            lossd.runs.columns("list/007", client=self.client)

    def test_samples_come_page_by_page_in_the_order_asked_for(self):
        columns = lossd.runs.columns("seven", client=self.client)
        keys = {None: columns["mean_true_probability"], "hardest": columns["mean_true_probability"],
                "easiest": -columns["mean_true_probability"], "most_forgotten": -columns["forgetting_events"],
                "most_variable": -columns["true_probability_deviation"], "lowest_margin": columns["mean_margin"],
                "most_turned": -columns["turned_easy"] - columns["turned_hard"]}
        for page in (1, 3, 1000):
            with mock.patch.object(lossd._runs, "PAGE", page):
                for order, key in keys.items():
                    found = [each.id for each in lossd.runs.samples("seven", order=order, client=self.client)]
                    np.testing.assert_array_equal(found, columns["id"][np.lexsort((columns["id"], key))], order)
        of_one = list(lossd.runs.samples("seven", class_id=2, client=self.client))
        self.assertEqual({sample.class_id for sample in of_one}, {2})
        self.assertEqual(sorted(sample.id for sample in of_one), [2, 5])
        with self.assertRaisesRegex(lossd.InvalidArgument, "'hard' is no SampleOrder; did you mean hardest"):
            next(lossd.runs.samples("seven", order="hard", client=self.client))

    def test_a_sample_and_its_columns_agree(self):
        columns = lossd.runs.columns("seven", client=self.client)
        for sample in lossd.runs.samples("seven", client=self.client):
            at = int(np.flatnonzero(columns["id"] == sample.id)[0])
            for name, values in columns.items():
                self.assertEqual(getattr(sample, name) or 0, values[at], name)
        self.record("never", [[0.0, 1.0]], [0], [5])
        self.assertIsNone(next(lossd.runs.samples("never", client=self.client)).learned_at)
        self.assertEqual(lossd.runs.columns("never", client=self.client)["learned_at"].tolist(), [0])

    def test_exports_hold_every_digit(self):
        columns = lossd.runs.columns("seven", client=self.client)
        with tempfile.TemporaryDirectory() as folder:
            npz, text = os.path.join(folder, "samples.npz"), os.path.join(folder, "samples.CSV")
            lossd.runs.export("seven", npz, client=self.client)
            lossd.runs.export("seven", text, client=self.client)
            with np.load(npz) as loaded:
                self.assertEqual(list(loaded), list(columns))
                for name, values in columns.items():
                    np.testing.assert_array_equal(loaded[name], values)
                    self.assertEqual(loaded[name].dtype, values.dtype)
            with open(text, newline="", encoding="ascii") as file:
                lines = list(csv.DictReader(file))
            for name, values in columns.items():
                self.assertEqual([values.dtype.type(line[name]) for line in lines], values.tolist(), name)
            with self.assertRaisesRegex(ValueError, "ends in .npz or .csv"):
                lossd.runs.export("seven", os.path.join(folder, "samples.txt"), client=self.client)
            with self.assertRaises(lossd.NotFound):
                lossd.runs.export("nothing", os.path.join(folder, "nothing.npz"), client=self.client)
            self.assertEqual(sorted(os.listdir(folder)), ["samples.CSV", "samples.npz"])

    def test_more_samples_than_a_message_has(self):
        count = 20000
        self.record("many", np.zeros((count, 2)), np.zeros(count, int), np.arange(count))
        columns = lossd.runs.columns("many", client=self.client)
        np.testing.assert_array_equal(np.sort(columns["id"]), np.arange(count))
        self.assertEqual(sum(1 for _ in lossd.runs.samples("many", client=self.client)), count)

    def test_a_watch_sees_changes_until_the_run_is_deleted(self):
        self.record("watched", Z, Y, IDS)
        runs = lossd.runs.watch("watched", every=0.1, client=self.client)
        self.assertEqual(next(runs).presentation_count, 2)
        self.record("watched", Z, Y, IDS)
        self.assertEqual(next(runs).presentation_count, 4)
        lossd.runs.delete("watched", client=self.client)
        with self.assertRaises(lossd.NotFound):
            next(runs)
        with self.assertRaisesRegex(lossd.InvalidArgument, "min_interval"):
            next(lossd.runs.watch("seven", every=0.01, client=self.client))

    def test_a_watch_goes_on_with_the_server_that_comes_back(self):
        server = Server()
        server.start()
        with lossd.Client(server.address, retries=100) as client:
            client.compute(Z, Y, run="a", sample_ids=IDS)
            runs = lossd.runs.watch("a", every=0.1, client=client)
            self.assertEqual(next(runs).presentation_count, 2)
            server.kill()
            server.start_again()
            try:
                with self.assertRaises(lossd.NotFound):  # it kept them in memory
                    next(runs)
            finally:
                server.kill()

    def test_asyncio_has_the_same(self):
        columns = lossd.runs.columns("seven", client=self.client)
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(self.check_async(columns, os.path.join(folder, "samples.npz")))

    async def check_async(self, columns, path):
        async with lossd.AsyncClient(self.server.address) as client:
            self.assertIn("seven", [run.name for run in await lossd.async_runs.list(client=client)])
            run = await lossd.async_runs.show("seven", max_points=3, client=client)
            self.assertEqual((run.sample_count, len(run.points)), (7, 3))
            with mock.patch.object(lossd._runs, "PAGE", 2):
                found = [sample async for sample in lossd.async_runs.samples("seven", client=client)]
            self.assertEqual(found, [*lossd.runs.samples("seven", client=self.client)])
            for name, values in (await lossd.async_runs.columns("seven", client=client)).items():
                np.testing.assert_array_equal(values, columns[name])
            await lossd.async_runs.export("seven", path, client=client)
            with np.load(path) as loaded:
                self.assertEqual([*loaded], [*columns])
            await client.compute(Z, Y, run="async", sample_ids=IDS)
            seen = []
            with self.assertRaises(lossd.NotFound):
                async for run in lossd.async_runs.watch("async", every=0.1, client=client):
                    seen.append(run.presentation_count)
                    if len(seen) == 1:
                        await client.compute(Z, Y, run="async", sample_ids=IDS)
                    else:
                        await lossd.async_runs.delete("async", client=client)
            self.assertEqual(seen, [2, 4])
            with self.assertRaises(lossd.NotFound):
                await lossd.async_runs.columns("async", client=client)

    def test_the_default_client_is_asked(self):
        with mock.patch.dict(os.environ, LOSSD_ADDRESS=self.server.address):
            self.assertEqual(lossd.runs.show("seven").sample_count, 7)
            self.assertEqual(len(list(lossd.runs.samples("seven"))), 7)
            default_client().close()  # an idle one would hold up the server's drain

    def test_a_server_may_keep_none(self):
        with Server("--runs", "none") as server, lossd.Client(server.address) as client:
            with self.assertRaises(lossd.FailedPrecondition):
                lossd.runs.list(client=client)
            with self.assertRaises(lossd.FailedPrecondition):
                client.compute(Z, Y, run="a", sample_ids=IDS)


class FieldsTest(unittest.TestCase):
    def test_what_is_shown_has_each_field_of_the_messages(self):
        for kind, message in ((lossd.runs.Run, "Run"), (lossd.runs.RunPoint, "RunPoint"),
                              (lossd.runs.RunSample, "RunSample")):
            fields = [field.name for field in _contract._class(f"lossd.v1.{message}").DESCRIPTOR.fields]
            self.assertEqual(fields, list(kind.__dataclass_fields__), message)
        columns = [field.name for field in _contract.ExportRunSamplesResponse.DESCRIPTOR.fields]
        self.assertEqual(columns, list(lossd.runs.RunSample.__dataclass_fields__))


if __name__ == "__main__":
    unittest.main()
