"""16-bit colour, which Pillow does not have: read through OpenCV, written as PNG and TIFF."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

FORMATS = ("PNG", "TIFF")

_PNG_HEAD = 8 + 25  # signature and IHDR, after which metadata may come: PNG specification, 5.6
_PNG_METADATA = (b"iCCP", b"eXIf", b"pHYs", b"iTXt")


def is_deep(image: Image.Image) -> bool:
    """Whether the file behind a picture, not yet loaded, has 16 bits that Pillow will not keep."""
    raw_modes = [str(tile.args) for tile in getattr(image, "tile", ())]
    return image.mode in ("RGB", "RGBA", "LA") and any(";16" in mode for mode in raw_modes)


def decode(data: bytes) -> npt.NDArray[np.uint16] | None:
    """The pixels (H, W, 3) or (H, W, 4) in RGB order, or None when OpenCV does not read them."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    order = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(pixels, order))


def encode(pixels: npt.NDArray[np.uint16], format: str, metadata: dict[str, Any]) -> bytes:  # noqa: A002
    """Pixels (H, W, 3) or (H, W, 4) as a PNG or TIFF file.

    Args:
        pixels: RGB or RGBA.
        format: one of :data:`FORMATS`.
        metadata: what Pillow's ``save`` would take for that format.
    """
    carrier = io.BytesIO()  # Pillow writes the metadata around one pixel; it is moved from there
    Image.new("RGB", (1, 1)).save(carrier, format, **metadata)
    return (_png if format == "PNG" else _tiff)(pixels, carrier)


def _png(pixels: npt.NDArray[np.uint16], carrier: io.BytesIO) -> bytes:
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    if not done:
        raise OSError("the PNG encoder failed")
    file = encoded.tobytes()
    chunks, rest = [], carrier.getvalue()[_PNG_HEAD:]
    while rest:
        length = 12 + int.from_bytes(rest[:4], "big")
        if rest[4:8] in _PNG_METADATA:
            chunks.append(rest[:length])
        rest = rest[length:]
    return file[:_PNG_HEAD] + b"".join(chunks) + file[_PNG_HEAD:]


def _tiff(pixels: npt.NDArray[np.uint16], carrier: io.BytesIO) -> bytes:
    height, width, channels = pixels.shape
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    with Image.open(carrier) as image:
        tags.update(image.getexif())
        for pointer in (0x8769, 0x8825):  # the EXIF and GPS directories
            if pointer in tags:
                tags[pointer] = image.getexif().get_ifd(pointer)
    tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH] = width, height
    tags[TiffImagePlugin.BITSPERSAMPLE] = (16,) * channels
    tags[TiffImagePlugin.SAMPLESPERPIXEL] = channels
    tags[TiffImagePlugin.COMPRESSION] = 1  # none
    if channels == 4:
        tags[TiffImagePlugin.EXTRASAMPLES] = 2  # alpha, not multiplied in
    tags[TiffImagePlugin.ROWSPERSTRIP] = height
    tags[TiffImagePlugin.STRIPBYTECOUNTS] = pixels.nbytes
    tags[TiffImagePlugin.STRIPOFFSETS] = 0  # counted from the end of the tags when they are saved
    file = io.BytesIO()
    tags.save(file)
    file.write(pixels.astype("<u2").tobytes())
    return file.getvalue()
