"""Every format with every mode: lightness, size, alpha and metadata of what is read and written."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from image_files import saved
from PIL import ExifTags, Image, TiffImagePlugin

from photochrom import color
from photochrom.errors import BadPhoto, CannotWrite
from photochrom.image import icc, jp2, pillow, tiff_writer
from photochrom.image.photo import Photo
from photochrom.image.provenance import strip_metadata
from photochrom.image.reader import PHOTO_SUFFIXES, read_pages, read_photo
from photochrom.image.writer import default_output, encode_photo, writable_target, write_photo
from tags import dump, load

HEIF = pytest.mark.skipif(not pillow.heif_available(), reason="needs pillow-heif")

H, W = 32, 48
GREY = np.clip(cv2.resize(np.float32([[10, 90], [120, 240]]), (W, H)), 0, 255).astype(np.uint8)
WIDE = GREY.astype(np.uint16) * 257
RGB = np.dstack([GREY, 255 - GREY, np.full_like(GREY, 128)])
ALPHA = np.repeat(np.linspace(0, 255, W).astype(np.uint8)[None], H, axis=0)

FORMATS = [
    *("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "JPEG2000", "PPM"),
    pytest.param("HEIF", marks=HEIF),
]
LOSSLESS = ("PNG", "TIFF", "BMP", "JPEG2000", "PPM")
WITH_ALPHA = ("PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "HEIF")
WITH_EXIF = ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000", "HEIF")
WITH_IPTC = ("JPEG", "PNG", "TIFF", "JPEG2000")
WITH_COMMENT = ("JPEG", "PNG", "JPEG2000")
SUFFIX = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2", "HEIF": "heic"}

TAGS = {
    ExifTags.Base.ImageDescription: "Grand-mère".encode(),
    ExifTags.Base.Software: "ScanMaster 3",
    ExifTags.IFD.Exif: {
        ExifTags.Base.DateTimeOriginal: "1931:05:04 12:00:00",
        ExifTags.IFD.Interop: {1: "R98"},
    },
    ExifTags.IFD.GPSInfo: {1: "N", 2: (48.0, 12.0, 30.0)},
}
IPTC = b"\x1c\x02\x78\x00\x09old house\x1c\x02\x50\x00\x05Ansel"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    b'tiff:Orientation="1" tiff:Artist="Ansel"/></rdf:RDF></x:xmpmeta>'
)
FULL = Photo(
    RGB,
    exif=dump(TAGS),
    xmp=XMP,
    iptc=IPTC,
    text=(("Comment", "the old house"), ("Title", "дом")),
    dpi=(300, 600),
    profiled=True,
)


def in_mode(mode: str) -> Image.Image:
    """GREY in any of Pillow's modes."""
    image = Image.fromarray(GREY)
    if mode.startswith("I;16"):
        return Image.frombytes(mode, (W, H), WIDE.astype(">u2" if mode == "I;16B" else "<u2"))
    if mode == "I":
        return Image.fromarray(WIDE.astype(np.int32))
    if mode == "F":
        return Image.fromarray(GREY.astype(np.float32) / 255)
    if mode == "LAB":
        L = np.rint(color.grey_to_lightness(GREY / 255) * 2.55).astype(np.uint8)
        return Image.merge("LAB", [Image.fromarray(p) for p in (L, L * 0 + 128, L * 0 + 128)])
    if mode in ("La", "RGBa"):
        return image.convert(mode.upper()).convert(mode)
    if mode in ("LA", "RGBA"):
        image = image.convert(mode)
        image.putalpha(Image.fromarray(ALPHA))
        return image
    return image.convert(mode)


