from __future__ import annotations

import tracemalloc
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from photochrom import color
from photochrom.image.photo import Photo
from photochrom.inference import chroma_upsampling
from pixels import grey_levels


def upsample(ab, L, full):
    """ab (2, H, W) of a photo with lightness ``full``."""
    return chroma_upsampling.fit_chroma(ab, L, full.shape).rows(0, len(full), full)


def assert_alike(one: np.ndarray, other: np.ndarray) -> None:
    """Of two ways to the same picture: processors sum in other orders, and round the last bit."""
    apart = np.abs(one.astype(int) - other)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) <= 1e-4 * apart.size


def every_level(count: int, reach: float = 110) -> tuple[np.ndarray, np.ndarray]:
    """L (256, count) of all grey levels, and random ab (2, 256, count), most beyond sRGB."""
    rng = np.random.default_rng(0)
    ab = rng.uniform(-reach, reach, (2, 256, count)) * rng.uniform(0, 1, (1, 256, count))
    levels = color.grey_to_lightness(np.arange(256) / 255.0)
    return np.repeat(levels[:, None], count, 1).astype(np.float32), ab.astype(np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_stays_at_every_grey_level(dtype):
    L, ab = every_level(400)
    rgb = chroma_upsampling.recombine(L, ab, dtype=dtype)
    assert rgb.dtype == dtype
    assert (rgb == chroma_upsampling.recombine(L, ab.astype(float), dtype=dtype)).all()
    off = np.abs(grey_levels(rgb) - np.arange(256)[:, None]).max()
    assert off < (0.6 if dtype == np.uint8 else 0.3)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_without_colour_grey_is_exact(dtype):
    levels = np.arange(np.iinfo(dtype).max + 1)
    L = color.grey_to_lightness(levels / levels[-1]).astype(np.float32).reshape(-1, 256)
    _, ab = every_level(1)
    ab = np.broadcast_to(ab[:, :1], (2, *L.shape))
    expected = levels.reshape(-1, 256, 1)
    assert (chroma_upsampling.recombine(L, ab, strength=0, dtype=dtype) == expected).all()
    tint = np.abs(chroma_upsampling.recombine(L, ab * 0, dtype=dtype).astype(int) - expected).max()
    assert tint <= (0 if dtype == np.uint8 else 4)  # the white point has five digits


def test_colours_of_srgb_come_back():
    rgb = np.random.default_rng(1).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    lab = color.rgb_to_lab(rgb / 255.0, axis=-1).astype(np.float32)
    back = chroma_upsampling.recombine(
        np.ascontiguousarray(lab[..., 0]), np.ascontiguousarray(np.moveaxis(lab[..., 1:], -1, 0))
    )
    error = np.abs(back.astype(int) - rgb).max(axis=2)
    on_a_face = ((rgb == 0) | (rgb == 255)).any(axis=2)
    assert error[~on_a_face].max() <= 1
    assert error.max() <= 5  # on a face of the cube a colour may be pulled in by a trace


def test_colours_beyond_srgb_keep_their_hue_and_are_only_paled():
    L, ab = every_level(300)
    lab = color.rgb_to_lab(chroma_upsampling.recombine(L, ab, dtype=np.uint16) / 65535.0, axis=-1)
    chroma, asked = np.hypot(lab[..., 1], lab[..., 2]), np.hypot(*ab)
    assert (chroma <= asked + 0.5).all()
    cross = np.abs(lab[..., 1] * ab[1] - lab[..., 2] * ab[0]) / np.maximum(asked, 1)
    assert cross.max() < 0.5  # distance, in ab, from the line of the hue that was asked for
    fitted = color.fit_gamut(np.stack([L, *ab]), axis=0)
    lost = np.hypot(*fitted[1:]) - chroma
    assert np.quantile(np.abs(lost), 0.99) < 1


def test_black_and_white_take_no_colour():
    L = np.float32([[0, 100]])
    ab = np.full((2, 1, 2), 50, np.float32)
    assert chroma_upsampling.recombine(L, ab).tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_only_pixels_that_need_it_are_fitted(monkeypatch):
    monkeypatch.setattr(color, "fit_gamut", fit := Mock(wraps=color.fit_gamut))
    L, ab = np.full((40, 50), 50, np.float32), np.full((2, 40, 50), 5, np.float32)
    chroma_upsampling.recombine(L, ab)
    fit.assert_not_called()
    ab[:, 3, 4] = 120, -120
    chroma_upsampling.recombine(L, ab)
    assert [call.args[0].shape for call in fit.call_args_list] == [(3, 1, 1)]


def test_an_error_in_a_band_is_raised():
    with pytest.raises(cv2.error):
        chroma_upsampling.recombine(np.zeros((70, 5), np.float32), np.zeros((2, 70, 6), np.float32))


@pytest.mark.parametrize("rows", [2, 7, 64, 250])
def test_bands_leave_no_seam(rows, monkeypatch):
    rng = np.random.default_rng(0)
    L = cv2.GaussianBlur(rng.uniform(0, 100, (750, 500)).astype(np.float32), (0, 0), 2)
    L = (L - L.min()) / np.ptp(L) * 100
    small = cv2.resize(L, (41, 62), interpolation=cv2.INTER_AREA)
    ab = rng.uniform(-60, 60, (2, 62, 41)).astype(np.float32)
    chroma = chroma_upsampling.fit_chroma(ab, small, L.shape)
    monkeypatch.setattr(chroma_upsampling, "_BAND", 1 << 30)
    monkeypatch.setattr(chroma_upsampling, "_ROWS", 750)
    whole = chroma_upsampling.recombine(L, chroma.rows(0, 750, L))
    assert ((whole == 0) | (whole == 255)).any()  # some of it had to be fitted into sRGB
    assert_alike(chroma_upsampling.recombine(L, chroma), whole)
    monkeypatch.setattr(chroma_upsampling, "_ROWS", rows)
    assert_alike(chroma_upsampling.recombine(L, chroma), whole)


@pytest.mark.parametrize("shape", [(90, 70), (90, 70, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lightness_may_be_told_by_rows(shape, dtype):
    rng = np.random.default_rng(0)
    photo = Photo(rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype))
    L = photo.lightness()
    ab = rng.uniform(-20, 20, (2, 90, 70)).astype(np.float32)
    np.testing.assert_allclose(photo.lightness(slice(31, 62)), L[31:62], atol=1e-4)
    assert_alike(
        chroma_upsampling.recombine(photo.lightness, ab), chroma_upsampling.recombine(L, ab)
    )


def test_memory_is_that_of_the_result():
    pixels = np.random.default_rng(0).integers(0, 256, (4000, 3000), dtype=np.uint8)
    ab = np.random.default_rng(1).uniform(-20, 20, (2, 40, 30)).astype(np.float32)
    photo, small = Photo(pixels), np.full((40, 30), 50, np.float32)
    chroma = chroma_upsampling.fit_chroma(ab, small, pixels.shape)
    tracemalloc.start()
    try:
        chroma_upsampling.shrink(photo.lightness, pixels.shape, (40, 30))
        assert tracemalloc.get_traced_memory()[1] < pixels.nbytes
        chroma_upsampling.recombine(photo.lightness, chroma)
        # To each thread a band and what is made of it.
        bands = cv2.getNumThreads() * chroma_upsampling._BAND * 100
        assert tracemalloc.get_traced_memory()[1] < 3 * pixels.nbytes + bands
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("small", [(40, 25), (31, 22), (203, 128), (1, 1)])
def test_small_lightness_is_the_mean_of_the_large(small):
    L = np.random.default_rng(0).uniform(0, 100, (203, 128)).astype(np.float32)
    seen = chroma_upsampling.shrink(L.__getitem__, L.shape, small)
    expected = cv2.resize(L, small[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(seen, expected, atol=1e-3)


def test_a_small_photo_is_enlarged_within_what_lightness_can_be():
    L = np.float32([[0, 100], [100, 0]])
    seen = chroma_upsampling.shrink(L.__getitem__, (2, 2), (32, 32))
    assert seen.shape == (32, 32)
    assert (seen.min(), seen.max()) == (0, 100)


@settings(max_examples=40)
@given(height=st.integers(1, 80), width=st.integers(1, 80))
def test_equal_sizes_give_ab_back(height: int, width: int):
    rng = np.random.default_rng(0)
    L = rng.uniform(0, 100, (height, width)).astype(np.float32)
    ab = rng.uniform(-60, 60, (2, height, width)).astype(np.float32)
    np.testing.assert_allclose(upsample(ab, L, L), ab, atol=1e-3)


@settings(max_examples=40)
@given(
    small=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    full=st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
def test_nothing_overshoots(small: tuple[int, int], full: tuple[int, int]):
    rng = np.random.default_rng(0)
    ab = rng.uniform(-60, 60, (2, *small)).astype(np.float32)
    L = rng.uniform(0, 100, small).astype(np.float32)
    out = upsample(ab, L, rng.uniform(0, 100, full).astype(np.float32))
    assert out.shape == (2, *full)
    assert out.dtype == np.float32
    assert (out >= ab.min((1, 2), keepdims=True)).all()  # clipped, so exactly
    assert (out <= ab.max((1, 2), keepdims=True)).all()


@pytest.mark.parametrize("full", [(64, 96), (61, 97), (20, 31), (7, 5)])
def test_geometry_is_that_of_cv2(full):
    """Under flat lightness no line has a slope, and what is left is cv2's bicubic resize."""
    ab = np.random.default_rng(0).uniform(-50, 50, (2, 8, 12)).astype(np.float32)
    out = upsample(ab, np.full((8, 12), 50, np.float32), np.full(full, 50, np.float32))
    for plane, small in zip(out, ab, strict=True):
        expected = cv2.resize(small, full[::-1], interpolation=cv2.INTER_CUBIC)
        np.testing.assert_allclose(plane, np.clip(expected, small.min(), small.max()), atol=1e-3)


def test_edges_are_sharper_than_bilinear():
    """A disc that differs from its ground in lightness and colour, seen at an eighth."""
    y, x = np.mgrid[:256, :320]
    disc = (np.hypot(y - 128, x - 150) < 77).astype(np.float32)
    full, truth = 40 + 35 * disc, np.stack([50 * disc - 10, 15 - 40 * disc])
    small = cv2.resize(full, (40, 32), interpolation=cv2.INTER_AREA)
    ab = np.stack([cv2.resize(p, (40, 32), interpolation=cv2.INTER_AREA) for p in truth])
    bilinear = np.stack([cv2.resize(p, (320, 256)) for p in ab])
    ours = upsample(ab, small, full)
    assert np.abs(ours - truth).mean() < 0.6 * np.abs(bilinear - truth).mean()


def test_coarse_ab_is_refined_along_the_lightness():
    L = np.full((48, 64), 30, np.float32)
    L[:, 30:] = 70  # an edge within a cell of 4 pixels
    truth = np.stack([L / 2, -L / 4])
    coarse = np.stack([cv2.resize(p, (16, 12), interpolation=cv2.INTER_AREA) for p in truth])
    fine = chroma_upsampling.refine(coarse, L)
    assert fine.shape == truth.shape
    blurred = np.stack([cv2.resize(p, (64, 48)) for p in coarse])
    assert np.abs(fine - truth).mean() < 0.75 * np.abs(blurred - truth).mean()
