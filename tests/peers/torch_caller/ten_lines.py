"""Trains in the lines of client/python/README.md, beside PyTorch's own loss with five seeds."""

import os
import sys

import torch
import torch.nn.functional as F

import lossd
from server import ROOT, Checks, Server

sys.path.append(os.path.join(ROOT, "tests", "pages"))

import pages  # noqa: E402

BATCHES = 300


def check_ten_lines(checks, server):
    (code,) = [block.lines for block in pages.blocks("client/python/README.md", "python")
               if "optimiser.step()" in "\n".join(block.lines)]
    lines = [line for line in code if line.strip() and not line.lstrip().startswith("#")]
    checks.check("ten lines and the imports", len(lines) <= 10, f"{len(lines)} lines")
    os.environ["LOSSD_ADDRESS"] = server.address
    own = "\n".join(code).replace("lossd.torch.FocalLoss(gamma=2)", "built_in")
    finals = {name: [train(text, seed) for seed in range(5)] for name, text in (("lossd", "\n".join(code)), ("own", own))}
    spread = max(finals["own"]) - min(finals["own"])
    worst = max(abs(ours - theirs) for ours, theirs in zip(finals["lossd"], finals["own"]))
    checks.check("the loss at the end is within the spread of five seeds", worst <= spread,
                 f"off by {worst:.1e}, spread {spread:.1e}, {finals['own'][0]:.4f}")


def built_in(z, y):
    p = F.softmax(z, -1).gather(1, y[:, None])[:, 0]
    return (-((1 - p) ** 2) * p.log()).mean()


def train(code, seed):
    """Returns the loss of the model that the code makes, on what it trained with."""
    generator = torch.Generator().manual_seed(7)
    centres = 2 * torch.randn(7, 9, generator=generator)
    y = torch.randint(7, (BATCHES, 32), generator=generator)
    x = centres[y] + torch.randn(BATCHES, 32, 9, generator=generator)
    torch.manual_seed(seed)
    names = {"loader": list(zip(x, y)), "built_in": built_in}
    exec(code, names)
    with torch.no_grad():
        return built_in(names["model"](x.flatten(0, 1)), y.flatten()).item()


def main():
    checks = Checks()
    with Server() as server:
        check_ten_lines(checks, server)
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
