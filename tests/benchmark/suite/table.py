"""Rows as text for people, as Markdown for tests/benchmark/README.md, and as JSON for machines."""

_STEPS = {
    "s": [(1e-6, "µs"), (1e-3, "ms"), (1.0, "s")],
    "B": [(1024.0, "KiB"), (1024.0**2, "MiB"), (1024.0**3, "GiB")],
    "B/s": [(1024.0**2, "MiB/s"), (1024.0**3, "GiB/s")],
}
_HEADINGS = ["what", "lossd", "baseline", "ratio", "bound", "verdict"]
_PEAK = "peak memory"


def three_digits(value):
    """Three digits that count, or all of those before the point."""
    if value == 0:
        return "0"
    for digits, limit in ((0, 100.0), (1, 10.0), (2, 1.0)):
        if abs(value) >= limit:
            return f"{value:.{digits}f}"
    return f"{value:.3g}"


def quantity_text(quantity):
    if quantity is None:
        return ""
    scale, unit = 1.0, quantity.unit
    for step, name in _STEPS.get(quantity.unit, []):
        if abs(quantity.value) >= step or unit == quantity.unit:
            scale, unit = step, name
    number = f"{three_digits(quantity.value / scale)} {unit}".strip()
    return f"{number} ({quantity.label})" if quantity.label else number


def _cells(row):
    bound = f"{row.bound.relation} {row.bound.limit:g}" if row.bound else ""
    ratio = "" if row.ratio is None else three_digits(row.ratio)
    return [
        row.name,
        quantity_text(row.ours),
        quantity_text(row.baseline),
        ratio,
        bound,
        row.verdict,
    ]


def _by_section(rows):
    sections = {}
    for row in rows:
        sections.setdefault(row.section, []).append(row)
    return sections.items()


def text(rows):
    """The table with a heading for each section, and under a row what it notes."""
    cells = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *cells)]
    has_peaks = any(row.peak for row in rows)

    def line(values):
        return "  ".join(v.ljust(w) for v, w in zip(values, widths)).rstrip()

    def with_peak(values, peak):
        return line(values) if not has_peaks else f"{line(values):{sum(widths) + 10}}  {peak}".rstrip()

    lines = [with_peak(_HEADINGS, _PEAK)]
    for section, members in _by_section(rows):
        lines.append(f"-- {section}")
        for row in members:
            lines.append(with_peak(_cells(row), quantity_text(row.peak)))
            lines += [f"     {row.note}"] if row.note else []
    return "\n".join(lines)


def _markdown_cells(row):
    cells = [cell.replace("|", "\\|") for cell in _cells(row)]
    cells[0] += f" ({row.note})" if row.note else ""
    cells[-1] = "**not met**" if row.verdict == "NOT MET" else cells[-1]
    return cells


def markdown_line(cells):
    return "| " + " | ".join(cells) + " |"


def markdown(rows):
    """A table for each section, whose name heads its first column; notes stand behind the names.

    The columns bound and verdict are left out where no row has a bound, that of the peak memory where
    none has one.
    """
    lines = []
    for section, members in _by_section(rows):
        count = len(_HEADINGS) if any(row.bound for row in members) else len(_HEADINGS) - 2
        has_peaks = any(row.peak for row in members)
        headings = [section, *_HEADINGS[1:count], *([_PEAK] if has_peaks else [])]
        lines += [markdown_line(headings), "|" + "---|" * len(headings)]
        for row in members:
            peak = [quantity_text(row.peak)] if has_peaks else []
            lines.append(markdown_line([*_markdown_cells(row)[:count], *peak]))
        lines.append("")
    return "\n".join(lines[:-1])


def summary(rows):
    verdicts = [row.verdict for row in rows if row.bound]
    return (
        f"bounds: {verdicts.count('met')} met, {verdicts.count('NOT MET')} not met, "
        f"{verdicts.count('not measured')} not measured"
    )
