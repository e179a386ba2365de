"""Tests proto/POLICY_LOSSES.md without its packages: that lossd answers each vector as the package did, and that the
page has a line for each vector and no other.

LOSSD_BINARY names the server, PYTHONPATH the stubs. Needs Debian's python3-grpcio and python3-protobuf.
"""

import math
import os
import re
import sys
import unittest

from google.protobuf import json_format

import lines
import policy
from lossd.v1 import compute_pb2
from server import Server

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "pages"))
import pages

PAGE = "proto/POLICY_LOSSES.md"


# --- The logits of preferences ------------------------------------------------------------------------


class Affine:
    """A number that the tokens' u make, and its derivative by each of them."""

    def __init__(self, value, slopes):
        self.value = value
        self.slopes = slopes

    def __add__(self, other):
        if not isinstance(other, Affine):
            return Affine(self.value + other, self.slopes)
        return Affine(self.value + other.value, [a + b for a, b in zip(self.slopes, other.slopes)])

    def __mul__(self, factor):
        return Affine(self.value * factor, [factor * slope for slope in self.slopes])

    def __sub__(self, other):
        return self + (other * -1 if isinstance(other, Affine) else -other)


def sums(take, over=lambda s: 1):
    """Returns Σ s·take(u, f) of each sequence, over a function of its mask."""
    made = []
    for i, mask in enumerate(policy.PAIRS["s"]):
        divisor = over(mask)
        value = sum(s * take(policy.PAIRS["u"][i][t], policy.PAIRS["f"][i][t]) for t, s in enumerate(mask))
        slopes = [s / divisor if row == i else 0 for row, each in enumerate(policy.PAIRS["s"]) for s in each]
        made.append(Affine(value / divisor, slopes))
    return made


def log_odds(mean):
    """Returns ln(p / (1 − p)) of p = e^mean."""
    return Affine(mean.value - math.log1p(-math.exp(mean.value)),
                  [slope / (1 - math.exp(mean.value)) for slope in mean.slopes])


def logits_of(kind):
    """Returns the logits that a line says, of the pairs."""
    r, mean_r = sums(lambda u, f: u - f), sums(lambda u, f: u - f, sum)
    u, mean_u = sums(lambda u, f: u), sums(lambda u, f: u, sum)

    def margins(of):
        return [of[0] - of[2], of[1] - of[3]]

    return {
        "R_w − R_l": margins(r),
        "mean R_w − mean R_l": margins(mean_r),
        "U_w − U_l": margins(u),
        "2 (mean U_w − mean U_l) − 1": [margin * 2 - 1 for margin in margins(mean_u)],
        "log-odds of mean U_w − those of mean U_l": margins([log_odds(mean) for mean in mean_u]),
        "R_w; R_l": r,
        "R_w; R_w − R_l": r[:2] + margins(r),
        "R_w − 0.1; R_l − 0.1": [each - 0.1 for each in r],
        "(R_w − R_l, 0)": [each for margin in margins(r) for each in (margin, margin * 0)],
    }[kind]


class VectorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def answer(self, vector):
        """Returns what lossd answers, the gradient by the tokens' u."""
        request, logits = dict(vector["request"]), None
        if "of" in vector:
            logits = logits_of(vector["of"])
            classes = [2] if request["loss"]["activation"] == "ACTIVATION_SOFTMAX" else []
            request["logits"] = {"shape": [2, *classes] if classes else [len(logits)],
                                 "float_values": [each.value for each in logits]}
        response = self.server.compute(json_format.ParseDict(request, compute_pb2.ComputeRequest()))
        gradient = list(response.gradient.float_values)
        if logits is not None:
            gradient = [sum(g * each.slopes[t] for g, each in zip(gradient, logits))
                        for t in range(len(logits[0].slopes))]
        times = vector.get("times", {})
        return {"loss": response.loss * times.get("loss", 1),
                "gradient": [times.get("gradient", 1) * g for g in gradient]}

    def check(self, vector):
        found, said = self.answer(vector), vector.get("lossd", {})
        for name, expected in vector["expected"].items():
            if name not in said:
                self.assertTrue(lines.same(found[name], expected, vector["tolerance"]),
                                f"{name}: lossd gives {found[name]}, the package {expected}")
                continue
            self.assertTrue(lines.same(found[name], said[name], 1e-5),
                            f"{name}: lossd gives {found[name]}, the line says {said[name]}")
            self.assertFalse(lines.same(found[name], expected, 1e-4), f"{name}: they agree")

    def test_lossd_gives_the_numbers_of_the_packages(self):
        count = 0
        for name in policy.names():
            for vector in policy.read(name)["vectors"]:
                count += 1
                with self.subTest(package=name, setting=vector["call"]):
                    self.check(vector)
        self.assertGreaterEqual(count, 108)

    def test_what_differs_has_its_reason(self):
        for name in policy.names():
            for vector in policy.read(name)["vectors"]:
                if "lossd" in vector:
                    self.assertTrue(vector.get("note"), f"{name}: {vector['call']}")

    def test_normalizers_are_what_their_formulas_say(self):
        for name in policy.names():
            for vector in policy.read(name)["vectors"]:
                said = vector["request"].get("normalizer")
                with self.subTest(package=name, setting=vector["call"]):
                    self.assertEqual(said is None, "normalizer" not in vector)
                    if said is not None:
                        self.assertEqual(said, policy.normalizer(vector["normalizer"]))


