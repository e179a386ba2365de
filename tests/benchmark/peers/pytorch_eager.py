"""What eager PyTorch takes for a loss and its gradient on one thread; an agent of the benchmark.

Reads "NAME SHAPE REPETITIONS" lines, as in "cross_entropy 8192x1000 5", and answers each with the CPU
seconds of the repetitions after one that does not count. The first line that it prints names it.
"""

import json
import math
import sys
import time

import torch
import torch.nn.functional as F


def cross_entropy(logits, labels):
    return F.cross_entropy(logits, labels)


def softmax_focal(logits, labels, gamma=2.0):
    log_p = F.log_softmax(logits, dim=1).gather(1, labels.unsqueeze(1)).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def sigmoid_focal(logits, targets, alpha=0.25, gamma=2.0):
    """The form that torchvision.ops.sigmoid_focal_loss computes; Lin et al. 2017."""
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    alpha_t = alpha * targets + (1 - alpha) * (1 - targets)
    return (alpha_t * ce * (1 - p_t) ** gamma).mean()


LOSSES = {
    "cross_entropy": cross_entropy,
    "softmax_focal": softmax_focal,
    "sigmoid_focal": sigmoid_focal,
}


def make_logits(shape):
    """Normal numbers of deviation 2. A million of them, again and again: more take seconds."""
    count = math.prod(shape)
    some = torch.randn(min(count, 1 << 20)).mul_(2)
    return some.repeat(-(-count // len(some)))[:count].reshape(shape).clone().requires_grad_()


def make_batch(name, shape):
    """Logits, and class ids or, for sigmoid, float targets. The classes lie on axis 1."""
    torch.manual_seed(1)
    logits = make_logits(shape)
    if name == "sigmoid_focal":
        return logits, (torch.rand(shape) < 1 / 16).float()
    return logits, torch.randint(shape[1], (shape[0], *shape[2:]))


def measure(name, shape, repetitions):
    loss = LOSSES[name]
    logits, labels = make_batch(name, shape)
    seconds = []
    for _ in range(repetitions + 1):
        logits.grad = None
        start = time.process_time()
        loss(logits, labels).backward()
        seconds.append(time.process_time() - start)
    return seconds[1:]


def main():
    torch.set_num_threads(1)
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        name, shape, repetitions = line.split()
        extents = [int(extent) for extent in shape.split("x")]
        print(json.dumps({"calls": measure(name, extents, int(repetitions))}), flush=True)


if __name__ == "__main__":
    main()
