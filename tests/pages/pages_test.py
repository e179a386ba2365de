"""Tests that the pages lead where they say: links, the files that they name, what they repeat.

    cd tests/pages && python3 -m unittest pages_test
"""

import glob
import os
import re
import unittest

import pages

_FOLDERS = ("client", "docker", "proto", "server", "tests", ".ci")


def heading_anchors(lines):
    """Returns the anchors that the headings in (number, line) get, as GitHub and GitLab make them."""
    anchors = set()
    for _, line in lines:
        heading = re.fullmatch(r"#{1,6} (.*)", line)
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
            anchors.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    return anchors


def dead_links(page, lines):
    """Returns what is wrong with the relative links of a page's (number, line)."""
    faults = []
    for number, line in lines:
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            there = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(os.path.join(pages.ROOT, there)):
                faults.append(f"{page}:{number}: {target}: {there} does not exist")
            elif anchor and anchor not in heading_anchors(lines if not path else pages.prose(there)):
                faults.append(f"{page}:{number}: {target}: {there} has no heading #{anchor}")
    return faults


def missing_files(page, lines):
    """Returns the files and folders in `code` that are not there, of those that begin with a folder
    of the project. A line with *later* may name what is not built yet."""
    faults = []
    for number, line in lines:
        if "*later*" in line:
            continue
        for path in re.findall(r"`([^`\s]+)[^`]*`", line):
            if not re.fullmatch(rf"({'|'.join(map(re.escape, _FOLDERS))})/[\w./*-]*", path):
                continue
            if not glob.glob(os.path.join(pages.ROOT, path)):
                faults.append(f"{page}:{number}: {path} does not exist")
    return faults


def stale_lines(block):
    """Returns the lines that a `diff` block adds and that its file does not have."""
    faults, there = [], None
    for number, line in enumerate(block.lines, block.line):
        file = re.fullmatch(r"\+\+\+ b/(\S+)", line)
        if file:
            there = os.path.join(pages.ROOT, file[1])
            there = set(pages.read_lines(there)) if os.path.exists(there) else set()
        elif line.startswith("+") and (there is None or line[1:] not in there):
            faults.append(f"{block.page}:{number}: {line}")
    return faults


def table_rows(lines):
    """Returns the cells of each line that is a table's row."""
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for line in lines if line.startswith("|")]


class PagesTest(unittest.TestCase):
    def test_there_are_pages_and_the_readme_is_the_first(self):
        found = pages.pages()
        self.assertEqual(found[0], "README.md")
        self.assertIn("server/README.md", found)
        self.assertFalse([page for page in found if page.startswith("build")])

    def test_links_lead_somewhere(self):
        faults = [fault for page in pages.pages() for fault in dead_links(page, pages.prose(page))]
        self.assertEqual(faults, [])

    def test_named_files_are_there(self):
        faults = [
            fault for page in pages.pages() for fault in missing_files(page, pages.prose(page))
        ]
        self.assertEqual(faults, [])

    def test_diffs_add_what_the_files_have(self):
        diffs = [block for page in pages.pages() for block in pages.blocks(page, "diff")]
        self.assertGreaterEqual(len(diffs), 1)
        self.assertEqual([fault for diff in diffs for fault in stale_lines(diff)], [])

    def test_folders_pages_are_linked_from_the_readme(self):
        links = {
            os.path.normpath(target.partition("#")[0])
            for _, line in pages.prose("README.md")
            for target in re.findall(r"\]\(([^)\s]+)\)", line)
        }
        own = {page for page in pages.pages() if page != "client/demo/data/README.md"}
        self.assertEqual(sorted(own - links - {"README.md"}), [])

    def test_the_newest_version_of_the_changelog_is_the_projects(self):
        version = re.search(r"^  VERSION (\S+)$", "\n".join(pages.read_lines("CMakeLists.txt")), re.M)
        versions = [line[3:] for line in pages.read_lines("CHANGELOG.md") if line.startswith("## ")]
        self.assertEqual(versions[0], version[1])


class SpeedTest(unittest.TestCase):
    """The six rows in README.md are rows of tests/benchmark/README.md."""

    def setUp(self):
        self.tables = pages.between_marks("tests/benchmark/README.md", "the measured tables")
        lines = pages.read_lines("README.md")
        begin = lines.index("## Speed")
        self.section = lines[begin : lines.index("## Limits")]

    def test_rows_have_the_numbers_of_the_benchmarks(self):
        measured = {(row[1], row[2].split(" (")[0], row[3]) for row in table_rows(self.tables)}
        rows = [row for row in table_rows(self.section)[2:]]
        self.assertEqual(len(rows), 6)
        for row in rows:
            self.assertIn(tuple(row[1:]), measured, row[0])

    def test_it_is_the_same_run(self):
        date, commit = re.search(r"(\d{4}-\d\d-\d\d), (\w+)", self.tables[0]).groups()
        self.assertIn(f"{date}, commit {commit}", "\n".join(self.section))


class FaultsTest(unittest.TestCase):
    """What finds faults finds them."""

    def test_dead_links(self):
        for line, fault in (
            ("see [it](nowhere.md)", "nowhere.md does not exist"),
            ("see [it](../LICENSE)", None),
            ("see [it](../README.md#speed) and [that](https://example.org/x)", None),
            ("see [it](../README.md#no-such)", "has no heading #no-such"),
            ("see [it](#here)", "has no heading #here"),
        ):
            faults = dead_links("server/README.md", [(7, line)])
            self.assertEqual(len(faults), 1 if fault else 0, line)
            if fault:
                self.assertIn("server/README.md:7: ", faults[0])
                self.assertIn(fault, faults[0])

    def test_missing_files(self):
        for line, missing in (
            ("in `server/nowhere/`", True),
            ("in `server/nowhere/` *later*", False),
            ("in `server/main.cc` and `lossd/v1/x`", False),
            ("run `tests/run now`", False),
            ("run `tests/walk now`", True),
            ("the files `docker/packages-*.txt`", False),
        ):
            self.assertEqual(bool(missing_files("README.md", [(1, line)])), missing, line)

    def test_stale_lines(self):
        lines = ["--- a/LICENSE", "+++ b/LICENSE", "+no such line", "+++ b/nowhere", "+x", " y"]
        faults = stale_lines(pages.Block("README.md", 3, lines))
        self.assertEqual(faults, ["README.md:5: +no such line", "README.md:7: +x"])

    def test_anchors(self):
        lines = [(1, "# The core: a 2 × 2"), (2, "## Beside an earlier `commit`")]
        self.assertEqual(heading_anchors(lines), {"the-core-a-2--2", "beside-an-earlier-commit"})


class BlocksTest(unittest.TestCase):
    def test_each_language_has_its_blocks(self):
        shown = pages.blocks("README.md", "python")
        self.assertEqual(len(shown), 1)
        self.assertEqual(pages.read_lines("README.md")[shown[0].line - 1], shown[0].lines[0])
        fenced = "\n".join(shown[0].lines)
        self.assertNotIn("```", fenced)
        self.assertNotIn(fenced, "\n".join(line for _, line in pages.prose("README.md")))


if __name__ == "__main__":
    unittest.main()
