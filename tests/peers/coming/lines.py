"""The lines of proto/COMING_FROM.md: what a line is, and the inputs that all of them share.

A library's lines are LINES of libraries/NAME.py. Running the library gives each line its numbers, and
the two together are a vector, one of ../vectors/NAME.json. Needs nothing but Python.
"""

import json
import math
import os
from typing import Any, Callable, NamedTuple, Optional

VECTORS = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "vectors"))

# Logits of four samples and three classes, and what they are told: by their classes, by classes of
# which one is ignored, by a distribution each, by a yes or no for each logit, and by shares of yes.
Z = [[2, 1, 0], [0.5, -1, 2], [-1, 3, 0.5], [1, 1, -2]]
Y = [0, 0, 1, 2]
Y_100 = [0, -100, 1, 2]
Y_255 = [0, 255, 1, 2]
T = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0, 1, 0], [0.3, 0.3, 0.4]]
B = [[1, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 0]]
Q = [[0.9, 0.2, 0], [0.1, 0, 0.7], [0.3, 1, 0.6], [1, 0.5, 0]]
# Weights: of the classes, of the yes side of each column, of the samples, of each element.
V = [0.25, 1, 2]
P = [3, 1, 0.25]
S = [1.5, 0.5, 2, 1]
W = [[1, 2, 0.5], [0.25, 1, 1], [3, 1, 0.5], [1, 1, 2]]
# The first column of z, b and q, for what has one logit a sample.
Z_1, B_1, Q_1 = ([row[0] for row in table] for table in (Z, B, Q))

# Each by the name that the page and the calls have for it.
INPUTS = {"z": Z, "y": Y, "y_100": Y_100, "y_255": Y_255, "t": T, "b": B, "q": Q, "v": V, "p": P,
          "s": S, "w": W, "z_1": Z_1, "b_1": B_1, "q_1": Q_1}


class Line(NamedTuple):
    """One loss of a library, and the request that equals it.

    call: the library's call, with the inputs by the names that the page gives them.
    run: makes the call; returns {"loss": …} or {"losses": …}, and "gradient" and "hessian_diagonal"
      where the library has them.
    loss: the LossSpec in JSON.
    labels, logits, sample_weights, class_axis, hessian_mode: of the request.
    normalizer: the formula of N, C and Σv that the page shows.
    times: by what lossd's outputs are multiplied to be the library's.
    note: what differs, and why.
    lossd: the loss of this request where it is not the library's, or {"gradient": …} where that is
      not; then the line says so.
    tolerance: of the larger of 1 and the number.
    """

    call: str
    run: Callable[[], dict]
    loss: Optional[dict] = None
    reduction: str = "MEAN"
    labels: Any = Y
    logits: Any = Z
    sample_weights: Any = None
    normalizer: Optional[str] = None
    times: Optional[dict] = None
    hessian_mode: Optional[str] = None
    class_axis: Optional[int] = None
    note: str = ""
    lossd: Any = None
    tolerance: float = 1e-12


def shape(values):
    return [len(values)] + shape(values[0]) if isinstance(values, list) else []


def flat(values):
    """Returns nested lists as one list; a NaN or an infinity as the word that JSON has for it."""
    if isinstance(values, list):
        return [number for inner in values for number in flat(inner)]
    return [values if isinstance(values, (int, str)) else number_word(values)]


def number_word(number):
    if isinstance(number, str) or math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"


def tensor(values):
    """Returns nested lists as a Tensor in JSON."""
    numbers = flat(values)
    kind = "int_values" if all(isinstance(number, int) for number in numbers) else "float_values"
    return {"shape": shape(values), kind: numbers}


def floats(values):
    """Returns a vector, which may hold whole numbers, as a Tensor of floats in JSON."""
    return {"float_values": values}


def weights(values):
    return {"class_weighting": {"weights": floats(values)}}


def sigmoid(**form):
    return {"activation": "ACTIVATION_SIGMOID", **form}


def evaluate(formula, size, class_weights=V):
    """Returns the number that a normalizer's formula is for logits of this shape."""
    names = {"N": size[0], "C": size[-1], "Σv": sum(class_weights)}
    return float(eval(formula.replace("·", "*").replace("−", "-"), {"__builtins__": {}}, names))


def request(line):
    """Returns a line's ComputeRequest in JSON."""
    labels = tensor(line.labels)
    made = {"logits": {"shape": shape(line.logits), "float_values": flat(line.logits)},
            "labels": labels, "reduction": f"REDUCTION_{line.reduction}",
            "outputs": {"gradient": True, "omit_class_weights": True}}
    if line.loss:
        made["loss"] = line.loss
    if line.sample_weights is not None:
        made["sample_weights"] = {"shape": shape(line.sample_weights),
                                  "float_values": flat(line.sample_weights)}
    if line.class_axis is not None:
        made["class_axis"] = line.class_axis
    if line.normalizer:
        made["normalizer"] = evaluate(line.normalizer, shape(line.logits))
    if line.hessian_mode or "hessian_diagonal" in (line.times or {}):
        made["outputs"]["hessian_diagonal"] = True
        made["outputs"]["hessian_mode"] = f"HESSIAN_MODE_{line.hessian_mode or 'EXACT'}"
    return made


def vector(line, result):
    """Returns a line and what its library answered as a vector."""
    made = {"call": line.call, "request": request(line),
            "expected": {name: flat(values) if isinstance(values, list) else number_word(values)
                         for name, values in result.items()},
            "tolerance": line.tolerance}
    for name in ("normalizer", "times", "note", "lossd"):
        if getattr(line, name) not in (None, ""):
            made[name] = getattr(line, name)
    return made


def path(library):
    return os.path.join(VECTORS, f"{library}.json")


def read(library):
    """Returns a library's file of vectors."""
    with open(path(library), encoding="utf-8") as file:
        return json.load(file)


def libraries():
    """Returns the names of all libraries that have vectors."""
    return sorted(name[:-5] for name in os.listdir(VECTORS) if name.endswith(".json"))


def same(actual, expected, tolerance):
    """Returns whether two numbers, or lists of them, are the same to a tolerance."""
    if isinstance(expected, list):
        return len(actual) == len(expected) and all(
            same(a, e, tolerance) for a, e in zip(actual, expected))
    actual, expected = float(actual), float(expected)
    if not math.isfinite(expected) or not math.isfinite(actual):
        return actual == expected or math.isnan(actual) and math.isnan(expected)
    return abs(actual - expected) <= tolerance * max(1, abs(expected))
