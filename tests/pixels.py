"""Pictures that tests make, and what they read of them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from photochrom import color


def png(pixels: np.ndarray, kind: str = "PNG", more: tuple[np.ndarray, ...] = ()) -> bytes:
    """A file of pixels, or of several pages."""
    file = io.BytesIO()
    pages = {"save_all": True, "append_images": list(map(Image.fromarray, more))} if more else {}
    Image.fromarray(pixels).save(file, kind, **pages)
    return file.getvalue()


def grey_levels(rgb: np.ndarray) -> np.ndarray:
    """The grey levels 0..255, fractions included, that have the lightness of RGB (H, W, 3)."""
    table = color.grey_to_lightness(np.arange(256) / 255.0)
    L = color.rgb_to_lab(rgb / np.iinfo(rgb.dtype).max, axis=-1)[..., 0]
    return np.interp(L, table, np.arange(256))


def ab_at(rgb: np.ndarray, x: float, y: float) -> np.ndarray:
    """a and b of a pixel of 8-bit RGB (H, W, 3)."""
    return color.rgb_to_lab(rgb[int(y), int(x)] / 255.0, axis=-1)[1:]


def tones(height: int, width: int) -> np.ndarray:
    """Two tones side by side, of which sRGB has colours enough."""
    grey = np.full((height, width), 110, np.uint8)
    grey[:, width // 2 :] = 170
    return grey
