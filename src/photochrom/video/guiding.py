"""What is known of the colours of a shot: hints of a person and of a reference photo, followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.errors import BadOption
from photochrom.image.photo import Photo
from photochrom.inference.colorizer import Colorizer
from photochrom.video.frame_hints import lay_hints
from photochrom.video.raster import Raster
from photochrom.video.tracking import track_spots

MOST = 64
"""Spots of a reference that are followed in a shot: those that lie farthest from each other."""
UNMATCHED = "nothing of the reference was found there, so they were coloured without it"
_LOOKS = 0.5, 0.25, 0.75
"""Where in a shot it is held against the reference, in turn, until something is found."""


class Guide:
    """Tells the spots of each frame, shot by shot.

    Args:
        placed: a person's, by frame: (n, 5), see :mod:`photochrom.inference.spots`.
        match: those of a frame in which a reference shows the same, (n, 5), see
            :func:`match_reference`; by default there is no reference.
    """

    def __init__(
        self, placed: Mapping[int, Array], match: Callable[[int], Array] | None = None
    ) -> None:
        self._placed, self._match = placed, match
        self.unmatched = 0
        """Shots in which nothing of the reference was found."""

    def follow(
        self, shot: Sequence[int], see: Callable[[], Iterable[Array]]
    ) -> Mapping[int, Array]:
        """The spots of the frames of a shot that have any.

        Args:
            shot: its frames, in order.
            see: the lightness of each as the network sees it, (h, w); asked for only if something
                is known of the shot.
        """
        known = {i: self._placed[n] for i, n in enumerate(shot) if n in self._placed}
        matched = {} if self._match is None else self._look(shot, self._match)
        if not known and not matched:
            return {}
        spots = track_spots(see(), known, matched)
        return dict(zip(shot, spots, strict=False))  # a frame of a folder may be gone since

    def _look(self, shot: Sequence[int], match: Callable[[int], Array]) -> dict[int, Array]:
        for number in dict.fromkeys(int(len(shot) * share) for share in _LOOKS):
            if len(spots := match(shot[number])):
                return {number: spots}
        self.unmatched += 1
        return {}


def check_reference(colorizer: Colorizer, reference: Photo) -> None:
    """Refuse a reference that tells nothing.

    Raises:
        BadOption: it has no colour, or the model cannot compare photos.
    """
    if reference.pixels.ndim == 2:
        raise BadOption("The reference has no colour: give a photo that has.")
    if "features" not in colorizer.model.outputs:
        raise BadOption(f"{colorizer.name} tells no features: use a model that does.")


def match_reference(
    colorizer: Colorizer,
    reference: Photo,
    upright: Photo,
    *,
    small: tuple[int, int],
    rotation: int = 0,
) -> Array:
    """Where a frame shows what a reference shows, (n, 5) of at most :data:`MOST` rows.

    Args:
        colorizer: whose model tells features.
        reference: in colour.
        upright: the frame, as a player shows it.
        small: height and width of what the network sees of the frame, as it is stored.
        rotation: degrees, counterclockwise, by which the player turned it.
    """
    height, width = upright.pixels.shape[:2]
    size = (width, height) if rotation % 180 else (height, width)
    hints = colorizer.hints_from_reference(upright, reference)
    return _thin_out(lay_hints(hints, size, rotation, small))


def show(luma: Array, raster: Raster, rotation: int = 0) -> Photo:
    """A frame as a grey photo, upright.

    Args:
        luma: (H, W) uint8 or uint16, codes.
        raster: of the film.
        rotation: degrees, counterclockwise, by which a player turns it.
    """
    black, white = raster.black_and_white
    grey = cv2.convertScaleAbs(
        np.clip(luma, black, white),
        alpha=255 / (white - black),
        beta=-255 * black / (white - black),
    )
    return Photo(np.ascontiguousarray(np.rot90(grey, rotation // 90)))


def _thin_out(spots: Array) -> Array:
    """Spots of which each, in turn, is the one farthest from those before."""
    if len(spots) <= MOST:
        return spots
    far = np.full(len(spots), np.inf, np.float32)
    kept = [0]
    while len(kept) < MOST:
        far = np.minimum(far, np.hypot(*(spots[:, :2] - spots[kept[-1], :2]).T))
        kept.append(int(far.argmax()))
    return spots[kept]
