"""Tests what stands between measurements and the table; needs Python alone.

    cd tests/benchmark && python3 -m unittest suite.report_test
"""

import json
import os
import tempfile
import unittest

from suite import page, table
from suite.kernel_report import peaks_by_name, seconds_by_name
from suite.rows import (
    Bound,
    Quantity,
    Row,
    fraction_of,
    interleave,
    median,
    percentile,
    times_faster,
)


class BoundTest(unittest.TestCase):
    def test_limit_itself_holds_unless_strict(self):
        self.assertTrue(Bound(">=", 4).holds(4))
        self.assertFalse(Bound(">=", 4).holds(3.999))
        self.assertTrue(Bound("<=", 1.5).holds(1.5))
        self.assertFalse(Bound("<=", 1.5).holds(1.501))
        self.assertFalse(Bound("<", 1).holds(1))

    def test_other_relations_are_refused(self):
        with self.assertRaisesRegex(ValueError, "=="):
            Bound("==", 1)


class RowTest(unittest.TestCase):
    def test_times_faster_divides_the_baseline_by_ours(self):
        row = times_faster("s", "n", Quantity(0.002), Quantity(0.01), Bound(">=", 4))
        self.assertEqual((row.ratio, row.verdict), (5, "met"))

    def test_fraction_of_divides_ours_by_the_baseline(self):
        row = fraction_of("s", "n", Quantity(0.002), Quantity(0.01), Bound(">=", 0.85))
        self.assertEqual((row.ratio, row.verdict), (0.2, "NOT MET"))

    def test_a_row_without_a_ratio_is_never_met(self):
        self.assertEqual(Row("s", "n", bound=Bound(">=", 0)).verdict, "not measured")

    def test_a_row_without_a_bound_has_no_verdict(self):
        self.assertEqual(Row("s", "n", ratio=1.0).verdict, "")

    def test_json_keeps_everything(self):
        row = fraction_of("s", "n", Quantity(3, "B", "a"), Quantity(4, "B"), Bound("<", 1), "why")
        expected = {
            "section": "s",
            "name": "n",
            "ratio": 0.75,
            "bound": {"relation": "<", "limit": 1},
            "ours": {"value": 3, "unit": "B", "label": "a"},
            "baseline": {"value": 4, "unit": "B", "label": ""},
            "note": "why",
            "peak": None,
            "verdict": "met",
        }
        self.assertEqual(json.loads(json.dumps(row.to_json())), expected)


class SamplesTest(unittest.TestCase):
    def test_median_is_the_middle_or_the_mean_of_the_two(self):
        self.assertEqual(median([9, 1, 2]).value, 2)
        self.assertEqual(median([9, 1, 2, 4]).value, 3)

    def test_percentile_is_a_sample(self):
        self.assertEqual(percentile(range(1, 11), 90), 9)
        self.assertEqual(percentile(range(1, 16), 90), 14)
        self.assertEqual(percentile([7], 90), 7)

    def test_interleave_takes_turns(self):
        order = []
        measures = {
            name: lambda name=name: order.append(name) or [len(order), -len(order)] for name in "AB"
        }
        samples = interleave(2, measures)
        self.assertEqual(order, ["A", "B", "A", "B"])
        self.assertEqual(samples, {"A": [1, -1, 3, -3], "B": [2, -2, 4, -4]})


class KernelReportTest(unittest.TestCase):
    @staticmethod
    def run_of(name, **values):
        return {
            "name": name,
            "run_name": name,
            "run_type": "iteration",
            "real_time": 3.0,
            "cpu_time": 2.0,
            "time_unit": "ms",
            **values,
        }

    def test_repetitions_are_collected_in_seconds(self):
        report = {
            "benchmarks": [
                self.run_of("a"),
                self.run_of("b", time_unit="us"),
                self.run_of("a", cpu_time=5.0),
                self.run_of("a_median", run_name="a", run_type="aggregate"),
            ]
        }
        self.assertEqual(seconds_by_name(report, "cpu_time"), {"a": [0.002, 0.005], "b": [2e-6]})
        self.assertEqual(seconds_by_name(report, "real_time"), {"a": [0.003, 0.003], "b": [3e-6]})

    def test_a_failed_benchmark_is_an_error(self):
        failed = self.run_of("a", error_occurred=True, error_message="Compute failed")
        with self.assertRaisesRegex(RuntimeError, "a: Compute failed"):
            seconds_by_name({"benchmarks": [failed]}, "cpu_time")


    def test_peaks_are_of_those_that_count_them(self):
        report = {"benchmarks": [self.run_of("a", peak=7.0), self.run_of("b")]}
        self.assertEqual(peaks_by_name(report), {"a": 7.0})


