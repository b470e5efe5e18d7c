"""What is found out of a film before it is coloured."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

pytest.importorskip("av")
from films import make_film, moving_frames
from photochrom.errors import BadFilm
from photochrom.video.film import open_film
from photochrom.video.plan import Plan, make_plan, shrink
from photochrom.video.raster import Raster

DAY = range(0, 10**10, 11_111)
"""Time stamps of a film of ten hours, in units of a nanosecond."""


@pytest.fixture
def film(tmp_path):
    """Two shots, of 9 and 7 frames, whose time stamps are uneven."""
    frames = [*moving_frames(9, seed=1), *moving_frames(7, seed=2)]
    pts = [40 * n + n % 3 for n in range(16)]
    return make_film(tmp_path / "old.mkv", frames, pts=pts, time_base=Fraction(1, 1000))


def test_one_pass_finds_the_time_of_every_frame_and_where_shots_begin(film):
    told = []
    plan = make_plan(open_film(film), told.append)
    assert list(plan.pts) == [40 * n + n % 3 for n in range(16)]
    assert plan.shots == [range(9), range(9, 16)]
    assert [now.frames_done for now in told] == list(range(1, 17))
    assert {now.phase for now in told} == {"scanning"}


def test_a_film_without_frames_is_named():
    class Empty:
        path, expected, raster = "empty.mkv", 0, Raster(height=4, width=4, bits=8, full_range=True)
        frames = staticmethod(lambda: iter(()))

    with pytest.raises(BadFilm, match=r"^empty\.mkv has no frames"):
        make_plan(Empty())


def test_parts_are_no_longer_than_that_and_none_goes_across_a_cut():
    parts = Plan(range(1200), (0, 499, 1100)).parts()
    assert [(part.shot, part.start, part.stop) for part in parts] == [
        (0, 0, 499),
        (1, 499, 999),
        (1, 999, 1100),
        (2, 1100, 1200),
    ]
    assert [part.number for part in parts] == [0, 1, 2, 3]
    assert [(part.begins, part.ends) for part in parts] == [
        (True, True),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_a_plan_is_read_again_as_it_was_for_the_same_signature_alone(tmp_path):
    plan, path = Plan(DAY, (0, 10, len(DAY) - 1)), tmp_path / "plan.json"
    plan.save(path, {"bytes": 5})
    again = Plan.load(path, {"bytes": 5})
    assert list(again.pts) == list(DAY)
    assert again.cuts == plan.cuts
    assert Plan.load(path, {"bytes": 6}) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"pts": [0, 2, 2]},
        {"pts": [0, 1.5, 2]},
        {"pts": [0, 1, 2**63]},
        {"pts": []},
        {"pts": "0"},
        {"cuts": [1]},
        {"cuts": [0, 3]},
        {"cuts": []},
        {"cuts": None},
    ],
)
def test_a_plan_that_is_damaged_is_none(damage, tmp_path):
    path = tmp_path / "plan.json"
    Plan([0, 1, 2], (0, 1)).save(path, 7)
    assert Plan.load(path, 7)
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    assert Plan.load(path, 7) is None


def test_a_plan_cut_short_or_gone_is_none(tmp_path):
    path = tmp_path / "plan.json"
    assert Plan.load(path, 7) is None
    Plan([0, 1, 2], (0, 1)).save(path, 7)
    path.write_bytes(path.read_bytes()[:-3])
    assert Plan.load(path, 7) is None


@pytest.mark.parametrize(("bits", "white"), [(8, 235), (10, 940)])
def test_cuts_are_found_by_lightness_of_64_pixels(bits, white):
    luma = np.full((90, 192), white, np.uint8 if bits == 8 else np.uint16)
    luma[:, :96] = 16 << (bits - 8)
    raster = Raster(height=90, width=192, bits=bits, full_range=False)
    small = shrink(luma, raster, raster.lightness())
    assert small.shape == (30, 64)
    np.testing.assert_array_equal(small[:, 0], 0)
    np.testing.assert_allclose(small[:, -1], 100, atol=1e-3)
