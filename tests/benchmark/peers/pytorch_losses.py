"""What PyTorch takes for a loss and its gradient on one thread; an agent of the benchmark.

    pytorch_losses.py eager|compile

Reads "NAME SHAPE REPETITIONS" lines, as in "cross_entropy 8192x1000 5", and answers each with the CPU
seconds of the repetitions and the bytes that one takes at its peak, after some that do not count: until then
the heap still grows, and code is compiled. The first line that it prints names it.
"""

import math
import sys

import torch
import torch.nn.functional as F

import measuring


def cross_entropy(logits, labels):
    return F.cross_entropy(logits, labels)


def smoothing(logits, labels):
    return F.cross_entropy(logits, labels, label_smoothing=0.1)


def softmax_focal(logits, labels, gamma=2.0):
    log_p = F.log_softmax(logits, dim=1).gather(1, labels.unsqueeze(1)).squeeze(1)
    return -((1 - log_p.exp()) ** gamma * log_p).mean()


def squared_error(logits, labels):
    """The sum over classes of (p_k - y_k)^2, one-hot y, without the one-hot tensor."""
    p = F.softmax(logits, dim=1)
    p_t = p.gather(1, labels.unsqueeze(1)).squeeze(1)
    return (p.square().sum(1) - 2 * p_t + 1).mean()


def soft_targets(logits, targets):
    return F.cross_entropy(logits, targets)


def sigmoid_focal(logits, targets, alpha=0.25, gamma=2.0):
    """The form that torchvision.ops.sigmoid_focal_loss computes; Lin et al. 2017."""
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    alpha_t = alpha * targets + (1 - alpha) * (1 - targets)
    return (alpha_t * ce * (1 - p_t) ** gamma).mean()


LOSSES = {
    loss.__name__: loss
    for loss in (
        cross_entropy,
        smoothing,
        softmax_focal,
        squared_error,
        soft_targets,
        sigmoid_focal,
    )
}


def make_logits(shape):
    """Normal numbers of deviation 2. A million of them, again and again: more take seconds."""
    count = math.prod(shape)
    some = torch.randn(min(count, 1 << 20)).mul_(2)
    return some.repeat(-(-count // len(some)))[:count].reshape(shape).clone().requires_grad_()


def make_batch(name, shape):
    """Logits, and class ids or float targets. The classes lie on axis 1."""
    torch.manual_seed(1)
    logits = make_logits(shape)
    if name == "sigmoid_focal":
        return logits, (torch.rand(shape) < 1 / 16).float()
    labels = torch.randint(shape[1], (shape[0], *shape[2:]))
    if name != "soft_targets":
        return logits, labels
    targets = torch.full(shape, 0.1 / shape[1])
    return logits, targets.scatter_add_(1, labels.unsqueeze(1), torch.full((shape[0], 1), 0.9))


def main():
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    compiles = sys.argv[1] == "compile"
    measuring.say({"version": f"torch {torch.__version__}{'.compile' if compiles else ''}"})
    for name, shape, repetitions in measuring.requests():
        loss = torch.compile(LOSSES[name]) if compiles else LOSSES[name]
        logits, labels = make_batch(name, shape)

        def step():
            logits.grad = None
            loss(logits, labels).backward()

        measuring.say(measuring.measure(step, repetitions))


if __name__ == "__main__":
    main()
