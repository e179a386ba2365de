"""Tries after UNAVAILABLE, deadlines, replicas that die, and what the errors say."""

import asyncio
import socket
import time
import unittest

import grpc
import numpy as np

import lossd
from lossd import _contract
from fake_server import FakeServer, closed_port, loss, unavailable
from lossd_server import Server

Z, Y = np.zeros((2, 3)), [0, 0]


class RetriesTest(unittest.TestCase):
    def test_unavailable_is_tried_again(self):
        answers = [unavailable(), unavailable(), loss(2.5)]
        with FakeServer(Compute=answers) as fake, lossd.Client(fake.address) as client:
            self.assertEqual(client.compute(Z, Y).loss, 2.5)
            self.assertEqual(len(fake.requests), 3)
            self.assertEqual(len({request for _, request, _ in fake.requests}), 1)

    def test_after_the_time_that_the_server_asks_for(self):
        with FakeServer(Compute=[unavailable(0.7), loss(1.0)]) as fake, lossd.Client(fake.address) as client:
            start = time.monotonic()
            client.compute(Z, Y)
            self.assertGreaterEqual(time.monotonic() - start, 0.7)

    def test_as_often_as_asked(self):
        with FakeServer(Compute=[unavailable(0.01)]) as fake:
            for retries in (0, 2):
                fake.requests.clear()
                with lossd.Client(fake.address, retries=retries) as client:
                    with self.assertRaises(lossd.Unavailable) as caught:
                        client.compute(Z, Y)
                self.assertEqual(len(fake.requests), 1 + retries)
                self.assertAlmostEqual(caught.exception.retry_after, 0.01)

    def test_nothing_else_is_tried_again(self):
        for code, kind in ((grpc.StatusCode.RESOURCE_EXHAUSTED, lossd.ResourceExhausted),
                           (grpc.StatusCode.INTERNAL, lossd.Internal), (grpc.StatusCode.UNKNOWN, lossd.Unknown),
                           (grpc.StatusCode.PERMISSION_DENIED, lossd.PermissionDenied),
                           (grpc.StatusCode.UNAUTHENTICATED, lossd.Unauthenticated),
                           (grpc.StatusCode.CANCELLED, lossd.Cancelled)):
            with FakeServer(Compute=[(code, "no", [])]) as fake, lossd.Client(fake.address) as client:
                with self.assertRaisesRegex(kind, "^no$"):
                    client.compute(Z, Y)
                self.assertEqual(len(fake.requests), 1)

    def test_requests_of_every_size(self):
        async def awaited(target, logits, labels):
            async with lossd.AsyncClient(target) as client:
                return await client.compute(logits, labels)

        async def called(target, logits, labels):
            with lossd.Client(target) as client:
                return await asyncio.to_thread(client.compute, logits, labels)

        async def check(size, call):
            logits = np.zeros((size // 4000 + 1, 1000), np.float32)
            info = _contract.GetServerInfoResponse(max_message_bytes=128 << 20).SerializeToString()
            with FakeServer(Compute=[unavailable(), loss(1.0)], GetServerInfo=[info]) as fake:
                self.assertEqual((await call(fake.address, logits, np.zeros(len(logits), np.uint8))).loss, 1.0)
            sent = [len(request) for method, request, _ in fake.requests if method == "Compute"]
            self.assertEqual(len(sent), 2)
            self.assertGreater(min(sent), size)

        async def check_all():
            for size in (4 << 20, 60 << 20):
                for call in (called, awaited):
                    await check(size, call)

        asyncio.run(check_all())

    def test_parts_are_tried_again_one_by_one(self):
        answers = [loss(1.0), unavailable(), loss(1.0), loss(1.0), loss(1.0)]
        with FakeServer(Compute=answers) as fake, lossd.Client(fake.address, max_message_bytes=20000) as client:
            result = client.compute(np.zeros((2000, 3)), np.zeros(2000, int), outputs={"omit_losses": True})
            self.assertEqual(len(fake.requests), len(result.messages) + 1)

    def test_a_deadline_holds_for_all_tries(self):
        with FakeServer(Compute=[unavailable(0.4)]) as fake, lossd.Client(fake.address, retries=100) as client:
            start = time.monotonic()
            with self.assertRaises((lossd.Unavailable, lossd.DeadlineExceeded)):  # whether a try was under way
                client.compute(Z, Y, deadline=1.0)
            self.assertLess(time.monotonic() - start, 5.0)

    def test_nobody_answers(self):
        target = closed_port()
        with lossd.Client(target, deadline=2.0) as client:
            with self.assertRaisesRegex(ConnectionError, f"the target is dns:///{target}") as caught:
                client.compute(Z, Y)
            self.assertIsInstance(caught.exception, lossd.Unavailable)

    def test_a_silent_server_is_a_timeout(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            with lossd.Client("127.0.0.1:%d" % silent.getsockname()[1], deadline=0.5) as client:
                with self.assertRaises(TimeoutError) as caught:
                    client.compute(Z, Y)
                self.assertIsInstance(caught.exception, lossd.DeadlineExceeded)

    def test_a_replica_dies_under_way(self):
        logits = np.random.default_rng(1).standard_normal((8, 5))
        labels = np.arange(8) % 5
        with Server() as first, Server() as second:
            third = Server()
            third.start()
            replicas = ",".join(server.address for server in (first, second, third))
            with lossd.Client(f"ipv4:{replicas}") as client:
                expected = client.compute(logits, labels).losses
                for number in range(300):
                    if number == 100:
                        third.kill()
                    np.testing.assert_array_equal(client.compute(logits, labels).losses, expected)


class TokensTest(unittest.TestCase):
    def test_a_token_goes_with_each_call(self):
        tokens = iter(("second", "third"))
        with FakeServer(Compute=[loss(1.0)], ComputeStream=[loss(1.0)]) as fake:
            with lossd.Client(fake.address, token="first") as client:
                client.compute(Z, Y)
                list(client.compute_stream([(Z, Y)]))
            with lossd.Client(fake.address, token=lambda: next(tokens) + "\n") as client:
                client.compute(Z, Y)
                client.compute(Z, Y)
            seen = [metadata["authorization"] for _, _, metadata in fake.requests]
            self.assertEqual(seen, ["Bearer first", "Bearer first", "Bearer second", "Bearer third"])


if __name__ == "__main__":
    unittest.main()
