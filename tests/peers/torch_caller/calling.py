"""What a caller of lossd_loss meets beside the numbers: types, arguments, errors."""

import os

import grpc
import torch
import torch.nn.functional as F

from lossd.v1 import compute_pb2
from lossd_torch import connect, lossd_loss
from server import Server

LABELS = torch.tensor([0, 2])


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(8))


def gradient(logits, *arguments, scale=1.0, **keywords):
    z = logits.clone().requires_grad_()
    (scale * lossd_loss(z, *arguments, **keywords)).sum().backward()
    return z.grad


def check_fails(checks, name, kind, words, call):
    try:
        call()
        checks.check(name, False, "no error")
    except kind as error:
        text = error.details() if isinstance(error, grpc.RpcError) else str(error)
        checks.check(name, all(word in text for word in words), text)


def check_small(checks, server, channel):
    os.environ["LOSSD_ADDRESS"] = server.address
    loss = lossd_loss(torch.zeros(2, 3), LABELS)
    checks.check("LOSSD_ADDRESS; logits that need no gradient", not loss.requires_grad, f"loss {loss.item():.6f}")

    empty = torch.zeros(0, 3, requires_grad=True)
    loss = lossd_loss(empty, torch.zeros(0, dtype=torch.int64), channel=channel)
    loss.backward()
    checks.check("an empty batch", loss.item() == 0 and empty.grad.shape == (0, 3), loss.item())


def check_types(checks, channel):
    z16 = torch.tensor([[2.0, -1.5, 0.25], [0.0, 3.0, -4.0]], dtype=torch.bfloat16)
    ours, theirs = z16.clone().requires_grad_(), z16.float().requires_grad_()
    loss = lossd_loss(ours, LABELS, channel=channel)
    loss.backward()
    exact = F.cross_entropy(theirs, LABELS)
    exact.backward()
    checks.check(
        "bfloat16 logits travel as they are: float32's loss, and its gradient rounded once",
        loss.dtype is torch.float32
        and torch.allclose(loss, exact, rtol=1e-6)
        and ours.grad.dtype is torch.bfloat16
        and torch.allclose(ours.grad.float(), theirs.grad, rtol=2**-8, atol=0),
        f"loss {loss.item():.6f}, gradient {ours.grad.tolist()}",
    )

    # Its gradient without the scale is below float16's smallest number.
    sure = torch.tensor([[18.0, 0.0]], dtype=torch.float16)
    scaled = gradient(sure, LABELS[:1], scale=65536.0, channel=channel)
    expected = gradient(sure.float(), LABELS[:1], scale=65536.0, channel=channel).half()
    checks.check("a loss scale reaches a float16 gradient before it is rounded",
                 scaled.dtype is torch.float16 and torch.equal(scaled, expected) and scaled.abs().min() > 0, scaled)

    # transformers#8632: what an autocast region makes has 16 bits.
    for dtype in (torch.float16, torch.bfloat16):
        logits, targets = draw(6, 4).to(dtype), draw(6, 4).abs().to(dtype)
        weights = draw(6).abs().to(dtype)
        keywords = {"channel": channel, "reduction": "none"}
        narrow = lossd_loss(logits, targets, sample_weights=weights, **keywords)
        wide = lossd_loss(logits.float(), targets.float(), sample_weights=weights.float(), **keywords)
        checks.check(f"{dtype} logits, targets and sample weights".replace("torch.", ""), torch.equal(narrow, wide),
                     narrow)

    mask = torch.tensor([True, False])
    losses = [lossd_loss(draw(2, 3), LABELS, sample_weights=w, channel=channel) for w in
              (mask, mask.long(), mask.to(torch.uint8), mask.float())]
    checks.check("a mask as sample weights", len({loss.item() for loss in losses}) == 1, losses[0])
    check_fails(checks, "complex targets", TypeError, ("complex",),
                lambda: lossd_loss(draw(2, 3), draw(2, 3).to(torch.complex64), channel=channel))


