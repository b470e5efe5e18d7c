"""Old prints' lightness, each kind against somebody else's numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import fft, ndimage
from skimage import data as pictures

from photochrom.color import light_to_lightness, rgb_to_lab, rgb_to_light
from photochrom.training import degrade as module
from photochrom.training.degrade import (
    DEGRADE_UNIFORMS,
    FILM_UNIFORMS,
    KINDS,
    OFTEN,
    RESPONSES,
    blur,
    degrade,
    fade,
    film,
    grain,
    jpeg,
)

NOISE = torch.randn(192, 192, generator=torch.Generator().manual_seed(5))


@pytest.fixture(scope="module")
def photo() -> torch.Tensor:
    """Two real pictures, ``(2, 1, 64, 96)``, 0..100, every level one of 256."""
    both = [pictures.camera()[100:228:2, 150:342:2], pictures.coins()[60:188:2, 60:252:2]]
    return torch.from_numpy(np.stack(both)[:, None].astype(np.float32)) / 2.55


def uniforms(n: int, seed: int = 0, **kinds: bool) -> torch.Tensor:
    """As the loader throws them; with ``kinds`` those and no others happen."""
    thrown = torch.rand(n, DEGRADE_UNIFORMS, generator=torch.Generator().manual_seed(seed))
    if kinds:
        thrown[:, 0] = 0
        thrown[:, 1:5] = torch.tensor([0.0 if kinds.get(kind) else 1.0 for kind in KINDS])
    return thrown


# --- each kind --------------------------------------------------------------------------------


def test_blur_is_that_of_scipy(photo):
    sigmas = (0.4, 2.0)
    ours = blur(photo, torch.tensor(sigmas))
    for mine, plane, sigma in zip(ours[:, 0], photo[:, 0].numpy(), sigmas, strict=True):
        theirs = ndimage.gaussian_filter(plane, sigma, radius=4, mode="nearest")
        assert np.abs(mine.numpy() - theirs).max() < 1e-3


def test_grain_is_strongest_in_the_middle_tones_and_of_the_strength_asked_for():
    tones = torch.tensor([50.0, 50.0, 15.0, 0.0])[:, None, None, None]
    flat = tones.expand(-1, 1, 64, 96)
    strength = torch.tensor([3.0, 9.0, 3.0, 3.0])
    corner = torch.tensor([0.0, 0.4, 0.7, 1.0])
    change = grain(flat, strength, corner, corner.flip(0), NOISE) - flat
    spread = change.std((1, 2, 3))
    assert spread[0].item() == pytest.approx(3, rel=0.05)
    assert spread[1].item() == pytest.approx(9, rel=0.05)
    assert 0.5 * spread[0] < spread[2] < 0.8 * spread[0]
    assert (change.mean((1, 2, 3)) / strength)[:3].abs().max() < 0.05
    assert change[3].min() == 0  # nothing is darker than black
    assert not torch.allclose(change[0] * 3, change[1], atol=1)  # another piece of the field
    flat, field = torch.full((1, 1, 64, 64), 50.0), NOISE[:64, :64]
    whole = grain(flat, torch.ones(1), torch.ones(1), torch.zeros(1), field) - 50
    assert torch.allclose(whole[0, 0], field, atol=1e-4)


def test_fading_moves_black_and_white_and_keeps_the_order(photo):
    ramp = torch.linspace(0, 100, 64).expand(3, 1, 8, 64)
    black, white, gamma = torch.tensor([[0.0, 20.0, 30.0], [100.0, 70.0, 65.0], [1.0, 1.0, 1.3]])
    faded = fade(ramp, black, white, gamma)
    assert torch.allclose(faded[0], ramp[0], atol=1e-4)
    assert torch.allclose(faded[..., 0], black[:, None, None].expand(3, 1, 8))
    assert torch.allclose(faded[..., -1], white[:, None, None].expand(3, 1, 8))
    assert (faded.diff(dim=3) > 0).all()
    straight = np.interp(ramp[1].numpy(), [0, 100], [20, 70])
    assert np.abs(faded[1].numpy() - straight).max() < 1e-4
    assert (faded[2, ..., 1:-1] < fade(ramp, black, white, torch.ones(3))[2, ..., 1:-1]).all()


@pytest.mark.parametrize("quality", [15, 50, 85])
def test_jpeg_is_that_of_pillow(photo, quality):
    """Pillow rounds its table and its pixels, so the same loss but not the same numbers."""
    ours = jpeg(photo, torch.full((2,), float(quality)))
    for mine, plane in zip(ours[:, 0].numpy(), photo[:, 0].numpy(), strict=True):
        file = io.BytesIO()
        Image.fromarray((plane * 2.55).round().astype(np.uint8)).save(file, "JPEG", quality=quality)
        theirs = np.asarray(Image.open(file), np.float32) / 2.55
        lost, apart = (np.sqrt(np.mean((theirs - x) ** 2)) for x in (plane, mine))
        assert np.sqrt(np.mean((mine - plane) ** 2)) == pytest.approx(lost, rel=0.05)
        assert apart < 0.4 * lost


def test_jpeg_rounds_the_cosines_of_each_block(photo):
    coarse = jpeg(photo, torch.full((2,), 50.0))  # at which the table is as it is printed
    block = (slice(8, 16), slice(40, 48))
    for mine, plane in zip(coarse[:, 0].numpy(), photo[:, 0].numpy(), strict=True):
        cosines = fft.dctn(plane[block] * 2.55 - 128, norm="ortho")
        table = module.QUANTISATION.numpy()
        restored = fft.idctn((cosines / table).round() * table, norm="ortho")
        assert np.abs(mine[block] - np.clip((restored + 128) / 2.55, 0, 100)).max() < 1e-2


# --- film -------------------------------------------------------------------------------------


def exposed(rgb: tuple[float, float, float], which: int, **given: float) -> float:
    """L of a plain colour on film number ``which``; red, green, exposure and contrast may be given.

    Left out, exposure and contrast are those that change nothing.
    """
    usual = {"red": 0.5, "green": 0.5, "exposure": 0.5, "contrast": 0.5} | given
    thrown = torch.tensor([[(which + 0.5) / len(RESPONSES), *usual.values()]])
    patch = torch.tensor(rgb)[None, :, None, None].expand(1, 3, 8, 8)
    lightness = film(patch, thrown)
    assert lightness.shape == (1, 1, 8, 8)
    assert lightness.std() < 1e-3
    return float(lightness.mean())


def lightness_of(rgb: tuple[float, float, float]) -> float:
    return float(rgb_to_lab(np.array(rgb)[:, None, None])[0, 0, 0])


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("grey", [0.0, 0.1, 0.5, 1.0])
def test_grey_is_only_exposed_and_developed(which, grey):
    """All that film is sensitive to adds up to one."""
    plain = (grey, grey, grey)
    for red, green in ((0, 0), (0.3, 0.9), (0.99, 0.99)):
        told = exposed(plain, which, red=red, green=green)
        assert told == pytest.approx(lightness_of(plain), abs=0.01)
    light = float(rgb_to_light(np.array(grey)))
    for exposure, contrast in ((0.0, 0.5), (0.9, 0.1), (0.2, 1.0)):
        gain, gamma = 2 ** (0.6 * (exposure - 0.5)), 2 ** (0.6 * (contrast - 0.5))
        developed = float(light_to_lightness(np.array(min(1, gain * light**gamma))))
        told = exposed(plain, which, exposure=exposure, contrast=contrast)
        assert told == pytest.approx(developed, abs=0.01)


@pytest.mark.parametrize("green", [0.0, 0.99])
@pytest.mark.parametrize("red", [0.0, 0.99])
def test_old_film_hardly_sees_red_and_the_oldest_hardly_green(red, green):
    def seen(*rgb):
        """How much lighter it is than we see it: on the oldest film first."""
        return [exposed(rgb, i, red=red, green=green) - lightness_of(rgb) for i in range(4)]

    plate, orthochromatic, panchromatic, filtered = seen(0.7, 0.2, 0.15)  # brick
    assert plate < -15
    assert orthochromatic < -5
    assert panchromatic > -3  # it sees it as well as we do, or better
    assert filtered > 0  # and more so behind a yellow filter
    plate, orthochromatic, *_ = seen(0.2, 0.6, 0.1)  # a leaf
    assert plate < -20
    assert plate < orthochromatic - 5 < 0
    sky = seen(0.45, 0.65, 0.95)
    assert sky[0] > 8  # white
    assert sky[0] > sky[1] > sky[2] > sky[3]


def test_each_film_is_as_frequent_and_each_photo_has_its_own():
    n = 2000
    thrown = torch.rand(n, FILM_UNIFORMS, generator=torch.Generator().manual_seed(0))
    thrown[:, 1:3], thrown[:, 3:] = 0.5, 0.5
    red = torch.tensor([1.0, 0, 0])[None, :, None, None].expand(n, 3, 1, 1)
    seen = film(red, thrown).flatten()
    levels, counts = seen.round(decimals=1).unique(return_counts=True)
    middle = [(low + high) / 2 for (low, high), _ in RESPONSES]
    expected = [float(light_to_lightness(np.array(share))) for share in middle]
    assert levels.tolist() == pytest.approx(expected, abs=0.1)
    assert (counts / n - 1 / 4).abs().max() < 0.04
    assert torch.allclose(film(red[1::3], thrown[1::3]).flatten(), seen[1::3], atol=1e-4)


# --- together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_happens_alone_where_the_dice_say_so(photo, kind):
    thrown = uniforms(2, **{kind: True})
    out = degrade(photo, 1.0, thrown, NOISE)
    blur_, grain_, fade_, jpeg_, low, high, bend = thrown[:, 5:].T
    expected = {
        "blur": lambda: blur(photo, 0.4 + 1.6 * blur_),
        "grain": lambda: grain(photo, 1 + 8 * grain_**2, low, high, NOISE),
        "fade": lambda: fade(photo, 30 * low * fade_, 100 - 35 * high * fade_, 2 ** (bend - 0.5)),
        "jpeg": lambda: jpeg(photo, 15 + 70 * jpeg_),
    }
    assert torch.equal(out, expected[kind]())
    assert not torch.equal(out, photo)


def test_lightness_stays_in_its_range_whatever_happens():
    draw = torch.Generator().manual_seed(1)
    wild = torch.rand(64, 1, 32, 32, generator=draw) * 100
    wild[::4] = wild[::4].round(decimals=-2)  # black and white pixels, the worst for all kinds
    thrown = uniforms(64)
    thrown[:32, 1:5] = 0  # everything
    thrown[::8, 5:], thrown[1::8, 5:] = 0, 1
    out = degrade(wild, 1.0, thrown, NOISE)
    assert out.isfinite().all()
    assert 0 <= out.min() <= out.max() <= 100


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_asked_for_is_degraded(share):
    photos = torch.rand(1000, 1, 8, 8, generator=torch.Generator().manual_seed(2)) * 100
    out = degrade(photos, share, uniforms(1000), NOISE)
    changed = (out != photos).flatten(1).any(1).float().mean().item()
    # One in 2⁴ of those that are degraded suffers none of the kinds.
    assert changed == pytest.approx(share * (1 - (1 - OFTEN) ** len(KINDS)), abs=0.04 * (share > 0))


def test_what_happens_to_a_photo_is_its_own(photo):
    """So processes that share a batch see together what one sees."""
    photos, thrown = photo.repeat(4, 1, 1, 1), uniforms(8)
    whole = degrade(photos, 0.9, thrown, NOISE)
    assert torch.equal(whole, degrade(photos, 0.9, thrown, NOISE))
    for i in range(2):
        share = degrade(photos[i::2], 0.9, thrown[i::2], NOISE)
        assert (share - whole[i::2]).abs().max() < 1e-3
    assert not torch.equal(whole, degrade(photos, 0.9, uniforms(8, seed=1), NOISE))
