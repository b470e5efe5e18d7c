"""What stands beside a result: files that are made or copied for it, under its name."""

from __future__ import annotations

from pathlib import Path

from photochrom.batch.options import BatchOptions
from photochrom.image.photo import Photo
from photochrom.image.xmp_sidecar import copy_sidecars, shares_stem
from photochrom.inference.color_distribution import render_entropy
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import Notes, gather_hints, open_pages


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
    """Where the map of uncertainty of a photo goes, by its (first) result.

    That is ``<result>.uncertainty.png`` without the result's suffix, or with it where another photo
    in the folder has the same stem, and would have the same map.
    """
    name = target.name if shares_stem(photo) else target.stem
    return target.with_name(f"{name}.uncertainty.png")


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
