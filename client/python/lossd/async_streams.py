"""Many batches in flight, for asyncio: iterator in, iterator out."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Optional, Union

import grpc

from lossd import errors
from lossd._call.result_stream import ENDED, StreamState
from lossd._call.route import Route, left_until
from lossd._call.window import Outcome
from lossd.results import Result

# What grpc.aio says in place of the server's words when the server ends a stream while a message is on its way to it,
# since 1.60 and to 1.85 at least (its issue 36066).
_STATUS_LOST = "Internal error from Core"

# A server that refuses a stream does so at once; on one on which nothing is sent there is nothing to lose the status by.
_SILENCE = 0.3


class AsyncResultStream(StreamState, AsyncIterator[Result]):
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
        super().__init__(route, method, fields, ahead, deadline)
        self._batches = batches.__aiter__() if isinstance(batches, AsyncIterable) else _awaited(batches)

    async def __aenter__(self) -> "AsyncResultStream":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

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
            await self._finish()
            return None
        return self._window.unsent() or self._window.answered(await self._receive())

    async def _fill(self) -> None:
        while self._wants_more():
            try:
                batch = await self._batches.__anext__()
            except StopAsyncIteration:
                self._no_more()
                return
            self._send(batch)

    def _open(self) -> None:
        self._begin(asyncio.Queue())
        self._call = self._method(_taken(self._requests), metadata=self._route.metadata())

    async def _receive(self) -> bytes:
        end = self._end()
        while True:
            if self._call is None:
                self._open()
            try:
                found = await asyncio.wait_for(self._call.read(), left_until(end))
            except asyncio.TimeoutError:
                raise self._late() from None
            except grpc.RpcError as failed:
                error = self._route.error(failed)
                if _lost_its_status(failed):
                    error = await self._why_refused()
            else:
                if isinstance(found, bytes):
                    self._tries = 0
                    return found
                error = self._route.lost(errors.Unavailable, ENDED)
            await asyncio.sleep(self._pause_after(error, end))

    async def _why_refused(self) -> errors.LossdError:
        """Returns the error with which the server ends a stream on which it hears nothing; that it ended one, where it
        does not."""
        requests: asyncio.Queue[Any] = asyncio.Queue()
        call = self._method(_taken(requests), metadata=self._route.metadata())
        reading = asyncio.ensure_future(call.read())
        await asyncio.wait({reading}, timeout=_SILENCE)
        refused = reading.exception() if reading.done() else None
        requests.put_nowait(None)
        call.cancel()
        await asyncio.wait({reading})
        if isinstance(refused, grpc.RpcError):
            return self._route.error(refused)
        return self._route.lost(errors.Unavailable, ENDED)

    async def _finish(self) -> None:
        """Waits for the end of a stream that has been told that no more comes."""
        if self._call is not None:
            try:
                await asyncio.wait_for(self._call.read(), 1.0)
            except (asyncio.TimeoutError, grpc.RpcError):
                pass
            self._hang_up()


def _lost_its_status(failed: Any) -> bool:
    return failed.code() is grpc.StatusCode.INTERNAL and failed.details() == _STATUS_LOST


async def _awaited(batches: Iterable[Any]) -> AsyncIterator[Any]:
    for batch in batches:
        yield batch


async def _taken(requests: Any) -> AsyncIterator[bytes]:
    while True:
        payload = await requests.get()
        if payload is None:
            return
        yield payload
