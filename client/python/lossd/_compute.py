"""A call of Compute: the request from the caller's arguments, and the result from the answer."""

from __future__ import annotations

import math
import secrets
from typing import Any, Dict, Mapping, Tuple

from lossd import _arrays, _contract, _fields, _request, _wire
from lossd._arrays import WireArray
from lossd.results import (
    ClassStatistics,
    Difficulty,
    PolicyStatistics,
    Result,
    as_dict,
    optional_columns,
    optional_values,
    value_of,
)

_RECEIVED = {number: name for name, number in _request.tensor_numbers(_contract.ComputeResponse).items()}

SIGMOID = _contract.ACTIVATION["SIGMOID"]
LOG_PROBABILITY = _contract.ACTIVATION["LOG_PROBABILITY"]
OF_LOGITS_SHAPE = ("gradient", "hessian_diagonal", "probabilities")

_SMALL_BYTES = 1 << 15  # of an answer
_ENVELOPE_BYTES = 4096  # at most, of a message beside its arrays and what the request itself says


class Batch:
    """A request: `message` has all but the arrays, `arrays` has those by their fields' names, a rollout's as
    "rollout.advantages"."""

    def __init__(self, message: Any, arrays: Dict[str, WireArray]) -> None:
        self.message = message
        self.arrays = arrays

    @property
    def logits(self) -> WireArray:
        return self.arrays["logits"]

    @property
    def is_sigmoid(self) -> bool:
        return bool(self.message.loss.activation == SIGMOID)

    @property
    def has_classes(self) -> bool:
        """Whether a sample has several logits: those of its classes."""
        return not self.is_sigmoid and self.class_axis >= 0

    @property
    def class_axis(self) -> int:
        """The axis of the classes as an index from 0, or −1 for logits [N] and for log-probabilities."""
        rank = len(self.logits.shape)
        if rank < 2 or self.message.loss.activation == LOG_PROBABILITY:
            return -1
        # The server refuses what is neither.
        return 1 if self.message.class_axis == 1 else rank - 1

    @property
    def class_count(self) -> int:
        return self.logits.shape[self.class_axis] if self.class_axis >= 0 else 2

    @property
    def losses_shape(self) -> Tuple[int, ...]:
        shape, axis = self.logits.shape, self.class_axis
        return shape[:axis] + shape[axis + 1 :] if self.has_classes else shape

    def serialize(self) -> bytes:
        """Returns the bytes of the request."""
        return _request.serialize(self.message, self.arrays)


def make_batch(fields: Mapping[str, Any]) -> Batch:
    """Returns the request of ComputeRequest's fields by their names. Raises InvalidArgument."""
    message, arrays = _request.make(_contract.ComputeRequest, fields, ("out", "deadline"))
    if "logits" not in arrays:
        raise _fields.refuse("logits", "are required")
    name_request(message)
    for name in ("logits", "teacher_logits", "sample_weights", "upstream_gradient"):
        if name in arrays and not arrays[name].is_float:
            arrays[name] = _request.as_float64(arrays[name])
    return Batch(message, arrays)


def name_request(message: Any) -> None:
    """Gives a request of a run, where the caller has not, the name by which the run counts it once."""
    if message.run and not message.request_id:
        message.request_id = secrets.token_hex(16)


def checked_out(out: Mapping[str, Any], name: str, data_type: int, shape: Tuple[int, ...]) -> Any:
    """Returns the caller's memory for an array, None where there is none. Raises InvalidArgument."""
    array = out.get(name)
    if array is None:
        return None
    width = _arrays.width_of(data_type)
    if tuple(array.shape) != shape or array.dtype.itemsize != width or not array.flags.writeable:
        raise _fields.refuse(
            f"out.{name}", f"is {array.dtype} of shape {list(array.shape)}, expected a writable array of "
            f"{_arrays.dtype_of(data_type)} of shape {list(shape)}")  # fmt: skip
    return array


