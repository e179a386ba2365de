"""What a caller of lossd.torch meets beside the numbers: types, arguments, layouts, errors, scales, the compiler."""

import copy
import os
import pickle
import unittest.mock

import torch
import torch.nn.functional as F

import lossd
import lossd.runs
import lossd.torch

LABELS = torch.tensor([0, 2])


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(8))


def gradient(logits, *arguments, scale=1.0, **keywords):
    z = logits.clone().requires_grad_()
    (scale * lossd.torch.loss(z, *arguments, **keywords)).sum().backward()
    return z.grad


def check_fails(checks, name, kind, words, call):
    try:
        call()
        checks.check(name, False, "no error")
    except kind as error:
        checks.check(name, all(word in str(error) for word in words), error)


def check_small(checks, server, client):
    os.environ["LOSSD_ADDRESS"] = server.address
    loss = lossd.torch.loss(torch.zeros(2, 3), LABELS)
    checks.check("LOSSD_ADDRESS; logits that need no gradient", not loss.requires_grad, f"loss {loss.item():.6f}")

    empty = torch.zeros(0, 3, requires_grad=True)
    loss = lossd.torch.loss(empty, torch.zeros(0, dtype=torch.int64), client=client)
    loss.backward()
    checks.check("an empty batch", loss.item() == 0 and empty.grad.shape == (0, 3), loss.item())


def check_types(checks, client):
    z16 = torch.tensor([[2.0, -1.5, 0.25], [0.0, 3.0, -4.0]], dtype=torch.bfloat16)
    ours, theirs = z16.clone().requires_grad_(), z16.float().requires_grad_()
    loss = lossd.torch.loss(ours, LABELS, client=client)
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
    scaled = gradient(sure, LABELS[:1], scale=65536.0, client=client)
    expected = gradient(sure.float(), LABELS[:1], scale=65536.0, client=client).half()
    checks.check("a loss scale reaches a float16 gradient before it is rounded",
                 scaled.dtype is torch.float16 and torch.equal(scaled, expected) and scaled.abs().min() > 0, scaled)

    # transformers#8632: what an autocast region makes has 16 bits.
    for dtype in (torch.float16, torch.bfloat16):
        logits, targets = draw(6, 4).to(dtype), draw(6, 4).abs().to(dtype)
        weights = draw(6).abs().to(dtype)
        keywords = {"client": client, "reduction": "none"}
        narrow = lossd.torch.loss(logits, targets, sample_weights=weights, **keywords)
        wide = lossd.torch.loss(logits.float(), targets.float(), sample_weights=weights.float(), **keywords)
        checks.check(f"{dtype} logits, targets and sample weights".replace("torch.", ""), torch.equal(narrow, wide),
                     narrow)

    mask = torch.tensor([True, False])
    losses = [lossd.torch.loss(draw(2, 3), LABELS, sample_weights=w, client=client) for w in
              (mask, mask.long(), mask.to(torch.uint8), mask.float())]
    checks.check("a mask as sample weights", len({loss.item() for loss in losses}) == 1, losses[0])
    for dtype in (torch.int8, torch.uint8, torch.int16, torch.int32):
        checks.check(f"labels of {dtype}", torch.equal(
            gradient(draw(2, 3), LABELS.to(dtype), client=client), gradient(draw(2, 3), LABELS, client=client)), "")
    check_fails(checks, "complex targets", lossd.InvalidArgument, ("labels", "complex"),
                lambda: lossd.torch.loss(draw(2, 3), draw(2, 3).to(torch.complex64), client=client))


def check_layouts(checks, client):
    z, labels = draw(3, 4, 5), torch.arange(15).reshape(3, 5) % 4
    wanted = gradient(z.movedim(1, -1).contiguous(), labels, client=client)
    for name, strided in (("transposed", z.movedim(1, -1)), ("every second", draw(6, 5, 4)[::2]),
                          ("bfloat16, transposed", z.movedim(1, -1).bfloat16())):
        same = gradient(strided.contiguous(), labels, client=client)
        found = gradient(strided, labels, client=client)
        checks.check(f"logits that are not contiguous: {name}", torch.equal(found, same), found.shape)
    ours = gradient(z, labels, class_axis=1, client=client).movedim(1, -1)
    checks.check("and with class_axis 1 the same bits", torch.equal(ours, wanted), ours.shape)


