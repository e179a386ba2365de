"""Tests how a comparison decides, what it measures of the kernels, and its tables."""

import json
import unittest

from suite import comparison_table, compared_kernels
from suite.compared_builds import Builds, Key
from suite.comparison import (
    LIMIT,
    RUNS,
    ComparedRow,
    Run,
    Side,
    Verdict,
    any_slower,
    decide,
    turns,
)

_ROUNDS = 12


def _run(ratio, copy_ratios=(1.0,) * _ROUNDS):
    """Returns a run in which the old build always took 2 s and the new one `ratio` times that."""
    count = len(copy_ratios)
    copies = tuple(2.0 * copy_ratio for copy_ratio in copy_ratios)
    return Run((2.0,) * count, copies, (2.0 * ratio,) * count)


def _row(*ratios, name="n"):
    return ComparedRow("s", name, tuple(map(_run, ratios)))


class TurnsTest(unittest.TestCase):
    def test_every_order_comes_as_often_as_others(self):
        orders = turns(12)
        self.assertEqual(len(set(orders)), 6)
        for order in orders:
            self.assertEqual(set(order), set(Side))
            self.assertEqual(orders.count(order), 2)


class RunTest(unittest.TestCase):
    def test_ratios_are_medians_of_those_of_each_round(self):
        run = Run((1.0, 2.0, 4.0), (1.0, 3.0, 8.0), (3.0, 1.0, 2.0))
        self.assertEqual(run.copy_ratio, 1.5)
        # 3, 0.5, 0.5. The ratio of the medians would be 1.
        self.assertEqual(run.ratio, 0.5)

    def test_spread_leaves_out_a_tenth_at_either_end(self):
        hiccup = _run(1.0, (0.5, 0.98, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.02, 3.0))
        self.assertEqual(hiccup.spread, (0.98, 1.02))
        wide = _run(1.0, (0.5, 0.6, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.3, 1.4))
        self.assertEqual(wide.spread, (0.6, 1.3))

    def test_spread_of_few_rounds_is_all_of_them(self):
        self.assertEqual(_run(1.0, (1.5, 0.75)).spread, (0.75, 1.5))

    def test_the_limit_itself_is_not_slower(self):
        self.assertFalse(_run(LIMIT).slower)
        self.assertTrue(_run(LIMIT + 0.001).slower)

    def test_inside_the_old_builds_spread_is_not_slower(self):
        noisy = (0.9, 0.95, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0625, 1.125)
        self.assertFalse(_run(1.0625, noisy).slower)
        self.assertTrue(_run(1.07, noisy).slower)

    def test_one_slow_round_is_not_slower(self):
        samples = (2.0,) * _ROUNDS
        self.assertFalse(Run(samples, samples, (9.0, *samples[1:])).slower)

    def test_a_faster_build_is_not_slower_outside_the_spread(self):
        self.assertFalse(_run(0.5).slower)

    def test_rounds_that_a_side_lacks_are_refused(self):
        with self.assertRaisesRegex(ValueError, r"\(2, 2, 1\)"):
            Run((1.0, 1.0), (1.0, 1.0), (1.0,))
        with self.assertRaisesRegex(ValueError, "at least 1"):
            Run((), (), ())


class VerdictTest(unittest.TestCase):
    def test_slower_takes_three_runs(self):
        self.assertEqual(RUNS, 3)
        self.assertIs(_row(1.1).verdict, Verdict.UNDECIDED)
        self.assertIs(_row(1.1, 1.1).verdict, Verdict.UNDECIDED)
        self.assertIs(_row(1.1, 1.1, 1.1).verdict, Verdict.SLOWER)

    def test_one_run_that_is_not_slower_decides(self):
        for ratios in ((1.0,), (1.1, 1.0), (1.1, 1.1, 1.0), (1.0, 1.1, 1.1)):
            self.assertIs(_row(*ratios).verdict, Verdict.NOT_SLOWER)

    def test_any_slower_needs_a_slower_row(self):
        self.assertFalse(any_slower([_row(1.0), _row(1.1, 1.1)]))
        self.assertTrue(any_slower([_row(1.0), _row(1.1, 1.1, 1.1)]))


class DecideTest(unittest.TestCase):
    def _decide(self, ratios):
        """ratios: name -> the ratio that each run finds. Returns verdicts, and the names asked for."""
        asked = []

        def measure(keys):
            names = sorted(ratios) if keys is None else sorted(name for _, name in keys)
            number = len(asked)
            asked.append(names)
            return [_row(ratios[name][number], name=name) for name in names]

        rows = decide(measure)
        return {row.name: (row.verdict, len(row.runs)) for row in rows}, asked

    def test_only_rows_that_were_slower_are_measured_again(self):
        verdicts, asked = self._decide(
            {"never": [1.0], "once": [1.2, 1.0], "twice": [1.2, 1.2, 1.0], "always": [1.2] * 3}
        )
        self.assertEqual(
            asked, [["always", "never", "once", "twice"], ["always", "once", "twice"],
                    ["always", "twice"]]
        )
        self.assertEqual(
            verdicts,
            {
                "never": (Verdict.NOT_SLOWER, 1),
                "once": (Verdict.NOT_SLOWER, 2),
                "twice": (Verdict.NOT_SLOWER, 3),
                "always": (Verdict.SLOWER, 3),
            },
        )

    def test_one_run_is_enough_when_nothing_was_slower(self):
        self.assertEqual(self._decide({"a": [1.0], "b": [1.0]})[1], [["a", "b"]])

    def test_a_row_that_was_not_measured_again_is_not_called_slower(self):
        rows = decide(lambda keys: [_row(1.2)] if keys is None else [])
        self.assertIs(rows[0].verdict, Verdict.UNDECIDED)


