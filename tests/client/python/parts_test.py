"""Batches that are too large for one message, beside the same batches in one."""

import itertools
import math
import types
import unittest

import numpy as np

import lossd
from lossd._parts import merge
from lossd_server import Server, shared

SMALL = 6000  # bytes of a message: the batches below need 4 to 80
N, C = 24, 5
BALANCED = {"class_weighting": {"scheme": {"scheme": "balanced"}}}


def layouts(sigmoid):
    """Shapes of logits, with their class_axis."""
    yield (N * 15, C), None
    yield (2, 12, 15, C), None
    yield (N, C, 3, 5), 1
    yield (2, C, 30, 9), 1  # even one of the N does not fit
    if sigmoid:
        yield (N * 75,), None


def cases():
    """name, logits, and the other arguments"""
    random = np.random.default_rng(5)
    draw = random.standard_normal
    given = {"weights": np.abs(draw(C)) + 0.1}
    for shape, axis in layouts(sigmoid=False):
        places = shape[:1] + shape[2:] if axis == 1 else shape[:-1]
        labels = np.where(random.random(places) < 0.2, -100, random.integers(C, size=places))
        weights = np.abs(draw(places)) * (random.random(places) < 0.8)
        row = weights.reshape(shape[0], -1)[:, 0]
        for weighting, chosen in itertools.product(({}, {"class_weighting": given}, BALANCED),
                                                   (None, weights, row, weights > 0)):
            name = f"softmax {shape}, {weighting}, sample weights {None if chosen is None else chosen.shape}"
            yield (name, 3 * draw(shape), {
                "labels": labels, "sample_weights": chosen, "class_axis": axis,
                "loss": {"ignore_index": -100, "focal": {"gamma": 1.5}, **weighting}})
        yield (f"soft targets {shape}", 3 * draw(shape), {
            "labels": 2 * np.abs(draw(shape)), "loss": {"class_weighting": given}, "class_axis": axis,
            "sample_weights": weights})
    for shape, axis in layouts(sigmoid=True):
        labels = np.where(random.random(shape) < 0.2, 255, (draw(shape) > 0).astype(int))
        for chosen in (None, np.floor(np.abs(draw(shape))) / 3, np.abs(draw(shape[0]))):
            yield (f"sigmoid {shape}, sample weights {None if chosen is None else chosen.shape}", 3 * draw(shape), {
                "labels": labels, "sample_weights": chosen, "class_axis": axis,
                "loss": {"activation": "sigmoid", "ignore_index": 255}})
        yield (f"sigmoid {shape}, targets", 3 * draw(shape), {
            "labels": random.random(shape), "class_axis": axis, "loss": {"activation": "sigmoid"}})
    yield ("sigmoid, a class of each row", 3 * draw((N * 15, C)), {
        "labels": random.integers(C + 1, size=N * 15), "sample_weights": np.abs(draw(N * 15)),
        "loss": {"activation": "sigmoid", "ignore_index": C, "class_weighting": given}})
    yield "all ignored", 3 * draw((N * 15, C)), {"labels": np.full(N * 15, -100), "loss": {"ignore_index": -100}}


def bits(array):
    return array.view(np.uint8).tobytes(), array.shape, array.dtype


class PartsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.whole = lossd.Client(shared())
        cls.small = lossd.Client(shared(), max_message_bytes=SMALL)
        cls.addClassCleanup(cls.whole.close)
        cls.addClassCleanup(cls.small.close)

    def both(self, logits, arguments, outputs):
        one = self.whole.compute(logits, outputs=outputs, **arguments)
        cut = self.small.compute(logits, outputs=outputs, **arguments)
        self.assertEqual(len(one.messages), 1)
        self.assertGreater(len(cut.messages), 1)
        return one, cut

    def test_parts_have_the_bits_of_the_whole(self):
        outputs = {"gradient": True, "margin": True, "probabilities": True}
        for name, logits, arguments in cases():
            for reduction, dtype in (("none", np.float64), ("sum", np.float32), ("mean", np.float64),
                                     ("mean", np.float16), ("mean_valid", np.float32)):
                with self.subTest(name, reduction=reduction, dtype=dtype):
                    given = {**arguments, "reduction": reduction}
                    one, cut = self.both(logits.astype(dtype), given, outputs)
                    for array in ("losses", "gradient", "margin", "probabilities"):
                        self.assertEqual(bits(getattr(one, array)), bits(getattr(cut, array)), array)
                    self.assertEqual(one.valid_count, cut.valid_count)
                    np.testing.assert_allclose((cut.loss, cut.loss_sum, cut.weight_sum),
                                               (one.loss, one.loss_sum, one.weight_sum), rtol=1e-13)

    def test_small_sums_beside_a_large_one_are_not_lost(self):
        # Each is less than half of what 512 rounds to.
        for sums, expected in (([512.0] + [5e-14] * 400, 512 + 2e-11), ([5e-14] * 400 + [512.0], 512 + 2e-11),
                               ([1e16, 1.0, -1e16], 1.0), ([math.inf, 1.0], math.inf), ([1e308, 1e308], math.inf)):
            found = merge._sum([types.SimpleNamespace(loss_sum=each) for each in sums], "loss_sum")
            self.assertTrue(found == expected or abs(found - expected) <= 1e-14 * expected, (sums[:2], found))

    def test_statistics_are_the_whole_batch_s(self):
        random = np.random.default_rng(7)
        logits, labels = random.standard_normal((400, C)), random.integers(C - 1, size=400)
        outputs = {"class_statistics": True, "difficulty": True, "top_k": [1, 2]}
        for outputs in (outputs, {**outputs, "gradient": True}, {**outputs, "present_classes_only": True}):
            one, cut = self.both(logits, {"labels": labels, "reduction": "mean"}, outputs)
            self.assertEqual(one.top_k_correct, cut.top_k_correct)
            self.assertEqual(cut.gradient is None, one.gradient is None)
            for name in ("class_statistics", "difficulty"):
                for field, expected in vars(getattr(one, name)).items():
                    np.testing.assert_allclose(getattr(getattr(cut, name), field), expected, rtol=1e-12, err_msg=field)

    def test_results_go_to_the_caller_s_memory(self):
        logits, labels = np.random.default_rng(3).standard_normal((400, C)), np.zeros(400, int)
        gradient = np.zeros((400, C), order="F")
        cut = self.small.compute(logits, labels, outputs={"gradient": True}, out={"gradient": gradient})
        self.assertIs(cut.gradient, gradient)
        np.testing.assert_array_equal(
            gradient, self.whole.compute(logits, labels, outputs={"gradient": True}).gradient)

    def check_refused(self, field, words, *arguments, **keywords):
        with self.assertRaises(lossd.InvalidArgument) as caught:
            self.small.compute(*arguments, **keywords)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(caught.exception.violations[0].field, field)

    def test_what_needs_the_whole_batch_is_refused_by_name(self):
        logits, labels = np.zeros((400, C)), np.zeros(400, int)
        limit = "the server's limit is its --max-message-bytes"
        self.check_refused("loss.mining", limit, logits, labels, loss={"mining": {"hardest": {"keep_fraction": 0.5}}})
        self.check_refused("loss.class_weighting.scheme.counts", limit, logits, np.full((400, C), 0.2), loss=BALANCED)
        self.check_refused("logits", "do not fit a message", np.zeros((2, 4000)), [0, 0])
        self.check_refused("labels.shape", "= [399] does not fit", logits, labels[:-1])
        self.check_refused("sample_weights", "hold -1.0", logits, labels, reduction="mean",
                           sample_weights=np.full(400, -1.0))
        self.check_refused("outputs.difficulty", "upstream_gradient", logits, labels, outputs={"difficulty": True},
                           upstream_gradient=np.ones(400))

    def test_errors_name_the_batch_s_rows(self):
        labels = np.zeros(400, int)
        labels[317] = C
        self.check_refused("labels[317]", "labels[317] = 5 is not in [0, 5)", np.zeros((400, C)), labels)
        self.check_refused("labels[317]", "rows count through all axes", np.zeros((4, 100, C)),
                           labels.reshape(4, 100))

    def test_a_server_s_lower_limit_is_asked_for(self):
        logits, labels = np.random.default_rng(3).standard_normal((60000, 5)), np.zeros(60000, int)
        with Server("--max-message-bytes", "1MiB") as narrow, lossd.Client(narrow.address) as client:
            cut = client.compute(logits, labels, reduction="mean", outputs={"gradient": True})
            self.assertGreater(len(cut.messages), 2)
            whole = self.whole.compute(logits, labels, reduction="mean", outputs={"gradient": True})
            self.assertEqual(bits(cut.gradient), bits(whole.gradient))
        with Server("--max-message-bytes", "64KiB") as narrow, lossd.Client(narrow.address) as client:
            with self.assertRaisesRegex(lossd.ResourceExhausted, r"--max-message-bytes.*Client\(max_message_bytes=…\)"):
                client.compute(logits[:5000], labels[:5000])


if __name__ == "__main__":
    unittest.main()
