"""Batches that are too large for one message, beside the same batches in one."""

import itertools

import torch

from lossd_torch import connect, lossd_loss

SMALL = 6000  # bytes of a message: the batches below need 5 to 80
SIGMOID = "ACTIVATION_SIGMOID"
BALANCED = {"classWeighting": {"scheme": {"scheme": "WEIGHT_SCHEME_BALANCED"}}}
N, C = 24, 5


def layouts(sigmoid):
    """Shapes of logits, with their class_axis."""
    yield (N * 15, C), -1
    yield (2, 12, 15, C), -1
    yield (N, C, 3, 5), 1
    if sigmoid:
        yield (N * 75,), -1


def cases():
    """name, logits, labels, spec, keywords"""
    generator = torch.Generator().manual_seed(5)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    given = {"weights": {"floatValues": (draw(C).abs() + 0.1).tolist()}}
    weightings = {
        "no": {},
        "given": {"classWeighting": given},
        "balanced": BALANCED,
    }
    for shape, axis in layouts(False):
        logits = 3 * draw(*shape)
        labels = torch.randint(C, logits.movedim(axis, -1).shape[:-1], generator=generator)
        labels = torch.where(torch.rand(labels.shape, generator=generator) < 0.2, -100, labels)
        weights = draw(*labels.shape).abs() * (torch.rand(labels.shape, generator=generator) < 0.8)
        for (name, weighting), kind in itertools.product(weightings.items(), ("no", "each", "row", "mask")):
            chosen = {"no": None, "each": weights, "row": weights.flatten(1).sum(1) if axis == 1 else
                      weights.reshape(len(weights), -1)[:, 0], "mask": weights > 0}[kind]
            yield (f"softmax {list(shape)}, {name} class weights, sample weights {kind}", logits, labels,
                   {"ignoreIndex": -100, "focal": {"gamma": 1.5}, **weighting},
                   {"class_axis": axis, "sample_weights": chosen})
        targets = 2 * draw(*shape).abs()
        yield (f"soft targets {list(shape)}", logits, targets, {"classWeighting": given},
               {"class_axis": axis, "sample_weights": weights})
    for shape, axis in layouts(True):
        logits = 3 * draw(*shape)
        labels = (draw(*shape) > 0).long()
        labels = torch.where(torch.rand(labels.shape, generator=generator) < 0.2, 255, labels)
        for chosen in (None, draw(*shape).abs().floor() / 3, draw(shape[0]).abs()):
            kind = "no" if chosen is None else list(chosen.shape)
            yield (f"sigmoid {list(shape)}, sample weights {kind}", logits, labels,
                   {"activation": SIGMOID, "ignoreIndex": 255},
                   {"class_axis": axis, "sample_weights": chosen})
        yield (f"sigmoid {list(shape)}, targets", logits, logits.sigmoid(), {"activation": SIGMOID},
               {"class_axis": axis})
    yield ("sigmoid, a class of each row", 3 * draw(N * 15, C),
           torch.randint(C + 1, (N * 15,), generator=generator),
           {"activation": SIGMOID, "ignoreIndex": C, "classWeighting": given},
           {"sample_weights": draw(N * 15).abs()})
    yield ("all ignored", 3 * draw(N * 15, C), torch.full((N * 15,), -100), {"ignoreIndex": -100}, {})


def answer(logits, labels, spec, keywords, channel):
    """Returns the loss, the gradient of Σ loss·(1, 2, …), and the number of calls."""
    z, calls = logits.clone().requires_grad_(), []
    loss = lossd_loss(z, labels, spec, channel=channel, on_answer=calls.append, **keywords)
    (loss * torch.arange(1, loss.numel() + 1).reshape(loss.shape)).sum().backward()
    return loss.detach(), z.grad, len(calls)


def same_bits(a, b):
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a, b)


def check_bits(checks, whole, small):
    for name, logits, labels, spec, keywords in cases():
        wrong, most = [], 0
        for reduction, dtype in itertools.product(
            ("none", "sum", "mean", "mean_valid"),
            (torch.float64, torch.float32, torch.float16, torch.bfloat16),
        ):
            arguments = logits.to(dtype), labels, spec, {"reduction": reduction, **keywords}
            one = answer(*arguments, whole)
            cut = answer(*arguments, small)
            most = max(most, cut[2])
            epsilon = torch.finfo(one[0].dtype).eps
            sums_agree = torch.allclose(one[0], cut[0], rtol=8 * epsilon, atol=0)
            losses_agree = same_bits(one[0], cut[0]) if reduction == "none" else sums_agree
            if one[2] != 1 or cut[2] < 2 or not same_bits(one[1], cut[1]) or not losses_agree:
                wrong.append((reduction, dtype, one[2], cut[2], one[0].sum(), cut[0].sum()))
        checks.check(f"in chunks: {name}", not wrong, wrong or f"at most {most} calls, the same bits")


def check_refusals(checks, small):
    logits, labels = torch.randn(400, C, requires_grad=True), torch.zeros(400, dtype=torch.long)
    for name, arguments, words in (
        ("mining", (logits, labels, {"mining": {"hardest": {"keepFraction": 0.5}}}),
         "loss.mining needs the whole batch"),
        ("counts of a scheme", (logits, logits.detach().softmax(-1), BALANCED),
         "loss.class_weighting.scheme.counts are needed"),
        ("a row", (torch.randn(2, 4000), torch.zeros(2, dtype=torch.long)), "a row of the batch does not fit"),
        ("labels of another shape", (logits, labels[:-1]), "labels.shape = [399] does not fit"),
    ):
        try:
            lossd_loss(*arguments, channel=small)
            checks.check(f"too large, and refused: {name}", False, "it was not")
        except ValueError as error:
            checks.check(
                f"too large, and refused: {name}",
                words in str(error) and ("shape" in words or "connect(); the server's limit" in str(error)),
                error,
            )


def check_arrays_of_classes(checks, server):
    """Statistics and class weights come with each chunk, and count against its size."""
    classes = 300
    logits = torch.randn(400, classes, dtype=torch.float16, requires_grad=True)
    labels = torch.arange(400) % classes
    small, answers = connect(server.address, max_message_bytes=64 << 10), []
    lossd_loss(logits, labels, channel=small, outputs={"classStatistics": True}, on_answer=answers.append)
    checks.check("in chunks: class statistics", len(answers) > 1 and answers[0].HasField("class_statistics"),
                 f"{len(answers)} calls")
    small.close()


def check_wrong_values(checks, small):
    logits, labels = torch.randn(400, C, requires_grad=True), torch.zeros(400, dtype=torch.long)
    for name, keywords, words in (
        ("class_axis 0", {"class_axis": 0}, "class_axis = 0, expected 1 or -1"),
        ("class_axis 2", {"class_axis": 2}, "class_axis = 2, expected 1 or -1"),
        ("a negative weight", {"sample_weights": torch.linspace(1, -0.5, 400)}, "expected finite numbers >= 0"),
    ):
        try:
            lossd_loss(logits, labels, channel=small, **keywords)
            checks.check(f"too large, and refused: {name}", False, "it was not")
        except ValueError as error:
            checks.check(f"too large, and refused: {name}", words in str(error), error)


def check_chunks(checks, server):
    whole, small = connect(server.address), connect(server.address, max_message_bytes=SMALL)
    check_bits(checks, whole, small)
    check_refusals(checks, small)
    check_wrong_values(checks, small)
    check_arrays_of_classes(checks, server)
    whole.close()
    small.close()
