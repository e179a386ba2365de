"""What the streams of threads and of asyncio share: which batches have no answer, and what follows when one breaks."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional

from lossd import errors
from lossd._call.route import Route, end_after
from lossd._call.window import Window

ENDED = "the server ended the stream before it answered each batch"


class StreamState:
    """A stream of batches. Who sends them sets `_call`, gRPC's, and `_requests`, a queue whose None is the end."""

    def __init__(
        self, route: Route, method: Callable[..., Any], fields: Mapping[str, Any], ahead: int, deadline: Optional[float]
    ) -> None:
        if ahead < 1:
            raise ValueError(f"ahead = {ahead}, expected at least 1")
        self._route = route
        self._method = method
        self._window = Window(fields)
        self._ahead = ahead
        self._deadline = deadline
        self._exhausted = False
        self._tries = 0
        self._call: Any = None
        self._requests: Any = None

    def close(self) -> None:
        """Ends the stream; what has no answer is given up."""
        self._exhausted = True
        self._window = Window({})
        self._hang_up()

    def _wants_more(self) -> bool:
        return not self._exhausted and len(self._window) < self._ahead

    def _no_more(self) -> None:
        """Notes that there are no more batches, and tells the server."""
        self._exhausted = True
        if self._requests is not None:
            self._requests.put_nowait(None)

    def _send(self, batch: Any) -> None:
        """Sends a batch, unless it is wrong, on a stream that it opens where there is none."""
        payload = self._window.add(batch)
        if payload is None:
            return
        if self._call is None:
            self._open()
        else:
            self._requests.put_nowait(payload)

    def _open(self) -> None:
        raise NotImplementedError

    def _begin(self, requests: Any) -> None:
        """Puts into the queue of a new stream what has no answer."""
        self._route.check_process()
        self._requests = requests
        for payload in self._window.payloads():
            requests.put_nowait(payload)
        if self._exhausted:
            requests.put_nowait(None)

    def _end(self) -> Optional[float]:
        """Returns when the next answer has to be there."""
        return end_after(self._deadline)

    def _late(self) -> errors.LossdError:
        """Ends the stream. Returns the error of an answer that did not come."""
        self.close()
        return self._route.lost(errors.DeadlineExceeded, f"no answer came on the stream for {self._deadline} s")

    def _pause_after(self, error: errors.LossdError, end: Optional[float]) -> float:
        """Returns how many seconds to wait until a new stream is opened, after an error that broke this one. Raises it
        where there is no next one; the stream is over then."""
        self._hang_up()
        self._tries += 1
        try:
            return self._route.pause(self._tries, error, end)
        except errors.LossdError:
            self.close()
            raise

    def _hang_up(self) -> None:
        if self._call is not None:
            self._requests.put_nowait(None)
            self._call.cancel()
            self._call = None
