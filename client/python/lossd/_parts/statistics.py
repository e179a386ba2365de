"""Statistics of a batch's parts, added up to those of the batch.

Counts are exact. Sums, shares and means come from the parts' shares and means, which rounds them once more for each
part.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

import numpy

from lossd.results import ClassStatistics, Difficulty


@dataclasses.dataclass(frozen=True)
class Totals:
    """What a part's shares and means refer to: Σ s·ℓ, Σ |∂ℓ/∂z| in a unit that all parts share, valid samples."""

    loss_sum: float
    gradient: float
    valid_count: int


def _share(part: Any, total: float) -> Any:
    """Returns the share of a part, 0 where the total is 0."""
    return part / total if total else numpy.zeros_like(part)


def _part(share: Any, total: float) -> Any:
    """Returns the part that has this share: 0 of a share of 0, also where the total is not finite."""
    with numpy.errstate(invalid="ignore"):
        return numpy.where(share == 0, 0.0, share * total)


class ClassStatisticsMerger:
    """Adds up the statistics of every class."""

    def __init__(self) -> None:
        self._sum: Optional[ClassStatistics] = None
        self._gradient: Any = 0.0
        self._true_probability: Any = 0.0

    def add(self, part: ClassStatistics, totals: Totals) -> None:
        """Adds a part, whose columns have every class."""
        self._gradient = self._gradient + _part(part.gradient_share, totals.gradient)
        self._true_probability = self._true_probability + part.mean_true_probability * part.count
        if self._sum is None:
            self._sum = part
            return
        for name in ("count", "correct_count", "predicted_count", "loss_sum"):
            setattr(self._sum, name, getattr(self._sum, name) + getattr(part, name))

    def merged(self) -> Optional[ClassStatistics]:
        """Returns the statistics of every class; None without a part."""
        if self._sum is None:
            return None
        done = self._sum
        done.frequency = _share(done.count.astype(numpy.float64), float(done.count.sum()))
        done.loss_share = _share(done.loss_sum, float(done.loss_sum.sum()))
        done.gradient_share = _share(self._gradient, float(self._gradient.sum()))
        done.mean_true_probability = self._true_probability / numpy.maximum(done.count, 1)
        done.empty_classes = numpy.flatnonzero(done.count == 0)
        return done


def present_classes_only(statistics: ClassStatistics) -> ClassStatistics:
    """Returns the entries of the classes that have samples, with their `class_ids`."""
    present = numpy.flatnonzero(statistics.count)
    kept = {field.name: getattr(statistics, field.name)[present] for field in dataclasses.fields(statistics)
            if field.name not in ("empty_classes", "class_ids")}  # fmt: skip
    return ClassStatistics(**kept, empty_classes=present[:0], class_ids=present)


class DifficultyMerger:
    """Adds up histograms of difficulty."""

    def __init__(self) -> None:
        self._sum: Optional[Difficulty] = None
        self._loss: Any = 0.0
        self._gradient: Any = 0.0
        self._hard_loss: Any = 0.0
        self._hard_gradient: Any = 0.0
        self._true_probability = 0.0
        self._totals = Totals(0.0, 0.0, 0)

    def add(self, part: Difficulty, totals: Totals) -> None:
        """Adds a part."""
        self._loss = self._loss + _part(part.loss_share, totals.loss_sum)
        self._gradient = self._gradient + _part(part.gradient_share, totals.gradient)
        self._hard_loss = self._hard_loss + _part(numpy.float64(part.hard_loss_share), totals.loss_sum)
        self._hard_gradient = self._hard_gradient + _part(numpy.float64(part.hard_gradient_share), totals.gradient)
        self._true_probability += part.mean_true_probability * totals.valid_count
        self._totals = Totals(self._totals.loss_sum + totals.loss_sum, self._totals.gradient + totals.gradient,
                              self._totals.valid_count + totals.valid_count)  # fmt: skip
        if self._sum is None:
            self._sum = part
        else:
            self._sum.count = self._sum.count + part.count
            self._sum.hard_count += part.hard_count

    def merged(self) -> Optional[Difficulty]:
        """Returns the whole histogram; None without a part."""
        if self._sum is None:
            return None
        done, totals = self._sum, self._totals
        done.loss_share = _share(self._loss, totals.loss_sum)
        done.gradient_share = _share(self._gradient, totals.gradient)
        done.hard_loss_share = float(_share(self._hard_loss, totals.loss_sum))
        done.hard_gradient_share = float(_share(self._hard_gradient, totals.gradient))
        done.mean_true_probability = float(_share(self._true_probability, float(totals.valid_count)))
        return done
