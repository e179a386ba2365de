"""Any request: its message without the arrays, and the arrays, which are put around it."""

from __future__ import annotations

import functools
from typing import Any, Dict, Iterable, Mapping, Tuple

from lossd import _arrays, _contract, _fields, _wire
from lossd._arrays import WireArray
from lossd.results import as_dict

_TENSOR = "lossd.v1.Tensor"
ROLLOUT = "rollout."  # stands before the names of a rollout's arrays


@functools.lru_cache(maxsize=None)
def tensor_numbers(kind: Any) -> Mapping[str, int]:
    """Returns the numbers of a message's fields that are tensors, by their names."""
    fields = kind.DESCRIPTOR.fields
    return {f.name: f.number for f in fields if f.message_type and f.message_type.full_name == _TENSOR}


@functools.lru_cache(maxsize=None)
def _plain(kind: Any) -> Tuple[str, ...]:
    """Returns the names of a message's other fields."""
    return tuple(field.name for field in kind.DESCRIPTOR.fields if field.name not in tensor_numbers(kind))


def make(kind: Any, fields: Mapping[str, Any], other_arguments: Iterable[str]) -> Tuple[Any, Dict[str, WireArray]]:
    """Returns a message of that kind with the fields that are no arrays, and the arrays by their fields' names, a
    rollout's as "rollout.advantages".

    A field of None stays unset. `other_arguments` are the call's that are no fields, for the error. Raises
    InvalidArgument.
    """
    message, arrays, numbers, plain = kind(), {}, tensor_numbers(kind), _plain(kind)
    for name, value in fields.items():
        if value is None:
            continue
        if name in numbers:
            arrays[name] = _arrays.to_wire(value, name)
        elif name == "rollout" and name in plain:
            arrays.update(_rollout(value))
        elif name in plain:
            _fields.fill(message, {name: value})
        else:
            known = [*numbers, *plain, *other_arguments]
            raise _fields.refuse(name, f"is no argument; {_fields.suggest(name, known)}")
    return message, arrays


def _rollout(value: Any) -> Dict[str, WireArray]:
    """Returns the arrays of a rollout: a dict, or a Rollout of the contract. Raises InvalidArgument."""
    if not isinstance(value, Mapping):
        message = _contract.Rollout()
        _fields.assign(message, value, "rollout")
        value = as_dict(message)
    arrays, known = {}, tensor_numbers(_contract.Rollout)
    for name, each in value.items():
        if name not in known:
            raise _fields.refuse(ROLLOUT + name, f"is no field of Rollout; {_fields.suggest(name, known)}")
        if each is not None:
            array = _arrays.to_wire(each, ROLLOUT + name)
            arrays[ROLLOUT + name] = array if array.is_float else as_float64(array)
    return arrays


def as_float64(array: WireArray) -> WireArray:
    """Returns what was written as whole numbers, [[2, 1, 0]], or as a mask."""
    return WireArray(array.values.astype("float64"), _contract.DATA_TYPE["FLOAT64"])


def serialize(message: Any, arrays: Mapping[str, WireArray]) -> bytes:
    """Returns the bytes of the request."""
    kind: Any = type(message)
    numbers = tensor_numbers(kind)
    tensors: Dict[int, WireArray] = {}
    rollout: Dict[int, WireArray] = {}
    for name, array in arrays.items():
        if name in numbers:
            tensors[numbers[name]] = array
        else:
            rollout[tensor_numbers(_contract.Rollout)[name[len(ROLLOUT) :]]] = array
    groups = {_contract.field_number(message, "rollout"): rollout} if rollout else {}
    return _wire.join(message.SerializeToString(), tensors, groups)
