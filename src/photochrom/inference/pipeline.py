"""A photo on its way: opened, coloured unless it is in colour already, marked, fit to be written.

Python, the command line, batches, clusters and the page all send their photos this way.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from photochrom import __version__
from photochrom.errors import BadOption, BadPhoto, InColor
from photochrom.image import openraster
from photochrom.image.caption import add_caption
from photochrom.image.encoding import fit_to_format
from photochrom.image.photo import Photo
from photochrom.image.provenance import Original, Provenance, mark_colorized, now, strip_metadata
from photochrom.image.reader import PhotoSource, as_photo, hold_source, read_pages
from photochrom.image.tone import is_color
from photochrom.image.writer import default_format
from photochrom.inference import hints as hint_files
from photochrom.inference.chroma_transfer import take_chroma
from photochrom.inference.chroma_upsampling import ChromaLines
from photochrom.inference.hints import Hint
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.painting import find_lines, paint
from photochrom.names import escape_controls

if TYPE_CHECKING:
    from photochrom.inference.colorizer import Colorizer


class Notes:
    """What is to be said of a photo beside its result: clauses, each once, without a full stop."""

    def __init__(self) -> None:
        self._clauses: dict[str, None] = {}

    def add(self, *clauses: str) -> None:
        """Remember some."""
        self._clauses |= dict.fromkeys(clause.rstrip(".") for clause in clauses)

    def __iter__(self) -> Iterator[str]:
        return iter(self._clauses)

    def sentence(self, name: str) -> str:
        """All of them, of a photo of that name; "" where there are none."""
        return f"{name}: {'; '.join(self)}." if self._clauses else ""


class ColoredPages(NamedTuple):
    """A photo that is being coloured."""

    pages: Iterator[Photo]
    """Several of a TIFF, one of anything else; each is coloured when it is taken."""
    kind: str | None
    """Pillow's name of the format that they fit; None if they fit none in particular."""
    notes: Notes
    """Complete when all pages are taken."""
    told: list[Provenance]
    """What the marks of the pages tell; likewise."""


class PageColors(NamedTuple):
    """What a page was coloured with."""

    size: tuple[int, int]
    """Width and height of the page."""
    lines: ChromaLines | None
    """None for grey."""
    hints: tuple[Hint, ...]
    """On the page, those of a reference among them."""
    provenance: Provenance | None
    """What its mark tells; None where it is not marked."""


Listener = Callable[[PageColors | None], None]
"""Is told of each page that was coloured; None for one that was in colour, and kept."""


def colorize_pages(
    source: PhotoSource | Photo,
    options: ColorizeOptions,
    colorizer: Colorizer,
    *,
    kind: str | None = None,
    damaged: bool = False,
    original: Original | None = None,
    when: str | None = None,
    listener: Listener | None = None,
) -> ColoredPages:
    """Colour a photo, page by page.

    Args:
        source: the photo.
        options: how.
        colorizer: by which model.
        kind: Pillow's name of the format that is to be written; by default a file's own, or PNG
            where that cannot be written, and none in particular for images and arrays.
        damaged: colour what can be read of a broken file.
        original: the photo's file, where it was looked at already.
        when: what the mark gives for the time, as :func:`.provenance.now` does; by default that.
        listener: is told what each page is coloured with.

    Raises:
        InColor: all of it is in colour, and is not to be coloured anew.
        BadPhoto: it cannot be read. BadOption: the options do not go with it, or with the model.
    """
    source = hold_source(source) if not isinstance(source, Photo) else source
    first, rest = open_pages(source, options, damaged=damaged)
    notes = Notes()
    if first.pictures > 1 and not first.paged:
        notes.add(f"it holds {first.pictures} pictures, of which only the first is coloured")
    if kind is None and isinstance(source, str | os.PathLike | bytes):
        kind = default_format(first.format)
        if first.format not in (None, kind):
            notes.add(png_instead(str(first.format)))
    if options.reference is not None:
        options = replace(options, reference=as_photo(options.reference))
    if options.chroma_from is not None:
        options = replace(options, chroma_from=as_photo(options.chroma_from))
    when, tell = when or now(), listener or (lambda _: None)
    marks: list[Provenance] = []

    @cache
    def found() -> Original | None:  # once, and only where it is told
        return original or look_at(source)

    def colorize_page(page: Photo) -> Photo:
        if page.paged and not options.recolor and is_color(page):
            tell(None)
            return fit_page(page, kind, notes)
        hints = gather_hints(page, options, colorizer, notes)
        told = None
        if options.mark and options.strength > 0:
            told = tell_provenance(options, colorizer, hints, when, found())
            marks.append(told)
        if isinstance(options.chroma_from, Photo) and options.strength > 0:
            lines: ChromaLines | None = _take_lines(page, options.chroma_from, notes)
        else:
            lines = colorizer.find_colors(page, replace(options, hints=hints))
        height, width = page.pixels.shape[:2]
        tell(PageColors((width, height), lines, hints, told))
        return fit_page(finish_page(page, lines, options, told), kind, notes, page)

    pages = map(colorize_page, itertools.chain([first], rest))
    return ColoredPages(pages, kind, notes, marks)


