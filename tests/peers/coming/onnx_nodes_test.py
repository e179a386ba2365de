"""Runs ONNX's own node tests of SoftmaxCrossEntropyLoss and NegativeLogLikelihoodLoss, all of them, on
lossd: their inputs go to Compute, and its answers must be their outputs.

NegativeLogLikelihoodLoss is −v_t·x_t, and its tests give it numbers that are no log-probabilities. On
such numbers lossd's cross entropy is −v_t·(x_t − ln Σ exp x): `log_sum_exp` is what is between them.

LOSSD_BINARY names the server, PYTHONPATH the stubs. Needs onnx and grpcio.
"""

import unittest
import warnings

import numpy
from onnx import helper

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Of other operators' tests, which are made as well.
    from onnx.backend.test.case.node import collect_testcases

    CASES = [case for case in collect_testcases(None) if case.name.startswith(("test_sce_", "test_nllloss_"))]

from lossd.v1 import compute_pb2, tensor_pb2
from server import Server

TYPES = {"float32": tensor_pb2.DATA_TYPE_FLOAT32, "int64": tensor_pb2.DATA_TYPE_INT64,
         "int32": tensor_pb2.DATA_TYPE_INT32}
# A test and its expansion into other operators have the same inputs; the first has the attributes.
NODES = {case.name: case.model.graph.node[0] for case in CASES}


def tensor(array):
    return tensor_pb2.Tensor(data_type=TYPES[array.dtype.name], shape=array.shape, data=array.tobytes())


def array(answer):
    return numpy.frombuffer(answer.data, numpy.float32).reshape(tuple(answer.shape))


class OnnxNodesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def outputs(self, node, x, labels, weights=None):
        """Returns what the operator gives by lossd's answer: the loss, and the log-probabilities."""
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        reduction = attributes.get("reduction", b"mean").decode()
        request = compute_pb2.ComputeRequest(
            logits=tensor(x), labels=tensor(labels), class_axis=1, loss={},
            reduction=f"REDUCTION_{reduction.upper()}", outputs={"probabilities": True, "log_sum_exp": True})
        ignored = numpy.zeros(labels.shape, bool)
        if "ignore_index" in attributes:
            request.loss.ignore_index = attributes["ignore_index"]
            ignored = labels == attributes["ignore_index"]
        if weights is None:
            weights = numpy.ones(x.shape[1], numpy.float32)
        else:
            request.loss.class_weighting.weights.CopyFrom(tensor(weights))
        answer = self.server.compute(request)
        loss = array(answer.losses) if reduction == "none" else numpy.float64(answer.loss)
        if node.op_type == "NegativeLogLikelihoodLoss":
            between = numpy.where(ignored, 0, weights[numpy.where(ignored, 0, labels)])
            between = between * array(answer.log_sum_exp).astype(float)
            divisor = {"none": 1, "sum": 1, "mean": answer.weight_sum}[reduction]
            loss = loss - (between if reduction == "none" else between.sum() / divisor)
        return loss, numpy.log(array(answer.probabilities)), ignored

    def test_all(self):
        for case in CASES:
            node = NODES[case.name.removesuffix("_expanded")]
            for inputs, expected in case.data_sets:
                with self.subTest(case.name):
                    loss, log_probabilities, ignored = self.outputs(node, *inputs)
                    numpy.testing.assert_allclose(loss, expected[0], rtol=2e-6, atol=1e-6)
                    if len(expected) > 1:
                        # Of an ignored sample lossd need not say any.
                        valid = ~numpy.broadcast_to(numpy.expand_dims(ignored, 1), expected[1].shape)
                        numpy.testing.assert_allclose(log_probabilities[valid], expected[1][valid],
                                                      rtol=2e-6, atol=1e-6)

    def test_there_are_as_many_as_ever(self):
        for start, count in (("test_sce_", 68), ("test_nllloss_", 36)):
            self.assertGreaterEqual(sum(case.name.startswith(start) for case in CASES), count)


if __name__ == "__main__":
    unittest.main()