class EdgesTest(unittest.TestCase):
    """Numbers of the packages for what the page's batch has not."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def compute(self, **request):
        request["outputs"] = {"gradient": True}
        return self.server.compute(json_format.ParseDict(request, compute_pb2.ComputeRequest()))

    def test_k3_is_not_cut(self):
        """slime's "k3" in float32; its "low_var_kl", and verl, give 10 and a gradient of 0 for both."""
        response = self.compute(
            logits={"float_values": [-30, -30]},
            rollout={"advantages": {"float_values": [0, 0]}, "reference_log_probs": {"float_values": [-19, -1]}},
            loss={"activation": "ACTIVATION_LOG_PROBABILITY", "kl_penalty": {"coefficient": 1}})
        for found, expected in ((response.losses, (59862.14, 3.931334e12)), (response.gradient, (-59873.14, -3.931334e12))):
            for each, number in zip(found.float_values, expected):
                self.assertLess(abs(each - number), 1e-6 * abs(number))

    def test_truncated_weights_are_verls(self):
        """compute_rollout_correction_weights of verl 0.9.1, by token, at most 2; its weight of a sequence is the
        product of its tokens', 2.34 for the first, and lossd's their geometric mean."""
        def tensor(name):
            return {"shape": [3, 4], "float_values": lines.flat(policy.INPUTS[name])}

        def losses(weighting):
            response = self.compute(
                logits=tensor("o"), sample_weights=tensor("s"),
                rollout={"advantages": {"shape": [3], "float_values": [-1, -1, -1]}, "old_log_probs": tensor("o"),
                         "sampler_log_probs": tensor("q")},
                loss={"activation": "ACTIVATION_LOG_PROBABILITY", "importance_sampling": {},
                      "importance_weighting": weighting})
            return list(response.losses.float_values)

        expected = [1.051271096376, 0.904837418036, 2, 1, 0.980198673307, 1.030454533954, 2, 0, 1.010050167084,
                    0.990049833749, 0, 0]
        for found, number in zip(losses({}), expected):
            self.assertLess(abs(found - number), 1e-9)
        for first, product in ((0, 2.339646851926), (4, 2.247907986676)):
            tokens = 4 if first == 0 else 3
            found = losses({"level": "RATIO_LEVEL_SEQUENCE", "maximum": 5})[first]
            self.assertLess(abs(found**tokens - product), 1e-9)


class PageTest(unittest.TestCase):
    def test_no_setting_has_two_lines(self):
        for name in policy.names():
            calls = [vector["call"] for vector in policy.read(name)["vectors"]]
            self.assertEqual(len(calls), len(set(calls)), name)

    def test_there_is_a_line_for_each_vector_and_no_other(self):
        for name in policy.names():
            self.assertEqual(pages.between_marks(PAGE, name), policy.table(name), name)
        marked = re.findall(r"^<!-- (?!end of )(.*) -->$", "\n".join(pages.read_lines(PAGE)), re.M)
        self.assertEqual(sorted(marked), policy.names())

    def test_a_packages_heading_has_the_version_that_was_run(self):
        headings = [line for line in pages.read_lines(PAGE) if line.startswith("## ")]
        for name in policy.names():
            file = policy.read(name)
            version = "" if name in policy.OF_ALL else f" {file['version']}"
            self.assertIn(f"## {file['library']}{version}", headings)

    def test_the_inputs_are_those_that_the_page_shows(self):
        shown = dict(re.findall(r"^\| (\S+) \| `(.*)` \|", "\n".join(pages.read_lines(PAGE)), re.M))
        for name, values in policy.INPUTS.items():
            self.assertEqual(shown.get(name), str(values), name)


if __name__ == "__main__":
    unittest.main()
