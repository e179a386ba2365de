"""Replicas that are killed while they are called."""

import threading
import time

import numpy as np

import lossd
from claim import Claim
from lossd_server import Server

CALLS, THREADS = 10_000, 4
DEADLINE = 5.0


def replicas(_):
    logits, labels = np.random.default_rng(5).standard_normal((8, 5)), np.arange(8) % 5
    servers = [Server() for _ in range(3)]
    for server in servers:
        server.start()
    with lossd.Client("ipv4:" + ",".join(server.address for server in servers)) as client:
        expected = client.compute(logits, labels).losses
        right, errors = [], []

        def call():
            for _ in range(CALLS // THREADS):
                try:
                    right.append(np.array_equal(client.compute(logits, labels).losses, expected))
                except lossd.LossdError as error:
                    errors.append(error)

        threads = [threading.Thread(target=call) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        while len(right) < CALLS // 2:
            time.sleep(0.001)
        servers.pop().kill()
        for thread in threads:
            thread.join()
        for server in servers:
            server.kill()
        begin = time.monotonic()
        try:
            client.compute(logits, labels, deadline=DEADLINE)
            told = None
        except lossd.LossdError as error:
            told = error
        seconds = time.monotonic() - begin
    clear = isinstance(told, (lossd.Unavailable, lossd.DeadlineExceeded)) and "the target is ipv4:" in str(told)
    return [
        Claim(f"one of three replicas is killed in the middle of {CALLS:,} calls: right answers",
              f"{sum(right):,}", f"{CALLS:,}", sum(right) == CALLS and not errors),
        Claim(f"all are killed, deadline {DEADLINE:.0f} s: {type(told).__name__}, which names the target, after",
              f"{seconds:.1f} s", f"≤ {DEADLINE + 0.5} s", clear and seconds <= DEADLINE + 0.5),
    ]
