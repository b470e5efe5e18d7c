"""What a film is written as, and its parts, each encoded into a segment of its own.

No encoder here makes frames wait for later ones (B-frames): packet i of a segment is frame i. Its
time stamps mean nothing, as the result gets those of the film (:mod:`.assembly`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError

from photochrom import files
from photochrom.color import Array
from photochrom.errors import BadOption, CannotWrite
from photochrom.video import containers
from photochrom.video.containers import default_suffix
from photochrom.video.options import Codec, VideoOptions
from photochrom.video.raster import Raster
from photochrom.video.svt_av1 import ordinary_turns

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    from photochrom.video.film import Film

__all__ = ["Target", "choose_target", "default_suffix", "write_segment"]


@dataclass(frozen=True)
class _Encoder:
    """One of FFmpeg's, and what it can do."""

    name: str
    formats: Mapping[int, str]
    """By the bits of a sample."""
    options: Mapping[str, str]
    crf: int | None = None
    """What is taken where nothing is asked for."""
    worst: int = 0
    """The largest crf that there is."""
    even: bool = False
    """Whether rows and columns have to be even, as 4:2:0 is cut in units of two."""
    full_range: bool = True
    """Whether it can tell that luma goes from 0 to the top."""


_420 = {8: "yuv420p", 10: "yuv420p10le"}
# Of grainy 640 × 480, a frame costs 9, 52, 24, 31 and 8 ms of one core, in this order; a slower
# preset of H.264 with crf 18 is as large and as good, 39 dB, and costs three times as much.
ENCODERS: Mapping[Codec, _Encoder] = {
    "h264": _Encoder("libx264", _420, {"preset": "veryfast", "bf": "0"}, 17, 51, even=True),
    "hevc": _Encoder(
        "libx265",
        _420,
        {"preset": "superfast", "bf": "0", "x265-params": "log-level=none:open-gop=0:info=0"},
        19,
        51,
        even=True,
    ),
    "av1": _Encoder("libsvtav1", _420, {"preset": "8"}, 18, 63),
    "prores": _Encoder(
        "prores_ks", {10: "yuv422p10le"}, {"profile": "hq", "vendor": "apl0"}, full_range=False
    ),
    # What archives ask for: every frame for itself, with checksums.
    "ffv1": _Encoder(
        "ffv1",
        {**_420, 12: "yuv420p12le"},
        {"level": "3", "g": "1", "slicecrc": "1"},
    ),
}
_CHROMA_LOCATION = "center"
"""Where :func:`.make_chroma` takes U and V of 4:2:0 from: the mean of their four pixels."""
_RATES = Fraction(1), Fraction(300)  # frames per second that are believed, whatever is told


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a film is written as; where its fields are equal, two segments go together."""

    codec: Codec
    encoder: str
    """Of FFmpeg."""
    pix_fmt: str
    raster: Raster
    """How luma is stored: with even rows and columns, where the codec needs that."""
    matrix: str
    """"bt709" or "bt601"."""
    transfer: int
    """Code of ITU-T H.273."""
    crf: int | None
    """None for a codec without."""
    container: str
    """FFmpeg's name of the muxer."""
    rate: tuple[int, int]
    """About how many frames there are in so many seconds; encoders reckon with it."""
    build: str = f"PyAV {av.__version__}"
    """Another one's segments may not go with these."""
    notes: tuple[str, ...] = ()
    """What the user is to know, a clause each, such as "its 10 bits are rounded to 8"."""

    @property
    def chroma_size(self) -> tuple[int, int]:
        """Rows and columns of U and V, which :func:`write_segment` takes."""
        kind = av.VideoFormat(self.pix_fmt, self.raster.width, self.raster.height)
        return kind.chroma_height(), kind.chroma_width()


