"""Many photos at a time on one machine: while one is decoded another goes through the network.

Each thread takes a photo from its file to its result; the heavy steps of all of them let go of
Python's lock. That keeps every core at work without stages and queues between them: no more photos
are held in memory than there are threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from photochrom.batch import Job
from photochrom.ledger import Ledger
from photochrom.work import Outcome, Worker


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


class Ledgers:
    """The ledger of each folder of results, opened when first asked for."""

    def __init__(self) -> None:
        self._open: dict[Path | None, Ledger] = {}

    def __getitem__(self, root: Path | None) -> Ledger:
        if root not in self._open:
            self._open[root] = Ledger(root)
        return self._open[root]

    def close(self) -> None:
        """Close them all."""
        for ledger in self._open.values():
            ledger.close()


def run(jobs: Iterable[Job], worker: Worker, at_once: int) -> Iterator[Outcome]:
    """What comes of each photo, as it comes.

    When the caller stops, so does the work: photos that are under way are finished first.

    Args:
        jobs: the photos.
        worker: what colours them.
        at_once: how many are under way at a time.

    Raises:
        CannotWrite: a folder does not take results. BadOption, DiskFull: as the worker does.
    """
    ledgers = Ledgers()
    try:
        if at_once == 1:  # here, where Ctrl-C stops it at once
            yield from (worker(job, ledgers[job.root]) for job in jobs)
            return
        with ThreadPoolExecutor(at_once) as pool:
            under_way: set[Future[Outcome]] = set()
            try:
                for job in jobs:
                    under_way.add(pool.submit(worker, job, ledgers[job.root]))
                    if len(under_way) > at_once:  # one waits, so that no thread has to
                        done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                        yield from (future.result() for future in done)
                while under_way:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            finally:
                for future in under_way:
                    future.cancel()
    finally:
        ledgers.close()
