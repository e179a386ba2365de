#!/usr/bin/env bash
# ml_dtypes 0.6.0 with numpy 2.4.6: one NaN and np.sort leaves a bfloat16 array unsorted, without
# a word. NaN stays where it is and divides the array: what is before it never meets what is after
# it. argsort and partition go wrong with it, and so do the float8 types.
#
# Expected: NaN last and the rest in order, as for float16, float32 and float64.
#
# Seen on 2026-11-29:
#   float16 sort [1, 2, 3, 4, 5, nan]
#   bfloat16 sort [5, nan, 1, 2, 3, 4]
#   float8_e5m2 sort [5, nan, 1, 2, 3, 4]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'ml_dtypes==0.6.0' 'numpy==2.4.6'

"$work/venv/bin/python" - <<'PYTHON'
import sys

import ml_dtypes
import numpy as np

seen = {}
for dtype in (np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2):
    name = np.dtype(dtype).name
    values = np.sort(np.array([5, np.nan, 4, 3, 2, 1], dtype)).astype(np.float64)
    seen[name] = "[" + ", ".join(f"{v:g}" for v in values) + "]"
    print(name, "sort", seen[name])
sys.exit(seen != {"float16": "[1, 2, 3, 4, 5, nan]", "bfloat16": "[5, nan, 1, 2, 3, 4]",
                  "float8_e5m2": "[5, nan, 1, 2, 3, 4]"})
PYTHON
