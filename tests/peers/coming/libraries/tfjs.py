"""TensorFlow.js's lines."""

from lines import B, Q, S, T, sigmoid
from libraries.with_program import answers, caller

TITLE = "TensorFlow.js"
PACKAGE = "@tensorflow/tfjs"
VERSION = answers("tfjs")["version"]
LOSSES = answers("tfjs")["losses"]

line = caller("tfjs", tolerance=2e-6)

LINES = [
    line("tf.losses.softmaxCrossEntropy(one_hot, z)"),
    line("tf.losses.softmaxCrossEntropy(t, z)", labels=T),
    line("tf.losses.softmaxCrossEntropy(one_hot, z, null, 0.1)", {"label_smoothing": 0.1}),
    line("tf.losses.softmaxCrossEntropy(one_hot, z, s)", {}, "MEAN_VALID", sample_weights=S,
         note="its default divides by the number of weights that are not 0, lossd's MEAN by their sum"),
    line("tf.losses.softmaxCrossEntropy(one_hot, z, s, 0, tf.Reduction.MEAN)", sample_weights=S),
    line("tf.losses.softmaxCrossEntropy(one_hot, z, null, 0, tf.Reduction.SUM)", reduction="SUM"),
    line("tf.losses.softmaxCrossEntropy(one_hot, z, null, 0, tf.Reduction.NONE)", reduction="NONE"),
    line("tf.losses.softmaxCrossEntropy([[1, 0, 0]], z)", logits=[[0, 1, "-Infinity"]], labels=[0],
         lossd=1.31326, note="a class that cannot be is 0 · −inf there"),
    line("tf.losses.sigmoidCrossEntropy(b, z)", sigmoid(), labels=B),
    line("tf.losses.sigmoidCrossEntropy(q, z)", sigmoid(), labels=Q),
    line("tf.losses.sigmoidCrossEntropy(b, z, null, 0.1)", sigmoid(label_smoothing=0.1), labels=B),
    line("tf.losses.logLoss(b, tf.sigmoid(z))", sigmoid(), labels=B,
         note="send the logits: it adds 1e-7 to p, and a sure sample has no gradient"),
]
