"""Many photos on many machines, by Ray Data; photos and results may be URLs that fsspec knows.

Every machine needs photochrom, and the same view of what is given as a path. A photo whose machine
dies is coloured again by another; its result is written whole or not at all and has one name, so
it comes out once. What is done is known to the journal of the folder of results, or where that is a
URL to a small file for each photo in ``.photochrom/`` below it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import posixpath
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ray

from photochrom.batch import planning, pool
from photochrom.batch.journal import FOLDER, Journal
from photochrom.batch.options import BatchOptions
from photochrom.batch.planning import Job
from photochrom.batch.pool import Journals
from photochrom.batch.turn import GivenUp, Turn
from photochrom.batch.worker import Outcome, Worker, failure
from photochrom.errors import BadData, BadOption, BadPhoto, CannotWrite, PhotochromError
from photochrom.image.writer import writable_target
from photochrom.parallel import cores
from photochrom.storage.remote import connect, places_below
from photochrom.storage.search import photos_among

BLOCKS = 4096
"""Parts at most that the photos are handed out in: what a dying machine loses is one of them."""


class Task(NamedTuple):
    """A photo to colour, anywhere."""

    photo: str
    target: str
    root: str | None
    trouble: str = ""

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched, or its result sent."""
        return "://" in self.photo or "://" in self.target


def listing(
    photos: Sequence[str],
    out: str | None,
    exclude: Sequence[str] = (),
    others: Counter[str] | None = None,
) -> list[Task]:
    """What there is to do; as :func:`photochrom.batch.planning.jobs`, with URLs too.

    Raises:
        BadOption, BadData: as there; or a URL cannot be looked at.
    """
    there = [photo for photo in photos if "://" in photo]
    here = [Path(photo) for photo in photos if "://" not in photo]
    if there and out is None:
        raise BadOption("Photos from a URL need a place for the results: name one with -o.")
    far = out is not None and "://" in out
    base = Path("/") if far else None if out is None else Path(out)
    tasks = []
    for job in planning.jobs(here, base, exclude, others) if here else []:
        if far and not job.trouble:
            task = Task(_whole(job.photo), _below(out or "", job.target.relative_to("/")), out)
        else:
            task = Task(_whole(job.photo), _whole(job.target), _root(job.root), job.trouble)
        tasks.append(task)
    root = out if far else _root(out)
    for url in there:
        tasks += [
            Task(photo, _below(root or "", writable_target(Path(name))), root)
            for photo, name in _at(url, root or "", exclude)
        ]
    return planning.set_apart(list(dict.fromkeys(tasks)))


def run(
    tasks: Sequence[Task], options: BatchOptions, address: str, workers: int | None = None
) -> Iterator[Outcome]:
    """What comes of each photo, as it comes.

    Args:
        tasks: the photos.
        options: what to do with every one.
        address: of the cluster, as ``ray.init`` takes it; "local" for one on this machine.
        workers: at most so many; by default as many as there are cores.

    Raises:
        BadOption: there is no cluster at the address, or the options cannot be used.
        PhotochromError: the cluster gives up.
    """
    beside = {
        "--samples": options.samples is not None,
        "--uncertainty-map": options.uncertainty_map,
        "--sidecar": options.sidecar,
    }
    for flag in (flag for flag, asked in beside.items() if asked):
        if any(task.remote for task in tasks):
            raise BadOption(f"{flag} does not work with URLs: give paths, for photos and results.")
    Worker(options)  # so that what is wrong with them is said here and once
    options = options.absolute()  # another process may stand in another folder
    _connect(address)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    on_all = int(ray.cluster_resources().get("CPU", 1))  # type: ignore[no-untyped-call]
    most = max(1, min(workers or on_all, len(tasks)))
    blocks = min(len(tasks), BLOCKS)
    rows = ray.data.from_items([task._asdict() for task in tasks], override_num_blocks=blocks)
    answers = rows.map(
        _ColorizeActor,  # type: ignore[arg-type]  # a class whose instances are called
        fn_constructor_args=(options,),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most),
        num_cpus=1,
        num_gpus=1 if options.device == "cuda" else None,
    )
    try:
        for row in answers.iter_rows():
            if row["refused"]:  # as it would be for each
                raise BadOption(row["words"])
            known = {name: row[name] for name in Outcome._fields}
            yield Outcome(**known | {"results": tuple(row["results"])})
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise PhotochromError(
            f"The Ray cluster gave up ({reason}): see to that, then go on by the same command."
        ) from error


def _connect(address: str) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a photo tool does not report home
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        if port.isdigit():  # asked here, as Ray waits for minutes and then ends the process
            socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
        ray.init(
            address, ignore_reinit_error=True, log_to_driver=False, logging_level=logging.ERROR
        )
        for name in ("ray", "ray.data"):  # not their tracebacks: what they mean is told instead
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    except (OSError, ValueError, RuntimeError, OverflowError, SystemExit) as error:
        raise BadOption(
            f"No Ray cluster can be used at {address} ({error}): check the address."
        ) from error


