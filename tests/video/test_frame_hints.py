"""Hints for frames of a film: where they are kept, and where they lie."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from photochrom.errors import BadOption
from photochrom.inference.hints import Hint, HintSet
from photochrom.video.frame_hints import place_hints, read_frame_hints, turn_back

RED = {"x": 10, "y": 20, "color": "red"}
BLUE = {"x": 30, "y": 5, "color": "blue", "reach": "small"}


def write(path: Path, content) -> Path:
    path.write_text(json.dumps(content))
    return path


def colors(found: dict[int, HintSet]) -> dict[int, list[str]]:
    return {frame: [hint.color for hint in hints.hints] for frame, hints in found.items()}


@pytest.mark.parametrize(
    "given",
    [
        {"frame": 120, "size": [64, 48], "hints": [RED]},
        {"frame": 120, "size": [64, 48], "points": [RED]},
        [{"frame": 120, "size": [64, 48], "points": [RED]}, {"frame": 3, "hints": []}],
    ],
)
def test_a_frame_has_the_hints_that_a_file_or_a_value_holds(tmp_path, given):
    for where in (given, write(tmp_path / "any.json", given), str(tmp_path / "any.json")):
        found = read_frame_hints(where)
        assert colors(found) == {120: ["red"]}
        assert found[120].size == (64, 48)


def test_python_may_give_hints_by_frame(tmp_path):
    sized = HintSet((Hint(1, 2, "olive"),), (64, 48))
    found = read_frame_hints({7: [(1, 2, "red"), Hint(3, 4, "blue")], 2: sized, 5: []})
    assert colors(found) == {2: ["olive"], 7: ["red", "blue"]}
    assert list(found) == [2, 7]
    assert found[2].size == (64, 48)
    assert read_frame_hints(()) == read_frame_hints([]) == {}


def test_of_a_folder_what_the_page_saved_takes_the_place_of_what_lay_there(tmp_path):
    hints = {"size": [64, 48], "hints": [RED]}
    saved = {"size": [64, 48], "hints": [BLUE]}
    write(tmp_path / "shot-0001-frame-000000.json", {"size": [64, 48], "hints": []})
    write(tmp_path / "shot-0002-frame-000040.json", hints)
    write(tmp_path / "shot-0002-frame-000040.hints.json", saved)
    write(tmp_path / "shot-0003-frame-000120.json", hints)
    write(tmp_path / "shot-0003-frame-000120.hints.json", {"hints": []})
    write(tmp_path / "shot-0004-frame-000200.hints (1).json", saved)
    write(tmp_path / "more.json", [{"frame": 300, "hints": [RED]}, {"frame": 301, "points": [RED]}])
    write(tmp_path / ".half.json", "no hints")
    (tmp_path / "contact-sheet.jpg").write_bytes(b"no hints")
    found = read_frame_hints(tmp_path)
    assert colors(found) == {
        40: ["blue"], 120: ["red"], 200: ["blue"], 300: ["red"], 301: ["red"]
    }  # fmt: skip


def test_a_frame_that_is_written_in_the_file_counts_more_than_its_name(tmp_path):
    path = write(tmp_path / "frame-000007.json", {"frame": 9, "hints": [RED]})
    assert list(read_frame_hints(path)) == [9]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("any.json", {"hints": [RED]}, 'any.json: no frame is told: write "frame": 120'),
        ("any.json", [RED], "any.json: no frame is told"),
        ("any.json", {"frame": -1, "hints": [RED]}, "any.json: -1 is no frame: give its number"),
        ("any.json", {"frame": "x", "hints": [RED]}, "any.json: 'x' is no frame"),
        ("any.json", {"frame": True, "hints": [RED]}, "any.json: True is no frame"),
        ("any.json", {"frame": 1.5, "hints": [RED]}, "any.json: 1.5 is no frame"),
        ("any.json", {"frame": 1, "hints": [RED], "points": []}, "two names for one thing"),
        ("any.json", {"frame": 1, "hint": [RED]},
         "'hint' is unknown: a set of hints for a frame has frame, size, hints and points"),
        ("any.json", {"frame": 1}, "any.json: hints is missing"),
        ("any.json", {"frame": 1, "hints": [{"x": 1}]}, "any.json: hint 1: y is missing"),
        ("any.json", [{"frame": 1, "hints": [RED]}, {"frame": 1, "hints": [BLUE]}],
         "entry 2: frame 1 has hints in .*any.json, entry 1, too"),
        ("any.json", [{"frame": 1, "hints": [RED]}, RED], "entry 2: 'x' is unknown"),
        ("frame-1.json", {"hints": []}, "frame-1.json holds no hints"),
        ("frame-1.json", 7, "frame-1.json: 7 holds no hints"),
        ("frame-1.json", None, "frame-1.json: None holds no hints"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_said_with_its_name(tmp_path, name, content, words):
    path = write(tmp_path / name, content)
    with pytest.raises(BadOption, match=words):
        read_frame_hints(path)


def test_a_folder_without_hints_and_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(BadOption, match=r"holds no hints: put some into its \.json files"):
        read_frame_hints(tmp_path)
    with pytest.raises(BadOption, match=r"absent\.json cannot be read as hints .*give a JSON file"):
        read_frame_hints(tmp_path / "absent.json")
    (tmp_path / "frame-1.json").write_text("{")
    with pytest.raises(BadOption, match=r"frame-1\.json cannot be read as hints"):
        read_frame_hints(tmp_path)


def test_two_files_of_one_frame_are_refused(tmp_path):
    write(tmp_path / "one.json", {"frame": 5, "hints": [RED]})
    write(tmp_path / "two.json", {"frame": 5, "hints": [BLUE]})
    with pytest.raises(BadOption, match=r"two\.json: frame 5 has hints in .*one\.json, too"):
        read_frame_hints(tmp_path)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_hint_on_the_upright_picture_lies_on_the_same_thing_as_it_is_stored(rotation):
    stored = np.zeros((48, 64), np.uint8)
    stored[10, 50] = 1
    upright = np.rot90(stored, rotation // 90)
    ((row, column),) = np.argwhere(upright)
    back = turn_back(Hint(column + 0.5, row + 0.5, "red"), stored.shape, rotation)
    assert (back.y, back.x) == (10.5, 50.5)
    height, width = upright.shape
    hints = HintSet((Hint(2 * column + 1, 2 * row + 1, "red"),), (2 * width, 2 * height))
    placed = place_hints({4: hints}, frames=5, size=stored.shape, rotation=rotation, small=(24, 32))
    np.testing.assert_allclose(placed[4][:, :2], [[5.25, 25.25]])
    np.testing.assert_allclose(placed[4][0, 2:], [*hints.hints[0].ab, 1], rtol=1e-4)


def test_a_frame_beyond_the_end_and_hints_of_another_shape_are_refused_by_name(tmp_path):
    path = write(tmp_path / "any.json", {"frame": 120, "size": [64, 48], "hints": [RED]})
    found = read_frame_hints(path)
    film = {"size": (48, 64), "rotation": 0, "small": (24, 32)}
    with pytest.raises(BadOption, match=r"any\.json: there is no frame 120, .*from 0 to 119"):
        place_hints(found, frames=120, **film)
    with pytest.raises(BadOption, match=r"any\.json: .*of 64 by 48 pixels, but .* 48 by 64"):
        place_hints(found, frames=121, **(film | {"rotation": 90}))
    with pytest.raises(BadOption, match=r"any\.json: the point x = 70, y = 1 lies outside"):
        place_hints(
            read_frame_hints(write(path, {"frame": 0, "hints": [RED | {"x": 70, "y": 1}]})),
            frames=1,
            **film,
        )
