"""Colouring: one photo, a folder of them, what arrives in a folder, or what comes by a pipe."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional

from photochrom import interruption
from photochrom.cli import pipe
from photochrom.cli.flags import WHOLE, flag, group
from photochrom.cli.options import (
    ColorizeFlags,
    Device,
    Force,
    HintFile,
    HintFlags,
    gather_hints,
    needs,
    option_values,
)
from photochrom.cli.starting import load_ahead, without_collector
from photochrom.cli.summary import BatchSummary, check_report
from photochrom.errors import BadOption

if TYPE_CHECKING:
    from photochrom.batch.options import BatchOptions
    from photochrom.batch.planning import Job
    from photochrom.batch.worker import Ahead


@dataclass(frozen=True, kw_only=True)
class ColorFlags(ColorizeFlags):
    """What decides the colours."""

    hint: HintFlags = ()
    hints: HintFile = None
    reference: Annotated[
        Path | None, flag("a colour photo: what is seen in both takes its colour", "PHOTO")
    ] = None
    chroma_from: Annotated[
        Path | None,
        flag(
            "take the colours of another picture of the photo, such as an edited copy",
            "PICTURE|FOLDER",
        ),
    ] = None
    recolor: Annotated[bool, flag("colour photos that are in colour already, too")] = False
    samples: Annotated[
        int | None, flag("so many versions that differ, each in a file of its own", WHOLE)
    ] = None
    seed: Annotated[int, flag("of the versions: the same seed gives the same ones", WHOLE)] = 0


@dataclass(frozen=True, kw_only=True)
class OutputFlags:
    """Where results go, and what is in their files beside the picture."""

    out: Annotated[
        str | None,
        flag(
            "file or folder for what is written; - for the standard output",
            "FILE|FOLDER",
            short="-o",
            default="beside the photo",
        ),
    ] = None
    force: Force = False
    quality_jpeg: Annotated[
        int | None,
        flag("quality of a JPEG file", "1..100", default="98, or the photo's own if higher"),
    ] = None
    compression: Annotated[
        Literal["deflate", "lzw", "none"] | None,
        flag("of a TIFF file", "{deflate,lzw,none}", default="deflate"),
    ] = None
    strip: Annotated[
        bool, flag("leave out what the file says of the photo: names, places, dates")
    ] = False
    keep_times: Annotated[bool, flag("give results the times of their photos' files")] = False


@dataclass(frozen=True, kw_only=True)
class LabelFlags:
    """What tells that the colours are not the original's."""

    caption: Annotated[
        str | None, flag("show this line below the picture; without a text: a usual one", "[TEXT]")
    ] = None
    caption_place: Annotated[
        Literal["below", "corner"], flag("of the caption; corner: over the picture")
    ] = "below"
    uncertainty_map: Annotated[
        bool, flag("beside each result, a picture of where its colours are guesses")
    ] = False
    sidecar: Annotated[
        bool,
        flag("beside each result, a file with all that makes it again: see photochrom apply"),
    ] = False
    mark: Annotated[bool, flag("do not note in the file that it was colorized")] = True
    sign: Annotated[
        tuple[Path, Path] | None,
        flag("sign results as Content Credentials (C2PA), by PEM files of your own", "CERT KEY"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class BulkFlags:
    """How many photos are gone through."""

    exclude: Annotated[
        tuple[str, ...],
        flag("leave out files and folders of such names, as '*-thumb.*'", "PATTERN..."),
    ] = ()
    report: Annotated[Path | None, flag("write a table of what came of each photo", "FILE.csv")] = (
        None
    )
    jobs: Annotated[
        int | None, flag("photos under way at a time", WHOLE, default="one per core")
    ] = None
    timeout: Annotated[float, flag("give a photo up after so long; 0: never", "SECONDS")] = 600
    damaged: Annotated[bool, flag("colour what can be read of broken files, too")] = False
    watch: Annotated[bool, flag("go on with what arrives in the folder, until Ctrl-C")] = False
    device: Device = "auto"
    ray: Annotated[
        str | None,
        flag("colour on a Ray cluster; without an address, on one of its own", "[ADDRESS]"),
    ] = None


@dataclass(frozen=True, kw_only=True)
class BatchFlags:
    """Flags of ``photochrom colorize``; those of ``BatchOptions`` are called as there."""

    color: Annotated[ColorFlags, group("colour")]
    output: Annotated[OutputFlags, group("output")]
    label: Annotated[LabelFlags, group("label")]
    bulk: Annotated[BulkFlags, group("bulk")]

    def options(self) -> BatchOptions:
        """What is asked for of every photo.

        Raises:
            BadOption: a value is out of range.
        """
        from photochrom.batch.options import BatchOptions
        from photochrom.image.encoding import Encoding

        color, output, bulk = self.color, self.output, self.bulk
        if bulk.jobs is not None and bulk.jobs < 1:
            raise BadOption(f"jobs is {bulk.jobs}: give 1 or more.")
        if not bulk.timeout >= 0:
            raise BadOption(f"timeout is {bulk.timeout:g}: give seconds, or 0 for no limit.")
        if output.quality_jpeg is not None and not 1 <= output.quality_jpeg <= 100:
            raise BadOption(f"quality-jpeg is {output.quality_jpeg}: give a number from 1 to 100.")
        encoding = Encoding(output.quality_jpeg, output.compression)
        values = option_values(BatchOptions, color, output, self.label, bulk)
        values["hints"] = gather_hints(color.hints, color.hint)
        return BatchOptions(**values, encoding=encoding)


def colorize(
    photos: Annotated[
        Positional[tuple[str, ...]],
        flag("photographs, folders of them, or - for the standard input", "PHOTO..."),
    ],
    /,
    flags: Annotated[BatchFlags, OmitArgPrefixes, group("")],
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, pages, lightness and metadata, and notes that it was
    colorized; the photo itself is never touched. A photo that is in colour already is passed over.
    What was coloured in the same way before is skipped, so that the same command goes on after
    whatever has stopped it. With other settings, one photo gets another result beside the first,
    such as grandmother.color-2.jpg.
    Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
    """
    out, bulk = flags.output.out, flags.bulk
    elsewhere = bulk.watch or bulk.ray is not None
    with without_collector():
        named = flags.color.model
        model = None if elsewhere else load_ahead(photos, bulk.jobs, named, bulk.device)
        options = flags.options()
    if any(map(pipe.is_source, photos)) or (out is not None and pipe.is_end(out)):
        if bulk.watch or bulk.ray or bulk.report or options.samples is not None:
            raise BadOption(
                "A pipe takes one photo: leave out --watch, --ray, --report and --samples."
            )
        if options.uncertainty_map:
            raise BadOption("A pipe gives one picture: see photochrom uncertainty for the map.")
        if options.sidecar:
            raise BadOption("A pipe gives one picture, and --sidecar is a file: give -o FILE.")
        return pipe.colorize_piped(photos, out or pipe.NAME, options, model)
    if bulk.watch and (bulk.ray or options.hints):
        raise BadOption(
            "--watch colours whatever arrives, on this machine: leave out --ray and hints."
        )
    if options.chroma_from is not None and (
        bulk.ray is not None or (bulk.watch and not _is_folder(options.chroma_from))
    ):
        raise BadOption("--chroma-from takes a folder with --watch, and does not go with --ray.")
    _check_out(photos, out)
    if bulk.report is not None:
        check_report(bulk.report, force=options.force)
    summary = BatchSummary(bulk.report)
    here = partial(_colorize_here, model=model)
    begin = _watch if bulk.watch else here if bulk.ray is None else _colorize_by_ray
    try:
        begin(photos, flags, options, summary)
    except KeyboardInterrupt as stop:  # which tells by itself of a model that was being fetched
        interruption.take_notice()
        raise KeyboardInterrupt(str(stop) or summary.interrupted()) from None
    finally:
        summary.save()
    of_folders = any(map(os.path.isdir, photos))
    return summary.sum_up(quiet=summary.total == 1 and len(photos) == 1 and not of_folders)


def _colorize_here(
    photos: Sequence[str],
    flags: BatchFlags,
    options: BatchOptions,
    summary: BatchSummary,
    model: Ahead | None,
) -> None:
    """Colour photos on this machine."""
    with without_collector():
        from photochrom.batch import pool
        from photochrom.batch.worker import Worker
        from photochrom.inference.sessions import settle_device
        from photochrom.parallel import cores

        jobs = _find_jobs(photos, flags, summary)
        _check_single(options, len(jobs))
        at_once = min(flags.bulk.jobs or cores(), len(jobs))
        options = replace(options, device=settle_device(options.device, len(jobs)))
        worker = Worker(options, pool.share_cores(at_once), model)
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
    worker = Worker(options)
    with (
        suppress(KeyboardInterrupt),
        closing(pool.run(jobs, worker, 1, options.timeout)) as outcomes,
    ):
        summary.follow(outcomes, None)


def _colorize_by_ray(
    photos: Sequence[str], flags: BatchFlags, options: BatchOptions, summary: BatchSummary
) -> None:
    """Colour photos on a cluster."""
    with needs("ray"):
        from photochrom.batch import ray_data
    tasks = ray_data.listing(photos, flags.output.out, flags.bulk.exclude, summary.others)
    _check_single(options, len(tasks))
    summary.follow(ray_data.run(tasks, options, flags.bulk.ray or "", flags.bulk.jobs), len(tasks))


def _find_jobs(photos: Sequence[str], flags: BatchFlags, summary: BatchSummary) -> list[Job]:
    """What there is to do now."""
    from photochrom.batch import planning

    out = None if flags.output.out is None else _local([flags.output.out])[0]
    summary.others.clear()
    return planning.jobs(_local(photos), out, flags.bulk.exclude, summary.others)


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


def _check_single(options: BatchOptions, photos: int) -> None:
    """Refuse for several photos what is for one.

    Raises:
        BadOption: it is.
    """
    if options.hints and photos > 1:
        raise BadOption(f"Hints are for one photo, but there are {photos}: name that one.")
    if options.chroma_from is not None and photos > 1 and not _is_folder(options.chroma_from):
        raise BadOption(
            f"--chroma-from is a picture of one photo, but there are {photos}: give a folder of "
            "pictures that are called as the photos are."
        )


def _is_folder(place: object) -> bool:
    return isinstance(place, Path) and place.is_dir()


def _local(names: Iterable[str]) -> list[Path]:
    for name in names:
        if "://" in name:
            raise BadOption(f"{name} is not on this machine: fetch it first, or use --ray.")
    return list(map(Path, names))
