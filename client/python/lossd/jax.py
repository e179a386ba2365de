"""Losses to train with in JAX: any of the catalogue, inside jit and grad.

    import lossd.jax

    def objective(parameters, x, labels):
        return lossd.jax.loss(model(parameters, x), labels, {"focal": {"gamma": 2}})

    gradients = jax.jit(jax.grad(objective))(parameters, x, labels)
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Mapping, Optional, Tuple, Union

import jax
import numpy

from lossd import _arrays, _compute, _fields
from lossd._call.route import UNSET
from lossd._default import default_client
from lossd._template import batch_template, gradient_type, loss_type, losses_shape, make_template, split_options
from lossd.client import Client, Spec

Array = Any

_OPTIONS = ("reduction", "class_axis", "client", "deadline")
_BY_TURNS: Mapping[str, Any] = (
    {"vmap_method": "sequential"} if "vmap_method" in inspect.signature(jax.pure_callback).parameters else {}
)


def loss(
    logits: Array,
    labels: Array,
    spec: Spec = None,
    *,
    sample_weights: Optional[Array] = None,
    normalizer: Union[float, Array, None] = None,
    **options: Any,
) -> Array:
    """Returns any loss of `logits` against `labels`, differentiable once with respect to the logits.

    logits: [N, C], [N, d1, …, C], or [N] for a sigmoid loss; with class_axis=1 [N, C, d1, …]; float16, bfloat16,
    float32, or float64 where JAX has it. Their gradient has their type.
    labels: integers of the losses' shape, or floats of the logits' shape, a target for each class. A teacher's logits
    are no argument here: give their softmax as labels.
    spec: a form's name, "focal", or LossSpec's fields as a dict; None is cross entropy.
    sample_weights: ≥ 0, the losses' shape or [N]. A sample of weight 0 is ignored.
    normalizer: a number ≥ 0 in place of a mean's divisor.

    options: any field of LossSpec, activation="sigmoid", label_smoothing=0.1, …; reduction: "mean" (the default),
    "sum", "mean_valid", or "none" for the losses; class_axis: 1, or −1; client: a lossd.Client, None is this process's
    to LOSSD_ADDRESS, or to localhost:50051; deadline: seconds.

    One call brings the loss and its gradient; without grad no gradient is asked for. Under vmap each element is a call:
    rather give the whole batch. Raises lossd.InvalidArgument for names, and for labels or weights that need a gradient;
    what the server refuses is raised by JAX, with the server's words.
    """
    if "teacher_logits" in options:
        raise _fields.refuse("teacher_logits", "is no argument of lossd.jax.loss: give their softmax as labels")
    fields, others = split_options(options, _OPTIONS)
    call = _Call(spec, fields, **others)
    logits = jax.numpy.asarray(logits)
    if sample_weights is not None and not jax.numpy.issubdtype(jax.numpy.asarray(sample_weights).dtype, numpy.floating):
        sample_weights = jax.numpy.asarray(sample_weights, numpy.float32)
    return _loss(call, logits, labels, sample_weights, normalizer)


class _Call:
    """A loss with all that does not belong to a batch."""

    def __init__(
        self,
        spec: Spec,
        fields: Mapping[str, Any],
        *,
        reduction: str = "mean",
        class_axis: int = -1,
        client: Optional[Client] = None,
        deadline: Any = UNSET,
    ) -> None:
        self._template = make_template(spec, fields, reduction=reduction, class_axis=class_axis)
        self.class_axis = class_axis
        self._client = client
        self._deadline = deadline

    def ask(self, logits: Array, labels: Array, weights: Optional[Array], normalizer: Any, wanted: bool) -> Array:
        """Returns the loss, or with `wanted` the loss and the gradient, in a trace as well."""
        shape_of: Any = jax.ShapeDtypeStruct
        number = _arrays.number_of(logits.dtype)
        shapes = shape_of(losses_shape(self._template, logits.shape), _arrays.dtype_of(loss_type(number)))
        if wanted:
            shapes = (shapes, shape_of(logits.shape, _arrays.dtype_of(gradient_type(number))))
        call = functools.partial(self._compute, wanted)
        return jax.pure_callback(call, shapes, logits, labels, weights, normalizer, **_BY_TURNS)

    def _compute(self, wanted: bool, logits: Array, labels: Array, weights: Array, normalizer: Any) -> Any:
        number = _arrays.number_of(logits.dtype)
        message = batch_template(self._template, normalizer, wanted, number)
        given = {"logits": logits, "labels": labels, "sample_weights": weights}
        arrays = {name: _arrays.to_wire(array, name) for name, array in given.items() if array is not None}
        result = (self._client or default_client())._compute_batch(_compute.Batch(message, arrays), {}, self._deadline)
        value = result.losses
        if value is None:
            value = numpy.asarray(result.loss, _arrays.dtype_of(loss_type(number)))
        return (value, result.gradient) if wanted else value


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(call: _Call, logits: Array, labels: Array, weights: Optional[Array], normalizer: Any) -> Array:
    return call.ask(logits, labels, weights, normalizer, wanted=False)


def _forward(call: _Call, logits: Any, labels: Any, weights: Any, normalizer: Any) -> Tuple[Array, Any]:
    for name, given in (("labels", labels), ("sample_weights", weights), ("normalizer", normalizer)):
        if given is not None and given.perturbed and jax.numpy.issubdtype(given.value.dtype, numpy.floating):
            raise _fields.refuse(name, "requires a gradient, which lossd gives for logits alone: stop_gradient() it")
    weights, normalizer = (None if given is None else given.value for given in (weights, normalizer))
    if not logits.perturbed:
        return call.ask(logits.value, labels.value, weights, normalizer, wanted=False), None
    value, gradient = call.ask(logits.value, labels.value, weights, normalizer, wanted=True)
    return value, (gradient, jax.numpy.zeros((0,), logits.value.dtype))


def _backward(call: _Call, kept: Any, upstream: Any) -> Any:
    if kept is None or isinstance(upstream, jax.custom_derivatives.SymbolicZero):
        return None, None, None, None
    gradient, like = kept
    if 0 < upstream.ndim < gradient.ndim:
        upstream = jax.numpy.expand_dims(upstream, call.class_axis)  # one loss for all classes of a sample
    return (gradient * upstream).astype(like.dtype), None, None, None


_loss.defvjp(_forward, _backward, symbolic_zeros=True)
