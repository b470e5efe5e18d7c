"""Colouring: one photo, a folder of them, what arrives in a folder, or what comes by a pipe."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tyro.conf import Positional

from photochrom.cli import pipe
from photochrom.cli.options import ColorizeFlags, Force, HintFile, HintFlags, gather_hints, needs
from photochrom.cli.summary import BatchSummary, check_report
from photochrom.errors import BadOption

if TYPE_CHECKING:
    from photochrom.batch.options import BatchOptions
    from photochrom.batch.planning import Job


@dataclass(frozen=True, kw_only=True)
class BatchFlags(ColorizeFlags):
    """BatchFlags of ``photochrom colorize``; those of ``BatchOptions`` are called as there."""

    out: Annotated[
        str | None,
        tyro.conf.arg(aliases=["-o"], help="file, folder or -; default: beside the photo"),
    ] = None
    hints: HintFile = None
    hint: HintFlags = ()
    reference: Annotated[
        Path | None, tyro.conf.arg(help="a colour photo: what is seen in both takes its colour")
    ] = None
    samples: Annotated[
        int | None, tyro.conf.arg(help="so many versions that differ, each in a file of its own")
    ] = None
    seed: Annotated[int, tyro.conf.arg(help="of the versions: the same gives the same")] = 0
    recolor: Annotated[bool, tyro.conf.arg(help="colour photos that are in colour, too")] = False
    strip: Annotated[bool, tyro.conf.arg(help="leave out what the file says of the photo")] = False
    mark: Annotated[bool, tyro.conf.arg(help="do not note that it was colorized")] = True
    caption: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="[TEXT]",
            help="show this line below the picture; default: that it was colorized",
        ),
    ] = None
    caption_place: Annotated[
        Literal["below", "corner"],
        tyro.conf.arg(help="of the caption; corner: over the picture"),
    ] = "below"
    force: Force = False
    jobs: Annotated[
        int | None, tyro.conf.arg(help="photos under way at a time; default: one per core")
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"], tyro.conf.arg(help="auto takes a GPU if there is one")
    ] = "auto"
    report: Annotated[
        Path | None, tyro.conf.arg(help="write a table of what came of each photo (.csv)")
    ] = None
    watch: Annotated[
        bool, tyro.conf.arg(help="go on with what arrives in the folder, until Ctrl-C")
    ] = False
    ray: Annotated[
        str | None,
        tyro.conf.arg(metavar="[ADDRESS]", help="on a Ray cluster; default: a local one"),
    ] = None
    exclude: Annotated[
        tuple[str, ...],
        tyro.conf.arg(metavar="PATTERN...", help="leave out what is called so, as in '*-thumb.*'"),
    ] = ()
    timeout: Annotated[
        float, tyro.conf.arg(help="seconds that each photo may take; 0 for no limit")
    ] = 600
    keep_times: Annotated[bool, tyro.conf.arg(help="results get the photos' times")] = False
    quality_jpeg: Annotated[
        int | None,
        tyro.conf.arg(help="of the file: 1..100; default: 98, or the photo's own if higher"),
    ] = None
    compression: Annotated[
        Literal["deflate", "lzw", "none"] | None,
        tyro.conf.arg(help="of TIFF; default: deflate"),
    ] = None
    damaged: Annotated[bool, tyro.conf.arg(help="colour what can be read of broken files, too")] = (
        False
    )
    verbose: Annotated[bool, tyro.conf.arg(help="show where each failure arose")] = False

    def options(self) -> BatchOptions:
        """What is asked for of every photo.

        Raises:
            BadOption: a value is out of range.
        """
        from photochrom.batch.options import BatchOptions
        from photochrom.image.encoding import Encoding

        if self.jobs is not None and self.jobs < 1:
            raise BadOption(f"jobs is {self.jobs}: give 1 or more.")
        if not self.timeout >= 0:
            raise BadOption(f"timeout is {self.timeout:g}: give seconds, or 0 for no limit.")
        if self.quality_jpeg is not None and not 1 <= self.quality_jpeg <= 100:
            raise BadOption(f"quality-jpeg is {self.quality_jpeg}: give a number from 1 to 100.")
        encoding = Encoding(self.quality_jpeg, self.compression)
        values = self.values(BatchOptions) | {"hints": gather_hints(self.hints, self.hint)}
        return BatchOptions(**values, encoding=encoding)


def colorize(
    photos: Annotated[
        Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="PHOTO...", help="photographs, folders of them, or - for a pipe"),
    ],
    /,
    flags: Annotated[BatchFlags, tyro.conf.OmitArgPrefixes, tyro.conf.arg(name="")],
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, pages, lightness and metadata, and notes that it was
    colorized; the photo itself is never touched. A photo that is in colour already is passed over.
    Of a folder, what is done already is skipped: start it again after whatever has stopped it.
    Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
    """
    options, out, report = flags.options(), flags.out, flags.report
    if any(map(pipe.is_source, photos)) or (out is not None and pipe.is_end(out)):
        if flags.watch or flags.ray or report or flags.samples is not None:
            raise BadOption("A pipe takes one photo, without --watch, --ray, --report, --samples.")
        return pipe.colorize_piped(photos, out or pipe.NAME, options, verbose=flags.verbose)
    if flags.watch and (flags.ray or options.hints):
        raise BadOption("--watch is for this machine and any photo: leave out --ray and hints.")
    _check_out(photos, out)
    if report is not None:
        check_report(report, force=flags.force)
    summary = BatchSummary(report, verbose=flags.verbose)
    begin = _watch if flags.watch else _colorize_here if flags.ray is None else _colorize_by_ray
    try:
        begin(photos, flags, options, summary)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(summary.interrupted()) from None
    finally:
        summary.save()
    return summary.sum_up(quiet=len(photos) == 1 and summary.total == 1)


