from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from photochrom.color import rgb_to_lab
from photochrom.errors import BadOption, BadPhoto
from photochrom.evaluation.metrics import ciede2000
from photochrom.image.photo import Photo
from photochrom.inference.chroma_transfer import take_chroma
from photochrom.inference.chroma_upsampling import recombine, to_grey_levels
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.painting import find_lines, paint

SAMPLES = Path(__file__).parents[2] / "samples"


def _open(name: str, times: int = 1) -> np.ndarray:
    """A sample; enlarged as a scan is, whose finest pixels hold no detail of their own."""
    pixels = np.asarray(Image.open(SAMPLES / f"{name}.jpg").convert("RGB"))
    return cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)


def _grey(rgb: np.ndarray, dtype: type = np.uint8) -> Photo:
    return Photo(to_grey_levels(Photo(rgb).lightness(), dtype))


def _spoil(rgb: np.ndarray, *, contrast: float = 1.0, angle: float = 0.0) -> Photo:
    """A third of the size, 5 % cut off every side, blurred, and a JPEG of quality 60."""
    height, width = rgb.shape[:2]
    if angle:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        rgb = cv2.warpAffine(rgb, turn, (width, height), flags=cv2.INTER_CUBIC)
    y, x = round(0.05 * height), round(0.05 * width)
    rgb = np.clip((rgb[y:-y, x:-x] - 128.0) * contrast + 128, 0, 255).astype(np.uint8)
    small = rgb.shape[1] // 3, rgb.shape[0] // 3
    blurred = cv2.GaussianBlur(cv2.resize(rgb, small, interpolation=cv2.INTER_AREA), (0, 0), 1)
    file = io.BytesIO()
    Image.fromarray(blurred).save(file, "JPEG", quality=60)
    return Photo(np.asarray(Image.open(file)))


def _error(rgb: np.ndarray, photo: Photo, picture: Photo) -> float:
    """Mean ΔE00 of the photo in the picture's colours."""
    result = paint(photo, find_lines(photo, take_chroma(photo, picture).ab)).pixels
    assert result.shape == rgb.shape
    assert result.dtype == photo.pixels.dtype
    scaled = [p.transpose(2, 0, 1) / np.iinfo(p.dtype).max for p in (rgb, result)]
    return ciede2000(*map(rgb_to_lab, scaled))


@pytest.mark.parametrize(("name", "most"), [("coffee", 2.0), ("chelsea", 2.0)])
def test_a_copy_a_third_as_large_cropped_blurred_and_compressed_gives_the_true_colours(
    name: str, most: float
) -> None:
    rgb = _open(name, 3)
    assert _error(rgb, _grey(rgb), _spoil(rgb)) < most


@pytest.mark.parametrize(
    ("name", "most"), [("astronaut", 3.8), ("chelsea", 2.5), ("coffee", 2.8), ("rocket", 4.3)]
)
def test_a_copy_of_a_photo_of_half_a_megapixel_gives_what_150_rows_of_colour_hold(
    name: str, most: float
) -> None:
    rgb = _open(name)
    assert _error(rgb, _grey(rgb), _spoil(rgb)) < most


def test_contrast_and_a_turned_scan_do_not_move_the_colours_and_16_bits_stay() -> None:
    rgb = _open("chelsea", 2)
    photo = _grey(rgb, np.uint16)
    assert _error(rgb, photo, _spoil(rgb, angle=1)) < 2.2
    for contrast in (0.8, 1.2):
        assert _error(rgb, photo, _spoil(rgb, angle=-1, contrast=contrast)) < 3.8


def test_a_plain_photo_needs_no_features() -> None:
    across = np.linspace(60, 200, 300)[None, :].repeat(200, 0)
    grey = np.rint(across + np.random.default_rng(0).normal(0, 1, across.shape)).astype(np.uint8)
    lab = np.stack([np.full(grey.shape, c, np.float32) for c in (12, -20)])
    photo = Photo(grey)
    tinted = recombine(photo.lightness, lab)
    chroma = take_chroma(photo, Photo(cv2.resize(tinted, (150, 100))))
    assert np.abs(chroma.ab - lab[:, :1, :1]).mean() < 1


def test_what_the_picture_does_not_cover_goes_on_in_the_colours_of_its_border() -> None:
    rgb = _open("coffee")
    right = rgb[:, 150:]  # without the left quarter
    chroma = take_chroma(_grey(rgb), Photo(right))
    assert chroma.covered == pytest.approx(0.75, abs=0.01)
    truth = rgb_to_lab(cv2.resize(rgb, chroma.L.shape[::-1]).transpose(2, 0, 1) / 255)[1:]
    beyond = slice(0, chroma.L.shape[1] // 4)
    off = np.hypot(*(chroma.ab - truth))[:, beyond].mean()
    assert off < 0.5 * np.hypot(*truth)[:, beyond].mean()  # 1 is what grey would be


def test_where_the_picture_is_transparent_it_covers_nothing() -> None:
    rgb = _open("coffee")
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    alpha[:, :150] = 0
    chroma = take_chroma(_grey(rgb), Photo(rgb, alpha))
    assert chroma.covered == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_a_picture_that_is_not_this_photo_is_refused(name: str) -> None:
    rgb = _open(name)
    photo = _grey(rgb)
    with pytest.raises(BadPhoto, match="shows the photo in a mirror: turn it over"):
        take_chroma(photo, Photo(np.ascontiguousarray(rgb[:, ::-1])))
    other = "coffee" if name != "coffee" else "chelsea"
    with pytest.raises(BadPhoto, match=r"x\.png does not show the same photo"):
        take_chroma(photo, Photo(_open(other)), "x.png")
    with pytest.raises(BadPhoto, match=r"x\.png is grey"):
        take_chroma(photo, photo, "x.png")


def test_options_of_the_model_are_refused_beside_a_picture() -> None:
    with pytest.raises(BadOption, match="leave out size, vivid, quality"):
        ColorizeOptions(chroma_from="x.png", size=256, vivid=0.5, quality="best")
