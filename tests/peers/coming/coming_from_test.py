"""Tests proto/COMING_FROM.md without its libraries: that lossd answers each vector as the library did,
and that the page has a line for each vector and no other.

LOSSD_BINARY names the server, PYTHONPATH the stubs. Needs Debian's python3-grpcio and python3-protobuf.
"""

import os
import re
import sys
import unittest

from google.protobuf import json_format

import lines
import page
from lossd.v1 import compute_pb2
from server import Server

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "pages"))
import pages

COMING_FROM = "proto/COMING_FROM.md"


class VectorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def answer(self, vector):
        """Returns what lossd answers, by the names of a vector's expectations."""
        request = json_format.ParseDict(vector["request"], compute_pb2.ComputeRequest())
        response = self.server.compute(request)
        times = vector.get("times", {})
        found = {"loss": response.loss * times.get("loss", 1)}
        for name in ("losses", "gradient", "hessian_diagonal"):
            found[name] = [number * times.get(name, 1)
                           for number in getattr(response, name).float_values]
        return found

    def check(self, vector):
        found, expected, tolerance = self.answer(vector), vector["expected"], vector["tolerance"]
        if "lossd" in vector:
            said = vector["lossd"] if isinstance(vector["lossd"], dict) else {"loss": vector["lossd"]}
            for name, values in said.items():
                self.assertTrue(lines.same(found[name], values, 1e-5),
                                f"{name}: lossd gives {found[name]}, the line says {values}")
                self.assertFalse(lines.same(found[name], expected[name], 1e-3), "they agree")
            return
        for name, values in expected.items():
            self.assertTrue(lines.same(found[name], values, tolerance),
                            f"{name}: lossd gives {found[name]}, the library {values}")

    def test_lossd_gives_the_numbers_of_the_libraries(self):
        count = 0
        for library in lines.libraries():
            for vector in lines.read(library)["vectors"]:
                count += 1
                with self.subTest(library=library, call=vector["call"]):
                    self.check(vector)
        self.assertGreater(count, 100)

    def test_scores_by_class_are_read_with_their_axis_said(self):
        """LightGBM's flat scores: those of the first class first."""
        columns = [row[k] for k in range(3) for row in lines.Z]
        found = self.answer({"request": {
            "logits": {"shape": [1, 3, 4], "float_values": columns}, "class_axis": 1,
            "labels": {"shape": [1, 4], "int_values": lines.Y}, "outputs": {"gradient": True}}})
        rows = self.answer({"request": {"logits": lines.tensor(lines.Z), "labels": lines.tensor(lines.Y),
                                        "outputs": {"gradient": True}}})
        self.assertEqual(found["losses"], rows["losses"])
        self.assertEqual(found["gradient"], [rows["gradient"][3 * i + k] for k in range(3) for i in range(4)])

    def test_normalizers_are_what_their_formulas_say(self):
        for library in lines.libraries():
            for vector in lines.read(library)["vectors"]:
                said = vector["request"].get("normalizer")
                logits = vector["request"]["logits"]["shape"]
                with self.subTest(library=library, call=vector["call"]):
                    self.assertEqual(said is None, "normalizer" not in vector)
                    if said is not None:
                        self.assertEqual(said, lines.evaluate(vector["normalizer"], logits))


class PageTest(unittest.TestCase):
    def test_no_call_has_two_lines(self):
        for library in lines.libraries():
            calls = [vector["call"] for vector in lines.read(library)["vectors"]]
            self.assertEqual(len(calls), len(set(calls)), library)

    def test_there_is_a_line_for_each_vector_and_no_other(self):
        for library in lines.libraries():
            self.assertEqual(pages.between_marks(COMING_FROM, library), page.table(library), library)
        marked = re.findall(r"^<!-- (?!end of )(.*) -->$", "\n".join(pages.read_lines(COMING_FROM)), re.M)
        self.assertEqual(sorted(marked), lines.libraries())

    def test_each_loss_of_a_library_is_named(self):
        """By a line, or by what is said to be no LossSpec."""
        listed = 0
        for library in lines.libraries():
            names, text = lines.read(library).get("losses", ()), page.section(library)
            listed += bool(names)
            for name in names:
                with self.subTest(library=library, loss=name):
                    self.assertRegex(text, rf"(?<!\w){re.escape(name)}(?!\w)")
        self.assertGreaterEqual(listed, 14)

    def test_no_line_is_outside_the_tables_of_the_libraries(self):
        rows = [line for line in pages.read_lines(COMING_FROM) if line.startswith(page.HEAD[0])]
        self.assertEqual(len(rows), len(lines.libraries()))

    def test_a_librarys_heading_has_the_version_that_was_run(self):
        headings = [line for line in pages.read_lines(COMING_FROM) if line.startswith("## ")]
        for library in lines.libraries():
            file = lines.read(library)
            self.assertIn(f"## {file['library']} {file['version']}", headings)

    def test_the_inputs_are_those_that_the_page_shows(self):
        shown = dict(re.findall(r"^\| (\w+) \| `(.*)` \|", "\n".join(pages.read_lines(COMING_FROM)), re.M))
        for name, values in lines.INPUTS.items():
            self.assertEqual(shown.get(name), str(values), name)


if __name__ == "__main__":
    unittest.main()
