"""Many batches in flight, of threads and of asyncio, and asyncio's other calls."""

import asyncio
import socket
import unittest

import grpc
import numpy as np

import lossd
from fake_server import END, FakeServer, Refused, closed_port, loss, unavailable
from lossd_server import Server, shared

Y = [0, 1]


def batches(count):
    return [(np.random.default_rng(i).standard_normal((2, 3)), Y) for i in range(count)]


def with_a_bad_one(count, at):
    made = batches(count)
    made[at] = (made[at][0], [0, 9])
    return made


class StreamsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)
        cls.expected = [cls.client.compute(*batch, reduction="mean").loss for batch in batches(40)]

    def test_results_come_in_the_order_of_the_batches(self):
        for ahead in (1, 4, 40):
            results = self.client.compute_stream(batches(40), reduction="mean", ahead=ahead)
            self.assertEqual([result.loss for result in results], self.expected)
        self.assertEqual(list(self.client.compute_stream([])), [])
        with self.assertRaisesRegex(ValueError, "ahead = 0"):
            self.client.compute_stream([], ahead=0)

    def test_batches_are_taken_as_they_are_needed(self):
        taken = []

        def source():
            for number, batch in enumerate(batches(10)):
                taken.append(number)
                yield batch

        with self.client.compute_stream(source(), reduction="mean", ahead=3) as results:
            self.assertEqual(taken, [])
            next(results)
            self.assertEqual(taken, [0, 1, 2])
            next(results)
            self.assertEqual(taken, [0, 1, 2, 3])

    def test_a_bad_batch_raises_and_the_stream_goes_on(self):
        results, losses = self.client.compute_stream(with_a_bad_one(6, 2), reduction="mean"), []
        with self.assertRaises(lossd.InvalidArgument) as caught:
            for result in results:
                losses.append(result.loss)
        self.assertEqual((caught.exception.batch, caught.exception.violations[0].field), (2, "labels[1]"))
        losses += [result.loss for result in results]
        self.assertEqual(losses, self.expected[:2] + self.expected[3:6])

    def test_a_batch_that_is_no_pair_is_refused_and_not_cut(self):
        logits, labels = batches(1)[0]
        for batch, found in (((logits, labels, [1, 1]), "is 3 values"), (logits, "is a ndarray")):
            with self.assertRaisesRegex(lossd.InvalidArgument, f"batch {found}, expected"):
                next(self.client.compute_stream([batch]))

    def test_or_is_an_outcome_in_its_place(self):
        made = with_a_bad_one(6, 2)
        made[4] = {"logits": made[4][0], "lables": Y}
        outcomes = list(self.client.compute_stream(made, reduction="mean").outcomes())
        self.assertEqual([o.batch if isinstance(o, lossd.LossdError) else None for o in outcomes],
                         [None, None, 2, None, 4, None])
        self.assertIn("did you mean labels?", str(outcomes[4]))
        self.assertEqual(outcomes[5].loss, self.expected[5])

    def test_a_batch_s_own_arguments_beat_the_common_ones(self):
        gradient = np.zeros((2, 3))
        own = {"logits": batches(1)[0][0], "labels": Y, "reduction": "sum", "outputs": {"gradient": True},
               "out": {"gradient": gradient}}
        first, second = self.client.compute_stream([own, batches(1)[0]], reduction="mean")
        self.assertAlmostEqual(first.loss, 2 * second.loss)
        self.assertTrue(gradient.any())
        self.assertIsNone(second.gradient)

    def test_an_error_of_the_source_reaches_the_caller(self):
        def source():
            yield batches(1)[0]
            raise KeyError("gone")

        with self.assertRaises(KeyError), self.client.compute_stream(source()) as results:
            next(results)

    def test_a_stream_that_breaks_is_opened_again(self):
        answers = [loss(1.0), unavailable(0.01), loss(2.0), loss(3.0), unavailable(0.01), loss(4.0)]
        with FakeServer(ComputeStream=answers) as fake, lossd.Client(fake.address) as client:
            results = client.compute_stream(batches(4), ahead=2)
            self.assertEqual([result.loss for result in results], [1, 2, 3, 4])
        with FakeServer(ComputeStream=[unavailable(0.01)]) as fake, lossd.Client(fake.address, retries=2) as client:
            results = client.compute_stream(batches(4))
            with self.assertRaises(lossd.Unavailable):
                next(results)
            self.assertEqual(list(results), [])

    def test_a_server_that_restarts(self):
        server = Server()
        server.start()
        with lossd.Client(server.address) as client:
            results = client.compute_stream(batches(40), reduction="mean", ahead=4)
            losses = [next(results).loss for _ in range(10)]
            server.kill()
            server.start_again()
            losses += [result.loss for result in results]
        server.stop()
        self.assertEqual(losses, self.expected)


