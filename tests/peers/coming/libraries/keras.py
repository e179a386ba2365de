"""Keras's lines, on JAX."""

from libraries.with_jax import caller

import keras

from lines import B, Q, S, T, Y_255, sigmoid, weights

TITLE = "Keras"
PACKAGE = "keras"
VERSION = keras.__version__
LOSSES = [name for name, value in vars(keras.losses).items() if isinstance(value, type)
          and issubclass(value, keras.losses.Loss) and value is not keras.losses.Loss]

keras.backend.set_floatx("float64")
NAMES = {name: getattr(keras.losses, name) for name in dir(keras.losses)}
line = caller({**NAMES, "keras": keras, "one_hot": lambda y: keras.ops.one_hot(y, 3)}, tolerance=2e-6)
FOCAL = {"focal": {"gamma": 2}}
BLENDED = {"focal": {"gamma": 2, "soft_target_rule": "SOFT_TARGET_RULE_BLENDED"}}
ALPHA = {"class_weighting": {"alpha": 0.25}}
QUARTERS = weights([0.25, 0.25, 0.25])
SMOOTHED = [[0.95 if yes else 0.05 for yes in row] for row in B]

LINES = [
    line("SparseCategoricalCrossentropy(from_logits=True)(y, z)"),
    line("SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)(y_255, z)",
         {"ignore_index": 255}, labels=Y_255),
    line("SparseCategoricalCrossentropy(from_logits=True)(y, z, sample_weight=s)", {}, "MEAN_VALID",
         sample_weights=S, note="its mean divides by N, lossd's MEAN by Σs"),
    line("CategoricalCrossentropy(from_logits=True)(t, z)", labels=T),
    line("CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(one_hot(y), z)",
         {"label_smoothing": 0.1}),
    line("BinaryCrossentropy(from_logits=True)(b, z)", sigmoid(), labels=B),
    line("BinaryCrossentropy(from_logits=True, label_smoothing=0.1)(b, z)",
         sigmoid(label_smoothing=0.1), labels=B),
    line("BinaryFocalCrossentropy(from_logits=True)(b, z)", sigmoid(**FOCAL), labels=B),
    line("BinaryFocalCrossentropy(from_logits=True, apply_class_balancing=True)(b, z)",
         sigmoid(**FOCAL, **ALPHA), labels=B),
    line("BinaryFocalCrossentropy(from_logits=True)(q, z)", sigmoid(**BLENDED), labels=Q,
         note="soft targets: one focal factor for yes and no together"),
    line("BinaryFocalCrossentropy(from_logits=True, label_smoothing=0.1)(b, z)",
         sigmoid(**BLENDED, label_smoothing=0.1), labels=B),
    line("BinaryFocalCrossentropy(from_logits=True, label_smoothing=0.1, apply_class_balancing=True)(b, z)",
         sigmoid(**BLENDED, **ALPHA), labels=SMOOTHED,
         note="alpha acts on the smoothed target there, on the given one here: send targets that are "
              "smoothed"),
    line("CategoricalFocalCrossentropy(from_logits=True)(one_hot(y), z)", {**FOCAL, **QUARTERS},
         "MEAN_VALID", note="alpha 0.25 is a weight of every class; with MEAN it divides out"),
    line("CategoricalFocalCrossentropy(from_logits=True, alpha=[0.25, 1, 2])(one_hot(y), z)",
         {**FOCAL, **weights([0.25, 1, 2])}, "MEAN_VALID"),
    line("CategoricalFocalCrossentropy(from_logits=True)(t, z)", {**FOCAL, **QUARTERS}, "MEAN_VALID",
         labels=T),
    line("CategoricalFocalCrossentropy(from_logits=True)(2 * t, z)", {**FOCAL, **QUARTERS}, "MEAN_VALID",
         labels=[[2 * share for share in row] for row in T], note="targets need not sum to 1: 2t"),
    line("CategoricalFocalCrossentropy(from_logits=True, label_smoothing=0.1)(one_hot(y), z)",
         {**FOCAL, **QUARTERS, "label_smoothing": 0.1}, "MEAN_VALID"),
    line("CategoricalFocalCrossentropy(from_logits=True, alpha=1)(one_hot(y[:1]), z)", FOCAL,
         logits=[[-20, 0, 0]], labels=[0], lossd=20.6931,
         note="it cuts p at 1e-7, where it has no gradient"),
    line("BinaryFocalCrossentropy(from_logits=True)(b[:1, :1], z)", sigmoid(**FOCAL),
         logits=[[-20]], labels=[[1]], lossd=20, note="the same"),
    line("KLDivergence()(t, keras.ops.softmax(z))", {"kl_divergence": {}}, labels=T),
    line("CategoricalGeneralizedCrossEntropy(q=0.5)(y, keras.ops.softmax(z))",
         {"generalized_cross_entropy": {"q": 0.5}}),
]
