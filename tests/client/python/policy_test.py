"""Policy losses of log-probabilities: as arguments, on streams, side by side, and in parts that keep sequences whole."""

import asyncio
import itertools
import unittest

import numpy as np

import lossd
from lossd import _contract
from lossd_server import shared

SMALL = 6000  # bytes of a message
U = np.array([[-0.5, -1.5, -2, -0.1], [-3, -0.7, -0.2, -1.5], [-0.3, -2.6, -1, -4]])
OLD = np.array([[-0.7, -1, -2.5, -0.1], [-1.5, -2, -0.4, -1.6], [-0.4, -2.4, -2.5, -3]])
REFERENCE = np.array([[-0.6, -1.1, -1.8, -0.2], [-2, -1.2, -0.5, -0.9], [-0.8, -2, -0.7, -3.5]])
SAMPLER = np.array([[-0.75, -0.9, -3.4, -0.1], [-1.48, -2.03, -1.2, -1.6], [-0.41, -2.39, -2.4, -3.1]])
MASK = np.array([[1.0, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]])
A = np.array([1, -0.5, 2])

ROLLOUT = {"advantages": A, "old_log_probs": OLD}
PPO = {"activation": "log_probability", "ppo": {}}
GSPO = {**PPO, "ratio": {"level": "sequence"}}
EVERYTHING = {
    **GSPO, "ppo": {"dual_clip": 3}, "kl_penalty": {"coefficient": 0.04, "gradient": "reverse_kl"},
    "importance_weighting": {"level": "sequence", "minimum": 0.9, "maximum": 1.1}}  # fmt: skip


def surrogate(u, old, advantages):
    """PPO's loss and its derivative, by their definition."""
    r, advantages = np.exp(u - old), np.broadcast_to(advantages[..., None], u.shape)
    clipped = np.clip(r, 0.8, 1.2)
    binds = clipped * advantages < r * advantages
    return -np.where(binds, clipped, r) * advantages, np.where(binds, 0, -r * advantages)


class PolicyTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)

    def compute(self, **fields):
        given = {"loss": PPO, "rollout": ROLLOUT, "sample_weights": MASK, "reduction": "mean",
                 "outputs": {"gradient": True, "policy_statistics": True}, **fields}  # fmt: skip
        return self.client.compute(U, **given)

    def test_log_probabilities_and_a_rollout(self):
        losses, gradient = surrogate(U, OLD, A)
        result = self.compute()
        np.testing.assert_allclose(result.losses, losses * MASK, rtol=1e-14)
        np.testing.assert_allclose(result.gradient, gradient * MASK / 9, rtol=1e-14)
        self.assertAlmostEqual(result.loss, -0.556553809903, places=11)
        self.assertEqual(self.compute(reduction="sequence_mean").sequence_count, 3)

    def test_statistics_of_the_ratio(self):
        found = self.compute(rollout={**ROLLOUT, "reference_log_probs": REFERENCE}).policy_statistics
        x, d = (U - OLD)[MASK > 0], (U - REFERENCE)[MASK > 0]
        r = np.exp(x)
        self.assertEqual((found.clipped_high_count, found.clipped_low_count, found.dual_clipped_count), (2, 1, 0))
        expected = {"ratio_mean": r.mean(), "ratio_min": r.min(), "ratio_max": r.max(),
                    "ratio_mean_square": (r * r).mean(), "effective_sample_size": r.sum() ** 2 / (r * r).sum(),
                    "kl_k1": -x.mean(), "kl_k3": (np.expm1(x) - x).mean(), "reference_kl_k1": d.mean(),
                    "reference_kl_k3": (np.expm1(-d) + d).mean()}  # fmt: skip
        for name, value in expected.items():
            self.assertAlmostEqual(getattr(found, name), value, places=13, msg=name)
        self.assertIsNone(found.weight_high_count)
        self.assertIsNone(self.compute(outputs=None).policy_statistics)

    def test_a_masked_token_is_not_read(self):
        spoilt = {name: np.where(MASK > 0, values, np.nan) for name, values in (("u", U), ("old", OLD))}
        one = self.compute()
        other = self.client.compute(
            spoilt["u"], loss=PPO, rollout={"advantages": A, "old_log_probs": spoilt["old"]}, sample_weights=MASK,
            reduction="mean", outputs={"gradient": True})
        np.testing.assert_array_equal(one.gradient, other.gradient)

    def test_whole_numbers_are_advantages_too(self):
        given = {"rollout": {"advantages": [1, -1, 2], "old_log_probs": OLD}}
        floats = {"rollout": {"advantages": [1.0, -1.0, 2.0], "old_log_probs": OLD}}
        self.assertEqual(self.compute(**given).loss, self.compute(**floats).loss)
        message = _contract.Rollout()
        message.advantages.float_values.extend([1, -1, 2])
        message.advantages.shape.append(3)
        message.old_log_probs.float_values.extend(OLD.ravel().tolist())
        message.old_log_probs.shape.extend(OLD.shape)
        self.assertEqual(self.compute(rollout=message).loss, self.compute(**floats).loss)

    def test_a_misspelt_field_of_a_rollout_is_told_with_the_right_one(self):
        with self.assertRaisesRegex(lossd.InvalidArgument, "rollout.old_logprobs .*did you mean old_log_probs"):
            self.compute(rollout={"advantages": A, "old_logprobs": OLD})
        with self.assertRaisesRegex(lossd.InvalidArgument, "loss.ppo needs rollout.old_log_probs"):
            self.compute(rollout={"advantages": A})

    def test_a_packed_batch_is_the_same(self):
        counted = MASK > 0
        rollout = {"advantages": A, "old_log_probs": OLD[counted]}
        packed = self.client.compute(U[counted], loss=GSPO, rollout=rollout, sequence_lengths=[4, 3, 2],
                                     reduction="sequence_mean", outputs={"gradient": True})  # fmt: skip
        shaped = self.compute(loss=GSPO, reduction="sequence_mean")
        np.testing.assert_allclose(packed.gradient, shaped.gradient[counted], rtol=1e-14)
        self.assertEqual(packed.sequence_count, 3)

    def test_losses_side_by_side(self):
        found = self.client.compare(U, None, [PPO, {**PPO, "ppo": {"dual_clip": 3}}], rollout=ROLLOUT,
                                    sample_weights=MASK, reduction="mean", omit_class_statistics=True)  # fmt: skip
        self.assertAlmostEqual(found[0].loss, -0.556553809903, places=11)
        self.assertAlmostEqual(found[1].loss, -0.593736958104, places=11)
        self.assertEqual([each.policy_statistics.dual_clipped_count for each in found], [0, 1])

    def test_streams_and_asyncio(self):
        given = {"loss": GSPO, "rollout": ROLLOUT, "sample_weights": MASK, "reduction": "sequence_mean"}
        expected = self.compute(loss=GSPO, reduction="sequence_mean").loss
        batches = [{"logits": U, **given}] * 3
        self.assertEqual([each.loss for each in self.client.compute_stream(batches)], [expected] * 3)

        async def calls():
            async with lossd.AsyncClient(shared()) as client:
                compared = await client.compare(U, None, [GSPO], rollout=ROLLOUT, sample_weights=MASK,
                                                reduction="sequence_mean", omit_class_statistics=True)  # fmt: skip
                return (await client.compute(U, **given)).loss, compared[0].loss

        self.assertEqual(asyncio.run(calls()), (expected, expected))


def packed_lengths(random):
    """Returns lengths, of no token and of one among them."""
    return np.array([0, 1, 0, 70, *random.integers(0, 60, size=60), 0, 1])


def cases():
    """name, logits, whether advantages are of sequences, and compute()'s other arguments"""
    random = np.random.default_rng(11)
    draw = random.standard_normal
    for shape in ((300, 9), (20, 15, 9)):
        yield f"log-probabilities {shape}", -np.abs(draw(shape)), None, {}
    lengths = packed_lengths(random)
    yield "packed", -np.abs(draw(int(lengths.sum()))), None, {"sequence_lengths": lengths}
    softmax = {"activation": "softmax"}
    for shape, axis in (((90, 9, 5), None), ((6, 15, 9, 5), None), ((90, 5, 9), 1), ((15, 5, 6, 9), 1)):
        losses = shape[:1] + shape[2:] if axis else shape[:-1]
        labels = np.where(random.random(losses) < 0.1, -1, random.integers(5, size=losses))
        yield (f"softmax {shape}, axis {axis}", draw(shape), losses,
               {"labels": labels, "class_axis": axis, "loss": {**softmax, "ignore_index": -1}})
    lengths = packed_lengths(random)
    labels = random.integers(5, size=int(lengths.sum()))
    yield ("softmax, packed", draw((len(labels), 5)), labels.shape,
           {"labels": labels, "sequence_lengths": lengths, "loss": softmax})


