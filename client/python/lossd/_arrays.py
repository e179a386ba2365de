"""NumPy's arrays as the contract's tensors and back, with as few copies as there can be."""

from __future__ import annotations

import functools
import sys
from typing import Any, Optional, Tuple

import numpy

from lossd import _contract
from lossd.errors import InvalidArgument, Violation

_NUMBER = _contract.DATA_TYPE
BFLOAT16 = _NUMBER["BFLOAT16"]
_FLOATS = {"float16": _NUMBER["FLOAT16"], "float32": _NUMBER["FLOAT32"], "float64": _NUMBER["FLOAT64"],
           "bfloat16": BFLOAT16}  # fmt: skip
_INTEGERS = {"int32": _NUMBER["INT32"], "int64": _NUMBER["INT64"], "uint8": _NUMBER["UINT8"]}
_TYPES = {**_FLOATS, **_INTEGERS}
_WIDTHS = {_NUMBER["FLOAT16"]: 2, BFLOAT16: 2, _NUMBER["FLOAT32"]: 4, _NUMBER["FLOAT64"]: 8, _NUMBER["INT32"]: 4,
           _NUMBER["INT64"]: 8, _NUMBER["UINT8"]: 1}  # fmt: skip
_DTYPES = {number: numpy.dtype(name) for name, number in _TYPES.items() if name != "bfloat16"}
FLOAT_TYPES = frozenset(_FLOATS.values())


class WireArray:
    """An array as it travels: elements of the contract's type, little-endian.

    `values` has elements of that width; those of BFLOAT16 may be any 16 bits.
    """

    __slots__ = ("values", "data_type")

    def __init__(self, values: Any, data_type: int) -> None:
        self.values = values
        self.data_type = data_type

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(self.values.shape)

    @property
    def nbytes(self) -> int:
        return int(self.values.nbytes)

    @property
    def is_float(self) -> bool:
        return self.data_type in FLOAT_TYPES

    def widened(self) -> Any:
        """Returns the values as numbers that NumPy computes with: BFLOAT16 as float32."""
        if self.data_type != BFLOAT16:
            return self.values
        bits = self.values.view(numpy.uint16).astype(numpy.uint32) << 16
        return bits.view(numpy.float32)


def width_of(data_type: int) -> int:
    """Returns the bytes of an element."""
    return _WIDTHS[data_type]


def to_wire(values: Any, name: str) -> WireArray:
    """Returns anything that NumPy takes as an array that can travel, without a copy where its type is one of the
    contract's: float16, bfloat16 (of ml_dtypes), float32, float64, int32, int64, uint8. Other integers and bools
    are converted. Raises InvalidArgument that names `name`."""
    if isinstance(values, WireArray):
        return values
    if getattr(values, "requires_grad", False):
        values = values.detach()
    array = numpy.asarray(values)
    dtype = array.dtype
    if dtype.name in _TYPES and dtype.isnative:
        return WireArray(array, _TYPES[dtype.name])
    if dtype.kind == "b":
        return WireArray(array.astype(numpy.uint8), _NUMBER["UINT8"])
    if dtype.name in _TYPES:  # of the other byte order
        return WireArray(array.astype(dtype.newbyteorder("=")), _TYPES[dtype.name])
    if dtype.kind in "iu":
        if dtype.itemsize == 8 and array.size and array.max() > numpy.iinfo(numpy.int64).max:
            raise _refused(name, f"has {array.max()}, which is no int64")
        return WireArray(array.astype(numpy.int64), _NUMBER["INT64"])
    raise _refused(name, f"has elements of type {dtype}, expected floats of 16, 32 or 64 bits, or integers")


def _refused(name: str, description: str) -> InvalidArgument:
    return InvalidArgument(f"{name} {description}", violations=[Violation(name, description)])


@functools.lru_cache(maxsize=None)
def _bfloat16() -> Any:
    """Returns NumPy's type for BFLOAT16, which ml_dtypes brings; without it, the 16 bits as they are."""
    try:
        import ml_dtypes  # type: ignore[import-not-found,import-untyped,unused-ignore]

        return numpy.dtype(ml_dtypes.bfloat16)
    except ImportError:
        return numpy.dtype(numpy.uint16)


def dtype_of(data_type: int) -> Any:
    """Returns NumPy's type of elements of this type."""
    return _bfloat16() if data_type == BFLOAT16 else _DTYPES[data_type]


def number_of(dtype: Any) -> int:
    """Returns the contract's number of NumPy's type; of a type that cannot travel, 0."""
    return _TYPES.get(dtype.name, 0)


def from_bytes(data: Any, data_type: int, shape: Tuple[int, ...], into: Optional[Any] = None) -> Any:
    """Returns elements that lie somewhere in a message as an aligned array of its own; or writes them to `into`, an
    array of that shape and width, and returns that."""
    dtype = numpy.dtype(numpy.uint16) if data_type == BFLOAT16 else _DTYPES[data_type]
    found = numpy.frombuffer(data, dtype).reshape(shape)
    if into is not None:
        target = into.view(numpy.uint16) if data_type == BFLOAT16 else into
        numpy.copyto(target, found, casting="equiv")
        return into
    copied = numpy.empty(shape, dtype)
    numpy.copyto(copied, found)
    return copied.view(dtype_of(data_type)) if data_type == BFLOAT16 else copied


if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("lossd copies memory unchanged, and the wire is little-endian: this machine is not")
