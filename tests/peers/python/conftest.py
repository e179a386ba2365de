"""One lossd for all tests of this folder, and the data of the demo."""

import gzip
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "pages"))

# Before anything imports them: Keras on the backend that is there, and float64 in jax.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np
import pytest

from lossd_client import ROOT, Lossd


@pytest.fixture(scope="session")
def lossd():
    with Lossd() as server:
        yield server


@pytest.fixture(scope="session")
def shuttle():
    """Train and test split of the Shuttle data: (features, class numbers) each; rarest classes
    last."""
    path = os.path.join(ROOT, "client", "demo", "data", "shuttle.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        next(file)
        rows = [line.rstrip("\n").split(",") for line in file]
    features = np.array([row[:-1] for row in rows], dtype=np.float32)
    names, labels, counts = np.unique(
        [row[-1] for row in rows], return_inverse=True, return_counts=True)
    order = np.argsort(-counts)
    labels = np.argsort(order)[labels]
    assert names[order][0] == "Rad.Flow" and len(rows) == 58000
    return (features[:-14500], labels[:-14500]), (features[-14500:], labels[-14500:])