def check_arguments(checks, client):
    # torchtitan#2206: a mean over the tokens of all micro-batches and ranks.
    logits, labels = draw(50, 7), torch.arange(50) % 7
    labels[::3] = -100
    spec, valid = {"ignore_index": -100}, (labels != -100).sum()
    whole = gradient(logits, labels, spec, client=client)
    parts = [gradient(logits[s], labels[s], spec, normalizer=n, client=client)
             for s, n in ((slice(0, 9), valid), (slice(9, 50), valid.item()))]
    checks.check("normalizer: micro-batches have the whole batch's gradient", torch.equal(whole, torch.cat(parts)),
                 f"of {valid.item()} tokens")

    images, classes = draw(2, 5, 3, 4).double(), torch.arange(24).reshape(2, 3, 4) % 5
    for reduction in ("mean", "none"):
        ours, theirs = (images.clone().requires_grad_() for _ in range(2))
        losses = (lossd.torch.loss(ours, classes, class_axis=1, reduction=reduction, client=client),
                  F.cross_entropy(theirs, classes, reduction=reduction))
        for loss in losses:
            (loss * torch.arange(1, loss.numel() + 1).reshape(loss.shape)).sum().backward()
        checks.check(f"class_axis 1, {reduction}", torch.allclose(*losses, rtol=1e-14)
                     and torch.allclose(ours.grad, theirs.grad, rtol=1e-12, atol=1e-15), losses[0].sum())

    results = []
    lossd.torch.loss(draw(2, 3).requires_grad_(), LABELS, outputs={"class_statistics": True, "top_k": [1]},
                     on_result=results.append, client=client)
    checks.check(
        "on_result gets what outputs asks for",
        len(results[0].top_k_correct) == 1 and results[0].class_statistics.count.tolist() == [1, 0, 1],
        results[0].top_k_correct,
    )
    with torch.no_grad():
        lossd.torch.loss(draw(2, 3).requires_grad_(), LABELS, on_result=results.append, client=client)
    checks.check("without grad mode no gradient travels", results[-1].gradient is None, "")


def check_errors(checks, client):
    z = torch.zeros(2, 3, requires_grad=True)
    check_fails(checks, "logits of whole numbers are refused", ValueError, ("logits has elements of type torch.int64",),
                lambda: lossd.torch.loss(torch.zeros(2, 4, dtype=torch.int64), LABELS, client=client))
    check_fails(checks, "a label out of range is refused", lossd.InvalidArgument, ("labels[1]",),
                lambda: lossd.torch.loss(z, torch.tensor([0, 3]), client=client))
    check_fails(checks, "a reduction that is none", ValueError, ("'avg'", "mean_valid"),
                lambda: lossd.torch.loss(z, LABELS, reduction="avg", client=client))
    check_fails(checks, "an argument that is none", ValueError, ("did you mean label_smoothing?",),
                lambda: lossd.torch.focal(z, LABELS, lable_smoothing=0.1, client=client))
    check_fails(checks, "an axis that is none", ValueError, ("class_axis = 2",),
                lambda: lossd.torch.loss(z, LABELS, class_axis=2, client=client))
    for name, arguments in (
        ("labels", {"labels": torch.ones(2, 3, requires_grad=True)}),
        ("sample_weights", {"labels": LABELS, "sample_weights": torch.ones(2, requires_grad=True)}),
        ("normalizer", {"labels": LABELS, "normalizer": torch.ones((), requires_grad=True)}),
    ):
        check_fails(checks, f"{name} with a gradient", ValueError, (name, "requires a gradient", "detach()"),
                    lambda: lossd.torch.loss(z, client=client, **arguments))  # noqa: B023
        with torch.no_grad():
            loss = lossd.torch.loss(z, client=client, **arguments)
        checks.check(f"{name} with a gradient that nobody asks for", loss.isfinite(), loss)
    twice = gradient_of_a_gradient(client)
    checks.check("a second derivative is refused and not wrong", "first derivatives alone" in twice, twice)


def gradient_of_a_gradient(client):
    z = torch.zeros(2, 3, requires_grad=True)
    (first,) = torch.autograd.grad(lossd.torch.loss(z, LABELS, client=client), z, create_graph=True)
    try:
        first.sum().backward()
        return "no error"
    except RuntimeError as error:
        return str(error)


