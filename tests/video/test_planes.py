import cv2
import numpy as np
import pytest

from photochrom.color import rgb_to_lab
from photochrom.video.planes import LUMA_WEIGHTS, make_chroma
from photochrom.video.raster import Raster

SIZE = 48, 64


def colors(seed: int = 0) -> np.ndarray:
    """sRGB, (h, w, 3), of moderate colours."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0.25, 0.75, (4, 6, 3)).astype(np.float32)
    return np.clip(cv2.resize(small, SIZE[::-1], interpolation=cv2.INTER_CUBIC), 0.1, 0.9)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_colors_of_a_film_come_back_from_its_luma_and_their_ab(bits, full, matrix):
    raster = Raster(height=SIZE[0], width=SIZE[1], bits=bits, full_range=full)
    rgb, (kr, kb) = colors(), LUMA_WEIGHTS[matrix]
    y = rgb @ np.array([kr, 1 - kr - kb, kb], np.float32)
    black, white = raster.black_and_white
    luma = np.rint(black + (white - black) * y).astype(np.uint8 if bits == 8 else np.uint16)
    ab = np.moveaxis(rgb_to_lab(rgb, axis=-1)[..., 1:], -1, 0).copy()
    small = raster.lightness()[luma]
    u, v = make_chroma(ab, small, luma, raster, matrix=matrix, size=SIZE)
    span = (white if full else 224 << (bits - 8)) / 2
    middle = 1 << (bits - 1)
    for made, channel, weight in ((u, 2, kb), (v, 0, kr)):
        true = middle + span * (rgb[..., channel] - y) / (1 - weight)
        apart = np.abs(made.astype(float) - true)
        assert made.dtype == luma.dtype
        assert apart.mean() < 1 << (bits - 8)
        assert np.quantile(apart, 0.99) < 2 << (bits - 8)


def test_strength_0_and_no_color_give_the_middle():
    raster = Raster(height=SIZE[0], width=SIZE[1], bits=8, full_range=False)
    luma = np.random.default_rng(0).integers(16, 236, SIZE, np.uint8)
    small = raster.lightness()[luma]
    for ab, strength in (
        (np.full((2, *SIZE), 30, np.float32), 0.0),
        (np.zeros((2, *SIZE), np.float32), 1.0),
    ):
        u, v = make_chroma(
            ab, small, luma, raster, matrix="bt601", size=(24, 32), strength=strength
        )
        assert u.shape == v.shape == (24, 32)
        assert np.abs(u.astype(int) - 128).max() <= 1
        assert np.abs(v.astype(int) - 128).max() <= 1


def test_a_color_that_cannot_be_shown_is_paled_and_keeps_its_hue():
    raster = Raster(height=SIZE[0], width=SIZE[1], bits=8, full_range=True)
    luma = np.full(SIZE, 240, np.uint8)
    small = raster.lightness()[luma]
    ab = np.full((2, *SIZE), 0, np.float32)
    ab[0] = 100
    _, v = make_chroma(ab, small, luma, raster, matrix="bt709", size=SIZE)
    kr, _ = LUMA_WEIGHTS["bt709"]
    red = 240 / 255 + (v[0, 0] / 255 - 0.502) * (2 - 2 * kr)
    assert 128 < v[0, 0] < 160
    assert red < 1.06
