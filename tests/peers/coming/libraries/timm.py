"""timm's lines."""

import timm
import timm.loss

from lines import B, P, Q, T, V, Y, floats, sigmoid, weights
from libraries.with_torch import caller

TITLE = "timm"
PACKAGE = "timm"
VERSION = timm.__version__
LOSSES = [name for name, value in vars(timm.loss).items() if isinstance(value, type)]

line = caller({name: getattr(timm.loss, name) for name in dir(timm.loss)})
# These compute in float32 whatever they get.
line32 = caller({name: getattr(timm.loss, name) for name in dir(timm.loss)}, tolerance=2e-6)

SMOOTHED = [[1 - 0.1 + 0.1 / 3 if k == label else 0.1 / 3 for k in range(3)] for label in Y]
CUT = [[int(target > 0.5) for target in row] for row in Q]
ASYMMETRIC = {"gamma_positive": 1, "gamma_negative": 4, "margin": 0.05}
# The weight of the true class in targets smoothed by 0.1.
UNSMOOTHED_PART = weights([1 - 0.1 + 0.1 / 3] * 3)
DETACHED = {**ASYMMETRIC, "detach_focusing": True}
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
    line32("AsymmetricLossMultiLabel()(z, q)", sigmoid(asymmetric=ASYMMETRIC), labels=CUT,
           normalizer="N", lossd=0.226106,
           note="soft targets cannot be said: one exponent γ⁺y + γ⁻(1 − y) there, one for each side here; "
                "nearest are targets cut at ½"),
    line32("AsymmetricLossMultiLabel(disable_torch_grad_focal_loss=True)(z, b)",
           sigmoid(asymmetric=DETACHED), labels=B, normalizer="N",
           note="the loss is the same, the gradient holds the focusing factors constant"),
    line32("AsymmetricLossMultiLabel(gamma_pos=2, clip=0, disable_torch_grad_focal_loss=True)(z, b)",
           sigmoid(asymmetric={"gamma_positive": 2, "margin": 0, "detach_focusing": True}), labels=B,
           normalizer="N", note="gamma_negative 4 is the default of both"),
    line32("AsymmetricLossMultiLabel(weight=v, pos_weight=p, disable_torch_grad_focal_loss=True)(z, b)",
           {**sigmoid(asymmetric=DETACHED), **WEIGHTS}, labels=B, normalizer="N"),
    line32("AsymmetricLossMultiLabel(smoothing=0.2)(z, b)", sigmoid(asymmetric=ASYMMETRIC), labels=B,
           normalizer="N", lossd=0.185703,
           note="smoothed targets cannot be said, as soft ones cannot; nearest are those that are not smoothed"),
    line32("AsymmetricLossMultiLabel(reduction='none')(z, b)", sigmoid(asymmetric=ASYMMETRIC), labels=B,
           reduction="NONE"),
    line32("AsymmetricLossMultiLabel(reduction='sum')(z, b)", sigmoid(asymmetric=ASYMMETRIC), labels=B,
           reduction="SUM"),
    line32("AsymmetricLossSingleLabel(eps=0)(z, y)", {"focal": {"gamma": 1}},
           note="without smoothing, only the term of the true class is left"),
    line32("AsymmetricLossSingleLabel()(z, y)", {"focal": {"gamma": 1}, **UNSMOOTHED_PART},
           reduction="MEAN_VALID", lossd=1.21536,
           note="smoothing, 0.1 by default, cannot be said: hard targets choose the exponent, smoothed "
                "ones weigh; nearest are class weights of 1 − ε + ε/C, without the others' terms"),
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
    line32("PolyBinaryCrossEntropy(gamma=2)(z, b)", sigmoid(focal={"gamma": 2}), labels=B, lossd=0.118024,
           note="gamma cannot be said: focal is nearest, without the term ε(1 − p)^(γ+1)"),
]
