from __future__ import annotations

import io
import os
import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from image_files import chunk, gamma_profile, saved, tiff
from image_files import png as png_file
from PIL import ExifTags, Image

from photochrom import color
from photochrom.errors import BadPhoto, CannotWrite
from photochrom.held_folder import HeldFolder
from photochrom.image import icc, limits
from photochrom.image.photo import Photo, to_array, to_image
from photochrom.image.reader import read_photo
from photochrom.image.writer import default_output, encode_photo, write_photo

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6">old house</a></x:xmpmeta>'
GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
SMOOTH = cv2.resize(np.float32([[40, 90], [120, 200]]), (48, 32)).astype(np.uint8)


def open_bytes(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def exif(**tags: object) -> Image.Exif:
    block = Image.Exif()
    for name, value in tags.items():
        block[ExifTags.Base[name]] = value
    return block


# --- lightness --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_of_every_grey_level(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(-1, 256)
    L = Photo(levels).lightness()
    assert L.dtype == np.float32
    np.testing.assert_allclose(L, color.grey_to_lightness(levels / np.iinfo(dtype).max), atol=1e-5)
    np.testing.assert_allclose(Photo(np.dstack([levels] * 3)).lightness(), L, atol=2e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_over_the_cube(dtype, monkeypatch):
    steps = np.linspace(0, np.iinfo(dtype).max, 18).astype(dtype)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(81, 72, 3)
    expected = color.rgb_to_lab(cube / np.iinfo(dtype).max, axis=-1)[..., 0]
    np.testing.assert_allclose(Photo(cube).lightness(), expected, atol=1e-3)


# --- reading: every kind of source and mode ---------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_has_the_same_lightness_in_three_channels(dtype):
    grey = np.arange(256, dtype=dtype).reshape(16, 16) * (np.iinfo(dtype).max // 255)
    same = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(Photo(same).lightness(), Photo(grey).lightness())
    tinted = same.copy()
    tinted[15, 15, 2] -= 1  # what is not quite grey is not taken for it
    assert Photo(tinted).lightness()[15, 15] < Photo(grey).lightness()[15, 15]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_arrays(channels):
    array = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype=np.uint8)
    read = read_photo(array)
    assert read.pixels.shape == ((5, 7, 3) if channels >= 3 else (5, 7))
    assert (read.pixels.reshape(5, 7, -1) == array[..., : 3 if channels >= 3 else 1]).all()
    assert (read.alpha is not None) == (channels in (2, 4))
    if read.alpha is not None:
        assert (to_array(read, np.uint8)[..., -1] == array[..., -1]).all()


def test_other_numbers():
    assert read_photo(np.array([[0, 0.5, 1]])).pixels.tolist() == [[0, 32768, 65535]]
    assert read_photo(np.array([[0, 0.5, 1]], np.float16)).pixels.max() == 65535
    assert read_photo(np.array([[1, 256]], ">u2")).pixels.tolist() == [[1, 256]]


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((0, 4), np.uint8), r"shape \(0, 4\): give"),
        (np.zeros((2, 2, 5), np.uint8), r"shape \(2, 2, 5\)"),
        (np.zeros(4, np.uint8), "shape"),
        (np.array([[0, 255.0]]), "from 0 to 255: scale them to 0..1 first"),
        (np.array([[1, 3]]), "holds int64: convert it to uint8 or uint16"),
        (np.array([[np.nan, 0]]), "nan"),
        (np.array([[0, -np.inf]]), "from -inf to 0"),
        (np.array([[0, np.inf]]), "from 0 to inf"),
        (np.zeros((2, 2), bool), "holds bool: give uint8"),
        (np.zeros((2, 2), complex), "holds complex128"),
    ],
)
def test_arrays_that_are_no_photos(array, says):
    with pytest.raises(BadPhoto, match=says):
        read_photo(array)


def test_mode_that_cannot_be_read(monkeypatch):
    def fail(image, mode):
        raise ValueError("conversion not supported")

    monkeypatch.setattr(Image.Image, "convert", fail)  # what is not supported depends on Pillow
    with pytest.raises(BadPhoto, match="colour mode HSV, which cannot be read: convert it to RGB"):
        read_photo(Image.new("HSV", (3, 3)))


# --- reading: what goes wrong -----------------------------------------------------------------


