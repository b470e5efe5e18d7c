"""The result: what was encoded, and every other stream of the film, bit by bit.

Packets are copied in step with time, so that memory does not grow with a film's length. All of them
keep their time stamps; the pictures get those that the film's frames have, one by one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain
from math import floor, lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import av
from av import Packet
from av.error import ArgumentError, FFmpegError, InvalidDataError, PatchWelcomeError
from av.format import Flags
from av.stream import Discard

from photochrom import files
from photochrom.errors import BadFilm
from photochrom.held_folder import HeldFolder
from photochrom.image.provenance import Provenance
from photochrom.video import containers, film_tags, pixel_aspect
from photochrom.video.demuxing import open_container
from photochrom.video.encoding import Target, cannot_mux
from photochrom.video.sound import Rewritten

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import Chapter, InputContainer, OutputContainer
    from av.stream import Stream
    from av.video.stream import VideoStream

    from photochrom.video.film import Film

_LARGEST_SCALE = 10**6
"""Parts of a second that MP4 counts a picture's time in: of more, its 32 bits hold no long gap."""
_LARGEST_MOVIE_SCALE = 2**31 - 1
_LONGEST = 100
"""Times the frame before it that a last frame is believed to be shown."""
_DAMAGED = "without parts of its sound or its other streams, which are damaged"
_SILENT = b"\0\0"
"""What MP4's subtitles hold while nothing is said."""
_WAIT = 10**6
"""Microseconds that a muxer waits for a stream that has nothing to say, such as subtitles: it holds
all other packets meanwhile, and those of a lossless film are large."""


def assemble(
    film: Film,
    segments: Sequence[Path],
    pts: Sequence[int],
    target: Target,
    output: Path,
    *,
    provenance: Provenance | None = None,
    force: bool = False,
    staging: HeldFolder | None = None,
) -> tuple[str, ...]:
    """Join segments and the film's other streams into the result, there whole or not at all.

    Args:
        film: whose sound, subtitles, chapters, attachments, and metadata are copied.
        segments: in order; their packets are the frames of the film.
        pts: of each frame, in units of the film's time base.
        target: how the segments were encoded.
        output: the result.
        provenance: the mark; None for none.
        force: replace a file that exists.
        staging: the folder to make it in, on the same disk; by default the result's.

    Returns:
        What could not be carried over, a clause each, such as "its tag make is left out"; what
        ``target.notes`` tells is not among it.

    Raises:
        CannotWrite: it exists, or the folder does not take it. DiskFull: there is no room.
        BadFilm: it cannot be read any more, or the segments are not of its frames.
    """
    notes: list[str] = []

    def write(file: BinaryIO) -> None:
        with open_container(film.path, {"export_xmp": "1"}) as source:
            tags = film_tags.gather(source, film.stream_index, target.container, provenance)
            last, start = _find_last(source, film, pts), _find_start(source, film, pts)
            with _open_result(file, source, film, target, tags) as result:
                picture, copies = _add_streams(result, source, film, segments[0], target, tags)
                if target.container not in containers.MATROSKA or _is_steady(film, pts, target):
                    # Matroska would give players this; MP4 has a time code count by it.
                    picture.codec_context.framerate = Fraction(*target.rate)
                result.set_chapters(_move_chapters(source.chapters(), start))
                pictures = _read_pictures(segments, film, pts, picture, last)
                others = _read_others(source, copies, notes)
                result.start_encoding()
                for packet in heapq.merge(pictures, others, key=_time):
                    _shift(packet, start)
                    _mux(result, packet, picture, notes)
        notes.extend(film_tags.finish(file, tags, target.container))
        if _has_placeholder(film, target):
            size = target.raster.height, target.raster.width
            pixel_aspect.write_aspect(file, film.pixel_aspect, size, film.rotation)
        elif _lacks_aspect(film, target):
            notes.append("its pixels are told to be square, as it is mirrored as well")

    try:
        files.write_atomically(output, write, force=force, staging=staging)
    except FFmpegError as error:
        advice = f"take another container, such as -o {output.stem}.mkv"
        raise cannot_mux(output, error, advice) from error
    return tuple(notes)


# --- the streams ------------------------------------------------------------------------------


def _open_result(
    file: BinaryIO, source: InputContainer, film: Film, target: Target, tags: film_tags.Tags
) -> OutputContainer:
    options = {**tags.options, "max_interleave_delta": str(_WAIT)}
    if target.container in containers.MATROSKA:
        options["write_crc32"] = "0"  # or what is changed afterwards would be called damaged
    else:
        parts = film.time_base.denominator
        if parts > _LARGEST_SCALE:
            parts = _LARGEST_SCALE
            options["video_track_timescale"] = str(parts)
        # MP4 tells when a stream begins in units of its own: those of all streams have to fit.
        for stream in source.streams:
            if stream.time_base and lcm(parts, stream.time_base.denominator) < _LARGEST_MOVIE_SCALE:
                parts = lcm(parts, stream.time_base.denominator)
        options["movie_timescale"] = str(parts)
    result: OutputContainer = av.open(
        file,
        "w",
        format=target.container,
        container_options=options,
        io_open=lambda *_: _SecondLook(file),
    )
    result.metadata.update(tags.values)
    return result


