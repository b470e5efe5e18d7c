"""What can be seen of files that are cut short.

Decoders stop where the bytes end. Here they get some more: once nothing, once nonsense. Where both
give the same pixels, these are the photo's own.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

_END_OF_JPEG = b"\xff\xd9"
_MOST = 1 << 30
_FLAT = 2  # standard deviation below which there is only what the decoder made up

Open = Callable[[io.BytesIO], Image.Image]


def decode_truncated(
    data: bytes, kind: str | None, open_image: Open
) -> tuple[Image.Image, float | None]:
    """Decode a file that ends too early.

    Args:
        data: the file.
        kind: Pillow's name of its format.
        open_image: opens it.

    Returns:
        The picture, what is missing filled up by its decoder, and the share of the rows that are
        missing, 0..1; None where that is not known.

    Raises:
        Exception: of any type, where nothing can be decoded.
    """
    if kind in ("JPEG", "MPO"):
        data = data.rstrip(b"\xff")  # with which a marker would begin
        plain, filled = _END_OF_JPEG, _nonsense() + _END_OF_JPEG
    else:
        room = _padding_size(data, open_image)
        nonsense = _nonsense()
        plain, filled = bytes(room), (nonsense * (room // len(nonsense) + 1))[:room]
    try:
        image = _decode(data + plain, open_image)
    except MemoryError:
        raise
    except Exception:
        return _decode_in_part(data, open_image), None
    pixels = np.asarray(image)
    lost: float | None = None
    try:
        other = np.asarray(_decode(data + filled, open_image))
        lost = _share_of_rows_changed(pixels, other)
    except MemoryError:
        raise
    except Exception:  # noqa: S110 - nonsense need not be decodable
        pass
    if lost is not None and lost < 1:
        return image, lost
    if pixels.std() < _FLAT:
        raise ValueError("nothing of it can be read")
    return image, None  # such as a progressive JPEG, all of which is coarser than it was


def _nonsense() -> bytes:
    """Some bytes; without 255, which begins a marker in JPEG."""
    return np.random.default_rng(0).integers(0, 255, 1 << 12, dtype=np.uint8).tobytes()


def _padding_size(data: bytes, open_image: Open) -> int:
    """Bytes that will fill up whatever is missing."""
    if data[:4] == b"RIFF":
        return min(max(0, int.from_bytes(data[4:8], "little") + 8 - len(data)), _MOST)
    with open_image(io.BytesIO(data)) as image:
        return min(image.width * image.height * 8 + (1 << 16), _MOST)


def _decode(data: bytes, open_image: Open) -> Image.Image:
    image = open_image(io.BytesIO(data))
    image.load()
    return image


def _decode_in_part(data: bytes, open_image: Open) -> Image.Image:
    """What Pillow has decoded when it gives up, the rest black."""
    image = open_image(io.BytesIO(data))
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:
        if not getattr(image, "tile", None) or getattr(image, "_im", None) is None:
            raise
        image.tile = []  # type: ignore[attr-defined]  # so that it takes itself for loaded
        if not np.asarray(image).any():
            raise ValueError("nothing of it can be read") from error
    return image


def _share_of_rows_changed(one: Any, other: Any) -> float:
    """Share of the rows that differ."""
    if one.shape != other.shape:
        return 1.0
    return float((one != other).reshape(len(one), -1).any(axis=1).mean())


def inflate(data: bytes, most: int) -> bytes:
    """As much of a Deflate stream as can be unpacked, up to so many bytes."""
    engine, parts, room = zlib.decompressobj(), [], most
    try:
        for start in range(0, len(data), 4096):
            if room <= 0:
                break
            parts.append(engine.decompress(data[start : start + 4096], room))
            room -= len(parts[-1])
            while engine.unconsumed_tail and room > 0:
                parts.append(engine.decompress(engine.unconsumed_tail, room))
                room -= len(parts[-1])
    except zlib.error:
        pass  # what came before is right
    return b"".join(parts)


def describe_missing(share: float | None) -> str:
    """Say what share of a picture, 0..1 or unknown, is missing."""
    return f"{'part' if share is None else f'{max(1, round(100 * share))} %'} of it is missing"


def note_missing(share: float | None) -> str:
    """The same as a note on a photo."""
    return f"it is damaged: {describe_missing(share)}"
