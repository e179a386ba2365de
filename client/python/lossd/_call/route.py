"""How calls reach a server, whoever makes them: target, credentials, deadline, retries, and words for errors."""

from __future__ import annotations

import os
import random
import re
import time
from typing import Any, Callable, Literal, Optional, Tuple, Type, Union

import grpc

from lossd import _contract, _fields, errors
from lossd._call import target as _target

Token = Union[str, Callable[[], str], None]

PlainTextTokens = Literal["this_machine", "everywhere"]
"""Over which connections without TLS a token may go: whoever sees it there can call as its owner."""

UNSET: Any = ...  # no object of one's own, which a copy would not be

_LONGEST_PAUSE = 2.0


class Route:
    """What the clients of threads and of asyncio share."""

    def __init__(self, target: Optional[str], token: Token, plain_text_tokens: str,
                 tls: Union[bool, _target.Tls, None], deadline: Optional[float], retries: int) -> None:  # fmt: skip
        self.target = _target.grpc_target(target or os.environ.get("LOSSD_ADDRESS") or "localhost:50051")
        self.proxy = _target.proxy_for(self.target)
        if tls is True:
            tls = _target.Tls()
        self.tls = tls or None
        self.deadline = deadline
        self.retries = retries
        self._token = token if callable(token) else _checked(token)
        self._process = os.getpid()
        self._check_plain_text(plain_text_tokens)

    def open(self, kind: Any) -> Any:
        """Returns a channel of grpc, or of grpc.aio."""
        options = _target.channel_options(self.proxy, self.tls)
        if self.tls is None:
            return kind.insecure_channel(self.target, options=options)
        return kind.secure_channel(self.target, self.tls.credentials(), options=options)

    def check_process(self) -> None:
        """Raises RuntimeError in a process that was forked from the client's: gRPC does not survive that."""
        if os.getpid() != self._process:
            raise RuntimeError(
                f"this lossd client was made in process {self._process} and is used in {os.getpid()}: gRPC does not "
                "survive fork(). Make a client in each process, and start the processes by \"spawn\" or "
                '"forkserver"')  # fmt: skip

    def _check_plain_text(self, allowed: str) -> None:
        if allowed not in ("this_machine", "everywhere"):
            raise _fields.refuse("plain_text_tokens", f"= {allowed!r}, expected 'this_machine' or 'everywhere'")
        if self._token and self.tls is None and allowed == "this_machine" and not _target.stays_here(self.target):
            raise _fields.refuse("token", f"would go to {self.target} in plain text, expected tls, or "
                                 'plain_text_tokens="everywhere"')  # fmt: skip

    def metadata(self) -> Optional[Tuple[Tuple[str, str], ...]]:
        """Returns what goes with each call. Raises InvalidArgument for a token that cannot."""
        token = _checked(self._token()) if callable(self._token) else self._token
        return (("authorization", f"Bearer {token}"),) if token else None

    def error(self, error: Any) -> errors.LossdError:
        """Returns the error that a failed gRPC call tells, with what to do about it."""
        return errors.from_rpc_error(error, self._advice(error))

    def lost(self, kind: Type[errors.LossdError], words: str) -> errors.LossdError:
        """Returns the error of a call that the server did not answer, in our words."""
        return kind(f"{words}; {self._way()}")

    def _advice(self, error: Any) -> str:
        code, words = error.code(), error.details() or ""
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "--max-message-bytes" in words:
            return "Client(max_message_bytes=…) of at most that gets batches in messages that fit"
        unanswered = code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        return self._way() if unanswered and not error.trailing_metadata() else ""

    def _way(self) -> str:
        if self.proxy:
            return f"the call went through the proxy {self.proxy}; no_proxy lists hosts that go without"
        return f"the target is {self.target}"

    def seconds_of(self, deadline: Optional[float]) -> Optional[float]:
        """Returns the seconds that a call may take: its own, or the client's where it has none of its own."""
        return self.deadline if deadline is UNSET else deadline

    def end_of(self, deadline: Optional[float]) -> Optional[float]:
        """Returns when a call that begins now ends, on time.monotonic()'s clock; None is never."""
        return end_after(self.seconds_of(deadline))

    def pause(self, tries: int, error: errors.LossdError, end: Optional[float]) -> float:
        """Returns how many seconds to wait after that many tries. Raises the error where there is no next one: it is
        not UNAVAILABLE, there were enough, or the call ends before."""
        if error.code is not grpc.StatusCode.UNAVAILABLE or tries > self.retries:
            raise error
        if error.retry_after is not None:
            seconds = error.retry_after * random.uniform(1.0, 1.25)
        else:
            seconds = min(_LONGEST_PAUSE, 0.1 * 2.0 ** (tries - 1)) * random.uniform(0.5, 1.0)
        if end is not None and time.monotonic() + seconds >= end:
            raise error
        return seconds


def end_after(seconds: Optional[float]) -> Optional[float]:
    """Returns when those seconds are over, on time.monotonic()'s clock."""
    return None if seconds is None else time.monotonic() + seconds


def left_until(end: Optional[float]) -> Optional[float]:
    """Returns the seconds until then, as gRPC's timeout."""
    return None if end is None else max(0.001, end - time.monotonic())


_VISIBLE = re.compile("[!-~]*")


def _checked(token: Optional[str]) -> Optional[str]:
    """Returns the token without the line's end that a file mostly has behind it. Errors do not repeat it, as gRPC's
    do."""
    token = token and token.strip()
    if token and not _VISIBLE.fullmatch(token):
        raise _fields.refuse("token", "has a space, a line's end or no ASCII, expected visible characters")
    return token


def path_of(method: str) -> str:
    """Returns the method's path in gRPC: one of LossService, or with its service's name before it, of any."""
    return f"/{method}" if "/" in method else f"/{_contract.SERVICE}/{method}"
