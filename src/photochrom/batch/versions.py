"""A photo coloured as was asked for: once, or in versions that differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from photochrom.batch.companions import SidecarDraft
from photochrom.batch.entries import Seen
from photochrom.batch.options import BatchOptions
from photochrom.errors import BadPhoto
from photochrom.image.photo import Photo
from photochrom.image.provenance import Original
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import (
    ColoredPages,
    Notes,
    colorize_pages,
    gather_hints,
    look_at,
    open_pages,
)


class Version(NamedTuple):
    """One of the results of a photo."""

    colored: ColoredPages
    draft: SidecarDraft | None
    """What its sidecar will hold when all pages are taken, if it is to have one."""


class Versions:
    """What a photo becomes, one result after another.

    Args:
        photo: the photo.
        seen: what it was when it was looked at, if it was.
        options: what is asked for.
        page_options: the same, with the reference opened.
        colorizer: by which model.
    """

    def __init__(
        self,
        photo: Path,
        seen: Seen | None,
        options: BatchOptions,
        page_options: ColorizeOptions,
        colorizer: Colorizer,
    ) -> None:
        self.photo, self.options, self.page_options = photo, options, page_options
        self.colorizer = colorizer
        self.original: Original | None = None
        if seen is not None:
            self.original = Original(name=photo.name, size=seen.size, sha256=seen.sha256)
        elif options.sidecar and photo.is_file():
            self.original = look_at(photo)

    def color(self, kind: str, when: Iterator[str]) -> Iterator[Version]:
        """Colour it.

        Args:
            kind: Pillow's name of the format that is to be written.
            when: the time that the mark of each gives.

        Raises:
            InColor, BadPhoto, BadOption: as :func:`colorize_pages`.
        """
        options, page_options, photo = self.options, self.page_options, self.photo
        if options.samples is None:
            yield self._version(photo, page_options, kind, next(when))
            return
        page, _ = open_pages(photo, page_options, damaged=options.damaged)
        if page.paged:
            raise BadPhoto(f"{photo} has {page.pictures} pages, but samples are of one: split it.")
        notes = Notes()
        hints = gather_hints(page, page_options, self.colorizer, notes)
        drawn = self.colorizer.sample_hints(page, options.samples, options.seed, hints=hints)
        for hints_of_it, time in zip(drawn, when, strict=False):
            own = replace(page_options, hints=hints_of_it, reference=None, recolor=True)
            version = self._version(page, own, kind, time)
            version.colored.notes.add(*notes)
            yield version

    def _version(
        self, source: Path | Photo, options: ColorizeOptions, kind: str, when: str
    ) -> Version:
        draft, damaged = None, self.options.damaged
        if self.options.sidecar and self.original is not None:
            draft = SidecarDraft(self.original, options, self.colorizer, when, damaged=damaged)
        colored = colorize_pages(
            source,
            options,
            self.colorizer,
            kind=kind,
            damaged=damaged,
            original=self.original,
            when=when,
            listener=draft.listen if draft is not None else None,
        )
        return Version(colored, draft)
