"""Which containers there are for a result, and what each of them can hold of a film."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.error import FFmpegError
from av.stream import Discard, Disposition

from photochrom.errors import BadOption
from photochrom.video.demuxing import open_container
from photochrom.video.options import Codec, VideoOptions

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

    from photochrom.video.film import Film

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's, by the suffix of the result: those that keep the time stamp of every frame."""
CODECS: Mapping[str, tuple[Codec, ...]] = {
    "mp4": ("h264", "hevc", "av1"),
    "mov": ("h264", "hevc", "prores"),
    "matroska": ("h264", "hevc", "av1", "prores", "ffv1"),
    "webm": ("av1",),
}
"""What programs know to play of what is in each."""
_HEARD = {
    "mp4": ("aac", "mp3", "mp2", "ac3", "eac3", "alac", "opus", "flac"),
    "mov": ("aac", "mp3", "ac3", "alac", "pcm"),
}
"""Sound that players know in a container: it can hold more, such as PCM in MP4."""
SOUND = {"matroska": "flac", "mp4": "flac", "mov": "alac", "webm": "libopus"}
"""What sound becomes that cannot be copied: nothing is lost where there is a way."""
MATROSKA = ("matroska", "webm")
_NAMES = {"audio": "sound", "subtitle": "subtitles", "attachment": "attachment", "data": "data"}
_COVER = Disposition.attached_pic
_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}
"""Names and kinds of covers, by codec, where they are attachments."""


def default_suffix(film: Film, options: VideoOptions) -> str:
    """The film's own suffix, or the one of a container that can hold the result."""
    own = film.path.suffix.lower()
    fit = [suffix for suffix in _suffixes(own) if options.codec in CODECS[MUXERS[suffix]]]
    lost = {}
    with open_container(film.path) as source:
        for suffix in fit:
            known = _HEARD.get(MUXERS[suffix], ("",)) if suffix != own else ("",)
            mute = [one for one in source.streams.audio if not codec_of(one).startswith(known)]
            lost[suffix] = len(_lost(source, film.stream_index, MUXERS[suffix])) + len(mute)
    return min(fit, key=lambda suffix: lost[suffix])


def container_of(output: Path, codec: Codec) -> str:
    """FFmpeg's name of the muxer for a result.

    Raises:
        BadOption: there is none for its suffix, or it cannot hold the codec.
    """
    suffix = output.suffix.lower()
    if suffix not in MUXERS:
        raise BadOption(
            f"{output.name}: a film cannot be written as {suffix or 'a file without a suffix'}: "
            f"choose a name that ends in {', '.join(MUXERS)}."
        )
    if codec not in CODECS[MUXERS[suffix]]:
        held = [other for other, muxer in MUXERS.items() if codec in CODECS[muxer]]
        fit = [other for other in (".mp4", ".mov", ".mkv") if other in held]
        raise BadOption(
            f"{output.name}: {suffix} does not hold {codec}: take -o {output.stem}{fit[0]}."
        )
    return MUXERS[suffix]


def check_streams(film: Film, codec: Codec, output: Path) -> tuple[str, ...]:
    """What of a film no container can hold beside our codec, a clause each.

    Raises:
        BadOption: another container could hold more than the output's.
    """
    chosen = output.suffix.lower()
    with open_container(film.path) as source:
        lost = {
            suffix: _lost(source, film.stream_index, MUXERS[suffix])
            for suffix in (chosen, *_suffixes(film.path.suffix.lower()))
            if codec in CODECS[MUXERS[suffix]]
        }
        best = min(lost, key=lambda suffix: len(lost[suffix]))
        if len(lost[best]) < len(lost[chosen]):
            what = next(one for one in lost[chosen] if one not in lost[best])
            raise BadOption(
                f"{output.name}: {chosen} does not hold the film's {_describe(source, what)}: "
                f"take -o {output.stem}{best}."
            )
        left = [*lost[chosen], *_unmovable(source, MUXERS[chosen])]
        anew = rewritten_sound(source, film, MUXERS[chosen])
        return tuple(
            f"its {_describe(source, index)} is written as {SOUND[MUXERS[chosen]]}, as {chosen} "
            "does not hold it"
            if index in anew
            else f"without its {_describe(source, index)}, which {chosen} does not hold"
            for index in sorted(left)
        )


def copied_streams(source: InputContainer, film: Film, muxer: str) -> Iterator[Stream]:
    """The streams of a film, but for the picture, that are copied packet by packet."""
    for stream in source.streams:
        if (
            stream.index != film.stream_index
            and not _is_made_anew(stream)
            and _holds(muxer, stream)
        ):
            yield stream


def rewritten_sound(source: InputContainer, film: Film, muxer: str) -> set[int]:
    """Indices of the tracks whose sound is decoded and written anew, as they cannot be copied.

    PyAV copies less into Matroska than FFmpeg does: no WMA, for one, and no ADPCM.
    """
    return {
        index
        for index in _lost(source, film.stream_index, muxer)
        if _can_rewrite(muxer, source.streams[index])
    }