def test_files_that_are_no_photos(tmp_path: Path):
    def says(path: Path, sentence: str) -> None:
        with pytest.raises(BadPhoto, match=re.escape(path.name) + ".*" + sentence):
            read_photo(path)

    says(tmp_path / "none.jpg", "does not exist: check the path")
    (tmp_path / "folder.jpg").mkdir()
    says(tmp_path / "folder.jpg", "is a folder: give the path of one photo")
    (tmp_path / "empty.jpg").touch()
    says(tmp_path / "empty.jpg", r"is empty \(0 bytes\)")
    (tmp_path / "text.jpg").write_text("Dear diary, " * 50)
    says(tmp_path / "text.jpg", "is a text file, not a photo")
    (tmp_path / "plain").write_bytes(b"x")
    says(tmp_path / "plain" / "inside.jpg", "cannot be opened .*: check")
    with pytest.raises(BadPhoto, match="cannot be opened"):
        read_photo("nul\0byte")
    with pytest.raises(BadPhoto, match="the photo is a text file"):
        read_photo(b"something else")
    with pytest.raises(BadPhoto, match="the photo is not a picture that can be read: check"):
        read_photo(bytes(range(256)))


def test_a_bomb_is_refused_and_a_large_scan_is_not(monkeypatch):
    data = saved(Image.new("1", (200, 100)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)  # Pillow alone would refuse it
    assert read_photo(data).pixels.shape == (100, 200)
    assert Image.MAX_IMAGE_PIXELS == 50
    monkeypatch.setattr(limits, "MAX_PIXELS", 10_000)
    with pytest.raises(BadPhoto, match=r"200 × 100 pixels, and at most 10,000 .*: scale it down"):
        read_photo(data)


# --- orientation, metadata, profiles ----------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    ("format", "dtype"), [(f, d) for f in ("PNG", "TIFF") for d in (np.uint8, np.uint16)]
)
def test_orientation_is_applied_and_reset(orientation, channels, format, dtype):  # noqa: A002
    block = exif(Orientation=orientation, Artist="Ansel")
    details = block.get_ifd(ExifTags.IFD.Exif)
    details[ExifTags.Base.ExifImageWidth], details[ExifTags.Base.ExifImageHeight] = 6, 4
    details[ExifTags.Base.ColorSpace] = 65535
    stored = np.random.default_rng(0).integers(0, 256, (4, 6, channels)).astype(dtype)
    stored = stored[..., 0] if channels == 1 else stored
    pixels, alpha = (stored[..., :3], stored[..., 3]) if channels == 4 else (stored, None)
    data = encode_photo(Photo(pixels, alpha, exif=block.tobytes()), format)
    read = read_photo(data)
    turn = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}.get(orientation)
    upright = np.asarray(
        Image.fromarray(stored.astype(np.uint8)).transpose(Image.Transpose(turn))
        if turn is not None
        else stored
    )
    assert (to_array(read, dtype) == upright).all()
    written = open_bytes(encode_photo(read)).getexif()
    assert written.get(ExifTags.Base.Orientation, 1) == 1
    assert written[ExifTags.Base.Artist] == "Ansel"
    details = written.get_ifd(ExifTags.IFD.Exif)
    height, width = upright.shape[:2]
    assert details[ExifTags.Base.ExifImageWidth] == width
    assert details[ExifTags.Base.ExifImageHeight] == height
    assert details[ExifTags.Base.ColorSpace] == 1


def test_the_callers_image_is_left_alone():
    image = open_bytes(saved(GREY, "JPEG", exif=exif(Orientation=6, Software="scanner")))
    before = image.getexif().tobytes()
    assert read_photo(image).pixels.shape == (6, 4)
    assert image.size == (6, 4)
    assert image.getexif().tobytes() == before


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_nothing_is_made_up(format):  # noqa: A002
    for pixels in (np.dstack([GREY] * 3), np.dstack([GREY.astype(np.uint16)] * 3)):
        again = read_photo(encode_photo(Photo(pixels), format))
        assert (again.xmp, again.profiled) == (b"", False)
        assert (again.pixels == pixels).all()


@pytest.mark.parametrize("dpi", ["a lot", (0, 0), (float("nan"), 300), (300,)])
def test_unbelievable_resolution_is_left_out(dpi):
    image = Image.fromarray(GREY)
    image.info["dpi"] = dpi
    assert read_photo(image).dpi is None


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_profiles_are_applied(format, dtype, channels):  # noqa: A002
    """A linear profile: the level stands for light, so sRGB's level is the encoded one."""
    top = np.iinfo(dtype).max
    grey = (SMOOTH.astype(float) / 255 * top).astype(dtype)
    linear = gamma_profile(1.0, grey=channels == 1)
    pixels = grey if channels == 1 else np.dstack([grey] * 3)
    packed = chunk(b"iCCP", b"linear\0\0" + zlib.compress(linear))
    data = png_file(pixels, packed) if format == "PNG" else tiff(pixels, iccprofile=linear)
    read = read_photo(data)
    y = grey / top
    expected = 1.055 * y ** (1 / 2.4) - 0.055
    assert read.pixels.dtype == dtype
    assert read.profiled
    got = read.pixels[..., 1] if channels == 3 else read.pixels
    np.testing.assert_allclose(got / top, expected, atol=0.006)


