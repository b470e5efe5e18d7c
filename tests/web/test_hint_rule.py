"""One rule for hints: a file, the command line, the API and HTTP say the same of the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pictures import encode, halves, send

from commands import run
from photochrom.errors import BadOption
from photochrom.image.reader import read_photo
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import MOST

RED = {"x": 1, "y": 2, "color": "red"}
FAULTS = {
    "no list": (7, "holds no hints: write a list"),
    "no hint": ([RED, 7], "hint 2: 7 is no hint: write it as"),
    "unknown key": ([RED, RED | {"colour": "red"}], "'colour' is unknown: a hint has x, y, color"),
    "unknown key around": ({"hints": [], "sise": [4, 3]}, "'sise' is unknown: a set of hints has"),
    "no colour told": ([{"x": 1, "y": 2}], "hint 1: color is missing: a hint has"),
    "no hints told": ({"size": [4, 3]}, "hints is missing: a set of hints has"),
    "no colour": ([RED | {"color": "reddish"}], "'reddish' is no colour: write it as '#7a8b4f'"),
    "no ab": ([RED | {"color": [200, 0]}], "is no colour: give a and b, from -128 to 127"),
    "no position": ([RED | {"x": "left"}], "'left' is no position: give x and y in pixels"),
    "no reach": ([RED | {"reach": "huge"}], "'huge' is no reach: take small, normal or large"),
    "outside": ([RED | {"x": 401}], "x = 401, y = 2 lies outside the photo, which is 400 pixels"),
    "two colours": ([RED, RED | {"color": "blue"}], "x = 1, y = 2 has two colours, red and blue"),
    "two reaches": ([RED, RED | {"reach": "small"}], "x = 1, y = 2 has two reaches, normal and"),
    "too many": ([RED] * (MOST + 1), "1001 hints are more than 1000: leave some out"),
    "no size": ({"size": [4], "hints": [RED]}, "the size is [4]: give width and height"),
    "another shape": ({"size": [300, 400], "hints": [RED]}, "they are for a photo of 300 by 400"),
}
FLAGS = {
    "no colour": ["1,2,reddish"], "no position": ["left,2,red"], "outside": ["401,2,red"],
    "no reach": ["1,2,red,huge"],
    "two colours": ["1,2,red", "1,2,blue"], "two reaches": ["1,2,red", "1,2,red,small"],
    "too many": ["1,2,red"] * (MOST + 1),
}  # fmt: skip
"""Those that can be written as ``--hint``."""


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "halves.png"
    path.write_bytes(encode(halves()))
    return path


def pixels(file: bytes) -> bytes:
    """Of a result; what it tells of its original's name is another where only bytes were sent."""
    return read_photo(file).pixels.tobytes()


def ask(client: Any, photo: Path, hints: object, *, form: bool) -> Any:
    if form:
        files, data = {"photo": photo.read_bytes()}, {"hints": json.dumps(hints)}
        return client.post("/api/colorize", files=files, data=data)
    key = send(client, photo.read_bytes())["id"]
    return client.post(f"/api/photos/{key}/colorize", json={"hints": hints, "full": True})


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_said_in_the_same_words_everywhere(client, toy, photo, tmp_path, capsys, fault):
    hints, words = FAULTS[fault]
    with pytest.raises(BadOption) as caught:
        Colorizer(toy).colorize(photo.read_bytes(), hints=hints)
    said = [str(caught.value)]
    file = tmp_path / "hints.json"
    file.write_text(json.dumps(hints))
    options = [["--hints", file]]
    if fault in FLAGS:
        options.append([part for flag in FLAGS[fault] for part in ("--hint", flag)])
    for given in options:
        assert run("colorize", photo, "--model", toy, "-o", tmp_path / "new.png", *given) == 2
        said.append(capsys.readouterr().err)
    for form in (False, True):
        answer = ask(client, photo, hints, form=form)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
        said.append(answer.json()["detail"])
    for sentence in said:
        assert words.casefold() in sentence.casefold()
        assert sentence.strip().endswith(".")
    assert not (tmp_path / "new.png").exists()


@pytest.mark.parametrize(
    "hints",
    [
        [RED, {"x": 300, "y": 200, "color": [20, -30], "reach": "small"}],
        {"hints": [RED | {"reach": "large"}, RED | {"reach": "large", "color": "#ff0000"}]},
        {"size": [200, 150], "hints": [RED]},
        [],
    ],
)
def test_what_is_right_gives_the_same_photo_everywhere(client, toy, photo, tmp_path, hints):
    expected = pixels(Colorizer(toy).colorize(photo.read_bytes(), hints=hints))
    file, out = tmp_path / "hints.json", tmp_path / "new.png"
    file.write_text(json.dumps(hints))
    assert run("colorize", photo, "--model", toy, "-o", out, "--hints", file) == 0
    assert pixels(out.read_bytes()) == expected
    for form in (False, True):
        assert pixels(ask(client, photo, hints, form=form).content) == expected
