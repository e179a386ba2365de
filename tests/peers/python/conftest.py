"""One lossd for all tests of this folder."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "pages"))

# Before anything imports them: Keras on the backend that is there, and float64 in jax.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_ENABLE_X64"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import pytest

from lossd_client import Lossd


@pytest.fixture(scope="session")
def lossd():
    with Lossd() as server:
        yield server
