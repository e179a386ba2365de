"""The part of tests/benchmark/README.md that a run writes: the lines between two marks."""

import os

BEGIN = "<!-- the measured tables -->"
END = "<!-- end of the measured tables -->"
PAGE = os.path.join(os.path.dirname(__file__), "..", "README.md")


def replace_tables(text, tables):
    """Returns the page's text with `tables` between its marks."""
    lines = text.splitlines()
    for mark in (BEGIN, END):
        if lines.count(mark) != 1:
            raise ValueError(f"the page has the line {mark} {lines.count(mark)} times, expected 1")
    begin, end = lines.index(BEGIN), lines.index(END)
    if end < begin:
        raise ValueError(f"the page has {END} before {BEGIN}")
    return "\n".join([*lines[: begin + 1], *tables.splitlines(), *lines[end:]]) + "\n"


def write_tables(path, tables):
    """Replaces the tables in the page at `path`; a file that is not there yet gets marks alone."""
    text = f"{BEGIN}\n{END}\n"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            text = file.read()
    text = replace_tables(text, tables)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
