"""NumPy's arrays as they travel, and messages around them."""

import importlib.util
import unittest

import numpy as np

import lossd
from lossd import _arrays, _contract, _wire
from lossd_server import shared


def draw(*shape):
    return np.random.default_rng(1).standard_normal(shape)


class WireTest(unittest.TestCase):
    def test_a_request_is_what_protobuf_would_write(self):
        for values in (draw(3, 4), draw(3, 4).T, np.zeros((0, 3)), np.float64(2.0), draw(300).astype(np.float16)[::3]):
            array = _arrays.to_wire(values, "logits")
            written = _wire.join(_contract.ComputeRequest(reduction=2).SerializeToString(), {2: array, 3: array})
            read = _contract.ComputeRequest.FromString(written)
            self.assertEqual(read.reduction, 2)
            for tensor in (read.logits, read.labels):
                self.assertEqual(tensor.data, np.ascontiguousarray(values).tobytes())
                self.assertEqual(tuple(tensor.shape), np.shape(values))
                self.assertEqual(tensor.data_type, array.data_type)

    def test_an_answer_is_split_as_protobuf_would_read_it(self):
        answer = _contract.ComputeResponse(loss=1.5, valid_count=3, top_k_correct=[1, 2])
        answer.gradient.data_type, answer.gradient.data = 1, b"01234567"
        answer.gradient.shape.extend((2, 1))
        answer.losses.data_type = 2
        answer.losses.shape.append(0)
        answer.class_statistics.count.extend([1, 1 << 40])
        rest, found = _wire.split(answer.SerializeToString(), {7: "gradient", 1: "losses"})
        self.assertEqual(bytes(found["gradient"].data), b"01234567")
        self.assertEqual((found["gradient"].shape, found["gradient"].data_type), ((2, 1), 1))
        self.assertEqual((found["losses"].shape, bytes(found["losses"].data)), ((0,), b""))
        answer.ClearField("gradient")
        answer.ClearField("losses")
        self.assertEqual(_contract.ComputeResponse.FromString(rest), answer)

    def test_an_answer_that_is_cut_off_or_nonsense_is_an_error(self):
        answer = _contract.ComputeResponse(loss=1.5)
        answer.gradient.data = b"x" * 300
        whole = answer.SerializeToString()
        for length in range(1, len(whole)):
            try:
                rest, _ = _wire.split(whole[:length], {7: "gradient"})
            except lossd.Internal:
                continue
            self.assertIn(length, (9,))  # behind the loss
        for nonsense in (b"\xff" * 20, b"\x3b", b"\x3a\xff\xff\xff\xff\x7f", b"\x3f"):
            with self.assertRaises(lossd.Internal):
                _wire.split(nonsense, {7: "gradient"})


class TypesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)

    def losses(self, logits, labels, **arguments):
        return self.client.compute(logits, labels, outputs={"gradient": True}, **arguments)

    def test_each_type_is_computed_as_its_values(self):
        for dtype in (np.float16, np.float32, np.float64):
            z = draw(6, 4).astype(dtype)
            result = self.losses(z, np.arange(6) % 4)
            self.assertEqual(result.gradient.dtype, dtype)
            self.assertEqual(result.losses.dtype, np.float64 if dtype is np.float64 else np.float32)
            exact = self.losses(z.astype(np.float64), np.arange(6) % 4)
            np.testing.assert_allclose(result.losses, exact.losses, rtol=1e-6)

    @unittest.skipUnless(importlib.util.find_spec("ml_dtypes"), "there is no ml_dtypes")
    def test_bfloat16(self):
        import ml_dtypes

        z = draw(6, 4).astype(ml_dtypes.bfloat16)
        result = self.losses(z, np.arange(6) % 4)
        self.assertEqual(result.gradient.dtype, ml_dtypes.bfloat16)
        wide = self.losses(z.astype(np.float32), np.arange(6) % 4)
        np.testing.assert_array_equal(result.losses, wide.losses)
        np.testing.assert_array_equal(result.gradient, wide.gradient.astype(ml_dtypes.bfloat16))

    def test_bfloat16_without_ml_dtypes_comes_as_its_bits(self):
        result = self.client.compute(np.ones((1, 2), np.float32), [0],
                                     outputs={"gradient": True, "gradient_data_type": "bfloat16"})
        bits = result.gradient.view(np.uint16).astype(np.uint32) << 16
        np.testing.assert_array_equal(bits.view(np.float32), [[-0.5, 0.5]])

    def test_integers_of_any_type_are_labels(self):
        z, expected = draw(6, 4), self.losses(draw(6, 4), np.arange(6) % 4).losses
        for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, ">i4"):
            np.testing.assert_array_equal(self.losses(z, (np.arange(6) % 4).astype(dtype)).losses, expected)
        with self.assertRaisesRegex(lossd.InvalidArgument, "labels has 18446744073709551615, which is no int64"):
            self.losses(z, np.full(6, 2**64 - 1, np.uint64))
        with self.assertRaisesRegex(lossd.InvalidArgument, "labels has elements of type complex128"):
            self.losses(z, np.zeros(6, complex))
        with self.assertRaisesRegex(lossd.InvalidArgument, "labels has elements of type"):
            self.losses(z, ["a"] * 6)

    def test_masks_and_whole_numbers_are_weights_and_logits(self):
        z, y, mask = draw(6, 4), np.arange(6) % 4, np.array([1, 0, 1, 1, 0, 1])
        expected = self.losses(z, y, sample_weights=mask.astype(float))
        for weights in (mask, mask.astype(bool), mask.astype(np.uint8)):
            np.testing.assert_array_equal(self.losses(z, y, sample_weights=weights).losses, expected.losses)
        np.testing.assert_array_equal(self.losses([[2, 1]], [0]).losses, self.losses([[2.0, 1.0]], [0]).losses)

    def test_arrays_in_any_order_and_byte_order(self):
        z, y = draw(6, 4), np.arange(6) % 4
        expected = self.losses(z, y).gradient
        raw = np.zeros(6 * 4 * 8 + 1, np.uint8)
        unaligned = raw[1:].view(np.float64).reshape(6, 4)
        unaligned[:] = z
        for same in (np.asfortranarray(z), np.repeat(z, 2, axis=1)[:, ::2], z[::-1][::-1], z.astype(">f8"), unaligned):
            np.testing.assert_array_equal(self.losses(same, y).gradient, expected)

    def test_results_are_aligned_and_the_caller_s_own(self):
        result = self.losses(draw(7, 3).astype(np.float32), np.zeros(7, int))
        for array in (result.losses, result.gradient):
            self.assertTrue(array.flags.aligned and array.flags.writeable and array.flags.c_contiguous)

    def test_results_go_to_the_caller_s_memory(self):
        z, y = draw(6, 4), np.zeros(6, int)
        expected = self.losses(z, y)
        gradient, losses = np.zeros((6, 4)), np.zeros(6)
        result = self.losses(z, y, out={"gradient": gradient, "losses": losses})
        self.assertIs(result.gradient, gradient)
        np.testing.assert_array_equal(gradient, expected.gradient)
        np.testing.assert_array_equal(losses, expected.losses)
        fortran = np.zeros((6, 4), order="F")
        self.losses(z, y, out={"gradient": fortran})
        np.testing.assert_array_equal(fortran, expected.gradient)
        for out, words in (({"gradient": np.zeros((6, 4), np.float32)}, "expected a writable array of float64"),
                           ({"gradient": np.zeros((4, 6))}, r"shape \[4, 6\]"),
                           ({"gradients": gradient}, "did you mean gradient")):
            with self.assertRaisesRegex(lossd.InvalidArgument, words):
                self.losses(z, y, out=out)

    def test_an_empty_batch(self):
        result = self.losses(np.zeros((0, 3)), np.zeros(0, int))
        self.assertEqual((result.loss, result.gradient.shape, result.losses.shape), (0, (0, 3), (0,)))


if __name__ == "__main__":
    unittest.main()
