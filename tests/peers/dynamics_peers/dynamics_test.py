"""A run of lossd beside aum and cleanlab, which are given the same logits and probabilities."""

import tempfile
import unittest

import aum
import cleanlab.rank
import numpy as np
import torch

import lossd
import lossd.runs
from lossd_server import shared

SAMPLES, CLASSES, EPOCHS = 300, 6, 12


class DynamicsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        random = np.random.default_rng(1)
        cls.labels = random.integers(CLASSES, size=SAMPLES)
        skill = random.standard_normal(SAMPLES)
        cls.logits, cls.probabilities = [], []
        cls.aum = aum.AUMCalculator(tempfile.gettempdir())
        with lossd.Client(shared()) as client:
            for epoch in range(EPOCHS):
                z = random.standard_normal((SAMPLES, CLASSES))
                z[np.arange(SAMPLES), cls.labels] += skill * epoch / 4
                order = random.permutation(SAMPLES)
                result = client.compute(z[order], cls.labels[order], run="peers", sample_ids=order, epoch=epoch,
                                        outputs={"probabilities": True})
                cls.aum.update(torch.from_numpy(z[order]), torch.from_numpy(cls.labels[order]), order.tolist())
                probabilities = np.empty_like(z)
                probabilities[order] = result.probabilities
                cls.logits.append(z)
                cls.probabilities.append(probabilities)
            columns = lossd.runs.columns("peers", client=client)
        by_id = np.argsort(columns["id"])
        cls.columns = {name: values[by_id] for name, values in columns.items()}

    def assert_close(self, found, expected):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)

    def test_the_area_under_the_margin(self):
        expected = [self.aum.sums[i] / self.aum.counts[i] for i in range(SAMPLES)]
        self.assert_close(self.columns["mean_margin"], expected)

    def test_aum_s_margin_of_a_tie_and_of_an_infinite_logit(self):
        # aum's masks the label by −inf: of a row whose others are −inf it has +inf, and that stays in its mean.
        # lossd's is +inf as well, and counts the presentation as not finite: the mean keeps its meaning.
        z = np.array([[1.0, -np.inf, -np.inf], [2.0, 2.0, 0.0]])
        calculator = aum.AUMCalculator(tempfile.gettempdir())
        calculator.update(torch.from_numpy(z), torch.tensor([0, 0]), [0, 1])
        self.assertEqual([calculator.sums[0], calculator.sums[1]], [np.inf, 0.0])
        with lossd.Client(shared()) as client:
            result = client.compute(z, [0, 0], run="ties", sample_ids=[0, 1], outputs={"margin": True})
            np.testing.assert_array_equal(result.margin, [np.inf, 0.0])
            run, columns = lossd.runs.show("ties", client=client), lossd.runs.columns("ties", client=client)
        self.assertEqual((run.non_finite_count, columns["id"].tolist()), (1, [1]))
        self.assertEqual(columns["mean_margin"].tolist(), [0.0])

    def test_self_confidence(self):
        score = cleanlab.rank.get_label_quality_scores
        last = score(self.labels, self.probabilities[-1], method="self_confidence")
        self.assert_close(self.columns["last_true_probability"], last)
        each = [score(self.labels, p, method="self_confidence") for p in self.probabilities]
        self.assert_close(self.columns["mean_true_probability"], np.mean(each, axis=0))
        self.assert_close(self.columns["true_probability_deviation"], np.std(each, axis=0))

    def test_the_uniform_ensemble_of_the_epochs_is_the_confidence(self):
        # cleanlab's default weighs the epochs by how well they fit; "uniform" is the mean that cartography has.
        found = cleanlab.rank.get_label_quality_ensemble_scores(
            self.labels, self.probabilities, method="self_confidence", weight_ensemble_members_by="uniform",
            verbose=False)
        self.assert_close(self.columns["mean_true_probability"], found)

    def test_cleanlab_s_margin_is_one_of_probabilities(self):
        # cleanlab: (p_t − max p_j + 1) / 2, in [0, 1]. lossd: z_t − max z_j, which AUM's paper has.
        found = cleanlab.rank.get_label_quality_scores(self.labels, self.probabilities[0], method="normalized_margin")
        rows = np.arange(SAMPLES)

        def margin(values):
            others = values.copy()
            others[rows, self.labels] = -np.inf
            return values[rows, self.labels] - others.max(1)

        self.assert_close(found, (margin(self.probabilities[0]) + 1) / 2)
        self.assert_close(self.columns["mean_margin"], np.mean([margin(z) for z in self.logits], axis=0))
        self.assertGreater(np.abs(self.columns["mean_margin"] - found).max(), 1)

    def test_correctness_is_the_share_of_epochs_whose_prediction_was_the_label(self):
        expected = np.mean([z.argmax(1) == self.labels for z in self.logits], axis=0)
        self.assert_close(self.columns["correctness"], expected)


if __name__ == "__main__":
    unittest.main()
