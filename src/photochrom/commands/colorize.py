"""Colouring: one photo, a folder of them, what arrives in a folder, or what comes by a pipe."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from photochrom.commands.shared import (
    Force,
    HintFile,
    Model,
    Size,
    Strength,
    Vivid,
    needs,
    pixels,
    say,
)
from photochrom.commands.tally import Tally, check_report
from photochrom.errors import BadData, BadOption

if TYPE_CHECKING:
    from photochrom.batch import Job
    from photochrom.work import Order

PIPE = "-"


def colorize(
    photos: Annotated[
        Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="PHOTO...", help="photographs, folders of them, or - for a pipe"),
    ],
    /,
    out: Annotated[
        str | None,
        tyro.conf.arg(aliases=["-o"], help="file, folder or -; default: beside the photo"),
    ] = None,
    model: Model = None,
    size: Size = "auto",
    strength: Strength = 1.0,
    vivid: Vivid = None,
    hints: HintFile = None,
    reference: Annotated[
        Path | None, tyro.conf.arg(help="a colour photo: what is seen in both takes its colour")
    ] = None,
    samples: Annotated[
        int | None, tyro.conf.arg(help="so many versions that differ, each in a file of its own")
    ] = None,
    seed: Annotated[int, tyro.conf.arg(help="of the versions: the same gives the same")] = 0,
    recolor: Annotated[bool, tyro.conf.arg(help="colour photos that are in colour, too")] = False,
    strip: Annotated[bool, tyro.conf.arg(help="leave out what the file says of the photo")] = False,
    mark: Annotated[bool, tyro.conf.arg(help="do not note that it was colorized")] = True,
    force: Force = False,
    jobs: Annotated[
        int | None, tyro.conf.arg(help="photos under way at a time; default: one per core")
    ] = None,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], tyro.conf.arg(help="auto takes a GPU if there is one")
    ] = "auto",
    report: Annotated[
        Path | None, tyro.conf.arg(help="write a table of what came of each photo (.csv)")
    ] = None,
    watch: Annotated[
        bool, tyro.conf.arg(help="go on with what arrives in the folder, until Ctrl-C")
    ] = False,
    ray: Annotated[
        str | None,
        tyro.conf.arg(metavar="[ADDRESS]", help="on a Ray cluster; default: a local one"),
    ] = None,
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, pages, lightness and metadata, and notes that it was
    colorized; the photo itself is never touched. A photo that is in colour already is passed over.
    Of a folder, what is done already is skipped: start it again after whatever has stopped it.
    Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
    """
    from photochrom.work import Order

    if jobs is not None and jobs < 1:
        raise BadOption(f"jobs is {jobs}: give 1 or more.")
    order = Order(
        *(
            model,
            pixels(size),
            strength,
            vivid,
            hints,
            reference,
            samples,
            seed,
            recolor,
            strip,
            mark,
        ),
        device=device,
        force=force,
    )
    if PIPE in photos or out == PIPE:
        if watch or ray or report or samples is not None:
            raise BadOption("A pipe takes one photo, without --watch, --ray, --report, --samples.")
        return _pipe(photos, out, order)
    if watch and (ray or hints):
        raise BadOption("--watch is for this machine and any photo: leave out --ray and --hints.")
    if report is not None:
        check_report(report, force=force)
    tally = Tally(report)
    try:
        if ray is not None:
            with needs("ray"):
                from photochrom import cluster
            todo = cluster.listing(photos, out)
            _check_hints(hints, len(todo))
            tally.follow(cluster.run(todo, order, ray, jobs), len(todo))
        else:
            _here(
                _local(photos), None if out is None else _local([out])[0], order, jobs, watch, tally
            )
    finally:
        tally.save()
    return tally.sum_up(quiet=len(photos) == 1 and tally.total == 1)


def _here(
    photos: list[Path],
    out: Path | None,
    order: Order,
    at_once: int | None,
    watch: bool,
    tally: Tally,
) -> None:
    """On this machine."""
    from photochrom import batch, pool
    from photochrom.work import Worker

    if watch:
        if not all(photo.is_dir() for photo in photos):
            raise BadOption("--watch takes folders: name the one in which photos arrive.")
        with contextlib.suppress(KeyboardInterrupt):  # which is how a watch ends
            tally.follow(pool.run(_arrivals(photos, out), Worker(order), 1), None)
        return
    todo = batch.jobs(photos, out)
    _check_hints(order.hints, len(todo))
    at_once = min(at_once or pool.cores(), len(todo))
    worker = Worker(order, max(1, pool.cores() // at_once))
    tally.follow(pool.run(todo, worker, at_once), len(todo))


def _check_hints(hints: Path | None, photos: int) -> None:
    if hints is not None and photos > 1:
        raise BadOption(f"{hints} is for one photo, but there are {photos}: name that one.")


def _local(names: Iterable[str]) -> list[Path]:
    for name in names:
        if "://" in name:
            raise BadOption(f"{name} is not on this machine: fetch it first, or use --ray.")
    return list(map(Path, names))


def _arrivals(photos: list[Path], out: Path | None) -> Iterator[Job]:
    """Photos that lie still: each as soon as it was the same in two looks, and again if it changes.

    Never ends.
    """
    from photochrom import batch

    last: dict[Path, tuple[int, int]] = {}
    taken: dict[Path, tuple[int, int]] = {}
    while True:
        try:
            todo = batch.jobs(photos, out)
        except BadData:  # nothing yet
            todo = []
        looks = {}
        for job in todo:
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


def _pipe(photos: tuple[str, ...], out: str | None, order: Order) -> int:
    """One photo, from the standard input or to the standard output."""
    from photochrom import batch
    from photochrom import photo as photographs
    from photochrom.work import Worker

    if len(photos) != 1:
        raise BadOption("A pipe takes one photo: name one, or a folder to write to.")
    if sys.stdin is None or sys.stdout is None:
        raise BadOption("A pipe has two ends, and one of them is closed: open it, or name files.")
    to_pipe = out in (None, PIPE)
    if to_pipe and sys.stdout.isatty():
        raise BadOption("A photo on the terminal would be noise: send it to a file or a program.")
    source = sys.stdin.buffer.read() if photos[0] == PIPE else Path(photos[0])
    if not to_pipe:
        batch.make_room(Path(out or ""))
        photographs.check_target(Path(out or ""), None, force=order.force)
    done, words = Worker(order).stream(source)
    if words:
        say(words)
    if to_pipe:
        sys.stdout.buffer.write(photographs.encode(done))
        sys.stdout.buffer.flush()
    else:
        print(photographs.write(done, out or "", force=order.force))  # noqa: T201
    return 0
