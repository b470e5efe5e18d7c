"""Frames of a pipeline of one's own, coloured as they come: an iterable in, an iterator out."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import accumulate, chain, groupby, tee
from operator import itemgetter
from typing import Any, NamedTuple, overload

import numpy as np
from PIL import Image

from photochrom.color import Array
from photochrom.errors import BadOption, BadPhoto, PhotoWarning
from photochrom.image.photo import Photo, to_array, to_image
from photochrom.image.reader import PhotoSource, as_photo, read_photo
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.inference.colorizer import Colorizer, default_colorizer
from photochrom.inference.hints import HintSet
from photochrom.inference.painting import paint
from photochrom.video.asking import Asker
from photochrom.video.frame_hints import FrameHints, place_hints, read_frame_hints
from photochrom.video.guiding import check_reference, match_reference
from photochrom.video.holding import hold_spots
from photochrom.video.options import VideoOptions
from photochrom.video.picture import Picture, ask_about, look, size_of
from photochrom.video.propagation import carry_colors
from photochrom.video.shots import mark_cuts
from photochrom.video.tracking import follow_spots


@overload
def colorize_frames(
    frames: Iterable[Image.Image],
    *,
    colorizer: Colorizer | None = None,
    size: int | None = None,
    strength: float = 1.0,
    vivid: float | None = None,
    hints: FrameHints = (),
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
    hints: FrameHints = (),
    reference: PhotoSource | Photo | None = None,
) -> Iterator[Array]: ...


def colorize_frames(
    frames: Iterable[Any],
    *,
    colorizer: Colorizer | None = None,
    size: int | None = None,
    strength: float = 1.0,
    vivid: float | None = None,
    hints: FrameHints = (),
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
        reference: a colour photo: what is seen in it and in the first frame of a shot takes its
            colour.

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
    match: Match | None = None
    if reference is not None:
        shown = as_photo(reference)
        check_reference(colorizer, shown)
        match = partial(match_reference, colorizer, shown)
    return _colorize(frames, options, read_frame_hints(hints), match, colorizer)


Match = Callable[..., Array]
"""Finds spots of a reference in a frame: :func:`.match_reference`, but for those two."""


class _Seen(NamedTuple):
    picture: Picture
    asker: Asker
    give: Callable[[Photo], Any]
    """Makes of a photo what the frame was."""


def _colorize(
    frames: Iterable[Any],
    options: VideoOptions,
    hints: Mapping[int, HintSet],
    match: Match | None,
    colorizer: Colorizer,
) -> Iterator[Any]:
    wrong: list[Exception] = []
    last = -1
    ahead, behind = tee(_see(frames, options, colorizer, wrong))
    begun = accumulate(mark_cuts(seen.picture.lightness for seen in ahead))
    for _, shot in groupby(zip(begun, behind, strict=True), key=itemgetter(0)):
        spotted = _follow((seen for _, seen in shot), hints, match)
        for (picture, _, give), ab in _carry(spotted):
            yield give(paint(picture.photo, fit_lines(ab, picture.lightness), options.strength))
            last = picture.number
    for error in wrong:
        raise error
    for late in (frame for frame in hints if frame > last):
        warnings.warn(
            f"There are hints for frame {late}, but the last frame is {last}.",
            PhotoWarning,
            stacklevel=1,
        )


def _carry(frames: Iterable[tuple[_Seen, Array]]) -> Iterator[tuple[_Seen, Array]]:
    """The frames of a shot, each with its colours, from those with the spots known there."""

    def ask(frame: tuple[_Seen, Array], lightness: Array) -> Array:
        seen, spots = frame
        return seen.asker.ask(lightness, spots)

    colored = carry_colors(frames, lambda frame: frame[0].picture.lightness, ask)
    return ((seen, hold_spots(ab, seen.picture.lightness, spots)) for (seen, spots), ab in colored)


def _follow(
    shot: Iterator[_Seen], hints: Mapping[int, HintSet], match: Match | None
) -> Iterator[tuple[_Seen, Array]]:
    """The frames of a shot, each with the spots that are known there."""
    first = next(shot)
    start, size = first.picture.number, size_of(first.picture.photo)
    placed = place_hints(
        {frame: some for frame, some in hints.items() if frame >= start},
        frames=sys.maxsize,
        size=size,
        rotation=0,
        small=first.asker.size,
    )
    here, again = tee(chain([first], shot))
    at = {frame - start: spots for frame, spots in placed.items()}
    shown = {0: match(first.picture.photo, small=first.asker.size)} if match else {}
    spots = follow_spots((seen.picture.lightness for seen in again), at, shown)
    return zip(here, spots, strict=True)


def _see(
    frames: Iterable[Any], options: VideoOptions, colorizer: Colorizer, wrong: list[Exception]
) -> Iterator[_Seen]:
    """Each frame as the network sees it, up to one that is ``wrong``.

    That is told aside, as this runs ahead, and the frames before are to be coloured first.
    """
    try:
        for number, frame in enumerate(frames):
            kind = _kind(frame, number)
            if not number:
                first = kind
            if kind != first:
                raise BadOption(
                    f"Frame {number} is {_tell(kind)}, but frame 0 is {_tell(first)}: give frames "
                    "of one kind and size."
                )
            photo = _open(frame, number)
            if not number:
                asker = ask_about(size_of(photo), colorizer, options.colorize_options)
            is_array = isinstance(frame, np.ndarray)
            give = partial(to_array, dtype=frame.dtype) if is_array else to_image
            yield _Seen(look(number, photo, asker), asker, give)
    except Exception as error:  # also one of whoever makes the frames
        wrong.append(error)


def _open(frame: Image.Image | Array, number: int) -> Photo:
    try:
        return read_photo(frame)
    except BadPhoto as error:
        raise BadPhoto(f"Frame {number}: {error}") from error


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
