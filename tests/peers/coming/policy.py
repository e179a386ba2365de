"""The lines of proto/POLICY_LOSSES.md, which are vectors of ../vectors/policy/NAME.json: a setting of a package, the
request that equals it, and the package's numbers. Needs nothing but Python.

    python3 policy.py    writes the page's tables from the vectors
"""

import json
import os
import sys

import lines
import page

PAGE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", "..", "proto", "POLICY_LOSSES.md"))
FOLDER = os.path.join(lines.VECTORS, "policy")
PREFERENCE = "preference"
DISTILLATION = "distillation"
OF_ALL = (PREFERENCE, DISTILLATION)  # files that are of no one package

# Log-probabilities of three sequences of four tokens under the policy in training, the old one, the reference and the
# sampler; weights of the tokens, and those of the same batch without its second sequence; advantages of sequences, of
# tokens, and none; and logits of two tokens by a student and by its teacher.
INPUTS = {
    "u": [[-0.5, -1.5, -2, -0.1], [-3, -0.7, -0.2, -1.5], [-0.3, -2.6, -1, -4]],
    "o": [[-0.7, -1, -2.5, -0.1], [-1.5, -2, -0.4, -1.6], [-0.4, -2.4, -2.5, -3]],
    "f": [[-0.6, -1.1, -1.8, -0.2], [-2, -1.2, -0.5, -0.9], [-0.8, -2, -0.7, -3.5]],
    "q": [[-0.75, -0.9, -3.4, -0.1], [-1.48, -2.03, -1.2, -1.6], [-0.41, -2.39, -2.4, -3.1]],
    "s": [[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 0, 0]],
    "s′": [[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]],
    "A": [1, -0.5, 2],
    "A*": [[1, 2, 0.5, 0.25], [-0.5, -1, -0.25, 0], [2, 1, 0, 0]],
    "0": [0, 0, 0],
    "z": [[2, 0.5, -1], [0, 1, 0.5]],
    "z′": [[1, 1, 0], [2, -1, 0]],
}
ROLLOUT = ("advantages", "old_log_probs", "reference_log_probs", "sampler_log_probs")

# The pairs of preferences: sequences 1 and 2 are chosen, 3 and a fourth are rejected.
PAIRS = {
    "u": INPUTS["u"] + [[-0.9, -0.6, -2.2, -1.1]],
    "f": INPUTS["f"] + [[-1, -0.5, -2, -1.4]],
    "s": INPUTS["s"] + [[1, 1, 1, 1]],
}

HEAD = ["| theirs | LossSpec | reduction, rollout | gives | |", "|---|---|---|---|---|"]
DISTILLATION_HEAD = ["| theirs | LossSpec | gives | |", "|---|---|---|---|"]
PREFERENCE_HEAD = ["| theirs | logits | LossSpec | labels | gives | |", "|---|---|---|---|---|---|"]


def names():
    """Returns the names of the packages' files."""
    return sorted(name[:-5] for name in os.listdir(FOLDER) if name.endswith(".json"))


def read(name):
    with open(os.path.join(FOLDER, f"{name}.json"), encoding="utf-8") as file:
        return json.load(file)


def normalizer(formula):
    """Returns the number that a formula of S sequences is for the page's batch, or of its pairs."""
    return float(eval(formula.replace("·", "*"), {"__builtins__": {}}, {"S": 3, "pairs": 2}))


def _named(tensor):
    for name, values in INPUTS.items():
        if lines.flat(values) == tensor["float_values"]:
            return name
    raise ValueError(f"{tensor} is no input of the page")


def _spec(loss):
    return page.code(json.dumps({key: value for key, value in loss.items() if key != "activation"}))


def _around(vector):
    request = vector["request"]
    parts = [request["reduction"][len("REDUCTION_"):]]
    if "normalizer" in vector:
        parts.append(f"`normalizer` {vector['normalizer']}")
    rollout = request.get("rollout", {})
    parts += [_named(rollout[name]) for name in ROLLOUT if name in rollout]
    if _named(request["sample_weights"]) != "s":
        parts.append(f"`sample_weights` {_named(request['sample_weights'])}")
    return ", ".join(parts)


def _gives(vector):
    """Returns the package's loss, and what of lossd's is another."""
    said = vector.get("lossd", {})
    text = page.number(vector["expected"]["loss"])
    if "loss" in said:
        text += f"; lossd {page.number(said['loss'])}"
    return text + ("; another gradient" if "gradient" in said else "")


def _pair_labels(request):
    labels = request["labels"]
    text = page.number(labels.get("int_values") or labels["float_values"])
    weights = request.get("sample_weights")
    return text + (f"; `sample_weights` {page.number(weights['float_values'])}" if weights else "")


def table(name):
    """Returns the lines of a package's table."""
    rows = []
    for vector in read(name)["vectors"]:
        request = vector["request"]
        cells = [page.code(vector["call"]), _spec(request["loss"]), _around(vector) if name not in OF_ALL else "",
                 _gives(vector), page.remark(vector)]
        if name == DISTILLATION:
            cells = [*cells[:2], *cells[3:]]
        if name == PREFERENCE:
            labels = _pair_labels(request) + (", `normalizer` pairs" if "normalizer" in vector else "")
            cells = [vector["call"], vector["of"], cells[1], labels, *cells[3:]]
        rows.append("| " + " | ".join(cells) + " |")
    return {PREFERENCE: PREFERENCE_HEAD, DISTILLATION: DISTILLATION_HEAD}.get(name, HEAD) + rows


def main():
    with open(PAGE, encoding="utf-8") as file:
        text = file.read().splitlines()
    for name in names():
        begin, end = (text.index(mark) for mark in page.marks(name))
        text[begin + 1 : end] = table(name)
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write("\n".join(text) + "\n")


if __name__ == "__main__":
    sys.exit(main())
