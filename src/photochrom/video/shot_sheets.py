"""The files in a folder of shots: of each a frame and one for its hints, and contact sheets."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from photochrom import files
from photochrom.color import Array, Pixels
from photochrom.evaluation.contact_sheet import make_contact_sheet, thumbnail
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.writer import write_photo
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.inference.painting import paint
from photochrom.video.asking import Asker
from photochrom.video.guiding import Guide
from photochrom.video.holding import hold_spots

PER_SHEET = 48
"""Frames on one contact sheet."""
_HEIGHT = 180
"""Of a picture on it, in pixels."""
_FEW = 8
"""Frames that stand one below the other; more stand two by two."""

Entry = tuple[str, Pixels, Pixels]
"""A caption, and a frame, small, grey and in colour, each (h, w, 3) uint8."""


def write_shot(folder: Path, shot: int, number: int, picture: Pixels) -> None:
    """Write a frame, and a file for its hints if it has none yet.

    Args:
        folder: where to.
        shot: from 1.
        number: of the frame, from 0.
        picture: the frame in grey, upright, (H, W) uint8.
    """
    stem = f"shot-{shot:04}-frame-{number:06}"
    write_photo(Photo(picture), folder / f"{stem}.png", force=True)
    hints = folder / f"{stem}.json"
    if not hints.exists():
        height, width = picture.shape[:2]
        empty = {"frame": number, "size": [width, height], "hints": []}
        files.write_bytes(hints, f"{json.dumps(empty)}\n".encode())


def color_alone(number: int, lightness: Array, asker: Asker, guide: Guide) -> Array:
    """The colours of a frame, (2, h, w), as far as it is looked at alone.

    Args:
        number: of the frame.
        lightness: as the network sees it, (h, w).
        asker: asks the network.
        guide: knows what hints and a reference tell of it.
    """
    spots = guide.follow([number], lambda: [lightness]).get(number, np.zeros((0, 5), np.float32))
    return hold_spots(asker.ask(lightness, spots), lightness, spots)


def make_entry(
    caption: str, picture: Pixels, ab: Array, lightness: Array, strength: float
) -> Entry:
    """A frame as it stands on a contact sheet.

    Args:
        caption: below it.
        picture: in grey, (H, W) uint8.
        ab: its colours, (2, h, w).
        lightness: (h, w), for which they were found.
        strength: how much of them.
    """
    small = Photo(np.asarray(thumbnail(picture, _HEIGHT)))
    grey, colored = paint(small, None), paint(small, fit_lines(ab, lightness), strength)
    return caption, np.asarray(grey.pixels), np.asarray(colored.pixels)


def write_sheets(folder: Path, entries: Iterable[Entry], many: int) -> list[Path]:
    """Write contact sheets.

    Args:
        folder: where to.
        entries: so many; those of one sheet are held at a time.
        many: how many there are.

    Returns:
        The sheets.
    """
    coming = iter(entries)
    sheets = [
        _write_sheet(folder / name, list(islice(coming, PER_SHEET)))
        for name in _name_sheets(math.ceil(many / PER_SHEET))
    ]
    for _ in coming:  # so that whoever makes them comes to an end
        pass
    return sheets


def _write_sheet(path: Path, entries: Sequence[Entry]) -> Path:
    sheet = make_contact_sheet(
        [pictures for _, *pictures in entries],
        ("grey", "coloured"),
        height=_HEIGHT,
        across=1 if len(entries) <= _FEW else 2,
        captions=[caption for caption, *_ in entries],
    )
    return write_photo(read_photo(sheet), path, force=True)


def _name_sheets(many: int) -> list[str]:
    if many == 1:
        return ["contact-sheet.jpg"]
    return [f"contact-sheet-{number:02}.jpg" for number in range(1, many + 1)]