def check_names_of_out(out: Mapping[str, Any]) -> None:
    """Raises InvalidArgument where `out` names what is no array of a result."""
    for name in out:
        if name not in _RECEIVED.values():
            raise _fields.refuse(f"out.{name}", f"is no array of a result; {_fields.suggest(name, _RECEIVED.values())}")


_RESULT_ARRAYS = frozenset(Result.__dataclass_fields__)


class Answer:
    """An answer as it came: `message` without the arrays, and `arrays`, where they lie in its bytes."""

    def __init__(self, data: Any) -> None:
        if len(data) > _SMALL_BYTES:
            rest, self.arrays = _wire.split(data, _RECEIVED)
            self.message = _contract.ComputeResponse.FromString(rest)
        else:  # copies cost less than to look for them
            self.message = _contract.ComputeResponse.FromString(bytes(data))
            self.arrays = {}
            for field, value in self.message.ListFields():
                name = _RECEIVED.get(field.number)
                if name is not None:
                    self.arrays[name] = _wire.TensorBytes(value.data_type, tuple(value.shape), value.data)
            for name in self.arrays:
                self.message.ClearField(name)

    def copied(self, name: str, out: Mapping[str, Any]) -> Any:
        """Returns the array of that name, in the memory of `out` if it has one."""
        found = self.arrays[name]
        into = checked_out(out, name, found.data_type, found.shape)
        return _arrays.from_bytes(found.data, found.data_type, found.shape, into)


def read_result(data: Any, out: Mapping[str, Any]) -> Result:
    """Returns the result that an answer's bytes hold."""
    answer = Answer(data)
    message = answer.message
    result = Result(
        message.loss, message.loss_sum, message.weight_sum, message.valid_count, message.non_finite_count,
        class_statistics=optional_columns(ClassStatistics, message, "class_statistics"),
        difficulty=optional_columns(Difficulty, message, "difficulty"),
        top_k_correct=tuple(message.top_k_correct),
        policy_statistics=optional_values(PolicyStatistics, message, "policy_statistics"),
        sequence_count=value_of(message, "sequence_count"),
        applied=as_dict(message.applied) if message.HasField("applied") else None,
        messages=(message,),
    )  # fmt: skip
    for name in answer.arrays:
        if name in _RESULT_ARRAYS:
            setattr(result, name, answer.copied(name, out))
    return result


def is_small(batch: Batch, limit: int) -> bool:
    """Returns whether request and answer are below the limit by far, so that nothing has to be counted."""
    # Of an answer's bytes there are at most 32 for each logit, and 160 for each class.
    return bool(200 * sum(array.values.size for array in batch.arrays.values()) < limit)


def size_of(batch: Batch) -> int:
    """Returns the bytes of the arrays in the request or in its answer, whichever has more."""
    sent = sum(array.nbytes for array in batch.arrays.values())
    asked, logits = batch.message.outputs, batch.logits
    count = math.prod(logits.shape)
    width = _arrays.width_of(logits.data_type)
    wide = max(4, width)
    samples = math.prod(batch.losses_shape)
    gradient = _arrays.width_of(asked.gradient_data_type) if asked.gradient_data_type in _arrays.FLOAT_TYPES else width
    per_logit = asked.gradient * gradient + asked.hessian_diagonal * wide + asked.probabilities * width
    per_sample = (asked.log_sum_exp + asked.margin + (not asked.omit_losses)) * wide
    return max(sent, int(count * per_logit + samples * per_sample))


def room_of(batch: Batch, limit: int) -> int:
    """Returns how many bytes of a message of `limit` bytes are left for what size_of() counts."""
    asked = batch.message.outputs
    # Statistics have nine numbers for each class, and a difficulty; weights have one.
    arrays = 10 * bool(asked.class_statistics) + (not asked.omit_class_weights)
    return limit - int(batch.message.ByteSize()) - 8 * arrays * batch.class_count - _ENVELOPE_BYTES