def test_srgb_by_any_name_changes_nothing():
    pixels = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    assert (read_photo(saved(pixels, icc_profile=icc.srgb_profile())).pixels == pixels).all()
    assert (read_photo(saved(GREY, icc_profile=icc.srgb_profile())).pixels == GREY).all()


# --- writing ----------------------------------------------------------------------------------

COLOUR = Photo(np.dstack([SMOOTH, SMOOTH // 2, 255 - SMOOTH]))


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".tif", ".webp", ".bmp"])
def test_write(tmp_path: Path, suffix):
    target = write_photo(COLOUR, tmp_path / f"out{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    written = np.asarray(Image.open(target).convert("RGB")).astype(int)
    assert np.abs(written - COLOUR.pixels).mean() < (0.01 if suffix in (".png", ".tif") else 6)
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_jpeg_keeps_all_of_the_chroma():
    image = open_bytes(encode_photo(COLOUR, "JPEG"))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


def test_what_write_refuses(tmp_path: Path):
    source = tmp_path / "house.png"
    source.write_bytes(saved(GREY))
    read = read_photo(source)
    (tmp_path / "other.png").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    os.link(source, tmp_path / "same.png")
    for name, force, says in [
        ("house.png", True, "is the photo itself: choose another name"),
        ("same.png", True, "is the photo itself"),
        ("other.png", False, "exists already: choose another name, or replace it by force"),
        ("folder.png", True, "is a folder"),
        ("out.xyz", False, "names no known format: end it in .jpg"),
        ("out", False, "names no known format"),
        ("nowhere/out.png", False, "cannot be written .*: choose a folder that exists"),
    ]:
        with pytest.raises(CannotWrite, match=says):
            write_photo(read, tmp_path / name, force=force)
    assert source.read_bytes() == saved(GREY)
    assert (tmp_path / "other.png").read_text() == "mine"
    write_photo(read, tmp_path / "other.png", force=True)
    assert (read_photo(tmp_path / "other.png").pixels == GREY).all()
    assert not list(tmp_path.glob(".*"))


class FullDisk:
    def __init__(self, file) -> None:
        self.file = file

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("breaks", ["encoder", "disk", "rename", "interrupt"])
def test_nothing_is_left_of_a_failure(tmp_path: Path, monkeypatch, breaks):
    target = tmp_path / "out.png"
    target.write_text("before")
    if breaks == "encoder":

        def fail(image, file, *args, **options):
            file.write(b"half")
            raise OSError("encoder error -2")

        monkeypatch.setattr(Image.Image, "save", fail)
    elif breaks == "disk":
        real = HeldFolder.create  # the file is there, and then the disk is full
        monkeypatch.setattr(HeldFolder, "create", lambda *given: FullDisk(real(*given)))
    else:
        error = OSError(13, "Permission denied") if breaks == "rename" else KeyboardInterrupt()

        def stop(*_, **__):
            raise error

        monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt if breaks == "interrupt" else CannotWrite) as caught:
        write_photo(COLOUR, target, force=True)
    monkeypatch.undo()
    if breaks != "interrupt":
        assert re.search("choose (.png or .tif|another folder)|make room", str(caught.value))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert target.read_text() == "before"


def test_formats_that_cannot_be_written():
    with pytest.raises(CannotWrite, match=r"cannot be written as WEBP .*: choose \.png or \.tif"):
        encode_photo(Photo(np.zeros((1, 20_000), np.uint8)), "WEBP")
    with pytest.raises(CannotWrite, match="NONSENSE cannot be written"):
        encode_photo(COLOUR, "nonsense")
    read_only = Photo(GREY, format="PSD")
    assert open_bytes(encode_photo(read_only)).format == "PNG"


def test_default_output():
    for given, expected in [
        ("a/house.jpg", "a/house.color.jpg"),
        ("a.b.TIFF", "a.b.color.TIFF"),
        ("scan.psd", "scan.color.png"),
        ("bare", "bare.color.png"),
    ]:
        assert default_output(given) == Path(expected)


def test_an_image_carries_the_metadata():
    image = to_image(Photo(GREY, exif=b"II*\0", xmp=XMP, dpi=(72, 72), profiled=True))
    assert set(image.info) == {"exif", "xmp", "dpi", "icc_profile"}
    deep = to_image(Photo(np.full((2, 2, 3), 65535, np.uint16)))
    assert np.asarray(deep).tolist() == np.full((2, 2, 3), 255).tolist()
    wide = np.full((2, 2), 999, np.uint16)
    assert to_image(Photo(wide)).mode == "L"
    assert to_image(Photo(wide, wide)).mode == "RGBA"
