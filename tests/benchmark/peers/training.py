"""Whole training steps, forward and loss and backward, with PyTorch's loss or with lossd's; an agent
of the benchmark.

Reads "ROWS FEATURES CLASSES TYPE WHERE STEPS" lines, TYPE float32 or bfloat16, which is what the
logits are cast to before the loss, WHERE "local" or lossd's address. Answers each with the seconds of
the steps after one that does not count.
"""

import functools
import json
import sys
import time

import torch
import torch.nn.functional as F

import lossd
import lossd.torch

_HIDDEN = 256


@functools.lru_cache(maxsize=None)
def criterion_at(address):
    return lossd.torch.CrossEntropyLoss(client=lossd.Client(address))


@functools.lru_cache(maxsize=1)
def make_task(rows, features, classes):
    """A model with one hidden layer, its input and its labels."""
    torch.manual_seed(1)
    model = torch.nn.Sequential(
        torch.nn.Linear(features, _HIDDEN), torch.nn.ReLU(), torch.nn.Linear(_HIDDEN, classes)
    )
    return model, torch.randn(rows, features), torch.randint(classes, (rows,))


def loss_of(logits, labels, where):
    if where == "local":
        return F.cross_entropy(logits, labels)
    return criterion_at(where)(logits, labels)


def step(task, dtype, where):
    model, inputs, labels = task
    model.zero_grad(set_to_none=True)
    loss_of(model(inputs).to(dtype), labels, where).backward()


def measure(shape, dtype, where, steps):
    task = make_task(*shape)
    seconds = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        step(task, dtype, where)
        seconds.append(time.perf_counter() - start)
    return seconds[1:]


def answer(line):
    *shape, dtype, where, steps = line.split()
    shape = [int(extent) for extent in shape]
    return json.dumps({"calls": measure(shape, getattr(torch, dtype), where, int(steps))})


def main():
    for line in sys.stdin:
        try:
            print(answer(line), flush=True)
        except Exception as error:  # pylint: disable=broad-except
            print(f"error: {error}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
