"""A caption: a line that tells what a coloured picture is, in a strip below it or in its corner."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Literal

import numpy as np

from photochrom.color import Array
from photochrom.errors import BadOption
from photochrom.image import exif, fonts, regions, typesetting
from photochrom.image.levels import Levels
from photochrom.image.photo import Photo

CAPTION = "Colorized by photochrom from a black-and-white original"
Place = Literal["below", "corner"]
MOST = 500
"""Signs of a caption, which is no letter."""

_SHARE, _SMALLEST = 0.03, 9
"""The em: a share of the short side, such that the usual caption is one line; and at least so many
pixels, below which no letter is told from another."""
_NARROWEST = 48
"""Pixels that a picture has to be wide for a caption."""
_COVERED = 0.5
"""Share of the picture that a caption in its corner may cover."""
_DARK, _LIGHT = 0.09, 0.96
"""Of paper and ink, 0..1."""
_EVEN = 0.02
"""Deviation of levels, 0..1, up to which the lowest rows are a border, which the strip goes on."""
_VEIL = 0.35
"""Of the picture, what shines through behind a caption in its corner."""


def clean_caption(text: str) -> str:
    """A caption as it can be set.

    Raises:
        BadOption: it is empty or too long, or no font here can show it.
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    known = unicodedata.normalize("NFC", "\n".join(filter(None, lines)))
    known = "".join(s for s in known if s == "\n" or unicodedata.category(s) != "Cc")
    if not known:
        raise BadOption("The caption is empty: give a text, or --caption alone for the usual one.")
    if len(known) > MOST:
        raise BadOption(f"The caption has {len(known):,} characters: give at most {MOST}.")
    _, missing = fonts.choose_fonts(known)
    if missing:
        raise BadOption(
            f"No font on this machine can show {missing} in the caption: install one that does, "
            "such as Noto, or word the caption otherwise."
        )
    if typesetting.needs_shaping(known) and not fonts.can_shape():
        raise BadOption(
            "The caption's script needs FriBiDi, which is not installed: install that "
            "(libfribidi), or word the caption otherwise."
        )
    return known


def add_caption(photo: Photo, text: str, place: Place = "below") -> Photo:
    """A photo with a caption, its metadata made to fit.

    Args:
        photo: whose rows stay as they are where the caption stands below.
        text: as :func:`clean_caption` takes it.
        place: "below" the picture, which becomes higher; or over it, in its lower "corner".

    Raises:
        BadOption: the text cannot be set.
    """
    text = clean_caption(text)
    height, width = photo.pixels.shape[:2]
    if width < _NARROWEST:
        note = f"the caption was left out, as the picture is only {width} pixels wide"
        return replace(photo, notes=(*photo.notes, note))
    direction = typesetting.direction_of(text)
    size = max(_SMALLEST, round(min(height, width) * _SHARE))
    face = typesetting.Face(tuple(fonts.choose_fonts(text)[0]), size, direction)
    margin = max(2, size // 2)
    lines = typesetting.wrap(text, width - 2 * margin, face)
    if place == "corner":
        align = "left" if direction == "ltr" else "right"
        widest = min(width - 2 * margin, int(np.ceil(max(map(face.width, lines)))))
        around = (margin // 2, margin // 2), (margin, margin)
        ink = np.pad(face.draw(lines, widest, align), around)
        if ink.size <= _COVERED * height * width and ink.shape[0] <= height:
            return _cover_corner(photo, ink, align)
        note = "the caption stands below, as it would cover more than half of the picture"
        photo = replace(photo, notes=(*photo.notes, note))
    ink = np.pad(face.draw(lines, width - 2 * margin, "center"), margin)
    return _put_below(photo, ink)


def _put_below(photo: Photo, ink: Array) -> Photo:
    """The photo, and a strip below it."""
    pixels, top = photo.pixels, np.iinfo(photo.pixels.dtype).max
    height, width = pixels.shape[:2]
    edge = pixels[-max(1, min(height // 100, 16)) :].reshape(-1, *pixels.shape[2:]) / top
    middle = np.median(edge, axis=0)
    is_dark = bool(np.mean(middle) < 0.5)
    paper = middle if edge.std(axis=0).max() <= _EVEN else _DARK if is_dark else _LIGHT
    strip = np.broadcast_to(np.asarray(paper, np.float32), (*ink.shape, *pixels.shape[2:]))
    strip = _blend(strip, _LIGHT if is_dark else _DARK, ink)
    alpha = photo.alpha
    if alpha is not None:
        alpha = np.vstack([alpha, np.full(ink.shape, top, alpha.dtype)])
    whole = np.vstack([pixels, _to_levels(strip, pixels.dtype.type)])
    block = exif.tidy(photo.exif, (width, len(whole))).block
    packet = regions.move_regions(photo.xmp, height, len(whole))
    return replace(photo, pixels=whole, alpha=alpha, exif=block, xmp=packet)


def _cover_corner(photo: Photo, ink: Array, side: str) -> Photo:
    """The photo with a caption over its lower corner, on a veil."""
    pixels, top = photo.pixels.copy(), np.iinfo(photo.pixels.dtype).max
    rows = slice(-ink.shape[0], None)
    columns = slice(ink.shape[1]) if side == "left" else slice(-ink.shape[1], None)
    seen = pixels[rows, columns].astype(np.float32) / top
    veiled = seen * _VEIL + (1 - _VEIL) * np.float32(_DARK)
    pixels[rows, columns] = _to_levels(_blend(veiled, _LIGHT, ink), pixels.dtype.type)
    alpha = photo.alpha
    if alpha is not None:
        alpha = alpha.copy()
        alpha[rows, columns] = top
    return replace(photo, pixels=pixels, alpha=alpha)


def _blend(paper: Array, level: float, ink: Array) -> Array:
    """Ink of a grey level, 0..1, on paper."""
    share = ink.astype(np.float32) / 255
    share = share.reshape(*ink.shape, *[1] * (paper.ndim - 2))
    return np.asarray(paper + (level - paper) * share)


def _to_levels(values: Array, dtype: type) -> Levels:
    """Levels of values in 0..1."""
    return np.asarray(np.rint(values * np.iinfo(dtype).max), dtype)
