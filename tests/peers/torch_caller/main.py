"""Compares lossd.torch with PyTorch's own losses; run by tests/peers/pytorch, which sets it up.

Prints one PASS or FAIL line per check and exits 1 if any failed.
"""

import gzip
import os
import sys

import torch
import torch.nn.functional as F

from calling import check_calling
from compiling import check_compiling
import lossd
import lossd.torch
from policies import check_policies
from ranks import check_ranks
from server import ROOT, Checks, Server
from ten_lines import check_ten_lines

DATA = os.path.join(ROOT, "client", "demo", "data", "shuttle.csv.gz")
EPSILON = {dtype: torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)}


# --- Gradients and losses against autograd ---------------------------------------------------------


def focal(logits, labels, gamma, weight=None):
    """Lin et al. 2017, by the definition; PyTorch has no focal loss of its own."""
    log_p = F.log_softmax(logits, dim=-1).gather(-1, labels[:, None])[:, 0]
    losses = -((1 - log_p.exp()) ** gamma) * log_p
    if weight is None:
        return losses.mean()
    return (weight[labels] * losses).sum() / weight[labels].sum()


def detached_asymmetric(logits, targets, gamma_positive, gamma_negative, margin):
    """Ridnik et al. 2021, by the definition, with focusing factors that autograd does not see."""
    p = logits.sigmoid()
    shifted = (p - margin).clamp(min=0)
    positive, negative = (((1 - p) ** gamma_positive).detach(), (shifted**gamma_negative).detach())
    return -(targets * positive * p.log() + (1 - targets) * negative * (1 - shifted).log()).mean()


def tensor_spec(values):
    return {"weights": {"floatValues": values.tolist()}}


def cases():
    """name, logits, labels, spec, keywords of lossd.torch.loss, the same loss by PyTorch."""
    generator = torch.Generator().manual_seed(1)
    n, c = 64, 7
    logits = 3 * torch.randn(n, c, generator=generator, dtype=torch.float64)
    labels = torch.randint(c, (n,), generator=generator)
    ignored = torch.where(torch.arange(n) % 5 == 0, -100, labels)
    targets = torch.softmax(torch.randn(n, c, generator=generator, dtype=torch.float64), dim=-1)
    weight = torch.rand(c, generator=generator, dtype=torch.float64) + 0.1
    binary = (torch.rand(n, c, generator=generator) < 0.3).double()

    def cross_entropy(y, **options):
        return lambda z: F.cross_entropy(z, y, **{k: v.to(z) if torch.is_tensor(v) else v
                                                  for k, v in options.items()})

    yield "cross entropy", logits, labels, None, {}, cross_entropy(labels)
    for reduction in ("sum", "none"):
        yield (f"cross entropy, {reduction}", logits, labels, None, {"reduction": reduction},
               cross_entropy(labels, reduction=reduction))
    yield ("class weights", logits, labels, {"classWeighting": tensor_spec(weight)}, {},
           cross_entropy(labels, weight=weight))
    yield ("label smoothing", logits, labels, {"labelSmoothing": 0.1}, {},
           cross_entropy(labels, label_smoothing=0.1))
    yield ("ignore_index", logits, ignored, {"ignoreIndex": -100}, {},
           cross_entropy(ignored, ignore_index=-100))
    yield ("class weights, smoothing and ignore_index", logits, ignored,
           {"classWeighting": tensor_spec(weight), "labelSmoothing": 0.2, "ignoreIndex": -100}, {},
           cross_entropy(ignored, weight=weight, label_smoothing=0.2, ignore_index=-100))
    yield ("soft targets", logits, targets, None, {},
           lambda z: F.cross_entropy(z, targets.to(z)))
    for gamma in (0.5, 2.0):
        yield (f"focal, gamma {gamma}", logits, labels, {"focal": {"gamma": gamma}}, {},
               lambda z, gamma=gamma: focal(z, labels, gamma))
    yield ("weighted focal", logits, labels,
           {"focal": {"gamma": 2}, "classWeighting": tensor_spec(weight)}, {},
           lambda z: focal(z, labels, 2.0, weight.to(z)))
    yield ("squared error", logits, labels, {"squaredError": {}}, {},
           lambda z: ((z.softmax(-1) - F.one_hot(labels, c)) ** 2).sum(-1).mean())
    yield ("binary cross entropy", logits, binary, {"activation": "ACTIVATION_SIGMOID"}, {},
           lambda z: F.binary_cross_entropy_with_logits(z, binary.to(z)))
    for margin in (0.05, 0):
        form = {"gammaPositive": 1, "gammaNegative": 4, "margin": margin, "detachFocusing": True}
        yield (f"detached asymmetric, margin {margin}", logits, (binary + targets) / 2,
               {"activation": "ACTIVATION_SIGMOID", "asymmetric": form}, {},
               lambda z, margin=margin: detached_asymmetric(
                   z, ((binary + targets) / 2).to(z), 1, 4, margin))
    yield ("sample weights", logits, labels, None,
           {"reduction": "sum", "sample_weights": torch.arange(n, dtype=torch.float64)},
           lambda z: (torch.arange(n).to(z) * F.cross_entropy(z, labels, reduction="none")).sum())


