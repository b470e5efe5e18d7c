"""Colouring: colorize, and what one asks before a hint: palette and uncertainty."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from rich.progress import track
from tyro.conf import Positional

from photochrom.commands.shared import (
    Force,
    HintFile,
    Model,
    Photos,
    Size,
    Strength,
    Vivid,
    console,
    load,
    say,
)
from photochrom.errors import BadOption, PhotochromError

Photo = Annotated[Positional[Path], tyro.conf.arg(metavar="PHOTO", help="a photograph")]


def colorize(
    photos: Photos,
    /,
    out: Annotated[
        Path | None, tyro.conf.arg(aliases=["-o"], help="file or folder; default: beside the photo")
    ] = None,
    model: Model = None,
    size: Size = None,
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
    force: Force = False,
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, lightness and metadata; the photo itself is never
    touched. Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
    """
    from photochrom import batch
    from photochrom import hints as hint_files
    from photochrom import photo as photographs

    jobs = batch.jobs(photos, out)
    if hints is not None and len(jobs) > 1:
        raise BadOption(f"{hints} is for one photo, but there are {len(jobs)}: name that one.")
    if hints is not None:
        hint_files.read(hints)  # before the work, not after it
    colorizer = load(model)
    opened = None if reference is None else photographs.read(reference)
    failed: dict[Path, str] = {}
    for photo, place in track(jobs, "colouring", console=console(), disable=len(jobs) == 1):
        target = photographs.default_output(photo) if place is None else place
        targets = batch.numbered(target, samples)
        try:
            if place is not None:
                batch.make_room(target)
            for one in targets:  # before the work, not after it
                for source in (photo, reference):
                    photographs.check_target(one, source, force=force)
            given: tuple[hint_files.Hint, ...] = ()
            grey = photographs.read(photo)
            height, width = grey.pixels.shape[:2]
            if hints is not None:
                given = hint_files.read(hints, (width, height))
            if opened is not None:
                borrowed = colorizer.borrow(grey, opened)
                given += borrowed
                if not borrowed:
                    say(f"{reference} shows nothing that {photo} does: coloured without it.")
            versions = [given]
            if samples is not None:
                versions = colorizer.versions(grey, samples, seed, hints=given, size=size)
            for one, version in zip(targets, versions, strict=True):
                coloured = colorizer.render(
                    grey, size=size, strength=strength, vivid=vivid, hints=version
                )
                print(photographs.write(coloured, one, force=force))  # noqa: T201 - for pipes
        except BadOption:
            raise
        except PhotochromError as error:
            failed[photo] = str(error)
        except MemoryError:
            failed[photo] = f"{photo} needs more memory than there is: make it smaller first."
    for reason in failed.values():
        say(reason)
    if failed and len(jobs) > 1:
        say(f"{len(failed)} of {len(jobs)} photos failed.")
    return 1 if failed else 0


def palette(
    photo: Photo,
    x: Annotated[Positional[float], tyro.conf.arg(help="pixels from the left")],
    y: Annotated[Positional[float], tyro.conf.arg(help="pixels from the top")],
    /,
    model: Model = None,
    size: Size = None,
    hints: HintFile = None,
    most: Annotated[int, tyro.conf.arg(help="colours at most")] = 9,
) -> int:
    """Show the likeliest colours at a point, each with its probability, given the hints so far.

    Example: photochrom palette grandmother.jpg 640 210
    """
    given = () if hints is None else hints
    swatches = load(model).palette(photo, x, y, hints=given, most=most, size=size)
    terminal = Console()
    for swatch in swatches:
        if sys.stdout.isatty():
            terminal.print(f"[on {swatch.color}]      [/] ", end="")
        print(f"{swatch.color} {swatch.probability:.3f}")  # noqa: T201 - the answer, for pipes
    return 0


def uncertainty(
    photo: Photo,
    /,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="the picture to write")],
    model: Model = None,
    size: Size = None,
    hints: HintFile = None,
    force: Force = False,
) -> int:
    """Draw where the network guesses: black is certain, yellow could be anything.

    Example: photochrom uncertainty grandmother.jpg -o guesses.png
    """
    from photochrom import photo as photographs
    from photochrom.batch import make_room
    from photochrom.distribution import picture

    photographs.check_target(out, photo, force=force)
    bits = load(model).uncertainty(photo, hints=() if hints is None else hints, size=size)
    make_room(out)
    print(photographs.write(photographs.read(picture(bits)), out, force=force))  # noqa: T201
    print(f"{bits.mean():.2f} bits on average, at most {bits.max():.2f}")  # noqa: T201
    return 0
