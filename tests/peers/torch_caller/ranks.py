"""Two ranks of DistributedDataParallel with a normalizer, beside one process with the whole batch."""

import os
import sys
import tempfile

import torch
import torch.distributed
import torch.multiprocessing

import lossd.torch
from server import ROOT

sys.path.append(os.path.join(ROOT, "tests", "pages"))

import pages  # noqa: E402

SIZES = (5, 11)  # ranks whose batches differ, and so do their divisors


def batch():
    generator = torch.Generator().manual_seed(3)
    x, labels = torch.randn(16, 9, generator=generator), torch.arange(16) % 7
    labels[::3] = -100
    return x, labels


def model():
    torch.manual_seed(1)
    return torch.nn.Linear(9, 7)


def loss_of():
    (code,) = ["\n".join(b.lines) for b in pages.blocks("client/python/README.md", "python")
               if "all_reduce" in "\n".join(b.lines)]
    names = {"torch": torch, "lossd": lossd}
    exec(code, names)
    return names["loss_of"]


def run_rank(rank, folder):
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=len(SIZES))
    parallel = torch.nn.parallel.DistributedDataParallel(model())
    x, labels = batch()
    rows = slice(sum(SIZES[:rank]), sum(SIZES[: rank + 1]))
    loss_of()(parallel(x[rows]), labels[rows]).backward()
    if rank == 0:
        torch.save(parallel.module.weight.grad, os.path.join(folder, "gradient.pt"))
    torch.distributed.destroy_process_group()


def check_ranks(checks, server):
    os.environ["LOSSD_ADDRESS"] = server.address
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(run_rank, (folder,), nprocs=len(SIZES))
        found = torch.load(os.path.join(folder, "gradient.pt"))
    whole, (x, labels) = model(), batch()
    lossd.torch.cross_entropy(whole(x), labels, ignore_index=-100).backward()
    error = (found - whole.weight.grad).abs().max().item()
    checks.check("two ranks have the whole batch's gradient", error < 1e-6, f"off by {error:.1e}")
