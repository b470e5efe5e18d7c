"""Hints: what is one, their files, and the planes that a network takes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import get_args

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
positions = st.floats(0, 100)
any_hints = st.lists(
    st.builds(Hint, positions, positions, colours, st.sampled_from(get_args(hints.Reach))),
    max_size=5,
    unique_by=lambda hint: (hint.x, hint.y),
).map(tuple)


@pytest.mark.parametrize(
    ("written", "rgb"),
    [
        ("olive", (128, 128, 0)), ("OLIVE", (128, 128, 0)),
        ("dark olive green", (85, 107, 47)), ("darkolivegreen", (85, 107, 47)),
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


@pytest.mark.parametrize("position", [math.nan, math.inf, "5", None, [1], True])
def test_a_position_is_a_number(position):
    for x, y in ((position, 1), (1, position)):
        with pytest.raises(BadOption, match=r"is no position: give x and y in pixels"):
            Hint(x, y, "red")


@pytest.mark.parametrize("reach", ["", "huge", "Small", None, 1, 0.5, ["small"], {}])
def test_a_reach_is_one_of_three_words(reach):
    with pytest.raises(BadOption, match=r"is no reach: take small, normal or large\."):
        Hint(1, 2, "red", reach)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given=any_hints, size=st.none() | st.tuples(st.integers(100, 9999), st.integers(100, 9999)))
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
    "", "a hint", "7", "NaN", "[" * 100_000, '{"hints":' * 9_999,
    '{"size": [4, 4]}', '{"hints": null}', '{"hints": 5}', '{"hints": [1, 2]}',
    json.dumps({"hints": RED}), '{"hints": [{"y": 2, "color": "red"}]}',
    '{"hints": [{"x": 1, "y": 2}]}', one(x="left"), one(x=None), one(x=math.nan), one(x=math.inf),
    one(color="reddish"), one(color=7), one(color=[7]), one(color=[7, 8, 9]), one(color=[200, 0]),
    one(color=[10**400, 0]), one(color=[math.nan, math.inf]), one(color="hsl(1e999, 1%, 1%)"),
    one(color="a" * 10**6), one(colour="blue"),
    one(reach="huge"), one(reach=2), one(reach=None), one(reach=["small"]),
    json.dumps({"hints": [RED, RED | {"color": "blue"}]}),
    json.dumps({"hints": [RED] * (hints.MOST + 1)}), json.dumps([[1, 2, "red"]]),
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
        (hint,) = hints.resolve_hints(content, photo)
        assert (hint.x, hint.y) == (0.5 * photo[0] / made_on[0], 0.5 * photo[1] / made_on[1])
    else:
        with pytest.raises(BadOption, match=f"but this one has {photo[0]} by {photo[1]}"):
            hints.resolve_hints(content, photo)
    assert hints.to_hint_set(content).hints == (Hint(0.5, 0.5, "red"),)


def test_one_point_is_told_one_thing_once_or_twice():
    twice = [Hint(1, 2, "red"), Hint(1, 2, "#f00"), Hint(1, 3, "blue"), Hint(1.5, 2, "blue")]
    assert hints.to_hint_set(twice).hints == tuple(twice)
    with pytest.raises(BadOption, match="x = 1, y = 2 has two colours, red and lime: leave one"):
        hints.to_hint_set([*twice, Hint(1.0, 2.0, "lime")])
    with pytest.raises(BadOption, match="x = 1, y = 2 has two reaches, normal and small"):
        hints.to_hint_set([*twice, Hint(1, 2, "red", "small")])


def test_hints_of_a_file_and_of_the_photo_itself_are_joined():
    both = hints.HintSet((Hint(10, 10, "red"),), (20, 20), (Hint(10, 10, "blue", "large"),))
    assert both.scaled_to((40, 40)) == (Hint(20, 20, "red"), Hint(10, 10, "blue", "large"))
    assert len(both) == 2
    with pytest.raises(BadOption, match="x = 10, y = 10 has two colours"):
        both.scaled_to((20, 20))
    with pytest.raises(BadOption, match="outside the photo, which is 5 pixels wide"):
        both.scaled_to((5, 5))


def test_a_hint_may_be_its_fields_in_a_row():
    given = [(420, 330, "#b03a2e"), (np.float32(10), np.int64(20), (20, -45)),
             (1, 2, "olive", "large")]  # fmt: skip
    assert hints.resolve_hints(given, (500, 400)) == (
        Hint(420, 330, "#b03a2e"), Hint(10, 20, (20, -45)), Hint(1, 2, "olive", "large")
    )  # fmt: skip
    for wrong in ((1, 2), (1, 2, "red", "small", 5)):
        with pytest.raises(BadOption, match=r"hint 2: .* is no hint: give x"):
            hints.resolve_hints([(1, 2, "red"), wrong], (500, 400))


@pytest.mark.parametrize("made_on", [None, (60, 20)])
def test_the_edge_of_the_photo_is_inside_and_what_is_beyond_is_not(made_on):
    edge = [Hint(x, y, "red") for x in (0, 60) for y in (0, 20)]
    photo = (60, 20) if made_on is None else (7919, 2640)
    found = hints.HintSet(tuple(edge), made_on).scaled_to(photo)
    corners = [place for hint in found for place in (hint.x, hint.y)]
    assert corners == pytest.approx([0, 0, 0, photo[1], photo[0], 0, *photo])
    assert max(corners) <= photo[0]
    for x, y in ((-0.1, 5), (60.1, 5), (30, -1), (30, 20.5)):
        with pytest.raises(BadOption, match="photo, which is 60 pixels wide and 20 high"):
            hints.HintSet((*edge, Hint(x, y, "red")), made_on).scaled_to(photo)


def test_what_is_given_stands_before_what_is_added():
    given, more = (Hint(1, 2, "red"), Hint(3, 4, "red")), (Hint(3, 4, "blue"), Hint(5, 6, "blue"))
    assert hints.join_hints(given, more) == (*given, more[1])
    assert hints.join_hints((), more) == more


def test_hints_are_written_whole_or_not_at_all(tmp_path: Path):
    with pytest.raises(CannotWrite, match="choose a folder that exists"):
        hints.write_hints([], tmp_path / "missing" / "hints.json")