def _can_rewrite(muxer: str, stream: Stream) -> bool:
    if stream.type != "audio" or not codec_of(stream):
        return False
    try:
        with av.open(BytesIO(), "w", format=muxer) as trial:
            add_rewritten(trial, stream)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def add_rewritten(result: OutputContainer, stream: Stream) -> AudioStream:
    """Make a track for sound that is written anew.

    Raises:
        ValueError: there is no such encoder. FFmpegError: it does not take this sound.
    """
    sound, codec = cast("AudioStream", stream), SOUND[result.format.name]
    rate = 48_000 if codec == "libopus" else sound.codec_context.sample_rate
    track = cast("AudioStream", result.add_stream(codec, rate=rate))
    track.layout = sound.layout
    track.disposition = stream.disposition
    track.metadata.update(tags_of(stream))
    return track


def is_cover(stream: Stream, muxer: str) -> bool:
    """Whether a stream is a cover that has to be attached: Matroska has no other place for one."""
    return bool(muxer == "matroska" and stream.disposition & _COVER)


def attach_cover(result: OutputContainer, stream: Stream, film: Path) -> None:
    """Attach the picture of a stream that is a cover."""
    name, kind = _COVERS[codec_of(stream)]
    with open_container(film) as source:
        cover = next(packet for packet in source.demux(stream.index) if packet.size)
    attached = result.add_attachment(
        stream.metadata.get("filename", name), stream.metadata.get("mimetype", kind), bytes(cover)
    )
    attached.metadata.update(stream.metadata)


def add_copy(result: OutputContainer, stream: Stream) -> Stream:
    """Make a stream of the result like one of a film.

    Raises:
        ValueError: the container does not hold it. FFmpegError: likewise.
    """
    if turns_to_subrip(result.format.name, stream):
        copy: Stream = result.add_mux_stream("subrip")
    else:
        copy = result.add_stream_from_template(stream, opaque=True)
    copy.disposition = stream.disposition
    if stream.time_base:
        copy.time_base = stream.time_base
    copy.metadata.update(tags_of(stream))
    return copy


def turns_to_subrip(muxer: str, stream: Stream) -> bool:
    """Whether subtitles are MP4's own kind of text, and Matroska is to hold them."""
    return muxer == "matroska" and codec_of(stream) == "mov_text"


def codec_of(stream: Stream) -> str:
    """FFmpeg's name of what a stream is coded with; "" where nothing here can decode it."""
    return "" if stream.codec_context is None else stream.codec_context.name


def tags_of(stream: Stream) -> dict[str, str]:
    """What a stream says of itself, by the names that FFmpeg writes."""
    tags = dict(stream.metadata)
    if "name" in tags:  # as MP4 calls it
        tags.setdefault("title", tags.pop("name"))
    return tags


def _suffixes(own: str) -> list[str]:
    """All there are, the best for a film of this suffix first."""
    first = {".webm": (".webm", ".mkv"), ".mov": (".mov",), ".mkv": (".mkv",), ".m4v": (".m4v",)}
    order = (*first.get(own, ()), ".mp4", ".mov", ".mkv")
    return list(dict.fromkeys(order))


def _lost(source: InputContainer, picture: int, muxer: str) -> list[int]:
    """Streams that a person sees or hears and that a container cannot hold."""
    return [
        stream.index
        for stream in source.streams
        if stream.index != picture
        and stream.type != "data"
        and not _is_made_anew(stream)
        and not _holds(muxer, stream)
    ]


def _unmovable(source: InputContainer, muxer: str) -> list[int]:
    """Streams of data, of a camera or a broadcaster, that a container cannot hold."""
    return [
        stream.index
        for stream in source.streams
        if stream.type == "data" and not _is_made_anew(stream) and not _holds(muxer, stream)
    ]


def _is_made_anew(stream: Stream) -> bool:
    """Whether the muxer makes it by itself: a track of chapters' names, or of the time code."""
    hidden = stream.discard == Discard.all  # which FFmpeg says of tracks that name chapters
    return bool(stream.type == "data" and (hidden or stream.metadata.get("timecode")))


def _holds(muxer: str, stream: Stream) -> bool:
    """Whether a container can hold a stream: by trial, as muxers have rules of their own."""
    if is_cover(stream, muxer):
        return codec_of(stream) in _COVERS
    try:
        with av.open(BytesIO(), "w", format=muxer) as trial:
            add_copy(trial, stream)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def _describe(source: InputContainer, index: int) -> str:
    """A stream in words, such as "sound (stream 2, wmav2)"."""
    stream = source.streams[index]
    kind = _NAMES.get(stream.type, "stream")
    if stream.type == "video":
        kind = "cover" if stream.disposition & _COVER else "second picture"
    name = stream.metadata.get("filename") or codec_of(stream) or "of unknown kind"
    return f"{kind} (stream {index}, {name})"
