#!/usr/bin/env bash
# tinygrad 0.14.0: sparse_categorical_crossentropy(ignore_index=-1) ignores nothing. −1 is the
# default and means "none"; asked for by name it still does. Labels of −1 match no class, so that
# their rows look ignored without label smoothing, but they are counted in the mean, and with
# smoothing they pull. Any other value works.
#
# Expected: the loss of the rows that are left, the same for −1 and −100.
#
# Seen on 2026-11-29, logits 2, 1, 0 with label 0 and 0, 1, 2 with the ignored label:
#   smoothing 0: ignore_index=-1 0.2038, ignore_index=-100 0.4076
#   smoothing 0.3: ignore_index=-1 0.5649, ignore_index=-100 0.7076
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'tinygrad==0.14.0'

DEV=PYTHON XDG_CACHE_HOME="$work/cache" "$work/venv/bin/python" - <<'PYTHON'
import sys

from tinygrad import Tensor

logits = Tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]])
seen = {}
for smoothing in (0, 0.3):
    for ignored in (-1, -100):
        loss = logits.sparse_categorical_crossentropy(
            Tensor([0, ignored]), ignore_index=ignored, label_smoothing=smoothing)
        seen[smoothing, ignored] = round(loss.item(), 4)
    print(f"smoothing {smoothing}: ignore_index=-1 {seen[smoothing, -1]}, "
          f"ignore_index=-100 {seen[smoothing, -100]}")
sys.exit(seen != {(0, -1): 0.2038, (0, -100): 0.4076, (0.3, -1): 0.5649, (0.3, -100): 0.7076})
PYTHON
