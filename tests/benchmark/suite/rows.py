"""What the benchmark says: rows, each a ratio of two measured quantities and the bound on it."""

import dataclasses
import statistics

_RELATIONS = {
    ">=": lambda ratio, limit: ratio >= limit,
    "<=": lambda ratio, limit: ratio <= limit,
    "<": lambda ratio, limit: ratio < limit,
}


@dataclasses.dataclass(frozen=True)
class Bound:
    """What the ratio must be: one of >=, <=, < and a number."""

    relation: str
    limit: float

    def __post_init__(self):
        if self.relation not in _RELATIONS:
            raise ValueError(f"relation is {self.relation!r}, expected one of {list(_RELATIONS)}")

    def holds(self, ratio):
        return _RELATIONS[self.relation](ratio, self.limit)


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A measured number. `unit` is s, B, B/s, 1/s, or any word that is printed after the number."""

    value: float
    unit: str = "s"
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table. Without a ratio it was not measured, and `note` says why."""

    section: str
    name: str
    ratio: float | None = None
    bound: Bound | None = None
    ours: Quantity | None = None
    baseline: Quantity | None = None
    note: str = ""
    peak: Quantity | None = None  # memory at the most while it runs, beside what it reads and writes

    @property
    def verdict(self):
        if self.ratio is None:
            return "not measured"
        if self.bound is None:
            return ""
        return "met" if self.bound.holds(self.ratio) else "NOT MET"

    def to_json(self):
        return {**dataclasses.asdict(self), "verdict": self.verdict}


def times_faster(section, name, ours, baseline, bound=None, note="", peak=None):
    """Baseline over ours: for times that should be short."""
    return Row(section, name, baseline.value / ours.value, bound, ours, baseline, note, peak)


def fraction_of(section, name, ours, baseline, bound=None, note="", peak=None):
    """Ours over the baseline: for times near a limit, and for rates."""
    return Row(section, name, ours.value / baseline.value, bound, ours, baseline, note, peak)


def median(samples, unit="s", label=""):
    """The median of at least one sample."""
    return Quantity(statistics.median(samples), unit, label)


def percentile(samples, percent):
    """The smallest sample that at least `percent` % of all are not above."""
    ordered = sorted(samples)
    rank = -(-len(ordered) * percent // 100)  # rounded up
    return ordered[max(int(rank), 1) - 1]


def interleave(rounds, measures):
    """The samples of each measure, which are taken in turn: A B A B.

    measures: name -> a function that returns a list of samples.
    """
    samples = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            samples[name] += measure()
    return samples
