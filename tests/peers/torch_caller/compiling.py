"""The losses inside torch.compile, from PyTorch 2.4 on."""

import copy

import torch

import lossd
import lossd.runs
import lossd.torch
from lossd.torch import _op

Y = torch.tensor([0, 1, 2, 3, 0, 1])


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def gradients(function, x):
    z = x.clone().requires_grad_()
    value = function(z)
    value.sum().backward()
    return value.detach(), z.grad


def same(ours, theirs):
    return all(torch.equal(a, b) for a, b in zip(ours, theirs))


def check_run(checks, client, x, module):
    def record(z, step, rate):
        return module(2 * z, Y, run="compiled", sample_ids=Y, step=step, learning_rate=rate)

    torch._dynamo.reset()
    compiled = torch.compile(record, fullgraph=True, backend="aot_eager")
    for step in range(20):
        z = x.clone().requires_grad_()
        compiled(z, torch.tensor(step), torch.tensor(0.5)).backward()
    run = lossd.runs.show("compiled", client=client)
    checks.check("a compiled loss is recorded at each step, under a name of its own",
                 run.presentation_count == 20 * len(Y) and len(run.points) == 20, run.presentation_count)


def check_compiling(checks, client):
    if not _op.HAS_CUSTOM_OPS:
        checks.skip("torch.compile", f"custom operators come with PyTorch 2.4, this is {torch.__version__}")
        return
    x, module = draw(6, 4), lossd.torch.FocalLoss(gamma=1.5, client=client)
    cases = {
        "a module": lambda z: module(2 * z, Y),
        "a function": lambda z: lossd.torch.focal(2 * z, Y, gamma=1.5, client=client),
        "losses": lambda z: lossd.torch.loss(2 * z, Y, "poly1", reduction="none", client=client),
        "weights and normalizer": lambda z: module(2 * z, Y, sample_weights=Y != 0, normalizer=(Y != 0).sum()),
        "targets": lambda z: lossd.torch.asymmetric(2 * z, (z > 0).double().detach(), client=client),
        "a teacher's logits": lambda z: lossd.torch.kl_divergence(2 * z, teacher_logits=-z.detach(), client=client),
        "a transposed layout": lambda z: module((2 * z).t().contiguous().t(), Y),
    }
    for name, function in cases.items():
        torch._dynamo.reset()
        compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
        checks.check(f"compiled without a break: {name}", same(gradients(compiled, x), gradients(function, x)), "")
        with torch.no_grad():
            checks.check(f"and without a gradient: {name}", torch.equal(compiled(x), function(x)), "")
    check_run(checks, client, x, module)
    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(lossd.torch.FocalLoss(gamma=1.5, client=client)), fullgraph=True,
                             backend="aot_eager")
    checks.check("a copy whose original is gone", torch.equal(compiled(x, Y), module(x, Y)), "")
    half = x.half()
    compiled = torch.compile(cases["a module"], fullgraph=True, backend="aot_eager")
    checks.check("compiled float16", same(gradients(compiled, half), gradients(cases["a module"], half)), "")
    key = module._prepared.key
    for wanted in (False, True):
        given = (x.clone().requires_grad_(wanted), Y, None, None, key, wanted)
        found = torch.library.opcheck(torch.ops.lossd.loss.default, given)
        checks.check(f"PyTorch's own checks of the operator, gradient {wanted}", set(found.values()) == {"SUCCESS"}, found)
