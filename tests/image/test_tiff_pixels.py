"""TIFF of every kind comes out with the right values, or is refused: never garbage."""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import saved, tiff
from PIL import Image

from photochrom import color
from photochrom.errors import BadPhoto
from photochrom.image import tiff_decoding, tiff_directories, tiff_page
from photochrom.image.photo import to_array
from photochrom.image.reader import read_photo

H, W = 37, 53  # so that the last strips and tiles are not whole
RAMP = np.add.outer(np.linspace(0, 0.6, H), np.linspace(0, 0.4, W))
G16 = np.rint(RAMP * 65535).astype(np.uint16)
G8 = (G16 >> 8).astype(np.uint8)


def shown(pixels: np.ndarray, **options) -> np.ndarray:
    """What is read of a TIFF made of such pixels."""
    read = read_photo(tiff(pixels, **options))
    return to_array(read, read.pixels.dtype)


BROKEN_LZW = bytes.fromhex(
    "8063604028180e0804828160c068381e100884826140a8582e180c868361c0e90382c1e130b815f7"
    "0ec5e331b8e9d0f1048342215060b049148b462351c8f1e0f921994926b279c4aa772d9f20263239"
    "a49a6f290575bec4021202"
)
"""A strip that imagecodecs' own decoder crashes over (2026.3.6)."""
READ = """
import sys
from photochrom.image.reader import read_photo
from photochrom.errors import BadPhoto
data = sys.stdin.buffer.read()
for _ in range(300):
    try:
        read_photo(data)
    except BadPhoto:
        print("refused")
"""


# --- the mixes ------------------------------------------------------------------------------------


def test_a_broken_strip_does_not_end_the_program():
    whole = tiff(G16[:5, :15], rowsperstrip=5, compression="lzw")
    with tifffile.TiffFile(io.BytesIO(whole)) as file:
        (at,), (length,) = file.pages[0].dataoffsets, file.pages[0].databytecounts
    told = struct.pack("<HHI", 279, 4, 1) + struct.pack("<I", length)
    assert told in whole
    data = whole[:at] + BROKEN_LZW
    data = data.replace(told, told[:-4] + struct.pack("<I", len(BROKEN_LZW)))
    done = subprocess.run([sys.executable, "-c", READ], input=data, capture_output=True, check=True)
    assert done.stdout.split() == [b"refused"] * 300


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_floats(dtype, count):
    planes = [RAMP, 1 - RAMP, RAMP / 2, RAMP / 3][:count]
    pixels = (np.stack(planes, -1) if count > 1 else RAMP).astype(dtype)
    options = {
        "photometric": "rgb" if count > 1 else "minisblack",
        "extrasamples": ["unassalpha"] if count == 4 else None,
    }
    for codec, predictor in ((None, False), ("zlib", True), ("zlib", False), ("lzw", False)):
        for order in "<>":
            mix = {"compression": codec, "predictor": predictor, "byteorder": order}
            got = shown(pixels, **options, **mix)
            np.testing.assert_allclose(got / 65535, pixels.astype(float), atol=1.5 / 65535)
    got = shown(1 - RAMP.astype(dtype), photometric="miniswhite")
    np.testing.assert_allclose(got / 65535, RAMP, atol=1e-3 if dtype == np.float16 else 2e-5)


@pytest.mark.parametrize("bad", [np.nan, -0.5, 2, 255])
def test_floats_out_of_range(bad):
    pixels = np.dstack([RAMP.astype(np.float32)] * 3)
    pixels[3, 3, 1] = bad
    with pytest.raises(BadPhoto, match=r"holds numbers from .* scale them to 0\.\.1 first"):
        read_photo(tiff(pixels, photometric="rgb"))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 10, 12, 14, 16])
@pytest.mark.parametrize("white", ["minisblack", "miniswhite"])
def test_few_or_odd_bits(bits, white):
    levels = np.rint(RAMP * ((1 << bits) - 1)).astype(np.uint8 if bits <= 8 else np.uint16)
    got = shown(levels, bitspersample=bits, photometric=white, rowsperstrip=5)
    top = 255 if bits <= 8 else 65535
    expected = levels / ((1 << bits) - 1)
    expected = 1 - expected if white == "miniswhite" else expected
    assert got.dtype == (np.uint8 if bits <= 8 else np.uint16)
    np.testing.assert_allclose(got / top, expected, atol=0.6 / top)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_wide_whole_numbers(dtype):
    top = np.iinfo(dtype).max
    wide = (RAMP * float(top) * 0.99).astype(dtype)
    np.testing.assert_allclose(shown(wide) / 65535, RAMP * 0.99, atol=1 / 65535)
    assert (shown(G16.astype(dtype)) == G16).all()  # 16 bits, stored wide
    assert (shown(G16.astype(np.int32)) == G16).all()
    assert (shown((G16 >> 1).astype(np.int16)) == G16 >> 1).all()
    with pytest.raises(BadPhoto, match="holds numbers from -7"):
        read_photo(tiff(np.where(G16 == 0, -7, G16.astype(np.int32))))


