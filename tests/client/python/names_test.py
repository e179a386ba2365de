"""Arguments by name: what is set, and what a misspelt name says."""

import unittest

import numpy as np

import lossd
from lossd import _contract, _fields
from lossd_server import shared

Z, Y = [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [0, 0]


def filled(kind, **fields):
    message = kind()
    _fields.fill(message, fields)
    return message


class NamesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)

    def check_refused(self, field, words, **fields):
        with self.assertRaises(lossd.InvalidArgument) as caught:
            self.client.compute(Z, Y, **fields)
        self.assertIn(words, str(caught.exception))
        self.assertEqual([v.field for v in caught.exception.violations], [field])

    def test_the_contract_s_example(self):
        result = self.client.compute(Z, Y, loss={"focal": {"gamma": 2}}, outputs={"gradient": True})
        np.testing.assert_allclose(result.losses, [0.0456777989678849, 1.993604534578631], rtol=1e-14)
        self.assertAlmostEqual(result.loss, 2.039282333546516)
        self.assertAlmostEqual(result.gradient[1, 0], -1.112465767470945)

    def test_a_misspelt_name_is_told_with_the_right_one(self):
        self.check_refused("loss.focl", "did you mean focal", loss={"focl": {}})
        self.check_refused("loss.focal.gama", "did you mean gamma?", loss={"focal": {"gama": 2}})
        self.check_refused("loss.focl", "did you mean focal", loss="focl")
        self.check_refused("outputs.gradients", "did you mean gradient", outputs={"gradients": True})
        self.check_refused("reduktion", "did you mean reduction?", reduktion="mean")
        self.check_refused("reduction", "'avg' is no Reduction; expected one of none, sum, mean", reduction="avg")
        self.check_refused("loss.activation", "did you mean sigmoid?", loss={"activation": "sigmod"})
        self.check_refused("loss.class_weighting.scheme.scheme", "did you mean balanced?",
                           loss={"class_weighting": {"scheme": {"scheme": "ballanced"}}})
        self.check_refused("loss.softcaps", "did you mean softcap?", loss={"softcaps": 30})

    def test_a_value_of_the_wrong_kind_is_told(self):
        self.check_refused("loss.focal.gamma", "= 'two', expected a number", loss={"focal": {"gamma": "two"}})
        self.check_refused("loss.focal", "is a int, expected a dict of FocalLoss's fields", loss={"focal": 2})
        self.check_refused("outputs.gradient", "= 1, expected True or False", outputs={"gradient": 1})
        self.check_refused("loss.ignore_index", "= 0.5, expected a whole number", loss={"ignore_index": 0.5})
        self.check_refused("outputs.top_k", "= 3, expected a list", outputs={"top_k": 3})

    def test_names_may_be_json_s(self):
        snake = self.client.compute(Z, Y, loss={"label_smoothing": 0.1}).loss
        self.assertEqual(self.client.compute(Z, Y, loss={"labelSmoothing": 0.1}).loss, snake)
        for name in ("balanced", "BALANCED", "WEIGHT_SCHEME_BALANCED", 1):
            spec = filled(_contract.LossSpec, class_weighting={"scheme": {"scheme": name}})
            self.assertEqual(spec.class_weighting.scheme.scheme, 1)

    def test_none_is_unset_and_numpy_s_scalars_are_numbers(self):
        spec = filled(_contract.LossSpec, focal={"gamma": np.float32(1.5)}, softcap=None, ignore_index=np.int64(-100))
        self.assertEqual((spec.focal.gamma, spec.softcap, spec.ignore_index), (1.5, 0, -100))

    def test_a_message_is_taken(self):
        spec = filled(_contract.LossSpec, focal={"gamma": 3})
        loss = self.client.compute(Z, Y, loss=spec).loss
        self.assertEqual(loss, self.client.compute(Z, Y, loss={"focal": {"gamma": 3}}).loss)
        by_name, by_fields = (self.client.compute(Z, Y, loss=loss).loss for loss in ("focal", {"focal": {}}))
        self.assertEqual(by_name, by_fields)

    def test_tensors_within_a_loss_are_arrays(self):
        weights = np.array([1.0, 2.0, 4.0], np.float32)
        for given in (weights, weights.tolist(), {"float_values": weights.tolist()}):
            result = self.client.compute(Z, Y, loss={"class_weighting": {"weights": given}})
            np.testing.assert_array_equal(result.class_weights, weights)

    def test_applied_can_be_sent_again(self):
        loss = {"focal": {"gamma": 1.5}, "label_smoothing": 0.1}
        first = self.client.compute(Z, Y, loss=loss, outputs={"applied": True})
        again = self.client.compute(Z, Y, loss=first.applied["loss"])
        self.assertEqual(first.applied["loss"]["focal"], {"gamma": 1.5, "soft_target_rule": "per_class"})
        np.testing.assert_array_equal(again.losses, first.losses)

    def test_every_field_of_a_request_is_an_argument(self):
        message = _contract.ComputeRequest()
        for field in message.DESCRIPTOR.fields:
            with self.assertRaises(lossd.InvalidArgument) as caught:
                self.client.compute(Z, Y, **{field.name + "x": 1})
            self.assertIn("did you mean", str(caught.exception))
            self.assertIn(field.name, str(caught.exception))


if __name__ == "__main__":
    unittest.main()
