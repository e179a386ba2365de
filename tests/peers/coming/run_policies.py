#!/usr/bin/env python3
"""Runs the settings of proto/POLICY_LOSSES.md in the packages that are installed: on the page's batch, whose numbers are
the page's, and on random batches beside lossd.

    run_policies.py NAME...

LOSSD_BINARY names the server, PYTHONPATH the stubs. Fails where a number or a version is another.
"""

import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import torch
from google.protobuf import json_format

import lines
import policy
from lossd.v1 import compute_pb2
from policies.batch import Batch
from server import Server

BATCHES = 5
TOKENS = 4  # a formula may name the width of the page's batch
NAMES = {"o": "old_log_probs", "f": "reference_log_probs", "q": "sampler_log_probs", "advantages": "advantages"}


def page_batch(request):
    """Returns the batch of a vector's request."""
    def tensor(field):
        return torch.tensor(field["float_values"], dtype=torch.float64).reshape(field["shape"])

    rollout = request.get("rollout", {})
    given = {name: tensor(rollout[field]) if field in rollout else None for name, field in NAMES.items()}
    return Batch(tensor(request["logits"]).requires_grad_(), mask=tensor(request["sample_weights"]), **given)


def random_batch(batch, generator):
    """Returns another batch with the same columns."""
    count = int(torch.randint(2, 9, (), generator=generator))

    def near(u, spread):
        return (u + spread * torch.randn(count, TOKENS, generator=generator, dtype=torch.float64)).clamp(max=-1e-3)

    u = near(torch.full((count, TOKENS), -1.5, dtype=torch.float64), 0.7)
    mask = (torch.rand(count, TOKENS, generator=generator) < 0.8).double()
    mask[:, 0] = 1
    if not bool(batch.mask.sum(-1).all()):
        mask[0] = 0  # a sequence without tokens
    a = batch.advantages
    if a is not None:
        drawn = torch.randn((count, TOKENS)[: a.dim()], generator=generator, dtype=torch.float64)
        a = drawn * bool(a.any())
    others = {name: None if getattr(batch, name) is None else near(u, 0.4) for name in ("o", "f", "q")}
    return Batch(u.requires_grad_(), advantages=a, mask=mask, **others)


def request_of(vector, batch):
    """Returns a vector's request for another batch."""
    def tensor(values):
        return {"shape": list(values.shape), "float_values": values.detach().flatten().tolist()}

    request = dict(vector["request"], logits=tensor(batch.u), sample_weights=tensor(batch.mask))
    if "rollout" in request:
        request["rollout"] = {field: tensor(getattr(batch, name)) for name, field in NAMES.items()
                              if getattr(batch, name) is not None}
    if "normalizer" in vector:
        formula = vector["normalizer"].replace("·", "*")
        request["normalizer"] = eval(formula, {"__builtins__": {}}, {"S": len(batch.u)})
    return request


def run(setting, batch):
    loss = setting(batch)
    (gradient,) = torch.autograd.grad(loss, batch.u)
    return {"loss": loss.item(), "gradient": gradient.flatten().tolist()}


def differs(found, expected, tolerance):
    """Returns the names of the numbers that differ."""
    return [name for name in expected if not lines.same(found[name], expected[name], tolerance)]


def check_setting(vector, setting, server, tolerance):
    """Returns what is wrong with a setting."""
    on_page = page_batch(vector["request"])
    faults = [f"on the page's batch another {name}" for name in
              differs(run(setting, on_page), vector["expected"], tolerance)]
    if "lossd" in vector:
        return faults
    generator = torch.Generator().manual_seed(7)
    for number in range(BATCHES):
        batch = random_batch(on_page, generator)
        theirs = run(setting, batch)
        request = json_format.ParseDict(request_of(vector, batch), compute_pb2.ComputeRequest())
        response = server.compute(request)
        ours = {"loss": response.loss, "gradient": list(response.gradient.float_values)}
        faults += [f"random batch {number}: {name} {theirs[name]}, lossd {ours[name]}"
                   for name in differs(ours, theirs, tolerance)]
    return faults


def taught(setting, student, teacher):
    """Returns a distillation setting's numbers."""
    student = student.requires_grad_()
    loss = setting(student, teacher)
    (gradient,) = torch.autograd.grad(loss, student)
    return {"loss": loss.item(), "gradient": gradient.flatten().tolist()}


def check_distillation(vector, setting, server, tolerance):
    """Returns what is wrong with a setting of logits, on the page's and on random ones."""
    def values(field):
        return torch.tensor(field["float_values"], dtype=torch.float64).reshape(field["shape"])

    request = vector["request"]
    on_page = taught(setting, values(request["logits"]), values(request["teacher_logits"]))
    faults = [f"on the page's logits another {name}" for name in differs(on_page, vector["expected"], tolerance)]
    generator = torch.Generator().manual_seed(7)
    for number in range(BATCHES):
        shape = [int(torch.randint(1, 9, (), generator=generator)), 3 + 9 * number]
        student, teacher = (3 * torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        tensors = {name: {"shape": shape, "float_values": z.flatten().tolist()}
                   for name, z in (("logits", student), ("teacher_logits", teacher))}
        response = server.compute(json_format.ParseDict({**request, **tensors}, compute_pb2.ComputeRequest()))
        ours = {"loss": response.loss, "gradient": list(response.gradient.float_values)}
        theirs = taught(setting, student, teacher)
        faults += [f"random batch {number}: {name} {theirs[name]}, lossd {ours[name]}"
                   for name in differs(ours, theirs, tolerance)]
    return faults


def main(names):
    failed = False
    server = Server()
    try:
        for name in names:
            package, file = importlib.import_module(f"policies.{name}"), policy.read(name)
            found = [] if package.VERSION == file["version"] else [f"version {package.VERSION}, not {file['version']}"]
            tolerance = getattr(package, "TOLERANCE", 1e-7)
            vectors = {vector["call"]: vector for vector in file["vectors"]}
            found += [f"{call}: is no setting of the page" for call in package.SETTINGS.keys() - vectors.keys()]
            check = check_distillation if name == policy.DISTILLATION else check_setting
            for call in vectors.keys() & package.SETTINGS.keys():
                found += [f"{call}: {fault}" for fault in check(vectors[call], package.SETTINGS[call], server, tolerance)]
            print(f"{file['library']} {file['version']}: {len(package.SETTINGS)} of {len(vectors)} settings run, "
                  f"{len(found)} differ", *found, sep="\n  ", flush=True)
            failed |= bool(found)
    finally:
        server.stop()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
