"""From the bytes of a photo to pixels to train on, whatever those bytes hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import imagecodecs
import numpy as np

from photochrom.color import Pixels
from photochrom.errors import BadPhoto, PhotochromError, kind_and_place
from photochrom.image.decoding import turn_upright
from photochrom.image.headers import read_size
from photochrom.image.photo import to_image
from photochrom.image.photo_file import open_file
from photochrom.image.reader import read_photo

LONGEST = 8
"""Sides apart: a longer strip would be enlarged beyond all bounds."""
_SCAN = b"\xff\xda"
_PLAIN_PIXELS, _PLAIN_SCANS = 50_000_000, 20
"""What the quick way of decoding takes at most."""


@contextmanager
def as_bad_photo() -> Iterator[None]:
    """Turn whatever goes wrong with one photo into BadPhoto, so that it costs that photo alone.

    Also a decorator.
    """
    try:
        yield
    except BadPhoto:
        raise
    except PhotochromError as error:
        raise BadPhoto(str(error)) from error
    except MemoryError as error:
        raise BadPhoto("it needs more memory than there is: make it smaller first.") from error
    except Exception as error:  # decoders raise whatever the bytes provoke
        raise BadPhoto(f"it cannot be used ({kind_and_place(error)}): please report it.") from error


@as_bad_photo()
def decode(data: bytes) -> Pixels:
    """Decode a photo to ``(H, W, 3)`` uint8 sRGB, upright.

    A file that holds nothing but pixels takes a way five times as fast, to the same pixels.

    Raises:
        BadPhoto: not an image, cut short, or whatever else is wrong with it.
    """
    pixels = _decode_plain(data) if _is_plain(data) else None
    return np.asarray(to_image(read_photo(data)).convert("RGB")) if pixels is None else pixels


def _decode_plain(data: bytes) -> Pixels | None:
    """None where that fails, of which the other way says why."""
    if data[:4] == b"RIFF":
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        return None if bgr is None else np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
    try:  # OpenCV would print what is odd about a JPEG
        pixels = imagecodecs.jpeg8_decode(data, outcolorspace="RGB")
    except (RuntimeError, ValueError):
        return None
    return pixels if pixels.dtype == np.uint8 and pixels.shape[2:] == (3,) else None


def _is_plain(data: bytes) -> bool:
    """Whether it has no orientation, profile or alpha that would have to be heeded, nor asks much.

    What does is decoded by the other way, which looks at all that a file asks for.
    """
    size = read_size(data)
    if not size or size[0] * size[1] > _PLAIN_PIXELS or data.count(_SCAN) > _PLAIN_SCANS:
        return False
    if data[:4] == b"RIFF":  # WebP's simple format has one chunk and no room for others
        return data[8:16] == b"WEBPVP8 " and int.from_bytes(data[4:8], "little") + 8 == len(data)
    if data[:4] != b"\xff\xd8\xff\xe0" or data[-2:] != b"\xff\xd9":
        return False
    after = 4 + int.from_bytes(data[4:6], "big")  # of JFIF's own segment
    return data[after : after + 2] == b"\xff\xdb"  # the tables: no EXIF, profile or Adobe's colours


def decode_small(data: bytes, side: int) -> tuple[Pixels, int, int]:
    """Decode a copy ``(h, w, 3)`` with a long side of ``side`` at most; and tell width and height.

    Raises:
        BadPhoto: as :func:`decode`.
    """
    drafted = _draft_jpeg(data, side) if data[:2] == b"\xff\xd8" else None
    if drafted is None:
        pixels = decode(data)
        height, width = pixels.shape[:2]
    else:
        pixels, width, height = drafted
    h, w = pixels.shape[:2]
    scale = side / max(h, w)
    if scale < 1:
        size = max(1, round(w * scale)), max(1, round(h * scale))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
    return pixels, width, height


def _draft_jpeg(data: bytes, side: int) -> tuple[Pixels, int, int] | None:
    """As above; a JPEG can be decoded small, but is read to its end all the same."""
    with open_file(data) as file:
        image = file.image
        width, height = image.size
        if image.mode not in ("L", "RGB"):
            return None
        try:
            least = side / max(width, height)
            image.draft("RGB", (max(1, int(width * least)), max(1, int(height * least))))
            pixels, orientation = np.asarray(image.convert("RGB")), image.getexif().get(0x0112, 1)
        except MemoryError:
            raise
        except Exception:  # decoders raise whatever the bytes provoke; decoded whole it is named
            return None
    if orientation >= 5:
        width, height = height, width
    return np.ascontiguousarray(turn_upright(pixels, orientation)), width, height


def scale_short_side(pixels: Pixels, side: int) -> Pixels:
    """Scale a photo so that its short side has ``side`` pixels, aspect ratio kept.

    Raises:
        BadPhoto: it is a strip.
    """
    h, w = pixels.shape[:2]
    if max(h, w) > LONGEST * min(h, w):
        raise BadPhoto(f"it is {w} x {h}, more than {LONGEST} times as long as wide.")
    scale = side / min(h, w)
    size = max(side, round(w * scale)), max(side, round(h * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return pixels if size == (w, h) else np.asarray(cv2.resize(pixels, size, interpolation=way))


def digest(data: bytes) -> str:
    """What a photo is recognised by wherever it lies: SHA-256 of its encoded bytes."""
    return hashlib.sha256(data).hexdigest()