class _ColorizeActor:
    """A worker on some machine of the cluster."""

    def __init__(self, options: BatchOptions) -> None:
        self.options = options
        self.worker = Worker(options, pool.share_cores(cores()))
        self.journals = Journals()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        task, refused = Task(**row), False
        seconds = self.options.timeout
        try:
            ((_, outcome),) = pool.map_unordered([task], self._one, 1, seconds)
        except BadOption as error:
            refused, outcome = True, failure(task.photo, error, 0.0)
        if outcome is None:
            outcome = failure(task.photo, pool.overrun(task.photo, seconds), seconds)
        return outcome._asdict() | {"results": list(outcome.results), "refused": refused}

    def _one(self, task: Task, turn: Turn) -> Outcome:
        """One of many; each kind of store has errors of its own, which cost this photo alone."""
        start = time.perf_counter()
        try:
            return self._remote(task, turn) if task.remote else self._local(task, turn)
        except (BadOption, GivenUp):
            raise
        except Exception as error:
            failed = failure(task.photo, error, time.perf_counter() - start)
            theirs = task.remote and not isinstance(error, PhotochromError)
            return failed._replace(words=f"{task.photo}: {error}") if theirs else failed

    def _local(self, task: Task, turn: Turn) -> Outcome:
        root = None if task.root is None else Path(task.root)
        job = Job(Path(task.photo), Path(task.target), root, task.trouble)
        return self.worker(job, self.journals[root], turn)

    def _remote(self, task: Task, turn: Turn) -> Outcome:
        """Fetch the photo, colour it here, and send the result, if that was not done before."""
        if task.trouble:
            raise BadPhoto(task.trouble)
        if connect(task.photo) == connect(task.target):
            raise CannotWrite(f"{task.target} is the photo itself: choose another folder.")
        done = _Done(task, self.worker.digest)
        if done:
            return Outcome(task.photo, "skipped", (task.target,), "", 0.0)
        if not self.options.force and not done.begun and _exists(task.target):
            raise CannotWrite(
                f"{task.target} exists already: choose another folder, or replace it (--force)."
            )
        with tempfile.TemporaryDirectory() as name:
            photo = Path(name) / posixpath.basename(task.photo)
            target = Path(name) / "result" / posixpath.basename(task.target)
            _copy(task.photo, str(photo))
            outcome = self.worker(Job(photo, target), Journal(None))
            words = outcome.words.replace(str(photo), task.photo)
            if outcome.state != "done":
                return outcome._replace(photo=task.photo, words=words)
            turn.claim()
            done.note()
            _copy(str(target), task.target)
        return outcome._replace(photo=task.photo, results=(task.target,), words=words)


class _Done:
    """Whether a task was done before: a small file beside the results says so."""

    def __init__(self, task: Task, digest: str) -> None:
        folder = _below(task.root or posixpath.dirname(task.target), FOLDER)
        name = hashlib.sha256(task.target.encode("utf-8", "surrogateescape")).hexdigest()
        self.path = f"{folder}/{name}.json"
        fs, place = connect(task.photo)
        try:
            content = {"digest": digest, "photo": str(fs.ukey(place))}
        except (OSError, NotImplementedError) as error:
            raise BadPhoto(f"{task.photo} cannot be looked at ({error}): check it.") from error
        self.content = json.dumps(content)
        self.begun = _read(self.path, len(self.content) + 1) == self.content
        self.whole = self.begun and _exists(task.target)

    def __bool__(self) -> bool:
        return self.whole

    def note(self) -> None:
        """Just before the result is sent."""
        fs, place = connect(self.path)
        fs.makedirs(posixpath.dirname(place), exist_ok=True)
        with fs.transaction, fs.open(place, "w") as file:  # which replaces a link on this disk
            file.write(self.content)


def _at(url: str, out: str, exclude: Sequence[str]) -> list[tuple[str, str]]:
    """The photos at a URL, each with its place below it; not those below ``out``."""
    try:
        fs, top = connect(url)
        if not fs.isdir(top):
            return [(url, posixpath.basename(top))]
        found = sorted(fs.find(top))
        elsewhere, results = connect(out)
    except (OSError, ValueError) as error:
        raise BadData(f"{url} cannot be looked at ({error}): check the address.") from error
    if elsewhere == fs and results != top:
        found = [path for path in found if not path.startswith(f"{results.rstrip('/')}/")]
    photos = [(_below(url, name), name) for name in photos_among(places_below(found, top), exclude)]
    if not photos:
        raise planning.no_photos(url, Counter())
    return photos


def _below(folder: str, name: str | Path) -> str:
    if "://" in folder:
        return f"{folder.rstrip('/')}/{Path(name).as_posix()}"
    return str(Path(folder).absolute() / name)


def _whole(path: str | Path) -> str:
    return str(Path(path).absolute())


def _root(folder: str | Path | None) -> str | None:
    return None if folder is None else _whole(folder)


def _exists(place: str) -> bool:
    fs, path = connect(place)
    return bool(fs.exists(path))


def _read(place: str, most: int) -> str:
    """The first characters of a file, if there is one: a pipe on this disk would be waited for."""
    fs, path = connect(place)
    if not fs.isfile(path):
        return ""
    with fs.open(path, "r") as file:
        return str(file.read(most))


def _copy(source: str, target: str) -> None:
    """Bring a file somewhere, where it appears when it is whole."""
    there, photo = connect(source)
    fs, place = connect(target)
    try:
        fs.makedirs(posixpath.dirname(place), exist_ok=True)
        with there.open(photo, "rb") as read, fs.transaction, fs.open(place, "wb") as write:
            shutil.copyfileobj(read, write)
    except OSError as error:
        raise BadPhoto(f"{source} cannot be sent to {target} ({error}): check both.") from error
