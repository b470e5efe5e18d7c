"""PNG: transparency, gamma, broken and large chunks, what is left of a file that was cut."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import imagecodecs
import numpy as np
import pytest
from image_files import chunk, png
from PIL import Image

from photochrom import color
from photochrom.errors import BadPhoto
from photochrom.image import icc, sixteen_bit
from photochrom.image.reader import read_photo
from photochrom.image.writer import encode_photo

RAMP = np.linspace(0, 1, 256).reshape(16, 16)
G16 = np.rint(RAMP * 65535).astype(np.uint16)
G8 = np.arange(256, dtype=np.uint8).reshape(16, 16)
RGB16 = np.dstack([G16, 65535 - G16, G16 // 2])
HEAD = 33  # signature and IHDR


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


# --- every depth, with and without a transparent level --------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_depth(channels, dtype):
    parts = [G16, 65535 - G16, G16 // 2, G16 // 3][:channels]
    pixels = np.dstack(parts) if channels > 1 else G16
    pixels = (pixels >> 8).astype(np.uint8) if dtype == np.uint8 else pixels
    read = read_photo(png(pixels))
    flat = pixels.reshape(16, 16, -1)
    assert (read.pixels == (flat[..., :3] if channels > 2 else flat[..., 0])).all()
    assert (read.alpha is None) == (channels in (1, 3))
    if read.alpha is not None:
        assert (read.alpha == flat[..., -1]).all()


@pytest.mark.parametrize("pixels", [G8, G16, np.dstack([G8, 255 - G8, G8]), RGB16])
def test_a_transparent_level(pixels):
    level = pixels[3, 5].reshape(-1)
    read = read_photo(
        png(pixels, chunk(b"tRNS", b"".join(int(v).to_bytes(2, "big") for v in level)))
    )
    clear = (pixels.reshape(16, 16, -1) == level).all(axis=-1)
    assert read.pixels.shape == pixels.shape
    assert read.alpha.dtype == pixels.dtype
    assert (read.alpha == np.where(clear, 0, np.iinfo(pixels.dtype).max)).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_transparent_level_of_few_bits(bits):
    levels = G8 >> (8 - bits)
    read = read_photo(png(levels, chunk(b"tRNS", struct.pack(">H", 1)), bits=bits))
    assert (read.pixels == levels * (255 // ((1 << bits) - 1))).all()
    assert (read.alpha == np.where(levels == 1, 0, 255)).all()


def test_a_transparent_entry_of_a_palette():
    image = Image.fromarray(G8).convert("P")
    file = io.BytesIO()
    image.save(file, "PNG", transparency=bytes([0, 99, *[255] * 254]))
    read = read_photo(file.getvalue())
    assert sorted(set(read.alpha.ravel())) == [0, 99, 255]


# --- gamma ------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [1.0, 1 / 1.8, 1 / 2.6])
@pytest.mark.parametrize("color_too", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gamma_is_honoured(told, color_too, dtype):
    top = np.iinfo(dtype).max
    grey = np.rint(RAMP * top).astype(dtype)
    pixels = np.dstack([grey] * 3) if color_too else grey
    read = read_photo(png(pixels, gamma(told)))
    light = (grey / top) ** (1 / (round(told * 100_000) / 100_000))
    expected = np.where(light > 216 / 24389, 116 * np.cbrt(light) - 16, light * 24389 / 27)
    assert read.pixels.dtype == dtype
    assert np.abs(read.lightness() - expected).max() < (0.4 if dtype == np.uint8 else 0.05)
    again = Image.open(io.BytesIO(encode_photo(read, "PNG")))
    assert "gamma" not in again.info


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [gamma(0.45455)],
        [gamma(0.44)],
        [gamma(0)],
        [chunk(b"sRGB", b"\0"), gamma(1.0)],
        [chunk(b"iCCP", b"x\0\0" + zlib.compress(icc.srgb_profile())), gamma(1.0)],
        [chunk(b"cICP", bytes([1, 13, 0, 1])), gamma(1.0)],
    ],
)
@pytest.mark.parametrize("pixels", [G8, RGB16])
def test_what_comes_before_gamma(chunks, pixels):
    assert (read_photo(png(pixels, *chunks)).pixels == pixels).all()


def test_gamma_of_an_image_from_python():
    image = Image.open(io.BytesIO(png(G16, gamma(1.0))))
    assert (read_photo(image).pixels == read_photo(png(G16, gamma(1.0))).pixels).all()


def test_primaries_are_honoured():
    """Of Adobe RGB, where green is greener: an sRGB screen has to turn it up."""
    white_and_primaries = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
    points = struct.pack(">8I", *(round(v * 100_000) for v in white_and_primaries))
    pixels = np.full((4, 4, 3), [100, 150, 100], np.uint8)
    read = read_photo(png(pixels, gamma(1 / 2.2), chunk(b"cHRM", points)))
    assert read.pixels[0, 0, 0] < 75
    assert abs(int(read.pixels[0, 0, 1]) - 150) < 4
    greys = read_photo(png(np.dstack([G8] * 3), gamma(1 / 2.2), chunk(b"cHRM", points)))
    assert np.abs(greys.pixels.astype(int) - G8[..., None])[G8 > 120].max() <= 2


def test_brightness_for_hdr_screens_is_told():
    read = read_photo(png(G8, chunk(b"cICP", bytes([9, 16, 0, 1]))))
    assert "HDR" in read.notes[0]


# --- chunks -----------------------------------------------------------------------------------


def spoiled(data: bytes, name: bytes) -> bytes:
    """The file with a wrong checksum of a chunk."""
    at = data.index(name)
    end = at + 4 + int.from_bytes(data[at - 4 : at], "big")
    return data[:end] + bytes([data[end] ^ 1]) + data[end + 1 :]


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"tEXt", b"Comment\0hello"),
        chunk(b"iCCP", b"x\0\0" + zlib.compress(icc.srgb_profile())),
        chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 1)),
        chunk(b"gAMA", struct.pack(">I", 100_000)),
        chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    ],
)
@pytest.mark.parametrize("pixels", [G8, RGB16])
def test_a_bad_checksum_costs_only_its_remark(extra, pixels):
    kept = chunk(b"tEXt", b"Title\0kept")
    read = read_photo(spoiled(png(pixels, extra, kept), extra[4:8]))
    assert (read.pixels == pixels).all()
    assert read.text == (("Title", "kept"),)
    assert read.dpi is None
    assert not read.profiled
    assert any("metadata" in note for note in read.notes)


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT"])
def test_a_bad_checksum_of_the_pixels(name):
    data = spoiled(png(RGB16), name)
    with pytest.raises(BadPhoto, match="damaged"):
        read_photo(data)
    read = read_photo(data, damaged=True)
    assert (read.pixels == RGB16).all()


def test_a_palette_with_a_bad_checksum():
    file = io.BytesIO()
    Image.fromarray(G8).convert("P").save(file, "PNG")
    with pytest.raises(BadPhoto, match="PLTE chunk is damaged"):
        read_photo(spoiled(file.getvalue(), b"PLTE"))


def test_a_large_profile_is_honoured():
    linear = bytes(__import__("imagecodecs").cms_profile("gray", gamma=1.0))
    large = len(linear) + 1_500_000
    profile = struct.pack(">I", large) + linear[4:] + bytes(1_500_000)
    packed = chunk(b"iCCP", b"scanner\0\0" + zlib.compress(profile))
    read = read_photo(png(G16, packed))
    assert read.profiled
    expected = color.grey_to_lightness(read_photo(png(G16, gamma(1.0))).pixels / 65535)
    np.testing.assert_allclose(read.lightness(), expected, atol=0.05)


def test_a_profile_without_end():
    packed = chunk(b"iCCP", b"bomb\0\0" + zlib.compress(bytes(80_000_000), 9))
    read = read_photo(png(G8, packed))
    assert (read.pixels == G8).all()
    assert read.notes == ("its colour profile is damaged and was ignored",)


def test_large_remarks():
    long = "grandmother " * 200_000
    packed = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(long.encode()))
    unicode = chunk(b"iTXt", b"Title\0\1\0\0\0" + zlib.compress(("Großmutter " * 200_000).encode()))
    read = read_photo(png(G8, packed, unicode))
    assert (read.pixels == G8).all()
    assert dict(read.text).keys() == {"Comment", "Title"}
    assert len(dict(read.text)["Comment"]) == len(long)


# --- cut short --------------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [np.repeat(G8, 8, 0), np.repeat(RGB16, 8, 0)])
def test_what_is_left_of_a_file_that_was_cut(pixels):
    noise = np.random.default_rng(0).integers(0, 2, pixels.shape).astype(pixels.dtype)
    pixels = pixels ^ noise
    data = png(pixels)
    cut = data[: HEAD + (len(data) - HEAD) // 2]
    with pytest.raises(BadPhoto, match=r"cut short or damaged .*--damaged"):
        read_photo(cut)
    read = read_photo(cut, damaged=True)
    assert read.pixels.dtype == pixels.dtype
    same = (read.pixels == pixels).reshape(128, -1).all(axis=1)
    assert same[:40].all()
    assert not same[-1]
    missing = int(read.notes[0].split("%")[0].split()[-1])
    assert abs(missing / 100 - (1 - same.mean())) < 0.1


def test_an_end_that_is_missing_costs_nothing():
    for data in (png(G8), png(RGB16)):
        read = read_photo(data[:-12])
        assert (read.pixels == read_photo(data).pixels).all()
        assert read.notes == ()
        assert (read_photo(data + b"junk").pixels == read.pixels).all()


def interlaced(pixels: np.ndarray) -> bytes:
    """A grey PNG whose rows come in the seven passes of Adam7."""
    starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = b""
    for left, top, across, down in (*starts, (0, 1, 1, 2)):
        part = pixels[top::down, left::across]
        rows += b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in part)
    height, width = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, 0, 0, 0, 1)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize("bits", [8, 16])
def test_an_interlaced_file_that_was_cut(bits):
    pixels = np.random.default_rng(0).integers(0, 255, (61, 67), np.uint8)
    pixels = pixels.astype(np.uint16) * 257 if bits == 16 else pixels
    data = interlaced(pixels)
    assert (read_photo(data).pixels == pixels).all()
    read = read_photo(data[: len(data) * 9 // 10], damaged=True)
    assert read.notes
    assert (read.pixels[::2] == pixels[::2]).all()
    assert not (read.pixels == pixels).all()


def test_a_size_that_is_not_believable():
    data = bytearray(png(G8))
    data[16:20] = struct.pack(">I", 30_000)
    data[20:24] = struct.pack(">I", 30_000)
    with pytest.raises(BadPhoto):
        read_photo(bytes(data), damaged=True)


def test_broken_16_bits_do_not_use_up_none():
    """Without a None left Python ends, in versions that count them."""
    data = png(RGB16)
    end = data.index(b"IEND") - 4
    packed = data[data.index(b"IDAT") + 4 : end - 4]
    body = chunk(b"IDAT", packed[:-4] + b"ends")  # instead of its checksum
    data = data[:HEAD] + body + data[end:]
    image = Image.open(io.BytesIO(data))
    before = sys.getrefcount(None)
    for _ in range(1000):
        with pytest.raises(imagecodecs.PngError):
            sixteen_bit.decode(image, data)
    assert sys.getrefcount(None) > before - 500


@pytest.mark.parametrize("bits", [G8, G16])
@pytest.mark.parametrize("cut", [None, -14])
def test_only_the_first_head_counts(bits, cut):
    """Decoders take the size of one or of the other."""
    whole = png(bits)
    second = chunk(b"IHDR", struct.pack(">IIBBBBB", 8_000_000, 66_000, 8, 0, 0, 0, 0))
    page = read_photo((whole[:HEAD] + second + whole[HEAD:])[:cut], damaged=True)
    assert page.pixels.shape == bits.shape
