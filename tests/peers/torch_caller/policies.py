"""Policy losses of lossd.torch beside autograd's, and the training that client/python/POLICY.md shows."""

import contextlib
import io
import os
import sys
import time

import torch

import lossd
import lossd.torch
from server import ROOT

sys.path.append(os.path.join(ROOT, "tests", "pages"))

import pages  # noqa: E402


def clipped(u, o, advantages, low=0.2, high=0.2, dual=None):
    r = (u - o).exp()
    value = torch.min(r * advantages, r.clamp(1 - low, 1 + high) * advantages)
    if dual is not None:
        value = torch.where(advantages < 0, torch.max(value, dual * advantages), value)
    return -value


def of_sequences(u, o, mask):
    """GSPO's log-ratio: the sequence's mean as a value, the token's as a derivative."""
    mean = (((u - o) * mask).sum(-1) / mask.sum(-1)).detach()[:, None]
    return mean + u - u.detach()


def token_mean(losses, mask):
    return (losses * mask).sum() / mask.sum()


def sequence_mean(losses, mask):
    return ((losses * mask).sum(-1) / mask.sum(-1)).mean()


def cases(u, o, f, q, a, mask):
    """name, the loss by lossd, the same by autograd"""
    t, s = lossd.torch, a[:, None]
    w = (o - q).exp()
    gate = {"tau_positive": 0.5, "tau_negative": 2.0}
    tau = torch.where(s > 0, torch.tensor(0.5).double(), torch.tensor(2.0).double())
    moved = (u.exp() - o.exp()).detach()
    kept = ~(((s > 0) & (moved > 0.05)) | ((s < 0) & (-moved > 0.05)))
    given = {"old_log_probs": o, "sample_weights": mask}
    yield "reinforce", t.reinforce(u, a, sample_weights=mask), token_mean(-s * u, mask)
    yield "importance_sampling", t.importance_sampling(u, a, **given), token_mean(-s * (u - o).exp(), mask)
    yield "ppo", t.ppo(u, a, dual_clip=1.5, **given), token_mean(clipped(u, o, s, dual=1.5), mask)
    yield "cispo", t.cispo(u, a, maximum_ratio=1.2, **given), token_mean(-(u - o).exp().detach().clamp(max=1.2) * s * u, mask)
    yield "dro", t.dro(u, a, beta=0.3, **given), token_mean(-s * u + 0.15 * (u - o) ** 2, mask)
    yield ("sapo", t.sapo(u, a, **gate, **given), token_mean(-s * 4 / tau * torch.sigmoid(tau * ((u - o).exp() - 1)), mask))
    yield ("dppo", t.dppo(u, a, threshold_low=0.05, threshold_high=0.05, **given), token_mean(-s * (u - o).exp() * kept, mask))
    yield ("GRPO", t.ppo(u, a, reduction="sequence_mean", **given), sequence_mean(clipped(u, o, s), mask))
    yield ("GSPO", t.ppo(u, a, reduction="sequence_mean", ratio={"level": "sequence"}, **given),
           sequence_mean(clipped(of_sequences(u, o, mask), 0, s), mask))
    yield ("a penalty", t.ppo(u, a, reference_log_probs=f, kl_penalty={"coefficient": 0.1}, **given),
           token_mean(clipped(u, o, s) + 0.1 * ((f - u).exp() - 1 - (f - u)), mask))
    yield ("importance weights", t.ppo(u, a, sampler_log_probs=q, importance_weighting={"maximum": 1.5}, **given),
           token_mean(clipped(u, o, s * w.clamp(max=1.5)), mask))
    yield ("packed", t.ppo(u.flatten(), a, old_log_probs=o.flatten(), sample_weights=mask.flatten(),
                           sequence_lengths=torch.full((len(a),), u.shape[1]), reduction="sequence_mean"),
           sequence_mean(clipped(u, o, s), mask))
    module = t.PpoLoss(epsilon_high=0.5, reduction="sum")
    yield "a module", module(u, a, **given), (clipped(u, o, s, high=0.5) * mask).sum()


