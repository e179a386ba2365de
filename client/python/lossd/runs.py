"""Training runs: what the loss did to each sample of them.

    import lossd.runs

    for step, (x, labels, ids) in enumerate(loader):
        client.compute(model(x), labels, run="shuttle/3", sample_ids=ids, step=step, learning_rate=0.003)

    run = lossd.runs.show("shuttle/3", client=client)
    for sample in lossd.runs.samples("shuttle/3", order="most_forgotten", client=client):
        print(sample.id, sample.forgetting_events)

A batch that names a `run` is recorded before it is answered. runs.proto defines each number, with its paper. All
functions take client=, a lossd.Client; None is this process's to LOSSD_ADDRESS, or to localhost:50051. They raise
lossd.LossdError: NotFound for a run that is not there, FailedPrecondition where the server keeps none.
lossd.async_runs has the same for asyncio.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional

from lossd import errors
from lossd._call.route import UNSET, left_until
from lossd._default import default_client
from lossd._runs import (
    Pages,
    Path,
    Run,
    RunPages,
    RunPoint,
    RunSample,
    SamplePages,
    check_path,
    delete_ask,
    export_ask,
    read_columns,
    read_shown,
    read_watched,
    show_ask,
    watch_ask,
    watch_ended,
    write,
)
from lossd.client import Client
from lossd.results import Array

__all__ = ["Run", "RunPoint", "RunSample", "columns", "delete", "export", "list", "samples", "show", "watch"]


def list(*, client: Optional[Client] = None) -> List[Run]:
    """Returns the runs that this caller sees, by name, without points and findings."""
    return [run for runs in _pages(RunPages(), client) for run in runs]


def show(run: str, *, max_points: Optional[int] = None, client: Optional[Client] = None) -> Run:
    """Returns a run, whose curve has up to max_points points; None is 512, the most."""
    return read_shown((client or default_client())._call(*show_ask(run, max_points), UNSET))


def watch(run: str, *, every: float = 1.0, client: Optional[Client] = None) -> Iterator[Run]:
    """Returns a run as it is, and again whenever it has changed, every so many seconds at most, 0.1 to 3600.

        for run in lossd.runs.watch("shuttle/3"):
            print(run.last_step, run.points[-1].mean_loss)

    Ends with NotFound when the run is deleted. A server that went away is asked again, as often as the client tries
    calls.
    """
    client, ask, tries = client or default_client(), watch_ask(run, every), 0
    while True:
        try:
            for data in client._caller.answers(ask, None):
                tries = 0
                yield read_watched(data)
            error = watch_ended()
        except errors.LossdError as failed:
            error = failed
        tries += 1
        client._caller.pause(client._route.pause(tries, error, None))


def samples(
    run: str,
    *,
    order: Optional[str] = None,
    class_id: Optional[int] = None,
    client: Optional[Client] = None,
) -> Iterator[RunSample]:
    """Returns all samples of a run, page by page as they are taken.

    order: "hardest", the default, "easiest", "most_forgotten", "most_variable", "lowest_margin", "most_turned".
    class_id: of this class alone. While the run goes on samples move: one may be missed or come twice.
    """
    for page in _pages(SamplePages(run, order, class_id), client):
        yield from page


def columns(run: str, *, client: Optional[Client] = None) -> Dict[str, Array]:
    """Returns all samples of a run as arrays by the names of RunSample's fields, each [n], int64 or float64; learned_at
    is 0 for a sample that never was."""
    client, ask, tries = client or default_client(), export_ask(run), 0
    end = client._route.end_of(UNSET)
    while True:
        try:
            return read_columns(client._caller.answers(ask, left_until(end)))
        except errors.LossdError as failed:
            tries += 1
            client._caller.pause(client._route.pause(tries, failed, end))


def export(run: str, path: Path, *, client: Optional[Client] = None) -> None:
    """Writes columns() to the file of that path: NAME.npz, which numpy.load reads, or NAME.csv with a line of names,
    whose numbers have every digit. Raises ValueError for another ending, before anything is asked."""
    check_path(path)
    write(columns(run, client=client), path)


def delete(run: str, *, client: Optional[Client] = None) -> None:
    """Forgets a run, with all of its samples. A batch that names it later begins a new one."""
    (client or default_client())._call(*delete_ask(run), UNSET)


def _pages(pages: Pages, client: Optional[Client]) -> Iterator[List[Any]]:
    """Returns a list's entries, page by page."""
    client = client or default_client()
    while pages.ask is not None:
        yield pages.read(client._call(*pages.ask, UNSET))
