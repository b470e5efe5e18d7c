"""Photos that arrive in folders."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from photochrom.batch.planning import Job
from photochrom.errors import BadData


def arrivals(find_jobs: Callable[[], list[Job]]) -> Iterator[Job]:
    """Photos that lie still: each as soon as it was the same in two looks, and again if it changes.

    Never ends.
    """
    last: dict[Path, tuple[int, int]] = {}
    taken: dict[Path, tuple[int, int]] = {}
    while True:
        try:
            jobs = find_jobs()
        except BadData:  # nothing yet
            jobs = []
        looks = {}
        for job in jobs:
            try:
                known = job.photo.stat()
            except OSError:
                continue  # gone, or not to be searched: perhaps next time
            look = looks[job.photo] = known.st_size, known.st_mtime_ns
            if last.get(job.photo) == look and taken.get(job.photo) != look:
                taken[job.photo] = look
                yield job
        last = looks
        time.sleep(1)
