"""Makes the films that tests begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def moving_frames(
    many: int = 12, *, height: int = 64, width: int = 96, bits: int = 8, seed: int = 0
) -> list[np.ndarray]:
    """Luma of a textured plane that moves, (height, width), 16..235 (of 8 bits)."""
    random = np.random.default_rng(seed)
    coarse = random.integers(16, 236, (height // 8 + 2, (width + 3 * many) // 8 + 2), np.uint16)
    plane = coarse.repeat(8, axis=0).repeat(8, axis=1) << (bits - 8)
    dtype = np.uint8 if bits == 8 else np.uint16
    return [plane[:height, 3 * t : 3 * t + width].astype(dtype) for t in range(many)]


def make_film(
    path: Path,
    frames: Iterable[np.ndarray | Sequence[np.ndarray]],
    *,
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "ffv1",
    pix_fmt: str = "yuv420p",
    sound: float = 0,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    **context: Any,
) -> Path:
    """Write a film; answers its path.

    Args:
        path: the suffix chooses the container.
        frames: luma (H, W), the codes that are stored, with U and V grey; or Y, U and V as stored;
            or, for a packed pix_fmt, what :meth:`av.VideoFrame.from_ndarray` takes, (H, W, 3).
        pts: when each is shown, in units of the time base; one after the other by default.
        time_base: a container may choose one of its own.
        codec: of an encoder; ffv1 is lossless, and so is libx264 with options {"qp": "0"}.
        pix_fmt: of what is stored.
        sound: seconds of a tone, coded as the container can hold it.
        rotation: degrees, counterclockwise, that the player is told.
        pixel_aspect: width of a pixel by its height.
        options: of the encoder.
        container: options of the muxer.
        metadata: of the whole film.
        context: attributes of the codec context, such as color_range=2.
    """
    frames = iter(frames)
    first = next(frames)
    height, width = (first if isinstance(first, np.ndarray) else first[0]).shape[:2]
    with av.open(str(path), "w", options=container or {}) as film:
        film.metadata.update(metadata or {})
        quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        stream = film.add_stream(codec, rate=1 / time_base, options=quiet | (options or {}))
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        stream.codec_context.time_base = time_base
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            stream.set_display_rotation(rotation)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        tone = _add_sound(film, sound) if sound else iter(())
        for number, planes in enumerate(_chain(first, frames)):
            frame = _fill_frame(planes, pix_fmt)
            frame.pts, frame.time_base = pts[number] if pts else number, time_base
            film.mux(stream.encode(frame))
            for packets in tone:
                film.mux(packets)
                break
        film.mux(stream.encode(None))
        for packets in tone:
            film.mux(packets)
    return path


def _chain(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _fill_frame(planes: Any, pix_fmt: str) -> av.VideoFrame:
    if isinstance(planes, np.ndarray) and planes.ndim == 3:
        return av.VideoFrame.from_ndarray(planes, format=pix_fmt)
    luma = planes if isinstance(planes, np.ndarray) else planes[0]
    frame = av.VideoFrame(luma.shape[1], luma.shape[0], pix_fmt)
    bits = frame.format.components[0].bits
    given = [luma] if isinstance(planes, np.ndarray) else list(planes)
    dtype = np.dtype("u1" if bits == 8 else ">u2" if frame.format.is_big_endian else "<u2")
    shift = 16 - bits if pix_fmt.startswith(("p010", "p012", "p210", "p410")) else 0
    for number, plane in enumerate(frame.planes):
        raw = np.frombuffer(plane, np.uint8).reshape(-1, abs(plane.line_size)).view(dtype)
        rows = raw[: plane.height]
        if number < len(given):
            rows[:, : plane.width] = given[number].astype(dtype) << shift
        else:
            rows[:] = (1 << (bits - 1)) << shift
    return frame


def _add_sound(film: Any, seconds: float) -> Iterator[list[av.Packet]]:
    rate, step = 48_000, 1024
    codec = {"webm": "libopus", "mpeg": "mp2", "asf": "wmav2"}.get(film.format.name, "aac")
    stream = film.add_stream(codec, rate=rate)
    stream.layout, stream.bit_rate = "stereo", 128_000

    def encode() -> Iterator[list[av.Packet]]:
        for start in range(0, int(seconds * rate), step):
            wave = 0.3 * np.sin(np.arange(start, start + step) * (440 * 2 * np.pi / rate))
            both = np.tile(wave.astype(np.float32), (2, 1))
            frame = av.AudioFrame.from_ndarray(both, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            yield stream.encode(frame)
        yield stream.encode(None)

    return encode()
