#!/usr/bin/env bash
# ml_dtypes 0.6.0 with numpy 2.4.6: the mean of 4,096 bfloat16 values, all 0.7, is 0.0625. NumPy
# adds them up in bfloat16, one after the other, and the sum stops growing at 256, where half a
# step is more than 0.7. std of standard normal numbers comes out at 0.7.
#
# Expected: 0.7 and 0.998, as for float16, which NumPy adds up in float32 for mean and std, and
# pairwise for sum. A loss averaged over a batch of bfloat16 values is wrong by an order of
# magnitude, without a warning.
#
# Seen on 2026-11-29:
#   float16: mean 0.7, sum of 1000 ones 1000, std 0.998
#   bfloat16: mean 0.0625, sum of 1000 ones 256, std 0.699
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'ml_dtypes==0.6.0' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

import ml_dtypes
import numpy as np

normal = np.random.default_rng(0).standard_normal(4096)
seen = {}
for name, dtype in (("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)):
    mean = float(np.full(4096, 0.7, dtype).mean())
    total, spread = float(np.ones(1000, dtype).sum()), float(normal.astype(dtype).std())
    seen[name] = (round(mean, 4), total, round(spread, 3))
    print(f"{name}: mean {mean:.3g}, sum of 1000 ones {total:g}, std {spread:.3f}")
sys.exit(seen["bfloat16"] != (0.0625, 256.0, 0.699) or seen["float16"][1] != 1000.0)
PYTHON
