"""What stands beside a result: files that are made or copied for it, under its name."""

from __future__ import annotations

import stat
from pathlib import Path

from photochrom import files
from photochrom.batch.options import BatchOptions
from photochrom.errors import BadData, CannotWrite
from photochrom.image.mark import read_marks
from photochrom.image.photo import Photo
from photochrom.image.provenance import Original, now
from photochrom.image.xmp_sidecar import copy_sidecars, shares_stem
from photochrom.inference.color_distribution import render_entropy
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import Notes, PageColors, gather_hints, open_pages
from photochrom.inference.sidecar import (
    ENDING,
    ModelFile,
    ResultFile,
    Sidecar,
    SidecarPage,
    split_options,
    write_sidecar,
)
from photochrom.inference.sidecar_reader import read_sidecar


def write_companions(photo: Path, target: Path, options: BatchOptions) -> list[str]:
    """Write the files beside a result, just before it gets its name.

    Args:
        photo: the photo.
        target: its result.
        options: what is asked for.

    Returns:
        What is to be said: which of them is not there, and why.

    Raises:
        DiskFull: there is no room.
    """
    return [] if options.strip else copy_sidecars(photo, target, force=options.force)


def map_beside(photo: Path, target: Path) -> Path:
    """Where the map of uncertainty of a photo goes, by its (first) result."""
    return target.with_name(f"{_name_beside(photo, target)}.uncertainty.png")


def _name_beside(photo: Path, target: Path) -> str:
    """A result's name without its suffix, or with it where another photo in the folder of this one
    has the same stem, whose result would have the same.
    """
    return target.name if shares_stem(photo) else target.stem


def draw_map(
    photo: Path, options: ColorizeOptions, colorizer: Colorizer, *, damaged: bool
) -> Photo:
    """Draw where the network guesses, given the hints, in the size of the photo.

    Of several pages, the first.

    Args:
        photo: the photo.
        options: how it is coloured.
        colorizer: by which model.
        damaged: whether what can be read of a broken file is enough.

    Raises:
        InColor, BadPhoto, BadOption: as :func:`colorize_pages`.
    """
    page, _ = open_pages(photo, options, damaged=damaged)
    hints = gather_hints(page, options, colorizer, Notes())
    bits = colorizer.uncertainty(page, hints=hints, size=options.size)
    told = f"Where model {colorizer.name} guesses: black is certain, yellow could be anything"
    notes = ("the map of uncertainty is of the first page",) if page.paged else ()
    return Photo(
        render_entropy(bits), text=(("Description", told),), source=page.source, notes=notes
    )


# --- sidecars ---------------------------------------------------------------------------------


def sidecar_beside(photo: Path, target: Path) -> Path:
    """Where the sidecar of a result goes."""
    return target.with_name(f"{_name_beside(photo, target)}{ENDING}")


class SidecarDraft:
    """What a sidecar will hold, while its result is made; it listens to how pages are coloured.

    Args:
        original: the photo's file.
        options: how it is coloured.
        colorizer: by which model.
        when: as :func:`.provenance.now` tells it.
        damaged: whether what can be read of a broken file is enough.
    """

    def __init__(
        self,
        original: Original,
        options: ColorizeOptions,
        colorizer: Colorizer,
        when: str,
        *,
        damaged: bool,
    ) -> None:
        self.original = original.nameless() if options.strip else original
        self.options, self.sources = split_options(options)
        self.colorizer, self.when, self.damaged = colorizer, when, damaged
        self.pages: list[SidecarPage | None] = []

    def listen(self, colors: PageColors | None) -> None:
        """Note what a page is coloured with."""
        self.pages.append(SidecarPage.of(colors))

    def write(self, target: Path, result: ResultFile, *, force: bool) -> None:
        """Write the sidecar, when the result is there, for the same eyes.

        Raises:
            CannotWrite: it exists, or the folder does not take it. DiskFull: there is no room.
        """
        model = ModelFile(*self.colorizer.name_and_version, self.colorizer.sha256)
        strip = self.options.strip
        sidecar = Sidecar(
            original=self.original,
            model=None if "chroma_from" in self.sources else model,
            when=self.when,
            options=self.options,
            sources={
                name: told.nameless() if strip else told for name, told in self.sources.items()
            },
            damaged=self.damaged,
            result=result,
            pages=tuple(self.pages),
        )
        mode = stat.S_IMODE(target.with_name(result.name).stat().st_mode)
        write_sidecar(sidecar, target, force=force, mode=mode)


def has_sidecar(target: Path, sha256: str, *, force: bool) -> bool:
    """Whether a file is there and is the sidecar of a result.

    Args:
        target: the file.
        sha256: of the result.
        force: whether another file is to be replaced.

    Raises:
        CannotWrite: another is there, and is not to be replaced.
    """
    if not target.exists():
        return False
    try:
        if read_sidecar(target).result.sha256 == sha256:
            return True
    except BadData:
        pass
    if force:
        return False
    raise CannotWrite(
        f"{target} exists already and tells of another result: move it away, or replace it by "
        "force (--force)."
    )


def check_sidecar(target: Path, *, force: bool) -> None:
    """Refuse a sidecar that exists, before the work.

    Raises:
        CannotWrite: it does.
    """
    if force or not target.exists():
        return
    try:
        read_sidecar(target)
    except BadData:
        raise files.already_exists(target) from None
    raise CannotWrite(
        f"{target} exists already, and its result does not: make that again by photochrom apply, "
        "move the file away, or replace it by force (--force)."
    )


def time_of(result: Path) -> str:
    """The time that a result's mark gives; that of now where it has none."""
    return next((mark.when for mark in read_marks(result) if mark.when), "") or now()
