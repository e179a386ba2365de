"""Builds the package with the contract in it: the descriptor image, which the messages are made from."""

import pathlib
import shutil

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

IMAGE = "lossd-v1.binpb"
HERE = pathlib.Path(__file__).resolve().parent


def image():
    """Returns the image's path: this tree's own in an sdist, proto/'s in the repository."""
    own = HERE / "lossd" / IMAGE
    return own if own.is_file() else HERE.parents[1] / "proto" / IMAGE


class BuildWithImage(build_py):
    def run(self):
        super().run()
        if not getattr(self, "editable_mode", False):
            shutil.copyfile(image(), pathlib.Path(self.build_lib) / "lossd" / IMAGE)


class SdistWithImage(sdist):
    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        shutil.copyfile(image(), pathlib.Path(base_dir) / "lossd" / IMAGE)


setup(cmdclass={"build_py": BuildWithImage, "sdist": SdistWithImage})
