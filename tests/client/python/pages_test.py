"""The listings of client/python/README.md that need no framework, run as they are printed, and the package's files."""

import asyncio
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest

import numpy

import lossd
from lossd_server import shared

ROOT = os.path.join(os.path.dirname(__file__), "..", "..", "..")
sys.path.append(os.path.join(ROOT, "tests", "pages"))

import pages  # noqa: E402


FRAMEWORKS = ("torch", "xgboost", "lightgbm", "catboost", "sklearn", "jax", "keras")


class PagesTest(unittest.TestCase):
    def test_the_listings_run(self):
        with lossd.Client(shared()) as client:
            random = numpy.random.default_rng(1)
            logits, labels = random.standard_normal((4, 3)), numpy.array([0, 1, 1, 0])
            targets = (random.random((4, 3)) < 0.5).astype(int)
            names = {"client": client, "logits": logits, "labels": labels, "numpy": numpy, "lossd": lossd,
                     "asyncio": asyncio, "batches": [(logits, labels)] * 3}
            ran = 0
            for block in pages.blocks("client/python/README.md", "python"):
                code = "\n".join(block.lines)
                if any(word in code for word in FRAMEWORKS):
                    continue
                own = {**names, "labels": targets} if '"sigmoid"' in code else dict(names)
                printed = io.StringIO()
                with contextlib.redirect_stdout(printed):
                    exec(code.replace("localhost:50051", shared()), own)
                ran += 1
                if "did you mean" in code:
                    self.assertIn(printed.getvalue().strip(), code)
                if "async def step" in code:
                    asyncio.run(self.check_step(own["step"]))
            self.assertEqual(ran, 7)

    async def check_step(self, step):
        async with lossd.AsyncClient(shared()) as client:
            results = await step(client, [([[1.0, 0.0]], [0])] * 2)
            self.assertEqual([result.gradient.shape for result in results], [(1, 2)] * 2)

    def test_the_packages_of_a_caller_s_own_stubs_are_found(self):
        with tempfile.TemporaryDirectory() as folder:
            os.makedirs(os.path.join(folder, "lossd", "v1"))
            with open(os.path.join(folder, "lossd", "v1", "own_pb2.py"), "w", encoding="utf-8") as stub:
                stub.write("value = 7\n")
            code = "import lossd; from lossd.v1 import own_pb2; print(lossd.Client.__name__, own_pb2.value)"
            path = os.pathsep.join([folder, os.path.join(ROOT, "client", "python")])


            printed = subprocess.run([sys.executable, "-B", "-c", code], env={**os.environ, "PYTHONPATH": path},
                                     capture_output=True, text=True, check=True).stdout
            self.assertEqual(printed, "Client 7\n")


if __name__ == "__main__":
    unittest.main()
