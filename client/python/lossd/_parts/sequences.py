"""The sequences of a batch, which its parts keep whole."""

from __future__ import annotations

from typing import Any, Iterator, Tuple

import numpy

from lossd import _contract, _fields
from lossd._compute import Batch

LENGTHS = "sequence_lengths"
ADVANTAGES = "rollout.advantages"

_SEQUENCE = _contract.RATIO_LEVEL["SEQUENCE"]
_SEQUENCE_MEAN = _contract.REDUCTION["SEQUENCE_MEAN"]


def has_advantages_of_sequences(batch: Batch) -> bool:
    """Returns whether there is one advantage for each sequence."""
    if ADVANTAGES not in batch.arrays:
        return False
    given, losses = batch.arrays[ADVANTAGES].shape, batch.losses_shape
    return given != losses and (len(given) == 1 if len(losses) == 1 else given == losses[:-1])


def are_read(batch: Batch) -> bool:
    """Returns whether the loss or the reduction reads sequences."""
    loss = batch.message.loss
    return bool(
        batch.message.reduction == _SEQUENCE_MEAN
        or _SEQUENCE in (loss.ratio.level, loss.importance_weighting.level)
        or LENGTHS in batch.arrays
        or has_advantages_of_sequences(batch)
    )


def ends_of(lengths: Any, samples: int) -> Any:
    """Returns where each sequence of a packed batch ends. Raises InvalidArgument."""
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths.size and lengths.min() < 0):
        raise _fields.refuse(LENGTHS, f"= {lengths.tolist()!r:.80}, expected whole numbers >= 0, one for each sequence")
    ends = numpy.cumsum(lengths, dtype=numpy.int64)
    total = int(ends[-1]) if ends.size else 0
    if total != samples:
        raise _fields.refuse(LENGTHS, f"adds up to {total}, expected the number of samples, {samples}")
    return ends


def cuts(ends: Any, per_sample: int, per_sequence: int, room: int, preferred: int) -> Iterator[Tuple[slice, slice]]:
    """Returns samples and sequences of each part: as many whole sequences as have `preferred` bytes, and at least one.
    Raises InvalidArgument where one has more than `room`."""
    bytes_before = numpy.concatenate(([0], ends)) * per_sample + numpy.arange(ends.size + 1) * per_sequence
    largest = int(numpy.diff(bytes_before).max(initial=0))
    if largest > room:
        at = int(numpy.diff(bytes_before).argmax())
        raise _fields.refuse(f"{LENGTHS}[{at}]", f"is a sequence of {largest} bytes, which do not fit a message; a "
                             "part keeps sequences whole")  # fmt: skip
    first = 0
    while first < ends.size:
        last = int(numpy.searchsorted(bytes_before, bytes_before[first] + min(room, preferred), side="right")) - 1
        last = max(last, first + 1)
        begin = int(ends[first - 1]) if first else 0
        yield slice(begin, int(ends[last - 1])), slice(first, last)
        first = last


def count(counted: Any, length: int, ends: Any = None) -> int:
    """Returns the number of sequences that have a sample which counts: of `length` each, or those that end at `ends`.
    `counted` has a bool for each sample, in their order."""
    if ends is None:
        return int(counted.reshape(-1, length).any(axis=1).sum()) if length else 0
    before = numpy.concatenate(([0], numpy.cumsum(counted)))
    return int((numpy.diff(before[numpy.concatenate(([0], ends))]) > 0).sum())
