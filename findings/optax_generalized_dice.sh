#!/usr/bin/env bash
# optax 0.2.8: multiclass_generalized_dice_loss sees nothing wrong in a segmentation that is wrong
# in every pixel, once a class is missing from the batch. A class weighs 1/pixels², the missing
# one 1/1e-7, so that after the weights are brought to a mean of 1 the others weigh 1e-10; and a
# class that neither is there nor is predicted costs nothing.
#
# Expected: close to 1, as in Sudre et al. (2017), which it names: there the weights stand in the
# numerator and the denominator of one fraction, where a missing class adds to neither. Rare
# classes, for which the loss is made, are missing from many batches.
#
# Seen on 2026-11-30, classes 0 and 1 exchanged in all 100 pixels:
#   of 2 classes: loss of the truth 0.0000, of the mistake 0.9804
#   of 3 classes: loss of the truth 0.0000, of the mistake 0.0000
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet 'optax==0.2.8' 'jax==0.10.2' 'numpy==2.4.6'

seen=$(JAX_PLATFORMS=cpu "$work/venv/bin/python" - <<'PYTHON'
import numpy as np
from optax import losses

for count in (2, 3):
    truth = np.eye(count, dtype=np.float32)[np.repeat([0, 1], 50)][None]
    right, wrong = (float(losses.multiclass_generalized_dice_loss(40 * answer - 20, truth))
                    for answer in (truth, truth[:, ::-1]))
    print(f"of {count} classes: loss of the truth {right:.4f}, of the mistake {wrong:.4f}")
PYTHON
)
echo "$seen"
[[ $seen == "of 2 classes: loss of the truth 0.0000, of the mistake 0.9804
of 3 classes: loss of the truth 0.0000, of the mistake 0.0000" ]]
