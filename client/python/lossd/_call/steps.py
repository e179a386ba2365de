"""A call as steps that ask and are sent the answers, for whoever makes the calls: threads or asyncio."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Callable, Generator, Iterator, Mapping, NamedTuple, Optional, Union

from lossd import _contract
from lossd._compute import Batch, check_names_of_out, is_small, read_result, room_of, size_of
from lossd._parts.cut import Cut, Part
from lossd._parts.merge import Merger
from lossd._parts.whole_batch import complete
from lossd.errors import LossdError, PermissionDenied, Unimplemented, Violation, class_of
from lossd.results import Result

_DEFAULT_LIMIT = 64 << 20  # the server's own default
_LARGEST = (1 << 31) - 1
_SMALL = 1 << 20  # what is smaller is sent without asking the server for its limit
_PART_BYTES = 2 << 20  # of a part, so that several are on their way in little memory

_IN_FLIGHT = 3  # parts at once


class Ask(NamedTuple):
    """One call: the bytes of a request; the bytes of its answer are sent back."""

    method: str
    payload: bytes


@dataclasses.dataclass
class AskParts:
    """Calls of Compute, `in_flight` at a time: `requests` are made as they are needed, `merger` takes the answers."""

    cut: Cut
    message: Any
    parts: Iterator[Part]
    merger: Merger
    in_flight: int

    def requests(self) -> Iterator["PartRequest"]:
        """Returns the requests in turn."""
        for index, part in enumerate(self.parts):
            yield PartRequest(self, index, part, self.cut.request_of(part, self.message))


@dataclasses.dataclass
class PartRequest:
    """The request for one part."""

    of: AskParts
    index: int
    part: Part
    payload: bytes

    def answered(self, data: bytes) -> None:
        """Takes the answer."""
        self.of.merger.add(self.index, self.part, data)

    def failed(self, error: LossdError) -> LossdError:
        """Returns the error with the batch's own rows."""
        firsts = self.of.cut.first_sequences(self.part)
        return shift_rows(error, self.part.rows.start, self.of.cut.is_flat, firsts)


Steps = Generator[Union[Ask, AskParts], Any, Any]


class Run:
    """Steps under way. `ask` is the call that they want, None at the end, when `result` is there."""

    def __init__(self, steps: Steps) -> None:
        self.ask: Union[Ask, AskParts, None] = None
        self.result: Any = None
        self._steps = steps
        self._go_on(steps.send, None)

    def answered(self, answer: Any) -> None:
        """Takes the answer to the call; None for parts, whose merger has taken theirs."""
        self._go_on(self._steps.send, answer)

    def failed(self, error: LossdError) -> None:
        """Takes the call's error, which it raises unless the steps know what to do about it."""
        self._go_on(self._steps.throw, error)

    def _go_on(self, step: Callable[[Any], Union[Ask, AskParts]], value: Any) -> None:
        try:
            self.ask = step(value)
        except StopIteration as done:
            self.ask, self.result = None, done.value


@dataclasses.dataclass
class Limit:
    """How large a message may be: what the caller said, or what the server did."""

    bytes: Optional[int] = None

    def __str__(self) -> str:
        return f"a message of {self.bytes or _DEFAULT_LIMIT} bytes; the server's limit is its --max-message-bytes"


def _learn(limit: Limit) -> Steps:
    try:
        info = _contract.GetServerInfoResponse.FromString((yield Ask("GetServerInfo", b"")))
        limit.bytes = info.max_message_bytes or _LARGEST
    except (Unimplemented, PermissionDenied):
        limit.bytes = _DEFAULT_LIMIT


def compute(batch: Batch, out: Mapping[str, Any], limit: Limit) -> Generator[Union[Ask, AskParts], Any, Result]:
    """Asks for one batch, in parts where it does not fit a message, and returns the result."""
    if out:
        check_names_of_out(out)
    if limit.bytes is None and is_small(batch, _SMALL):
        return read_result((yield Ask("Compute", batch.serialize())), out)
    size = size_of(batch)
    if limit.bytes is None and size > _SMALL:
        yield from _learn(limit)
    if size <= room_of(batch, limit.bytes or _DEFAULT_LIMIT):
        return read_result((yield Ask("Compute", batch.serialize())), out)
    result: Result = yield from _compute_in_parts(batch, out, limit)
    return result


def _compute_in_parts(batch: Batch, out: Mapping[str, Any], limit: Limit) -> Steps:
    cut = Cut(batch)
    completing = complete(cut, str(limit))
    try:
        payload = next(completing)
        while True:
            payload = completing.send((yield Ask("Compute", payload)))
    except StopIteration:
        pass
    message = _contract.ComputeRequest()
    message.CopyFrom(batch.message)
    if not cut.classes_first:
        message.ClearField("class_axis")
    asked = message.outputs
    # A class may be predicted in a part that has none of its samples.
    asked.present_classes_only = False
    # A part has each class's share of its gradient; only the gradient itself says how large that is.
    asked.gradient = asked.gradient or asked.class_statistics or asked.difficulty
    laid_out = Batch(message, cut.arrays)
    size, room = size_of(laid_out), room_of(laid_out, limit.bytes or _DEFAULT_LIMIT)
    merger = Merger(cut, out)
    in_flight = 1 if cut.repeats_samples else _IN_FLIGHT
    yield AskParts(cut, message, cut.parts(size, room, _PART_BYTES), merger, in_flight)
    return merger.result()


_ROW = re.compile(
    r"\b(labels|teacher_logits|sample_weights|upstream_gradient|sample_ids|rollout\.\w+|sequence_lengths)\[(\d+)")


def shift_rows(error: LossdError, first_row: int, is_flat: bool, firsts: Mapping[str, int]) -> LossdError:
    """Returns a part's error with the row numbers of the batch: labels[3] is labels[1003] where the part begins with
    row 1000. Where the rows are those of several axes, the numbers count through them. `firsts` has the first entries
    of arrays that have no rows."""

    def shifted(text: str) -> str:
        return _ROW.sub(lambda found: f"{found[1]}[{int(found[2]) + firsts.get(found[1], first_row)}", text)

    message = shifted(error.message)
    if not is_flat and _ROW.search(message):
        message += "; the batch was cut, and rows count through all axes but the classes'"
    violations = [Violation(shifted(v.field), shifted(v.description)) for v in error.violations]
    return class_of(error.code)(message, reason=error.reason, violations=violations, retry_after=error.retry_after)