def gradient_of(loss, u):
    (found,) = torch.autograd.grad(loss, u)
    return found


def check_losses(checks):
    generator = torch.Generator().manual_seed(5)

    def draw(*shape):
        return -torch.randn(*shape, generator=generator, dtype=torch.float64).abs()

    u = draw(6, 9).requires_grad_()
    o, f, q = (u.detach() + 0.3 * draw(6, 9) + 0.2 for _ in range(3))
    a = torch.randn(6, generator=generator, dtype=torch.float64)
    mask = (torch.rand(6, 9, generator=generator) < 0.8).double()
    mask[:, 0] = 1
    for name, ours, theirs in cases(u, o, f, q, a, mask):
        error = (gradient_of(ours, u) - gradient_of(theirs, u)).abs().max().item()
        checks.check(f"policy: {name}", abs(ours.item() - theirs.item()) <= 1e-13 and error <= 1e-13,
                     f"loss {theirs.item():.6f}, gradient off by {error:.1e}")
    logits = torch.randn(6, 9, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(5, (6, 9), generator=generator)
    chosen = logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    ours = lossd.torch.ppo(logits, a, old_log_probs=o, sample_weights=mask, labels=labels)
    theirs = token_mean(clipped(chosen, o, a[:, None]), mask)
    error = (gradient_of(ours, logits) - gradient_of(theirs, logits)).abs().max().item()
    checks.check("policy: logits beside labels", error <= 1e-13, f"gradient off by {error:.1e}")


def check_arguments(checks):
    u = torch.full((2, 3), -1.0, requires_grad=True)
    old = torch.tensor([[-1.0, -1.0, float("nan")], [-1.0, float("inf"), -2.0]])
    mask = old.isfinite()
    seen = []
    loss = lossd.torch.ppo(u, torch.tensor([1, -1]), old_log_probs=old, sample_weights=mask, on_result=seen.append,
                           outputs={"policy_statistics": True})  # fmt: skip
    loss.backward()
    checks.check("policy: what is masked is not read", bool(u.grad.isfinite().all()) and not u.grad[0, 2].item(),
                 u.grad.tolist())
    checks.check("policy: on_result sees the statistics", seen[0].policy_statistics.ratio_max > 2,
                 seen[0].policy_statistics.ratio_max)
    losses = lossd.torch.dro(u, torch.ones(2), old_log_probs=u.detach(), reduction="none")
    checks.check("policy: losses of tokens", losses.shape == u.shape, tuple(losses.shape))
    for name, call in (
        ("advantages that need a gradient", lambda: lossd.torch.reinforce(u, u)),
        ("a misspelt parameter", lambda: lossd.torch.PpoLoss(epsilon_hihg=0.3)),
        ("no old log-probabilities", lambda: lossd.torch.policy(u, torch.ones(2), {"ppo": {}})),
    ):
        try:
            call()
            checks.check(f"policy: {name}", False, "no error")
        except lossd.InvalidArgument as error:
            checks.check(f"policy: {name} is refused", True, error)


def check_training(checks):
    """Runs the page's two examples, which are one program."""
    code = "\n".join("\n".join(block.lines) for block in pages.blocks("client/python/POLICY.md", "python"))
    torch.manual_seed(1)
    names, printed, begin = {"__name__": "example"}, io.StringIO(), time.monotonic()
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    seconds = time.monotonic() - begin
    rewards, divergences = names["rewards"], names["divergences"]
    checks.check("GRPO by lossd learns", rewards[0] < 0.3 < 0.8 < rewards[-1],
                 f"reward {rewards[0]:.3f} to {rewards[-1]:.3f}")
    checks.check("on-policy distillation by lossd learns", divergences[-1] < divergences[0] / 4,
                 f"divergence {divergences[0]:.3f} to {divergences[-1]:.3f}")
    checks.check("the two take less than a minute", seconds < 60, f"{seconds:.1f} s; {printed.getvalue().strip()!r}")


def check_policies(checks, server):
    os.environ["LOSSD_ADDRESS"] = server.address
    check_losses(checks)
    check_arguments(checks)
    check_training(checks)
