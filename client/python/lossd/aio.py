"""The client for asyncio: the same calls, awaited."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterable, AsyncIterator, Dict, Iterable, List, Mapping, Optional, Sequence, Set, Union

import grpc
import grpc.aio

from lossd import _calls, _compute, errors
from lossd._call import steps as _steps
from lossd._call.route import UNSET, PlainTextTokens, Route, Token, left_until, path_of
from lossd._call.steps import Ask, AskParts, PartRequest, Run, Steps
from lossd._call.target import Tls
from lossd.async_streams import AsyncResultStream
from lossd.client import Spec
from lossd.results import Array, ClassWeights, Comparison, Information, Loss, Result, ServerInfo


class AsyncClient:
    """lossd.Client for asyncio: the same arguments, and the same calls, awaited.

        async with lossd.AsyncClient("gpu-7:50051") as client:
            first = asyncio.create_task(client.compute(logits, labels, outputs={"gradient": True}))

    Make it, and use it, where one event loop runs. Copies of large arrays hold the loop for their time.
    """

    def __init__(
        self,
        target: Optional[str] = None,
        *,
        token: Token = None,
        plain_text_tokens: PlainTextTokens = "this_machine",
        tls: Union[bool, Tls, None] = None,
        deadline: Optional[float] = 30.0,
        retries: int = 5,
        max_message_bytes: Optional[int] = None,
    ) -> None:
        self._route = Route(target, token, plain_text_tokens, tls, deadline, retries)
        self._channel = self._route.open(grpc.aio)
        self._limit = _steps.Limit(max_message_bytes)
        self._methods: Dict[str, Any] = {}

    async def close(self) -> None:
        """Ends the connections; calls under way are cancelled."""
        await self._channel.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def compute(
        self,
        logits: Array,
        labels: Optional[Array] = None,
        *,
        loss: Spec = None,
        reduction: Optional[str] = None,
        teacher_logits: Optional[Array] = None,
        sample_weights: Optional[Array] = None,
        upstream_gradient: Optional[Array] = None,
        outputs: Optional[Mapping[str, Any]] = None,
        class_axis: Optional[int] = None,
        normalizer: Optional[float] = None,
        rollout: Optional[Mapping[str, Array]] = None,
        sequence_lengths: Optional[Array] = None,
        run: Optional[str] = None,
        sample_ids: Optional[Array] = None,
        request_id: Optional[str] = None,
        step: Optional[int] = None,
        epoch: Optional[int] = None,
        learning_rate: Optional[float] = None,
        out: Optional[Mapping[str, Array]] = None,
        deadline: Optional[float] = UNSET,
        **fields: Any,
    ) -> Result:
        """Computes the losses of one batch, as Client.compute."""
        given = {"logits": logits, "labels": labels, "loss": loss, "reduction": reduction,
                 "teacher_logits": teacher_logits, "sample_weights": sample_weights,
                 "upstream_gradient": upstream_gradient, "outputs": outputs, "class_axis": class_axis,
                 "normalizer": normalizer, "rollout": rollout, "sequence_lengths": sequence_lengths, "run": run,
                 "sample_ids": sample_ids, "request_id": request_id, "step": step, "epoch": epoch,
                 "learning_rate": learning_rate, **fields}  # fmt: skip
        batch = _compute.make_batch(given)
        result: Result = await self._run(_steps.compute(batch, out or {}, self._limit), deadline)
        return result

    async def compare(
        self,
        logits: Array,
        labels: Optional[Array],
        losses: Sequence[Spec],
        *,
        reduction: Optional[str] = None,
        teacher_logits: Optional[Array] = None,
        sample_weights: Optional[Array] = None,
        class_axis: Optional[int] = None,
        rollout: Optional[Mapping[str, Array]] = None,
        sequence_lengths: Optional[Array] = None,
        deadline: Optional[float] = UNSET,
        **fields: Any,
    ) -> List[Comparison]:
        """Computes several losses on one batch, as Client.compare."""
        payload = _calls.compare_request({
            "logits": logits, "labels": labels, "losses": losses, "reduction": reduction,
            "teacher_logits": teacher_logits, "sample_weights": sample_weights, "class_axis": class_axis,
            "rollout": rollout,
            "sequence_lengths": sequence_lengths, **fields})  # fmt: skip
        return _calls.read_comparisons(await self._call("Compare", payload, deadline))

    async def class_weights(
        self,
        labels: Optional[Array] = None,
        *,
        counts: Optional[Array] = None,
        schemes: Optional[Sequence[Union[str, Mapping[str, Any]]]] = None,
        class_count: Optional[int] = None,
        sample_weights: Optional[Array] = None,
        ignore_index: Optional[int] = None,
        deadline: Optional[float] = UNSET,
        **fields: Any,
    ) -> ClassWeights:
        """Computes class weights, as Client.class_weights."""
        payload = _calls.class_weights_request({
            "labels": labels, "counts": counts, "schemes": schemes, "class_count": class_count,
            "sample_weights": sample_weights, "ignore_index": ignore_index, **fields})  # fmt: skip
        return _calls.read_class_weights(await self._call("ComputeClassWeights", payload, deadline))

    async def information(
        self,
        p: Array,
        q: Optional[Array] = None,
        *,
        base: Optional[str] = None,
        from_logits: bool = False,
        self_information: bool = False,
        deadline: Optional[float] = UNSET,
        **fields: Any,
    ) -> Information:
        """Measures distributions, as Client.information."""
        payload = _calls.information_request({
            "p": p, "q": q, "base": base, "from_logits": from_logits, "self_information": self_information,
            **fields})  # fmt: skip
        return _calls.read_information(await self._call("MeasureInformation", payload, deadline))

    async def losses(self, *, deadline: Optional[float] = UNSET) -> List[Loss]:
        """Returns the catalogue of the losses that the server computes."""
        return _calls.read_losses(await self._call("ListLosses", b"", deadline))

    async def server_info(self, *, deadline: Optional[float] = UNSET) -> ServerInfo:
        """Returns the server's version, instruction set, threads and limits."""
        return _calls.read_server_info(await self._call("GetServerInfo", b"", deadline))

    def compute_stream(
        self,
        batches: Union[Iterable[Any], AsyncIterable[Any]],
        *,
        ahead: int = 4,
        deadline: Optional[float] = UNSET,
        **fields: Any,
    ) -> AsyncResultStream:
        """Computes many batches, as Client.compute_stream: any iterator in, asynchronous iterator out."""
        method = self._channel.stream_stream(path_of("ComputeStream"))
        return AsyncResultStream(self._route, method, batches, fields, ahead, self._route.seconds_of(deadline))

    async def _call(self, method: str, payload: bytes, deadline: Optional[float]) -> bytes:
        return await self._unary(Ask(method, payload), self._route.end_of(deadline))

    async def _run(self, steps: Steps, deadline: Optional[float]) -> Any:
        """Makes the calls that the steps ask for, and returns their result."""
        run, end = Run(steps), self._route.end_of(deadline)
        while run.ask is not None:
            try:
                answer = None
                if isinstance(run.ask, AskParts):
                    await self._parts(run.ask, end)
                else:
                    answer = await self._unary(run.ask, end)
            except errors.LossdError as error:
                run.failed(error)
            else:
                run.answered(answer)
        return run.result

    async def _unary(self, ask: Ask, end: Optional[float]) -> bytes:
        self._route.check_process()
        method = self._methods.get(ask.method)
        if method is None:
            method = self._methods[ask.method] = self._channel.unary_unary(path_of(ask.method))
        tries = 0
        while True:
            try:
                answer: bytes = await method(ask.payload, timeout=left_until(end), metadata=self._route.metadata())
                return answer
            except grpc.RpcError as error:
                failed = self._route.error(error)
            tries += 1
            await asyncio.sleep(self._route.pause(tries, failed, end))

    async def _answers(self, ask: Ask, seconds: Optional[float]) -> AsyncIterator[bytes]:
        """Returns the answers of a method that streams them, as Caller.answers."""
        self._route.check_process()
        method = self._channel.unary_stream(path_of(ask.method))
        call = method(ask.payload, timeout=seconds, metadata=self._route.metadata())
        try:
            async for data in call:
                yield data
        except grpc.RpcError as error:
            raise self._route.error(error) from None
        finally:
            call.cancel()

    async def _parts(self, ask: AskParts, end: Optional[float]) -> None:
        """Calls for each part, several at a time."""
        pending: Set[Any] = set()
        try:
            for request in ask.requests():
                if len(pending) == ask.in_flight:
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                pending.add(asyncio.ensure_future(self._part(request, end)))
            for task in list(pending):
                await task
        finally:
            for task in pending:
                task.cancel()

    async def _part(self, request: PartRequest, end: Optional[float]) -> None:
        try:
            request.answered(await self._unary(Ask("Compute", request.payload), end))
        except errors.LossdError as error:
            raise request.failed(error) from None
