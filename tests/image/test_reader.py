"""Profiles, damage, and files that are no photos."""

from __future__ import annotations

import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from image_files import gamma_profile, profile, saved
from PIL import Image, ImageFile

from photochrom.errors import BadPhoto, MissingExtra
from photochrom.image import icc, pillow, unreadable
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo

SCENE = cv2.resize(
    np.random.default_rng(0).integers(0, 255, (12, 16), np.uint8), (160, 120)
) ^ np.random.default_rng(1).integers(0, 8, (120, 160), dtype=np.uint8)
RGB = np.dstack([SCENE, 255 - SCENE, SCENE // 2])


# --- profiles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.8, 2.6])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colors", [1, 3])
def test_shadows_come_through_a_profile(gamma, dtype, colors):
    """L of every level is right to within half a level of what can be held."""
    top = int(np.iinfo(dtype).max)
    grey = np.arange(top + 1, dtype=dtype).reshape(-1, 256)
    pixels = np.dstack([grey] * 3) if colors == 3 else grey
    space = "RGB" if colors == 3 else "grey"
    got, note = icc.to_srgb(pixels, space, gamma_profile(gamma, grey=colors == 1))
    light = (grey / top) ** (round(gamma * 256) / 256)
    expected = np.where(light > 216 / 24389, 116 * np.cbrt(light) - 16, light * 24389 / 27)
    assert note is None
    assert got.dtype == dtype
    L = Photo(got).lightness()
    assert np.abs(L - expected).max() < (0.3 if dtype == np.uint8 else 0.02)


def device_link() -> bytes:
    data = gamma_profile(1.0)
    return data[:12] + b"link" + data[16:]


def of_space(space: bytes) -> bytes:
    data = gamma_profile(1.0)
    return data[:16] + space + data[20:]


PROFILES = {
    "CMYK": of_space(b"CMYK"),
    "six inks": of_space(b"6CLR"),
    "Lab": profile("LAB"),
    "RGB": gamma_profile(1.0),
    "L": gamma_profile(1.0, grey=True),
    "device link": device_link(),
    "cut": gamma_profile(1.0)[:200],
    "nonsense": b"nonsense",
    "noise": np.random.default_rng(3).bytes(3000),
    "a noisy table": icc.srgb_profile()[:128] + np.random.default_rng(3).bytes(460),
    "an endless count": icc.srgb_profile()[:128] + b"\xff" * 4 + icc.srgb_profile()[132:],
    "head only": icc.srgb_profile()[:128],
}


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("kind", PROFILES)
@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_a_profile_of_another_kind_is_ignored(mode, kind, format):  # noqa: A002
    if (mode, kind) in (("L", "L"), ("RGB", "RGB")):
        pytest.skip("it fits")
    image = Image.fromarray(RGB).convert(mode)
    read = read_photo(saved(image, format, icc_profile=PROFILES[kind]))
    assert (read.pixels == read_photo(saved(image, format)).pixels).all()
    (note,) = read.notes
    assert "profile" in note


def test_cmyk_goes_through_its_profile():
    """In both depths alike; the profile turns all ink to a grey of its own."""
    ink = np.random.default_rng(0).integers(0, 255, (9, 9, 4), np.uint8)
    deep = ink.astype(np.uint16) * 257
    plain, note = icc.to_srgb(ink, "CMYK", None)
    assert note is None
    expected = (255 - ink[..., :3].astype(int)) * (255 - ink[..., 3:].astype(int)) / 255
    assert np.abs(plain - expected).max() <= 0.51
    assert np.abs(icc.to_srgb(deep, "CMYK", None)[0] / 257 - expected).max() < 0.01


# --- modes of Pillow ------------------------------------------------------------------------------


def test_whole_numbers_from_python():
    assert (read_photo(Image.fromarray(SCENE.astype(np.int32))).pixels == SCENE).all()
    wide = SCENE.astype(np.int32) * 257
    assert (read_photo(Image.fromarray(wide)).pixels == wide).all()
    with pytest.raises(BadPhoto, match="holds numbers from"):
        read_photo(Image.fromarray(wide * 99))


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_alpha_that_was_multiplied_in(mode):
    image = Image.fromarray(RGB).convert(mode[:-1] + "A")
    image.putalpha(128)
    read = read_photo(image.convert(mode))
    expected = np.asarray(image)[..., :-1].reshape(*SCENE.shape, -1)
    assert np.abs(read.pixels.reshape(expected.shape).astype(int) - expected).max() <= 1
    assert (read.alpha == 128).all()


# --- Photoshop's files ----------------------------------------------------------------------------


def psd(pixels: np.ndarray, mode: int, bits: int = 8, version: int = 1) -> bytes:
    planes = pixels.reshape(*pixels.shape[:2], -1)
    height, width, channels = planes.shape
    head = struct.pack(">H6xHIIHH", version, channels, height, width, bits, mode)
    palette = bytes(range(256)) * 3 if mode == 2 else b""
    sections = b"".join(struct.pack(">I", len(part)) + part for part in (palette, b"", b""))
    data = np.moveaxis(planes, -1, 0).astype(planes.dtype.newbyteorder(">")).tobytes()
    return b"8BPS" + head + sections + b"\0\0" + data


@pytest.mark.parametrize(
    ("mode", "pixels", "expected"),
    [
        (1, SCENE, SCENE),
        (8, SCENE, SCENE),
        (2, SCENE, np.dstack([SCENE] * 3)),
        (3, RGB, RGB),
        (3, np.dstack([RGB, SCENE]), RGB),
        (4, np.dstack([np.full_like(RGB, 255), SCENE]), np.dstack([SCENE] * 3)),
    ],
)
def test_photoshop_files(mode, pixels, expected):
    read = read_photo(psd(pixels, mode))
    assert (read.pixels == expected).all()
    assert read.format == "PSD"


def test_photoshop_files_that_are_not_read(tmp_path):
    for data in (psd(SCENE.astype(np.uint16), 1, 16), psd(SCENE, 1, version=2)):
        with pytest.raises(BadPhoto, match=r"Photoshop file .* cannot be read: export it as"):
            read_photo(data)


# --- damage ---------------------------------------------------------------------------------------


def ends_early(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


@pytest.mark.parametrize("pixels", [SCENE, RGB])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_marker_is_whole(pixels, progressive):
    data = saved(pixels, "JPEG", progressive=progressive)
    whole = read_photo(data)
    for tail in (data[:-2], data[:-1], b"\r\n" + data, bytes(3000) + data):
        read = read_photo(tail)
        assert (read.pixels == whole.pixels).all()
        assert read.notes == ()
        assert read.format == "JPEG"


@pytest.mark.parametrize("pixels", [SCENE, RGB])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_jpeg_that_was_cut(pixels, share):
    data = saved(pixels, "JPEG", quality=90)
    cut = ends_early(data, share)
    with pytest.raises(BadPhoto, match=r"cut short .*\d+ % of it is missing.*--damaged"):
        read_photo(cut)
    whole, read = read_photo(data), read_photo(cut, damaged=True)
    same = (whole.pixels == read.pixels).reshape(len(SCENE), -1).all(axis=1)
    told = int(read.notes[0].split(" %")[0].split()[-1]) / 100
    assert abs(told - (1 - same.mean())) < 0.15
    assert same[: int(len(same) * (1 - told)) - 8].all()  # but for the block row where it ends


@pytest.mark.parametrize(
    ("format", "options"),
    [("WEBP", {"quality": 90}), ("GIF", {}), ("BMP", {}), ("TIFF", {}), ("PPM", {}), ("TGA", {})],
)
def test_what_is_left_of_other_formats(format, options):  # noqa: A002
    data = saved(SCENE, format, **options)
    cut = ends_early(data, 0.7) if format != "TIFF" else data[: 8 + SCENE.size // 2]
    with pytest.raises(BadPhoto):
        read_photo(cut)
    whole = read_photo(data)
    if format == "TIFF":  # whose directory is behind the pixels
        return
    read = read_photo(cut, damaged=True)
    assert read.pixels.shape == whole.pixels.shape
    upper = (whole.pixels == read.pixels).reshape(len(SCENE), -1).mean(axis=1)
    first = upper[::-1] if format in ("BMP", "TGA") else upper  # whose last row comes first
    assert first[:40].mean() > 0.95
    assert "missing" in read.notes[0]


def test_nothing_is_left():
    for data in (saved(SCENE, "JPEG")[:300], saved(SCENE, "WEBP")[:30], saved(SCENE, "PNG")[:40]):
        with pytest.raises(BadPhoto):
            read_photo(data, damaged=True)


def test_reading_damaged_files_changes_nothing_for_others():
    """Pillow's own switch for it would hold for every thread."""
    data = saved(RGB, "JPEG")
    cut = ends_early(data, 0.6)

    def read(i: int) -> bool:
        if i % 2:
            return read_photo(cut, damaged=True).notes != ()
        with pytest.raises(BadPhoto):
            read_photo(cut)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(40)))
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_a_jpeg_whose_remarks_are_broken():
    data = saved(SCENE, "JPEG")
    remark = b"Photoshop 3.0\0" + b"8BIM\x04\x04"
    segment = b"\xff\xed" + struct.pack(">H", len(remark) + 2) + remark
    read = read_photo(data[:2] + segment + data[2:])
    assert (read.pixels == read_photo(data).pixels).all()
    assert any("left out" in note for note in read.notes)


@pytest.mark.parametrize("error", [RecursionError, struct.error, Image.DecompressionBombError])
def test_whatever_a_decoder_raises_is_told(error, monkeypatch):
    def fail(*args, **options):
        raise error("oh")

    data = saved(SCENE, "BMP")
    for place in ("load", "convert"):
        with monkeypatch.context() as patched:
            patched.setattr(Image.Image, place, fail)
            patched.setattr(ImageFile.ImageFile, "load", fail)
            with pytest.raises(BadPhoto, match=r"cut short or damaged \(oh\)"):
                read_photo(data)
    with monkeypatch.context() as patched:
        patched.setattr(Image, "open", fail)
        with pytest.raises(BadPhoto, match=r"cut short or damaged \(oh\)"):
            read_photo(data)


def test_too_little_memory_is_no_damage(monkeypatch):
    def fail(*args):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(MemoryError):
        read_photo(saved(SCENE, "BMP"))


# --- what is no photo -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"%PDF-1.7\n", "is a PDF: export its pages"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "is a video"),
        (b"\x1aE\xdf\xa3\x01", "is a video"),
        (b"RIFF\0\0\0\0AVI LIST", "is a video"),
        (b"<!DOCTYPE html><html><head>", "is a web page, not a photo"),
        (b"\n<html lang='en'>", "is a web page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', r"drawing \(SVG\)"),
        (b"PK\3\4\x14\0", "is an archive"),
        (b"Dear diary, today it rained.", "is a text file"),
        ("Liebes Tagebuch, Grüße".encode() * 99, "is a text file"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"\0\0\1\0\1\0", "is an icon"),
        (b"v/1\x01\2\0\0\0", "OpenEXR"),
        (b"FUJIFILMCCD-RAW 0201", "camera's raw file: develop it"),
        (b"IIU\0\x08\0\0\0", "camera's raw file: develop it"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera's raw file: develop it"),
        (b"\xff\x0a\xff\xff", "JPEG XL|damaged"),
        (bytes(range(200, 250)), "is not a picture that can be read"),
    ],
)
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ""])
def test_junk_is_told_what_it_is(head, says, suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(head + (b"" if "text file" in says else bytes(2000)))
    with pytest.raises(BadPhoto, match=says) as caught:
        read_photo(path)
    assert "convert it" not in str(caught.value)


def test_a_picture_inside_of_something_else_is_not_taken(tmp_path):
    thumbnail = saved(SCENE, "JPEG")
    for head in (b"%PDF-1.7\n", b"\0\0\0\x18ftypqt  \0\0\0\0", b"FUJIFILMCCD-RAW 0201", b"PK\3\4"):
        with pytest.raises(BadPhoto):
            read_photo(head + bytes(500) + thumbnail)


def test_heic_without_its_reader(monkeypatch):
    monkeypatch.setattr(pillow, "heif_available", lambda: False)
    monkeypatch.setattr(pillow, "FORMATS", ("JPEG", "PNG"))
    with pytest.raises(MissingExtra, match="heif"):
        read_photo(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500))


def test_jpeg_xl_where_it_is_installed(monkeypatch):
    """A plugin registers itself with Pillow when it is imported."""

    class Reader(ImageFile.ImageFile):
        format = "JXL"

        def _open(self):
            self._size, self._mode = (4, 3), "L"
            self.tile = [ImageFile._Tile("raw", (0, 0, 4, 3), 12, ("L", 0, 1))]

    def load(name: str):
        Image.register_open("JXL", Reader, lambda head: head.startswith(unreadable.JPEG_XL[1]))

    monkeypatch.setattr(pillow.importlib, "import_module", load)
    pillow.jpeg_xl_available.cache_clear()
    try:
        assert read_photo(unreadable.JPEG_XL[1] + bytes(range(12))).pixels.tolist()[2] == [
            8,
            9,
            10,
            11,
        ]
    finally:
        pillow.jpeg_xl_available.cache_clear()
        Image.OPEN.pop("JXL", None)
        Image.ID.remove("JXL")


def test_heavy_libraries_are_loaded_when_they_are_needed():
    code = (
        "import sys\nfrom photochrom.image import reader, writer\n"
        "from photochrom.cli import main\n"
        "print([name for name in ('tifffile', 'imagecodecs') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
