"""An old commit, built beside this one."""

import os
import shutil
import subprocess
import sys

from suite.comparison import Side

TARGETS = ("lossd", "kernels_benchmark", "echo_server", "caller")


class BaselineRefused(Exception):
    """The commit could not be built; says why."""


def _run(command, directory):
    """Runs what prints its progress; that goes to stderr, so that the table can be kept."""
    done = subprocess.run(command, cwd=directory, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise BaselineRefused(f"{' '.join(command)}: status {done.returncode}, expected 0")


class Baseline:
    """Programs of both builds, in a folder for each Side. All of it is gone when the block is left.

    The folder is the same each time, for ccache then finds what it compiled before. This build's
    programs are copied too, so that nothing but their code tells the builds apart.
    """

    def __init__(self, root, build, commit):
        """build: this commit's build, finished."""
        self._root = root
        self._programs = os.path.join(build, "bin")
        self._folder = os.path.join(root, "build", "compare")
        self._source = os.path.join(self._folder, "source")
        self._commit = commit
        self.description = ""

    def folder(self, side):
        return os.path.join(self._folder, side.value)

    def __enter__(self):
        self._remove()
        try:
            self.description = self._describe()
            self._export()
            self._build()
            self._copy_programs()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _remove(self):
        shutil.rmtree(self._folder, ignore_errors=True)

    def _describe(self):
        command = ["git", "-C", self._root, "rev-parse", "--verify", "--quiet", "--short=10"]
        answer = subprocess.run(
            [*command, f"{self._commit}^{{commit}}"], capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise BaselineRefused(f"--compare = {self._commit}, expected a commit")
        return answer.stdout.strip()

    def _export(self):
        """Writes the commit's files into a folder: git need not know of it, nor forget it later."""
        os.makedirs(self._source)
        archive = ["git", "-C", self._root, "archive", "--format=tar", self.description]
        with subprocess.Popen(archive, stdout=subprocess.PIPE) as tar:
            subprocess.run(["tar", "-x", "-C", self._source], stdin=tar.stdout, check=True)
        if tar.returncode != 0:
            raise BaselineRefused(f"{' '.join(archive)}: status {tar.returncode}, expected 0")

    def _build(self):
        _run(["cmake", "--preset", "bench"], self._source)
        jobs = str(len(os.sched_getaffinity(0)))
        build = ["cmake", "--build", "--preset", "bench", "--parallel", jobs]
        _run([*build, "--target", *TARGETS], self._source)

    def _copy_programs(self):
        old = os.path.join(self._source, "build", "bench", "bin")
        for side in Side:
            os.mkdir(self.folder(side))
            for program in TARGETS:
                source = self._programs if side is Side.NEW else old
                shutil.copy2(os.path.join(source, program), self.folder(side))