def _colorize_here(
    photos: Sequence[str], flags: BatchFlags, options: BatchOptions, summary: BatchSummary
) -> None:
    """Colour photos on this machine."""
    from photochrom.batch import pool
    from photochrom.batch.worker import Worker

    jobs = _find_jobs(photos, flags, summary)
    _check_hints(options, len(jobs))
    at_once = min(flags.jobs or pool.cores(), len(jobs))
    worker = Worker(options, pool.share_cores(at_once))
    with closing(pool.run(jobs, worker, at_once, options.timeout)) as outcomes:
        summary.follow(outcomes, len(jobs))


def _watch(
    photos: Sequence[str], flags: BatchFlags, options: BatchOptions, summary: BatchSummary
) -> None:
    """Colour photos as they arrive in folders, until Ctrl-C."""
    from photochrom.batch import pool
    from photochrom.batch.watch import arrivals
    from photochrom.batch.worker import Worker

    if not all(photo.is_dir() for photo in _local(photos)):
        raise BadOption("--watch takes folders: name the one in which photos arrive.")
    jobs = arrivals(partial(_find_jobs, photos, flags, summary))
    with (
        suppress(KeyboardInterrupt),
        closing(pool.run(jobs, Worker(options), 1, options.timeout)) as outcomes,
    ):
        summary.follow(outcomes, None)


def _colorize_by_ray(
    photos: Sequence[str], flags: BatchFlags, options: BatchOptions, summary: BatchSummary
) -> None:
    """Colour photos on a cluster."""
    with needs("ray"):
        from photochrom.batch import ray_data
    tasks = ray_data.listing(photos, flags.out, flags.exclude, summary.others)
    _check_hints(options, len(tasks))
    summary.follow(ray_data.run(tasks, options, flags.ray or "", flags.jobs), len(tasks))


def _find_jobs(photos: Sequence[str], flags: BatchFlags, summary: BatchSummary) -> list[Job]:
    """What there is to do now."""
    from photochrom.batch import planning

    out = None if flags.out is None else _local([flags.out])[0]
    summary.others.clear()
    return planning.jobs(_local(photos), out, flags.exclude, summary.others)


def _check_out(photos: Sequence[str], out: str | None) -> None:
    """Refuse the name of a file that is no picture, rather than make a folder of it.

    For several photos it may be any name that is not a known kind of file, such as ``out.2024``.

    Raises:
        BadOption: it is such a name.
    """
    from photochrom.image.reader import PHOTO_SUFFIXES

    if out is None or "://" in out or out.endswith(("/", os.sep)):
        return
    suffix, *folders = Path(out).suffix.lower(), *map(os.path.isdir, (out, *photos))
    if folders[0]:
        return
    several = len(photos) > 1 or any(folders)
    known = mimetypes.guess_type(f"name{suffix}", strict=False) != (None, None)
    if suffix and suffix not in PHOTO_SUFFIXES and (known or not several):
        raise BadOption(
            f"-o {out} names no format that is written: end it in .jpg, .png, .tif or .webp, "
            "or in / to make a folder of that name."
        )


def _check_hints(options: BatchOptions, photos: int) -> None:
    if options.hints and photos > 1:
        raise BadOption(f"Hints are for one photo, but there are {photos}: name that one.")


def _local(names: Iterable[str]) -> list[Path]:
    for name in names:
        if "://" in name:
            raise BadOption(f"{name} is not on this machine: fetch it first, or use --ray.")
    return list(map(Path, names))
