"""Colour against scikit-image's numbers, over the whole of sRGB."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage import color as skimage_color

from photochrom import color
from photochrom.color import STUDY_GRID, ZHANG_GRID


@pytest.fixture(scope="module")
def cube() -> np.ndarray:
    """sRGB in steps of 5 of 255, corners included: (3, 52³)."""
    level = np.arange(0, 256, 5) / 255
    return np.stack(np.meshgrid(level, level, level)).reshape(3, -1)


def test_lab_is_that_of_scikit_image(cube):
    theirs = skimage_color.rgb2lab(cube.T).T
    assert np.abs(color.rgb_to_lab(cube, axis=0) - theirs).max() < 1e-6
    single = color.rgb_to_lab(cube.astype(np.float32), axis=0)
    assert single.dtype == np.float32
    assert np.abs(single - theirs).max() < 1e-3


def test_every_8_bit_colour_comes_back():
    green, blue = (m.ravel() for m in np.meshgrid(np.arange(256), np.arange(256)))
    for red in range(0, 256, 3):
        rgb = np.stack([np.full_like(green, red), green, blue]).astype(np.float32) / 255
        back = color.lab_to_rgb(color.rgb_to_lab(rgb, axis=0), axis=0)
        assert (np.round(back * 255) == np.round(rgb * 255)).all()


def test_torch_and_numpy_agree(cube):
    torch = pytest.importorskip("torch")
    rgb = cube.astype(np.float32).reshape(3, 52, -1)[None]
    lab = color.rgb_to_lab(torch.from_numpy(rgb))
    assert isinstance(lab, torch.Tensor)
    assert np.abs(lab.numpy() - color.rgb_to_lab(rgb)).max() < 1e-4
    back = color.lab_to_rgb(lab)
    assert np.abs(back.numpy() - rgb).max() < 1e-5


def test_any_axis_may_hold_the_channels(cube):
    lab = color.rgb_to_lab(cube, axis=0)
    np.testing.assert_allclose(color.rgb_to_lab(cube.T, axis=-1), lab.T, atol=1e-9)
    back = color.lab_to_rgb(lab, axis=0)
    np.testing.assert_allclose(color.lab_to_rgb(lab.T, axis=1), back.T, atol=1e-9)


def test_gradients_are_those_of_finite_differences_and_finite_at_black():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    rgb = torch.rand(2, 3, 4, 4, dtype=torch.double, requires_grad=True)
    lab = color.rgb_to_lab(rgb.detach()).requires_grad_()
    for convert, values in ((color.rgb_to_lab, rgb), (color.lab_to_rgb, lab)):
        assert torch.autograd.gradcheck(convert, values)
        black = torch.zeros(1, 3, 2, 2, requires_grad=True)
        convert(black).sum().backward()
        assert torch.isfinite(black.grad).all()
        assert black.grad.abs().sum() > 0


def test_known_colours():
    rgb = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 0]], float)
    white, black, red = color.rgb_to_lab(rgb, axis=-1)
    assert white == pytest.approx([100, 0, 0], abs=0.01)
    assert black == pytest.approx([0, 0, 0], abs=1e-9)
    assert red == pytest.approx([53.24, 80.09, 67.20], abs=0.01)  # Lindbloom's calculator


def test_grey_has_the_lightness_of_its_rgb():
    grey = np.linspace(0, 1, 256)
    rgb = np.stack([grey] * 3)
    expected = color.rgb_to_lab(rgb, axis=0)[0]
    np.testing.assert_allclose(color.grey_to_lightness(grey), expected, atol=1e-9)


finite = st.floats(-128, 127, width=32)
labs = arrays(np.float32, (3, 7), elements=finite).map(
    lambda lab: np.concatenate([np.abs(lab[:1]) * (100 / 128), lab[1:]])
)


@given(labs)
def test_fit_gamut_keeps_lightness_and_hue_and_what_fits(lab):
    fitted = color.fit_gamut(lab, axis=0)
    assert np.array_equal(fitted[0], lab[0])
    rgb = color.lab_to_rgb(fitted, axis=0)
    assert rgb.min() >= -0.3 / 255
    assert rgb.max() <= 1 + 0.3 / 255
    inside = color.in_gamut(lab, axis=0)
    assert np.array_equal(fitted[:, inside], lab[:, inside])
    cross = fitted[1] * lab[2] - fitted[2] * lab[1]
    assert np.abs(cross).max() <= 1e-2
    assert (np.hypot(*fitted[1:]) <= np.hypot(*lab[1:]) + 1e-4).all()


def test_fit_gamut_finds_the_most_that_fits_everywhere():
    rng = np.random.default_rng(0)
    lab = np.stack([rng.uniform(0, 100, 50_000), *rng.normal(0, 60, (2, 50_000))])
    lab = lab[:, ~color.in_gamut(lab, axis=0)]
    fitted = color.fit_gamut(lab, axis=0)
    assert fitted.dtype == np.float64
    assert color.in_gamut(fitted, axis=0).all()
    share = color._bisect(*lab, steps=16)
    given_up = np.hypot(*lab[1:]) * share - np.hypot(*fitted[1:])
    assert np.quantile(given_up, 0.99) < 0.3
    assert np.quantile(given_up, 0.999) < 3  # what is left are bright yellows, where the edge jumps


def test_unchecked_fit_keeps_the_lightness_of_8_bit_levels_as_exact():
    rng = np.random.default_rng(0)
    lab = np.stack([rng.uniform(0, 100, 50_000), *rng.normal(0, 60, (2, 50_000))])
    for check in True, False:
        levels = color.to_uint8(color.lab_to_rgb(color.fit_gamut(lab, axis=0, check=check), axis=0))
        off = np.abs(color.rgb_to_lab(levels / 255, axis=0)[0] - lab[0])
        assert off.max() < 0.3
        assert np.quantile(off, 0.99) < 0.2


def test_fit_gamut_greys_what_no_colour_is_as_light_as():
    fitted = color.fit_gamut(np.float32([[101, 50, 50], [-1, 50, 50]]), axis=1)
    assert fitted.tolist() == [[101, 0, 0], [-1, 0, 0]]


def test_the_study_has_676_bins_of_which_268_exist_and_the_flagship_has_grey():
    assert STUDY_GRID.side**2 == 676
    assert STUDY_GRID.in_gamut().sum() == 268
    assert ZHANG_GRID.in_gamut().sum() == 261
    assert [0, 0] in ZHANG_GRID.centres().tolist()


@pytest.mark.parametrize("grid", [STUDY_GRID, ZHANG_GRID])
def test_each_centre_lies_in_its_own_bin(grid):
    centres = grid.centres()
    assert np.array_equal(grid.index(centres[:, 0], centres[:, 1]), np.arange(grid.side**2))
    torch = pytest.importorskip("torch")
    ours = torch.from_numpy(centres)
    assert torch.equal(grid.index(ours[:, 0], ours[:, 1]).long(), torch.arange(grid.side**2))


def test_every_srgb_colour_lies_in_a_bin_said_to_exist(cube):
    _, a, b = color.rgb_to_lab(cube, axis=0)
    for grid in (STUDY_GRID, ZHANG_GRID):
        cells = grid.index(a, b).astype(int)
        assert grid.in_gamut()[cells].all()
        centres = grid.centres()[cells]
        assert np.abs(centres - np.stack([a, b], 1)).max() <= grid.cell / 2 + 1e-4
