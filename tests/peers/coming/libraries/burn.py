"""burn's lines."""

from lines import B, V, sigmoid, weights
from libraries.with_program import caller

TITLE = "burn"
PACKAGE = "burn"
VERSION = "0.22.1"  # As programs/burn/Cargo.toml has it, exactly.

line = caller("burn", tolerance=2e-6)
SMOOTHED = [[0.9 * yes + 0.1 / 3 for yes in row] for row in B]

LINES = [
    line("CrossEntropyLossConfig::new()"),
    line("CrossEntropyLossConfig::new().with_weights(Some(v))", weights(V)),
    line("CrossEntropyLossConfig::new().with_smoothing(Some(0.1))", {"label_smoothing": 0.1}),
    line("CrossEntropyLossConfig::new().with_weights(Some(v)).with_smoothing(Some(0.1))",
         {**weights(V), "label_smoothing": 0.1}),
    line("CrossEntropyLossConfig::new().with_pad_tokens(Some(vec![1]))", {"ignore_index": 1},
         note="`ignore_index` may be a class; there may be several pad tokens, and here sample weights of 0"),
    line("BinaryCrossEntropyLossConfig::new().with_logits(true)", sigmoid(), labels=B),
    line("BinaryCrossEntropyLossConfig::new().with_logits(true).with_smoothing(Some(0.1))", sigmoid(),
         labels=SMOOTHED, note="smoothed by ε/C there, by ε/2 here: send the smoothed targets"),
    line("BinaryCrossEntropyLossConfig::new().with_logits(true).with_weights(Some(v))",
         sigmoid(**weights(V)), labels=B),
]
