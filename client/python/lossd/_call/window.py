"""The batches of a stream that have no answer yet, for whoever sends them: threads or asyncio."""

from __future__ import annotations

import collections
import itertools
from typing import Any, Deque, Iterator, Mapping, NamedTuple, Optional, Union

from lossd import _compute, _contract, _fields, _wire, errors
from lossd.results import Result

_REQUEST = _contract.field_number(_contract.ComputeStreamRequest, "request")
_RESPONSE = _contract.field_number(_contract.ComputeStreamResponse, "response")

Outcome = Union[Result, errors.LossdError]


class _Sent(NamedTuple):
    number: int
    payload: bytes
    out: Mapping[str, Any]
    error: Optional[errors.LossdError]  # of a batch that was not sent


def _pair(batch: Any) -> Mapping[str, Any]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2:
        found = f"{len(batch)} values" if isinstance(batch, (tuple, list)) else f"a {type(batch).__name__}"
        raise _fields.refuse("batch", f"is {found}, expected (logits, labels) or a dict of compute()'s arguments")
    return dict(zip(("logits", "labels"), batch))


class Window:
    """What was sent and not answered, in order.

    fields: what all batches share of compute()'s arguments; a batch's own beat them.
    """

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields
        self._numbers = itertools.count()
        self._pending: Deque[_Sent] = collections.deque()

    def __len__(self) -> int:
        return len(self._pending)

    def payloads(self) -> Iterator[bytes]:
        """Returns what is to be sent again on a new stream."""
        return (sent.payload for sent in self._pending if sent.error is None)

    def add(self, batch: Any) -> Optional[bytes]:
        """Adds a batch, (logits, labels) or a dict, and returns what is to be sent: None where it is wrong, which its
        outcome then tells."""
        number = next(self._numbers)
        try:
            own = dict(batch) if isinstance(batch, Mapping) else _pair(batch)
            given = {**self._fields, **own}
            out = given.pop("out", None) or {}
            _compute.check_names_of_out(out)
            payload = _compute.make_batch(given).serialize()
        except errors.LossdError as error:
            self._pending.append(_Sent(number, b"", {}, error))
            return None
        before = _contract.ComputeStreamRequest(sequence=number).SerializeToString()
        payload = _wire.nested(_REQUEST, before, payload)
        self._pending.append(_Sent(number, payload, out, None))
        return payload

    def unsent(self) -> Optional[Outcome]:
        """Returns the error of the first batch where it was not sent, and forgets it."""
        if self._pending[0].error is None:
            return None
        sent = self._pending.popleft()
        return _numbered(sent.error, sent.number)

    def answered(self, data: bytes) -> Outcome:
        """Returns the outcome of the first batch, whose answer this is."""
        sent = self._pending.popleft()
        response = _wire.field_of(data, _RESPONSE)
        if response is not None:
            try:
                return _compute.read_result(response, sent.out)
            except errors.LossdError as error:
                return _numbered(error, sent.number)
        message = _contract.ComputeStreamResponse.FromString(data)
        if not message.HasField("error"):
            return _numbered(errors.Internal("the server's answer on the stream has no result"), sent.number)
        return _numbered(errors.from_status(message.error), sent.number)


def _numbered(error: Any, number: int) -> errors.LossdError:
    error.batch = number
    checked: errors.LossdError = error
    return checked
