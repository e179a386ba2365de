"""Memory: that of many small calls, and of one batch that is larger than a message.

    memory.py leak|large ADDRESS

measures in a process of its own, and prints the claims as JSON.
"""

import dataclasses
import gc
import json
import subprocess
import sys
import threading

import numpy as np

import lossd
from claim import Claim, forget_most, mib, resident

THREADS, CALLS = 16, 10_000
ROWS, CLASSES = 75_000, 1000  # 300 MB of float32
PROBED = 64


def call_from_threads(client, calls):
    """Makes that many calls from all threads together; one of ten is refused. Returns how many went wrong."""
    logits, labels = np.random.default_rng(1).standard_normal((32, 10)).astype(np.float32), np.arange(32) % 10
    expected = client.compute(logits, labels, outputs={"gradient": True}).gradient
    wrong = []

    def call():
        for number in range(calls // THREADS):
            if number % 10 == 9:
                try:
                    client.compute(logits, labels + 1)
                    wrong.append(number)
                except lossd.InvalidArgument:
                    pass
            elif not np.array_equal(client.compute(logits, labels, outputs={"gradient": True}).gradient, expected):
                wrong.append(number)

    threads = [threading.Thread(target=call) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()
    return len(wrong)


def leak(address):
    with lossd.Client(address) as client:
        wrong = call_from_threads(client, CALLS // 10)  # what a process has once
        before = resident()
        wrong += call_from_threads(client, CALLS)
        grown = resident() - before
    return [Claim(f"{CALLS:,} calls from {THREADS} threads: resident memory more than before",
                  f"{grown / (1 << 20):.1f} MiB", "≤ 16 MiB", grown <= 16 << 20 and not wrong)]


def large(address):
    random = np.random.default_rng(2)
    labels = random.integers(CLASSES, size=ROWS)
    with lossd.Client(address, deadline=120) as client:
        client.compute(np.zeros((2000, CLASSES), np.float32), labels[:2000], outputs={"gradient": True})
        gc.collect()
        forget_most()
        before = resident()
        logits = np.empty((ROWS, CLASSES), np.float32)
        for block in np.array_split(logits, 100):
            random.standard_normal(dtype=np.float32, out=block)
        result = client.compute(logits, labels, reduction="mean", outputs={"gradient": True})
        most = resident("VmHWM") - before
        rows = np.sort(random.choice(ROWS, PROBED, replace=False))
        alone = client.compute(logits[rows], labels[rows], reduction="mean", normalizer=ROWS,
                               outputs={"gradient": True})
    same = all(np.array_equal(whole[rows].view(np.uint32), small.view(np.uint32))
               for whole, small in ((result.gradient, alone.gradient), (result.losses, alone.losses)))
    beside = most - logits.nbytes - result.gradient.nbytes
    return [
        Claim("300 MB through messages of 64 MiB: the caller's memory beside batch and gradient", mib(beside),
              "≤ 64 MiB", beside <= 64 << 20 and len(result.messages) > 1),
        Claim(f"of the same batch, rows whose losses and gradient have the bits of a batch of {PROBED}",
              f"{PROBED if same else 'fewer than ' + str(PROBED)} of {PROBED}", "all", same),
    ]


def in_a_process(name, address):
    """Returns the claims of `name`, measured in a process that does nothing else."""
    printed = subprocess.run([sys.executable, __file__, name, address], check=True, capture_output=True, text=True)
    return [Claim(**each) for each in json.loads(printed.stdout)]


if __name__ == "__main__":
    measure = {"leak": leak, "large": large}[sys.argv[1]]
    print(json.dumps([dataclasses.asdict(claim) for claim in measure(sys.argv[2])]))
