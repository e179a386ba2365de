"""DJL's lines, on PyTorch's engine."""

from lines import B, Q, T, Z, sigmoid
from libraries.with_program import caller

TITLE = "DJL"
PACKAGE = "ai.djl.pytorch:pytorch-engine"
VERSION = "0.36.0"  # As programs/djl/pom.xml has it.

line = caller("djl", tolerance=1e-12)
MOVED = [[z + 0.25 for z in row] for row in Z]

LINES = [
    line("softmaxCrossEntropyLoss().evaluate(y, z)"),
    line('softmaxCrossEntropyLoss("", 1, -1, false, true).evaluate(t, z)', labels=T),
    line("sigmoidBinaryCrossEntropyLoss().evaluate(b, z)", sigmoid(), logits=MOVED, labels=B,
         note="logits z + 0.25"),
    line("sigmoidBinaryCrossEntropyLoss().evaluate(q, z)", sigmoid(), logits=MOVED, labels=Q,
         note="logits z + 0.25"),
    line("sigmoidBinaryCrossEntropyLoss().evaluate(0, 0)", sigmoid(), logits=[[0]], labels=[[0]],
         lossd={"gradient": [0.5]}, note="its gradient is 0 there"),
    line('sigmoidBinaryCrossEntropyLoss("", 1, true).evaluate(b, σ(z))', sigmoid(), labels=B,
         lossd=0.428082, note="of probabilities its sign is turned: send the logits"),
]
