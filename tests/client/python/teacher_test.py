"""Distillation: a teacher's logits in place of labels, as arguments, on streams, side by side, in parts and in PyTorch."""

import unittest

import numpy as np

import lossd
from lossd_server import shared

STUDENT = np.array([[2, 0.5, -1], [0, 1, 0.5]])
TEACHER = np.array([[1.0, 1, 0], [2, -1, 0]])
SMALL = 6000  # bytes of a message


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def reverse_kl(student, teacher):
    """Its losses and their gradient, by their definition."""
    p, d = softmax(student), np.log(softmax(student)) - np.log(softmax(teacher))
    losses = (p * d).sum(-1)
    return losses, p * (d - losses[..., None])


class TeacherTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)

    def test_targets_are_the_softmax_of_the_teachers_logits(self):
        losses, gradient = reverse_kl(STUDENT, TEACHER)
        result = self.client.compute(STUDENT, teacher_logits=TEACHER, loss="reverse_kl_divergence",
                                     outputs={"gradient": True})
        np.testing.assert_allclose(result.losses, losses, rtol=1e-13)
        np.testing.assert_allclose(result.gradient, gradient, rtol=1e-12)
        lists = self.client.compute(STUDENT.tolist(), teacher_logits=[[1, 1, 0], [2, -1, 0]],
                                    loss="reverse_kl_divergence")
        np.testing.assert_array_equal(lists.losses, result.losses)

    def test_the_teacher_has_a_temperature(self):
        spec = {"kl_divergence": {}, "temperature": 2, "teacher": {"temperature": 3}}
        result = self.client.compute(STUDENT, teacher_logits=TEACHER, loss=spec, outputs={"applied": True})
        given = self.client.compute(STUDENT, softmax(TEACHER / 3), loss={"kl_divergence": {}, "temperature": 2})
        np.testing.assert_allclose(result.losses, given.losses, rtol=1e-12)
        self.assertEqual(result.applied["loss"]["teacher"]["temperature"], 3)
        spec["teacher"]["scale_by_squared_temperature"] = True
        scaled = self.client.compute(STUDENT, teacher_logits=TEACHER, loss=spec)
        np.testing.assert_array_equal(scaled.losses, 4 * result.losses)

    def test_compared_and_streamed(self):
        losses = ["kl_divergence", {"jensen_shannon": {"beta": 0.1}}]
        compared = self.client.compare(STUDENT, None, losses, teacher_logits=TEACHER, reduction="sum")
        self.assertAlmostEqual(compared[0].loss, 1.380414885058, places=11)
        self.assertAlmostEqual(compared[1].loss, 0.120693798095, places=11)
        batches = [{"logits": STUDENT[:n], "teacher_logits": TEACHER[:n]} for n in (1, 2)]
        answers = list(self.client.compute_stream(batches, loss=losses[1], reduction="sum"))
        self.assertAlmostEqual(answers[1].loss, 0.120693798095, places=11)

    def test_parts_have_the_bits_of_one_call(self):
        rng = np.random.default_rng(5)
        logits, teacher = rng.normal(size=(2, 300, 7)).astype(np.float32)
        given = {"teacher_logits": teacher, "loss": {"jensen_shannon": {"beta": 0.25}}, "reduction": "mean",
                 "outputs": {"gradient": True}}
        whole = self.client.compute(logits, **given)
        with lossd.Client(shared(), max_message_bytes=SMALL) as client:
            parts = client.compute(logits, **given)
            np.testing.assert_array_equal(parts.gradient, whole.gradient)
            self.assertAlmostEqual(parts.loss, whole.loss, places=12)
            teacher[217] = -np.inf
            with self.assertRaisesRegex(lossd.InvalidArgument, r"teacher_logits\[217\] is -inf for every class"):
                client.compute(logits, **given)

    def test_faults_are_told_by_name(self):
        with self.assertRaisesRegex(lossd.InvalidArgument, "teacher_logits is set beside labels"):
            self.client.compute(STUDENT, [0, 1], teacher_logits=TEACHER)
        with self.assertRaisesRegex(lossd.InvalidArgument, "teacher_logits"):
            self.client.compute(STUDENT, teacher_logit=TEACHER)

    def test_pytorch(self):
        try:
            import torch
        except ImportError:
            self.skipTest("no PyTorch")
        import lossd.torch

        z = torch.tensor(STUDENT, requires_grad=True)
        teacher = torch.tensor(TEACHER)
        module = lossd.torch.ReverseKlDivergenceLoss(reduction="sum", client=self.client)
        loss = module(z, teacher_logits=teacher)
        loss.backward()
        losses, gradient = reverse_kl(STUDENT, TEACHER)
        self.assertAlmostEqual(loss.item(), losses.sum(), places=12)
        np.testing.assert_allclose(z.grad.numpy(), gradient, rtol=1e-12)
        same = lossd.torch.reverse_kl_divergence(z, teacher_logits=teacher, reduction="sum", client=self.client)
        self.assertEqual(same.item(), loss.item())
        with self.assertRaisesRegex(lossd.InvalidArgument, "teacher_logits requires a gradient"):
            module(z, teacher_logits=z)


if __name__ == "__main__":
    unittest.main()
