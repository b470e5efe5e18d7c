"""Colouring: one photo, a folder of them, what arrives in a folder, or what comes by a pipe."""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from photochrom.cli import pipe
from photochrom.cli.options import (
    Force,
    HintFile,
    Model,
    Quality,
    Size,
    Strength,
    Vivid,
    needs,
    pixels,
)
from photochrom.cli.summary import Summary, check_report
from photochrom.errors import BadData, BadOption

if TYPE_CHECKING:
    from photochrom.batch.options import BatchOptions
    from photochrom.batch.planning import Job


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
    quality: Quality = "fast",
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
    exclude: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="PATTERN...", help="leave out what is called so, as in '*-thumb.*'"),
    ] = (),
    timeout: Annotated[
        float, tyro.conf.arg(help="seconds that each photo may take; 0 for no limit")
    ] = 600,
    keep_times: Annotated[bool, tyro.conf.arg(help="results get the photos' times")] = False,
    quality_jpeg: Annotated[
        int | None,
        tyro.conf.arg(help="of the file: 1..100; default: 98, or the photo's own if higher"),
    ] = None,
    compression: Annotated[
        Literal["deflate", "lzw", "none"] | None,
        tyro.conf.arg(help="of TIFF; default: deflate"),
    ] = None,
    damaged: Annotated[
        bool, tyro.conf.arg(help="colour what can be read of broken files, too")
    ] = False,
    verbose: Annotated[bool, tyro.conf.arg(help="show where each failure arose")] = False,
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, pages, lightness and metadata, and notes that it was
    colorized; the photo itself is never touched. A photo that is in colour already is passed over.
    Of a folder, what is done already is skipped: start it again after whatever has stopped it.
    Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
    """
    from photochrom.batch.options import BatchOptions
    from photochrom.image.writer import Encoding

    if jobs is not None and jobs < 1:
        raise BadOption(f"jobs is {jobs}: give 1 or more.")
    if not timeout >= 0:
        raise BadOption(f"timeout is {timeout:g}: give seconds, or 0 for no limit.")
    if quality_jpeg is not None and not 1 <= quality_jpeg <= 100:
        raise BadOption(f"quality-jpeg is {quality_jpeg}: give a number from 1 to 100.")
    options = BatchOptions(
        model=model,
        size=pixels(size),
        strength=strength,
        vivid=vivid,
        quality=quality,
        hints=() if hints is None else hints,
        reference=reference,
        samples=samples,
        seed=seed,
        recolor=recolor,
        strip=strip,
        mark=mark,
        device=device,
        force=force,
        encoding=Encoding(quality_jpeg, compression),
        keep_times=keep_times,
        damaged=damaged,
        timeout=timeout,
    )
    if any(map(pipe.is_source, photos)) or (out is not None and pipe.is_end(out)):
        if watch or ray or report or samples is not None:
            raise BadOption("A pipe takes one photo, without --watch, --ray, --report, --samples.")
        return pipe.colorize_piped(photos, out or pipe.NAME, options, verbose=verbose)
    if watch and (ray or hints):
        raise BadOption("--watch is for this machine and any photo: leave out --ray and --hints.")
    _check_out(photos, out)
    if report is not None:
        check_report(report, force=force)
    summary = Summary(report, verbose=verbose)
    try:
        if ray is not None:
            with needs("ray"):
                from photochrom.batch import ray_data
            todo = ray_data.listing(photos, out, exclude, summary.others)
            _check_hints(options, len(todo))
            summary.follow(ray_data.run(todo, options, ray, jobs), len(todo))
        else:
            folder = None if out is None else _local([out])[0]
            found = partial(_found, _local(photos), folder, exclude, summary)
            _here(_local(photos), found, options, jobs, summary, watch=watch)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(summary.interrupted()) from None
    finally:
        summary.save()
    return summary.sum_up(quiet=len(photos) == 1 and summary.total == 1)


def _found(
    photos: list[Path], out: Path | None, exclude: tuple[str, ...], summary: Summary
) -> list[Job]:
    """What there is to do now."""
    from photochrom.batch import planning

    summary.others.clear()
    return planning.jobs(photos, out, exclude, summary.others)


def _here(
    photos: list[Path],
    found: Callable[[], list[Job]],
    options: BatchOptions,
    at_once: int | None,
    summary: Summary,
    *,
    watch: bool,
) -> None:
    """On this machine."""
    from photochrom.batch import pool
    from photochrom.batch.worker import Worker

    if watch:
        if not all(photo.is_dir() for photo in photos):
            raise BadOption("--watch takes folders: name the one in which photos arrive.")
        with suppress(KeyboardInterrupt):  # which is how a watch ends
            arrivals = pool.run(_arrivals(found), Worker(options), 1, options.timeout)
            with closing(arrivals) as outcomes:
                summary.follow(outcomes, None)
        return
    todo = found()
    _check_hints(options, len(todo))
    at_once = min(at_once or pool.cores(), len(todo))
    worker = Worker(options, max(1, pool.cores() // at_once))
    with closing(pool.run(todo, worker, at_once, options.timeout)) as outcomes:
        summary.follow(outcomes, len(todo))


def _check_out(photos: Sequence[str], out: str | None) -> None:
    """Refuse the name of a file that is no picture, rather than make a folder of it.

    For several photos it may be any name that is not a known kind of file, such as ``out.2024``.

    Raises:
        BadOption: it is such a name.
    """
    from photochrom.image.photo import SUFFIXES

    if out is None or "://" in out or out.endswith(("/", os.sep)):
        return
    suffix, *folders = Path(out).suffix.lower(), *map(os.path.isdir, (out, *photos))
    if folders[0]:
        return
    several = len(photos) > 1 or any(folders)
    known = mimetypes.guess_type(f"name{suffix}", strict=False) != (None, None)
    if suffix and suffix not in SUFFIXES and (known or not several):
        raise BadOption(
            f"-o {out} names no format that is written: end it in .jpg, .png, .tif or .webp, "
            "or in / to make a folder of that name."
        )


def _check_hints(options: BatchOptions, photos: int) -> None:
    if options.hints and photos > 1:
        raise BadOption(f"{options.hints} is for one photo, but there are {photos}: name that one.")


def _local(names: Iterable[str]) -> list[Path]:
    for name in names:
        if "://" in name:
            raise BadOption(f"{name} is not on this machine: fetch it first, or use --ray.")
    return list(map(Path, names))


def _arrivals(found: Callable[[], list[Job]]) -> Iterator[Job]:
    """Photos that lie still: each as soon as it was the same in two looks, and again if it changes.

    Never ends.
    """
    last: dict[Path, tuple[int, int]] = {}
    taken: dict[Path, tuple[int, int]] = {}
    while True:
        try:
            todo = found()
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
