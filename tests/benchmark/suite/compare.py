"""Measures an old commit beside this one: tests/benchmark/run --compare COMMIT."""

import contextlib
import os
import sys
import time

from suite import compared_calls, compared_kernels
from suite.baseline import Baseline
from suite.compared_builds import Builds, Key
from suite.comparison import Side, decide
from suite.programs import Programs

# Those of main.SECTIONS that have a row which says something of lossd's own speed or memory.
SECTIONS = ("kernels", "forms", *compared_calls.SECTIONS, "memory")

# In the order of time that they take, so that a mistake shows early.
_MEASUREMENTS = (compared_calls.measure, compared_kernels.measure, compared_calls.measure_memory)


def _measure_run(builds, sections, keys):
    """Returns the rows of one run. keys: those to measure, or None for all of `sections`."""

    def wanted(key):
        return key.section in sections and (keys is None or key in keys)

    start = time.monotonic()
    for measure in _MEASUREMENTS:
        measure(builds, wanted)
    rows = builds.take_rows()
    took = time.monotonic() - start
    slower = [f"{row.section}, {row.name}" for row in rows if row.times_slower]
    print(f"\nrun of {len(rows)} rows: {took:.0f} s; slower: {slower or 'none'}", file=sys.stderr)
    return rows


def compare(root, build, commit, sections, quick):
    """Returns the compared rows, what was left out (Key -> why), and the old commit's name.

    root: of the repository. build: this commit's build, finished.
    """
    with contextlib.ExitStack() as stack:
        path = os.path.join(build, "benchmark.log")
        log = stack.enter_context(open(path, "w", encoding="utf-8"))
        baseline = stack.enter_context(Baseline(root, build, commit))
        programs = {side: Programs(baseline.folder(side), log) for side in Side}
        builds = Builds(programs, quick)

        def measure(keys):
            named = keys and {Key(*key) for key in keys}
            return _measure_run(builds, sections, named)

        return decide(measure), builds.left_out, baseline.description