class _SecondLook:
    """A file that is being written, to be read meanwhile: MP4's index moves to the front so."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at = file, 0

    def read(self, size: int) -> bytes:
        here = self._file.tell()
        self._file.seek(self._at)
        data = self._file.read(size)
        self._file.seek(here)
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (self._at if whence else 0)
        return self._at

    def tell(self) -> int:
        return self._at


def _add_streams(
    result: OutputContainer,
    source: InputContainer,
    film: Film,
    segment: Path,
    target: Target,
    tags: film_tags.Tags,
) -> tuple[VideoStream, dict[int, Stream | Rewritten]]:
    """Add the picture and all else, in the film's order; answers both, the latter by index.

    Raises:
        BadFilm: a segment cannot be read.
    """
    picture: VideoStream | None = None
    copies: dict[int, Stream | Rewritten] = {}
    anew = containers.rewritten_sound(source, film, target.container)
    kept = {stream.index for stream in containers.copied_streams(source, film, target.container)}
    for stream in source.streams:
        if stream.index == film.stream_index:
            picture = _add_picture(result, segment, film, target)
            picture.disposition = stream.disposition
            picture.metadata.update(tags.picture)
        elif stream.index in anew:
            copies[stream.index] = Rewritten(result, cast("AudioStream", stream))
        elif stream.index not in kept:
            continue
        elif containers.is_cover(stream, target.container):
            containers.attach_cover(result, stream, film.path)
        else:
            copies[stream.index] = containers.add_copy(result, stream)
    assert picture is not None
    return picture, copies


def _add_picture(result: OutputContainer, segment: Path, film: Film, target: Target) -> VideoStream:
    with open_container(segment) as part:
        picture = result.add_stream_from_template(part.streams.video[0], opaque=True)
    picture.time_base = film.time_base
    context = picture.codec_context
    context.sample_aspect_ratio = film.pixel_aspect
    if target.codec == "hevc" and target.container not in containers.MATROSKA:
        context.codec_tag = "hvc1"  # the only one that Apple plays
    if _has_placeholder(film, target):
        picture.set_display_rotation(*pixel_aspect.PLACEHOLDER)
    elif film.display_matrix is not None:
        picture.set_display_matrix(film.display_matrix)
    return picture


def _lacks_aspect(film: Film, target: Target) -> bool:
    """Whether FFmpeg's muxer is not told of the shape of pixels."""
    return target.container in containers.MATROSKA and film.pixel_aspect != 1


def _has_placeholder(film: Film, target: Target) -> bool:
    """Whether it is told afterwards; there is no room for that beside what says "mirrored"."""
    return _lacks_aspect(film, target) and not _is_mirrored(film)


def _is_mirrored(film: Film) -> bool:
    a, b, _, c, d = (film.display_matrix or (1, 0, 0, 0, 1))[:5]
    return a * d - b * c < 0


# --- the packets ------------------------------------------------------------------------------


def _read_pictures(
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


def _read_others(
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


def _mux(
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


def _time(packet: Packet[Any]) -> float:
    return float((packet.dts or 0) * packet.time_base)


def _shift(packet: Packet[Any], start: Fraction) -> None:
    """Let a packet be shown so many seconds earlier."""
    if start:
        ticks = floor(start / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts - ticks
        packet.pts = None if packet.pts is None else packet.pts - ticks


def _find_start(source: InputContainer, film: Film, pts: Sequence[int]) -> Fraction:
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


def _find_last(source: InputContainer, film: Film, pts: Sequence[int]) -> int:
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


def _is_steady(film: Film, pts: Sequence[int], target: Target) -> bool:
    """Whether frames come at one rate, but for the rounding of their time stamps."""
    step = 1 / (Fraction(*target.rate) * film.time_base)
    most = max(Fraction(1), Fraction(1, 1000) / film.time_base)
    return all(abs(time - pts[0] - number * step) <= most for number, time in enumerate(pts))


def _move_chapters(chapters: list[Chapter], start: Fraction) -> list[Chapter]:
    for chapter in chapters:
        ticks = floor(start / chapter["time_base"]) if chapter["time_base"] else 0
        chapter["start"] -= ticks
        chapter["end"] -= ticks
    return chapters
