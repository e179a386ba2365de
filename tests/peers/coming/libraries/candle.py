"""candle's lines."""

from lines import B, Q, sigmoid
from libraries.with_program import caller

TITLE = "candle"
PACKAGE = "candle-nn"
VERSION = "0.11.1"  # As programs/candle/Cargo.toml has it, exactly.

line = caller("candle", tolerance=1e-12)

LINES = [
    line("cross_entropy(z, y)"),
    line("nll(log_softmax(z), y)", note="log-probabilities are logits: softmax leaves them as they are"),
    line("binary_cross_entropy_with_logit(z, b)", sigmoid(), labels=B),
    line("binary_cross_entropy_with_logit(z, q)", sigmoid(), labels=Q),
    line("mse(sigmoid(z), b)", sigmoid(squared_error={}), labels=B),
    line("binary_cross_entropy_with_logit(40, 1)", sigmoid(), logits=[[40]], labels=[[1]], lossd=0,
         note="it takes the logarithm of 1 − σ(z), 0 from 37 on in float64, from 17 on "
              "in float32"),
    line("binary_cross_entropy_with_logit(40, 0)", sigmoid(), logits=[[40]], labels=[[0]], lossd=40,
         note="the same, and its gradient is NaN"),
]
