"""Decides which rows a build is slower in than an old one.

In a run, each row is measured in rounds, and in each round for the old build, for a second copy of
the old build, and for the new build. A round so gives two ratios: that of the copy over the old build,
which is 1 but for what the machine does, and that of the new build over the old one.
"""

import dataclasses
import enum
import itertools
import statistics

from suite.rows import percentile

LIMIT = 1.03  # A median ratio up to this is no difference.
RUNS = 3  # A row is slower only when it was slower in as many runs.

_LOW, _HIGH = 10, 90  # The spread leaves out the tenth of the ratios at either end.


class Side(enum.Enum):
    """The builds that are measured. The values name folders, as long as each other."""

    OLD = "old"
    COPY = "two"  # the same build as OLD, from files and processes of its own
    NEW = "new"


class Verdict(enum.Enum):
    """The values are words for the table."""

    SLOWER = "SLOWER"
    NOT_SLOWER = "not slower"
    UNDECIDED = "measured too few times"


def turns(rounds):
    """Returns the order of the sides in each of `rounds` rounds: every order as often as others."""
    return list(itertools.islice(itertools.cycle(itertools.permutations(Side)), rounds))


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a row: the samples of each side, in the order of rounds."""

    old: tuple
    copy: tuple
    new: tuple

    def __post_init__(self):
        if not len(self.old) == len(self.copy) == len(self.new) > 0:
            counts = (len(self.old), len(self.copy), len(self.new))
            raise ValueError(f"samples = {counts}, expected as many of each side, and at least 1")

    @property
    def copy_ratios(self):
        return [copy / old for old, copy in zip(self.old, self.copy)]

    @property
    def copy_ratio(self):
        """Returns the median of what the old build took over what it took itself."""
        return statistics.median(self.copy_ratios)

    @property
    def spread(self):
        """Returns the least and the largest ratio that the old build has to itself.

        Of ten rounds the ones with the smallest and with the largest ratio are left out, for a
        machine hiccups now and then.
        """
        ratios = self.copy_ratios
        # From the other end, so that both ends lose as many.
        low = -percentile([-ratio for ratio in ratios], 100 - _LOW)
        return low, percentile(ratios, _HIGH)

    @property
    def ratio(self):
        """Returns the median of what the new build took over what the old one took."""
        return statistics.median([new / old for old, new in zip(self.old, self.new)])

    @property
    def slower(self):
        return self.ratio > LIMIT and self.ratio > self.spread[1]


@dataclasses.dataclass(frozen=True)
class ComparedRow:
    """A row of both builds and its runs, at least one."""

    section: str
    name: str
    runs: tuple
    unit: str = "s"

    @property
    def times_slower(self):
        return sum(run.slower for run in self.runs)

    @property
    def verdict(self):
        """Returns NOT_SLOWER after one run in which it was not slower, SLOWER after RUNS in which it was."""
        if self.times_slower < len(self.runs):
            return Verdict.NOT_SLOWER
        return Verdict.SLOWER if len(self.runs) >= RUNS else Verdict.UNDECIDED

    def with_run(self, run):
        return dataclasses.replace(self, runs=(*self.runs, run))


def decide(measure):
    """Measures until each row has a verdict, at most RUNS times, and returns the rows.

    measure: a function that is given None, or the (section, name) of each row to measure, and
        returns a list of rows of one run. It may leave rows out, which then get no verdict.
    """
    rows = {(row.section, row.name): row for row in measure(None)}
    for _ in range(RUNS - 1):
        undecided = {key for key, row in rows.items() if row.verdict is Verdict.UNDECIDED}
        if not undecided:
            break
        for row in measure(undecided):
            key = (row.section, row.name)
            rows[key] = rows[key].with_run(row.runs[0])
    return list(rows.values())


def any_slower(rows):
    return any(row.verdict is Verdict.SLOWER for row in rows)
