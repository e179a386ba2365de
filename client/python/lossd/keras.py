"""A loss for Keras 3, on its PyTorch and JAX backends.

    import lossd.keras

    model.compile("adam", loss=lossd.keras.Loss({"focal": {"gamma": 2}}))
"""

from __future__ import annotations

from typing import Any, Dict, Optional

import keras
from keras import ops

from lossd import _fields
from lossd.client import Spec


def _backend() -> Any:
    """Returns the function that the backend of Keras trains with."""
    name = keras.backend.backend()
    if name == "torch":
        import lossd.torch

        return lossd.torch.loss
    if name == "jax":
        import lossd.jax

        return lossd.jax.loss
    raise NotImplementedError(f"lossd.keras works on Keras's backends torch and jax, not on {name}: set KERAS_BACKEND")


@keras.saving.register_keras_serializable(package="lossd")
class Loss(keras.losses.Loss):  # type: ignore[misc]
    """Any loss of the catalogue as a Keras loss, of logits: the last layer has no activation.

    spec: a form's name, "focal", or LossSpec's fields as a dict. reduction: Keras's, of the losses of the samples.
    options: any field of LossSpec, activation="sigmoid", label_smoothing=0.1, …; client, deadline.

    y_true: classes [N, …] or [N, …, 1], or targets of y_pred's shape. A sigmoid's losses are averaged over its last
    axis, as Keras's binary losses are. sample_weight and masks are Keras's own: they weigh the losses.
    """

    def __init__(
        self,
        spec: Spec = None,
        *,
        reduction: str = "sum_over_batch_size",
        name: Optional[str] = "lossd",
        dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self._spec = spec
        self._options = options
        self._compute = _backend()

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each sample."""
        rank = len(y_pred.shape)
        if len(y_true.shape) == rank and y_true.shape[-1] == 1 and y_pred.shape[-1] != 1:
            y_true = ops.squeeze(y_true, -1)
        if len(y_true.shape) < rank:
            y_true = ops.cast(y_true, "int32")  # Keras makes floats of classes
        losses = self._compute(y_pred, y_true, self._spec, reduction="none", **self._options)
        return ops.mean(losses, axis=-1) if len(losses.shape) == rank and rank > 1 else losses

    def get_config(self) -> Dict[str, Any]:
        """Returns what a saved model keeps: all but the client."""
        if not (self._spec is None or isinstance(self._spec, (str, dict))):
            raise _fields.refuse("spec", "is a message, which Keras cannot save: give a dict")
        kept = {name: value for name, value in self._options.items() if name != "client"}
        return {**super().get_config(), "spec": self._spec, **kept}
