"""Runs and their samples as dataclasses, and the calls of RunService as bytes, for whoever makes them."""

from __future__ import annotations

import csv
import dataclasses
import datetime
import os
import pathlib
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple, Union

import numpy

from lossd import _contract, _request, errors
from lossd._call.steps import Ask
from lossd.results import Array, array_of, column, value_of

PAGE = 1000  # samples, and lines of a file


@dataclasses.dataclass(frozen=True)
class RunSample:
    """One sample over all of its presentations: RunSample of runs.proto. learned_at is None for one that never was."""

    id: int
    label: int
    presentations: int
    mean_true_probability: float
    true_probability_deviation: float
    mean_loss: float
    mean_margin: float
    correctness: float
    forgetting_events: int
    learned_at: Optional[int]
    turned_easy: int
    turned_hard: int
    last_true_probability: float
    last_step: int
    class_id: int


@dataclasses.dataclass(frozen=True)
class RunPoint:
    """Some steps of a run's curve: RunPoint of runs.proto. The columns by class have an entry for each of `class_ids`;
    learning_rate is None where none was said."""

    first_step: int
    last_step: int
    epoch: int
    presentations: int
    mean_loss: float
    hard_count: int
    turned_easy: int
    turned_hard: int
    forgotten: int
    learning_rate: Optional[float]
    class_ids: Array
    class_loss_share: Array
    class_gradient_share: Array
    class_hard_count: Array


@dataclasses.dataclass(frozen=True)
class Run:
    """A training run: Run of runs.proto.

    points: its curve, by step; empty in a list. map: its samples counted by confidence and variability, [20, 20];
    row i is p_t's mean in [i/20, (i + 1)/20), column j its deviation in [j/40, (j + 1)/40). forgetting_histogram: the
    samples that were learned, by their forgetting events: 0, 1, …, 9, 10 or more. findings: sentences that the numbers
    support.
    """

    name: str
    create_time: datetime.datetime
    update_time: datetime.datetime
    first_step: int
    last_step: int
    sample_count: int
    presentation_count: int
    hard_threshold: float
    points: Tuple[RunPoint, ...]
    map: Array
    forgetting_histogram: Array
    findings: Tuple[str, ...]
    non_finite_count: int
    never_learned_count: int


_TYPES = {field.name: "float64" if field.type == "float" else "int64" for field in dataclasses.fields(RunSample)}


def _ask(method: str, kind: Any, fields: Mapping[str, Any]) -> Ask:
    payload = _request.serialize(*_request.make(kind, fields, ()))
    return Ask(f"{_contract.RUN_SERVICE}/{method}", payload)


class Pages:
    """A list under way: `ask` is the call for the next page, None behind the last."""

    method: str
    request: Any
    response: Any

    def __init__(self, **fields: Any) -> None:
        self._fields = fields
        self.ask: Optional[Ask] = _ask(self.method, self.request, fields)

    def read(self, data: bytes) -> List[Any]:
        """Returns the entries of the page that `ask` brought."""
        message = self.response.FromString(data)
        token = message.next_page_token
        self.ask = _ask(self.method, self.request, {**self._fields, "page_token": token}) if token else None
        return self.entries(message)

    def entries(self, message: Any) -> List[Any]:
        """Returns what is on a page."""
        raise NotImplementedError


class RunPages(Pages):
    """The runs."""

    method, request, response = "ListRuns", _contract.ListRunsRequest, _contract.ListRunsResponse

    def entries(self, message: Any) -> List[Run]:
        return [_read_run(each) for each in message.runs]


class SamplePages(Pages):
    """The samples of a run."""

    method, request = "ListRunSamples", _contract.ListRunSamplesRequest
    response = _contract.ListRunSamplesResponse

    def __init__(self, run: str, order: Optional[str], class_id: Optional[int]) -> None:
        super().__init__(run=run, order_by=order, class_id=class_id, page_size=PAGE)

    def entries(self, message: Any) -> List[RunSample]:
        return [_read_sample(each) for each in message.samples]


