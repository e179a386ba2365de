"""timm's lines."""

import timm
import timm.loss

from lines import B, P, Q, T, V, Y, floats, sigmoid
from libraries.with_torch import caller

TITLE = "timm"
PACKAGE = "timm"
VERSION = timm.__version__

line = caller({name: getattr(timm.loss, name) for name in dir(timm.loss)})
# These compute in float32 whatever they get.
line32 = caller({name: getattr(timm.loss, name) for name in dir(timm.loss)}, tolerance=2e-6)

SMOOTHED = [[1 - 0.1 + 0.1 / 3 if k == label else 0.1 / 3 for k in range(3)] for label in Y]
CUT = [[int(target > 0.5) for target in row] for row in Q]
ASYMMETRIC = {"gamma_positive": 1, "gamma_negative": 4, "margin": 0.05}
WEIGHTS = {"class_weighting": {"weights": floats(V), "positive_weights": floats(P)}}

LINES = [
    line("LabelSmoothingCrossEntropy(0.1)(z, y)", {"label_smoothing": 0.1}),
    line("SoftTargetCrossEntropy()(z, t)", labels=T),
    line32("PolyCrossEntropy()(z, y)", {"poly1": {"epsilon": 2}},
         note="epsilon is 2 there, 1 here, unless said"),
    line32("PolyCrossEntropy(smoothing=0.1)(z, y)", {"poly1": {"epsilon": 2}, "label_smoothing": 0.1}),
    line32("PolyCrossEntropy()(z, t)", {"poly1": {"epsilon": 2}}, labels=T),
    line32("AsymmetricLossMultiLabel()(z, b)", sigmoid(asymmetric=ASYMMETRIC), labels=B,
           normalizer="N", note="it sums over classes and divides by N; gamma_positive is 1 there, 0 here"),
    line32("AsymmetricLossMultiLabel(weight=v, pos_weight=p)(z, b)",
           {**sigmoid(asymmetric=ASYMMETRIC), **WEIGHTS}, labels=B, normalizer="N"),
    line32("AsymmetricLossMultiLabel()(z, q)", sigmoid(asymmetric=ASYMMETRIC), labels=Q,
           normalizer="N", lossd=0.346335,
           note="soft or smoothed targets cannot be said: one exponent γ⁺y + γ⁻(1 − y) there, one for "
                "each side here"),
    line32("AsymmetricLossMultiLabel(disable_torch_grad_focal_loss=True)(z, torch.ones_like(z))",
           sigmoid(asymmetric=ASYMMETRIC), logits=[[0.5]], labels=[[1]], lossd={"gradient": [-0.253947]},
           note="the focusing factor is held constant there, and cannot be here: the loss is the same, the "
                "gradient is the full one"),
    line32("AsymmetricLossSingleLabel(eps=0)(z, y)", {"focal": {"gamma": 1}},
           note="without smoothing, only the term of the true class is left"),
    line32("AsymmetricLossSingleLabel()(z, y)", {"focal": {"gamma": 1}, "label_smoothing": 0.1},
           lossd=1.32857,
           note="with smoothing, its default, it cannot be said: hard targets choose the exponent, "
                "smoothed ones weigh"),
    line("BinaryCrossEntropy(smoothing=0)(z, b)", sigmoid(), labels=B),
    line("BinaryCrossEntropy(smoothing=0, sum_classes=True)(z, b)", sigmoid(), labels=B,
         normalizer="N"),
    line("BinaryCrossEntropy(smoothing=0.1, smooth_dense=True)(z, b)",
         sigmoid(label_smoothing=0.1), labels=B),
    line("BinaryCrossEntropy(smoothing=0.1)(z, y)", sigmoid(), labels=SMOOTHED,
         note="class ids are smoothed by ε/C there, by ε/2 here: send the smoothed targets, without "
              "`label_smoothing`"),
    line("BinaryCrossEntropy(target_threshold=0.5)(z, q)", sigmoid(), labels=CUT,
         note="send the targets cut"),
    line32("PolyBinaryCrossEntropy()(z, b)", sigmoid(poly1={"epsilon": 2}), labels=B),
    line32("PolyBinaryCrossEntropy(smoothing=0.1)(z, b)",
         sigmoid(poly1={"epsilon": 2}, label_smoothing=0.1), labels=B),
    line32("PolyBinaryCrossEntropy(alpha=0.25)(z, b)",
           sigmoid(poly1={"epsilon": 2}, class_weighting={"alpha": 0.25}), labels=B),
    line32("PolyBinaryCrossEntropy(alpha=0.25)(z, q)",
           sigmoid(poly1={"epsilon": 2}, class_weighting={"alpha": 0.25}), labels=Q, lossd=0.802677,
           note="soft targets with alpha cannot be said: one weight αy + (1 − α)(1 − y) for both sides there"),
    line32("AsymmetricLossMultiLabel(smoothing=0.1)(z, b)",
           sigmoid(asymmetric=ASYMMETRIC, label_smoothing=0.1), labels=B, normalizer="N", lossd=0.279224,
           note="smoothed targets, as soft ones"),
    line32("PolyBinaryCrossEntropy(gamma=2)(z, b)", sigmoid(poly1={"epsilon": 2}), labels=B, lossd=1.04672,
         note="gamma cannot be said: no form has (1 − p)^(γ+1)"),
]
