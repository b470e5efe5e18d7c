"""Several photos at a time: all of them, once, and an end when there has to be one."""

from __future__ import annotations

import contextlib
import itertools
import operator
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from photochrom.batch import pool
from photochrom.batch.journal import FOLDER
from photochrom.batch.planning import Job
from photochrom.batch.turn import Turn
from photochrom.batch.worker import Outcome, failure
from photochrom.errors import BadOption, DiskFull


def jobs(count: int, root: Path | None = None) -> list[Job]:
    return [Job(Path(f"{i}.jpg"), (root or Path()) / f"{i}.jpg", root) for i in range(count)]


class Toy:
    """A worker that notes what it is asked for, and does something for it."""

    def __init__(self, do: Callable[[str, Turn], None] = lambda *_: None) -> None:
        self.do = do
        self.begun: list[str] = []
        self.at_once = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, job: Job, journal: object, turn: Turn) -> Outcome:
        photo = str(job.photo)
        with self.lock:
            self.begun.append(photo)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            self.do(photo, turn)
        finally:
            with self.lock:
                self.at_once -= 1
        return Outcome(photo, "done", (), "", 0.0)

    def fail(self, job: Job, journal: object, error: Exception, seconds: float) -> Outcome:
        return failure(str(job.photo), error, seconds)


@pytest.mark.parametrize("at_once", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 8, 32])
def test_each_photo_comes_out_once_and_so_many_are_under_way_at_a_time(at_once, count):
    most = max(1, min(at_once, count))
    together = threading.Barrier(most, timeout=60)  # passed by so many at a time, or by none
    worker, late = Toy(lambda *_: together.wait() and None), itertools.count(0, 10**6)
    outcomes = pool.run(jobs(count), worker, at_once, 0, lambda: next(late))  # 0 is no limit
    told = [outcome.photo for outcome in outcomes if outcome.state == "done"]
    assert sorted(told) == sorted(worker.begun) == sorted(f"{i}.jpg" for i in range(count))
    assert worker.most == min(at_once, count)


def test_no_more_jobs_are_taken_than_can_be_begun():
    waiting = iter(jobs(10**4))
    with contextlib.closing(pool.run(waiting, Toy(), 4)) as outcomes:
        assert len(list(itertools.islice(outcomes, 10))) == 10
    assert len(list(waiting)) >= 10**4 - (10 + 2 * 4)


def test_one_at_a_time_is_told_before_the_next_is_looked_for():
    waiting = iter(jobs(9))
    for i, outcome in enumerate(pool.run(waiting, Toy(), 1)):
        assert outcome.photo == f"{i}.jpg"
        assert operator.length_hint(waiting) == 8 - i


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("error", [DiskFull("the disk is full"), BadOption("no"), OSError("odd")])
def test_an_error_of_the_whole_run_is_raised_when_the_others_have_ended(at_once, error):
    def stop(photo: str, turn: Turn) -> None:
        if photo == "5.jpg":
            raise error

    worker = Toy(stop)
    with pytest.raises(type(error)):
        list(pool.run(jobs(1000), worker, at_once))
    assert len(worker.begun) < 20
    assert worker.at_once == 0  # nobody works on in the background


# --- given up ---------------------------------------------------------------------------------


class Slow:
    """What a worker does that hangs over one photo until it is let go."""

    def __init__(self, photo: str) -> None:
        self.photo = photo
        self.reached, self.let_go, self.ended = (threading.Event() for _ in range(3))
        self.named: list[str] = []

    def __call__(self, photo: str, turn: Turn) -> None:
        if photo == self.photo:
            self.reached.set()
            assert self.let_go.wait(60)
        try:
            turn.claim()
            self.named.append(photo)
        finally:
            if photo == self.photo:
                self.ended.set()


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_photo_that_takes_too_long_has_failed_and_never_gets_its_name(at_once):
    slow = Slow("2.jpg")
    alone = 2 if at_once == 1 else 5  # that are done when nothing but the slow one is under way

    def clock() -> float:
        return 100.0 if slow.reached.is_set() and len(slow.named) >= alone else 0.0

    told = pool.run(jobs(6), Toy(slow), at_once, 5, clock)
    outcomes = {outcome.photo: outcome for outcome in told}
    late = outcomes.pop("2.jpg")
    assert (late.state, late.error) == ("failed", "TimeLimit")
    assert "2.jpg took more than 5 s" in late.words
    assert [outcome.state for outcome in outcomes.values()] == ["done"] * 5
    slow.let_go.set()
    assert slow.ended.wait(60)
    assert "2.jpg" not in slow.named


def test_a_photo_that_is_just_being_named_is_waited_for(monkeypatch):
    monkeypatch.setattr(pool, "_TICK", 0.01)
    naming, clock = threading.Event(), [0.0]

    def name(photo: str, turn: Turn) -> None:
        turn.claim()
        clock[0] += 100
        naming.wait(0.05)  # some looks

    told = list(pool.run(jobs(2), Toy(name), 1, 5, lambda: clock[0]))
    assert [outcome.state for outcome in told] == ["done", "done"]


@pytest.mark.parametrize("at_once", [1, 3])
def test_when_the_caller_stops_nothing_more_gets_its_name(at_once):
    slow = Slow("3.jpg")
    worker = Toy(slow)
    with contextlib.closing(pool.run(jobs(1000), worker, at_once)) as outcomes:
        assert [next(outcomes).state for _ in range(3)] == ["done"] * 3
    slow.let_go.set()
    assert not slow.reached.is_set() or slow.ended.wait(60)
    assert "3.jpg" not in slow.named
    assert len(worker.begun) < 10


def test_an_interrupt_is_passed_on_and_ends_the_turns():
    slow = Slow("1.jpg")

    def interrupted():
        yield from jobs(2)
        assert slow.reached.wait(60)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(pool.run(interrupted(), Toy(slow), 2))
    slow.let_go.set()
    assert slow.ended.wait(60)
    assert "1.jpg" not in slow.named


def test_journals_are_opened_once_and_closed(tmp_path):
    roots, seen = [tmp_path / "a", tmp_path / "b"], []

    def worker(job: Job, journal, turn: Turn) -> Outcome:
        seen.append(journal)
        return Outcome(str(job.photo), "done", (), "", 0.0)

    todo = [job for root in (*roots, None) for job in jobs(3, root)]
    assert len(list(pool.run(todo, worker, 2))) == 9
    assert len(set(map(id, seen))) == 3
    for root in roots:
        assert not list((root / FOLDER).iterdir())  # nothing was noted