def open_pages(
    source: PhotoSource | Photo, options: ColorizeOptions, *, damaged: bool = False
) -> tuple[Photo, Iterator[Photo]]:
    """The first page of a photo that is to be coloured, and the others.

    Raises:
        InColor, BadPhoto, BadOption: as :func:`colorize_pages`.
    """

    def read() -> Iterator[Photo]:
        return iter([source]) if isinstance(source, Photo) else read_pages(source, damaged)

    pages = read()
    first = next(pages)
    if first.paged and options.hints:
        raise BadOption(f"Hints are for one page, and there are {first.pictures}: split them.")
    if first.paged and options.chroma_from is not None:
        raise BadOption(f"A picture is of one page, and there are {first.pictures}: split them.")
    if not options.recolor and is_color(first):
        others = itertools.islice(read(), 1, None) if first.paged else ()
        if all(map(is_color, others)):
            raise InColor(sentence_in_color(name_of(source)))
    return first, pages


def gather_hints(
    page: Photo, options: ColorizeOptions, colorizer: Colorizer, notes: Notes
) -> tuple[Hint, ...]:
    """The hints given for a page, and those that the reference gives where it shows the same."""
    height, width = page.pixels.shape[:2]
    hints = hint_files.resolve_hints(options.hints, (width, height))
    if options.reference is None:
        return hints
    more = colorizer.hints_from_reference(page, options.reference)
    if not more and not page.paged:
        shown = name_of(options.reference, "the reference")
        notes.add(f"{shown} shows nothing that it does, so it was coloured without")
    return hint_files.join_hints(hints, more)[: max(hint_files.MOST, len(hints))]


def _take_lines(page: Photo, picture: Photo, notes: Notes) -> ChromaLines:
    """The colours that a page takes from another picture of it."""
    name = name_of(picture, "the picture")
    chroma = take_chroma(page, picture, name)
    if chroma.covered < _COVERED:
        notes.add(f"{name} covers {chroma.covered:.0%} of it, and its colours go on beyond that")
    return find_lines(page, chroma.ab)


_COVERED = 0.98
"""Of a photo, from which nobody needs to know that some of its border is not covered."""


def name_of(source: PhotoSource | Photo, otherwise: str = "The photo") -> str:
    """What a photo is called where something is said of it."""
    path = source.source if isinstance(source, Photo) else source
    return str(path) if isinstance(path, str | os.PathLike) else otherwise


def sentence_in_color(name: str) -> str:
    """The sentence on a photo that is passed over."""
    return f"{name} is in colour already, so it was passed over: see --recolor."


def png_instead(kind: str) -> str:
    """The note that a format, by Pillow's name, could not be kept."""
    return f"{kind} cannot be written, so the result is PNG"


def look_at(source: PhotoSource | Photo) -> Original | None:
    """The file that a photo came from, by its bytes and its name; None for pixels.

    Raises:
        BadPhoto: it is not there any more.
    """
    path = source.source if isinstance(source, Photo) else source
    if isinstance(path, bytes):
        return Original.within(path)
    if not isinstance(path, str | os.PathLike):
        return None
    try:
        return Original.at(path)
    except OSError as error:
        raise BadPhoto(
            f"{path} cannot be opened any more ({error.strerror}): check path and permissions."
        ) from error


def tell_provenance(
    options: ColorizeOptions,
    colorizer: Colorizer,
    hints: tuple[Hint, ...],
    when: str,
    original: Original | None,
) -> Provenance:
    """Tell how a page comes by its colours."""
    name, version = ("", "") if options.chroma_from is not None else colorizer.name_and_version
    if options.strip and original is not None:
        original = original.nameless()
    return Provenance(
        version=__version__,
        model=name,
        model_version=version,
        when=when,
        original=original,
        clauses=_clauses(options, len(hints)),
    )


def _clauses(options: ColorizeOptions, hints: int) -> tuple[str, ...]:
    """What was asked for beside the usual, in words."""
    told = {
        _tell_picture(options): options.chroma_from is not None,
        f"size {options.size}": options.size is not None,
        f"strength {options.strength:g}": options.strength != 1,
        f"vivid {options.vivid}": options.vivid is not None,
        f"quality {options.quality}": options.quality != "fast",
        "1 hint" if hints == 1 else f"{hints} hints": hints > 0,
        "hints from a reference photo": options.reference is not None,
    }
    return tuple(clause for clause, is_so in told.items() if is_so)


def _tell_picture(options: ColorizeOptions) -> str:
    """Which picture the colours were taken from."""
    known = None if options.chroma_from is None else look_at(options.chroma_from)
    name = (known.name if known and not options.strip else "") or "another picture"
    return f"colours taken from {escape_controls(name)}" + (
        f", SHA-256 {known.sha256}" if known else ""
    )


def finish_page(
    page: Photo, lines: ChromaLines | None, options: ColorizeOptions, provenance: Provenance | None
) -> Photo:
    """A page in its colours, with the metadata and the caption that it is to have."""
    photo = paint(page, lines, options.strength)
    if options.strip:
        photo = strip_metadata(photo)
    if provenance is not None:
        photo = mark_colorized(photo, provenance)
    if options.caption is not None:
        photo = add_caption(photo, options.caption, options.caption_place)
    return photo


def fit_page(page: Photo, kind: str | None, notes: Notes, uncolored: Photo | None = None) -> Photo:
    """A page that is done, fit to the format that is written, if any; notes tell what it lacks.

    ``uncolored`` is the page as it was, for a format that holds that, too.
    """
    if kind == openraster.FORMAT and uncolored is not None:
        page = replace(page, uncolored=uncolored.pixels)
    page = page if kind is None else fit_to_format(page, kind)
    notes.add(*page.notes)
    return page
