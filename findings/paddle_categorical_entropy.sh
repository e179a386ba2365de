#!/usr/bin/env bash
# paddlepaddle 3.3.1: paddle.distribution.Categorical(logits) is two distributions at once. probs()
# and log_prob() divide the logits by their sum, as if they were counts. sample(), entropy() and
# kl_divergence() take their softmax. So samples do not come with the probabilities that probs()
# and log_prob() give for them, and a policy gradient that uses both follows another policy.
#
# Expected, with logits 1, 2, 3: either 1/6, 1/3, 1/2 everywhere, whose entropy is 1.0114, or the
# softmax 0.0900, 0.2447, 0.6652, whose entropy is 0.8324.
#
# Seen on 2026-11-30:
#   probs() 0.17 0.33 0.50, shares of 100,000 samples 0.09 0.24 0.66
#   entropy of probs() 1.0114, entropy() 0.8324
#   KL to the logits 3, 2, 1: 0.3662 by log_prob(), 1.1504 by kl_divergence()
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'paddlepaddle==3.3.1' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import paddle
from paddle.distribution import Categorical

rising = Categorical(paddle.to_tensor([1.0, 2.0, 3.0]))
falling = Categorical(paddle.to_tensor([3.0, 2.0, 1.0]))
classes = paddle.to_tensor([0, 1, 2])
probs = rising.probs(classes).numpy().astype(np.float64)
logs = [x.log_prob(classes).numpy().astype(np.float64) for x in (rising, falling)]
paddle.seed(0)
samples = rising.sample([100_000]).numpy().ravel()
shares = np.bincount(samples, minlength=3) / samples.size
lines = [
    f"probs() {' '.join(f'{p:.2f}' for p in probs)}, "
    f"shares of 100,000 samples {' '.join(f'{s:.2f}' for s in shares)}",
    f"entropy of probs() {-(probs * np.log(probs)).sum():.4f}, "
    f"entropy() {rising.entropy().item():.4f}",
    f"KL to the logits 3, 2, 1: {(probs * (logs[0] - logs[1])).sum():.4f} by log_prob(), "
    f"{rising.kl_divergence(falling).item():.4f} by kl_divergence()",
]
print("\n".join(lines))
sys.exit(
    lines
    != [
        "probs() 0.17 0.33 0.50, shares of 100,000 samples 0.09 0.24 0.66",
        "entropy of probs() 1.0114, entropy() 0.8324",
        "KL to the logits 3, 2, 1: 0.3662 by log_prob(), 1.1504 by kl_divergence()",
    ]
)
PYTHON
