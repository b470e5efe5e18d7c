"""Many photos at a time on one machine: while one is decoded another goes through the network.

Each thread takes a photo from its file to its result; the heavy steps of all of them let go of
Python's lock. That keeps every core at work without stages and queues between them: no more photos
are held in memory than there are threads.

A thread cannot be stopped. One that takes too long for its photo, or is at work when the user has
had enough, is left to itself: the photo's turn is over, so that what it makes never gets its name.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

import cv2

from photochrom.batch.journal import Journal
from photochrom.batch.planning import Job
from photochrom.batch.turn import Turn
from photochrom.batch.worker import Outcome, Worker
from photochrom.errors import TimeLimit
from photochrom.parallel import LEFT, share_heaps, share_of_cores

T = TypeVar("T")
R = TypeVar("R")

_TICK = 0.2
"""Seconds between looks at who takes too long."""
_GRACE = 0.3
"""Seconds in which those that are interrupted may clear away what they have begun."""


def share_cores(at_once: int) -> int:
    """Let OpenCV take for each of so many photos its share of the cores; answers how many.

    OpenCV has one number for a process, so that this is for programs, which own theirs. Threads
    share heaps, too.
    """
    share_heaps()
    share = share_of_cores(at_once)
    cv2.setNumThreads(share)
    return share


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
        with contextlib.closing(map_unordered(jobs, do, at_once, seconds, clock)) as outcomes:
            for job, outcome in outcomes:
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


def map_unordered(
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
    threads = _Threads(do, at_once, seconds, clock)
    most = at_once if at_once == 1 else at_once + 1  # one waits, so that no thread has to
    patience = seconds
    try:
        for job in jobs:
            threads.begin(job)
            while len(threads.under_way) >= most:
                yield from threads.settle()
        while threads.under_way:
            yield from threads.settle()
    except (KeyboardInterrupt, GeneratorExit):
        patience = _GRACE
        raise
    finally:
        threads.dismiss(patience)


class _Task(Generic[T]):
    """A job that waits or is under way."""

    began: float | None = None
    thread: threading.Thread

    def __init__(self, job: T) -> None:
        self.job, self.turn = job, Turn()


class _Threads(Generic[T, R]):
    """Threads that do jobs; one whose job takes too long is left to itself, and replaced."""

    def __init__(
        self,
        do: Callable[[T, Turn], R],
        at_once: int,
        seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._do, self._seconds, self._clock = do, seconds, clock
        self._inbox: SimpleQueue[_Task[T] | None] = SimpleQueue()
        self._outbox: SimpleQueue[tuple[_Task[T], R | BaseException]] = SimpleQueue()
        self.under_way: set[_Task[T]] = set()
        self._threads = [self._start() for _ in range(at_once)]

    def _start(self) -> threading.Thread:
        thread = threading.Thread(target=self._work, name=LEFT, daemon=True)
        thread.start()
        return thread

    def _work(self) -> None:
        while (task := self._inbox.get()) is not None:
            if task.turn.over:
                continue
            task.thread, task.began = threading.current_thread(), self._clock()
            try:
                self._outbox.put((task, self._do(task.job, task.turn)))
            except BaseException as error:  # it is raised where somebody listens
                self._outbox.put((task, error))
            if task.turn.over:  # another thread has taken this one's place
                return

    def begin(self, job: T) -> None:
        """Have a job done."""
        task = _Task(job)
        self.under_way.add(task)
        self._inbox.put(task)

    def settle(self) -> Iterator[tuple[T, R | None]]:
        """What has come within a moment, and what is given up."""
        try:
            task, result = self._outbox.get(timeout=_TICK)
        except Empty:
            pass
        else:
            if task in self.under_way:
                self.under_way.remove(task)
                if isinstance(result, BaseException):
                    raise result
                yield task.job, result
        for task in list(filter(self._give_up, self.under_way)):
            self.under_way.remove(task)
            self._threads.remove(task.thread)
            self._threads.append(self._start())
            yield task.job, None

    def _give_up(self, task: _Task[T]) -> bool:
        """Whether it has taken too long, and is given up for that."""
        if not self._seconds or task.began is None or self._clock() - task.began <= self._seconds:
            return False
        return task.turn.give_up()

    def dismiss(self, patience: float) -> None:
        """Let all threads go, and wait for them so many seconds; for 0, as long as they take."""
        for task in self.under_way:
            task.turn.give_up()
        for _ in self._threads:
            self._inbox.put(None)
        limit = time.monotonic() + patience if patience else None
        for thread in self._threads:
            thread.join(None if limit is None else max(0.0, limit - time.monotonic()))
