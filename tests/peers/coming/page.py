#!/usr/bin/env python3
"""Writes the tables of proto/COMING_FROM.md from the vectors: a line for each vector, between the
marks of its library. Run it after `run_library.py --record`.
"""

import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import lines

PAGE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "proto", "COMING_FROM.md"))
HEAD = ["| theirs | LossSpec | labels, reduction | gives | |", "|---|---|---|---|---|"]


def code(text):
    return "`" + text.replace("|", r"\|") + "`"


def number(value):
    if isinstance(value, list):
        return ", ".join(map(number, value))
    if isinstance(value, str):
        return {"NaN": "NaN", "Infinity": "inf", "-Infinity": "−inf"}[value]
    return f"{value:.6g}".replace("-", "−")


def named(tensor):
    """Returns the name of the input that a Tensor in JSON is, or None."""
    for name, values in lines.INPUTS.items():
        if lines.shape(values) == tensor["shape"] and lines.flat(values) == (
                tensor.get("int_values") or tensor.get("float_values")):
            return name
    return None


def spec(loss):
    """Returns a LossSpec in JSON, with v and p for the tensors of the page's weights."""
    text = json.dumps(loss, ensure_ascii=False)
    for name in ("v", "p"):
        text = text.replace(json.dumps(lines.floats(lines.INPUTS[name])), name)
    return code(text)


def literal(name, tensor):
    """Returns a tensor's numbers where they are few, or that the line says what they are."""
    numbers = tensor.get("int_values") or tensor.get("float_values")
    if len(numbers) > 4:
        return f"{name} as said"
    return f"{name} {number(numbers)}"


def around(vector):
    """Returns what the request has beside its LossSpec."""
    request = vector["request"]
    labels, logits = named(request["labels"]), named(request["logits"])
    parts = [labels or literal("labels", request["labels"])]
    if logits not in ("z", "z_1"):
        parts.append(literal("logits", request["logits"]))
    parts.append(request["reduction"][len("REDUCTION_"):])
    if "class_axis" in request:
        parts.append(f"`class_axis` {request['class_axis']}")
    if "normalizer" in vector:
        parts.append(f"`normalizer` {vector['normalizer']}")
    if "sample_weights" in request:
        weights = request["sample_weights"]
        parts.append(f"`sample_weights` {named(weights) or number(weights['float_values'])}")
    if "hessian_mode" in request["outputs"]:
        parts.append(request["outputs"]["hessian_mode"][len("HESSIAN_MODE_"):])
    return ", ".join(parts)


def gives(vector):
    """Returns the library's loss or losses, and lossd's where they differ; else the first
    derivatives that it gives."""
    expected = vector["expected"]
    loss = expected.get("loss", expected.get("losses"))
    if loss is None:
        return ", ".join(f"{sign} {number(expected[name][0])}" for sign, name in (
            ("g", "gradient"), ("h", "hessian_diagonal")) if name in expected)
    said = vector.get("lossd")
    if isinstance(said, dict):
        return "; ".join(f"{name} {number(expected[name])}, lossd {number(said[name])}" for name in said)
    return number(loss) + (f"; lossd {number(said)}" if said is not None else "")


def remark(vector):
    notes = [vector["note"]] if vector.get("note") else []
    for name, factor in vector.get("times", {}).items():
        notes.append(f"their {name.replace('_diagonal', '')} is {factor:g} times lossd's")
    return "; ".join(notes)


def table(library):
    """Returns the lines of a library's table."""
    rows = []
    for vector in lines.read(library)["vectors"]:
        cells = (code(vector["call"]), spec(vector["request"].get("loss", {})), around(vector),
                 gives(vector), remark(vector))
        rows.append("| " + " | ".join(cells) + " |")
    return HEAD + rows


def marks(library):
    return f"<!-- {library} -->", f"<!-- end of {library} -->"


def section(library):
    """Returns what the page says of a library, from its heading to the next one."""
    with open(PAGE, encoding="utf-8") as file:
        sections = file.read().split("\n## ")
    return next(text for text in sections if marks(library)[0] in text)


def main():
    with open(PAGE, encoding="utf-8") as file:
        text = file.read().splitlines()
    for library in lines.libraries():
        begin, end = (text.index(mark) for mark in marks(library))
        text[begin + 1 : end] = table(library)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