@settings(max_examples=400, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    count=st.sampled_from([1, 2, 3, 4]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    order=st.sampled_from("<>"),
    planar=st.sampled_from(["contig", "separate"]),
    codec=st.sampled_from([None, "lzw", "zlib", "packbits", "zstd", "lzma"]),
    predictor=st.booleans(),
    parts=st.sampled_from([{}, {"tile": (16, 16)}, {"tile": (32, 16)}, {"rowsperstrip": 5}]),
    big=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_mix_of_layouts(
    shape, count, dtype, order, planar, codec, predictor, parts, big, seed
):
    """And the same as OpenCV, which reads by way of libtiff, where it reads it at all."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, np.iinfo(dtype).max, (*shape, count), dtype, endpoint=True)
    pixels = pixels[..., 0] if count == 1 else pixels
    data = tiff(
        np.moveaxis(pixels, -1, 0) if count > 1 and planar == "separate" else pixels,
        photometric="rgb" if count > 2 else "minisblack",
        extrasamples=["unassalpha"] if count in (2, 4) else None,
        planarconfig=planar if count > 1 else None,
        **{"compression": codec, "predictor": predictor and codec in ("lzw", "zlib")},
        **{"byteorder": order, "bigtiff": big, **parts},
    )
    read = read_photo(data)
    assert (
        read.pixels == (pixels[..., :3] if count > 2 else pixels.reshape(*shape, -1)[..., 0])
    ).all()
    assert (read.alpha is not None) == (count in (2, 4))
    if read.alpha is not None:
        assert (read.alpha == pixels[..., -1]).all()
    if count in (1, 3) and planar == "contig":
        other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if other is not None and other.dtype == dtype:
            assert (other[..., ::-1] == read.pixels if count == 3 else other == read.pixels).all()


# --- colours --------------------------------------------------------------------------------------


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cmyk(dtype, planar):
    top = np.iinfo(dtype).max
    grey = G8 if dtype == np.uint8 else G16
    ink = np.dstack([grey * 0, grey * 0, grey * 0, top - grey])
    stored = np.moveaxis(ink, -1, 0) if planar == "separate" else ink
    read = read_photo(tiff(stored, photometric="separated", planarconfig=planar))
    assert read.pixels.dtype == dtype
    assert (read.pixels == grey[..., None]).all()


def test_other_inks_than_cmyk_are_refused():
    ink = np.dstack([G8] * 4)
    data = tiff(ink, photometric="separated", extratags=[(332, 3, 1, 2, True)])
    with pytest.raises(BadPhoto, match="colours of an unusual kind: export it as RGB"):
        read_photo(data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["cielab", "icclab"])
def test_lab(dtype, kind):
    L = RAMP * 100
    if dtype == np.uint8:
        neutral = 0 if kind == "cielab" else 128
        lightness = np.rint(L * 2.55).astype(np.uint8)
    else:
        neutral = 0 if kind == "cielab" else 32768
        lightness = np.rint(L * (655.35 if kind == "cielab" else 652.8)).astype(np.uint16)
    lab = np.dstack([lightness, *[np.full_like(lightness, neutral)] * 2])
    read = read_photo(tiff(lab, photometric=kind))
    assert read.pixels.dtype == dtype
    assert np.abs(read.lightness() - L).max() < 0.5
    assert np.ptp(read.pixels.astype(int), axis=-1).max() <= (1 if dtype == np.uint8 else 100)


def test_lab_has_its_colours():
    """Lab(60, 40, -30), whose a and b have a sign, is sRGB (192, 118, 198) or close to it."""
    for dtype, by in ((np.uint8, 1), (np.uint16, 256)):
        top = np.iinfo(dtype).max
        lab = np.empty((4, 4, 3), dtype)
        lab[..., 0] = round(0.6 * top)
        lab[..., 1] = 40 * by
        lab[..., 2] = (top + 1) - 30 * by
        read = read_photo(tiff(lab, photometric="cielab"))
        expected = color.lab_to_rgb(np.float32([[[60, 40, -30]]]), axis=-1)[0, 0]
        got = read.pixels[0, 0] / top
        np.testing.assert_allclose(got, expected, atol=0.05)


@pytest.mark.parametrize("scale", [256, 1])
def test_palettes(scale):
    """Also those of old programs that give 8 bits where 16 belong."""
    colors = np.random.default_rng(0).integers(0, 255, (3, 256)).astype(np.uint16)
    indices = G8
    data = tiff(indices, photometric="palette", colormap=colors * scale, rowsperstrip=9)
    assert (read_photo(data).pixels == colors.T[indices]).all()
    few = Image.fromarray(G8).convert("P").quantize(16)
    assert (read_photo(saved(few, "TIFF")).pixels == np.asarray(few.convert("RGB"))).all()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "jpeg"])
def test_ycbcr(compression):
    image = Image.fromarray(np.dstack([G8, 255 - G8, G8])).resize((64, 48)).convert("YCbCr")
    read = read_photo(saved(image, "TIFF", compression=compression))
    difference = np.abs(read.pixels - np.asarray(image.convert("RGB"), float))
    assert np.median(difference) <= 2


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "packbits"])
def test_one_bit(compression):
    page = Image.fromarray(G8).convert("1")
    expected = np.asarray(page).astype(np.uint8) * 255
    data = saved(page, "TIFF", compression=compression)
    assert (read_photo(data).pixels == expected).all()
    found = tiff_directories.find_pages(io.BytesIO(data), len(data))
    other = tiff_decoding.decode(tiff_page.Page(found, found.pages[0]), "the page")
    assert (other.pixels == expected).all()  # tifffile says the same


# --- alpha and other channels ---------------------------------------------------------------------


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("codec", [None, "lzw"])
@pytest.mark.parametrize("count", [2, 4])
def test_alpha_that_was_multiplied_in(planar, codec, count):
    """The same lightness from every depth; what was transparent altogether is black."""
    alpha = np.linspace(0, 1, W)[None].repeat(H, 0)
    seen = {}
    for dtype in (np.uint8, np.uint16, np.float32):
        top = 1 if dtype == np.float32 else np.iinfo(dtype).max
        grey = np.rint(RAMP * alpha * top) if top > 1 else RAMP * alpha
        opaque = np.rint(alpha * top) if top > 1 else alpha
        stored = np.stack([grey] * (count - 1) + [opaque], -1).astype(dtype)
        stored = np.moveaxis(stored, -1, 0) if planar == "separate" else stored
        data = tiff(
            stored,
            photometric="rgb" if count == 4 else "minisblack",
            **{"extrasamples": ["assocalpha"], "planarconfig": planar, "compression": codec},
        )
        read = read_photo(data)
        wide = 255 if dtype == np.uint8 else 65535
        np.testing.assert_allclose(read.alpha / wide, alpha, atol=1 / wide)
        level = read.pixels if read.pixels.ndim == 2 else read.pixels[..., 0]
        seen[dtype] = level / wide
        assert not level[:, 0].any()
    solid = alpha > 0.2
    np.testing.assert_allclose(seen[np.uint16][solid], RAMP[solid], atol=1e-4)
    np.testing.assert_allclose(seen[np.float32][solid], RAMP[solid], atol=2e-4)
    np.testing.assert_allclose(seen[np.uint8][solid], RAMP[solid], atol=0.015)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kinds", [["unspecified"], ["unassalpha", "unspecified"]])
@pytest.mark.parametrize("colors", [1, 3])
def test_infrared_is_no_transparency(dtype, kinds, colors, planar):
    grey = G8 if dtype == np.uint8 else G16
    half = np.full_like(grey, np.iinfo(dtype).max // 2)
    planes = [*([grey] * colors), *[half] * len(kinds)]
    stored = np.stack(planes, 0 if planar == "separate" else -1)
    photometric = "rgb" if colors == 3 else "minisblack"
    read = read_photo(
        tiff(stored, photometric=photometric, extrasamples=kinds, planarconfig=planar)
    )
    assert (read.alpha is not None) == (len(kinds) == 2)
    assert (read.pixels.reshape(H, W, -1) == grey[..., None]).all()
    (note,) = read.notes
    assert "infrared" in note
