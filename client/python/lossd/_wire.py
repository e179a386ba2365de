"""Messages around their tensors: written and read here, so that protobuf does not copy the elements.

protobuf's own objects would copy the elements of a request three times before gRPC copies them, and those of an
answer at each read of `data`. Here they are copied once each way.
"""

from __future__ import annotations

import functools
from typing import Any, Dict, List, Mapping, Tuple

import numpy

from lossd import _contract
from lossd._arrays import WireArray
from lossd.errors import Internal

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_DATA_TYPE = _contract.field_number(_contract.Tensor, "data_type")
_SHAPE = _contract.field_number(_contract.Tensor, "shape")
_DATA = _contract.field_number(_contract.Tensor, "data")


class TensorBytes:
    """A tensor of an answer: its type, shape, and where its elements lie."""

    __slots__ = ("data_type", "shape", "data")

    def __init__(self, data_type: int, shape: Tuple[int, ...], data: Any) -> None:
        self.data_type = data_type
        self.shape = shape
        self.data = data


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length_delimited(number: int, length: int) -> bytes:
    """Returns what stands before a field of that many bytes."""
    return _varint(number << 3 | _LENGTH) + _varint(length)


@functools.lru_cache(maxsize=256)
def _tensor_head(number: int, data_type: int, shape: Tuple[int, ...], size: int) -> bytes:
    """Returns what stands before a tensor's elements. A training loop's shapes are the same at each step."""
    extents = b"".join(map(_varint, shape))
    head = _varint(_DATA_TYPE << 3) + _varint(data_type) + length_delimited(_SHAPE, len(extents)) + extents
    if size:
        head += length_delimited(_DATA, size)
    return length_delimited(number, len(head) + size) + head


def _tensor_pieces(number: int, array: WireArray) -> List[Any]:
    size = array.nbytes
    head = _tensor_head(number, array.data_type, array.shape, size)
    if size < 4096:
        return [head, array.values.tobytes()]
    return [head, numpy.ascontiguousarray(array.values).reshape(-1).view(numpy.uint8).data]


def join(message: bytes, tensors: Mapping[int, WireArray], groups: Mapping[int, Mapping[int, WireArray]] = {}) -> bytes:
    """Returns the serialized message with these tensors as the fields of these numbers, and with messages of tensors
    alone as those of `groups`."""
    pieces: List[Any] = [message]
    for number, array in tensors.items():
        pieces += _tensor_pieces(number, array)
    for number, members in groups.items():
        inner = [piece for each, array in members.items() for piece in _tensor_pieces(each, array)]
        pieces += [length_delimited(number, sum(map(len, inner))), *inner]
    return b"".join(pieces)


def nested(number: int, before: bytes, message: bytes) -> bytes:
    """Returns a message that has `before`, and `message` as its field `number`."""
    return b"".join((before, length_delimited(number, len(message)), message))


def _read_varint(data: memoryview, at: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise Internal("the server's answer is no protobuf: a varint has no end")


def _field_end(data: memoryview, wire_type: int, at: int) -> Tuple[int, int]:
    """Returns where the value of a field begins and ends."""
    if wire_type == _VARINT:
        return at, _read_varint(data, at)[1]
    if wire_type == _LENGTH:
        length, at = _read_varint(data, at)
        end = at + length
    elif wire_type in (_FIXED64, _FIXED32):
        end = at + (8 if wire_type == _FIXED64 else 4)
    else:
        raise Internal(f"the server's answer is no protobuf: it has a field of wire type {wire_type}")
    if end > len(data):
        raise Internal("the server's answer is no protobuf: a field is longer than its message")
    return at, end


def _read_tensor(data: memoryview) -> TensorBytes:
    at, data_type, shape, elements = 0, 0, [], data[:0]
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        begin, at = _field_end(data, wire_type, at)
        if number == _DATA_TYPE:
            data_type = _read_varint(data, begin)[0]
        elif number == _SHAPE and wire_type == _VARINT:
            shape.append(_read_varint(data, begin)[0])
        elif number == _SHAPE:
            while begin < at:
                extent, begin = _read_varint(data, begin)
                shape.append(extent)
        elif number == _DATA:
            elements = data[begin:at]
    return TensorBytes(data_type, tuple(shape), elements)


def split(message: Any, tensors: Mapping[int, str]) -> Tuple[bytes, Dict[str, TensorBytes]]:
    """Returns the serialized message without the fields whose numbers `tensors` names, and those by their names."""
    data = memoryview(message)
    rest, found, at, kept = [], {}, 0, 0
    try:
        while at < len(data):
            begin_of_field = at
            tag, at = _read_varint(data, at)
            begin, at = _field_end(data, tag & 7, at)
            name = tensors.get(tag >> 3)
            if name is not None and tag & 7 == _LENGTH:
                found[name] = _read_tensor(data[begin:at])
                rest.append(data[kept:begin_of_field])
                kept = at
    except IndexError:
        raise Internal("the server's answer is no protobuf: it ends in the middle of a field") from None
    rest.append(data[kept:])
    return b"".join(rest), found


def field_of(message: Any, number: int) -> Any:
    """Returns the bytes of a message's last field of that number, a memoryview; None where there is none."""
    data = memoryview(message)
    at, found = 0, None
    while at < len(data):
        tag, at = _read_varint(data, at)
        begin, at = _field_end(data, tag & 7, at)
        if tag >> 3 == number and tag & 7 == _LENGTH:
            found = data[begin:at]
    return found
