"""What is done to a batch, each against plain code that does it to one photo."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as pictures
from torch.nn import functional as F

from photochrom.color import fit_gamut, rgb_to_lab
from photochrom.training.augmentation import (
    CROP_UNIFORMS,
    HINT_UNIFORMS,
    HINTS_MOST,
    LARGEST,
    REACH,
    RECOLOR_UNIFORMS,
    choose_hints,
    crop,
    hint_recolored,
    recolor,
    render_hints,
)


def throw(n: int, many: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, many, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def windows() -> torch.Tensor:
    """Squares of three pictures, (24, 200, 200, 3)."""
    rng = np.random.default_rng(0)
    squares = []
    for picture in (pictures.astronaut(), pictures.chelsea(), pictures.coffee()):
        for _ in range(8):
            top, left = (int(rng.integers(side - 199)) for side in picture.shape[:2])
            squares.append(picture[top : top + 200, left : left + 200])
    return torch.from_numpy(np.stack(squares))


@pytest.fixture(scope="module")
def lab(windows) -> torch.Tensor:
    """The same as Lab, (96, 3, 64, 64): each four times."""
    return rgb_to_lab(crop(windows.repeat(4, 1, 1, 1), throw(96, CROP_UNIFORMS), 0.7, 64))


# --- crops ------------------------------------------------------------------------------------


def pillow(window: torch.Tensor, uniforms: torch.Tensor, zoom: float, size: int) -> np.ndarray:
    """The crop that Pillow makes, of numbers that it does not round."""
    side = len(window)
    wide, top, left, mirror = uniforms.double().tolist()
    cut = side * (zoom + (1 - zoom) * wide)
    x, y = left * (side - cut), top * (side - cut)
    box = (x, y, min(x + cut, side), min(y + cut, side))
    planes = [
        Image.fromarray(plane).resize((size, size), Image.Resampling.BICUBIC, box)
        for plane in window.permute(2, 0, 1).numpy().astype(np.float32)
    ]
    return np.stack(planes).clip(0, 255)[..., :: -1 if mirror < 0.5 else 1]


@pytest.mark.parametrize("size", [32, 96, 150, 200, 256])  # smaller and larger than what is cut
@pytest.mark.parametrize("zoom", [1, 0.6])
def test_a_crop_is_pillows(windows, zoom, size):
    uniforms = throw(6, CROP_UNIFORMS, size)
    uniforms[:2, 3] = torch.tensor([0.1, 0.9])  # mirrored, and not
    ours = crop(windows[::4], uniforms, zoom, size)
    assert ours.shape == (6, 3, size, size)
    for mine, window, thrown in zip(ours, windows[::4], uniforms, strict=True):
        theirs = pillow(window, thrown, zoom, size)
        assert np.abs(mine.numpy() * 255 - theirs).max() < 0.02


@pytest.mark.parametrize("zoom", [0.5, 0.9])
def test_crops_lie_between_zoom_and_the_whole_anywhere_within_half_of_them_mirrored(zoom):
    place = torch.arange(200, dtype=torch.uint8)
    slope = torch.stack([place.expand(200, 200), place[:, None].expand(200, 200)], 2)  # x and y
    window = F.pad(slope, (0, 1)).expand(600, -1, -1, -1)
    x, y, _ = (crop(window, throw(600, CROP_UNIFORMS), zoom, 50) * 255).unbind(1)
    across, down = x[:, 25, 40] - x[:, 25, 10], y[:, 40, 25] - y[:, 10, 25]  # 30 of 50 pixels
    assert torch.allclose(across.abs(), down, atol=0.1)
    cut = down / 30 * 50
    assert cut.min() >= 200 * zoom - 0.1
    assert cut.max() <= 200.1
    assert cut.mean().item() == pytest.approx(100 * (1 + zoom), rel=0.02)
    assert (across < 0).float().mean().item() == pytest.approx(0.5, abs=0.06)
    middle = torch.stack([x[:, 25, 24:26].mean(1), y[:, 24:26, 25].mean(1)])
    free = (200 - cut) / 2  # to each side of the middle, 99.5
    away = (middle - 99.5) / free.clamp(min=1)
    assert away.abs().max() < 1.05
    assert away[:, free > 5].std(1).tolist() == pytest.approx([3**-0.5] * 2, rel=0.1)  # uniform


# --- things of another colour -----------------------------------------------------------------


def test_lightness_is_kept_and_ab_changes_on_the_thing_alone_in_colours_of_srgb(lab):
    changed, thing, _ = recolor(lab, throw(96, RECOLOR_UNIFORMS))
    assert torch.equal(changed[:, :1], lab[:, :1])
    assert thing.shape == (96, 1, 64, 64)
    assert 0 <= thing.min() <= thing.max() <= 1
    moved = (changed - lab)[:, 1:].norm(dim=1)
    assert moved[thing[:, 0] < 1e-3].max() < 0.5
    assert moved[thing[:, 0] > 0.9].mean() > 20
    possible = torch.from_numpy(fit_gamut(changed.numpy(), axis=1))
    away = (possible - changed)[:, 1:].norm(dim=1)
    assert away[thing[:, 0] < 1e-3].max() < 0.5
    assert away[thing[:, 0] > 0.5].mean() < 1.5  # L being kept, it is not quite nothing


def test_the_point_lies_on_the_thing(lab):
    uniforms = throw(96, RECOLOR_UNIFORMS)
    _, thing, point = recolor(lab, uniforms)
    assert torch.equal(point, uniforms[:, :2])
    there = [
        float(plane[int(y * 64), int(x * 64)])
        for plane, (y, x) in zip(thing[:, 0], point.tolist(), strict=True)
        if plane.any()
    ]
    assert len(there) > 48
    assert np.mean(np.array(there) > 0.5) > 0.9  # a lone pixel is hardly a thing


def test_a_thing_is_no_larger_than_half_of_the_photo(lab):
    """A photo that looks alike all over stays as it is."""
    uniforms = throw(96, RECOLOR_UNIFORMS)
    uniforms[:, 4] = 0.9  # not only near the point
    changed, thing, _ = recolor(lab, uniforms)
    share = thing.mean((1, 2, 3))
    assert 0 < share.max() < LARGEST
    none = ~thing.flatten(1).any(1)
    assert 5 < none.sum() < 60
    assert (changed - lab)[none].abs().max() < 0.1
    flat = torch.tensor([60.0, 20, -10])[None, :, None, None].expand(1, 3, 64, 64)
    changed, thing, _ = recolor(flat, uniforms[:1])
    assert not thing.any()
    assert torch.allclose(changed, flat, atol=0.05)


def test_a_thing_is_what_looks_alike_near_the_point_or_anywhere():
    two = torch.zeros(1, 3, 60, 100)
    two[:, 0] = 50
    two[:, 1, 20:40, 10:30] = 40  # two red squares on grey
    two[:, 1, 20:40, 70:90] = 40
    uniforms = torch.full((1, RECOLOR_UNIFORMS), 0.5)
    uniforms[:, :2] = torch.tensor([0.5, 0.2])  # in the middle of the first
    uniforms[:, 5] = 0  # what is near is within 15 % of the side
    for near, second in ((0.2, 0.0), (0.8, 1.0)):
        uniforms[:, 4] = near
        thing = recolor(two, uniforms)[1][0, 0]
        assert thing[25:35, 15:25].min() > 0.5
        assert thing[25:35, 75:85].mean().item() == pytest.approx(second, abs=0.05)
        assert thing[:, 45:55].max() < 0.05
        assert thing[:10].max() < 0.05


@pytest.mark.parametrize(
    ("way", "turn", "hue", "chroma", "expected"),
    [
        (0.2, 0.2, 0.0, 0.0, (0.0, 20.0)),  # turned by a quarter: 1/6 + 5/3 * .2 = 1/2 of pi
        (0.2, 0.5, 0.0, 0.0, (-20.0, 0.0)),
        (0.8, 0.0, 0.25, 0.5, (0.0, 40.0)),  # replaced: chroma 10 to 70, hue from red on
        (0.8, 0.0, 0.5, 0.0, (-10.0, 0.0)),
    ],
)
def test_its_hue_is_turned_or_its_colour_replaced(way, turn, hue, chroma, expected):
    one = torch.zeros(1, 3, 64, 64)
    one[:, 0] = 60
    one[:, 1, 16:48, 16:48] = 20
    uniforms = torch.tensor([[0.5, 0.5, 0.2, 0.5, 0.8, 0.5, way, turn, hue, chroma]])
    changed, thing, _ = recolor(one, uniforms)
    assert thing[0, 0, 20:44, 20:44].min() > 0.99
    assert changed[0, 1:, 32, 32].tolist() == pytest.approx(expected, abs=1)
    assert changed[0, 1:, 4, 4].tolist() == pytest.approx([0, 0], abs=0.2)


# --- where hints go ---------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0, 0.4, 1])
def test_the_share_asked_for_is_hinted(share):
    _, given, _ = choose_hints(throw(4000, HINT_UNIFORMS), share)
    assert given.any(1).float().mean().item() == pytest.approx(share, abs=0.03)


def test_every_order_of_magnitude_of_hints_is_as_frequent():
    points, given, reach = choose_hints(throw(8000, HINT_UNIFORMS), 1.0)
    counts = given.sum(1)
    assert points.shape == (8000, HINTS_MOST, 2)
    assert 0 <= points.min() <= points.max() <= 1
    assert counts.min() == 1
    assert 120 < counts.max() <= HINTS_MOST
    for k in (1, 3, 10, 40, 100):
        expected = np.log(k + 1) / np.log(HINTS_MOST + 1)  # rounded down
        assert (counts <= k).float().mean().item() == pytest.approx(expected, abs=0.02)
    assert torch.equal(given, given.sort(1, descending=True)[0])  # the first so many
    assert reach.unique().tolist() == list(range(REACH + 1))
    assert torch.bincount(reach.long()).min() > 8000 / (REACH + 1) * 0.9


def test_a_thing_gets_a_hint_at_least_and_half_of_the_photos_have_none_elsewhere():
    n = 2000
    points, given, _ = choose_hints(throw(n, HINT_UNIFORMS), 0.6)
    point, uniforms = throw(n, 2, 1), throw(n, 1, 2)[:, 0]
    thing = torch.zeros(n, 1, 20, 30)
    thing[..., :12] = 1  # the left two fifths
    point[:, 1] *= 0.4
    moved, told = hint_recolored(points, given, thing, point, uniforms)
    assert torch.equal(moved[:, 0], point)
    assert told[:, 0].all()
    assert torch.equal(moved[:, 1:], points[:, 1:])
    on_it = points[..., 1] < 0.4
    others = uniforms < 0.5
    assert torch.equal(told[others, 1:], given[others, 1:])
    assert torch.equal(told[~others, 1:], (given & on_it)[~others, 1:])
    assert others.float().mean().item() == pytest.approx(0.5, abs=0.03)


# --- what hints show --------------------------------------------------------------------------


def revealed(ab: np.ndarray, points: np.ndarray, given: np.ndarray, reach: int) -> np.ndarray:
    """The same for one photo, hint by hint."""
    _, h, w = ab.shape
    planes = np.zeros((3, h, w), np.float32)
    for y, x in points[given]:
        y, x = min(int(y * h), h - 1), min(int(x * w), w - 1)
        patch = np.s_[:, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]
        planes[patch] = 1
        planes[:2][patch] = ab[patch].mean((1, 2), keepdims=True)
    return planes


@pytest.mark.parametrize("shape", [(20, 32), (9, 7)])
def test_each_hint_shows_the_mean_of_its_patch_the_last_where_they_overlap(shape):
    draw = torch.Generator().manual_seed(4)
    ab = torch.randn(12, 2, *shape, generator=draw) * 30
    points, given, reach = choose_hints(throw(12, HINT_UNIFORMS), 0.8)
    reach[:5] = torch.arange(5)
    points[3, :4] = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.999, 0.001]])
    given[3, :4] = True
    planes = render_hints(ab, points, given, reach)
    assert planes.shape == (12, 3, *shape)
    for i, plane in enumerate(planes.numpy()):
        expected = revealed(ab[i].numpy(), points[i].numpy(), given[i].numpy(), int(reach[i]))
        assert np.array_equal(plane[2], expected[2])
        assert np.abs(plane - expected).max() < 1e-3
    assert {bool(plane.any()) for plane in planes} == {True, False}


def test_what_happens_to_a_photo_is_its_own(windows, lab):
    """So processes that share a batch see together what one sees."""
    thrown = throw(24, CROP_UNIFORMS)
    whole = crop(windows, thrown, 0.7, 48)
    assert (crop(windows[1::2], thrown[1::2], 0.7, 48) - whole[1::2]).abs().max() < 1e-5
    uniforms, spots = throw(96, RECOLOR_UNIFORMS), throw(96, HINT_UNIFORMS)
    ours = recolor(lab, uniforms)
    theirs = recolor(lab[1::3], uniforms[1::3])
    assert all(torch.allclose(a, b[1::3], atol=1e-3) for a, b in zip(theirs, ours, strict=True))
    shown = render_hints(lab[:, 1:], *choose_hints(spots, 0.5))
    assert torch.equal(render_hints(lab[1::3, 1:], *choose_hints(spots[1::3], 0.5)), shown[1::3])
