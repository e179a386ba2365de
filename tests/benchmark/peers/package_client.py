"""Calls lossd by the Python package from NumPy's arrays to NumPy's arrays; an agent of the benchmark.

Reads "ADDRESS ROWS CLASSES CALLS" lines and answers each with the seconds of the calls. The gradient comes to the same
memory each time, as the C++ client's does, and the losses do not come.
"""

import functools
import json
import sys
import time

import numpy

import lossd


@functools.lru_cache(maxsize=None)
def client_to(address):
    return lossd.Client(address)


@functools.lru_cache(maxsize=1)
def make_batch(rows, classes):
    random = numpy.random.default_rng(1)
    logits = random.standard_normal((rows, classes), dtype=numpy.float32)
    return logits, random.integers(classes, size=rows), numpy.empty_like(logits)


def main():
    for line in sys.stdin:
        address, rows, classes, calls = line.split()
        client = client_to(address)
        logits, labels, gradient = make_batch(int(rows), int(classes))
        seconds = []
        for _ in range(int(calls)):
            start = time.perf_counter()
            client.compute(logits, labels, reduction="mean", outputs={"gradient": True, "omit_losses": True},
                           out={"gradient": gradient})
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"calls": seconds}), flush=True)


if __name__ == "__main__":
    main()
