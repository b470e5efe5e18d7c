"""Pages of a TIFF: found, told from thumbnails and raw files, and read as far as they are there."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
from image_files import saved, tiff
from PIL import Image, TiffImagePlugin
from test_tiff_pixels import G8, G16, RAMP, H, W, shown

from photochrom.errors import BadPhoto
from photochrom.image import icc, limits, tiff_page
from photochrom.image.decoding import turn_upright
from photochrom.image.photo_file import open_file
from photochrom.image.reader import read_pages, read_photo

# --- lists of pages -------------------------------------------------------------------------------


def link_of(data: bytes, page: int = 0) -> int:
    """Where a classic little-endian TIFF tells the place of the directory after a page."""
    at = struct.unpack_from("<I", data, 4)[0]
    for _ in range(page):
        at = struct.unpack_from("<I", data, at + 2 + 12 * struct.unpack_from("<H", data, at)[0])[0]
    return at + 2 + 12 * struct.unpack_from("<H", data, at)[0]


def album(*pages: np.ndarray) -> bytearray:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder="<") as writer:
        for page in pages:
            writer.write(page, metadata=None, contiguous=False)
    return bytearray(file.getvalue())


@pytest.mark.parametrize("place", [0x7FFFFFF0, 9, "end", "pixels"])
def test_a_list_of_pages_that_breaks_off(place):
    data = album(G8, G16, G8)
    target = {"end": len(data), "pixels": 200}.get(place, place)
    struct.pack_into("<I", data, link_of(data, 1), target)
    first, second = read_pages(bytes(data))
    assert (first.pixels == G8).all()
    assert (second.pixels == G16).all()
    assert first.notes == ()
    assert "broken after page 2" in second.notes[0]


def test_a_link_that_is_missing():
    data = album(G8)
    at = struct.unpack_from("<I", data, 4)[0]
    directory = data[at : link_of(data)]
    struct.pack_into("<I", data, 4, len(data))
    read = read_photo(bytes(data + directory))
    assert (read.pixels == G8).all()
    assert "broken after page 1" in read.notes[0]


def test_a_list_that_goes_round():
    data = album(G8, G16)
    data[link_of(data, 1) :][:4] = data[4:8]
    struct.pack_into("<I", data, link_of(data, 1), struct.unpack_from("<I", data, 4)[0])
    assert [page.pixels.dtype for page in read_pages(bytes(data))] == [np.uint8, np.uint16]


def test_a_first_directory_that_is_broken():
    data = album(G8, G16)
    struct.pack_into("<I", data, 4, len(data) + 99)
    with pytest.raises(BadPhoto, match="damaged"):
        read_photo(bytes(data))


# --- raw files and thumbnails ---------------------------------------------------------------------


def nested(*, tags=(), full=G16, **options) -> bytes:
    """A thumbnail, and the picture within."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(G8[::4, ::4], subfiletype=1, subifds=1, metadata=None, extratags=list(tags))
        writer.write(full, subfiletype=0, metadata=None, **options)
    return file.getvalue()