def show_ask(run: str, max_points: Optional[int]) -> Ask:
    """Returns the call of GetRun."""
    return _ask("GetRun", _contract.GetRunRequest, {"run": run, "max_points": max_points})


def read_shown(data: bytes) -> Run:
    """Returns the run of a GetRunResponse."""
    return _read_run(_contract.GetRunResponse.FromString(data).run)


def watch_ask(run: str, every: float) -> Ask:
    """Returns the call of WatchRun."""
    interval = {"seconds": int(every), "nanos": round(every % 1 * 1e9)}
    return _ask("WatchRun", _contract.WatchRunRequest, {"run": run, "min_interval": interval})


def read_watched(data: bytes) -> Run:
    """Returns the run of a WatchRunResponse."""
    return _read_run(_contract.WatchRunResponse.FromString(data).run)


def watch_ended() -> errors.LossdError:
    """Returns the error of a watch that the server ended without one."""
    return errors.Unavailable("the server ended the watch")


def delete_ask(run: str) -> Ask:
    """Returns the call of DeleteRun."""
    return _ask("DeleteRun", _contract.DeleteRunRequest, {"run": run})


def export_ask(run: str) -> Ask:
    """Returns the call of ExportRunSamples."""
    return _ask("ExportRunSamples", _contract.ExportRunSamplesRequest, {"run": run})


def read_columns(answers: Iterable[bytes]) -> Dict[str, Array]:
    """Returns the columns of all ExportRunSamplesResponses."""
    found = [_contract.ExportRunSamplesResponse.FromString(data) for data in answers]
    empty = {"float64": numpy.zeros(0), "int64": numpy.zeros(0, numpy.int64)}
    return {name: numpy.concatenate([array_of(getattr(each, name)) for each in found] or [empty[kind]])
            for name, kind in _TYPES.items()}  # fmt: skip


Path = Union[str, "os.PathLike[str]"]


def check_path(path: Path) -> None:
    """Raises ValueError for a name of a file that is none to export to."""
    if pathlib.Path(path).suffix.lower() not in (".npz", ".csv"):
        raise ValueError(f"path = {str(path)!r}, expected a name that ends in .npz or .csv")


def write(columns: Any, path: Path) -> None:
    """Writes columns to a file, as its name says."""
    if pathlib.Path(path).suffix.lower() == ".npz":
        with open(path, "wb") as file:
            numpy.savez(file, **columns)
        return
    with open(path, "w", encoding="ascii", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        for first in range(0, len(columns["id"]), PAGE):
            writer.writerows(zip(*(values[first : first + PAGE].tolist() for values in columns.values())))


def _time(message: Any) -> datetime.datetime:
    seconds = datetime.timedelta(seconds=message.seconds, microseconds=message.nanos // 1000)
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + seconds


def _read_sample(message: Any) -> RunSample:
    names = [field.name for field in dataclasses.fields(RunSample)]
    values = {name: getattr(message, name) for name in names}
    return RunSample(**{**values, "learned_at": value_of(message, "learned_at")})


def _read_point(message: Any) -> RunPoint:
    values = {}
    for field in dataclasses.fields(RunPoint):
        is_column = field.type == "Array"
        values[field.name] = column(message, field.name) if is_column else getattr(message, field.name)
    return RunPoint(**{**values, "learning_rate": value_of(message, "learning_rate")})


def _read_run(message: Any) -> Run:
    return Run(
        message.name, _time(message.create_time), _time(message.update_time), message.first_step, message.last_step,
        message.sample_count, message.presentation_count, message.hard_threshold,
        tuple(map(_read_point, message.points)), column(message.map, "counts").reshape(-1, 20),
        column(message, "forgetting_histogram"), tuple(message.findings), message.non_finite_count,
        message.never_learned_count,
    )  # fmt: skip
