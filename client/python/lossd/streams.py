"""Many batches in flight: iterator in, iterator out."""

from __future__ import annotations

import queue
import threading
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional

import grpc

from lossd import errors
from lossd._call.result_stream import ENDED, StreamState
from lossd._call.route import Route, left_until
from lossd._call.window import Outcome
from lossd.results import Result


class ResultStream(StreamState, Iterator[Result]):
    """The results of a stream, in the order of its batches; Client.compute_stream makes it.

    next() raises the error of a bad batch, and goes on with the next one when it is called again. close() ends the
    stream; so does the end of a with block, and the last result.
    """

    def __init__(
        self,
        route: Route,
        method: Callable[..., Any],
        pause: Callable[[float], None],
        batches: Iterable[Any],
        fields: Mapping[str, Any],
        ahead: int,
        deadline: Optional[float],
    ) -> None:
        super().__init__(route, method, fields, ahead, deadline)
        self._pause = pause
        self._batches = iter(batches)
        self._answers: Any = None

    def __enter__(self) -> "ResultStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def outcomes(self) -> Iterator[Outcome]:
        """Returns results, and in the place of each bad batch its LossdError."""
        while True:
            outcome = self._next()
            if outcome is None:
                return
            yield outcome

    def __next__(self) -> Result:
        outcome = self._next()
        if outcome is None:
            raise StopIteration
        if isinstance(outcome, errors.LossdError):
            raise outcome
        return outcome

    def _next(self) -> Optional[Outcome]:
        self._fill()
        if not self._window:
            self._call = None  # it has been told that no more comes, and ends by itself
            return None
        return self._window.unsent() or self._window.answered(self._receive())

    def _fill(self) -> None:
        """Takes batches and sends them, until enough are on their way."""
        while self._wants_more():
            try:
                batch = next(self._batches)
            except StopIteration:
                self._no_more()
                return
            self._send(batch)

    def _open(self) -> None:
        """Opens a stream and sends what has no answer."""
        self._begin(queue.SimpleQueue())
        self._answers = queue.SimpleQueue()
        self._call = self._method(iter(self._requests.get, None), metadata=self._route.metadata())
        arguments = (self._call, self._answers, self._route)
        threading.Thread(target=_read, args=arguments, name="lossd stream", daemon=True).start()

    def _receive(self) -> bytes:
        """Returns the next answer's bytes, from a new stream where this one breaks. Raises LossdError, after which
        the stream is over."""
        end = self._end()
        while True:
            if self._call is None:
                self._open()
            try:
                found = self._answers.get(timeout=left_until(end))
            except queue.Empty:
                raise self._late() from None
            if isinstance(found, bytes):
                self._tries = 0
                return found
            self._pause(self._pause_after(found, end))

    def __del__(self) -> None:
        if getattr(self, "_call", None) is not None:
            self._hang_up()


def _read(call: Any, answers: Any, route: Route) -> None:
    """Reads answers until the stream ends, whose error is the last."""
    try:
        for answer in call:
            answers.put(answer)
        answers.put(route.lost(errors.Unavailable, ENDED))
    except grpc.RpcError as error:
        answers.put(route.error(error))