def test_raw_files_are_refused(tmp_path):
    dng = nested(tags=[(50706, 1, 4, (1, 4, 0, 0), True)])
    sensor = nested(photometric=32803)
    linear = nested(full=np.dstack([G16] * 3), photometric=34892)
    for data in (dng, sensor, linear):
        with pytest.raises(BadPhoto, match="camera's raw file: develop it"):
            read_photo(data)
    for suffix in (".dng", ".NEF", ".arw", ".pef", ".cr2"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(tiff(G8))
        with pytest.raises(BadPhoto, match="camera's raw file: develop it"):
            read_photo(path)


def test_the_picture_and_not_its_thumbnail():
    read = read_photo(nested())
    assert (read.pixels == G16).all()
    within = io.BytesIO()
    with tifffile.TiffWriter(within) as writer:  # a picture, and smaller copies of it within
        writer.write(G16, subifds=1, metadata=None)
        writer.write(G16[::2, ::2], subfiletype=1, metadata=None)
    (only,) = read_pages(within.getvalue())
    assert (only.pixels == G16).all()


# --- sizes, damage and what else goes wrong -------------------------------------------------------


def test_a_blank_page_is_a_page(monkeypatch):
    monkeypatch.setattr(limits, "PLAUSIBLE", (2_000_000, 10))
    page = Image.new("1", (992, 1403), 1)
    data = saved(page, "TIFF", compression="group4")
    assert len(data) * 10 < 992 * 1403
    assert read_photo(data).pixels.all()
    for other in (Image.new("RGB", (992, 1403)), Image.new("1", (2000, 1403), 1)):
        with pytest.raises(BadPhoto, match="as no photo has"):
            read_photo(saved(other, "TIFF", compression="tiff_adobe_deflate"))


@pytest.mark.slow
def test_a_blank_page_of_a_real_scanner():
    page = Image.new("1", (9921, 14031), 1)  # A4 at 1200 dpi
    assert read_photo(saved(page, "TIFF", compression="group4")).pixels.all()


@pytest.mark.parametrize("pixels", [G8, G16, np.dstack([G16] * 3)])
@pytest.mark.parametrize("codec", [None, "lzw", "zlib"])
def test_what_is_left_of_a_file_that_was_cut(pixels, codec):
    options = {"compression": codec, "rowsperstrip": 5}
    if pixels.ndim == 3:
        options["photometric"] = "rgb"
    data = tiff(pixels, **options)  # its directory comes first
    cut = data[: len(data) * 2 // 3]
    with pytest.raises(BadPhoto, match=r"cut short or damaged .*--damaged"):
        read_photo(cut)
    read = read_photo(cut, damaged=True)
    same = (read.pixels == pixels).reshape(H, -1).all(axis=1)
    assert same[:10].all()
    assert not same[-1]
    assert "is missing" in read.notes[0]
    assert read_photo(data, damaged=True).notes == ()


COMPRESSION = struct.pack("<HHIHH", 259, 3, 1, 1, 0)


def test_no_tiff_is_told_to_become_one():
    broken = bytearray(tiff(np.dstack([G16] * 3), photometric="rgb"))
    files = [
        bytes(broken[:300]),
        tiff(np.dstack([G16] * 3).astype(np.complex64), photometric="minisblack"),
        tiff(G16, byteorder="<").replace(COMPRESSION, COMPRESSION[:-4] + b"\x61\xea\0\0"),
        b"II*\0" + bytes(50),
    ]
    for data in files:
        with pytest.raises(BadPhoto) as caught:
            read_photo(data)
        assert "TIFF" not in str(caught.value)


def test_pages_that_pillow_reads_and_others_are_alike():
    data = album(G8, G16)
    seen = []
    with open_file(bytes(data)) as file:
        for page in range(file.pages):
            file.turn_to(page)
            assert (file.image.width, file.image.height) == (W, H)
            seen.append(type(file.page.open_image()))
    assert seen == [TiffImagePlugin.TiffImageFile, tiff_page.DescribedImage]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pixels", [G8, G16, RAMP.astype(np.float32)])
def test_every_way_of_reading_turns_upright(orientation, pixels):
    tag = [(274, 3, 1, orientation, True)]
    plain = shown(pixels)
    turned = shown(pixels, extratags=tag)
    assert (turned == turn_upright(plain, orientation)).all()
    big = shown(pixels, extratags=tag, bigtiff=True, byteorder=">")
    assert (big == turned).all()


def test_resolution_and_profile_come_along():
    options = {"resolution": (300, 200), "resolutionunit": 2, "iccprofile": icc.srgb_profile()}
    for pixels in (G8, G16):
        for order in "<>":
            read = read_photo(tiff(pixels, byteorder=order, bigtiff=order == ">", **options))
            assert read.dpi == (300, 200)
            assert read.profiled