def value_and_gradient(function, logits):
    """The value, and the gradient of Σ c·value with c = 1, 2, ...: each loss has its own upstream."""
    z = logits.clone().requires_grad_()
    value = function(z)
    upstream = torch.arange(1, value.numel() + 1).to(value).reshape(value.shape)
    (value * upstream).sum().backward()
    return value.detach().double(), z.grad.double()


def largest_error(actual, expected):
    """The largest difference, relative to the largest expected entry."""
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def check_gradients(checks, client):
    for name, logits, labels, spec, keywords, reference in cases():
        expected = value_and_gradient(reference, logits)
        for dtype in (torch.float64, torch.float32):
            z = logits.to(dtype)
            if dtype is torch.float32:
                # The reference gets the rounded logits: their rounding is no error of the loss.
                expected = value_and_gradient(reference, z.double())
            actual = value_and_gradient(
                lambda x: lossd.torch.loss(x, labels, spec, client=client, **keywords), z
            )
            # A few roundings in a row of 7 classes, and the difference of logits up to 10 times as
            # large as the loss; both sides of the float64 comparison round.
            tolerance = 64 * EPSILON[dtype]
            errors = [largest_error(a, e) for a, e in zip(actual, expected)]
            checks.check(
                f"{name}, {dtype}".replace("torch.", ""),
                actual[1].shape == expected[1].shape and max(errors) <= tolerance,
                f"loss off by {errors[0]:.1e}, gradient by {errors[1]:.1e}, at most {tolerance:.1e}",
            )


# --- Two epochs of training ------------------------------------------------------------------------


def load_shuttle(rows):
    names = {}
    features, labels = [], []
    with gzip.open(DATA, "rt") as file:
        next(file)
        for line in file:
            *values, name = line.strip().split(",")
            features.append([float(value) for value in values])
            labels.append(names.setdefault(name, len(names)))
            if len(labels) == rows:
                break
    x = torch.tensor(features, dtype=torch.float64)
    return (x - x.mean(0)) / x.std(0), torch.tensor(labels)


def train(loss_function, x, labels, epochs=2, batch_size=256):
    """The loss of every step of plain gradient descent, which does not blow rounding up as Adam does
    where it divides by a small gradient."""
    torch.manual_seed(7)
    model = torch.nn.Sequential(torch.nn.Linear(9, 32), torch.nn.ReLU(), torch.nn.Linear(32, 7))
    model = model.double().to(x.dtype)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    curve = []
    for _ in range(epochs):
        for batch in torch.randperm(len(labels)).split(batch_size):
            optimiser.zero_grad()
            loss = loss_function(model(x[batch]), labels[batch])
            loss.backward()
            optimiser.step()
            curve.append(loss.item())
    return torch.tensor(curve, dtype=torch.float64)


def check_training(checks, client):
    x, labels = load_shuttle(20000)
    for name, spec, reference in (
        ("cross entropy", None, F.cross_entropy),
        ("focal", {"focal": {"gamma": 2}}, lambda z, y: focal(z, y, 2.0)),
    ):
        def remote(z, y, spec=spec):
            return lossd.torch.loss(z, y, spec, client=client)

        exact = train(reference, x, labels)
        rounded = train(reference, x.float(), labels)
        with_lossd = train(remote, x.float(), labels)
        exact_with_lossd = train(remote, x, labels)

        # How far float32 arithmetic alone takes PyTorch's own curve from the float64 one. Another
        # order of the same roundings may end up as far on the other side, and twice that.
        noise = (rounded - exact).abs().max().item()
        error = (with_lossd - exact).abs().max().item()
        checks.check(
            f"two epochs of {name}, float32",
            0 < error <= 4 * noise,
            f"{len(exact)} steps, loss {exact[0]:.4f} to {exact[-1]:.4f}; lossd off by {error:.1e}, "
            f"PyTorch itself by {noise:.1e}",
        )
        # The same growth of the rounding, from float64's.
        bound = 4 * noise * EPSILON[torch.float64] / EPSILON[torch.float32]
        error = (exact_with_lossd - exact).abs().max().item()
        checks.check(
            f"two epochs of {name}, float64", error <= bound,
            f"off by {error:.1e}, at most {bound:.1e}",
        )
        checks.check(
            f"two epochs of {name} learn", exact_with_lossd[-1] < exact_with_lossd[0] / 2,
            f"{exact_with_lossd[0]:.4f} to {exact_with_lossd[-1]:.4f}",
        )


def main():
    checks = Checks()
    with Server() as server:
        client = lossd.Client(server.address)
        check_gradients(checks, client)
        check_training(checks, client)
        check_calling(checks, server, client)
        check_compiling(checks, client)
        check_ten_lines(checks, server)
        check_ranks(checks, server)
        check_policies(checks, server)
        client.close()
    print(f"{checks.passed} passed, {checks.failed} failed, {checks.skipped} skipped")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
