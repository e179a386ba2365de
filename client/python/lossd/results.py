"""What the calls return. Arrays are NumPy's, of the caller's own, aligned and writable."""

from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Optional, Tuple

import numpy

from lossd import _arrays, _contract

Array = Any
"""A NumPy array; Any, so that it fits the annotations of every NumPy."""


@dataclasses.dataclass
class ClassStatistics:
    """What each class gives to the loss: arrays with an entry for each class, or, with present_classes_only, for each
    class that `class_ids` names. statistics.proto says what each one is."""

    count: Array
    frequency: Array
    weight: Array
    loss_sum: Array
    loss_share: Array
    gradient_share: Array
    mean_true_probability: Array
    correct_count: Array
    predicted_count: Array
    empty_classes: Array
    class_ids: Array


@dataclasses.dataclass
class Difficulty:
    """How hard the samples are: a histogram of p_t over `bin_edges`, and the hard samples' shares."""

    bin_edges: Array
    count: Array
    loss_share: Array
    gradient_share: Array
    hard_threshold: float
    hard_count: int
    hard_loss_share: float
    hard_gradient_share: float
    mean_true_probability: float


@dataclasses.dataclass
class PolicyStatistics:
    """How far the policy has moved from the one whose tokens these are, and what was clipped. What the rollout and the
    loss do not have is None. statistics.proto says what each one is."""

    clipped_high_count: int
    clipped_low_count: int
    dual_clipped_count: int
    ratio_mean: Optional[float] = None
    ratio_min: Optional[float] = None
    ratio_max: Optional[float] = None
    ratio_mean_square: Optional[float] = None
    effective_sample_size: Optional[float] = None
    kl_k1: Optional[float] = None
    kl_k3: Optional[float] = None
    reference_kl_k1: Optional[float] = None
    reference_kl_k3: Optional[float] = None
    weight_high_count: Optional[int] = None
    weight_low_count: Optional[int] = None


@dataclasses.dataclass
class Result:
    """The losses of one batch. What was not asked for, or did not come, is None.

    loss: the reduced loss, in nats; with "none" the sum. loss_sum: Σ s·ℓ. weight_sum: the divisor of "mean", before
    `normalizer`. valid_count: the samples that are not ignored. non_finite_count: those whose loss is NaN or ±inf.

    Arrays: losses, log_sum_exp and margin have the losses' shape; gradient, hessian_diagonal and probabilities the
    logits'; class_weights [C]. They are float64 for float64 logits, else float32; gradient and probabilities have
    the logits' type unless outputs said otherwise.

    sequence_count: the sequences that have a sample, where sequences were read. top_k_correct: one count for each k.
    applied: the loss and the reduction that were computed, as dicts in the form that `compute` takes. messages: the
    answer's protobuf messages without the arrays, one for each part of the batch as it travelled.
    """

    loss: float
    loss_sum: float
    weight_sum: float
    valid_count: int
    non_finite_count: int
    losses: Optional[Array] = None
    gradient: Optional[Array] = None
    hessian_diagonal: Optional[Array] = None
    probabilities: Optional[Array] = None
    log_sum_exp: Optional[Array] = None
    margin: Optional[Array] = None
    class_weights: Optional[Array] = None
    class_statistics: Optional[ClassStatistics] = None
    difficulty: Optional[Difficulty] = None
    policy_statistics: Optional[PolicyStatistics] = None
    sequence_count: Optional[int] = None
    top_k_correct: Tuple[int, ...] = ()
    applied: Optional[Dict[str, Any]] = None
    messages: Tuple[Any, ...] = dataclasses.field(default=(), repr=False)


@dataclasses.dataclass
class Comparison:
    """The result of one loss on the batch: gradient_norm is the L2 norm of the gradient after the reduction,
    vanishing_count how many samples are confidently wrong and yet have hardly a gradient. policy_statistics comes
    beside a rollout with old or reference log-probabilities."""

    loss_spec: Dict[str, Any]
    loss: float
    loss_sum: float
    gradient_norm: float
    vanishing_count: int
    class_statistics: Optional[ClassStatistics]
    difficulty: Optional[Difficulty]
    policy_statistics: Optional[PolicyStatistics]
    message: Any = dataclasses.field(repr=False)


@dataclasses.dataclass
class SchemeWeights:
    """The weights of one scheme, [C]; beta is EFFECTIVE_NUMBER's."""

    scheme: str
    normalization: str
    values: Array
    beta: Optional[float]


@dataclasses.dataclass
class ClassWeights:
    """Counts and frequencies, [C], and the weights of each scheme, in the order asked, found by name in `weights`.

    imbalance_ratio: the largest count over the smallest that is not 0. alpha: for two classes, n₀ / N.
    """

    counts: Array
    frequencies: Array
    weights: Dict[str, SchemeWeights]
    empty_classes: Array
    imbalance_ratio: float
    alpha: Optional[float]


