"""Tests that an old commit is exported, built and cleaned up, with a cmake that builds nothing."""

import os
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

from suite.baseline import TARGETS, Baseline, BaselineRefused
from suite.comparison import Side

# Makes programs of the text that the commit has in `version`; fails where that is "broken".
_CMAKE = """#!/bin/sh
[ "$1" = --build ] || exit 0
[ "$(cat version)" != broken ] || exit 3
mkdir -p build/bench/bin
for target in %s; do cp version "build/bench/bin/$target"; done
""" % " ".join(TARGETS)


def _write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class BaselineTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = os.path.join(scratch.name, "root")
        self.build = os.path.join(self.root, "build", "bench")
        tools = os.path.join(scratch.name, "tools")
        _write(os.path.join(tools, "cmake"), _CMAKE, 0o755)
        path = os.pathsep.join([tools, os.environ["PATH"]])
        patched = mock.patch.dict(os.environ, {"PATH": path})
        patched.start()
        self.addCleanup(patched.stop)

        os.makedirs(self.root)
        self._git("init", "--quiet")
        self._commit("old")
        self._commit("broken")
        for target in TARGETS:
            _write(os.path.join(self.build, "bin", target), "new")

    def _git(self, *arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", "-C", self.root, *identity, *arguments], check=True)

    def _commit(self, version):
        _write(os.path.join(self.root, "version"), version)
        self._git("add", "version")
        self._git("commit", "--quiet", "-m", version)

    def _assert_cleaned_up(self):
        self.assertEqual(os.listdir(os.path.join(self.root, "build")), ["bench"])

    def test_each_side_has_programs_of_its_commit_until_the_end(self):
        with Baseline(self.root, self.build, "HEAD~1") as baseline:
            for side, version in ((Side.OLD, "old"), (Side.COPY, "old"), (Side.NEW, "new")):
                for target in TARGETS:
                    self.assertEqual(_read(os.path.join(baseline.folder(side), target)), version)
        self._assert_cleaned_up()
        # The tree itself was left alone.
        self.assertEqual(_read(os.path.join(self.root, "version")), "broken")

    def test_what_an_ended_comparison_left_is_no_obstacle(self):
        _write(os.path.join(self.root, "build", "compare", "source", "left"), "")
        with Baseline(self.root, self.build, "HEAD~1"):
            pass
        self._assert_cleaned_up()

    def test_a_commit_that_does_not_build_is_refused(self):
        with self.assertRaisesRegex(BaselineRefused, "cmake --build .*: status 3, expected 0"):
            Baseline(self.root, self.build, "HEAD").__enter__()
        self._assert_cleaned_up()

    def test_a_word_that_names_no_commit_is_refused(self):
        with self.assertRaisesRegex(BaselineRefused, "--compare = nothing, expected a commit"):
            Baseline(self.root, self.build, "nothing").__enter__()
        self._assert_cleaned_up()


if __name__ == "__main__":
    unittest.main()
