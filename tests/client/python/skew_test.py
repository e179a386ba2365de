"""Versions that differ: the stubs of 0.1.0 with today's lossd, and today's package with a lossd of 0.1.0."""

import unittest

import grpc
import numpy as np

import lossd
from lossd_server import shared
from old_contract import POOL, SERVICE, OldServer, message, types_of

Z, Y = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), [0, 0]


class OldStubsTest(unittest.TestCase):
    """A caller with the stubs of 0.1.0."""

    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)
        cls.channel = grpc.insecure_channel(shared())
        cls.addClassCleanup(cls.channel.close)
        cls.called = set()

    def call(self, method, **fields):
        self.called.add(method)
        asked, answered = map(message, types_of(method))
        sent = asked(**fields).SerializeToString()
        return answered.FromString(self.channel.unary_unary(f"/{SERVICE}/{method}")(sent))

    @staticmethod
    def tensor(values):
        made = message("Tensor")(shape=np.shape(values))
        if np.asarray(values).dtype.kind == "f":
            made.float_values.extend(np.ravel(values))
        else:
            made.int_values.extend(np.ravel(values))
        return made

    def batch(self):
        return {"logits": self.tensor(Z), "labels": self.tensor(Y), "loss": {"focal": {"gamma": 2}},
                "outputs": {"gradient": True, "class_statistics": True}}

    def check_computed(self, answer):
        today = self.client.compute(Z, Y, loss="focal", outputs={"gradient": True, "class_statistics": True})
        self.assertEqual(answer.loss, today.loss)
        for array in ("gradient", "losses"):
            np.testing.assert_array_equal(getattr(answer, array).float_values, getattr(today, array).ravel())
        np.testing.assert_array_equal(answer.class_statistics.loss_sum, today.class_statistics.loss_sum)

    def test_each_call_is_answered_as_today_s(self):
        self.check_computed(self.call("Compute", **self.batch()))
        self.called.add("ComputeStream")
        asked, answered = map(message, types_of("ComputeStream"))
        sent = [asked(sequence=number, request=self.batch()).SerializeToString() for number in range(3)]
        answers = list(map(answered.FromString, self.channel.stream_stream(f"/{SERVICE}/ComputeStream")(iter(sent))))
        self.assertEqual([answer.sequence for answer in answers], [0, 1, 2])
        for answer in answers:
            self.check_computed(answer.response)

        losses = [{"focal": {}}, {"poly1": {}}]
        compared = self.call("Compare", logits=self.tensor(Z), labels=self.tensor(Y), losses=losses).comparisons
        self.assertEqual([each.loss for each in compared], [each.loss for each in self.client.compare(Z, Y, losses)])
        counted = self.call("ComputeClassWeights", labels=self.tensor([0, 0, 1, 3]))
        self.assertEqual(list(counted.weights[0].values),
                         list(self.client.class_weights([0, 0, 1, 3]).weights["balanced"].values))
        measured = self.call("MeasureInformation", p=self.tensor([0.5, 0.5]))
        self.assertEqual(list(measured.entropy.float_values), list(self.client.information([0.5, 0.5]).entropy))
        self.assertEqual([each.name for each in self.call("ListLosses").losses],
                         [each.name for each in self.client.losses()])
        self.assertEqual(self.call("GetServerInfo").version, self.client.server_info().version)
        self.assertEqual(self.called, set(POOL.FindServiceByName(SERVICE).methods_by_name))


class OldServerTest(unittest.TestCase):
    """Today's package with a server that knows no field that came after 0.1.0."""

    @classmethod
    def setUpClass(cls):
        server = OldServer()
        server.__enter__()
        cls.addClassCleanup(server.__exit__)
        cls.today = lossd.Client(shared())
        cls.addClassCleanup(cls.today.close)
        cls.old = lossd.Client(server.address, max_message_bytes=6000)
        cls.addClassCleanup(cls.old.close)

    def test_what_it_has_comes_as_from_today_s(self):
        random = np.random.default_rng(1)
        for rows in (4, 400):  # in one message, and in parts
            logits, labels = random.standard_normal((rows, 5)), random.integers(5, size=rows)
            asked = {"loss": {"focal": {"gamma": 1.5}, "label_smoothing": 0.1}, "reduction": "mean",
                     "outputs": {"gradient": True, "probabilities": True}}
            one, other = (client.compute(logits, labels, **asked) for client in (self.old, self.today))
            self.assertEqual(len(one.messages) > 1, rows == 400)
            for array in ("losses", "gradient", "probabilities"):
                np.testing.assert_array_equal(getattr(one, array), getattr(other, array))
            self.assertAlmostEqual(one.loss, other.loss, 12)
        for call in (lambda client: [each.loss for each in client.compare(Z, Y, ["focal", "poly1"])],
                     lambda client: client.class_weights(Y).weights["balanced"].values.tolist(),
                     lambda client: client.information([0.5, 0.5]).entropy.tolist(),
                     lambda client: client.losses()[1].name, lambda client: client.server_info().thread_count):
            self.assertEqual(call(self.old), call(self.today))

    def check_unimplemented(self, name, **arguments):
        with self.assertRaises(lossd.Unimplemented) as caught:
            self.old.compute(Z, Y, **arguments)
        self.assertIn(f"{name} is not implemented by this server, which is older", str(caught.exception))

    def test_what_it_has_not_is_unimplemented_by_name(self):
        self.check_unimplemented("outputs.margin", outputs={"margin": True})
        self.check_unimplemented("loss.asymmetric.detach_focusing", loss={"asymmetric": {"detach_focusing": True}})
        with self.assertRaisesRegex(lossd.Unimplemented, r"losses\[1\].asymmetric.detach_focusing is not implemented"):
            self.old.compare(Z, Y, ["focal", {"asymmetric": {"detach_focusing": True}}])


if __name__ == "__main__":
    unittest.main()
