"""Any request: its message without the arrays, and the arrays, which are put around it."""

from __future__ import annotations

import functools
from typing import Any, Dict, Iterable, Mapping, Tuple

from lossd import _arrays, _fields, _wire
from lossd._arrays import WireArray

_TENSOR = "lossd.v1.Tensor"


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
    """Returns a message of that kind with the fields that are no arrays, and the arrays by their fields' names.

    A field of None stays unset. `other_arguments` are the call's that are no fields, for the error. Raises
    InvalidArgument.
    """
    message, arrays, numbers, plain = kind(), {}, tensor_numbers(kind), _plain(kind)
    for name, value in fields.items():
        if value is None:
            continue
        if name in numbers:
            arrays[name] = _arrays.to_wire(value, name)
        elif name in plain:
            _fields.fill(message, {name: value})
        else:
            known = [*numbers, *plain, *other_arguments]
            raise _fields.refuse(name, f"is no argument; {_fields.suggest(name, known)}")
    return message, arrays


def serialize(message: Any, arrays: Mapping[str, WireArray]) -> bytes:
    """Returns the bytes of the request."""
    kind: Any = type(message)
    numbers = tensor_numbers(kind)
    return _wire.join(message.SerializeToString(), {numbers[name]: array for name, array in arrays.items()})
