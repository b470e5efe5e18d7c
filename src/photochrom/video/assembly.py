"""The result: what was encoded, and every other stream of the film, bit by bit.

Packets are copied in step with time, so that memory does not grow with a film's length. All of them
keep their time stamps; the pictures get those that the film's frames have, one by one.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from fractions import Fraction
from math import floor, lcm
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import av
from av.error import FFmpegError

from photochrom import files
from photochrom.held_folder import HeldFolder
from photochrom.image.provenance import Provenance
from photochrom.video import containers, film_tags, pixel_aspect
from photochrom.video.demuxing import open_container
from photochrom.video.encoding import Target, cannot_mux
from photochrom.video.packets import (
    find_last,
    find_start,
    read_others,
    read_pictures,
    shift,
    time_of,
    write_packet,
)
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
            last, start = find_last(source, film, pts), find_start(source, film, pts)
            with _open_result(file, source, film, target, tags) as result:
                picture, copies = _add_streams(result, source, film, segments[0], target, tags)
                if target.container not in containers.MATROSKA or _is_steady(film, pts, target):
                    # Matroska would give players this; MP4 has a time code count by it.
                    picture.codec_context.framerate = Fraction(*target.rate)
                result.set_chapters(_move_chapters(source.chapters(), start))
                pictures = read_pictures(segments, film, pts, picture, last)
                others = read_others(source, copies, notes)
                result.start_encoding()
                for packet in heapq.merge(pictures, others, key=time_of):
                    shift(packet, start)
                    write_packet(result, packet, picture, notes)
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


# --- times ------------------------------------------------------------------------------------


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
