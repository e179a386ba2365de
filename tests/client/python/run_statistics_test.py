"""Every number of a run against its recomputation with NumPy, from the probabilities and margins that came back."""

import gzip
import os
import unittest

import numpy as np

import lossd
import lossd.runs
from lossd_server import shared
from run_recomputation import Recomputation, presented

SHUTTLE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "client", "demo", "data", "shuttle.csv.gz")
TEST_ROWS = 14500
OUTPUTS = {"probabilities": True, "margin": True, "gradient": True}
NO_LABEL = -100


def shuttle():
    """Returns the standardized features and the labels of the demo's training rows."""
    with gzip.open(SHUTTLE, "rt") as file:
        rows = [line.rstrip("\n").split(",") for line in file][1:-TEST_ROWS]
    features = np.array([row[:-1] for row in rows], float)
    _, labels = np.unique([row[-1] for row in rows], return_inverse=True)
    return (features - features.mean(0)) / features.std(0), labels


def draw_batch(random, sigmoid, rows, classes, ids):
    """Returns logits, labels, ids and weights of a batch with ids twice, samples that are ignored and logits that are
    not finite."""
    shape = (rows, classes) if sigmoid else (rows,)
    labels = random.integers(2 if sigmoid else classes, size=shape)
    logits = 2 * random.standard_normal((rows, classes))
    if not sigmoid:
        logits[np.arange(rows), labels] += random.integers(4)
    logits[0] = 1 - sigmoid  # ties, or a sigmoid's 0
    logits[1] = np.nan
    logits[2, 0], logits[3] = -np.inf, random.choice([np.inf, -np.inf, 800])
    labels[random.random(shape) < 0.1] = NO_LABEL
    weights = random.choice([0.0, 0.5, 1.0, 4.0], size=shape, p=[0.1, 0.3, 0.3, 0.3])
    return logits, labels, random.integers(-3, ids, size=shape), weights


class RunStatisticsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)

    def random_run(self, run, seed, *, sigmoid=False, batches=40, classes=5, ids=200, threshold=None, steps=None):
        random, recomputed = np.random.default_rng(seed), Recomputation(threshold or 0.5)
        outputs = {**OUTPUTS, "hard_threshold": threshold}
        for number in range(batches):
            logits, labels, sample_ids, weights = draw_batch(random, sigmoid, 50, classes, ids)
            told = {"learning_rate": 0.1 / (1 + number) if number % 3 else None,
                    "step": None if steps is None else int(random.integers(steps)),
                    "epoch": number // 4 if number % 2 else None}
            given = {"labels": labels, "sample_weights": weights, "outputs": outputs, "run": run,
                     "sample_ids": sample_ids, "request_id": f"{seed}/{number}", **told,
                     "loss": {"activation": "sigmoid" if sigmoid else "softmax", "focal": {"gamma": 1.5},
                              "ignore_index": NO_LABEL}}
            result = self.client.compute(logits, **given)
            if number % 5 == 0:
                self.client.compute(logits, **given)  # its answer was lost
            batch = presented(logits, labels, sample_ids, result, weights=weights, ignored=NO_LABEL)
            recomputed.add(batch, **told)
        recomputed.check(run, self.client, self)
        return recomputed

    def test_random_runs_of_softmax(self):
        for seed in range(4):
            recomputed = self.random_run(f"softmax/{seed}", seed)
            self.assertGreater(recomputed.non_finite, 0)

    def test_random_runs_of_a_sigmoid(self):
        for seed in range(4, 8):
            self.random_run(f"sigmoid/{seed}", seed, sigmoid=True, ids=600)

    def test_another_threshold_many_classes_and_steps_that_jump(self):
        self.random_run("threshold", 8, threshold=0.2)
        self.random_run("classes", 9, classes=150, batches=60)
        self.random_run("steps", 10, batches=700, steps=10**6)

    def test_places_with_the_classes_before_them(self):
        random, recomputed = np.random.default_rng(11), Recomputation()
        for _ in range(10):
            logits, labels = random.standard_normal((6, 4, 3, 2)), random.integers(4, size=(6, 3, 2))
            ids = random.permutation(100)[:36].reshape(6, 3, 2)
            result = self.client.compute(logits, labels, class_axis=1, outputs=OUTPUTS, run="places", sample_ids=ids)
            recomputed.add(presented(logits, labels, ids, result, axis=1))
        recomputed.check("places", self.client, self)

    def test_a_batch_that_travels_in_parts(self):
        random, recomputed = np.random.default_rng(12), Recomputation()
        with lossd.Client(shared(), max_message_bytes=20000) as small:
            for number in range(6):
                logits, labels, ids, weights = draw_batch(random, False, 900, 5, 700)
                result = small.compute(logits, labels, sample_weights=weights, loss={"ignore_index": NO_LABEL},
                                       outputs=OUTPUTS, run="parts", sample_ids=ids, step=number, epoch=number)
                self.assertGreater(len(result.messages), 5)
                batch = presented(logits, labels, ids, result, weights=weights, ignored=NO_LABEL)
                recomputed.add(batch, step=number, epoch=number)
        recomputed.check("parts", self.client, self)

    def test_a_stream(self):
        random, recomputed, sent = np.random.default_rng(13), Recomputation(), []
        for _ in range(30):
            logits, labels, ids, _ = draw_batch(random, False, 50, 5, 80)
            sent.append({"logits": logits, "labels": labels, "sample_ids": ids})
        results = self.client.compute_stream(sent, run="stream", outputs=OUTPUTS, loss={"ignore_index": NO_LABEL})
        for batch, result in zip(sent, results):
            recomputed.add(presented(batch["logits"], batch["labels"], batch["sample_ids"], result, ignored=NO_LABEL))
        recomputed.check("stream", self.client, self)

    def test_fifty_epochs_of_the_demo_s_data(self):
        features, labels = shuttle()
        random, recomputed = np.random.default_rng(14), Recomputation()
        weights, rows = np.zeros((features.shape[1], 7)), len(labels)
        for epoch in range(50):
            order = random.permutation(rows)
            for ids in np.array_split(order, 5):
                logits = features[ids] @ weights
                result = self.client.compute(logits, labels[ids], outputs=OUTPUTS, run="shuttle", sample_ids=ids,
                                             epoch=epoch, learning_rate=2.0)
                recomputed.add(presented(logits, labels[ids], ids, result), epoch=epoch, learning_rate=2.0)
                weights -= 2.0 * features[ids].T @ result.gradient / len(ids)
        recomputed.check("shuttle", self.client, self)
        self.assertGreater(recomputed.samples()["turned_hard"].sum(), 1000)


if __name__ == "__main__":
    unittest.main()
