from __future__ import annotations

import io
import itertools
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from photochrom.errors import CannotWrite
from photochrom.image import jpeg
from photochrom.image.encoding import Encoding
from photochrom.image.photo import Photo
from photochrom.image.writer import encode_photo
from tags import dump

OPTIONS: dict[str, Any] = {"quality": 95, "subsampling": "4:4:4"}


def picture(height: int, width: int) -> np.ndarray:
    """Colours that change from pixel to pixel, so that a shift or a lost strip shows."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(y / 7 + x / 3), np.cos(y / 5 - x / 11), np.sin(x / 2) * np.cos(y / 3)])
    return np.ascontiguousarray(np.uint8(127 + 90 * waves.transpose(1, 2, 0)))


def by_pillow(pixels: np.ndarray, **options: Any) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **OPTIONS, **options)
    return Image.open(file)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 17), (100, 75), (264, 333)])
@pytest.mark.parametrize("strip", [1, 1 << 13, 1 << 30])
def test_pixels_are_those_of_one_go(size, strip, monkeypatch):
    monkeypatch.setattr(jpeg, "_STRIP", strip)
    pixels = picture(*size)
    data = jpeg.encode(pixels, 95)
    image = Image.open(io.BytesIO(data))
    assert image.size == size[::-1]
    assert np.array_equal(image, by_pillow(pixels))
    theirs = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), 1), cv2.COLOR_BGR2RGB)
    assert np.abs(theirs.astype(int) - np.asarray(image)).max() <= 1  # another decoder's view


def test_markers_count_from_0_to_7_and_again(monkeypatch):
    monkeypatch.setattr(jpeg, "_STRIP", 1)
    _, scan = jpeg._split_scan(jpeg.encode(picture(8 * 12, 8), 95))
    markers = [b - 0xD0 for a, b in itertools.pairwise(scan) if a == 0xFF and b]
    assert markers == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2]


def test_metadata_is_where_pillow_puts_it():
    block = dump({305: "scanner"})
    told = {"dpi": (300, 300), "comment": b"at sea", "exif": b"Exif\0\0" + block, "xmp": b"<x/>"}
    pixels = picture(40, 40)
    start = Photo(pixels, exif=block, xmp=b"<x/>", text=(("Comment", "at sea"),), dpi=(300, 300))
    ours = Image.open(io.BytesIO(encode_photo(start, "JPEG", Encoding(quality=95))))
    theirs = by_pillow(pixels, **told)
    assert sorted(ours.applist) == sorted(theirs.applist)
    assert ours.quantization == theirs.quantization
    assert ours.info == theirs.info
    assert ours.getexif()[305] == "scanner"


def test_what_jpeg_cannot_hold_is_said():
    tall = Photo(np.zeros((65_501, 1, 3), np.uint8))
    with pytest.raises(CannotWrite, match=r"at most 65,500 pixels along a side.*\.png"):
        encode_photo(tall, "JPEG")
