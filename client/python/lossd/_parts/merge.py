"""The answers to a batch's parts, put together."""

from __future__ import annotations

import math
from typing import Any, Dict, Mapping, Optional

import numpy

from lossd import _arrays, _contract
from lossd._compute import Answer, checked_out
from lossd._parts.cut import Cut, Part
from lossd._parts.policy import merged_policy
from lossd._parts.statistics import ClassStatisticsMerger, DifficultyMerger, Totals, present_classes_only
from lossd.results import (
    ClassStatistics,
    Difficulty,
    PolicyStatistics,
    Result,
    as_dict,
    optional_columns,
    optional_values,
)

_SEQUENCE_MEAN = _contract.REDUCTION["SEQUENCE_MEAN"]
_MEANS = (_contract.REDUCTION["MEAN"], _contract.REDUCTION["MEAN_VALID"])


class Merger:
    """Takes the answers in any order; a sum is that of the parts in their order."""

    def __init__(self, cut: Cut, out: Mapping[str, Any]) -> None:
        asked = cut.batch.message.outputs
        self._cut = cut
        self._out = out
        self._gradient_wanted = bool(asked.gradient)
        self._only_present = bool(asked.present_classes_only)
        self._arrays: Dict[str, Any] = {}
        self._views: Dict[str, Any] = {}
        self._class_weights: Optional[Any] = None
        self._answers: Dict[int, Any] = {}
        self._gradient_sums: Dict[int, float] = {}
        self._has_statistics = bool(asked.class_statistics or asked.difficulty)

    def add(self, index: int, part: Part, data: bytes) -> None:
        """Takes the answer to the part of this number."""
        answer = Answer(data)
        self._answers[index] = answer.message
        for name, found in answer.arrays.items():
            if name == "class_weights":
                self._class_weights = answer.copied(name, {}) if self._class_weights is None else self._class_weights
            elif name == "gradient" and self._has_statistics:
                self._gradient_sums[index] = _magnitude(found)
                if self._gradient_wanted:
                    self._put(name, part, found)
            else:
                self._put(name, part, found)

    def _put(self, name: str, part: Part, found: Any) -> None:
        if name not in self._arrays:
            shape = self._cut.shape_of(name)
            into = checked_out(self._out, name, found.data_type, shape)
            if into is None:
                into = numpy.empty(shape, _arrays.dtype_of(found.data_type))
            self._arrays[name] = into
            contiguous = into if into.flags.c_contiguous else numpy.empty(shape, into.dtype)
            self._views[name] = (contiguous, self._cut.laid_out(name, contiguous))
        _arrays.from_bytes(found.data, found.data_type, found.shape, part.of(self._views[name][1]))

    def result(self) -> Result:
        """Returns the whole batch's result. Needs an answer to each part."""
        messages = tuple(self._answers[index] for index in sorted(self._answers))
        for name, (contiguous, _) in self._views.items():
            if contiguous is not self._arrays[name]:
                numpy.copyto(self._arrays[name], contiguous)
        loss_sum = _sum(messages, "loss_sum")
        result = Result(
            self._reduced(loss_sum, messages), loss_sum, _sum(messages, "weight_sum"),
            int(_sum(messages, "valid_count")), int(_sum(messages, "non_finite_count")),
            class_weights=self._class_weights,
            top_k_correct=tuple(sum(counts) for counts in zip(*(m.top_k_correct for m in messages))),
            policy_statistics=merged_policy([(optional_values(PolicyStatistics, m, "policy_statistics"), m.valid_count)
                                             for m in messages]),
            sequence_count=sum(m.sequence_count for m in messages) if messages[0].HasField("sequence_count") else None,
            applied=as_dict(messages[0].applied) if messages[0].HasField("applied") else None,
            messages=messages,
        )  # fmt: skip
        for name, array in self._arrays.items():
            if hasattr(result, name):
                setattr(result, name, array)
        if self._has_statistics:
            self._merge_statistics(result, messages)
        return result

    def _reduced(self, loss_sum: float, messages: Any) -> float:
        message = self._cut.batch.message
        if message.reduction == _SEQUENCE_MEAN:
            return float(_sum(messages, "loss"))  # each part has the whole's divisor
        if message.reduction not in _MEANS:
            return loss_sum
        return loss_sum / message.normalizer if message.normalizer else 0.0

    def _merge_statistics(self, result: Result, messages: Any) -> None:
        classes, difficulty = ClassStatisticsMerger(), DifficultyMerger()
        for index, message in enumerate(messages):
            totals = Totals(message.loss_sum, self._gradient_sums.get(index, 0.0), message.valid_count)
            if message.HasField("class_statistics"):
                classes.add(optional_columns(ClassStatistics, message, "class_statistics"), totals)
            if message.HasField("difficulty"):
                difficulty.add(optional_columns(Difficulty, message, "difficulty"), totals)
        if messages[0].HasField("class_statistics"):
            merged = classes.merged()
            result.class_statistics = present_classes_only(merged) if self._only_present and merged else merged
        if messages[0].HasField("difficulty"):
            result.difficulty = difficulty.merged()


def _sum(messages: Any, name: str) -> Any:
    """Adds a field up; what each addition rounds away is added up beside it (Neumaier 1974, Rundungsfehleranalyse
    einiger Verfahren zur Summation)."""
    total, lost = 0.0, 0.0
    for message in messages:
        number = getattr(message, name)
        longer = total + number
        lost += (total - longer) + number if abs(number) <= abs(total) else (number - longer) + total
        total = longer
    return total + lost if math.isfinite(lost) else total


def _magnitude(found: Any) -> float:
    """Returns Σ |g| of a gradient in an answer."""
    values = _arrays.WireArray(numpy.frombuffer(found.data, _BITS.get(found.data_type) or
                                                _arrays.dtype_of(found.data_type)), found.data_type)  # fmt: skip
    return float(numpy.abs(values.widened()).sum(dtype=numpy.float64))


_BITS = {_arrays.BFLOAT16: numpy.dtype(numpy.uint16)}
