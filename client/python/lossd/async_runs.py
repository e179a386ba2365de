"""Training runs for asyncio: the calls of lossd.runs, awaited.

    import lossd.async_runs

    run = await lossd.async_runs.show("shuttle/3", client=client)
    async for sample in lossd.async_runs.samples("shuttle/3", order="most_forgotten", client=client):
        print(sample.id, sample.forgetting_events)

All functions take client=, a lossd.AsyncClient.
"""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Dict, List, Optional

from lossd import errors
from lossd._call.route import UNSET, left_until
from lossd._runs import (
    Pages,
    Path,
    Run,
    RunPages,
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
from lossd.aio import AsyncClient
from lossd.results import Array

__all__ = ["columns", "delete", "export", "list", "samples", "show", "watch"]


async def list(*, client: AsyncClient) -> List[Run]:
    """Returns the runs, as lossd.runs.list."""
    return [run async for runs in _pages(RunPages(), client) for run in runs]


async def show(run: str, *, max_points: Optional[int] = None, client: AsyncClient) -> Run:
    """Returns a run, as lossd.runs.show."""
    return read_shown(await client._call(*show_ask(run, max_points), UNSET))


async def watch(run: str, *, every: float = 1.0, client: AsyncClient) -> AsyncIterator[Run]:
    """Returns a run as it is, and again whenever it has changed, as lossd.runs.watch."""
    ask, tries = watch_ask(run, every), 0
    while True:
        try:
            async for data in client._answers(ask, None):
                tries = 0
                yield read_watched(data)
            error = watch_ended()
        except errors.LossdError as failed:
            error = failed
        tries += 1
        await asyncio.sleep(client._route.pause(tries, error, None))


async def samples(
    run: str,
    *,
    order: Optional[str] = None,
    class_id: Optional[int] = None,
    client: AsyncClient,
) -> AsyncIterator[RunSample]:
    """Returns all samples of a run, page by page as they are taken, as lossd.runs.samples."""
    async for page in _pages(SamplePages(run, order, class_id), client):
        for sample in page:
            yield sample


async def columns(run: str, *, client: AsyncClient) -> Dict[str, Array]:
    """Returns all samples of a run as arrays, as lossd.runs.columns."""
    ask, tries, end = export_ask(run), 0, client._route.end_of(UNSET)
    while True:
        try:
            return read_columns([data async for data in client._answers(ask, left_until(end))])
        except errors.LossdError as failed:
            tries += 1
            await asyncio.sleep(client._route.pause(tries, failed, end))


async def export(run: str, path: Path, *, client: AsyncClient) -> None:
    """Writes columns() to a file, as lossd.runs.export. Holds the loop while it writes."""
    check_path(path)
    write(await columns(run, client=client), path)


async def delete(run: str, *, client: AsyncClient) -> None:
    """Forgets a run, as lossd.runs.delete."""
    await client._call(*delete_ask(run), UNSET)


async def _pages(pages: Pages, client: AsyncClient) -> AsyncIterator[List[Any]]:
    """Returns a list's entries, page by page."""
    while pages.ask is not None:
        yield pages.read(await client._call(*pages.ask, UNSET))
