"""Rows as text for people, as Markdown for the README, and as JSON for machines."""

_STEPS = {
    "s": [(1e-6, "µs"), (1e-3, "ms"), (1.0, "s")],
    "B": [(1024.0, "KiB"), (1024.0**2, "MiB"), (1024.0**3, "GiB")],
    "B/s": [(1024.0**2, "MiB/s"), (1024.0**3, "GiB/s")],
}
_HEADINGS = ["what", "lossd", "baseline", "ratio", "bound", "verdict"]


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


def text(rows):
    """The table with a heading for each section, and under a row what it notes."""
    cells = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *cells)]

    def line(values):
        return "  ".join(v.ljust(w) for v, w in zip(values, widths)).rstrip()

    lines = [line(_HEADINGS)]
    section = None
    for row, values in zip(rows, cells):
        if row.section != section:
            section = row.section
            lines.append(f"-- {section}")
        lines.append(line(values))
        if row.note:
            lines.append(f"     {row.note}")
    return "\n".join(lines)


def markdown(rows):
    """One table; notes stand behind the name."""
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS)]
    for row in rows:
        values = [value.replace("|", "\\|") for value in _cells(row)]
        values[0] += f" ({row.note})" if row.note else ""
        values[-1] = {"met": "met", "NOT MET": "**not met**"}.get(values[-1], values[-1])
        lines.append("| " + " | ".join(values) + " |")
    return "\n".join(lines)


def summary(rows):
    verdicts = [row.verdict for row in rows if row.bound]
    return (
        f"bounds: {verdicts.count('met')} met, {verdicts.count('NOT MET')} not met, "
        f"{verdicts.count('not measured')} not measured"
    )
