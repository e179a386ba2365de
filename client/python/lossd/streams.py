"""Many batches in flight: iterator in, iterator out."""

from __future__ import annotations

import queue
import threading
import time
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional

import grpc

from lossd import errors
from lossd._call.route import Route
from lossd._call.window import Outcome, Window
from lossd.results import Result


class ResultStream(Iterator[Result]):
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
        if ahead < 1:
            raise ValueError(f"ahead = {ahead}, expected at least 1")
        self._route = route
        self._method = method
        self._pause = pause
        self._batches = iter(batches)
        self._window = Window(fields)
        self._ahead = ahead
        self._deadline = deadline
        self._exhausted = False
        self._tries = 0
        self._call: Any = None
        self._requests: Any = None
        self._answers: Any = None

    def __enter__(self) -> "ResultStream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the stream; what has no answer is given up."""
        self._exhausted = True
        self._window = Window({})
        self._hang_up()

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
        while not self._exhausted and len(self._window) < self._ahead:
            try:
                batch = next(self._batches)
            except StopIteration:
                self._exhausted = True
                if self._requests is not None:
                    self._requests.put(None)
                return
            payload = self._window.add(batch)
            if payload is not None:
                if self._call is None:
                    self._open()
                else:
                    self._requests.put(payload)

    def _open(self) -> None:
        """Opens a stream and sends what has no answer."""
        self._route.check_process()
        self._requests, self._answers = queue.SimpleQueue(), queue.SimpleQueue()
        for payload in self._window.payloads():
            self._requests.put(payload)
        if self._exhausted:
            self._requests.put(None)
        self._call = self._method(iter(self._requests.get, None), metadata=self._route.metadata())
        threading.Thread(target=_read, args=(self._call, self._answers), name="lossd stream", daemon=True).start()

    def _receive(self) -> bytes:
        """Returns the next answer's bytes, from a new stream where this one breaks. Raises LossdError, after which
        the stream is over."""
        end = None if self._deadline is None else time.monotonic() + self._deadline
        while True:
            if self._call is None:
                self._open()
            try:
                found = self._answers.get(timeout=None if end is None else max(0.001, end - time.monotonic()))
            except queue.Empty:
                self.close()
                raise errors.DeadlineExceeded(
                    f"no answer came on the stream for {self._deadline} s; the target is {self._route.target}"
                ) from None
            if isinstance(found, bytes):
                self._tries = 0
                return found
            self._reopen(found, end)

    def _reopen(self, error: errors.LossdError, end: Optional[float]) -> None:
        self._hang_up()
        self._tries += 1
        pause = self._route.pause(self._tries, error)
        if pause is None or (end is not None and time.monotonic() + pause >= end):
            self.close()
            raise error
        self._pause(pause)

    def _hang_up(self) -> None:
        if self._call is not None:
            self._requests.put(None)
            self._call.cancel()
            self._call = None

    def __del__(self) -> None:
        if getattr(self, "_call", None) is not None:
            self._hang_up()


def _read(call: Any, answers: Any) -> None:
    """Reads answers until the stream ends, whose error is the last."""
    try:
        for answer in call:
            answers.put(answer)
        answers.put(errors.Unavailable("the server ended the stream before it answered each batch"))
    except grpc.RpcError as error:
        answers.put(errors.from_rpc_error(error))
