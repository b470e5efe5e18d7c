"""What a broken, hostile or odd file may not do: a traceback, a hang, or a bite out of memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from image_files import FUZZ, chunk, mangled, png_head, saved
from PIL import Image

from photochrom.errors import BadPhoto, PhotochromError
from photochrom.image import limits, pillow, tiff_writer
from photochrom.image.photo import Photo
from photochrom.image.reader import read_pages, read_photo
from photochrom.image.writer import default_output, encode_photo, write_photo
from tags import dump

GREY = cv2.resize(np.float32([[10, 90], [120, 240]]), (48, 32)).astype(np.uint8)
RGB = np.dstack([GREY, 255 - GREY, GREY // 2])
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64), dtype=np.uint8)
EXIF = dump({315: "Ansel", 34665: {36867: "1931:05:04 12:00:00"}})
WHOLE = Photo(RGB, exif=EXIF, xmp=b"<x/>", iptc=b"\x1c\x02x\0\1a", dpi=(300, 300), profiled=True)


def corpus() -> dict[str, bytes]:
    """A small file of each kind, with metadata."""
    grey, deep = Image.fromarray(NOISE), Photo(RGB.astype(np.uint16) * 257)
    files = {
        name: encode_photo(WHOLE, name)
        for name in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "JPEG2000", "PPM")
    }
    files |= {
        "pages": encode_photo([WHOLE, Photo(GREY), deep], "TIFF"),
        "deep PNG": encode_photo(deep, "PNG"),
        "deep TIFF": encode_photo(deep, "TIFF"),
        "deep PPM": encode_photo(deep, "PPM"),
        "lzw": saved(grey, "TIFF", compression="tiff_lzw"),
        "fax": saved(grey.convert("1"), "TIFF", compression="group4"),
        "jpeg in TIFF": saved(grey, "TIFF", compression="jpeg"),
        "progressive": saved(grey, "JPEG", progressive=True),
        "GIF": saved(grey, "GIF", save_all=True, append_images=[grey.rotate(90)]),
        "moving PNG": saved(grey, "PNG", save_all=True, append_images=[grey.rotate(180)]),
        "moving WebP": saved(grey, "WEBP", save_all=True, append_images=[grey.rotate(180)]),
        "plain PGM": b"P2 48 32 255\n" + b" ".join(b"%d" % level for level in GREY.ravel()),
    }
    if pillow.heif_available():
        files["HEIF"] = encode_photo(WHOLE, "HEIF")
    return files


CORPUS = corpus()


def attempt(data: bytes | Path) -> list[Photo] | None:
    """Every page, or None if the file was refused as it should be."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = list(read_pages(data))
        except PhotochromError:
            return None
        finally:
            assert time.process_time() - start < 10
    for page in found:
        assert page.pixels.size
        assert page.lightness().shape == page.pixels.shape[:2]
    return found


def test_the_corpus_is_whole():
    for name, data in CORPUS.items():
        assert attempt(data), name


@pytest.mark.parametrize("name", CORPUS)
def test_cut_at_every_twentieth(name):
    data = CORPUS[name]
    for share in range(20):
        found = attempt(data[: len(data) * share // 20])
        if found is None:
            continue
        # What is missing may be metadata behind the pixels, or the frames after the first.
        (whole, *_) = read_pages(data)
        assert found[0].pixels.shape == whole.pixels.shape
        assert (found[0].pixels == whole.pixels).mean() > 0.97, (name, share)


@pytest.mark.parametrize("name", CORPUS)
def test_flipped_bits(name):
    random = np.random.default_rng(sum(name.encode()))
    for _ in range(25):
        data = bytearray(CORPUS[name])
        for place in random.integers(0, min(len(data), 600), random.integers(1, 6)):
            data[place] ^= 1 << int(random.integers(8))
        attempt(bytes(data))


@settings(FUZZ, max_examples=2500)
@given(mangled(list(CORPUS.values())))
@pytest.mark.slow
def test_fuzz(data):
    attempt(data)


# --- sizes ------------------------------------------------------------------------------------


def png_of(width: int, height: int, packed: bytes) -> bytes:
    return png_head(width, height) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_bomb_that_unpacks_is_refused_by_its_size(monkeypatch):
    packed = zlib.compress(bytes(15_001 * 14_000), 9)  # 210 megapixels of black in 200 kB
    with pytest.raises(
        BadPhoto, match=r"15,000 × 14,000 pixels in only \d+,\d+ bytes, as no photo"
    ):
        read_photo(png_of(15_000, 14_000, packed))
    monkeypatch.setattr(limits, "PLAUSIBLE", (100, 1000))
    assert read_photo(png_of(90, 90, zlib.compress(bytes(91 * 90)))).pixels.shape == (90, 90)


def test_a_large_scan_is_not_refused_while_its_pixels_are_read(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # Pillow's TIFF reader asks again then
    assert attempt(CORPUS["pages"])
    assert Image.MAX_IMAGE_PIXELS == 50


def test_memory_stays_bounded(tmp_path):
    """Refusing takes next to nothing; pages are held one at a time."""
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(png_of(30_000, 30_000, zlib.compress(bytes(1 << 20))))
    album = tmp_path / "album.tif"
    page = np.tile(NOISE, (20, 20))  # 1.2 megapixels
    with album.open("w+b") as file:
        tiff_writer.write_pages(file, (Photo(page) for _ in range(60)), big=False)
    code = (
        "import sys, resource\nfrom photochrom import errors\n"
        "from photochrom.image.reader import read_pages, read_photo\n"
        "from photochrom.image.writer import write_photo\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "next(read_pages(sys.argv[2])); start = peak()\n"
        "try: read_photo(sys.argv[1])\nexcept errors.BadPhoto: pass\n"
        "write_photo(read_pages(sys.argv[2]), sys.argv[2] + '.copy.tif')\n"
        "print((peak() - start) // 1024)\n"
    )
    command = [sys.executable, "-c", code, str(bomb), str(album)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 30  # MB, where the pages together have 74
    assert resource is not None


# --- contents ---------------------------------------------------------------------------------


def test_wrong_suffixes(tmp_path):
    for kind in ("JPEG", "PNG", "TIFF", "WEBP", "GIF"):
        for suffix in (".jpg", ".png", ".tif", ".gif", ".heic", ".txt", ""):
            path = tmp_path / f"a{suffix}"
            path.write_bytes(CORPUS[kind])
            assert read_photo(path).format == kind
    with pytest.raises(BadPhoto, match="not a photo"):
        read_photo(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n showpage")


@pytest.mark.parametrize("name", ["new\nline.png", os.fsdecode(b"\xff\xfe.png"), "a'b\"c .png"])
def test_odd_names(name, tmp_path):
    path = tmp_path / name
    try:
        path.write_bytes(CORPUS["deep PNG"])
    except OSError:
        pytest.skip("this disk does not take the name")
    before = path.read_bytes()
    written = write_photo(read_photo(path), default_output(path))
    assert attempt(written)
    assert path.read_bytes() == before
    path.write_bytes(b"")
    with pytest.raises(BadPhoto, match="is empty"):
        read_photo(path)
