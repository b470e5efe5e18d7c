"""16 bits in PNG and PPM, of which Pillow has only grey; TIFF has its own modules."""

from __future__ import annotations

import ctypes

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photochrom.image.levels import bands

Deep = npt.NDArray[np.uint16]


def pixel_size(image: Image.Image) -> int:
    """Bytes of a pixel, where Pillow would not keep all 16 bits of its samples; else 0.

    Args:
        image: opened, but not yet loaded.
    """
    tile = next(iter(getattr(image, "tile", ())), None)
    if tile is None:
        return 0
    if image.format == "PPM" and image.mode == "RGB" and tile.codec_name == "ppm":
        return 6 if tile.args[1] > 255 else 0
    if image.format == "PNG" and ";16" in str(tile.args):
        kind = str(tile.args).partition(";16")[0].strip("('")
        return 2 * (len(kind) + ("transparency" in image.info))
    return 0


def decode(image: Image.Image, data: bytes) -> Deep | None:
    """The 16 bits that Pillow does not keep, or with the alpha that it does not make of them.

    Args:
        image: opened, but not yet loaded.
        data: the file's bytes.

    Returns:
        Levels (H, W), or with 2, 3 or 4 channels; None where Pillow has all there is.

    Raises:
        Exception: of any type, where the file is damaged.
    """
    if not pixel_size(image):
        return None
    if image.format == "PPM":
        tile = image.tile[0]  # type: ignore[attr-defined]
        return _decode_ppm(image.size, tile.offset, tile.args[1], data)
    import imagecodecs

    try:
        return np.asarray(imagecodecs.png_decode(data))
    except Exception:
        # It has let go of one None too many (imagecodecs 2026.3.6), and without any Python ends.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(None))
        raise


def _decode_ppm(size: tuple[int, int], start: int, highest: int, data: bytes) -> Deep | None:
    """Raw PPM: big-endian numbers up to a highest one, after a head that Pillow has read."""
    width, height = size
    if len(data) - start < 6 * width * height:
        return None
    stored: Deep = np.frombuffer(data, ">u2", 3 * width * height, start)
    scaled = np.empty(stored.shape, np.uint16)
    for part in bands(stored):
        levels = np.minimum(stored[part], highest).astype(np.uint32)
        scaled[part] = (levels * 65535 + highest // 2) // highest
    return scaled.reshape(height, width, 3)


def encode_ppm(pixels: Deep) -> bytes:
    """Colour (H, W, 3) as a PPM; a fourth channel is left out."""
    height, width = pixels.shape[:2]
    return b"P6\n%d %d\n65535\n" % (width, height) + pixels[..., :3].astype(">u2").tobytes()


def encode_png(pixels: Deep) -> bytes:
    """Colour (H, W, 3) or (H, W, 4) as a PNG, without metadata."""
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    if not done:
        raise OSError("the PNG encoder failed")
    return encoded.tobytes()
