"""A version: a draw, told by one hint for each part that it gives one colour."""

from __future__ import annotations

import numpy as np
import pytest

from photochrom.inference.hints import Hint
from photochrom.inference.prediction import Predictor
from photochrom.inference.sampling import draw_versions, segment

CELLS = np.indices((24, 32))


def test_parts_are_of_one_colour_and_lightness_and_the_same_photo_has_the_same():
    """Three stripes in two colours, the lower half in the dark."""
    stripe, dark = CELLS[1] * 3 // 32, CELLS[0] >= 12
    chroma = np.where(stripe % 2, *np.float32([[[40]], [[-30]]]))[None].repeat(2, 0)
    L = np.where(dark, 20, 80).astype(np.float32).repeat(4, 0).repeat(4, 1)
    one, again = (segment(chroma, L) for _ in range(2))
    assert [place for place, _ in one] == [place for place, _ in again]
    assert 6 <= len(one) <= 32
    assert (sum(part.astype(int) for _, part in one) == 1).all()
    for place, part in one:
        assert part[place]
        assert len(set(chroma[0][part])) == 1
        assert len(set(dark[part])) == 1


def test_a_place_lies_well_inside_its_part():
    chroma = np.zeros((2, 24, 32), np.float32)
    chroma[:, 8:16, 10:20] = 60
    parts = segment(chroma, np.full((96, 128), 50, np.float32))
    for (row, column), part in parts:
        around = part[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        assert around.all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 4)])
def test_a_small_photo_has_no_more_parts_than_cells(size):
    chroma = np.random.default_rng(0).uniform(-50, 50, (2, *size)).astype(np.float32)
    parts = segment(chroma, np.full(size, 50, np.float32))
    assert len(parts) <= size[0] * size[1]
    assert len({place for place, _ in parts}) == len(parts)


class Halves:
    """In place of a generator: each draw has a colour on the left and another on the right."""

    def draw(self, logits, centres, size, rngs):
        assert len(logits) == len(centres)
        assert logits.shape[1:] == (size[0] // 4, size[1] // 4)
        h, w = size[0] // 16, size[1] // 16
        colours = np.stack([rng.uniform(-60, 60, (2, 1, 2)) for rng in rngs])
        return np.repeat(np.repeat(colours, h, 2), w // 2, 3).astype(np.float32)


@pytest.fixture
def draw(make_toy):
    """Versions of a photo, by default one with a dark left and a light right half."""
    predictor = Predictor(make_toy(tells=("logits", "features"), hints=0.1).model)

    def draw_some(k, hints=(), stripe=128):
        L = np.where(np.arange(256) // stripe % 2, 70, 30)[None].repeat(128, 0).astype(np.float32)
        (view,) = predictor.views(L, 128, "fast")
        rngs = [np.random.default_rng([0, i]) for i in range(k)]
        return draw_versions(predictor, Halves(), view, hints, rngs)

    return draw_some


def test_hints_tell_what_was_drawn(draw):
    """Boldly, as the photo is paler between them."""
    versions = draw(3)
    assert len(set(versions)) == 3
    for i, version in enumerate(versions):
        left, right = np.random.default_rng([0, i]).uniform(-60, 60, (2, 1, 2))[:, 0].T
        assert {hint.x < 128 for hint in version} == {True, False}
        for hint in version:
            if abs(hint.x - 128) > 30:  # between them a draw, being coarse, goes over
                drawn = left if hint.x < 128 else right
                np.testing.assert_allclose(hint.ab, 1.3 * drawn, atol=0.01)
            assert 0 < hint.x < 256
            assert 0 < hint.y < 128


def test_the_part_that_a_given_hint_lies_on_keeps_its_colour(draw):
    (plain,) = draw(1)
    hint = plain[0]
    given = (Hint(hint.x, hint.y, "olive"),)
    (version,) = draw(1, given)
    assert version[0] == given[0]
    assert len(version) == len(plain)
    assert {(other.x, other.y) for other in version} == {(other.x, other.y) for other in plain}


def test_no_drawn_hint_lies_so_near_a_given_one_that_it_spoils_it(draw):
    """Between a stripe of the one lightness and the next lies less than that."""
    (plain,) = draw(1, stripe=8)
    for hint in plain[:8]:
        given = Hint(hint.x - 8 if hint.x > 128 else hint.x + 8, hint.y, "olive")
        first, *others = draw(1, (given,), stripe=8)[0]
        assert len(others) > 20
        away = [np.hypot(other.x - first.x, other.y - first.y) for other in others]
        assert min(away) > 0.08 * 128 - 1