class TableTest(unittest.TestCase):
    def test_quantities_take_the_unit_that_fits(self):
        for quantity, expected in [
            (Quantity(12.3456e-6), "12.3 µs"),
            (Quantity(0.5e-6), "0.5 µs"),
            (Quantity(0.0123), "12.3 ms"),
            (Quantity(2.0), "2.00 s"),
            (Quantity(60 * 2**20, "B", "request"), "60.0 MiB (request)"),
            (Quantity(0, "B"), "0 KiB"),
            (Quantity(5123.4, "1/s"), "5123 1/s"),
        ]:
            self.assertEqual(table.quantity_text(quantity), expected)

    def test_text_has_sections_verdicts_and_notes(self):
        rows = [
            times_faster("first", "x", Quantity(1), Quantity(3), Bound(">=", 4), "the reason"),
            Row("second", "y", note="not permitted"),
        ]
        lines = [" ".join(line.split()) for line in table.text(rows).splitlines()]
        self.assertEqual(
            lines,
            [
                "what lossd baseline ratio bound verdict",
                "-- first",
                "x 1.00 s 3.00 s 3.00 >= 4 NOT MET",
                "the reason",
                "-- second",
                "y not measured",
                "not permitted",
            ],
        )

    def test_markdown_has_a_table_a_section(self):
        rows = [
            fraction_of("first", "a|b", Quantity(1), Quantity(2), Bound(">=", 1), "why"),
            fraction_of("second", "c", Quantity(1), Quantity(2)),
        ]
        self.assertEqual(
            table.markdown(rows).splitlines(),
            [
                "| first | lossd | baseline | ratio | bound | verdict |",
                "|---|---|---|---|---|---|",
                "| a\\|b (why) | 1.00 s | 2.00 s | 0.5 | >= 1 | **not met** |",
                "",
                "| second | lossd | baseline | ratio |",
                "|---|---|---|---|",
                "| c | 1.00 s | 2.00 s | 0.5 |",
            ],
        )

    def test_peaks_have_a_column_where_there_are_any(self):
        rows = [
            fraction_of("s", "a", Quantity(1), Quantity(2), peak=Quantity(3 * 2**20, "B")),
            fraction_of("s", "b", Quantity(1), Quantity(2)),
        ]
        self.assertEqual(
            table.markdown(rows).splitlines()[::2],
            [
                "| s | lossd | baseline | ratio | peak memory |",
                "| a | 1.00 s | 2.00 s | 0.5 | 3.00 MiB |",
            ],
        )
        self.assertTrue(table.text(rows).splitlines()[0].endswith("verdict  peak memory"))
        self.assertTrue(table.text(rows).splitlines()[2].endswith("3.00 MiB"))

    def test_summary_counts_bounds_alone(self):
        met = fraction_of("s", "a", Quantity(1), Quantity(2), Bound("<=", 1))
        missed = fraction_of("s", "a", Quantity(1), Quantity(2), Bound(">=", 1))
        free = fraction_of("s", "a", Quantity(1), Quantity(2))
        unknown = Row("s", "a", bound=Bound(">=", 1))
        self.assertEqual(
            table.summary([met, missed, missed, free, unknown]),
            "bounds: 1 met, 2 not met, 1 not measured",
        )


class PageTest(unittest.TestCase):
    def test_tables_take_the_place_of_those_between_the_marks(self):
        text = f"before\n{page.BEGIN}\nold\nolder\n{page.END}\nafter\n"
        self.assertEqual(
            page.replace_tables(text, "new\n\nnewer"),
            f"before\n{page.BEGIN}\nnew\n\nnewer\n{page.END}\nafter\n",
        )

    def test_a_page_without_its_marks_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "README.md")
            for text in ("no marks\n", f"{page.END}\n{page.BEGIN}\n", f"{page.BEGIN}\n"):
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                with self.assertRaises(ValueError):
                    page.write_tables(path, "new")
                with open(path, encoding="utf-8") as file:
                    self.assertEqual(file.read(), text)

    def test_a_new_file_holds_the_tables_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tables.md")
            page.write_tables(path, "| a |")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), f"{page.BEGIN}\n| a |\n{page.END}\n")

    def test_the_committed_page_has_its_marks(self):
        with open(page.PAGE, encoding="utf-8") as file:
            text = file.read()
        self.assertIn("\nnew\n", page.replace_tables(text, "new"))


if __name__ == "__main__":
    unittest.main()
