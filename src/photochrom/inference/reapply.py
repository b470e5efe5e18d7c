"""A result made again from its sidecar: the same pixels, and no network."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from photochrom import files
from photochrom.errors import BadData, BadPhoto, PhotoWarning
from photochrom.files import make_parent
from photochrom.image.photo import Photo
from photochrom.image.provenance import Original, Provenance
from photochrom.image.reader import read_pages
from photochrom.image.writer import check_target, default_output, write_photo
from photochrom.inference.painting import find_lines
from photochrom.inference.pipeline import Notes, finish_page, fit_page
from photochrom.inference.sidecar import Sidecar, SidecarPage, decode_ab
from photochrom.inference.sidecar_reader import read_sidecar
from photochrom.names import escape_controls


class Applied(NamedTuple):
    """What came of a sidecar and its photo."""

    path: Path
    same: bool | None
    """Whether the file is byte for byte the one that the sidecar tells of; None where it is of
    another format."""
    notes: Notes
    """What is to be said of it."""


def apply_sidecar(
    sidecar: str | os.PathLike[str],
    photo: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
) -> Path:
    """Colour a photo as its sidecar says, which needs no model.

    Args:
        sidecar: a file that ``photochrom colorize --sidecar`` wrote.
        photo: the path of the photo that it was written for.
        output: the file to write, by default ``<stem>.color.<suffix>`` beside the photo; in another
            format it has the same pixels as far as that can hold them.
        force: replace the output if it exists.

    Returns:
        The path that was written. Its pixels and metadata are those of the result that the sidecar
        was written with.

    Raises:
        BadData: the sidecar is none. BadPhoto: the photo is not the one that the sidecar was
            written for, by its SHA-256, or cannot be read.
        CannotWrite: the result exists already, or cannot be written.

    Warns:
        PhotoWarning: something beside the picture was damaged or has no place in the result.
    """
    applied = apply_to_file(Path(sidecar), Path(photo), output, force=force)
    for note in applied.notes:
        warnings.warn(escape_controls(f"{photo}: {note}"), PhotoWarning, stacklevel=2)
    return applied.path


def apply_to_file(
    sidecar: Path, photo: Path, output: str | os.PathLike[str] | None = None, *, force: bool
) -> Applied:
    """The same as :func:`apply_sidecar`, and what is to be said of it."""
    told = read_sidecar(sidecar)
    check_original(told, sidecar, photo)
    target = _default_target(photo, told) if output is None else Path(output)
    kind = check_target(target, photo, force=force)
    notes = Notes()
    make_parent(target)
    digests: list[str] = []
    write_photo(
        apply_to_pages(told, sidecar, photo, kind, notes),
        target,
        force=force,
        before_rename=lambda file: digests.append(files.sha256(file)),
        encoding=told.result.encoding,
    )
    same = digests[0] == told.result.sha256 if kind == told.result.format else None
    return Applied(target, same, notes)


def _default_target(photo: Path, told: Sidecar) -> Path:
    """The usual name for a result, with the suffix that it had, if that is one."""
    usual, suffix = default_output(photo), Path(told.result.name).suffix
    return usual.with_suffix(suffix) if suffix[1:].isalnum() else usual


def check_original(told: Sidecar, sidecar: Path, photo: Path) -> None:
    """Refuse a photo that a sidecar was not written for.

    Raises:
        BadPhoto: it is another, or cannot be read.
    """
    try:
        found = Original.at(photo)
    except FileNotFoundError as error:
        raise BadPhoto(f"{photo} does not exist: check the path.") from error
    except OSError as error:
        reason = error.strerror or error
        raise BadPhoto(f"{photo} cannot be opened ({reason}): check the path.") from error
    if found.sha256 != told.original.sha256:
        name = told.original.name or "a photo"
        raise BadPhoto(
            f"{photo} is not the photo that {sidecar} was written for: its SHA-256 is "
            f"{found.sha256}, and that of {name} was {told.original.sha256}: give that file."
        )


def apply_to_pages(
    told: Sidecar, sidecar: Path, photo: Path, kind: str, notes: Notes
) -> Iterator[Photo]:
    """The pages of a photo in their colours, one at a time, fit to a format.

    Raises:
        BadData: the sidecar does not go with them. BadPhoto: one cannot be read.
    """
    for number, page in enumerate(read_pages(photo, told.damaged), 1):
        if number > len(told.pages):
            raise BadData(f"{sidecar} is of {len(told.pages)} pages, and {photo} has more.")
        entry = told.pages[number - 1]
        if entry is None:
            yield fit_page(page, kind, notes)
            continue
        height, width = page.pixels.shape[:2]
        if entry.size != (width, height):
            raise BadData(
                f"{sidecar} is of a page of {entry.size[0]} by {entry.size[1]} pixels, and page "
                f"{number} of {photo} has {width} by {height}: give the sidecar of this photo."
            )
        yield fit_page(_color_page(page, entry, told, sidecar), kind, notes, page)
    if number < len(told.pages):
        raise BadData(f"{sidecar} is of {len(told.pages)} pages, and {photo} has {number}.")


def _color_page(page: Photo, entry: SidecarPage, told: Sidecar, sidecar: Path) -> Photo:
    lines = None
    if entry.png is not None:
        try:
            lines = find_lines(page, decode_ab(entry.png))
        except (BadPhoto, ValueError) as error:
            raise BadData(f"The colours in {sidecar} are damaged: take a whole copy.") from error
    options = told.options
    provenance = None
    if options.mark and options.strength > 0:
        original = told.original.nameless() if options.strip else told.original
        provenance = Provenance(
            version=told.version,
            model=told.model.name if told.model else "",
            model_version=told.model.version if told.model else "",
            when=told.when,
            original=original,
            clauses=entry.clauses,
        )
    return finish_page(page, lines, options, provenance)
