"""The project's pages, and what is in them.

The one place that knows which pages there are: what runs their commands, reads their listings or
follows their links asks here, so that a text that moves to another page is still tested.
"""

import os
import re
from typing import NamedTuple

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
_SKIPPED = {"build", "node_modules", "__pycache__"}


class Block(NamedTuple):
    """A fenced block: the page, the number of its first line, and its lines."""

    page: str
    line: int
    lines: list


def pages():
    """Returns the paths of all Markdown files, from the project's root; README.md is the first."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in _SKIPPED and not f.startswith(".")]
        found += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files if f.endswith(".md")]
    return sorted(found, key=lambda page: (page != "README.md", page))


def read_lines(page):
    """Returns the lines of a page, or of any text file of the project."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        return file.read().splitlines()


def blocks(page, language):
    """Returns the page's fenced blocks of one language, such as "console"; "" are those of none."""
    found, inside = [], None
    for number, line in enumerate(read_lines(page), 1):
        fence = re.fullmatch(r"\s*```(\S*)\s*", line)
        if inside is not None and fence:
            found += [inside] if inside.lines is not None else []
            inside = None
        elif inside is not None:
            if inside.lines is not None:
                inside.lines.append(line)
        elif fence:
            inside = Block(page, number + 1, [] if fence[1] == language else None)
    return found


def prose(page):
    """Returns (line number, line) of the text outside fenced blocks."""
    outside, inside = [], False
    for number, line in enumerate(read_lines(page), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            outside.append((number, line))
    return outside


def between_marks(page, name):
    """Returns the lines between `<!-- name -->` and `<!-- end of name -->`."""
    lines = read_lines(page)
    begin, end = lines.index(f"<!-- {name} -->"), lines.index(f"<!-- end of {name} -->")
    return lines[begin + 1 : end]