def choose_target(film: Film, options: VideoOptions, output: Path) -> Target:
    """Choose how a film is written, before anything is done.

    Args:
        film: to be coloured.
        options: what is asked for.
        output: the result; its suffix chooses the container.

    Raises:
        BadOption: the encoder is not there, the container cannot hold the codec or another stream
            of the film, or a value is out of range.
    """
    encoder = _find_encoder(options.codec)
    container = containers.container_of(output, options.codec)
    left_out = containers.check_streams(film, options.codec, output)
    bits = _choose_bits(film, options, encoder)
    raster, notes = _fit_raster(film, options.codec, encoder, bits)
    target = Target(
        codec=options.codec,
        encoder=encoder.name,
        pix_fmt=encoder.formats[bits],
        raster=raster,
        matrix=film.matrix,
        transfer=film.transfer,
        crf=_choose_crf(options, encoder),
        container=container,
        rate=_believable(film.rate).as_integer_ratio(),
        notes=(*notes, *left_out),
    )
    try:
        context = cast("VideoCodecContext", av.CodecContext.create(encoder.name, "w"))
        _configure(context, target)
        with ordinary_turns():
            context.open()
    except FFmpegError as error:
        raise BadOption(
            f"{encoder.name} does not take frames of {raster.width} × {raster.height} pixels "
            f"({error.strerror}): take another --codec."
        ) from error
    return target


def write_segment(
    path: Path, frames: Iterable[tuple[Array, Array, Array]], film: Film, target: Target
) -> int:
    """Encode frames into a file that is there whole or not at all; packet i of it is frame i.

    Args:
        path: the segment.
        frames: Y (H, W), and U and V of ``target.chroma_size``, codes of the film's own depth and
            range, uint8 or uint16. Y stays as it is where the target's are the same.
        film: they belong to.
        target: how they are encoded.

    Returns:
        How many frames there were.

    Raises:
        CannotWrite: the folder does not take it, or the encoder fails. DiskFull: there is no room.
    """
    count = 0
    tables = [_translate(film.raster, target.raster, chroma=plane > 0) for plane in range(3)]

    def encode(file: BinaryIO) -> None:
        nonlocal count
        bare = {"fflags": "+bitexact"}
        with av.open(file, "w", format="matroska", container_options=bare) as segment:
            stream = cast("VideoStream", segment.add_stream(target.encoder))
            _configure(stream.codec_context, target)
            for planes in frames:
                frame = _fill_frame(planes, tables, target)
                frame.pts, frame.time_base = count, 1 / Fraction(*target.rate)
                count += 1
                with ordinary_turns():
                    segment.mux(stream.encode(frame))
            segment.mux(stream.encode(None))

    try:
        files.write_atomically(path, encode)
    except FFmpegError as error:
        raise cannot_mux(path, error, "take another --codec") from error
    return count


def cannot_mux(path: Path, error: FFmpegError, advice: str) -> CannotWrite:
    """The sentence for a file that FFmpeg does not write, or the system.

    Args:
        path: the file.
        error: of FFmpeg; what the system said comes before it, when the file was closed after that.
        advice: what to do where the system said nothing.
    """
    said: BaseException | None = error
    while said is not None:
        if isinstance(said, OSError) and not isinstance(said, FFmpegError):
            return files.cannot_write(path, said)
        said = said.__cause__ or said.__context__
    return CannotWrite(f"{path} cannot be written ({error.strerror}): {advice}.")


# --- what is chosen ---------------------------------------------------------------------------


def _find_encoder(codec: Codec) -> _Encoder:
    if codec not in ENCODERS:
        raise BadOption(f"There is no codec {codec!r}: take one of {', '.join(ENCODERS)}.")
    built = [name for name, encoder in ENCODERS.items() if _is_built(encoder.name)]
    if codec in built:
        return ENCODERS[codec]
    other = f"take --codec {built[0]}" if built else "install av from PyPI, which brings it"
    raise BadOption(f"This build of PyAV has no {ENCODERS[codec].name}: {other}.")


def _is_built(encoder: str) -> bool:
    try:
        return av.Codec(encoder, "w").is_encoder
    except UnknownCodecError:
        return False


def _choose_bits(film: Film, options: VideoOptions, encoder: _Encoder) -> int:
    if options.bits is None:
        if options.codec == "h264":
            return 8  # few players know another
        own = film.raster.bits
        return max((bits for bits in encoder.formats if bits <= own), default=min(encoder.formats))
    if options.bits not in encoder.formats:
        held = " or ".join(map(str, encoder.formats))
        raise BadOption(f"--codec {options.codec} has {held} bits, not {options.bits}.")
    return options.bits


