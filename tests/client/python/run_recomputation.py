"""What a run says, recomputed from what was presented: all presentations are kept, and looked at at once."""

import numpy as np

import lossd.runs

CLASSES_SHOWN = 64


def presented(logits, labels, ids, result, *, weights=None, ignored=None, axis=-1):
    """Returns the presentations of a batch as arrays, in the server's order: from the answer's probabilities, margins,
    losses and gradient, which reduction "none" must have left to the samples. `ignored` is the label that ignores."""
    sigmoid = np.shape(ids) == np.shape(logits)
    labels, ids = np.asarray(labels), np.asarray(ids)
    s = np.broadcast_to(1.0 if weights is None else weights, ids.shape)
    counts = (s != 0) & (labels != ignored if ignored is not None else True)
    if sigmoid:
        p = np.where(labels == 1, result.probabilities, 1 - result.probabilities)
        correct = (logits > 0) == (labels == 1)
        gradient = np.abs(result.gradient)
        classes = np.broadcast_to(np.arange(logits.shape[-1]), ids.shape) if logits.ndim > 1 else labels
    else:
        z, probabilities = np.moveaxis(logits, axis, -1), np.moveaxis(result.probabilities, axis, -1)
        label = np.where(counts, labels, 0)
        p = np.take_along_axis(probabilities, label[..., None], -1)[..., 0]
        correct = np.argmax(z, -1) == label
        gradient = np.abs(result.gradient).sum(axis)
        classes = labels
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {"id": ids, "label": labels, "class_id": classes, "p": p, "loss": result.losses / s,
                   "margin": result.margin, "gradient": gradient / s, "correct": correct}
    return {name: values[counts] for name, values in columns.items()}


