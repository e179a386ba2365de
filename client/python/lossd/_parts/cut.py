"""A batch cut into parts that fit a message: where the cuts are, and each part's request."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy

from lossd import _fields
from lossd._arrays import WireArray
from lossd._compute import OF_LOGITS_SHAPE, Batch


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of a batch and, where classes stand before other axes, places of them."""

    rows: slice
    places: Optional[slice] = None

    @property
    def first(self) -> str:
        """Where the part begins: its first row and, where rows are cut, its first place."""
        return f"{self.rows.start}" if self.places is None else f"{self.rows.start},{self.places.start}"

    def of(self, array: Any) -> Any:
        """Returns this part of an array as the cut lays it out, a view."""
        rows = array[self.rows]
        return rows if self.places is None or array.ndim == 1 else rows[..., self.places]


class Cut:
    """A batch laid out for cutting.

    Logits [N], and those with the classes last, become rows: [R] or [R, C], the other axes as one. With class_axis 1
    and axes behind it they become [N, C, D], the axes behind as one. Neither copies.
    """

    def __init__(self, batch: Batch) -> None:
        shape, axis = batch.logits.shape, batch.class_axis
        self._places_shape: Optional[Tuple[int, ...]] = shape[2:] if 0 <= axis < len(shape) - 1 else None
        self._outer = 1 if self._places_shape is not None else max(axis, 1)
        self._logits_shape = shape
        self._losses_shape = batch.losses_shape
        self.batch = batch
        self.rows = math.prod(shape[: self._outer])
        self.places = math.prod(self._places_shape) if self._places_shape is not None else 1
        self.arrays = {name: WireArray(self._lay(name, array), array.data_type)
                       for name, array in batch.arrays.items()}  # fmt: skip

    @property
    def logits(self) -> Any:
        return self.arrays["logits"].values

    @property
    def classes_first(self) -> bool:
        """Whether the classes stand before the places."""
        return self._places_shape is not None

    @property
    def is_flat(self) -> bool:
        """Whether rows of the batch are rows of the logits' first axis."""
        return self._outer == 1

    @property
    def repeats_samples(self) -> bool:
        """Whether a run presents one of its samples twice in this batch, so that the order of the parts matters."""
        ids = self.arrays.get("sample_ids")
        return bool(self.batch.message.run and ids is not None and numpy.unique(ids.values).size < ids.values.size)

    def _lay(self, name: str, array: WireArray) -> Any:
        values, shape = array.values, self._logits_shape
        places = shape[: self._outer] + (self._places_shape or ())
        if values.shape == places[:1] and len(places) > 1:  # one for each of the N
            if self.classes_first:
                return values
            values = numpy.broadcast_to(values.reshape(-1, *[1] * (len(places) - 1)), places)
        if values.shape == shape:
            tail: Tuple[int, ...] = (shape[1], self.places) if self.classes_first else shape[self._outer :]
            return values.reshape(self.rows, *tail)
        if values.shape == places:
            return values.reshape(self.rows, self.places) if self.classes_first else values.reshape(self.rows)
        raise _fields.refuse(
            f"{name}.shape", f"= {list(array.shape)} does not fit logits.shape = {list(shape)}")  # fmt: skip

    def laid_out(self, name: str, array: Any) -> Any:
        """Returns a contiguous array of the whole batch's result, as a view in the cut's layout."""
        if name not in OF_LOGITS_SHAPE and not self.batch.is_sigmoid:
            return array.reshape((self.rows, self.places) if self.classes_first else (self.rows,))
        return array.reshape(self.logits.shape)

    def shape_of(self, name: str) -> Tuple[int, ...]:
        """Returns the shape of an array of the whole batch's result."""
        return self._logits_shape if name in OF_LOGITS_SHAPE else self._losses_shape

    def parts(self, size: int, room: int, preferred: int) -> Iterator[Part]:
        """Returns the parts of a batch of `size` bytes in all: of about `preferred` bytes where a row is not larger,
        and at most `room`. Raises InvalidArgument where even the smallest part is larger."""
        per_row = -(-size // max(1, self.rows))
        if per_row <= room:
            step = max(1, min(room, preferred) // per_row)
            return (Part(slice(first, min(first + step, self.rows))) for first in range(0, self.rows, step))
        step = room * self.places // per_row
        if step < 1 or not self.classes_first:
            raise _fields.refuse("logits", f"have rows of {per_row} bytes, which do not fit a message")
        return (Part(slice(row, row + 1), slice(first, min(first + step, self.places)))
                for row in range(self.rows) for first in range(0, self.places, step))  # fmt: skip

    def request_of(self, part: Part, message: Any) -> bytes:
        """Returns the bytes of the request for a part, by the part's name; `message` has all but that and the arrays."""
        if self.batch.message.request_id:
            message.request_id = f"{self.batch.message.request_id}#{part.first}"
        arrays: Dict[str, WireArray] = {}
        for name, array in self.arrays.items():
            arrays[name] = WireArray(part.of(array.values), array.data_type)
        return Batch(message, arrays).serialize()
