from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from photochrom.data import decode as decoding
from photochrom.data.decode import decode, scale_short_side
from photochrom.errors import BadPhoto


@pytest.mark.parametrize("how", [{}, {"subsampling": 2}, {"progressive": True}])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_the_fast_way_gives_the_same_pixels(encoded, monkeypatch, kind, how):
    photos = [encoded(seed, kind=kind, quality=80, **how) for seed in range(5)]
    photos += [data[:-40] + bytes(9) + data[-31:] for data in photos if kind == "JPEG"]  # damaged
    fast = [decode(data) for data in photos]
    monkeypatch.setattr(decoding, "_is_plain", lambda _: False)
    assert all(
        np.array_equal(decode(data), pixels) for data, pixels in zip(photos, fast, strict=True)
    )


def saved(image: Image.Image, kind: str = "PNG", **how) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def test_the_fast_way_makes_grey_photos_rgb():
    grey = saved(Image.linear_gradient("L"), "JPEG")
    assert decoding._is_plain(grey)
    assert decode(grey).shape == (256, 256, 3)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_fast_way_is_not_taken_where_something_has_to_be_heeded(encoded, kind):
    turned = Image.Exif()
    turned[0x0112] = 6
    assert decoding._is_plain(encoded(1, kind=kind))
    data = encoded(1, kind=kind, exif=turned)
    assert not decoding._is_plain(data)
    assert decode(data).shape == (60, 40, 3)
    for short in (data[:-50], encoded(1, kind=kind)[:-50], b""):
        with pytest.raises(BadPhoto):
            decode(short)


def test_what_asks_for_much_is_not_decoded_the_fast_way(monkeypatch):
    small = saved(Image.new("RGB", (64, 64)), "JPEG", progressive=True)
    frame, scan = small.index(b"\xff\xc2"), small.rindex(b"\xff\xda")
    wide = small[: frame + 5] + b"\xff\xdc\xff\xdc" + small[frame + 9 :]
    many = small[:-2] + small[scan:-2] * 5000 + small[-2:]
    reached = lambda *_, **__: pytest.fail("a decoder was reached")  # noqa: E731
    monkeypatch.setattr(decoding.imagecodecs, "jpeg8_decode", reached)
    for hostile in (wide, many):
        with pytest.raises(BadPhoto):
            decode(hostile)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_whatever_the_bytes_say_a_photo_is_bad_or_good(encoded, kind):
    data = encoded(1, kind=kind)
    draw = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        for place in draw.integers(0, len(data), 4):
            damaged[place] = draw.integers(256)
        with contextlib.suppress(BadPhoto):
            assert decode(bytes(damaged)).dtype == np.uint8


def test_photos_are_decoded_to_8_bit_srgb():
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    assert np.array_equal(decode(saved(Image.fromarray(grey))), np.repeat(grey[..., None], 3, 2))
    deep = np.linspace(0, 65535, 48).astype(np.uint16).reshape(6, 8)
    assert np.abs(decode(saved(Image.fromarray(deep)))[..., 1] - deep / 257).max() <= 1
    rgb = np.random.default_rng(0).integers(60, 200, (6, 8, 3), dtype=np.uint8)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(saved(Image.fromarray(rgb), icc_profile=profile))
    assert np.abs(same.astype(int) - rgb).max() <= 1


def test_a_long_photo_keeps_a_whole_short_side_and_a_strip_is_refused():
    assert scale_short_side(np.zeros((3, 20, 3), np.uint8), 2).shape == (2, 13, 3)
    with pytest.raises(BadPhoto, match="times as long"):
        scale_short_side(np.zeros((3, 1000, 3), np.uint8), 2)
    assert scale_short_side(np.zeros((101, 100, 3), np.uint8), 32).shape == (32, 32, 3)
