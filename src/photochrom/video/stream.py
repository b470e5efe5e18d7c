"""Frames of a pipeline of one's own, coloured as they come: an iterable in, an iterator out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from typing import Any, NamedTuple, overload

import numpy as np
from PIL import Image

from photochrom.color import Array
from photochrom.errors import BadOption, BadPhoto
from photochrom.image.photo import Photo, to_array, to_image
from photochrom.image.reader import PhotoSource, read_photo
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.inference.colorizer import Colorizer, default_colorizer
from photochrom.inference.painting import paint
from photochrom.video.options import VideoOptions
from photochrom.video.propagation import carry_colors


class SeenFrame(NamedTuple):
    """A frame, and how the network sees it."""

    number: int
    """From 0."""
    photo: Photo
    lightness: Array
    """L, (h, w)."""


@overload
def colorize_frames(
    frames: Iterable[Image.Image],
    *,
    colorizer: Colorizer | None = None,
    size: int | None = None,
    strength: float = 1.0,
    vivid: float | None = None,
    hints: str | os.PathLike[str] | Sequence[Any] = (),
    reference: PhotoSource | Photo | None = None,
) -> Iterator[Image.Image]: ...
@overload
def colorize_frames(
    frames: Iterable[Array],
    *,
    colorizer: Colorizer | None = None,
    size: int | None = None,
    strength: float = 1.0,
    vivid: float | None = None,
    hints: str | os.PathLike[str] | Sequence[Any] = (),
    reference: PhotoSource | Photo | None = None,
) -> Iterator[Array]: ...


def colorize_frames(
    frames: Iterable[Any],
    *,
    colorizer: Colorizer | None = None,
    size: int | None = None,
    strength: float = 1.0,
    vivid: float | None = None,
    hints: str | os.PathLike[str] | Sequence[Any] = (),
    reference: PhotoSource | Photo | None = None,
) -> Iterator[Any]:
    """Colour the frames of a film as they come, each with its own lightness.

    Cuts are found on the way, and colours are carried along the motion between them. For that a few
    frames are held at a time, so results come that much later, and memory does not grow.

    Args:
        frames: PIL images, or arrays (H, W), (H, W, 1) or (H, W, 3), uint8, uint16, or
            floating-point in 0..1; all of one kind and size.
        colorizer: by which model; by default the bundled one.
        size: as in :class:`.VideoOptions`, like the others.
        strength: likewise.
        vivid: likewise.
        hints: for frames, by their number from 0. Nothing is known here of frames to come, so they
            are carried forward only, to the end of the shot.
        reference: a colour photo: what is seen in it and in a shot takes its colour.

    Yields:
        Each frame in colour, of the kind that went in; an array is (H, W, 3) of the same dtype.

    Raises:
        BadOption: an option is out of range, now; or a frame is of another kind or size than the
            first, when its turn comes.
        BadPhoto: a frame holds no picture, when its turn comes.
    """
    options = VideoOptions(
        size=size, strength=strength, vivid=vivid, hints=hints, reference=reference
    )
    colorizer = default_colorizer() if colorizer is None else colorizer
    colorizer.model.fill_numbers(vivid=vivid)
    return _colorize(frames, options, colorizer)


def _colorize(frames: Iterable[Any], options: VideoOptions, colorizer: Colorizer) -> Iterator[Any]:
    def ask(_: SeenFrame, lightness: Array) -> Array:
        return colorizer.predict_ab(lightness, size=min(lightness.shape), vivid=options.vivid)

    sources, behind = tee(frames)
    seen = _see(sources, options, colorizer)
    for source, (frame, ab) in zip(
        behind, carry_colors(seen, lambda frame: frame.lightness, ask), strict=True
    ):
        photo = paint(frame.photo, fit_lines(ab, frame.lightness), options.strength)
        if isinstance(source, Image.Image):
            yield to_image(photo)
        else:
            yield to_array(photo, source.dtype)


def _see(frames: Iterable[Any], options: VideoOptions, colorizer: Colorizer) -> Iterator[SeenFrame]:
    """Each frame as the network sees it, checked against the first."""
    first: tuple[str, tuple[int, ...]] | None = None
    for number, frame in enumerate(frames):
        kind = _kind(frame, number)
        first = first or kind
        if kind != first:
            raise BadOption(
                f"Frame {number} is {_tell(kind)}, but frame 0 is {_tell(first)}: give frames of "
                "one kind and size."
            )
        try:
            photo = read_photo(frame)
        except BadPhoto as error:
            raise BadPhoto(f"Frame {number}: {error}") from error
        (view,) = colorizer._predictor.views(photo, options.size, "fast")
        yield SeenFrame(number, photo, view.small)


def _kind(frame: Any, number: int) -> tuple[str, tuple[int, ...]]:
    """What has to be the same in all frames: of which type, and height, width and channels."""
    if isinstance(frame, Image.Image):
        return f"PIL image of mode {frame.mode}", (frame.height, frame.width)
    if isinstance(frame, np.ndarray):
        return f"array of {frame.dtype}", frame.shape
    raise BadOption(f"Frame {number} is a {type(frame).__name__}: give PIL images or arrays.")


def _tell(kind: tuple[str, tuple[int, ...]]) -> str:
    name, shape = kind
    article = "an" if name.startswith("array") else "a"
    return f"{article} {name}, {' × '.join(map(str, shape))}"
