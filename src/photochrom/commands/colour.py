"""Colouring: colorize, and what one asks before a hint: palette and uncertainty."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from photochrom.errors import BadOption, BadPhoto, PhotochromError

if TYPE_CHECKING:
    from photochrom.colorizer import Colorizer
    from photochrom.hints import Hint
    from photochrom.photo import Photo as Opened

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
    recolor: Annotated[bool, tyro.conf.arg(help="colour photos that are in colour, too")] = False,
    strip: Annotated[bool, tyro.conf.arg(help="leave out what the file says of the photo")] = False,
    mark: Annotated[bool, tyro.conf.arg(help="do not note that it was colorized")] = True,
    force: Force = False,
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, pages, lightness and metadata, and notes that it was
    colorized; the photo itself is never touched. A photo that is in colour already is passed over.
    Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
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
    guide = None if reference is None else photographs.read(reference)
    wish = _Wish(
        *(colorizer, size, strength, vivid, hints, reference, guide, samples, seed),
        *(recolor, strip, mark and strength > 0, force),
    )
    failed: dict[Path, str] = {}
    passed: list[str] = []
    for photo, place in track(jobs, "colouring", console=console(), disable=len(jobs) == 1):
        try:
            for written in _colour(photo, _target(photo, place), wish):
                print(written)  # noqa: T201 - for pipes
        except BadOption:
            raise
        except _InColour as error:
            passed.append(str(error))
        except PhotochromError as error:
            failed[photo] = str(error) if str(photo) in str(error) else f"{photo}: {error}"
        except MemoryError:
            failed[photo] = f"{photo} needs more memory than there is: make it smaller first."
    for sentence in (*passed, *failed.values()):
        say(sentence)
    if passed and len(jobs) > 1:
        say(f"{len(passed)} of {len(jobs)} photos were in colour already.")
    if failed and len(jobs) > 1:
        say(f"{len(failed)} of {len(jobs)} photos failed.")
    return 1 if failed else 0


@dataclass(frozen=True)
class _Wish:
    """What was asked for, the same for all photos."""

    colorizer: Colorizer
    size: int | None
    strength: float
    vivid: float | None
    hints: Path | None
    reference: Path | None
    guide: Opened | None
    """The reference, opened."""
    samples: int | None
    seed: int
    recolor: bool
    strip: bool
    mark: bool
    force: bool

    def render(self, page: Opened, hints: tuple[Hint, ...]) -> Opened:
        """A page as it is to be written."""
        look = {"size": self.size, "strength": self.strength, "vivid": self.vivid}
        coloured = self.colorizer.render(page, hints=hints, **look)  # type: ignore[arg-type]
        return self.colorizer.finish(coloured, strip=self.strip, mark=self.mark)


class _InColour(PhotochromError):
    """A photo that is passed over."""


def _target(photo: Path, place: Path | None) -> Path:
    from photochrom import photo as photographs

    if place is None:
        return photographs.default_output(photo)
    return photographs.writable(place) if place.name == photo.name else place


def _colour(photo: Path, target: Path, wish: _Wish) -> Iterator[Path]:
    """Colour one photo; answers the files as they are written."""
    from photochrom import batch
    from photochrom import photo as photographs

    targets = batch.numbered(target, wish.samples)
    if target.parent != photo.parent:
        batch.make_room(target)
    for one in targets:  # before the work, not after it
        for source in (photo, wish.reference):
            photographs.check_target(one, source, force=wish.force)
    pages = photographs.pages(photo)
    first = next(pages)
    _check(first, photo, wish)
    if first.paged:
        coloured = (_page(page, wish) for page in itertools.chain([first], pages))
        yield photographs.write(coloured, target, force=wish.force)
        return
    given = _hints(first, photo, wish)
    versions = [given]
    if wish.samples is not None:
        versions = wish.colorizer.versions(
            first, wish.samples, wish.seed, hints=given, size=wish.size
        )
    for one, version in zip(targets, versions, strict=True):
        yield photographs.write(wish.render(first, version), one, force=wish.force)


def _check(first: Opened, photo: Path, wish: _Wish) -> None:
    """Whether, and how, the photo of which this is the first page is to be coloured."""
    from photochrom import photo as photographs
    from photochrom import tone

    if first.paged and (wish.hints or wish.samples is not None):
        raise BadPhoto(
            f"{photo} has {first.pictures} pages, but hints and samples are for one: split it."
        )
    if not wish.recolor and tone.of(first) == "colour":
        rest = photographs.pages(photo) if first.paged else iter(())
        if all(tone.of(page) == "colour" for page in rest):
            raise _InColour(f"{photo} is in colour already, so it was passed over: see --recolor.")
    if first.pictures > 1 and not first.paged:
        say(f"{photo} holds {first.pictures} pictures: only the first is coloured.")


def _page(page: Opened, wish: _Wish) -> Opened:
    """One of several pages, coloured unless it is in colour already."""
    from photochrom import tone

    if not wish.recolor and tone.of(page) == "colour":
        return page
    return wish.render(page, _hints(page, page.source, wish))


def _hints(page: Opened, photo: Path | None, wish: _Wish) -> tuple[Hint, ...]:
    """What is given, and what is borrowed from the reference."""
    from photochrom import hints as hint_files

    height, width = page.pixels.shape[:2]
    given = () if wish.hints is None else hint_files.read(wish.hints, (width, height))
    if wish.guide is None:
        return given
    borrowed = wish.colorizer.borrow(page, wish.guide)
    if not borrowed:
        say(f"{wish.reference} shows nothing that {photo} does: coloured without it.")
    return given + borrowed


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
