"""What the measurements of a comparison share: the builds to measure, and the samples of a run."""

import typing

from suite.comparison import ComparedRow, Run, Side, turns

ROUNDS = 12
_QUICK_ROUNDS = 2


class Key(typing.NamedTuple):
    """Names a row. `section` is one of those that --only takes."""

    section: str
    name: str


class Builds:
    """The programs of each side, and what one run measured with them."""

    def __init__(self, programs, quick):
        """programs: Side -> Programs."""
        self._programs = programs
        self.quick = quick
        self._samples = {}  # (Key, unit) -> Side -> list
        self.left_out = {}  # Key -> words

    def programs(self, side):
        return self._programs[side]

    def turns(self):
        """Returns the order of the sides in each round of a run."""
        return turns(_QUICK_ROUNDS if self.quick else ROUNDS)

    def add(self, key, side, sample, unit="s"):
        samples = self._samples.setdefault((key, unit), {side: [] for side in Side})
        samples[side].append(sample)

    def leave_out(self, key, reason):
        self.left_out[key] = reason

    def take_rows(self):
        """Returns the rows of the run that has ended, and begins another."""
        rows = []
        for (key, unit), samples in self._samples.items():
            if key not in self.left_out:
                run = Run(*(tuple(samples[side]) for side in (Side.OLD, Side.COPY, Side.NEW)))
                rows.append(ComparedRow(key.section, key.name, (run,), unit))
        self._samples = {}
        return rows