def check_autograd(checks, client):
    z, labels = draw(4, 3).double().requires_grad_(), torch.tensor([0, 2, 1, 0])
    for reduction in ("none", "mean", "sum"):
        for form in ("cross_entropy", "focal", "squared_error", "poly1", "generalized_cross_entropy"):
            holds = torch.autograd.gradcheck(
                lambda x: lossd.torch.loss(x, labels, form, reduction=reduction, client=client), (z,))  # noqa: B023
            checks.check(f"gradcheck of {form}, {reduction}", holds, "")
    targets = draw(4, 3).double().sigmoid()
    for form in ("asymmetric", "quality_focal", "varifocal", "focal_star", "squared_margin", "jensen_shannon",
                 "reverse_kl_divergence"):
        activation = "softmax" if form in ("jensen_shannon", "reverse_kl_divergence") else "sigmoid"
        y = targets.softmax(-1) if activation == "softmax" else targets
        holds = torch.autograd.gradcheck(
            lambda x: lossd.torch.loss(x, y, form, activation=activation, client=client), (z,))  # noqa: B023
        checks.check(f"gradcheck of {form}", holds, "")
    teacher, options = draw(4, 3).double(), {"temperature": 2.0, "teacher": {"scale_by_squared_temperature": True}}
    for form in ("kl_divergence", "jensen_shannon", "reverse_kl_divergence"):
        holds = torch.autograd.gradcheck(
            lambda x: lossd.torch.loss(x, None, form, teacher_logits=teacher, client=client, **options), (z,))  # noqa: B023
        checks.check(f"gradcheck of {form} beside a teacher", holds, "")


FORMS = {
    "CrossEntropyLoss": {}, "FocalLoss": {"gamma": 1.5}, "SquaredErrorLoss": {}, "KlDivergenceLoss": {},
    "Poly1Loss": {"epsilon": 2.0}, "GeneralizedCrossEntropyLoss": {"q": 0.5},
    "SymmetricCrossEntropyLoss": {"alpha": 0.2, "beta": 0.8, "log_zero": -3.0},
    "AsymmetricLoss": {"gamma_positive": 1.0, "gamma_negative": 3.0, "margin": 0.1, "detach_focusing": True},
    "QualityFocalLoss": {"beta": 1.5}, "VarifocalLoss": {"alpha": 0.5, "gamma": 1.5},
    "FocalStarLoss": {"gamma": 3.0, "beta": 0.5}, "JensenShannonLoss": {"beta": 0.25}, "HingeLoss": {"margin": 0.5},
    "SquaredMarginLoss": {"target": 2.0}, "ReverseKlDivergenceLoss": {},
}  # fmt: skip


# Those of log-probabilities, which policies.py tries.
POLICIES = ("ImportanceSamplingLoss", "PpoLoss", "CispoLoss", "DroLoss", "SapoLoss", "DppoLoss")


def check_forms(checks, client):
    wanted = {loss.name for loss in client.losses()}
    found = {"".join("_" + c.lower() if c.isupper() else c for c in name[:-4])[1:]: name
             for name in (*FORMS, *POLICIES)}
    checks.check("each loss of the catalogue is a function and a module",
                 wanted == set(found) and all(hasattr(lossd.torch, name) for name in (*wanted, *POLICIES)), wanted)
    for form, name in found.items():
        parameters = FORMS.get(name)
        if parameters is None:
            continue
        z, y = draw(6, 4), (draw(6, 4) > 0).float() if "sigmoid" in activations(client, form) else None
        y = torch.arange(6) % 4 if "softmax" in activations(client, form) else y
        y = draw(6, 4).softmax(-1) if form == "reverse_kl_divergence" else y
        by_spec = lossd.torch.loss(z, y, {form: parameters, "label_smoothing": 0.0}, client=client)
        by_name = getattr(lossd.torch, form)(z, y, client=client, **parameters)
        module = getattr(lossd.torch, name)(client=client, **parameters)
        defaults = getattr(lossd.torch, name)(client=client)(z, y)
        checks.check(
            f"{form}: function, module and spec agree, and the defaults are the server's",
            by_spec == by_name == module(z, y) and copy.deepcopy(module)(z, y) == by_name
            and defaults == lossd.torch.loss(z, y, form, client=client) and form in repr(module), by_name.item())


def activations(client, form):
    return next(loss.activations for loss in client.losses() if loss.name == form)


