"""Calls from threads: the channel, its methods, tries and parts."""

from __future__ import annotations

import collections
import time
from typing import Any, Deque, Dict, Iterator, Optional, Tuple

import grpc

from lossd import errors
from lossd._call.route import Route, left_until, path_of
from lossd._call.steps import Ask, AskParts, PartRequest, Run, Steps


class Caller:
    """Makes the calls of one client. Threads may share it.

    Each call ends by `end`, on time.monotonic()'s clock; None is never.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._channel = route.open(grpc)
        self._methods: Dict[str, Any] = {}

    def close(self) -> None:
        """Ends the connections; calls under way are cancelled."""
        self._channel.close()

    def stream(self, method: str) -> Any:
        """Returns the method of that name as gRPC's callable."""
        self._route.check_process()
        return self._channel.stream_stream(path_of(method))

    def _method(self, method: str) -> Any:
        found = self._methods.get(method)
        if found is None:
            found = self._methods[method] = self._channel.unary_unary(path_of(method))
        return found

    def run(self, steps: Steps, end: Optional[float]) -> Any:
        """Makes the calls that the steps ask for, and returns their result."""
        run = Run(steps)
        while run.ask is not None:
            try:
                answer = None
                if isinstance(run.ask, AskParts):
                    self._parts(run.ask, end)
                else:
                    answer = self.unary(run.ask, end)
            except errors.LossdError as error:
                run.failed(error)
            else:
                run.answered(answer)
        return run.result

    def unary(self, ask: Ask, end: Optional[float], tries: int = 0) -> bytes:
        """Returns the bytes of the answer, after as many tries as there may be; `tries` were made already."""
        self._route.check_process()
        method = self._method(ask.method)
        while True:
            try:
                answer: bytes = method(ask.payload, timeout=left_until(end), metadata=self._route.metadata())
                return answer
            except grpc.RpcError as error:
                failed = self._route.error(error)
            tries += 1
            self.pause(self._route.pause(tries, failed, end))

    def answers(self, ask: Ask, seconds: Optional[float]) -> Iterator[bytes]:
        """Returns the answers of a method that streams them: of one call, whose errors are raised as they come. The call
        is cancelled when nobody wants more."""
        self._route.check_process()
        method = self._channel.unary_stream(path_of(ask.method))
        call = method(ask.payload, timeout=seconds, metadata=self._route.metadata())
        try:
            yield from call
        except grpc.RpcError as error:
            raise self._route.error(error) from None
        finally:
            call.cancel()

    def pause(self, seconds: float) -> None:
        """Sleeps while the channel connects anew: gRPC does that only while somebody watches, or calls."""
        self._channel.subscribe(_ignore)
        time.sleep(seconds)
        self._channel.unsubscribe(_ignore)

    def _parts(self, ask: AskParts, end: Optional[float]) -> None:
        """Calls for each part, several at a time."""
        method = self._method("Compute")
        pending: Deque[Tuple[PartRequest, Any]] = collections.deque()
        try:
            for request in ask.requests():
                if len(pending) == ask.in_flight:
                    self._finish(*pending[0], end)
                    pending.popleft()
                call = method.future(request.payload, timeout=left_until(end), metadata=self._route.metadata())
                pending.append((request, call))
            while pending:
                self._finish(*pending[0], end)
                pending.popleft()
        finally:
            for _, call in pending:
                call.cancel()

    def _finish(self, request: PartRequest, call: Any, end: Optional[float]) -> None:
        try:
            try:
                answer = call.result()
            except grpc.RpcError as error:
                answer, failed = None, self._route.error(error)
            if answer is None:
                self.pause(self._route.pause(1, failed, end))
                answer = self.unary(Ask("Compute", request.payload), end, tries=1)
        except errors.LossdError as error:
            raise request.failed(error) from None
        request.answered(answer)


def _ignore(_: Any) -> None:
    """Takes the states of a channel that is watched for nothing but to be watched."""
