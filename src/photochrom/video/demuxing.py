"""Opens a film's file and decodes its pictures, whatever the file holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.error import FFmpegError
from av.stream import Disposition

from photochrom.errors import BadFilm
from photochrom.video import refusals

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

MAX_PIXELS = 8192 * 8192
"""Of a frame: decoders hold a few dozen of them. Twice what 8K has."""
_LISTS = {"hls", "dash", "concat", "sdp", "rtsp", "rtp", "sap", "webm_dash_manifest", "lavfi"}
"""Of FFmpeg's formats those that name other files or addresses, some of which it waits for."""
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"[playlist]")
_OWN_LENGTH = ("mov", "matroska", "avi", "flv", "asf", "mxf")
"""Containers that say in their head how long they are, and so whether their end is missing."""
_SLACK = 1.0, 0.001  # seconds, and parts of the length, that a head may be wrong by
_BARREN = 5000  # packets in a row of which no frame comes


@dataclass
class Tally:
    """What was met on a way through a film."""

    frames: int = 0
    damaged: int = 0
    """Frames, or parts of them, that the decoder found damaged."""
    cut_short: bool = False
    """Whether the file ends before its time."""


def open_container(path: Path, more: Mapping[str, str] | None = None) -> InputContainer:
    """Open a film's file; nothing but the file itself is ever read, no address and no list.

    Args:
        path: of the file.
        more: options of the demuxer.

    Raises:
        BadFilm: it is no film, or there is none.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):  # opening it may wait for ever
        raise BadFilm(f"{path} is a device or a pipe: give the path of a file.")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except IsADirectoryError:
        raise BadFilm(f"{path} is a folder, not a film: give the film in it.") from None
    except FileNotFoundError:
        raise BadFilm(f"{path} does not exist: check the name.") from None
    except OSError as error:
        raise BadFilm(f"{path} cannot be read ({error.strerror}).") from None
    if not head:
        raise BadFilm(f"{path} is empty: fetch it again.")
    if head.startswith(_PLAYLISTS):
        raise BadFilm(f"{path} is a playlist, not a film: give the film itself.")
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(av.formats_available - _LISTS),
        **(more or {}),
    }
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (FFmpegError, ValueError):
        raise refusals.no_film(path) from None
    name = container.format.name
    if name.endswith("_pipe") or name.startswith("image2"):
        container.close()
        raise BadFilm(f"{path} is a picture, not a film: use `photochrom colorize`.")
    if name == "tty":
        container.close()
        raise BadFilm(f"{path} is a text file, not a film: give the film itself.")
    return container


def choose_stream(container: InputContainer, path: Path) -> VideoStream:
    """The pictures of a film; a cover or a thumbnail is none.

    Raises:
        BadFilm: there are none, or nobody here can decode them.
    """
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & still]
    if not streams:
        what = "only sound" if container.streams.audio else "no pictures"
        raise BadFilm(f"{path} holds {what}, no film: give a file with moving pictures.")
    best = container.streams.best("video")
    stream = next((one for one in streams if best and one.index == best.index), streams[0])
    # Typed as if it always had one.
    if stream.codec_context is None:
        raise refusals.unknown_codec(path)
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.thread_type = "AUTO"  # frames at a time, which is quicker than parts of one
    return stream


def decode(
    container: InputContainer, stream: VideoStream, tally: Tally | None = None
) -> Iterator[VideoFrame]:
    """Decode from where the container is; a damaged part is left out, and what follows is not."""
    tally = tally if tally is not None else Tally()
    barren = 0
    for packet in _read_packets(container, stream, tally):
        try:
            frames = stream.decode(packet)
        except FFmpegError:
            tally.damaged += 1
            frames = []
        barren = 0 if frames else barren + 1
        if barren > _BARREN:
            tally.cut_short = True
            return
        for frame in frames:
            tally.frames += 1
            tally.damaged += frame.is_corrupt
            yield frame


def _read_packets(
    container: InputContainer, stream: VideoStream, tally: Tally
) -> Iterator[Packet[VideoStream] | None]:
    """Packets of a stream, and None at the end, for what the decoder still holds."""
    units = {one.index: float(one.time_base or 0) for one in container.streams}
    latest = 0.0
    try:
        for packet in container.demux():  # of all streams: they tell where the file ends
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None:
                end = (time + (packet.duration or 0)) * units.get(packet.stream_index, 0)
                latest = max(latest, end)
            if packet.stream_index == stream.index and packet.size:
                yield cast("Packet[VideoStream]", packet)
    except FFmpegError:
        tally.cut_short = True
    except IndexError:  # PyAV's own at the end of a film one of whose streams begins late
        pass
    length = (container.duration or 0) / av.time_base
    if container.format.name == "avi":  # where the end is missing, FFmpeg reckons anew
        length = max(length, stream.frames * units[stream.index])
    if container.format.name.startswith(_OWN_LENGTH):
        seconds, part = _SLACK
        tally.cut_short |= latest < length * (1 - part) - seconds
    yield None


def seek_to(container: InputContainer, stream: VideoStream, pts: int) -> bool:
    """Go back to a frame from which the one with that pts can be decoded; whether that went well.

    Args:
        container: of the stream.
        stream: that is decoded next.
        pts: in units of its time base.
    """
    try:
        container.seek(pts, stream=stream)
    except (FFmpegError, OverflowError):
        return False
    return True
