"""What the parts of a batch must know of the whole: the counts of its classes, and the divisor of its mean."""

from __future__ import annotations

import math
from typing import Any, Generator, Iterator, Optional, Tuple

import numpy

from lossd import _arrays, _contract, _fields
from lossd._compute import Answer, Batch
from lossd._parts import sequences
from lossd._parts.cut import Cut

_BLOCK = 1 << 16  # samples that are looked at together

_MEAN = _contract.REDUCTION["MEAN"]
_MEAN_VALID = _contract.REDUCTION["MEAN_VALID"]
_SEQUENCE_MEAN = _contract.REDUCTION["SEQUENCE_MEAN"]


def check_splittable(batch: Batch, limit: str) -> None:
    """Raises InvalidArgument that names what needs the whole batch, or what the caller has to say for it."""
    loss, labels, outputs = batch.message.loss, batch.arrays.get("labels"), batch.message.outputs
    if loss.HasField("mining"):
        raise _fields.refuse("loss.mining", f"needs the whole batch, which does not fit {limit}")
    weighting = loss.class_weighting
    without_counts = weighting.WhichOneof("source") == "scheme" and not weighting.scheme.HasField("counts")
    if without_counts and (labels is None or labels.is_float or batch.is_sigmoid):
        raise _fields.refuse("loss.class_weighting.scheme.counts", "are needed beside labels other than softmax's "
                             f"integers: the batch does not fit {limit}")  # fmt: skip
    if outputs.class_statistics or outputs.difficulty:
        name = "outputs.class_statistics" if outputs.class_statistics else "outputs.difficulty"
        if outputs.HasField("gradient_scale") and outputs.gradient_scale == 0:
            raise _fields.refuse(name, f"needs a gradient_scale other than 0: the batch does not fit {limit}")
        if "upstream_gradient" in batch.arrays:
            raise _fields.refuse(name, f"cannot be had beside upstream_gradient: the batch does not fit {limit}")


class _Samples:
    """The samples of a laid-out batch in the server's order, some rows at a time."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._sigmoid = cut.batch.is_sigmoid and cut.logits.ndim > 1
        loss = cut.batch.message.loss
        self._ignored: Optional[int] = loss.ignore_index if loss.HasField("ignore_index") else None
        self._labels = cut.arrays.get("labels")
        self._weights = cut.arrays.get("sample_weights")
        self.has_class_ids = self._labels is not None and not self._labels.is_float and not cut.batch.is_sigmoid
        self.may_be_ignored = self._ignored is not None and self._labels is not None and not self._labels.is_float

    @property
    def has_weights(self) -> bool:
        return self._weights is not None

    @property
    def count(self) -> int:
        return math.prod(self._cut.batch.losses_shape)

    def blocks(self) -> Iterator[Tuple[Any, Any, Any]]:
        """Returns labels, weights (float64) and which of them count, all of the same length. Raises InvalidArgument
        for a weight that is negative or not finite."""
        of_row = self._cut.row_shape
        step = max(1, _BLOCK // max(1, math.prod(of_row)))
        for first in range(0, self._cut.rows, step):
            rows = slice(first, first + step)
            shape = (min(step, self._cut.rows - first), *of_row)
            labels = None
            if self._labels is not None and not self._labels.is_float:
                labels = self._spread(self._labels.values[rows], shape)
            weights = numpy.ones(math.prod(shape))
            if self._weights is not None:
                weights = self._spread(self._weights.widened()[rows], shape).astype(numpy.float64)
                wrong = weights[~((weights >= 0) & (weights < math.inf))]
                if wrong.size:
                    raise _fields.refuse("sample_weights", f"hold {wrong[0]}, expected finite numbers >= 0")
            counted = weights != 0
            if self.may_be_ignored:
                counted &= labels != self._ignored
            yield labels, weights, counted

    def _spread(self, values: Any, shape: Tuple[int, ...]) -> Any:
        """Returns a value for each sample, one after the other in the server's order."""
        if values.ndim == 1:
            values = numpy.broadcast_to(values.reshape(-1, *[1] * (len(shape) - 1)), shape)
        elif values.ndim < len(shape):
            values = numpy.broadcast_to(numpy.expand_dims(values, 1), shape)
        if self._sigmoid and self._cut.classes_first:
            values = numpy.moveaxis(values, 1, -1)
        return values.reshape(-1)


def complete(cut: Cut, limit: str) -> Generator[bytes, bytes, None]:
    """Sets in the batch's message what its parts must know of the whole. Yields requests of Compute, and is sent the
    answers. Raises InvalidArgument."""
    message = cut.batch.message
    samples, loss = _Samples(cut), message.loss
    check_splittable(cut.batch, limit)
    weighting = loss.class_weighting
    if weighting.WhichOneof("source") == "scheme" and not weighting.scheme.HasField("counts"):
        counts = _count(samples, cut.batch.class_count)
        _fields.fill(weighting.scheme, {"counts": counts}, "loss.class_weighting.scheme")
    if message.HasField("normalizer") or message.reduction not in (_MEAN, _MEAN_VALID, _SEQUENCE_MEAN):
        return
    if message.reduction == _SEQUENCE_MEAN:
        message.normalizer = float(_count_sequences(cut, samples))
        return
    weights = None
    if message.reduction == _MEAN and samples.has_class_ids and weighting.WhichOneof("source"):
        weights = Answer((yield _ask_class_weights(cut.batch))).copied("class_weights", {})
    divisor = _divisor(samples, message.reduction == _MEAN, weights)
    if not 0 <= divisor < math.inf:
        raise _fields.refuse("sample_weights", f"sum to {divisor}, and the batch does not fit {limit}")
    message.normalizer = divisor


def _count(samples: _Samples, classes: int) -> Any:
    counts = numpy.zeros(classes)
    for labels, _, counted in samples.blocks():
        # The server refuses what is outside.
        counts += numpy.bincount(numpy.clip(labels[counted], 0, classes - 1), minlength=classes)
    return counts


def _count_sequences(cut: Cut, samples: _Samples) -> int:
    """Returns the number of sequences that have a sample which counts."""
    counted = (counted for _, _, counted in samples.blocks())
    if cut.ends is not None:
        return sequences.count(numpy.concatenate([numpy.zeros(0, bool), *counted]), 0, cut.ends)
    return sum(sequences.count(block, cut.batch.losses_shape[-1]) for block in counted)


def _divisor(samples: _Samples, weighed: bool, class_weights: Any) -> float:
    """Returns the divisor, added up in the order of the samples as in the server."""
    if not samples.may_be_ignored and not samples.has_weights and class_weights is None:
        return float(samples.count)
    total = 0.0
    for labels, weights, counted in samples.blocks():
        if not weighed:
            total += float(numpy.count_nonzero(counted))
            continue
        terms = weights[counted]
        if class_weights is not None:
            terms = terms * class_weights[numpy.clip(labels[counted], 0, len(class_weights) - 1)]
        total = float(numpy.cumsum(numpy.concatenate(([total], terms)))[-1])
    return total


def _ask_class_weights(batch: Batch) -> bytes:
    """Returns a request whose answer has the weight of each class: a row that is ignored."""
    message = _contract.ComputeRequest()
    message.loss.class_weighting.CopyFrom(batch.message.loss.class_weighting)
    classes = batch.class_count
    row = {"logits": numpy.zeros((1, classes)), "labels": numpy.zeros(1, numpy.int64),
           "sample_weights": numpy.zeros(1)}  # fmt: skip
    return Batch(message, {name: _arrays.to_wire(values, name) for name, values in row.items()}).serialize()
