"""16 bits in PNG and PPM, of which Pillow has only grey; TIFF has its own modules."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Deep = npt.NDArray[np.uint16]

FORMATS = ("PNG", "PPM", "TIFF")
"""Those that keep 16 bits."""


def read(image: Image.Image, data: bytes) -> Deep | None:
    """The 16 bits that Pillow does not keep, or with the alpha that it does not make of them.

    Args:
        image: opened, but not yet loaded.
        data: the file's bytes.

    Returns:
        Pixels (H, W), or with 2, 3 or 4 channels; None where Pillow has all there is.

    Raises:
        Exception: of any type, where the file is damaged.
    """
    tiles = getattr(image, "tile", ())
    if image.format == "PPM" and image.mode == "RGB" and tiles and tiles[0].codec_name == "ppm":
        _, highest = tiles[0].args
        return _ppm(image.size, tiles[0].offset, highest, data) if highest > 255 else None
    if image.format == "PNG" and any(";16" in str(tile.args) for tile in tiles):
        import imagecodecs

        return np.asarray(imagecodecs.png_decode(data))
    return None


def _ppm(size: tuple[int, int], start: int, highest: int, data: bytes) -> Deep | None:
    """Raw PPM: big-endian numbers up to a highest one, after a head that Pillow has read."""
    width, height = size
    if len(data) - start < 6 * width * height:
        return None
    stored: Deep = np.frombuffer(data, ">u2", 3 * width * height, start)
    levels = np.minimum(stored, highest).astype(np.uint32)
    scaled = (levels * 65535 + highest // 2) // highest
    return np.asarray(scaled.astype(np.uint16).reshape(height, width, 3))


def ppm(pixels: Deep) -> bytes:
    """Colour (H, W, 3) as a PPM; a fourth channel is left out."""
    height, width = pixels.shape[:2]
    return b"P6\n%d %d\n65535\n" % (width, height) + pixels[..., :3].astype(">u2").tobytes()


def png(pixels: Deep) -> bytes:
    """Colour (H, W, 3) or (H, W, 4) as a PNG, without metadata."""
    order = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    done, encoded = cv2.imencode(".png", cv2.cvtColor(pixels, order))
    if not done:
        raise OSError("the PNG encoder failed")
    return encoded.tobytes()
