"""Hints: what is one, their files, and the planes that a network takes."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from photochrom.color import rgb_to_lab
from photochrom.errors import BadOption, CannotWrite
from photochrom.inference import hints
from photochrom.inference.hints import Hint

ab_values = st.floats(-127, 127, allow_nan=False)
colours = st.one_of(
    st.tuples(ab_values, ab_values),
    st.sampled_from(["olive", "#7a8b4f", "#abc", "rgb(10, 200, 30)", "hsl(120, 50%, 50%)"]),
)
positions = st.floats(0, 1e5)
any_hints = st.lists(
    st.builds(Hint, positions, positions, colours, st.sampled_from(list(hints.REACHES))),
    max_size=5,
    unique_by=lambda hint: (hint.x, hint.y),
).map(tuple)


@pytest.mark.parametrize(
    ("written", "rgb"),
    [
        ("olive", (128, 128, 0)), ("OLIVE", (128, 128, 0)),
        ("#7a8b4f", (122, 139, 79)), ("#abc", (170, 187, 204)),
        ("#7a8b4f80", (122, 139, 79)),  # of what can be seen through, the colour
        ("rgb(122, 139, 79)", (122, 139, 79)),
    ],
)  # fmt: skip
def test_a_colour_is_written_as_in_css(written, rgb):
    _, a, b = rgb_to_lab(np.array(rgb) / 255, axis=0)
    assert Hint(1, 2, written).ab == pytest.approx((a, b))


@pytest.mark.parametrize("ab", [(12.5, -30), (-128, 127)])
def test_a_colour_may_be_a_and_b(ab):
    assert Hint(1, 2, ab).ab == ab


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        (["", "no colour", "#12", "#gggggg", "rgb(300, 0, 0)"], "write it as '#7a8b4f' or a name"),
        ([(129, 0), (0, -128.5), (math.nan, 0), (0, math.inf), (10**400, 0), (1,), (1, 2, 3),
          ("a", "b"), None, 7, [[1], [2]]], "give a and b, from -128 to 127"),
    ],
)  # fmt: skip
def test_what_is_no_colour_is_said(colours, words):
    for colour in colours:
        with pytest.raises(BadOption, match=f"is no colour: {words}"):
            Hint(1, 2, colour)


@pytest.mark.parametrize("position", [math.nan, math.inf, -math.inf, "5", None, [1]])
def test_a_position_is_a_number(position):
    for x, y in ((position, 1), (1, position)):
        with pytest.raises(BadOption, match=r"A hint is at .*: give numbers of pixels"):
            Hint(x, y, "red")


@pytest.mark.parametrize("reach", ["", "huge", "Small", None, 1, 0.5, ["small"], {}])
def test_a_reach_is_one_of_three_words(reach):
    with pytest.raises(BadOption, match=r"is no reach: take small, normal or large\."):
        Hint(1, 2, "red", reach)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=any_hints, size=st.none() | st.tuples(st.integers(1, 9999), st.integers(1, 9999)))
def test_a_file_gives_back_what_was_written(tmp_path: Path, given, size):
    hints.write_hints(given, tmp_path / "hints.json", size)
    assert hints.read_hints(tmp_path / "hints.json") == given
    assert hints.read_hints(tmp_path / "hints.json", size) == given


def test_a_file_is_plain_json(tmp_path: Path):
    given = [Hint(640, 210.5, "olive"), Hint(1, 2, (3, 4), "large")]
    hints.write_hints(given, tmp_path / "hints.json", (1200, 800))
    assert json.loads((tmp_path / "hints.json").read_text()) == {
        "size": [1200, 800],
        "hints": [
            {"x": 640, "y": 210.5, "color": "olive"},
            {"x": 1, "y": 2, "color": [3, 4], "reach": "large"},
        ],
    }


@pytest.mark.parametrize(
    ("made_on", "photo", "place"),
    [
        ((1200, 800), (2400, 1600), (1200, 400)),
        ((1200, 800), (300, 198), (150, 49.5)),
        ((1200, 800), None, (600, 200)),
        (None, (2400, 400), (600, 200)),
    ],
)
def test_hints_move_with_the_size_of_their_photo(tmp_path: Path, made_on, photo, place):
    hints.write_hints([Hint(600, 200, "red")], tmp_path / "hints.json", made_on)
    assert hints.read_hints(tmp_path / "hints.json", photo) == (Hint(*place, "red"),)


def one(**changed: object) -> str:
    return json.dumps({"hints": [{"x": 1, "y": 2, "color": "red"} | changed]})


RED = {"x": 1, "y": 2, "color": "red"}
MALFORMED = [
    "", "a hint", "7", "NaN", "[" * 100_000, '{"hints":' * 9_999, json.dumps([RED]),
    '{"size": [4, 4]}', '{"hints": null}', '{"hints": 5}', '{"hints": [1, 2]}',
    json.dumps({"hints": RED}), '{"hints": [{"y": 2, "color": "red"}]}',
    '{"hints": [{"x": 1, "y": 2}]}', one(x="left"), one(x=None), one(x=math.nan), one(x=math.inf),
    one(color="reddish"), one(color=7), one(color=[7]), one(color=[7, 8, 9]), one(color=[200, 0]),
    one(color=[10**400, 0]), one(color=[math.nan, math.inf]), one(color="hsl(1e999, 1%, 1%)"),
    one(color="a" * 10**6), one(colour="blue"),
    one(reach="huge"), one(reach=2), one(reach=None), one(reach=["small"]),
    json.dumps({"hints": [RED, RED | {"color": "blue"}]}),
    json.dumps({"sise": [4, 3], "hints": []}), json.dumps({"hints": [], "a" * 10**6: 1}),
    *(
        f'{{"size": {size}, "hints": []}}'
        for size in (
            "[0, 4]", "[4, -4]", "[Infinity, 4]", "[NaN, 5]", f"[{10**400}, 4]", "[4]", "4",
            "[4, 4, 3]", '"big"', '"43"', '["4", "3"]', '["x", 4, 3]', "[true, true]",
            '{"width": 4, "height": 3}', "[]", json.dumps(["a" * 10**6]),
        )
    ),
]  # fmt: skip
UNFIT = [
    '{"hints": [], "size": [1e308, 1e-308]}', '{"hints": [], "size": [1e-308, 1e308]}',
    json.dumps({"hints": [RED] * (hints.MOST + 1)}),
    '{"size": [4e-300, 3e-300], "hints": ' + one(x=1e11)[10:],
]  # fmt: skip
"""What holds hints, but none for a photo."""


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *((text, size) for text in MALFORMED for size in (None, (40, 30))),
        *((text, (40, 30)) for text in UNFIT),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_file_that_holds_no_hints_is_named_in_one_short_sentence(tmp_path, text, size):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(BadOption) as caught:
        hints.read_hints(file, size)
    said = str(caught.value)
    assert said.startswith(str(file))
    assert said.endswith(".")
    assert len(said.splitlines()) == 1
    assert len(said) < len(str(file)) + 300


def test_a_file_that_is_missing_or_no_text(tmp_path: Path):
    (tmp_path / "photo.json").write_bytes(b"\xff\xd8\xff")
    for name in ("missing.json", "photo.json", ""):
        with pytest.raises(BadOption, match=r"cannot be read as hints .*: give a JSON file"):
            hints.read_hints(tmp_path / name)


@pytest.mark.parametrize(
    ("made_on", "photo", "fits"),
    [
        ((1200, 800), (1200, 800), True), ((1200, 800), (600, 400), True),
        ((1200, 800), (599, 400), True),
        ((1200, 800), (4000, 2615), True),  # 1.98 %
        ((1200, 800), (4000, 2613), False),  # 2.05 %
        ((1200, 800), (4000, 2740), False),
        ((1200, 800), (800, 1200), False),  # turned
        ((1200, 801), (10, 7), True),  # as near as pixels come
        ((1200, 800), (10, 8), False),
        ((3000, 2), (1500, 1), True), ((1, 1), (1, 1), True),
    ],
)  # fmt: skip
def test_hints_are_for_photos_of_one_shape(made_on, photo, fits):
    content = {"size": list(made_on), "hints": [{"x": 0.5, "y": 0.5, "color": "red"}]}
    if fits:
        (hint,) = hints.parse_hints(content, photo)
        assert (hint.x, hint.y) == (0.5 * photo[0] / made_on[0], 0.5 * photo[1] / made_on[1])
    else:
        with pytest.raises(BadOption, match=f"but this one has {photo[0]} by {photo[1]}"):
            hints.parse_hints(content, photo)
    assert hints.parse_hints(content) == (Hint(0.5, 0.5, "red"),)


def test_one_colour_told_twice_is_no_contradiction():
    twice = [Hint(1, 2, "red"), Hint(1, 2, "#f00"), Hint(1, 3, "blue"), Hint(1.5, 2, "blue")]
    hints.check_hints(twice)
    with pytest.raises(BadOption, match="x = 1, y = 2 has two colours, red and lime"):
        hints.check_hints([*twice, Hint(1.0, 2.0, "lime")])


def test_what_is_given_stands_before_what_is_added():
    given, more = (Hint(1, 2, "red"), Hint(3, 4, "red")), (Hint(3, 4, "blue"), Hint(5, 6, "blue"))
    assert hints.join_hints(given, more) == (*given, more[1])
    assert hints.join_hints((), more) == more


def test_hints_are_written_whole_or_not_at_all(tmp_path: Path):
    with pytest.raises(CannotWrite, match="choose a folder that exists"):
        hints.write_hints([], tmp_path / "missing" / "hints.json")


def test_spots_lie_where_the_hints_do():
    given = [Hint(30, 5, (1, 2)), Hint(0, 20, (3, 4), "small"), Hint(60, 0, (5, 6), "large")]
    found = hints.to_spots(given, (20, 60), (10, 20))
    assert found.dtype == np.float32
    assert found.tolist() == [[2.5, 10, 1, 2, 1], [10, 0, 3, 4, 0.5], [0, 20, 5, 6, 2]]
    assert hints.to_spots([], (20, 60), (10, 20)).shape == (0, 5)


def test_spots_move_to_a_picture_of_another_size():
    five = np.array([[2.5, 10, 1, 2, 0.5]])
    assert hints.scale_spots(five, 2, 3).tolist() == [[5, 30, 1, 2, 0.5]]
    assert hints.scale_spots(five[:, :4], 2, 3).tolist() == [[5, 30, 1, 2]]


@pytest.mark.parametrize(("x", "y"), [(-0.1, 5), (60.1, 5), (30, -1), (30, 20.5)])
def test_a_hint_outside_the_photo_is_told_how_large_that_is(x, y):
    with pytest.raises(BadOption, match="outside the photo, which is 60 pixels wide and 20 high"):
        hints.to_spots([Hint(5, 5, "red"), Hint(x, y, "red")], (20, 60), (10, 20))


def test_the_edge_of_the_photo_is_inside():
    corners = [Hint(x, y, "red") for x in (0, 60) for y in (0, 20)]
    found = hints.to_spots(corners, (20, 60), (10, 20))
    assert hints.to_pixels(found, (10, 20)).tolist() == [[0, 0], [9, 0], [0, 19], [9, 19]]


def test_more_hints_than_can_be_weighed_are_refused():
    many = [Hint(1, 1, "red")] * (hints.MOST + 1)
    assert len(hints.to_spots(many[1:], (4, 4), (4, 4))) == hints.MOST
    with pytest.raises(BadOption, match="1001 hints are more than 1000: leave some out"):
        hints.to_spots(many, (4, 4), (4, 4))


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_every_position_lies_in_a_pixel(height, width, down, across):
    spot = np.array([[height * down, width * across, 0, 0]], np.float32)
    ((row, column),) = hints.to_pixels(spot, (height, width))
    assert 0 <= row < height
    assert 0 <= column < width
    assert row <= spot[0, 0] <= row + 1
    assert column <= spot[0, 1] <= column + 1


def by_hand(spots: np.ndarray, size: tuple[int, int], patch: int) -> np.ndarray:
    """Each pixel asks all spots."""
    shown, where = np.zeros((3, *size), np.float32), hints.to_pixels(spots, size)
    for place in np.ndindex(*size):
        gaps = where - place
        reached = np.flatnonzero(np.abs(gaps).max(1, initial=0) <= patch // 2)
        if len(reached):
            nearest = reached[np.hypot(*gaps[reached].T).argmin()]
            shown[:, *place] = *spots[nearest, 2:], 1
    return shown


@given(st.data(), st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3, 5, 9]))
def test_planes_agree_with_asking_every_pixel(data, height, width, patch):
    spot = st.tuples(st.floats(0, height, width=32), st.floats(0, width, width=32), ab_values)
    rows = data.draw(st.lists(spot, max_size=6))
    spots = np.array([(*row, -row[-1]) for row in rows], np.float32).reshape(-1, 4)
    shown = hints.to_planes(spots, (height, width), patch)
    assert shown.dtype == np.float32
    np.testing.assert_array_equal(shown, by_hand(spots, (height, width), patch))


def test_a_spot_fills_a_square_that_the_edges_cut():
    shown = hints.to_planes(np.array([[0.5, 6.5, 10, -20]]), (4, 8))
    assert (shown[2, :3, 4:] == 1).all()
    assert shown[2].sum() == 3 * 4
    assert set(np.unique(shown[2])) == {0, 1}
    assert (shown[:2, :3, 4:] == np.reshape([10, -20], (2, 1, 1))).all()
    reaching = hints.to_planes(np.array([[0.5, 6.5, 10, -20, 0.5]]), (4, 8))
    np.testing.assert_array_equal(reaching, shown)
