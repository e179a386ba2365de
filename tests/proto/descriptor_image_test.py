"""Tests that proto/lossd-v1.binpb holds the contract of today, with every message and field of the .proto
files. Run by ctest, which names the image that was just made, and protoc."""

import difflib
import os
import subprocess
import unittest

COMMITTED = os.path.join(os.path.dirname(__file__), "..", "..", "proto", "lossd-v1.binpb")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def as_text(image):
    """Returns the lines of a FileDescriptorSet in protobuf's text format."""
    decoded = subprocess.run(
        [os.environ["PROTOC"], "--decode=google.protobuf.FileDescriptorSet",
         "google/protobuf/descriptor.proto"],
        input=image, stdout=subprocess.PIPE, check=True)
    return decoded.stdout.decode().splitlines()


class DescriptorImageTest(unittest.TestCase):
    def test_it_is_the_one_that_the_proto_files_make(self):
        committed, made = read(COMMITTED), read(os.environ["LOSSD_MADE_IMAGE"])
        if committed == made:
            return
        difference = difflib.unified_diff(
            as_text(committed), as_text(made), "proto/lossd-v1.binpb", "the .proto files",
            lineterm="")
        self.fail(
            "proto/lossd-v1.binpb is out of date; run\n"
            "  cmake --build --preset release --target lossd_update_image\n"
            + "\n".join(difference))


if __name__ == "__main__":
    unittest.main()
