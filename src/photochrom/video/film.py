"""A film's way in: what it is, and its frames in the order in which they are shown."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

import av
import numpy as np
from av.error import FFmpegError

from photochrom.image.photo import Photo
from photochrom.image.tone import is_color
from photochrom.video import refusals
from photochrom.video.demuxing import (
    MAX_PIXELS,
    Tally,
    choose_stream,
    decode,
    open_container,
    seek_to,
)
from photochrom.video.fields import FieldOrder, find_field_order, make_whole
from photochrom.video.luma import find_raster, read_luma
from photochrom.video.raster import Frame, Raster
from photochrom.video.samples import look_around

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

Stamped = tuple[int, "VideoFrame"]
"""A decoded frame with its pts."""

_MATRICES = {1: "bt709", 5: "bt601", 6: "bt601"}  # codes of ITU-T H.273, as those below
_UNTOLD = (0, 2, 3)
_BT709 = 1
_HDR = {16: "PQ", 18: "HLG"}
_STAMPED = ("mov", "matroska", "avi", "flv", "asf", "mpegts", "mxf", "nut", "ivf")
"""Containers that keep the time stamp of each frame. Where they do not, FFmpeg counts on from the
last one: in MPEG-PS it knows them again a moment after it sought, in a raw stream never."""
_SLIP = 1  # second that FFmpeg may lose count by
_FIRST = 48  # frames that are asked whether they are interlaced
_FLAGGED = (2, 3, 4, 5)  # AVFieldOrder: top or bottom field first
_IN_COLOR = 1 / 3  # of the pictures looked at; a restored film may begin with a coloured emblem


@dataclass(kw_only=True)
class Film:
    """A film that can be coloured. No file is held open: each way through it opens its own."""

    path: Path
    stream_index: int
    """Index of the pictures that are coloured among all streams of the file."""
    container: str
    """FFmpeg's name of what the file is, such as "matroska,webm"."""
    codec: str
    """FFmpeg's name of what they are coded with, such as "mpeg2video"."""
    raster: Raster
    depth: int
    """Bits of a sample in the file, which may be more than the raster's."""
    time_base: Fraction
    """Seconds of one unit of a frame's pts."""
    rate: Fraction | None
    """Frames per second, roughly: the time stamps are what counts."""
    matrix: str
    """"bt709" or "bt601"; where the film tells neither, the first from 720 rows on."""
    transfer: int
    """Code of ITU-T H.273; 1 (BT.709) where the film tells none, and never one of HDR."""
    seconds: float
    """About how long it is; 0 where the container does not tell."""
    expected: int
    """About how many frames it has; 0 where the container does not tell."""
    display_matrix: tuple[int, ...] | None
    """What a player turns it by: nine numbers, as FFmpeg has them; the frames here are not."""
    rotation: int
    """The same in degrees, counterclockwise: 0, 90, 180 or 270."""
    pixel_aspect: Fraction
    """Width of a pixel by its height."""
    damaged: int = 0
    """Frames found damaged when all of them were gone through: they are as the decoder gives
    them."""
    fields: FieldOrder | None = None
    """Which field is the first one, if whole frames are made of them."""
    pictures: tuple[Photo, ...] = field(default=(), repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def frames(self, start: int | None = None, *, seek: bool = True) -> Iterator[Frame]:
        """Decode the film, in order of pts; a few frames are held at a time.

        Args:
            start: the pts of the first frame to answer. By default the whole film is gone through,
                and it is checked that its end is there.
            seek: whether to go to it by the container's leave: in a damaged film, frames may be
                missing behind it that are there when the film is decoded from its beginning.

        Raises:
            BadFilm: frames change their size, have no time stamps or go back in time, or the end
                is missing; or there is no frame with that pts.
        """
        stamped = self._go_through() if start is None else self._start_at(start, seek=seek)
        frames = (Frame(pts, read_luma(frame, self.raster)) for pts, frame in stamped)
        if self.fields is None:
            return frames
        whole = make_whole(frames, self.raster, self.fields)
        return (frame for frame in whole if start is None or frame.pts >= start)

    def color_samples(self) -> list[Photo]:
        """About a dozen frames from all over the film, small and in its own colours."""
        return list(self.pictures)

    def is_in_color(self) -> bool:
        """Whether the film is in colour, and not merely toned, or with a coloured title."""
        pictures = self.color_samples()
        return sum(map(is_color, pictures)) > _IN_COLOR * len(pictures)

    def _go_through(self) -> Iterator[Stamped]:
        tally = Tally()
        with open_container(self.path) as container:
            frames = decode(container, choose_stream(container, self.path), tally)
            yield from self._check(self._stamp(frames))
        if tally.cut_short:
            raise refusals.cut_short(self.path, tally.frames, self.expected)
        self.damaged = tally.damaged

    def _start_at(self, start: int, *, seek: bool) -> Iterator[Stamped]:
        """As :meth:`_go_through` from the frame with that pts on, and where fields are made whole
        from the one before, which bwdif looks at.
        """
        for back in self._ways() if seek else (None,):
            with open_container(self.path) as container:
                stream = choose_stream(container, self.path)
                if back is not None:
                    if self.by_dts:  # DivX tells in its first frame how its packets are packed
                        next(decode(container, stream), None)
                    if not seek_to(container, stream, start - round(back / self.time_base)):
                        continue
                settled = None if back is None else start - round(back / 2 / self.time_base)
                stamped = self._stamp(decode(container, stream), settled)
                before: list[Stamped] = []
                for pts, frame in stamped:
                    if pts is None or pts < start:
                        before = [(pts, frame)] if pts is not None and self.fields else []
                        continue
                    if pts == start and (before or not self.fields or back is None):
                        yield from self._check(chain(before, [(pts, frame)], stamped))
                        return
                    break  # the container led to a wrong place
        raise refusals.no_such_frame(self.path)

    @property
    def by_dts(self) -> bool:
        """Whether time stamps are those of decoding, as in AVI, which has no others: what FFmpeg
        makes of them is wrong for H.264, and for packets that hold two frames.
        """
        return self.container == "avi"

    def _ways(self) -> tuple[int | None, ...]:
        """Seconds before a frame that are sought, in turn, until it is met; None: all."""
        if self.container.startswith(_STAMPED):
            return 0, 1, 10, None
        return (10, None) if self.container == "mpeg" else (None,)

    def _stamp(
        self, frames: Iterator[VideoFrame], settled: int | None = None
    ) -> Iterator[tuple[int | None, VideoFrame]]:
        """Frames, each with when it is shown, as far as that is known.

        Args:
            frames: in order.
            settled: a pts before which FFmpeg may still be about to find out where it is.
        """
        last: int | None = None
        for frame in frames:
            pts = frame.dts if self.by_dts else frame.pts
            sure = last is not None and (settled is None or last >= settled)
            if last is not None and sure and self._is_slip(pts, last):
                pts = last + max(1, frame.duration if self.container == "mpeg" else 1)
            yield pts, frame
            last = pts

    def _is_slip(self, pts: int | None, last: int) -> bool:
        """Whether FFmpeg has lost count, and not the film gone back in time.

        In AVI the last frames come when nothing is left to decode. In MPEG-PS, where a packet may
        hold the stamp of one frame and parts of many, it is now and then a few frames late.
        """
        if pts is None or self.by_dts:
            return pts is None and self.by_dts
        return self.container == "mpeg" and 0 <= (last - pts) * self.time_base < _SLIP

    def _check(self, stamped: Iterator[tuple[int | None, VideoFrame]]) -> Iterator[Stamped]:
        last: int | None = None
        raster, kind = self.raster, ""
        for pts, frame in stamped:
            if pts is None:
                raise refusals.no_time_stamps(self.path, self.rate)
            time = float(pts * self.time_base)
            if last is not None and pts <= last:
                raise refusals.back_in_time(self.path, time, self.rate)
            before, after = (raster.width, raster.height), (frame.width, frame.height)
            if before != after:
                raise refusals.resized(self.path, before, after, time)
            if frame.format.name != kind:
                found = find_raster(frame)
                if found != raster:
                    raise refusals.redefined(self.path, kind, frame.format.name, time)
                kind = frame.format.name
            yield pts, frame
            last = pts


def open_film(path: str | os.PathLike[str], *, deinterlace: bool = False) -> Film:
    """Open a film, and look at frames all over it.

    Args:
        path: of a file on this machine.
        deinterlace: make whole frames of its fields, one of each frame.

    Raises:
        BadFilm: it cannot be read, or must be mended first.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = choose_stream(container, path)
        film, told = _describe(path, container, stream)
    counts, film.pictures = look_around(film)
    fields = find_field_order(counts, told=told)
    if fields and not deinterlace:
        raise refusals.interlaced(path)
    film.fields = (fields or "tff") if deinterlace else None
    return film


def _describe(path: Path, container: InputContainer, stream: VideoStream) -> tuple[Film, bool]:
    """The film, and whether it is told to be interlaced."""
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise refusals.too_large(path, context.width, context.height, MAX_PIXELS)
    first = islice(decode(container, stream), _FIRST)
    frame = next(first, None)
    if frame is None or not stream.time_base:
        raise refusals.no_frames(path)
    rate = stream.guessed_rate or stream.average_rate
    try:
        raster = find_raster(frame)
        read_luma(frame, raster)
    except (FFmpegError, OSError, ValueError):
        raise refusals.unknown_pixels(path, frame.format.name) from None
    if frame.color_trc in _HDR:
        raise refusals.high_dynamic_range(path, _HDR[frame.color_trc])
    if frame.pts is None and frame.dts is None:
        raise refusals.no_time_stamps(path, rate)
    length = stream.duration * stream.time_base if stream.duration else 0
    seconds = float(length or Fraction(container.duration or 0, av.time_base))
    film = Film(
        path=path,
        stream_index=stream.index,
        container=container.format.name,
        codec=context.name,
        raster=raster,
        depth=frame.format.components[0].bits,
        time_base=stream.time_base,
        rate=rate,
        matrix=_MATRICES.get(frame.colorspace, "bt709" if frame.height >= 720 else "bt601"),
        transfer=_BT709 if frame.color_trc in _UNTOLD else frame.color_trc,
        seconds=seconds,
        expected=stream.frames or round(seconds * (rate or 0)),
        display_matrix=_find_display_matrix(frame),
        rotation=round(frame.rotation / 90) * 90 % 360,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
    )
    told = context.field_order in _FLAGGED or frame.interlaced_frame
    told = told or any(one.interlaced_frame for one in first)
    return film, told


def _find_display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    try:
        data = cast("Mapping[str, bytes]", frame.side_data).get("DISPLAYMATRIX")
    except ValueError:  # there is a kind of data that PyAV does not know
        return None
    return tuple(np.frombuffer(data, np.int32).tolist()) if data else None