class _FakePrograms:
    """Stands in for a build whose kernels take as long as `seconds` says."""

    def __init__(self, seconds):
        self._seconds = seconds

    def kernel_names(self):
        return list(self._seconds)

    def kernels(self, names, repetitions, min_time):
        def run(name):
            seconds = self._seconds[name]
            return {"run_type": "iteration", "name": name, "time_unit": "s",
                    "cpu_time": seconds, "real_time": 100 * seconds}

        return {"benchmarks": [run(name) for name in self._seconds if name in names.split("|")]}


class KernelsTest(unittest.TestCase):
    def test_keys_say_which_part_a_kernel_is_of(self):
        for name, section in (
            ("softmax/focal/8192x1000/threads:1", "kernels"),
            ("softmax/poly1/8192x1000/threads:1", "forms"),
            ("sigmoid/focal/8192x1000/threads:1", "forms"),
            ("sigmoid/focal/targets/65536x80/threads:1", "kernels"),
            ("softmax/cross_entropy/2048x32000/threads:2", "kernels"),
        ):
            self.assertEqual(compared_kernels.key(name), Key(section, name))
        for name in ("memcpy/8192x1000", "softmax/focal/8192x1000/threads:2"):
            self.assertIsNone(compared_kernels.key(name))

    def test_rows_are_matched_by_name_and_others_listed(self):
        shared, gone, added = (f"softmax/{n}/8192x1000/threads:1" for n in ("a", "b", "c"))
        old = _FakePrograms({shared: 2.0, gone: 1.0})
        new = _FakePrograms({added: 7.0, shared: 3.0})
        builds = Builds({Side.OLD: old, Side.COPY: old, Side.NEW: new}, quick=True)
        compared_kernels.measure(builds, lambda key: True)
        rows = builds.take_rows()
        self.assertEqual([(row.section, row.name) for row in rows], [("forms", shared)])
        self.assertEqual((rows[0].runs[0].ratio, rows[0].runs[0].copy_ratio), (1.5, 1.0))
        self.assertEqual(
            builds.left_out,
            {
                Key("forms", gone): "only the old build has it",
                Key("forms", added): "only the new build has it",
            },
        )

    def test_two_threads_are_measured_by_the_clock_on_the_wall(self):
        one, two = (f"softmax/cross_entropy/2048x32000/threads:{count}" for count in (1, 2))
        programs = dict.fromkeys(Side, _FakePrograms({one: 2.0, two: 1.0}))
        builds = Builds(programs, quick=False)
        compared_kernels.measure(builds, lambda key: True)
        olds = {row.name: row.runs[0].old[0] for row in builds.take_rows()}
        self.assertEqual(olds, {one: 2.0, two: 100.0})


class TableTest(unittest.TestCase):
    ROWS = [
        ComparedRow("small", "p50", (_run(1.0),)),
        ComparedRow("memory", "peak", (_run(1.25), _run(1.1), _run(1.05)), "MiB"),
    ]
    LEFT_OUT = {Key("forms", "a|b"): "only the new build has it"}

    def test_text_has_a_line_for_each_run_and_the_verdict_on_the_last(self):
        self.assertEqual(
            comparison_table.text(self.ROWS, self.LEFT_OUT),
            """\
== the old build against a second copy of itself
what  run  old       old again  ratio  spread
-- small
p50   1    2.00 s    2.00 s     1.000  1.000 to 1.000
-- memory
peak  1    2.00 MiB  2.00 MiB   1.000  1.000 to 1.000
peak  2    2.00 MiB  2.00 MiB   1.000  1.000 to 1.000
peak  3    2.00 MiB  2.00 MiB   1.000  1.000 to 1.000

== the old build against the new one
what  run  old       new       ratio  of itself up to  verdict
-- small
p50   1    2.00 s    2.00 s    1.000  1.000            not slower
-- memory
peak  1    2.00 MiB  2.50 MiB  1.250  1.000
peak  2    2.00 MiB  2.20 MiB  1.100  1.000
peak  3    2.00 MiB  2.10 MiB  1.050  1.000            SLOWER

not compared: forms, a|b: only the new build has it""",
        )

    def test_markdown_names_the_section_before_each_row(self):
        lines = comparison_table.markdown(self.ROWS[:1], {}).split("\n")
        self.assertEqual(
            lines[0], "| the old build against a second copy of itself | run | old | old again | "
            "ratio | spread |"
        )
        self.assertEqual(lines[1], "|---|---|---|---|---|---|")
        self.assertEqual(
            lines[2], "| small: p50 | 1 | 2.00 s | 2.00 s | 1.000 | 1.000 to 1.000 |"
        )
        self.assertEqual(lines[3], "")
        self.assertEqual(
            lines[6], "| small: p50 | 1 | 2.00 s | 2.00 s | 1.000 | 1.000 | not slower |"
        )
        self.assertEqual(len(lines), 7)

    def test_json_keeps_every_sample(self):
        document = comparison_table.to_json(self.ROWS, self.LEFT_OUT)
        document = json.loads(json.dumps(document))
        peak = document["rows"][1]
        self.assertEqual((peak["section"], peak["unit"], peak["verdict"]), ("memory", "MiB", "SLOWER"))
        self.assertEqual(peak["runs"][0]["new"], [2.5] * _ROUNDS)
        self.assertEqual(peak["runs"][0]["spread"], [1.0, 1.0])
        self.assertEqual(
            document["left_out"],
            [{"section": "forms", "name": "a|b", "reason": "only the new build has it"}],
        )

    def test_summary_counts_verdicts(self):
        self.assertEqual(
            comparison_table.summary(self.ROWS, self.LEFT_OUT),
            "2 rows: 1 slower, 1 not slower, 0 measured too few times; 1 more not compared",
        )


if __name__ == "__main__":
    unittest.main()
