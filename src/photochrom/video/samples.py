"""Frames from all over a film: how its fields lie, and whether it is in colour."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from photochrom.color import Array
from photochrom.image.photo import Photo
from photochrom.video.demuxing import choose_stream, decode, open_container, seek_to
from photochrom.video.fields import count_fields
from photochrom.video.luma import read_luma
from photochrom.video.raster import Raster

if TYPE_CHECKING:
    from av import VideoFrame

    from photochrom.video.film import Film

_PLACES, _STRETCH = 12, 17  # where a long film is looked at, and how many frames there
_SHORT = 600  # frames that are all looked at
_PICTURE = 256  # pixels along the longer side of one


def look_around(film: Film) -> tuple[Counter[str], tuple[Photo, ...]]:
    """How its fields lie, and a few small pictures."""
    counts: Counter[str] = Counter()
    pictures: list[Photo] = []
    for stretch in _take_stretches(film):
        counts += count_fields(_peek(stretch, film.raster, pictures))
    chosen = np.linspace(0, len(pictures) - 1, _PLACES).round() if pictures else np.zeros(0)
    return counts, tuple(pictures[int(number)] for number in dict.fromkeys(chosen))


def _take_stretches(film: Film) -> Iterator[Iterator[VideoFrame]]:
    """Frames that follow each other, from all over a film; all of a short one."""
    with open_container(film.path) as container:
        stream = choose_stream(container, film.path)
        if not film.seconds or 0 < film.expected <= _SHORT:
            yield islice(decode(container, stream), _SHORT)
            return
        begin, latest = stream.start_time or 0, -(1 << 63)
        for number in range(_PLACES):
            place = begin + int(film.seconds * number / _PLACES / film.time_base)
            if not seek_to(container, stream, place):
                yield islice(decode(container, stream), _SHORT)
                return
            frames = islice(decode(container, stream), _STRETCH)
            first = next(frames, None)
            if first is not None and (first.pts or 0) > latest:  # and not met from the last place
                latest = first.pts or 0
                yield chain([first], frames)


def _peek(frames: Iterator[VideoFrame], raster: Raster, pictures: list[Photo]) -> Iterator[Array]:
    """Lumas of frames, and pictures of some."""
    for number, frame in enumerate(frames):
        if (frame.width, frame.height) != (raster.width, raster.height):
            return
        if number % 8 == 0:
            pictures.append(_make_picture(frame))
        yield read_luma(frame, raster)


def _make_picture(frame: VideoFrame) -> Photo:
    shrink = min(1.0, _PICTURE / max(frame.width, frame.height))
    width, height = (max(1, round(side * shrink)) for side in (frame.width, frame.height))
    small = frame.reformat(width, height, format="rgb24", interpolation="AREA", threads=1)
    return Photo(small.to_ndarray())
