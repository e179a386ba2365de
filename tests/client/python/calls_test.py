"""The calls beside Compute, targets, threads and processes."""

import copy
import multiprocessing
import os
import pickle
import tempfile
import threading
import unittest
import warnings

import numpy as np

import lossd
from lossd_server import Server, shared

Z, Y = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]]), [0, 0]


class CallsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = lossd.Client(shared())
        cls.addClassCleanup(cls.client.close)

    def test_server_info(self):
        info = self.client.server_info()
        self.assertEqual((info.version, info.max_message_bytes), (lossd.__version__, 64 << 20))
        self.assertGreaterEqual(info.thread_count, 1)

    def test_losses(self):
        losses = {loss.name: loss for loss in self.client.losses()}
        self.assertEqual(losses["focal"].parameters[0].default, 2)
        self.assertEqual(losses["focal"].activations, ("softmax", "sigmoid", "log_probability"))
        self.assertEqual(losses["asymmetric"].activations, ("sigmoid",))
        self.assertIsNone(losses["focal"].parameters[0].maximum)

    def test_compare(self):
        plain, focal = self.client.compare(Z, Y, ["cross_entropy", {"focal": {"gamma": 2}}], reduction="sum")
        self.assertEqual(plain.loss, self.client.compute(Z, Y, reduction="sum").loss)
        self.assertEqual(focal.loss_spec, {"focal": {"gamma": 2.0}})
        np.testing.assert_array_equal(plain.class_statistics.count, [2, 0, 0])
        self.assertEqual(plain.difficulty.count.sum(), 2)
        bare = self.client.compare(Z, Y, ["focal"], omit_class_statistics=True, omit_difficulty=True)[0]
        self.assertEqual((bare.class_statistics, bare.difficulty), (None, None))
        with self.assertRaisesRegex(lossd.InvalidArgument, r"losses\[1\].poly is no field"):
            self.client.compare(Z, Y, ["focal", {"poly": {}}])

    def test_class_weights(self):
        schemes = ["balanced", {"scheme": "effective_number", "beta": 0.9}]
        found = self.client.class_weights([0, 0, 1, 3], schemes=schemes)
        np.testing.assert_allclose(found.weights["balanced"].values, [4 / 6, 4 / 3, 0, 4 / 3])
        self.assertEqual(found.weights["effective_number"].beta, 0.9)
        self.assertEqual(found.empty_classes.tolist(), [2])
        self.assertIsNone(found.alpha)
        self.assertEqual(len(self.client.class_weights(counts=[3, 1]).weights), 6)
        self.assertEqual(self.client.class_weights(counts=[3.0, 1.0]).alpha, 0.75)

    def test_information(self):
        found = self.client.information([[0.5, 0.5], [1.0, 0.0]], [[0.25, 0.75], [0.5, 0.5]], base="bit")
        np.testing.assert_allclose(found.entropy, [1, 0], atol=1e-15)
        np.testing.assert_allclose(found.cross_entropy - found.entropy, found.kl_divergence)
        self.assertIsNone(found.self_information)
        self.assertIsNone(self.client.information([0.5, 0.5]).kl_divergence)

    def test_outputs(self):
        result = self.client.compute(Z, Y, outputs={
            "gradient": True, "hessian_diagonal": True, "probabilities": True, "log_sum_exp": True, "margin": True,
            "top_k": [1, 3], "class_statistics": True, "difficulty": True})
        np.testing.assert_allclose(result.probabilities.sum(1), 1)
        np.testing.assert_allclose(result.gradient, result.probabilities - np.eye(3)[[0, 0]])
        np.testing.assert_allclose(result.hessian_diagonal, result.probabilities * (1 - result.probabilities))
        np.testing.assert_allclose(result.log_sum_exp, np.log(np.exp(Z).sum(1)))
        np.testing.assert_allclose(result.margin, [1, -2])
        self.assertEqual(result.top_k_correct, (1, 2))
        self.assertEqual(result.difficulty.hard_count, 1)
        np.testing.assert_array_equal(result.class_statistics.correct_count, [1, 0, 0])

    def test_errors_have_their_kind_and_places(self):
        with self.assertRaises(ValueError) as caught:
            self.client.compute(Z, [0, 7])
        error = caught.exception
        self.assertIsInstance(error, lossd.InvalidArgument)
        self.assertEqual(error.violations, (lossd.Violation("labels[1]", "= 7 is not in [0, 3)"),))
        self.assertEqual(error.reason, "INVALID_FIELD")

    def test_threads_share_a_client(self):
        expected, wrong = self.client.compute(Z, Y).losses, []

        def call():
            for _ in range(20):
                if not np.array_equal(self.client.compute(Z, Y).losses, expected):
                    wrong.append(1)

        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_copy_is_the_client_and_a_pickle_is_refused(self):
        self.assertIs(copy.deepcopy({"client": self.client})["client"], self.client)
        with self.assertRaisesRegex(TypeError, "one in each process"):
            pickle.dumps(self.client)

    def test_a_forked_process_is_told(self):
        words, end = multiprocessing.Pipe(duplex=False)

        def child():
            try:
                self.client.compute(Z, Y)
            except RuntimeError as error:
                end.send(str(error))
            os._exit(0)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of fork() beside threads
            process = multiprocessing.get_context("fork").Process(target=child)
            process.start()
        process.join(30)
        self.assertTrue(words.poll(0), "it called, or said nothing")
        self.assertRegex(words.recv(), f"was made in process {os.getpid()} .* does not survive fork.*spawn")

    def test_a_unix_socket(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "lossd.sock")
            with Server(listen=f"unix:{path}"):
                for target in (path, f"unix:{path}", f"unix://{path}"):
                    with lossd.Client(target) as client:
                        self.assertAlmostEqual(client.compute([[0.0, 0.0]], [0]).loss, np.log(2))


if __name__ == "__main__":
    unittest.main()