def check_arguments(checks, channel):
    # torchtitan#2206: a mean over the tokens of all micro-batches and ranks.
    logits, labels = draw(50, 7), torch.arange(50) % 7
    labels[::3] = -100
    spec, valid = {"ignoreIndex": -100}, (labels != -100).sum()
    whole = gradient(logits, labels, spec, channel=channel)
    parts = [gradient(logits[s], labels[s], spec, normalizer=n, channel=channel)
             for s, n in ((slice(0, 9), valid), (slice(9, 50), valid.item()))]
    checks.check("normalizer: micro-batches have the whole batch's gradient", torch.equal(whole, torch.cat(parts)),
                 f"of {valid.item()} tokens")

    images, classes = draw(2, 5, 3, 4).double(), torch.arange(24).reshape(2, 3, 4) % 5
    for reduction in ("mean", "none"):
        ours, theirs = (images.clone().requires_grad_() for _ in range(2))
        losses = (lossd_loss(ours, classes, class_axis=1, reduction=reduction, channel=channel),
                  F.cross_entropy(theirs, classes, reduction=reduction))
        for loss in losses:
            (loss * torch.arange(1, loss.numel() + 1).reshape(loss.shape)).sum().backward()
        checks.check(f"class_axis 1, {reduction}", torch.allclose(*losses, rtol=1e-14)
                     and torch.allclose(ours.grad, theirs.grad, rtol=1e-12, atol=1e-15), losses[0].sum())

    answers, outputs = [], compute_pb2.OutputOptions(class_statistics=True, top_k=[1])
    for asked in (outputs, {"classStatistics": True, "topK": [1]}):
        lossd_loss(draw(2, 3).requires_grad_(), LABELS, outputs=asked, on_answer=answers.append, channel=channel)
    checks.check(
        "on_answer gets what outputs asks for, and outputs stays as it was",
        answers[0] == answers[1] and len(answers[0].top_k_correct) == 1
        and list(answers[0].class_statistics.count) == [1, 0, 1] and not outputs.gradient,
        answers[0].top_k_correct,
    )
    with torch.no_grad():
        lossd_loss(draw(2, 3).requires_grad_(), LABELS, on_answer=answers.append, channel=channel)
    checks.check("without grad mode no gradient travels", not answers[-1].HasField("gradient"), "")


def check_errors(checks, channel):
    z = torch.zeros(2, 3, requires_grad=True)
    check_fails(checks, "a label out of range is refused", grpc.RpcError, ("labels[1]",),
                lambda: lossd_loss(z, torch.tensor([0, 3]), channel=channel))
    check_fails(checks, "a reduction that is none", ValueError, ("'avg'", "mean_valid"),
                lambda: lossd_loss(z, LABELS, reduction="avg", channel=channel))
    for name, arguments in (
        ("labels", {"labels": torch.ones(2, 3, requires_grad=True)}),
        ("sample_weights", {"labels": LABELS, "sample_weights": torch.ones(2, requires_grad=True)}),
        ("normalizer", {"labels": LABELS, "normalizer": torch.ones((), requires_grad=True)}),
    ):
        check_fails(checks, f"{name} with a gradient", ValueError, (name, "requires a gradient", "detach()"),
                    lambda: lossd_loss(z, channel=channel, **arguments))  # noqa: B023
        with torch.no_grad():
            loss = lossd_loss(z, channel=channel, **arguments)
        checks.check(f"{name} with a gradient that nobody asks for", loss.isfinite(), loss)


def check_limits(checks, server):
    large = torch.zeros(1000, 20, requires_grad=True), torch.zeros(1000, dtype=torch.int64)
    words = ("max_message_bytes", "--max-message-bytes")
    for side in ("send", "receive"):
        options = [("grpc.enable_http_proxy", 0), (f"grpc.max_{side}_message_length", 50_000)]
        with grpc.insecure_channel(server.address, options=options) as foreign:
            check_fails(checks, f"a channel of the caller's own, with a limit to {side}", grpc.RpcError,
                        ("larger than max", *words), lambda: lossd_loss(*large, channel=foreign))  # noqa: B023
    with Server("--max-message-bytes", "64KiB") as narrow:
        with connect(narrow.address) as channel:
            check_fails(checks, "a server with a lower limit", grpc.RpcError, ("65536", *words),
                        lambda: lossd_loss(*large, channel=channel))
        with connect(narrow.address, 64 << 10) as channel:
            loss = lossd_loss(*large, channel=channel)
            checks.check("the same limit here cuts the batch",
                         abs(loss.item() - torch.tensor(20.0).log()) < 1e-6, loss)
            large[1][900] = 20
            check_fails(checks, "rows of a chunk", grpc.RpcError, ("= 20 is not in [0, 20)", "count from its row"),
                        lambda: lossd_loss(*large, channel=channel))


def check_calling(checks, server, channel):
    check_small(checks, server, channel)
    check_types(checks, channel)
    check_arguments(checks, channel)
    check_errors(checks, channel)
    check_limits(checks, server)
