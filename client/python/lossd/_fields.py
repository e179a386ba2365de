"""Requests from Python's dicts: every name is checked, and a misspelt one is told with the right one."""

from __future__ import annotations

import difflib
import numbers
from typing import Any, Iterable, Mapping

import numpy
from google.protobuf.descriptor import FieldDescriptor

from lossd import _arrays
from lossd.errors import InvalidArgument, Violation

_TENSOR = "lossd.v1.Tensor"


def refuse(path: str, description: str) -> InvalidArgument:
    """Returns the error for a field of the request."""
    return InvalidArgument(f"{path} {description}", violations=[Violation(path, description)])


def suggest(name: str, names: Iterable[str]) -> str:
    """Returns what to say behind an unknown name: the nearest ones, or all there are."""
    names = list(names)
    near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.6)
    if not near:
        near = [other for other in names if len(name) > 2 and (name in other or other in name)][:3]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"expected one of {', '.join(names)}" if names else "it has no fields"


def fill(message: Any, values: Mapping[str, Any], path: str = "") -> None:
    """Sets the fields of `message` that `values` names, as in the .proto files or in camelCase.

    A value is: for a message a dict, or its message; for a tensor an array, or a dict of Tensor's fields; for an
    enum a name, with or without the prefix, in any case; for an oneof's or message's mere presence True; None for a
    field that stays unset. Raises InvalidArgument.
    """
    for name, value in values.items():
        if value is not None:
            _set(message, _find(message.DESCRIPTOR, name, path), value, f"{path}.{name}" if path else name)


def assign(message: Any, value: Any, path: str) -> None:
    """Sets the whole message to `value`: a dict, a message of that type, or the name of one of its messages."""
    descriptor = message.DESCRIPTOR
    if isinstance(value, Mapping):
        fill(message, value, path)
    elif isinstance(value, str):
        field = _find(descriptor, value, path)
        if field.message_type is None:
            raise refuse(path, f"= {value!r} is a field that wants a value: {{{value!r}: …}}")
        getattr(message, field.name).SetInParent()
    elif value is True:
        message.SetInParent()
    elif getattr(getattr(value, "DESCRIPTOR", None), "full_name", None) == descriptor.full_name:
        message.MergeFromString(value.SerializeToString())
    else:
        raise refuse(path, f"is a {type(value).__name__}, expected a dict of {descriptor.name}'s fields")


def _find(descriptor: Any, name: str, path: str) -> Any:
    field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
    if field is None:
        known = suggest(name, [field.name for field in descriptor.fields])
        raise refuse(f"{path}.{name}" if path else name, f"is no field of {descriptor.name}; {known}")
    return field


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated if hasattr(field, "is_repeated") else field.label == FieldDescriptor.LABEL_REPEATED)


def _set(message: Any, field: Any, value: Any, path: str) -> None:
    if not _is_repeated(field):
        _set_one(message, field, value, path)
    elif field.message_type is not None:
        for index, item in enumerate(_items(value, path)):
            assign(getattr(message, field.name).add(), item, f"{path}[{index}]")
    else:
        getattr(message, field.name).extend(_number(field, item, path) for item in _items(value, path))


def _items(value: Any, path: str) -> Iterable[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
        raise refuse(path, f"= {value!r}, expected a list")
    items: Iterable[Any] = value.tolist() if isinstance(value, numpy.ndarray) else value
    return items


def _set_one(message: Any, field: Any, value: Any, path: str) -> None:
    if field.message_type is None:
        setattr(message, field.name, _number(field, value, path))
        return
    child = getattr(message, field.name)
    if value is False:
        return
    if field.message_type.full_name == _TENSOR and not isinstance(value, Mapping) and not hasattr(value, "DESCRIPTOR"):
        array = _arrays.to_wire(value, path)
        child.data_type, child.data = array.data_type, array.values.tobytes()
        child.shape.extend(array.shape)
    else:
        child.SetInParent()
        assign(child, value, path)


def _number(field: Any, value: Any, path: str) -> Any:
    """Returns what protobuf takes for a field that is no message."""
    if field.enum_type is not None:
        return _enum_number(field.enum_type, value, path)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if isinstance(value, (str, bytes)):
            return value
        raise refuse(path, f"= {value!r}, expected a text")
    if hasattr(value, "item") and getattr(value, "size", 1) == 1:
        value = value.item()
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if isinstance(value, bool):
            return value
        raise refuse(path, f"= {value!r}, expected True or False")
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise refuse(path, f"= {value!r}, expected a number")
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return float(value)
    if not float(value).is_integer():
        raise refuse(path, f"= {value!r}, expected a whole number")
    return int(value)  # type: ignore[call-overload]


def _enum_number(enum: Any, value: Any, path: str) -> int:
    """Returns the number of an enum's value by its name, with or without the prefix, in any case."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    names = [each.name for each in enum.values]
    prefix = names[0][: -len("UNSPECIFIED")]
    short = [name[len(prefix) :].lower() for name in names]
    if isinstance(value, str):
        word = value.upper()
        word = word[len(prefix) :] if word.startswith(prefix) else word
        if word.lower() in short:
            return int(enum.values[short.index(word.lower())].number)
        raise refuse(path, f"= {value!r} is no {enum.name}; {suggest(word, short[1:])}")
    raise refuse(path, f"= {value!r}, expected one of {', '.join(short[1:])}")
