"""Several photos at a time: all of them, once, and an end when there has to be one."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from photochrom import pool
from photochrom.batch import Job
from photochrom.errors import CannotWrite, DiskFull
from photochrom.ledger import FOLDER
from photochrom.work import Outcome


def jobs(count: int, root: Path | None = None) -> list[Job]:
    return [Job(Path(f"{i}.jpg"), (root or Path()) / f"{i}.jpg", root) for i in range(count)]


class Toy:
    """A worker that takes its time, and notes what it is asked for."""

    def __init__(self, seconds: float = 0.0, error: dict[str, Exception] | None = None) -> None:
        self.seconds, self.error = seconds, error or {}
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.at_once = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, job: Job, ledger: object) -> Outcome:
        with self.lock:
            self.begun.append(str(job.photo))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
        if str(job.photo) in self.error:
            raise self.error[str(job.photo)]
        self.ended.append(str(job.photo))
        return Outcome(str(job.photo), "done", (), "", 0.0)


@pytest.mark.parametrize("at_once", [1, 2, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_each_photo_comes_out_once(at_once, count):
    worker = Toy(0.001)
    told = [outcome.photo for outcome in pool.run(jobs(count), worker, at_once)]
    assert sorted(told) == sorted(worker.begun) == sorted(f"{i}.jpg" for i in range(count))
    assert worker.most <= at_once


def test_so_many_are_under_way_and_no_more():
    worker = Toy(0.02)
    assert len(list(pool.run(jobs(12), worker, 3))) == 3 * 4
    assert worker.most == 3


def test_no_more_jobs_are_taken_than_can_be_begun():
    taken = []

    def endless():
        for job in jobs(10**4):
            taken.append(job)
            yield job

    outcomes = pool.run(endless(), Toy(), 4)
    for _ in range(10):
        next(outcomes)
    outcomes.close()
    assert len(taken) <= 10 + 2 * 4


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_full_disk_ends_it(at_once):
    worker = Toy(0.005, {"5.jpg": DiskFull("the disk is full")})
    with pytest.raises(DiskFull):
        list(pool.run(jobs(1000), worker, at_once))
    assert len(worker.begun) < 20
    assert worker.at_once == 0  # nobody works on in the background


@pytest.mark.parametrize("at_once", [1, 3])
def test_when_the_caller_stops_so_does_the_work(at_once):
    worker = Toy(0.01)
    outcomes = pool.run(jobs(1000), worker, at_once)
    next(outcomes)
    outcomes.close()
    assert len(worker.begun) == len(worker.ended) < 10
    assert worker.at_once == 0


def test_ledgers_are_opened_once_and_closed(tmp_path):
    roots = [tmp_path / "a", tmp_path / "b"]
    seen = []

    def worker(job: Job, ledger) -> Outcome:
        seen.append(ledger)
        return Outcome(str(job.photo), "done", (), "", 0.0)

    todo = [job for root in roots for job in jobs(3, root)] + jobs(1)
    assert len(list(pool.run(todo, worker, 2))) == 7
    assert len(set(map(id, seen))) == 3
    for root in roots:
        assert not list((root / FOLDER).iterdir())  # nothing was noted


def test_a_folder_that_takes_no_results_is_said(tmp_path):
    (tmp_path / "out").write_text("a file")
    for at_once in (1, 2):
        with pytest.raises(CannotWrite, match="out cannot be written"):
            list(pool.run(jobs(3, tmp_path / "out"), Toy(), at_once))


def test_cores_are_those_of_this_process():
    assert 1 <= pool.cores() <= (os.cpu_count() or 1)