def check_module(checks, client):
    z, y, weights = draw(6, 4), torch.arange(6) % 4, torch.tensor([1.0, 2, 3, 4])
    module = lossd.torch.CrossEntropyLoss(class_weighting={"weights": weights}, label_smoothing=0.1, client=client)
    theirs = torch.nn.CrossEntropyLoss(weight=weights, label_smoothing=0.1)
    checks.check("a module takes LossSpec's fields", torch.allclose(module(z, y), theirs(z, y), rtol=1e-5), module(z, y))
    kept = pickle.loads(pickle.dumps(lossd.torch.FocalLoss(gamma=1.5, class_weighting={"weights": weights})))
    expected = lossd.torch.focal(z, y, gamma=1.5, class_weighting={"weights": weights}, client=client)
    checks.check("a module can be kept with its model", torch.equal(kept(z, y), expected), kept)
    check_fails(checks, "but not its client", TypeError, ("one in each process",), lambda: pickle.dumps(module))
    check_fails(checks, "and checks them when it is made", ValueError, ("loss.focl",),
                lambda: lossd.torch.Loss({"focl": {}}))
    with unittest.mock.patch.object(client, "_compute_batch", wraps=client._compute_batch) as calls:
        loss = module(z.requires_grad_(), y)
        loss.backward()
        checks.check("forward makes one call, backward none", calls.call_count == 1, calls.call_count)


def check_runs(checks, client):
    z, y, ids = draw(6, 4).requires_grad_(), torch.arange(6) % 4, torch.arange(10, 16)
    module = lossd.torch.FocalLoss(gamma=2, client=client)
    module(z, y, run="torch", sample_ids=ids, step=3, learning_rate=0.5).backward()
    module(z, y, run="torch", sample_ids=ids, request_id="mine", step=torch.tensor(4), epoch=torch.tensor(7))
    lossd.torch.focal(z, y, gamma=2, client=client, run="torch", sample_ids=ids, request_id="mine")
    module(z, y)
    run = lossd.runs.show("torch", client=client)
    told = [(point.first_step, point.epoch, point.learning_rate) for point in run.points]
    checks.check("a run has each batch that names it, once by its request_id",
                 told == [(3, 1, 0.5), (4, 7, None)] and run.presentation_count == 12, told)
    columns = lossd.runs.columns("torch", client=client)
    margins = client.compute(z.detach().numpy(), y.numpy(), outputs={"margin": True}).margin
    checks.check("and its samples", dict(zip(columns["id"], columns["mean_margin"])) == dict(zip(range(10, 16), margins)),
                 columns["id"])
    check_fails(checks, "a misspelt name of its arguments", lossd.InvalidArgument, ("did you mean sample_ids",),
                lambda: lossd.torch.loss(z, y, client=client, run="torch", sample_idss=ids))


def check_mixed_precision(checks, client):
    torch.manual_seed(2)
    model, x, y = torch.nn.Linear(5, 4), draw(6, 5), torch.arange(6) % 4
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(x)
        loss = lossd.torch.cross_entropy(logits, y, client=client)
        theirs = F.cross_entropy(logits.float(), y)
    (ours,) = torch.autograd.grad(loss, model.weight, retain_graph=True)
    (expected,) = torch.autograd.grad(theirs, model.weight)
    checks.check("autocast: bfloat16 logits as they come", logits.dtype is torch.bfloat16
                 and torch.allclose(ours, expected, rtol=2e-2, atol=1e-3), loss.item())
    if not hasattr(torch, "amp") or not hasattr(torch.amp, "GradScaler"):
        checks.skip("GradScaler", f"before PyTorch 2.3 it scales on a GPU alone, this is {torch.__version__}")
        return
    finals = []
    for function in (F.cross_entropy, lambda z, t: lossd.torch.cross_entropy(z, t, client=client)):
        torch.manual_seed(2)
        model = torch.nn.Linear(5, 4)
        optimiser, scaler = torch.optim.SGD(model.parameters(), lr=0.5), torch.amp.GradScaler("cpu", init_scale=1024.0)
        for _ in range(5):
            optimiser.zero_grad()
            scaler.scale(function(model(x), y)).backward()
            scaler.step(optimiser)
            scaler.update()
        finals.append(model.weight.detach())
    checks.check("GradScaler", torch.allclose(*finals, rtol=1e-5, atol=1e-6), (finals[0] - finals[1]).abs().max())


def check_calling(checks, server, client):
    check_small(checks, server, client)
    check_types(checks, client)
    check_layouts(checks, client)
    check_arguments(checks, client)
    check_errors(checks, client)
    check_autograd(checks, client)
    check_forms(checks, client)
    check_module(checks, client)
    check_runs(checks, client)
    check_mixed_precision(checks, client)
