"""Liger's lines: its Triton kernels, by Triton's interpreter, since there need not be a GPU."""

import importlib.metadata
import os
import sys

os.environ["TRITON_INTERPRET"] = "1"  # Too late where Triton was imported before.

import numpy
import torch
import triton.language
import triton.runtime.interpreter as interpreter
import liger_kernel.transformers
from liger_kernel.transformers import LigerCrossEntropyLoss, LigerJSD, LigerKLDIVLoss

from lines import T, V, Y_100, weights
from libraries.with_torch import INPUTS, caller

TITLE = "Liger"
PACKAGE = "liger-kernel"
VERSION = importlib.metadata.version(PACKAGE)
LOSSES = [name for name in liger_kernel.transformers.__all__ if "Loss" in name or "JSD" in name]

# Two gaps of the interpreter, which a GPU does not have: a float argument has no methods of a
# tensor, and there is no tanh.
convert = interpreter._implicit_cvt


def convert_floats_too(argument):
    if not isinstance(argument, float):
        return convert(argument)
    number = interpreter.TensorHandle(numpy.array([argument], numpy.float32), triton.language.float32)
    return triton.language.tensor(number, triton.language.float32)


interpreter._implicit_cvt = convert_floats_too
sys.modules["liger_kernel.ops.cross_entropy"].tanh = (
    lambda x: 2 / (1 + triton.language.exp(-2 * x)) - 1)

line = caller({"CrossEntropy": LigerCrossEntropyLoss, "KLDiv": LigerKLDIVLoss, "JSD": LigerJSD,
               "log_softmax": torch.log_softmax}, torch.float32, tolerance=2e-6)

OTHER = torch.softmax(-INPUTS["z"], -1).tolist()

LINES = [
    line("CrossEntropy()(z, y)"),
    line("CrossEntropy()(z, y_100)", {"ignore_index": -100}, labels=Y_100,
         note="−100 is the default there; here it is said"),
    line("CrossEntropy(weight=v, label_smoothing=0.1)(z, y)", {**weights(V), "label_smoothing": 0.1}),
    line("CrossEntropy(softcap=1.5)(z, y)", {"softcap": 1.5}),
    line("CrossEntropy(lse_square_scale=0.1)(z, y)", {"z_loss": 0.1}),
    line("CrossEntropy(lse_square_scale=0.1, weight=v)(z, y)", {**weights(V), "z_loss": 0.1},
         lossd=2.97250, note="lossd's MEAN has one divisor, Σv_t, for the z-loss too, so that parts of a "
                       "batch add up; Liger divides it by N"),
    line("CrossEntropy(weight=v, lse_square_scale=0.1)(z, y)",
         {**weights(V), "z_loss": 0.0875}, note="the same: `z_loss` λ·Σv_t/N, here 0.1 · 3.5/4"),
    line("KLDiv(reduction='batchmean')(log_softmax(z, -1), t)", {"kl_divergence": {}}, labels=T),
    line("KLDiv()(log_softmax(z, -1), t)", {"kl_divergence": {}}, labels=T, normalizer="N·C",
         note="its mean counts every class of every sample"),
    line("JSD(beta=0.5)(log_softmax(z, -1), log_softmax(-z, -1).detach())", {"jensen_shannon": {}},
         labels=OTHER, note="labels softmax(−z)"),
]
