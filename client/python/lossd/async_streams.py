"""Many batches in flight, for asyncio: iterator in, iterator out."""

from __future__ import annotations

import asyncio
import time
from typing import Any, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Optional, Union

import grpc

from lossd import errors
from lossd._call.caller import left_until
from lossd._call.route import Route
from lossd._call.window import Outcome, Window
from lossd.results import Result


async def wait_for_next_try(route: Route, error: errors.LossdError, tries: int, end: Optional[float]) -> None:
    """Waits before the next try, or raises the error."""
    pause = route.pause(tries, error)
    if pause is None or (end is not None and time.monotonic() + pause >= end):
        raise error
    await asyncio.sleep(pause)


class AsyncResultStream(AsyncIterator[Result]):
    """The results of a stream, in the order of its batches; AsyncClient.compute_stream makes it.

    Raises the error of a bad batch, and goes on when asked for the next; outcomes() has the errors in their places.
    """

    def __init__(
        self,
        route: Route,
        method: Callable[..., Any],
        batches: Union[Iterable[Any], AsyncIterable[Any]],
        fields: Mapping[str, Any],
        ahead: int,
        deadline: Optional[float],
    ) -> None:
        if ahead < 1:
            raise ValueError(f"ahead = {ahead}, expected at least 1")
        self._route = route
        self._method = method
        self._batches = batches.__aiter__() if isinstance(batches, AsyncIterable) else _awaited(batches)
        self._window = Window(fields)
        self._ahead = ahead
        self._deadline = deadline
        self._exhausted = False
        self._tries = 0
        self._call: Any = None
        self._requests: Any = None

    async def __aenter__(self) -> "AsyncResultStream":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the stream; what has no answer is given up."""
        self._exhausted = True
        self._window = Window({})
        self._hang_up()

    async def outcomes(self) -> AsyncIterator[Outcome]:
        """Returns results, and in the place of each bad batch its LossdError."""
        while True:
            outcome = await self._next()
            if outcome is None:
                return
            yield outcome

    async def __anext__(self) -> Result:
        outcome = await self._next()
        if outcome is None:
            raise StopAsyncIteration
        if isinstance(outcome, errors.LossdError):
            raise outcome
        return outcome

    async def _next(self) -> Optional[Outcome]:
        await self._fill()
        if not self._window:
            await self._end()
            return None
        return self._window.unsent() or self._window.answered(await self._receive())

    async def _fill(self) -> None:
        while not self._exhausted and len(self._window) < self._ahead:
            try:
                batch = await self._batches.__anext__()
            except StopAsyncIteration:
                self._exhausted = True
                if self._requests is not None:
                    self._requests.put_nowait(None)
                return
            payload = self._window.add(batch)
            if payload is not None:
                if self._call is None:
                    self._open()
                else:
                    self._requests.put_nowait(payload)

    def _open(self) -> None:
        self._route.check_process()
        self._requests = asyncio.Queue()
        for payload in self._window.payloads():
            self._requests.put_nowait(payload)
        if self._exhausted:
            self._requests.put_nowait(None)
        self._call = self._method(_taken(self._requests), metadata=self._route.metadata())

    async def _receive(self) -> bytes:
        end = None if self._deadline is None else time.monotonic() + self._deadline
        while True:
            if self._call is None:
                self._open()
            try:
                found = await asyncio.wait_for(self._call.read(), left_until(end))
                if isinstance(found, bytes):
                    self._tries = 0
                    return found
                error: errors.LossdError = errors.Unavailable(
                    "the server ended the stream before it answered each batch"
                )
            except asyncio.TimeoutError:
                self.close()
                raise errors.DeadlineExceeded(
                    f"no answer came on the stream for {self._deadline} s; the target is {self._route.target}"
                ) from None
            except grpc.RpcError as failed:
                error = errors.from_rpc_error(failed)
            self._hang_up()
            self._tries += 1
            try:
                await wait_for_next_try(self._route, error, self._tries, end)
            except errors.LossdError:
                self.close()
                raise

    async def _end(self) -> None:
        """Waits for the end of a stream that has been told that no more comes."""
        if self._call is not None:
            try:
                await asyncio.wait_for(self._call.read(), 1.0)
            except (asyncio.TimeoutError, grpc.RpcError):
                pass
            self._hang_up()

    def _hang_up(self) -> None:
        if self._call is not None:
            self._requests.put_nowait(None)
            self._call.cancel()
            self._call = None


async def _awaited(batches: Iterable[Any]) -> AsyncIterator[Any]:
    for batch in batches:
        yield batch


async def _taken(requests: Any) -> AsyncIterator[bytes]:
    while True:
        payload = await requests.get()
        if payload is None:
            return
        yield payload