def rollouts(losses, lengths, random):
    """Rollouts for losses of that shape: advantages of each sample, and of each sequence."""
    near = -np.abs(random.standard_normal((4, *losses)))
    others = {"old_log_probs": near[0], "reference_log_probs": near[1], "sampler_log_probs": near[2]}
    of_sequences = (len(lengths),) if lengths is not None else losses[:-1]
    for shape in (losses, of_sequences):
        yield {"advantages": random.standard_normal(shape), **others}


class PolicyPartsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.whole = lossd.Client(shared())
        cls.small = lossd.Client(shared(), max_message_bytes=SMALL + 6000)
        cls.addClassCleanup(cls.whole.close)
        cls.addClassCleanup(cls.small.close)

    def check_same(self, one, cut):
        for array in ("losses", "gradient"):
            ours, theirs = getattr(cut, array), getattr(one, array)
            self.assertEqual((ours.tobytes(), ours.shape), (theirs.tobytes(), theirs.shape), array)
        self.assertEqual((cut.valid_count, cut.sequence_count), (one.valid_count, one.sequence_count))
        np.testing.assert_allclose(cut.loss, one.loss, rtol=1e-12, atol=1e-12)
        self.assertLessEqual(abs(cut.loss_sum - one.loss_sum), 1e-14 * np.abs(one.losses).sum())
        for name, expected in vars(one.policy_statistics).items():
            found = getattr(cut.policy_statistics, name)
            if name.endswith(("count", "min", "max")):
                self.assertEqual(found, expected, name)
            else:
                np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)

    def test_parts_keep_sequences_whole_and_have_the_bits_of_the_whole(self):
        random = np.random.default_rng(3)
        outputs = {"gradient": True, "policy_statistics": True}
        for (name, logits, losses, given), reduction in itertools.product(cases(), ("sequence_mean", "mean", "none")):
            losses = losses or logits.shape
            mask = (random.random(losses) < 0.8) * np.abs(random.standard_normal(losses))
            for rollout in rollouts(losses, given.get("sequence_lengths"), random):
                with self.subTest(name, reduction=reduction, advantages=rollout["advantages"].shape):
                    given = {**given, "loss": {**EVERYTHING, **given.get("loss", {})}, "rollout": rollout,
                             "sample_weights": mask, "reduction": reduction, "outputs": outputs}  # fmt: skip
                    one = self.whole.compute(logits, **given)
                    cut = self.small.compute(logits, **given)
                    self.assertEqual(len(one.messages), 1)
                    self.assertGreater(len(cut.messages), 1)
                    self.check_same(one, cut)

    def test_log_probabilities_without_sequences_are_cut_anywhere(self):
        u = -np.abs(np.random.default_rng(5).standard_normal((2, 4000)))
        given = {"loss": "cross_entropy", "reduction": "mean", "sample_weights": [1.0, 0.5],
                 "outputs": {"gradient": True}}  # fmt: skip
        given["loss"] = {"activation": "log_probability", "focal": {}}
        one, cut = self.whole.compute(u, **given), self.small.compute(u, **given)
        self.assertGreater(len(cut.messages), 1)
        np.testing.assert_array_equal(one.gradient, cut.gradient)

    def test_a_sequence_that_does_not_fit_a_message_is_refused(self):
        for u, lengths, words in ((np.zeros((2, 4000)), None, "keeps sequences whole"),
                                  (np.zeros(4001), [1, 4000], r"sequence_lengths\[1\] is a sequence of"),
                                  (np.zeros(4001), [1, 3999], "adds up to 4000, expected .* 4001")):
            with self.assertRaisesRegex(lossd.InvalidArgument, words):
                self.small.compute(u, loss={"activation": "log_probability"}, reduction="sequence_mean",
                                   sequence_lengths=lengths)  # fmt: skip

    def test_errors_name_the_batch_s_rows(self):
        old = np.zeros(4000)
        old[3210] = np.nan
        advantages = np.ones(400)
        for spoilt in ("old_log_probs", "advantages"):
            rollout = {"advantages": advantages, "old_log_probs": old if spoilt == "old_log_probs" else np.zeros(4000)}
            if spoilt == "advantages":
                rollout["advantages"] = np.where(np.arange(400) == 321, np.inf, 1.0)
            row = {"old_log_probs": 3210, "advantages": 321}[spoilt]
            with self.assertRaises(lossd.InvalidArgument) as caught:
                self.small.compute(np.zeros(4000), loss=PPO, rollout=rollout, sequence_lengths=np.full(400, 10))
            self.assertIn(f"rollout.{spoilt}[{row}]", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
