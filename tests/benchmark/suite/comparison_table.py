"""A comparison as text for people, as Markdown, and as JSON for machines."""

import dataclasses
import statistics

from suite.comparison import LIMIT, RUNS, Verdict
from suite.rows import Quantity
from suite.table import markdown_line, quantity_text

_COPY_TITLE = "the old build against a second copy of itself"
_NEW_TITLE = "the old build against the new one"
_COPY_HEADINGS = ["what", "run", "old", "old again", "ratio", "spread"]
_NEW_HEADINGS = ["what", "run", "old", "new", "ratio", "of itself up to", "verdict"]


def _median_text(samples, unit):
    return quantity_text(Quantity(statistics.median(samples), unit))


def _ratio_text(ratio):
    return f"{ratio:.3f}"


def _copy_cells(row, number, run):
    low, high = run.spread
    return [
        row.name,
        str(number),
        _median_text(run.old, row.unit),
        _median_text(run.copy, row.unit),
        _ratio_text(run.copy_ratio),
        f"{_ratio_text(low)} to {_ratio_text(high)}",
    ]


def _new_cells(row, number, run):
    return [
        row.name,
        str(number),
        _median_text(run.old, row.unit),
        _median_text(run.new, row.unit),
        _ratio_text(run.ratio),
        _ratio_text(run.spread[1]),
        # The verdict is on all runs, and so comes with the last of them.
        row.verdict.value if number == len(row.runs) else "",
    ]


def _tables(rows):
    """Returns for each table its title, its headings, and its lines of cells by section."""
    tables = []
    for title, headings, cells in (
        (_COPY_TITLE, _COPY_HEADINGS, _copy_cells),
        (_NEW_TITLE, _NEW_HEADINGS, _new_cells),
    ):
        sections = {}
        for row in rows:
            lines = [cells(row, number, run) for number, run in enumerate(row.runs, 1)]
            sections.setdefault(row.section, []).extend(lines)
        tables.append((title, headings, sections))
    return tables


def _text_table(title, headings, sections):
    every = [headings, *(line for lines in sections.values() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*every)]

    def aligned(cells):
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()

    lines = [f"== {title}", aligned(headings)]
    for section, members in sections.items():
        lines += [f"-- {section}", *map(aligned, members)]
    return "\n".join(lines)


def _left_out_lines(left_out):
    return [f"not compared: {key.section}, {key.name}: {why}" for key, why in left_out.items()]


def text(rows, left_out):
    """left_out: Key -> why that row was not compared."""
    parts = [_text_table(*table) for table in _tables(rows)]
    parts += ["\n".join(_left_out_lines(left_out))] if left_out else []
    return "\n\n".join(parts)


def markdown(rows, left_out):
    """Returns a table for each title, with the section before each row's name."""
    lines = []
    for title, headings, sections in _tables(rows):
        lines += [markdown_line([title, *headings[1:]]), "|" + "---|" * len(headings)]
        for section, members in sections.items():
            lines += [markdown_line([f"{section}: {cells[0]}", *cells[1:]]) for cells in members]
        lines.append("")
    lines += [f"- {line}" for line in _left_out_lines(left_out)]
    return "\n".join(lines).rstrip()


def _run_json(run):
    counted = {"copy_ratio": run.copy_ratio, "spread": run.spread, "ratio": run.ratio}
    return {**dataclasses.asdict(run), **counted, "slower": run.slower}


def to_json(rows, left_out):
    return {
        "limit": LIMIT,
        "runs": RUNS,
        "rows": [
            {
                "section": row.section,
                "name": row.name,
                "unit": row.unit,
                "verdict": row.verdict.value,
                "runs": [_run_json(run) for run in row.runs],
            }
            for row in rows
        ],
        "left_out": [{**key._asdict(), "reason": why} for key, why in left_out.items()],
    }


def summary(rows, left_out):
    verdicts = [row.verdict for row in rows]
    undecided = verdicts.count(Verdict.UNDECIDED)
    return (
        f"{len(rows)} rows: {verdicts.count(Verdict.SLOWER)} slower, "
        f"{verdicts.count(Verdict.NOT_SLOWER)} not slower, {undecided} measured too few times; "
        f"{len(left_out)} more not compared"
    )
