"""The client: one target, any number of threads."""

from __future__ import annotations

import itertools
import weakref
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Union

from lossd import _calls, _compute
from lossd._call import steps as _steps
from lossd._call.caller import Caller
from lossd._call.route import UNSET, PlainTextTokens, Route, Token
from lossd._call.steps import Ask
from lossd._call.target import Tls
from lossd.results import Array, ClassWeights, Comparison, Information, Loss, Result, ServerInfo
from lossd.streams import ResultStream

Spec = Union[str, Mapping[str, Any], None]
"""A loss: its name, "focal", or the fields of LossSpec, {"focal": {"gamma": 2}, "label_smoothing": 0.1}."""


# Compiled code names a client by its number: it keeps no objects.
_numbers = itertools.count()
_numbered: "weakref.WeakValueDictionary[int, Client]" = weakref.WeakValueDictionary()


def client_numbered(number: Optional[int]) -> Optional["Client"]:
    """Returns the client of that number, None for None. Raises KeyError where it is gone."""
    return None if number is None else _numbered[number]


class Client:
    """Calls to the lossd at a target, or to several by turns. Threads may share one.

        with lossd.Client("gpu-7:50051") as client:
            result = client.compute(logits, labels, loss={"focal": {"gamma": 2}}, reduction="mean",
                                    outputs={"gradient": True})
            print(result.loss, result.gradient)

    target: "host:port"; "unix:/path", or the path alone; any name of gRPC's, as "dns:///lossd.cluster:50051", whose
    addresses all take turns, or "ipv4:10.0.0.1:50051,10.0.0.2:50051". None is LOSSD_ADDRESS, or localhost:50051.
    token: goes with each call as `authorization: Bearer …`; a function is asked for it before each call. It goes over
    TLS, and without it to this machine alone, unless plain_text_tokens is "everywhere": it can be read where the
    network can.
    tls: True for the system's certificates, or a lossd.Tls.
    deadline: seconds that a call may take, with all its tries and parts; None is none. Each call takes its own, too.
    retries: how often a call is tried again where the server is UNAVAILABLE, whatever its size: after the time that
    the server asks for, or 0.1 s, 0.2 s … 2 s, less some chance. No other error is tried again.
    max_message_bytes: a batch whose request or answer would be larger travels in parts. None is what the server says
    when a batch is over 1 MiB.

    No proxy is used for this machine; for others as gRPC does, and errors name it. Raises in each call
    lossd.LossdError, of the kind that lossd.errors lists.
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
        self._caller = Caller(self._route)
        self._limit = _steps.Limit(max_message_bytes)
        self._losses: Dict[Any, Any] = {}  # what lossd.torch has prepared for it
        self._number = next(_numbers)
        _numbered[self._number] = self

    def close(self) -> None:
        """Ends the connections; calls under way are cancelled."""
        self._caller.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, _: object) -> "Client":
        return self  # a copy of a model shares the client, as threads do

    def __reduce__(self) -> Any:
        raise TypeError("a lossd client cannot be pickled: make one in each process")

    def compute(
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
        """Computes the losses of one batch. compute.proto has each field's whole story.

        logits: [N, C], [N, d1, …, C], or [N] for a sigmoid; with class_axis=1 [N, C, d1, …]. float16, bfloat16 (of
        ml_dtypes), float32 or float64, and computed so, 16 bits in float32. Lists are float64. With the activation
        "log_probability" ln p of the truth itself, of any shape, and no labels.
        labels: integers of the losses' shape, or floats of the logits' shape, a target for each class.
        loss: a name, or LossSpec's fields as a dict; None is softmax cross entropy. {"activation": "sigmoid"}.
        teacher_logits: in place of labels, floats of the logits' shape: the targets are their softmax at
        loss["teacher"]["temperature"], or the loss's. −inf is a probability of 0.
        reduction: "none", the default, "sum", "mean" (by weight, as PyTorch's), "mean_valid" or "sequence_mean".
        sample_weights: ≥ 0, the losses' shape or [N]. A sample of weight 0 is ignored, whatever it holds.
        upstream_gradient: ∂final/∂loss, the losses' shape or [N], with reduction "none".
        outputs: OutputOptions' fields as a dict: {"gradient": True, "class_statistics": True, "top_k": [1, 5]}.
        normalizer: replaces a mean's divisor, so that micro-batches and ranks add up exactly.
        rollout: what policy losses need: {"advantages": …, "old_log_probs": …, "reference_log_probs": …,
        "sampler_log_probs": …}, of the losses' shape; advantages also one for each sequence.
        sequence_lengths: of a packed batch, [S]; else the losses' last axis is the sequence.
        run: the training run that records this batch before it is answered; lossd.runs shows it. Letters, digits, ._-/
        sample_ids: beside run, integers of the losses' shape: which samples of the data set these are.
        request_id: up to 96 bytes, by which a run counts a batch once, however often it is sent. None is a random one,
        which all tries of this call share. A batch that travels in parts has #ROW behind it.
        step, epoch: ≥ 0, for the run's curve. None counts the run's batches (each part of one), or a sample's
        presentations.
        learning_rate: ≥ 0, for the run's curve.
        out: arrays to write results to, by name: {"gradient": array}; they are the result's, then.
        deadline: seconds, in place of the client's.
        fields: ComputeRequest's other fields.

        A name that there is not is an InvalidArgument that says which one was meant. A batch that does not fit a
        message travels in parts: losses and gradient have the bits of one call, a sum is that of the parts' sums.
        Sequences that are read stay whole. What needs the whole batch, as mining does, is then refused by name.
        """
        given = {"logits": logits, "labels": labels, "loss": loss, "reduction": reduction,
                 "teacher_logits": teacher_logits, "sample_weights": sample_weights,
                 "upstream_gradient": upstream_gradient, "outputs": outputs, "class_axis": class_axis,
                 "normalizer": normalizer, "rollout": rollout, "sequence_lengths": sequence_lengths, "run": run,
                 "sample_ids": sample_ids, "request_id": request_id, "step": step, "epoch": epoch,
                 "learning_rate": learning_rate, **fields}  # fmt: skip
        return self._compute_batch(_compute.make_batch(given), out or {}, deadline)

    def _compute_batch(self, batch: _compute.Batch, out: Mapping[str, Any], deadline: Any = UNSET) -> Result:
        """Computes a batch that is made already."""
        result: Result = self._caller.run(_steps.compute(batch, out, self._limit), self._route.end_of(deadline))
        return result

    def compare(
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
        """Computes up to 32 losses on one batch, side by side, in the order of `losses`.

        The arguments are compute()'s, labels None for log-probabilities and beside teacher_logits; fields:
        CompareRequest's others, as omit_difficulty=True. The batch must fit a message.
        """
        payload = _calls.compare_request({
            "logits": logits, "labels": labels, "losses": losses, "reduction": reduction,
            "teacher_logits": teacher_logits, "sample_weights": sample_weights, "class_axis": class_axis,
            "rollout": rollout,
            "sequence_lengths": sequence_lengths, **fields})  # fmt: skip
        return _calls.read_comparisons(self._call("Compare", payload, deadline))

    def class_weights(
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
        """Counts labels, or takes counts [C], and computes class weights of each scheme; None is all six.

            weights = client.class_weights(labels, schemes=["balanced"]).weights["balanced"].values

        labels: integers of any shape, or float targets [N, C]. schemes: names, or dicts of SchemeWeights' fields.
        class_count: C; None is the largest label plus 1. sample_weights: what each sample adds to its class's count.
        ignore_index: integer labels of this value do not count.
        """
        payload = _calls.class_weights_request({
            "labels": labels, "counts": counts, "schemes": schemes, "class_count": class_count,
            "sample_weights": sample_weights, "ignore_index": ignore_index, **fields})  # fmt: skip
        return _calls.read_class_weights(self._call("ComputeClassWeights", payload, deadline))

    def information(
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
        """Measures distributions p, [N, K] or [K], and with q also p against q.

        base: "nat", the default, "bit" or "hartley". from_logits: p and q are logits. self_information: of each
        entry, too.
        """
        payload = _calls.information_request({
            "p": p, "q": q, "base": base, "from_logits": from_logits, "self_information": self_information,
            **fields})  # fmt: skip
        return _calls.read_information(self._call("MeasureInformation", payload, deadline))

    def losses(self, *, deadline: Optional[float] = UNSET) -> List[Loss]:
        """Returns the catalogue of the losses that the server computes."""
        return _calls.read_losses(self._call("ListLosses", b"", deadline))

    def server_info(self, *, deadline: Optional[float] = UNSET) -> ServerInfo:
        """Returns the server's version, instruction set, threads and limits."""
        return _calls.read_server_info(self._call("GetServerInfo", b"", deadline))

    def compute_stream(
        self,
        batches: Iterable[Any],
        *,
        ahead: int = 4,
        deadline: Optional[float] = UNSET,
        **fields: Any,
    ) -> ResultStream:
        """Computes many batches, with `ahead` of them on their way: iterator in, iterator out, in order.

            for result in client.compute_stream(((x, y) for x, y in loader), loss="focal", reduction="mean"):

        batches: (logits, labels), or dicts of compute()'s arguments, which then beat the common ones in `fields`. They
        are taken in the caller's thread, as the results are.
        deadline: seconds that the next answer may take.

        A bad batch raises its error, with its number in `error.batch`, and the stream goes on: call next() again, or
        iterate over .outcomes(), which has the error in the batch's place. A stream that breaks is opened again, and
        the batches that have no answer are sent again.
        """
        method = self._caller.stream("ComputeStream")
        seconds = self._route.seconds_of(deadline)
        return ResultStream(self._route, method, self._caller.pause, batches, fields, ahead, seconds)

    def _call(self, method: str, payload: bytes, deadline: Optional[float]) -> bytes:
        return self._caller.unary(Ask(method, payload), self._route.end_of(deadline))
