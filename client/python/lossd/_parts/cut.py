"""A batch cut into parts that fit a message: where the cuts are, and each part's request."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy

from lossd import _fields
from lossd._arrays import WireArray
from lossd._compute import OF_LOGITS_SHAPE, Batch
from lossd._parts import sequences


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of a batch and, where classes stand before other axes, places of them; of a packed batch the sequences that
    the rows are."""

    rows: slice
    places: Optional[slice] = None
    sequences: Optional[slice] = None

    @property
    def first(self) -> str:
        """Where the part begins: its first row and, where rows are cut, its first place."""
        return f"{self.rows.start}" if self.places is None else f"{self.rows.start},{self.places.start}"

    def of(self, array: Any) -> Any:
        """Returns this part of an array as the cut lays it out, a view."""
        rows = array[self.rows]
        return rows if self.places is None or array.ndim == 1 else rows[..., self.places]


def _outer_axes(batch: Batch, keeps_sequences: bool) -> int:
    """Returns the number of the logits' first axes that become rows."""
    rank, axis = len(batch.logits.shape), batch.class_axis
    if 0 <= axis < rank - 1:
        return 1
    samples = rank if axis < 0 else axis
    # A sigmoid's sequences lie along its classes, which stay.
    within = keeps_sequences and (axis < 0 or batch.has_classes)
    return max(samples - within, 1)


class Cut:
    """A batch laid out for cutting.

    Logits [N], and those with the classes last, become rows: [R] or [R, C], the other axes as one; so do
    log-probabilities. With class_axis 1 and axes behind it they become [N, C, D], the axes behind as one. Where
    sequences are read a row has whole ones: the last axis of the losses stays, and the rows of a packed batch are cut
    where sequences end. Nothing is copied.
    """

    def __init__(self, batch: Batch) -> None:
        shape, axis = batch.logits.shape, batch.class_axis
        self.keeps_sequences = sequences.are_read(batch)
        self.classes_first = 0 <= axis < len(shape) - 1
        self._outer = _outer_axes(batch, self.keeps_sequences)
        self._logits_shape = shape
        self._losses_shape = batch.losses_shape
        self._sample_axes = shape[2:] if self.classes_first else shape[self._outer : axis if axis >= 0 else None]
        self.batch = batch
        self.rows = math.prod(shape[: self._outer])
        self.places = math.prod(self._sample_axes) if self.classes_first else 1
        merges = self.classes_first and not self.keeps_sequences
        self._laid_axes: Tuple[int, ...] = (self.places,) if merges else self._sample_axes
        self._packed = sequences.LENGTHS in batch.arrays
        self.arrays = {name: WireArray(self._lay(name, array), array.data_type)
                       for name, array in batch.arrays.items()}  # fmt: skip
        self.ends = sequences.ends_of(self.arrays[sequences.LENGTHS].values, self.rows) if self._packed else None

    @property
    def logits(self) -> Any:
        return self.arrays["logits"].values

    @property
    def row_shape(self) -> Tuple[int, ...]:
        """The shape of a row's samples, in the server's order but for a sigmoid's classes."""
        return self._laid_axes if self.batch.has_classes else self.logits.shape[1:]

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
        if self._is_of_sequences(name):
            return values
        outer = shape[: self._outer]
        if values.shape == shape:
            tail = (shape[1], *self._laid_axes) if self.classes_first else shape[self._outer :]
            return values.reshape(self.rows, *tail)
        if values.shape == outer + self._sample_axes:
            return values.reshape(self.rows, *self._laid_axes)
        if name == sequences.ADVANTAGES and values.shape == self._losses_shape[:-1]:
            return values.reshape(self.rows, *values.shape[self._outer :])
        if values.shape == shape[:1]:  # one for each of the N
            return numpy.broadcast_to(values.reshape(-1, *[1] * (len(outer) - 1)), outer).reshape(self.rows)
        raise _fields.refuse(
            f"{name}.shape", f"= {list(array.shape)} does not fit logits.shape = {list(shape)}")  # fmt: skip

    def _is_of_sequences(self, name: str) -> bool:
        """Returns whether the array has an entry for each sequence of a packed batch."""
        of_each = name == sequences.ADVANTAGES and sequences.has_advantages_of_sequences(self.batch)
        return self._packed and (name == sequences.LENGTHS or of_each)

    def first_sequences(self, part: Part) -> Dict[str, int]:
        """Returns the part's first entry of each array that has one for each sequence of a packed batch."""
        first = 0 if part.sequences is None else part.sequences.start
        return {name: first for name in self.arrays if self._is_of_sequences(name)}

    def laid_out(self, name: str, array: Any) -> Any:
        """Returns a contiguous array of the whole batch's result, as a view in the cut's layout."""
        if name not in OF_LOGITS_SHAPE and self.batch.has_classes:
            return array.reshape((self.rows, *self._laid_axes))
        return array.reshape(self.logits.shape)

    def shape_of(self, name: str) -> Tuple[int, ...]:
        """Returns the shape of an array of the whole batch's result."""
        return self._logits_shape if name in OF_LOGITS_SHAPE else self._losses_shape

    def parts(self, size: int, room: int, preferred: int) -> Iterator[Part]:
        """Returns the parts of a batch of `size` bytes in all: of about `preferred` bytes where a row is not larger,
        and at most `room`. Raises InvalidArgument where even the smallest part is larger."""
        per_row = -(-size // max(1, self.rows))
        if self.ends is not None:
            of_each = [a.nbytes for name, a in self.arrays.items() if self._is_of_sequences(name)]
            per_sequence = -(-sum(of_each) // max(1, self.ends.size))
            return (Part(rows, sequences=each)
                    for rows, each in sequences.cuts(self.ends, per_row, per_sequence, room, preferred))  # fmt: skip
        if per_row <= room:
            step = max(1, min(room, preferred) // per_row)
            return (Part(slice(first, min(first + step, self.rows))) for first in range(0, self.rows, step))
        step = room * self.places // per_row
        if self.keeps_sequences:
            raise _fields.refuse("logits", f"have rows of {per_row} bytes, which do not fit a message; a part keeps "
                                 "sequences whole")  # fmt: skip
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
            values = array.values[part.sequences] if self._is_of_sequences(name) else part.of(array.values)
            arrays[name] = WireArray(values, array.data_type)
        return Batch(message, arrays).serialize()