@dataclasses.dataclass
class Information:
    """The measures of each distribution, [N], in the unit asked for; None where q or self_information was not given."""

    entropy: Array
    self_information: Optional[Array]
    cross_entropy: Optional[Array]
    kl_divergence: Optional[Array]
    jensen_shannon: Optional[Array]


@dataclasses.dataclass
class Parameter:
    """One number that shapes a loss; None is no bound."""

    name: str
    default: Optional[float]
    minimum: Optional[float]
    maximum: Optional[float]
    minimum_exclusive: bool
    maximum_exclusive: bool
    description: str


@dataclasses.dataclass
class Loss:
    """One loss that the server computes; `activations` has those of "softmax", "sigmoid" and "log_probability"."""

    name: str
    formula: str
    activations: Tuple[str, ...]
    parameters: Tuple[Parameter, ...]
    reference: str


@dataclasses.dataclass
class ServerInfo:
    """The server and its limits, of which 0 is none; `message` has what a newer server says beside them."""

    version: str
    simd_instruction_set: str
    thread_count: int
    max_message_bytes: int
    max_in_flight_bytes: int
    max_stream_window: int
    message: Any = dataclasses.field(repr=False)


_INT64 = _contract.ComputeResponse.DESCRIPTOR.fields_by_name["valid_count"].cpp_type


def column(message: Any, name: str) -> Any:
    """Returns a repeated field of numbers as an array."""
    is_integer = message.DESCRIPTOR.fields_by_name[name].cpp_type == _INT64
    return numpy.array(getattr(message, name), dtype=numpy.int64 if is_integer else numpy.float64)


def columns(kind: Any, message: Any) -> Any:
    """Returns a dataclass of the message's fields: repeated ones as arrays, scalars as numbers."""
    values = {field.name: getattr(message, field.name) for field in dataclasses.fields(kind)}
    for name, value in values.items():
        if not isinstance(value, (int, float)):
            values[name] = column(message, name)
    return kind(**values)


def optional_columns(kind: Any, message: Any, name: str) -> Any:
    """Returns columns() of a field of the message, None where it is not set."""
    return columns(kind, getattr(message, name)) if message.HasField(name) else None


def optional_values(kind: Any, message: Any, name: str) -> Any:
    """Returns a dataclass of the scalars that a field of the message has, None where it is not set; so are those of
    its scalars that have a default."""
    if not message.HasField(name):
        return None
    found, values = getattr(message, name), {}
    for each in dataclasses.fields(kind):
        required = each.default is dataclasses.MISSING
        values[each.name] = getattr(found, each.name) if required else value_of(found, each.name)
    return kind(**values)


def value_of(message: Any, name: str) -> Any:
    """Returns a field of the message, None where it is not set."""
    return getattr(message, name) if message.HasField(name) else None


def array_of(tensor: Any) -> Any:
    """Returns a Tensor message's elements as an array, whichever way it has them."""
    shape = tuple(tensor.shape)
    if tensor.float_values:
        return numpy.array(tensor.float_values, numpy.float64).reshape(shape or -1)
    if tensor.int_values:
        return numpy.array(tensor.int_values, numpy.int64).reshape(shape or -1)
    return _arrays.from_bytes(tensor.data, tensor.data_type or _contract.DATA_TYPE["FLOAT32"], shape)


def short_name(message: Any, name: str) -> str:
    """Returns an enum field's value as compute() takes it: "softmax" for ACTIVATION_SOFTMAX."""
    enum = message.DESCRIPTOR.fields_by_name[name].enum_type
    return enum_name(enum, getattr(message, name))


def enum_name(enum: Any, number: int) -> str:
    """Returns the name of an enum's value without its prefix, in lower case; of an unknown one its number."""
    found = enum.values_by_number.get(number)
    prefix = len(enum.values_by_number[0].name) - len("UNSPECIFIED")
    return str(number) if found is None else found.name[prefix:].lower()


def as_dict(message: Any) -> Dict[str, Any]:
    """Returns the set fields of a message in the form that compute() takes; a tensor without elements as a dict."""
    out: Dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is not None and hasattr(value, "ListFields"):
            is_tensor = field.message_type.full_name == "lossd.v1.Tensor"
            has_elements = is_tensor and any(each.name in _ELEMENTS for each, _ in value.ListFields())
            out[field.name] = array_of(value) if has_elements else as_dict(value)
        elif field.enum_type is not None:
            out[field.name] = enum_name(field.enum_type, value)
        elif isinstance(value, (int, float, str, bytes)):
            out[field.name] = value
        else:
            out[field.name] = _list(value)
    return out


_ELEMENTS = ("data", "float_values", "int_values")


def _list(values: Any) -> List[Any]:
    return [as_dict(value) if hasattr(value, "ListFields") else value for value in values]
