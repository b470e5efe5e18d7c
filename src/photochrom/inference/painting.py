"""A page in colours that were found for it, by whomever: its own lightness and metadata stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from photochrom.color import Array
from photochrom.image.photo import Photo
from photochrom.inference.chroma_steps import round_ab
from photochrom.inference.chroma_upsampling import (
    ChromaLines,
    fit_lines,
    recombine,
    shrink,
    to_grey,
)


def find_lines(photo: Photo, ab: Array) -> ChromaLines:
    """The lines over a page's lightness that meet small colours.

    Args:
        photo: the page.
        ab: (2, h, w), of the whole page; rounded as by the network's, so that a file of them gives
            the same pixels.
    """
    size = photo.pixels.shape[0], photo.pixels.shape[1]
    L = shrink(photo.lightness, size, (ab.shape[1], ab.shape[2]))
    return fit_lines(round_ab(ab), L)


def paint(photo: Photo, lines: ChromaLines | None, strength: float = 1.0) -> Photo:
    """Give a page its colours at full size.

    Args:
        photo: the page.
        lines: its colours; None for none, which is grey.
        strength: how much of them, as in :class:`.ColorizeOptions`.
    """
    depth = photo.pixels.dtype.type
    if (lines is None or strength == 0) and photo.pixels.ndim == 2:
        return replace(photo, pixels=np.repeat(photo.pixels[..., None], 3, axis=2))
    if lines is None or strength == 0:
        return replace(photo, pixels=to_grey(photo.lightness(), depth))
    chroma = lines.widen((photo.pixels.shape[0], photo.pixels.shape[1]))
    return replace(photo, pixels=recombine(photo.lightness, chroma, strength=strength, dtype=depth))
