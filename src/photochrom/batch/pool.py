"""Many photos at a time on one machine: while one is decoded another goes through the network.

Each thread takes a photo from its file to its result; the heavy steps of all of them let go of
Python's lock. That keeps every core at work without stages and queues between them: no more photos
are held in memory than there are threads.

A thread cannot be stopped. One that takes too long for its photo, or is at work when the user has
had enough, is left to itself: the photo's turn is over, so that what it makes never gets its name.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import cv2

from photochrom.batch.journal import Journal
from photochrom.batch.planning import Job
from photochrom.batch.worker import Outcome, Turn, Worker
from photochrom.errors import TimeLimit

T = TypeVar("T")
R = TypeVar("R")

NAME = "photochrom"
"""Of the threads."""
_TICK = 0.2
"""Seconds between looks at who takes too long."""
_GRACE = 0.3
"""Seconds in which those that are interrupted may clear away what they have begun."""


def share_cores(at_once: int) -> int:
    """Let OpenCV take for each of so many photos its share of the cores; answers how many.

    OpenCV has one number for a process, so that this is for programs, which own theirs.
    """
    share = max(1, cores() // at_once)
    cv2.setNumThreads(share)
    return share


def cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


class Journals:
    """The journal of each folder of results, opened when first asked for; threads may share it."""

    def __init__(self) -> None:
        self._open: dict[Path | None, Journal] = {}
        self._lock = threading.Lock()

    def __getitem__(self, root: Path | None) -> Journal:
        with self._lock:
            if root not in self._open:
                self._open[root] = Journal(root)
            return self._open[root]

    def close(self) -> None:
        """Close them all."""
        for journal in self._open.values():
            journal.close()


def run(
    jobs: Iterable[Job],
    worker: Worker,
    at_once: int,
    seconds: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Outcome]:
    """What comes of each photo, as it comes.

    When the caller stops, so does the work: no result of what is under way gets its name after
    that.

    Args:
        jobs: the photos.
        worker: what colours them.
        at_once: how many are under way at a time.
        seconds: that each may take, else it has failed; 0 for any number.
        clock: what tells them.

    Raises:
        CannotWrite: a folder does not take results. BadOption, DiskFull: as the worker does.
    """
    journals = Journals()

    def do(job: Job, turn: Turn) -> Outcome:
        return worker(job, journals[job.root], turn)

    try:
        with contextlib.closing(each(jobs, do, at_once, seconds, clock)) as told:
            for job, outcome in told:
                if outcome is None:
                    late = overrun(job.photo, seconds)
                    outcome = worker.fail(job, journals[job.root], late, seconds)
                yield outcome
    finally:
        journals.close()


def overrun(photo: Path | str, seconds: float) -> TimeLimit:
    """The sentence for a photo that took too long."""
    return TimeLimit(
        f"{photo} took more than {seconds:g} s, so it was given up: give it longer (--timeout), "
        "or make it smaller first."
    )


class _Place(Generic[T]):
    """A piece of work that waits or is under way."""

    began: float | None = None
    thread: threading.Thread

    def __init__(self, job: T) -> None:
        self.job, self.turn = job, Turn()

    def overran(self, now: float, seconds: float) -> bool:
        """Whether it has taken too long, and is given up for that."""
        if not seconds or self.began is None or now - self.began <= seconds:
            return False
        return self.turn.give_up()


def each(
    jobs: Iterable[T],
    do: Callable[[T, Turn], R],
    at_once: int,
    seconds: float = 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[tuple[T, R | None]]:
    """What comes of each job in threads of our own, as it comes; None where that took too long.

    The arguments are those of :func:`run`. What ``do`` raises is raised here, when the others that
    are under way have come to an end.
    """
    inbox: SimpleQueue[_Place[T] | None] = SimpleQueue()
    outbox: SimpleQueue[tuple[_Place[T], R | BaseException]] = SimpleQueue()

    def work() -> None:
        while (place := inbox.get()) is not None:
            if place.turn.over:
                continue
            place.thread, place.began = threading.current_thread(), clock()
            try:
                outbox.put((place, do(place.job, place.turn)))
            except BaseException as error:  # it is raised where somebody listens
                outbox.put((place, error))
            if place.turn.over:  # another thread has taken this one's place
                return

    def begin() -> threading.Thread:
        thread = threading.Thread(target=work, name=NAME, daemon=True)
        thread.start()
        return thread

    under_way: set[_Place[T]] = set()

    def settle() -> Iterator[tuple[T, R | None]]:
        """What has come within a moment, and what is given up."""
        try:
            place, result = outbox.get(timeout=_TICK)
        except Empty:
            pass
        else:
            if place in under_way:
                under_way.remove(place)
                if isinstance(result, BaseException):
                    raise result
                yield place.job, result
        for place in [place for place in under_way if place.overran(clock(), seconds)]:
            under_way.remove(place)
            threads.remove(place.thread)
            threads.append(begin())
            yield place.job, None

    threads = [begin() for _ in range(at_once)]
    most = at_once if at_once == 1 else at_once + 1  # one waits, so that no thread has to
    patience: float | None = None
    try:
        for job in jobs:
            place = _Place(job)
            under_way.add(place)
            inbox.put(place)
            while len(under_way) >= most:
                yield from settle()
        while under_way:
            yield from settle()
    except (KeyboardInterrupt, GeneratorExit):
        patience = _GRACE
        raise
    finally:
        _dismiss(under_way, inbox, threads, patience or seconds or None)


def _dismiss(
    under_way: Iterable[_Place[T]],
    inbox: SimpleQueue[_Place[T] | None],
    threads: list[threading.Thread],
    patience: float | None,
) -> None:
    """Let all threads go, and wait for them so many seconds."""
    for place in under_way:
        place.turn.give_up()
    for _ in threads:
        inbox.put(None)
    limit = None if patience is None else time.monotonic() + patience
    for thread in threads:
        thread.join(None if limit is None else max(0.0, limit - time.monotonic()))
