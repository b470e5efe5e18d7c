"""The packets of a result: the segments', at the times of the film's frames, and the film's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from av import Packet
from av.error import ArgumentError, FFmpegError, InvalidDataError, PatchWelcomeError
from av.format import Flags
from av.stream import Discard

from photochrom.errors import BadFilm
from photochrom.video.demuxing import open_container
from photochrom.video.sound import Rewritten

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from photochrom.video.film import Film

_LONGEST = 100
"""Times the frame before it that a last frame is believed to be shown."""
_DAMAGED = "without parts of its sound or its other streams, which are damaged"
_SILENT = b"\0\0"
"""What MP4's subtitles hold while nothing is said."""


def read_pictures(
    segments: Sequence[Path], film: Film, pts: Sequence[int], picture: VideoStream, last: int
) -> Iterator[Packet[Any]]:
    """The packets of the segments, with the time stamps of the film's frames.

    Raises:
        BadFilm: they are not as many, or were encoded by another build.
    """
    extra = bytes(picture.codec_context.extradata or b"")
    times = iter(zip(pts, chain(pts[1:], [pts[-1] + last]), strict=True))
    count = 0
    for path in segments:
        with open_container(path) as segment:
            stream = segment.streams.video[0]
            if bytes(stream.codec_context.extradata or b"") != extra:
                raise BadFilm(f"{path} is of another build of PyAV: remove it, and start again.")
            for packet in segment.demux(stream):
                if not packet.size:
                    continue  # the end
                count += 1
                if (time := next(times, None)) is None:
                    break
                packet.stream, packet.time_base = picture, film.time_base
                packet.pts = packet.dts = time[0]
                packet.duration = time[1] - time[0]
                yield packet
    if count != len(pts):
        raise BadFilm(
            f"The parts hold {count} frames instead of {len(pts)}: remove their folder, "
            f"{segments[0].parent}, and start again."
        )


def read_others(
    source: InputContainer, copies: Mapping[int, Stream | Rewritten], notes: list[str]
) -> Iterator[Packet[Any]]:
    """The packets of the other streams, in the film's order, and never back in time."""
    for stream in source.streams:
        if stream.index not in copies:
            stream.discard = Discard.all
    latest: dict[int, int] = {}
    packets = source.demux() if copies else iter(())
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:  # as far as it goes; that the film is damaged was said before
            notes.append("its sound ends early, as its file is damaged")
            return
        if packet is None:
            for copy in copies.values():
                yield from copy.write(None) if isinstance(copy, Rewritten) else ()
            return
        index = packet.stream_index
        if index not in copies or (packet.pts is None and packet.dts is None and not packet.size):
            continue
        copy = copies[index]
        if isinstance(copy, Rewritten):
            yield from copy.write(packet)
            continue
        if packet.stream.name == "mov_text":
            if bytes(packet) == _SILENT:
                continue  # the muxer makes them anew
            if copy.codec_context is None:
                packet = _as_subrip(packet)
        at = packet.dts if packet.dts is not None else packet.pts
        if at is None:
            at = latest.get(index, -1) + 1
        if index in latest and at <= latest[index] and packet.stream.type != "subtitle":
            at = latest[index] + 1  # no container takes the same time twice
        packet.dts, packet.pts = at, packet.pts if packet.pts is None else max(packet.pts, at)
        latest[index] = at
        packet.stream = copy
        yield packet


def _as_subrip(packet: Packet[Any]) -> Packet[Any]:
    """The text of MP4's kind of subtitle, without its style (3GPP TS 26.245, 5.17)."""
    data = bytes(packet)
    bare: Packet[Any] = Packet(data[2 : 2 + int.from_bytes(data[:2])])
    bare.pts, bare.dts, bare.duration = packet.pts, packet.dts, packet.duration
    bare.time_base, bare.is_keyframe = packet.time_base, True
    return bare


def write_packet(
    result: OutputContainer, packet: Packet[Any], picture: VideoStream, notes: list[str]
) -> None:
    """Write a packet; without what is so damaged that the muxer does not take it."""
    try:
        result.mux_one(packet)
    except (ArgumentError, InvalidDataError, PatchWelcomeError):
        if packet.stream_index == picture.index:
            raise
        if _DAMAGED not in notes:
            notes.append(_DAMAGED)


def time_of(packet: Packet[Any]) -> float:
    """When a packet is decoded, in seconds: by this the streams are merged."""
    return float((packet.dts or 0) * packet.time_base)


def shift(packet: Packet[Any], start: Fraction) -> None:
    """Let a packet be shown so many seconds earlier."""
    if start:
        ticks = floor(start / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts - ticks
        packet.pts = None if packet.pts is None else packet.pts - ticks


def find_start(source: InputContainer, film: Film, pts: Sequence[int]) -> Fraction:
    """When a film begins, in seconds; 0 where its container's clock is its own, not a sender's."""
    if Flags.ts_discont not in Flags(source.format.flags):
        return Fraction(0)
    starts = [pts[0] * film.time_base]
    starts += [
        stream.start_time * stream.time_base
        for stream in source.streams
        if stream.index != film.stream_index and stream.start_time is not None and stream.time_base
    ]
    return min(starts)


def find_last(source: InputContainer, film: Film, pts: Sequence[int]) -> int:
    """How long the last frame is shown, in units of the film's time base."""
    stream = source.streams[film.stream_index]
    before = pts[-1] - pts[-2] if len(pts) > 1 else 0
    usual = before or max(1, round(1 / (film.rate or Fraction(25)) / film.time_base))
    if stream.duration is None:
        return usual
    left = (stream.start_time or 0) + stream.duration - pts[-1]
    if abs(left - usual) * film.time_base <= Fraction(1, 1000):  # MP4 may round to that
        return usual
    return left if 0 < left <= _LONGEST * usual else usual
