"""The client of those that were given none."""

from __future__ import annotations

import functools
import os
from typing import Optional

from lossd.client import Client


@functools.lru_cache(maxsize=None)
def _client_of(_process: int, target: Optional[str]) -> Client:
    return Client(target)


def default_client() -> Client:
    """Returns this process's client to LOSSD_ADDRESS, or to localhost:50051."""
    # Each process needs its own: gRPC does not survive fork().
    return _client_of(os.getpid(), os.environ.get("LOSSD_ADDRESS"))