MODES = {
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "TIFF": (
        *("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I;16B", "I", "F"),
    ),
    "WEBP": ("L", "LA", "RGB", "RGBA"),
    "AVIF": ("L", "LA", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA", "I;16", "YCbCr"),
    "PPM": ("1", "L", "I;16", "I", "RGB", "F"),
    "HEIF": ("L", "LA", "RGB", "RGBA"),
}
DEEP = ("I;16", "I;16B", "I", "F")


@pytest.mark.parametrize("mode", [*MODES["TIFF"], "La", "RGBa"])
def test_every_mode_of_pillow_is_read(mode):
    read = read_photo(in_mode(mode))
    assert read.pixels.shape == ((H, W) if mode in ("1", "L", "LA", "La", *DEEP) else (H, W, 3))
    assert read.pixels.dtype == (np.uint16 if mode in DEEP else np.uint8)
    assert (read.alpha is not None) == (mode in ("LA", "La", "RGBA", "RGBa"))
    if mode != "1":
        atol = 1.5 if mode in ("P", "LAB") else 0.6
        np.testing.assert_allclose(read.lightness(), Photo(GREY).lightness(), atol=atol)


@pytest.mark.parametrize(("format", "mode"), [(f, m) for f, ms in MODES.items() for m in ms])
def test_every_mode_is_read(format, mode):  # noqa: A002
    if format == "HEIF" and not pillow.heif_available():
        pytest.skip("needs pillow-heif")
    options = {"WEBP": {"lossless": True, "exact": True}, "JPEG": {"quality": 95}}.get(format, {})
    read = read_photo(saved(in_mode(mode), format, **options))
    assert read.pixels.shape[:2] == (H, W)
    assert read.format == format
    has_alpha = mode in ("LA", "RGBA") and format not in ("BMP", "GIF")
    assert (read.alpha is not None) == has_alpha
    if has_alpha:
        assert np.abs(read.alpha.astype(int) - ALPHA).max() <= 3
    assert (read.pixels.dtype == np.uint16) == (mode in DEEP)
    difference = np.abs(read.lightness() - Photo(GREY).lightness())
    if mode == "1":
        assert set(np.unique(read.pixels)) == {0, 255}
    elif mode in DEEP:
        assert difference.max() < 0.01
    else:
        assert np.median(difference) < 1
        assert difference.max() < 6 or (format, mode) in (("GIF", "RGB"), ("BMP", "RGBA"))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_format_is_written(format, dtype, alpha):  # noqa: A002
    by = 257 if dtype == np.uint16 else 1
    start = Photo(RGB.astype(dtype) * dtype(by), ALPHA.astype(dtype) * dtype(by) if alpha else None)
    read = read_photo(encode_photo(start, format))
    deep_one = dtype == np.uint16 and format in ("PNG", "PPM", "TIFF")
    assert read.pixels.dtype == (np.uint16 if deep_one else np.uint8)
    assert read.pixels.shape == RGB.shape
    assert (read.alpha is not None) == (alpha and format in WITH_ALPHA)
    if format in LOSSLESS:
        assert (read.pixels // (257 if deep_one else 1) == RGB).all()
        if read.alpha is not None:
            assert (read.alpha // (257 if deep_one else 1) == ALPHA).all()
    seen = ALPHA > 32 if alpha and format in WITH_ALPHA else np.ones((H, W), bool)
    assert np.abs(read.lightness() - start.lightness())[seen].mean() < 1


@pytest.mark.parametrize("format", FORMATS)
def test_metadata_survives_where_the_format_holds_it(format, tmp_path):  # noqa: A002
    path = tmp_path / f"scan.{SUFFIX.get(format, format.lower())}"
    write_photo(FULL, path)
    again = read_photo(encode_photo(read_photo(path)))  # twice: nothing may wear off
    assert again.format == format
    if format in WITH_EXIF:
        assert load(again.exif) == TAGS
        assert again.xmp == XMP
    assert again.iptc == (IPTC if format in WITH_IPTC else b"")
    assert (dict(again.text).get("Comment") == "the old house") == (format in WITH_COMMENT)
    assert (dict(again.text).get("Title") == "дом") == (format == "PNG")
    if format != "PPM":
        assert again.dpi == pytest.approx((300, 600), rel=1e-3)
    assert again.profiled == (format in ("JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF"))
    if again.profiled:
        assert Image.open(path).info["icc_profile"] == icc.srgb_profile()


# --- pages and animations ---------------------------------------------------------------------


def pages_of(*photos: Photo) -> bytes:
    return encode_photo(photos, "TIFF")


def test_every_page_of_a_tiff():
    several = (FULL, Photo(GREY), Photo(WIDE), Photo(RGB.astype(np.uint16) * 257, ALPHA * 1))
    several = (*several[:3], replace(several[3], alpha=ALPHA.astype(np.uint16) * 257))
    read = list(read_pages(pages_of(*several)))
    assert [page.pictures for page in read] == [4] * 4
    for page, start in zip(read, several, strict=True):
        assert page.pixels.dtype == start.pixels.dtype
        assert (page.pixels == start.pixels).all()
        assert (page.iptc, page.dpi, page.profiled) == (start.iptc, start.dpi, start.profiled)
        assert load(page.exif) == load(start.exif)
    assert (read[3].alpha == several[3].alpha).all()


def test_smaller_copies_and_masks_are_no_pages():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for kind in (1, 0, 2):  # a smaller copy, a photo, one page of many
            writer.write(GREY + kind, subfiletype=kind, metadata=None)
        writer.write(GREY > 99, photometric="mask", subfiletype=4, metadata=None)
    assert [page.pixels[0, 0] - GREY[0, 0] for page in read_pages(file.getvalue())] == [0, 2]


def test_a_big_tiff():
    file = io.BytesIO()
    tiff_writer.write_pages(file, [FULL] * 2, big=True)
    assert file.getvalue()[:4] == b"II+\0"
    first, second = read_pages(file.getvalue())
    assert (second.pixels == RGB).all()
    assert load(first.exif) == load(second.exif) == TAGS
    assert (second.xmp, second.iptc, second.profiled) == (XMP, IPTC, True)


def test_a_tiff_beyond_4_gb_is_one(monkeypatch):
    monkeypatch.setattr("photochrom.image.encoding._BIG", 3 * RGB.nbytes)
    several = [replace(FULL, pictures=3)] * 3
    assert encode_photo(several, "TIFF")[:4] == b"II+\0"
    monkeypatch.setattr(tiff_writer, "_LIMIT", 600)
    with pytest.raises(CannotWrite, match="beyond 4 GB"):
        encode_photo(FULL, "TIFF")


def test_strips_of_a_long_page(monkeypatch):
    monkeypatch.setattr(tiff_writer, "_STRIP", 1000)
    image = Image.open(io.BytesIO(pages_of(Photo(RGB))))
    assert len(image.tag_v2[TiffImagePlugin.STRIPOFFSETS]) == 6  # 32 rows, 6 in each of 864 bytes
    assert (np.asarray(image) == RGB).all()


def test_many_pages_go_into_a_tiff_only(tmp_path: Path):
    target = tmp_path / "out.jpg"
    with pytest.raises(CannotWrite, match=r"JPEG holds one page, and there are more: end .* \.tif"):
        write_photo([Photo(RGB), Photo(RGB)], target)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_of_an_animation_the_first_picture_is_read(format):  # noqa: A002
    frames = [Image.fromarray(level) for level in (GREY, 255 - GREY, GREY // 2)]
    data = saved(frames[0], format, save_all=True, append_images=frames[1:])
    (read,) = read_pages(data)
    assert read.pictures == 3
    assert not read.paged
    assert np.median(np.abs(read.lightness() - Photo(GREY).lightness())) < 2


# --- the rarer kinds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "top"), [(b"P5", 65535), (b"P5", 1000), (b"P6", 65535), (b"P6", 1000)]
)
def test_deep_pnm(kind, top):
    levels = np.rint((GREY if kind == b"P5" else RGB) / 255 * top)
    data = b"%s\n%d %d\n%d\n" % (kind, W, H, top) + levels.astype(">u2").tobytes()
    read = read_photo(data).pixels
    assert read.dtype == np.uint16
    assert np.abs(read / 65535 - levels / top).max() < 1e-4


def test_plain_pnm():
    text = f"P2\n# a scan\n{W} {H}\n255\n" + " ".join(map(str, GREY.ravel()))
    assert (read_photo(text.encode()).pixels == GREY).all()


def test_grey_suffixes_take_no_colour(tmp_path):
    assert default_output("scan.pgm") == Path("scan.color.png")
    assert default_output("scan.ppm") == Path("scan.color.ppm")
    assert writable_target(Path("out/scan.gif")) == Path("out/scan.gif.png")
    with pytest.raises(CannotWrite, match="has no room for colour"):
        write_photo(FULL, tmp_path / "out.pgm")


@HEIF
@pytest.mark.parametrize("suffix", pillow.HEIF_SUFFIXES)
def test_heif_by_any_suffix(suffix, tmp_path):
    target = write_photo(FULL, tmp_path / f"phone.{suffix}")
    assert f".{suffix}" in PHOTO_SUFFIXES
    assert read_photo(target).format == "HEIF"
    assert default_output(target).suffix == f".{suffix}"


# --- where metadata may lie -------------------------------------------------------------------


def test_iptc_in_several_jpeg_segments():
    long = b"\x1c\x02\x78\x80\x04\0\1\x86\xa0" + bytes(range(256)) * 391
    data = encode_photo(replace(FULL, iptc=long), "JPEG")
    assert data.count(b"Photoshop 3.0\0") == 2
    assert read_photo(data).iptc == long


def test_a_thumbnail_is_left_behind():
    thumbnail = saved(Image.fromarray(GREY[:8, :8]), "JPEG")
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ansel"
    block = exif.tobytes()
    first = len(block) - 6  # a second directory behind the first, which points to it
    second = b"\0\2" + b"\2\1\0\4\0\0\0\1" + (first + 30).to_bytes(4, "big")
    second += b"\2\2\0\4\0\0\0\1" + len(thumbnail).to_bytes(4, "big") + bytes(4)
    link = 6 + 8 + 2 + 12
    block = block[:link] + first.to_bytes(4, "big") + block[link + 4 :] + second + thumbnail
    data = saved(Image.fromarray(GREY), "JPEG", exif=block)
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(ExifTags.IFD.IFD1)
    read = read_photo(data)
    assert load(read.exif) == {ExifTags.Base.Artist: "Ansel"}
    assert thumbnail[:20] not in read.exif


def test_jpeg_2000_with_a_profile_and_broken_boxes():
    data = saved(Image.fromarray(GREY), "JPEG2000")
    assert jp2.read_metadata(data) == {}
    assert jp2.read_metadata(data[:60]) == {}
    assert jp2.read_metadata(b"\0\0\0\1jp2c" + bytes(8)) == {}
    profile = jp2._box(b"colr", b"\2\0\0" + icc.srgb_profile())
    assert jp2.read_metadata(jp2._box(b"jp2h", profile)) == {"icc_profile": icc.srgb_profile()}
    long = b"\0\0\0\1uuid" + (16 + 16 + 3).to_bytes(8, "big") + jp2._UUIDS["xmp"] + b"abc"
    assert jp2.read_metadata(long) == {"xmp": b"abc"}
    assert read_photo(jp2.with_metadata(data, {}, (1e5, 1e5))).dpi is None  # not to be written


def test_stripped():
    bare = strip_metadata(FULL)
    assert (bare.exif, bare.xmp, bare.iptc, bare.text) == (b"", b"", b"", ())
    assert (bare.dpi, bare.profiled) == ((300, 600), True)


def test_a_pipe_is_no_photo(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(BadPhoto, match="is a device or a pipe: give the path of a file"):
        read_photo(tmp_path / "pipe.jpg")
