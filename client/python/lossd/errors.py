"""What can go wrong, one class for each kind.

    try:
        result = client.compute(logits, labels)
    except lossd.InvalidArgument as error:
        for violation in error.violations:
            print(violation.field, violation.description)   # labels[17] = 12 is not in [0, 10)
    except lossd.Unavailable as error:
        time.sleep(error.retry_after or 1)

| class | when | again? |
|---|---|---|
| InvalidArgument | a name, shape, type, label, weight or parameter is wrong; it is a ValueError | no |
| Unimplemented | the server does not have that option or loss, or expects no such call | no |
| ResourceExhausted | a message or a computation is over a limit, which is named | no |
| Unavailable | no server answers, or it has too much to do | yes; `retries` did already |
| DeadlineExceeded | the deadline passed; it is a TimeoutError | as you like |
| Unauthenticated, PermissionDenied | the token is missing or wrong, or may not do that | no |
| NotFound, FailedPrecondition, AlreadyExists, Aborted, OutOfRange | as gRPC has them | no |
| Cancelled, Internal, Unknown, DataLoss | the call was cancelled; a fault of the server or on the way | no |
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Optional, Sequence, Tuple, Type

import grpc

from lossd import _contract


@dataclasses.dataclass(frozen=True)
class Violation:
    """One fault in a request: the field's path, `labels[17]`, and what is wrong, `= 12 is not in [0, 10)`."""

    field: str
    description: str


class LossdError(Exception):
    """A call that failed.

    code: the grpc.StatusCode. message: what is wrong, in words. reason: the server's, in UPPER_SNAKE_CASE, or ""
    where the error is not the server's. violations: the faults in the request, which may be none. retry_after:
    seconds until it is worth trying again, None where the server did not say. batch: in a stream, the number of
    the batch, from 0.
    """

    code = grpc.StatusCode.UNKNOWN

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[Violation] = (),
        retry_after: Optional[float] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.violations: Tuple[Violation, ...] = tuple(violations)
        self.retry_after = retry_after
        self.batch: Optional[int] = None


class InvalidArgument(LossdError, ValueError):
    """The request is wrong, and `violations` say where."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class Unimplemented(LossdError, NotImplementedError):
    """The server does not have what was asked for."""

    code = grpc.StatusCode.UNIMPLEMENTED


class ResourceExhausted(LossdError):
    """A message or a computation is over a limit."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class Unavailable(LossdError, ConnectionError):
    """No server answers, or it has too much to do; `retry_after` says when to try again, if it is known."""

    code = grpc.StatusCode.UNAVAILABLE


class DeadlineExceeded(LossdError, TimeoutError):
    """The deadline passed before the answer came."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Unauthenticated(LossdError):
    """The server wants a token, and got none or a wrong one."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDenied(LossdError):
    """The token does not allow this call."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Cancelled(LossdError):
    """The call was cancelled."""

    code = grpc.StatusCode.CANCELLED


class NotFound(LossdError):
    """There is no such thing."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(LossdError):
    """There is such a thing already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPrecondition(LossdError):
    """The server's state does not allow this call."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(LossdError):
    """The call was given up."""

    code = grpc.StatusCode.ABORTED


class OutOfRange(LossdError):
    """The call went past an end."""

    code = grpc.StatusCode.OUT_OF_RANGE


class Internal(LossdError):
    """A fault of the server, or of the answer that came."""

    code = grpc.StatusCode.INTERNAL


class DataLoss(LossdError):
    """Data was lost."""

    code = grpc.StatusCode.DATA_LOSS


class Unknown(LossdError):
    """An error without a code of its own."""

    code = grpc.StatusCode.UNKNOWN


_CLASSES = {
    kind.code: kind
    for kind in (
        InvalidArgument, Unimplemented, ResourceExhausted, Unavailable, DeadlineExceeded, Unauthenticated,
        PermissionDenied, Cancelled, NotFound, AlreadyExists, FailedPrecondition, Aborted, OutOfRange, Internal,
        DataLoss, Unknown,
    )
}  # fmt: skip
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS_KEY = "grpc-status-details-bin"


def class_of(code: Any) -> Type[LossdError]:
    """Returns the class of errors with this grpc.StatusCode."""
    return _CLASSES.get(code, Unknown)


_UNKNOWN_FIELD = re.compile(r"([\w.\[\]]+) has the unknown field (\d+)")


def _named(found: "re.Match[str]") -> str:
    """Returns what a server says of a field that is newer than it, with the name that it cannot know."""
    name = _contract.name_at(found[1], int(found[2]))
    return f"{found[1]}.{name} is not implemented by this server, which is older" if name else found[0]


def from_status(status: Any) -> LossdError:
    """Returns the error that a google.rpc.Status tells, of this package's class or one with the same fields."""
    reason, violations, retry_after = "", [], None
    for detail in status.details:
        kind = detail.type_url.rpartition("/")[2]
        if kind == "google.rpc.ErrorInfo":
            reason = _contract.ErrorInfo.FromString(detail.value).reason
        elif kind == "google.rpc.BadRequest":
            for violation in _contract.BadRequest.FromString(detail.value).field_violations:
                violations.append(Violation(violation.field, violation.description))
        elif kind == "google.rpc.RetryInfo":
            delay = _contract.RetryInfo.FromString(detail.value).retry_delay
            retry_after = delay.seconds + delay.nanos * 1e-9
    kind = class_of(_CODES.get(status.code, grpc.StatusCode.UNKNOWN))
    words = _UNKNOWN_FIELD.sub(_named, status.message) if kind is Unimplemented else status.message
    return kind(words, reason=reason, violations=violations, retry_after=retry_after)


def from_rpc_error(error: Any, advice: str = "") -> LossdError:
    """Returns the error that a failed gRPC call tells, with advice behind its words."""
    words = error.details() or f"the call failed with {error.code().name}"
    message = f"{words}; {advice}" if advice else words
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            status = _contract.Status.FromString(value)
            status.message = message
            return from_status(status)
    return class_of(error.code())(message)