class Recomputation:
    """A run. `step` None is the number of batches before, `epoch` None the sample's presentations."""

    def __init__(self, threshold=0.5):
        self._threshold = threshold
        self._batches = []
        self.non_finite = 0
        self.rates = {}

    def add(self, batch, *, step=None, epoch=None, learning_rate=None):
        """Adds the presentations of a batch."""
        step = len(self._batches) if step is None else step
        finite = np.isfinite(batch["p"]) & np.isfinite(batch["loss"]) & np.isfinite(batch["margin"])
        self.non_finite += int((~finite).sum())
        kept = {name: values[finite] for name, values in batch.items()}
        kept["step"] = np.full(finite.sum(), step)
        kept["epoch"] = np.full(finite.sum(), -1 if epoch is None else epoch)
        self._batches.append(kept)
        self.rates.setdefault(step, None)
        if learning_rate is not None:
            self.rates[step] = learning_rate

    def _sorted(self):
        """Returns all presentations sample by sample, each sample's in order, and where each sample's begin."""
        all_ = {name: np.concatenate([batch[name] for batch in self._batches]) for name in self._batches[0]}
        order = np.argsort(all_["id"], kind="stable")
        one = {name: values[order] for name, values in all_.items()}
        first = np.flatnonzero(np.r_[True, one["id"][1:] != one["id"][:-1]])
        again = np.ones(len(order), bool)
        again[first] = False
        number = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)])) + 1
        easy = one["p"] >= self._threshold
        before = np.r_[False, easy[:-1]], np.r_[False, one["correct"][:-1]]
        one["number"] = number
        one["easy"] = easy
        one["turned_easy"] = again & easy & ~before[0]
        one["turned_hard"] = again & ~easy & before[0]
        one["forgotten"] = again & ~one["correct"] & before[1]
        one["epoch"] = np.where(one["epoch"] < 0, number, one["epoch"])
        return one, first

    def samples(self):
        """Returns the columns that lossd.runs.columns has, by id."""
        one, first = self._sorted()
        total = lambda values: np.add.reduceat(values.astype(float), first)  # noqa: E731
        count = np.diff(np.r_[first, len(one["id"])])
        last = first + count - 1
        mean = total(one["p"]) / count
        learned = np.where(one["correct"], one["number"], np.iinfo(np.int64).max)
        learned = np.minimum.reduceat(learned, first)
        whole = {name: total(one[name]).astype(np.int64) for name in ("turned_easy", "turned_hard", "forgotten")}
        return {
            "id": one["id"][first], "label": one["label"][last], "presentations": count,
            "mean_true_probability": mean,
            "true_probability_deviation": np.sqrt(total((one["p"] - np.repeat(mean, count)) ** 2) / count),
            "mean_loss": total(one["loss"]) / count, "mean_margin": total(one["margin"]) / count,
            "correctness": total(one["correct"]) / count, "forgetting_events": whole["forgotten"],
            "learned_at": np.where(learned < np.iinfo(np.int64).max, learned, 0),
            "turned_easy": whole["turned_easy"], "turned_hard": whole["turned_hard"],
            "last_true_probability": one["p"][last], "last_step": one["step"][last], "class_id": one["class_id"][last],
        }  # fmt: skip

    def points(self, most):
        """Returns the curve's points as dicts."""
        one, _ = self._sorted()
        steps, shift = np.array(sorted(self.rates)), 0
        while len(np.unique(steps >> shift)) > most:
            shift += 1
        made = []
        for place in np.unique(steps >> shift):
            of = one["step"] >> shift == place
            here = {name: values[of] for name, values in one.items()}
            inside = steps[steps >> shift == place]
            named = [self.rates[step] for step in inside if self.rates[step] is not None]
            point = {
                "first_step": inside.min(), "last_step": inside.max(), "epoch": here["epoch"].max(initial=0),
                "presentations": of.sum(), "mean_loss": here["loss"].mean() if of.any() else 0.0,
                "hard_count": (~here["easy"]).sum(), "turned_easy": here["turned_easy"].sum(),
                "turned_hard": here["turned_hard"].sum(), "forgotten": here["forgotten"].sum(),
                "learning_rate": named[-1] if named else None,
            }  # fmt: skip
            point.update(_by_class(here))
            made.append(point)
        return made

    def check(self, run, client, test, tolerance=1e-12):
        """Fails the unittest `test` where the server says anything else of the run."""
        expected, found = self.samples(), lossd.runs.columns(run, client=client)
        order = np.argsort(found["id"], kind="stable")
        for name, values in expected.items():
            np.testing.assert_allclose(found[name][order], values, rtol=tolerance, atol=tolerance, err_msg=name)
        shown = lossd.runs.show(run, client=client)
        never = expected["learned_at"] == 0
        test.assertEqual((shown.sample_count, shown.presentation_count, shown.non_finite_count),
                         (len(expected["id"]), expected["presentations"].sum(), self.non_finite))
        test.assertEqual(shown.never_learned_count, never.sum())
        np.testing.assert_array_equal(
            shown.forgetting_histogram,
            np.bincount(np.minimum(expected["forgetting_events"][~never], 10), minlength=11))
        row = np.minimum(expected["mean_true_probability"] * 20, 19).astype(int)
        column = np.minimum(expected["true_probability_deviation"] * 40, 19).astype(int)
        np.testing.assert_array_equal(shown.map, np.bincount(row * 20 + column, minlength=400).reshape(20, 20))
        for most in (512, 7):
            points = lossd.runs.show(run, max_points=most, client=client).points
            expected_points = self.points(most)
            test.assertEqual(len(points), len(expected_points))
            for point, wanted in zip(points, expected_points):
                for name, value in wanted.items():
                    if value is None:
                        test.assertIsNone(getattr(point, name))
                    else:
                        np.testing.assert_allclose(getattr(point, name), value, rtol=tolerance, atol=tolerance,
                                                   err_msg=f"{name} of the point at step {wanted['first_step']}")


def _by_class(here):
    ids = np.unique(here["class_id"])
    of = here["class_id"]
    if len(ids) > CLASSES_SHOWN:
        of = np.where(of >= ids[CLASSES_SHOWN - 1], -1, of)
        ids = np.r_[ids[: CLASSES_SHOWN - 1], -1]
    total = lambda values: np.array([values[of == k].sum() for k in ids])  # noqa: E731
    share = lambda values: total(values) / values.sum() if values.sum() else np.zeros(len(ids))  # noqa: E731
    return {"class_ids": ids, "class_loss_share": share(here["loss"]), "class_gradient_share": share(here["gradient"]),
            "class_hard_count": total(~here["easy"])}
