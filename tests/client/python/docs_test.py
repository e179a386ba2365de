"""Docstrings: each public name has one, and it says what each argument is. Both clients have the same calls."""

import inspect
import os
import sys
import unittest

import lossd
import lossd.async_runs
import lossd.boosters
import lossd.lightgbm
import lossd.runs
import lossd.xgboost
from lossd import _contract, results

ROOT = os.path.join(os.path.dirname(__file__), "..", "..", "..")
sys.path.append(os.path.join(ROOT, "tests", "pages"))

import pages  # noqa: E402


def public_methods(kind):
    return {name: each for name, each in vars(kind).items() if callable(each) and not name.startswith("_")}


class DocsTest(unittest.TestCase):
    def check_arguments(self, function, text):
        for name, parameter in inspect.signature(function).parameters.items():
            if name != "self" and parameter.kind is not parameter.VAR_KEYWORD:
                self.assertIn(name, text, f"{function.__qualname__} does not say what {name} is")

    def test_each_public_name_has_a_docstring(self):
        for name in lossd.__all__:
            self.assertTrue(inspect.getdoc(getattr(lossd, name)) or name == "__version__", name)
        for kind in (lossd.Client, lossd.AsyncClient, lossd.ResultStream, lossd.AsyncResultStream):
            for name, method in public_methods(kind).items():
                self.assertTrue(inspect.getdoc(method), name)

    def test_the_client_s_calls_say_what_each_argument_is(self):
        common = inspect.getdoc(lossd.Client.compute) + inspect.getdoc(lossd.Client)
        self.check_arguments(lossd.Client.__init__, inspect.getdoc(lossd.Client))
        for name, method in public_methods(lossd.Client).items():
            self.check_arguments(method, inspect.getdoc(method) + common)
        self.check_arguments(lossd.boosters.derivatives, inspect.getdoc(lossd.boosters.derivatives))

    def test_what_is_shown_of_runs_says_what_each_argument_is(self):
        text = "\n".join(pages.read_lines("client/python/README.md"))
        for name, function in vars(lossd.runs).items():
            if inspect.isfunction(function) and not name.startswith("_") and function.__module__ == "lossd.runs":
                self.check_arguments(function, inspect.getdoc(function) + inspect.getdoc(lossd.runs))
                self.assertIn(f"`{name}(", text)

    def test_asyncio_has_the_same_of_runs(self):
        calls, awaited = ({name: each for name, each in vars(module).items()
                           if inspect.isfunction(each) and each.__module__ == module.__name__ and name[0] != "_"}
                          for module in (lossd.runs, lossd.async_runs))
        self.assertEqual(set(calls), set(awaited))
        for name, call in calls.items():
            self.assertEqual([*inspect.signature(call).parameters], [*inspect.signature(awaited[name]).parameters])
            self.assertTrue(inspect.getdoc(awaited[name]), name)

    def test_both_clients_have_the_same_calls(self):
        calls, awaited = public_methods(lossd.Client), public_methods(lossd.AsyncClient)
        self.assertEqual(set(calls), set(awaited))
        for name, call in {**calls, "__init__": lossd.Client.__init__}.items():
            ours, theirs = (inspect.signature(each).parameters for each in (call, getattr(lossd.AsyncClient, name)))
            self.assertEqual(list(ours), list(theirs), name)
            for argument in ours:
                self.assertEqual((ours[argument].default, ours[argument].kind),
                                 (theirs[argument].default, theirs[argument].kind), f"{name}({argument})")

    def test_results_have_each_field_of_the_answers(self):
        for kind, message in ((lossd.Result, _contract.ComputeResponse),
                              (results.ClassStatistics, _contract.ComputeResponse().class_statistics),
                              (results.Difficulty, _contract.ComputeResponse().difficulty),
                              (results.PolicyStatistics, _contract.ComputeResponse().policy_statistics)):
            fields = {field.name for field in message.DESCRIPTOR.fields}
            self.assertLessEqual(fields, set(kind.__dataclass_fields__), kind.__name__)

    def test_the_page_names_each_call(self):
        text = "\n".join(pages.read_lines("client/python/README.md"))
        for name in public_methods(lossd.Client):
            self.assertIn(f"`{name}", text)


if __name__ == "__main__":
    unittest.main()
