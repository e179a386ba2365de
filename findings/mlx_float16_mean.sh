#!/usr/bin/env bash
# mlx 0.32.4, CPU: the mean of 70,000 float16 ones is infinite. The sum is rounded to float16,
# whose largest number is 65,504, before it is divided. So is the mean that
# nn.losses.cross_entropy reduces to, of 100,000 samples that cost log 2 each, and the variance of
# a constant.
#
# Expected: 1, log 2 and 0, as for 65,504 ones, and as NumPy has it for float16.
#
# Seen on 2026-11-29:
#   mean of 65504 ones 1.000, of 70000 ones inf, variance inf
#   mean cross entropy of 100000 inf
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'mlx[cpu]==0.32.4' 'mlx-cpu==0.32.4'

seen=$("$work/venv/bin/python" - <<'PYTHON'
import mlx.core as mx
import mlx.nn as nn

mx.set_default_device(mx.cpu)
few, many = (mx.ones((count,), dtype=mx.float16) for count in (65504, 70000))
print(f"mean of 65504 ones {few.mean().item():.3f}, of 70000 ones {many.mean().item()}, "
      f"variance {many.var().item()}")
logits, labels = mx.zeros((100000, 2), dtype=mx.float16), mx.zeros(100000, dtype=mx.int32)
loss = nn.losses.cross_entropy(logits, labels, reduction="mean")
print("mean cross entropy of 100000", loss.item())
PYTHON
)
echo "$seen"
[[ $seen == "mean of 65504 ones 1.000, of 70000 ones inf, variance inf
mean cross entropy of 100000 inf" ]]