def _choose_crf(options: VideoOptions, encoder: _Encoder) -> int | None:
    if options.crf is None:
        return encoder.crf
    if encoder.crf is None:
        raise BadOption(f"--codec {options.codec} has no --crf: leave it out.")
    if not 0 <= options.crf <= encoder.worst:
        raise BadOption(
            f"--crf {options.crf} is out of range: take one of 0 (best) to {encoder.worst} for "
            f"{options.codec}, such as {encoder.crf}."
        )
    return options.crf


def _fit_raster(film: Film, codec: Codec, encoder: _Encoder, bits: int) -> tuple[Raster, list[str]]:
    """How luma is to be stored, and what changes by that."""
    own, notes = film.raster, []
    height, width = own.height, own.width
    if encoder.even and (height % 2 or width % 2):
        height, width = height + height % 2, width + width % 2
        notes.append(
            f"its edge is repeated once, to {width} × {height} pixels, as {codec} needs even sizes"
        )
    if film.depth > bits:
        keeps = [name for name, other in ENCODERS.items() if film.depth in other.formats]
        hint = "" if codec != "h264" or film.depth > 10 else " (--bits 10 keeps them)"
        hint = f" (--codec {keeps[0]} keeps them)" if keeps and not hint else hint
        notes.append(f"its {film.depth} bits are rounded to {bits}{hint}")
    full = own.full_range and encoder.full_range
    if own.full_range and not full:
        notes.append(f"its luma is brought to the limited range, as {codec} has no other")
    return Raster(height=height, width=width, bits=bits, full_range=full), notes


def _believable(rate: Fraction | None) -> Fraction:
    least, most = _RATES
    return rate if rate is not None and least <= rate <= most else Fraction(25)


# --- what is encoded --------------------------------------------------------------------------


def _configure(context: VideoCodecContext, target: Target) -> None:
    """Tell an encoder all that is to be known of the frames to come."""
    raster = target.raster
    context.width, context.height, context.pix_fmt = raster.width, raster.height, target.pix_fmt
    context.framerate = Fraction(*target.rate)
    context.time_base = 1 / Fraction(*target.rate)
    _tell_colors(context, target)
    told = dict(ENCODERS[target.codec].options)
    if target.crf is not None:
        told["crf"] = str(target.crf)
    if target.pix_fmt.startswith("yuv420"):
        told["chroma_sample_location"] = _CHROMA_LOCATION
    context.options = told


def _tell_colors(what: Any, target: Target) -> None:
    """Note how the codes are to be read, by ITU-T H.273; our colours are those of sRGB."""
    what.color_range = 2 if target.raster.full_range else 1
    what.color_primaries = 1  # BT.709, which are sRGB's
    what.color_trc = target.transfer
    what.colorspace = {"bt709": 1, "bt601": 6}[target.matrix]


def _translate(own: Raster, other: Raster, *, chroma: bool) -> Array | None:
    """The codes of one raster as those of another, (2 ** bits,); None where they are the same."""
    if (own.bits, own.full_range) == (other.bits, other.full_range):
        return None
    codes = np.arange(1 << own.bits, dtype=np.float64)
    scales = []
    for raster in (own, other):
        black, white = raster.black_and_white
        middle = 1 << (raster.bits - 1)
        span = white if raster.full_range else 224 << (raster.bits - 8)
        scales.append((middle, span) if chroma else (black, white - black))
    (start, span), (new_start, new_span) = scales
    moved = np.floor((codes - start) * (new_span / span) + new_start + 0.5)
    dtype = np.uint8 if other.bits == 8 else np.uint16
    return np.clip(moved, 0, (1 << other.bits) - 1).astype(dtype)


def _fill_frame(
    planes: tuple[Array, Array, Array], tables: list[Array | None], target: Target
) -> VideoFrame:
    frame = av.VideoFrame(target.raster.width, target.raster.height, target.pix_fmt)
    _tell_colors(frame, target)
    for plane, codes, table in zip(frame.planes, planes, tables, strict=True):
        codes = codes if table is None else np.take(table, codes)
        item = codes.dtype.itemsize
        # A line of the plane may be longer than the picture.
        room: Array = np.ndarray(
            (plane.height, plane.width),
            codes.dtype,
            memoryview(plane),
            strides=(plane.line_size, item),
        )
        height, width = codes.shape
        room[:height, :width] = codes
        room[height:, :width] = codes[-1:]  # where an even size is needed
        room[:, width:] = room[:, width - 1 : width]
    return frame
