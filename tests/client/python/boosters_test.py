"""What boosters are given, without a booster; tests/peers trains them."""

import copy
import os
import pickle
import types
import unittest

import numpy as np

import lossd
import lossd.lightgbm
import lossd.xgboost
from lossd.boosters import derivatives
from lossd_server import shared

MARGINS = np.random.default_rng(1).standard_normal((6, 3))
LABELS = np.array([0.0, 1, 2, 0, 1, 2], np.float32)  # boosters' labels are floats


def softmax(z):
    p = np.exp(z)
    return p / p.sum(-1, keepdims=True)


class BoostersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)
        os.environ["LOSSD_ADDRESS"] = shared()

    def check_close(self, found, gradient, hessian):
        for array, expected in zip(found, (gradient, hessian)):
            self.assertEqual((array.dtype, array.shape), (np.float32, expected.shape))
            self.assertTrue(array.flags.aligned and array.flags.c_contiguous)
            np.testing.assert_allclose(array, expected, rtol=2e-6, atol=1e-7)

    def test_many_classes(self):
        p = softmax(MARGINS)
        gradient, hessian = p - np.eye(3)[LABELS.astype(int)], p * (1 - p)
        for margins in (MARGINS, MARGINS.astype(np.float32), np.asfortranarray(MARGINS), MARGINS.astype(np.float64)):
            self.check_close(derivatives(margins, LABELS, client=self.client), gradient, hessian)
        weights = np.arange(6.0)
        found = derivatives(MARGINS, LABELS, weights, client=self.client, hessian_factor=2)
        # A row of weight 0 is ignored; a Hessian is never 0.
        self.check_close(found, gradient * weights[:, None], 2 * np.maximum(hessian * weights[:, None], 1e-16))
        self.assertTrue((found[1] > 0).all())

    def test_margins_of_one_axis_are_a_sigmoid_s(self):
        z, p = MARGINS[:, 0], 1 / (1 + np.exp(-MARGINS[:, 0]))
        labels = np.array([0.0, 1, 1, 0, 1, 0], np.float32)
        self.check_close(derivatives(z, labels, client=self.client), p - labels, p * (1 - p))
        targets = np.linspace(0, 1, 6)
        self.check_close(derivatives(z, targets, None, "cross_entropy", client=self.client), p - targets, p * (1 - p))

    def test_focal_is_positive_where_it_is_not_convex(self):
        _, hessian = derivatives(np.linspace(-9, 9, 50), np.zeros(50), None, {"focal": {"gamma": 5}}, client=self.client)
        self.assertTrue((hessian >= 1e-16).all())

    def test_what_is_wrong_is_told(self):
        margins = MARGINS.copy()
        margins[4, 1] = np.nan
        with self.assertRaisesRegex(ValueError, "give 1 of 6 losses that are not finite"):
            derivatives(margins, LABELS, client=self.client)
        with self.assertRaisesRegex(ValueError, "labels are not whole numbers"):
            derivatives(MARGINS, LABELS + 0.5, client=self.client)
        with self.assertRaisesRegex(ValueError, "did you mean focal"):
            lossd.xgboost.Objective({"focl": {}})

    def test_objectives_are_called_as_each_booster_does(self):
        weights = np.arange(1.0, 7)
        for module in (lossd.xgboost, lossd.lightgbm):
            objective = module.Objective({"focal": {"gamma": 2}})
            expected = derivatives(MARGINS, LABELS, weights, {"focal": {"gamma": 2}}, client=self.client)
            data = types.SimpleNamespace(get_label=lambda: LABELS, get_weight=lambda: weights)
            for found in (objective(MARGINS, data), objective(LABELS, MARGINS, weights),
                          objective(LABELS, MARGINS, sample_weight=weights), copy.deepcopy(objective)(MARGINS, data),
                          pickle.loads(pickle.dumps(objective))(MARGINS, data)):
                np.testing.assert_array_equal(found, expected)
        unweighted = derivatives(MARGINS, LABELS, client=self.client)
        none = types.SimpleNamespace(get_label=lambda: LABELS, get_weight=lambda: np.zeros(0, np.float32))
        np.testing.assert_array_equal(lossd.xgboost.Objective()(MARGINS, none), unweighted)
        none.get_weight = lambda: None
        np.testing.assert_array_equal(lossd.lightgbm.Objective()(MARGINS, none), unweighted)


if __name__ == "__main__":
    unittest.main()