class AsyncTest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.client = lossd.AsyncClient(shared())
        self.addAsyncCleanup(self.client.close)

    async def test_calls_side_by_side_have_the_bits_of_calls_in_turn(self):
        with lossd.Client(shared()) as client:
            expected = [client.compute(*batch, outputs={"gradient": True}).gradient for batch in batches(20)]
        calls = [self.client.compute(*batch, outputs={"gradient": True}) for batch in batches(20)]
        results = await asyncio.gather(*calls)
        for result, gradient in zip(results, expected):
            np.testing.assert_array_equal(result.gradient, gradient)

    async def test_parts(self):
        logits, labels = np.random.default_rng(3).standard_normal((400, 5)), np.zeros(400, int)
        arguments = {"reduction": "mean", "outputs": {"gradient": True}}
        whole = await self.client.compute(logits, labels, **arguments)
        async with lossd.AsyncClient(shared(), max_message_bytes=6000) as small:
            cut = await small.compute(logits, labels, **arguments)
            self.assertGreater(len(cut.messages), 2)
            np.testing.assert_array_equal(cut.gradient, whole.gradient)
            with self.assertRaisesRegex(lossd.InvalidArgument, r"labels\[399\]"):
                await small.compute(logits, np.where(np.arange(400) == 399, 7, 0))

    async def test_streams(self):
        async def source():
            for batch in with_a_bad_one(6, 2):
                await asyncio.sleep(0)
                yield batch

        expected = [(await self.client.compute(*batch)).loss for batch in batches(6)]
        for made in (source(), with_a_bad_one(6, 2)):
            outcomes = [outcome async for outcome in self.client.compute_stream(made, ahead=3).outcomes()]
            self.assertEqual(outcomes[2].batch, 2)
            self.assertEqual([o.loss for o in outcomes[:2] + outcomes[3:]], expected[:2] + expected[3:])
        with self.assertRaises(lossd.InvalidArgument):
            async for _ in self.client.compute_stream(with_a_bad_one(2, 1)):
                pass

    async def test_a_stream_that_breaks_is_opened_again(self):
        answers = [loss(1.0), unavailable(0.01), loss(2.0), loss(3.0)]
        with FakeServer(ComputeStream=answers) as fake:
            async with lossd.AsyncClient(fake.address) as client:
                self.assertEqual([r.loss async for r in client.compute_stream(batches(3), ahead=2)], [1, 2, 3])

    async def test_a_status_that_grpc_lost_is_asked_for_again(self):
        # grpcio 1.85.3 says so where a stream ends while a message is sent, and forgets what the server said.
        lost = (grpc.StatusCode.INTERNAL, "Internal error from Core", [])
        refused = Refused((grpc.StatusCode.UNAUTHENTICATED, "no", []))
        for script, kind in (([lost, refused], lossd.Unauthenticated), ([lost], lossd.Unavailable)):
            with FakeServer(ComputeStream=script) as fake:
                async with lossd.AsyncClient(fake.address, retries=0) as client:
                    with self.assertRaises(kind):
                        await client.compute_stream(batches(1)).__anext__()
                self.assertEqual(len(fake.requests), 1, "what broke a stream is not sent again without retries")
        with FakeServer(ComputeStream=[lost, loss(1.0), lost, loss(2.0)]) as fake:
            async with lossd.AsyncClient(fake.address, retries=1) as client:
                self.assertEqual([r.loss async for r in client.compute_stream(batches(2), ahead=1)], [1, 2])

    async def check_target_is_named(self, target, kind, words):
        words = f"({words}).*; the target is dns:///{target}"
        with lossd.Client(target, retries=0, deadline=0.5) as client:
            with self.assertRaisesRegex(kind, words):
                await asyncio.to_thread(next, client.compute_stream(batches(1)))
        async with lossd.AsyncClient(target, retries=0, deadline=0.5) as client:
            with self.assertRaisesRegex(kind, words):
                await client.compute_stream(batches(1)).__anext__()

    async def test_errors_of_streams_name_the_target_as_those_of_calls_do(self):
        await self.check_target_is_named(closed_port(), lossd.Unavailable, "refused|failed to connect")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            target = "127.0.0.1:%d" % silent.getsockname()[1]
            await self.check_target_is_named(target, lossd.DeadlineExceeded, "no answer came on the stream for 0.5 s")
        with FakeServer(ComputeStream=[END]) as fake:
            await self.check_target_is_named(fake.address, lossd.Unavailable, "the server ended the stream before")

    async def test_retries_and_errors(self):
        with FakeServer(Compute=[unavailable(0.01), loss(2.0), unavailable(0.01)]) as fake:
            async with lossd.AsyncClient(fake.address, retries=1, token="a") as client:
                self.assertEqual((await client.compute(*batches(1)[0])).loss, 2)
                with self.assertRaises(lossd.Unavailable):
                    await client.compute(*batches(1)[0])
            self.assertEqual({metadata["authorization"] for _, _, metadata in fake.requests}, {"Bearer a"})
        with self.assertRaisesRegex(lossd.InvalidArgument, r"labels\[1\]"):
            await self.client.compute([[0.0, 1.0]] * 2, [0, 3])

    async def test_the_other_calls(self):
        self.assertEqual((await self.client.server_info()).max_message_bytes, 64 << 20)
        self.assertIn("focal", [each.name for each in await self.client.losses()])
        self.assertEqual((await self.client.class_weights(counts=[3, 1])).alpha, 0.75)
        self.assertEqual((await self.client.information([0.5, 0.5], base="bit")).entropy[0], 1)
        self.assertEqual(len(await self.client.compare(*batches(1)[0], ["focal", "poly1"])), 2)


if __name__ == "__main__":
    unittest.main()
