"""``photochrom palette`` and ``uncertainty`` as a user meets them."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from PIL import Image

from commands import run
from photochrom.inference.hints import Hint

LINE = r"--hint 20,30[.]5,(#[0-9a-f]{6}) +(now|[0-9]+%) ([a-z ]+)"


def test_each_line_of_a_palette_is_a_hint_with_how_likely_it_is_and_its_name(photo, able, capsys):
    asked = ("palette", photo, 20, 30.5, "--model", able)
    assert run(*asked) == 0
    lines = [re.fullmatch(LINE, line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) > 2
    assert [line[2] == "now" for line in lines] == [True] + [False] * (len(lines) - 1)
    chosen = lines[2][0].split()[:2]
    assert run(*asked, *chosen) == 0  # it can be given as it stands
    after = capsys.readouterr().out.splitlines()
    ab = [Hint(0, 0, re.fullmatch(LINE, line)[1]).ab for line in (after[0], lines[2][0])]
    assert np.allclose(*ab, atol=6)
    assert run(*asked, *chosen, "--most", 1) == 0
    assert capsys.readouterr().out.splitlines() == after[:2]


def test_a_palette_on_a_terminal_shows_its_colours(photo, able, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert run("palette", photo, 20, 30.5, "--model", able) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(re.search(f"{LINE}$", line) for line in lines)


@pytest.mark.parametrize(("x", "y"), [(65, 10), (10, 49), (-1, 10), (10, -0.5), ("nan", 1)])
def test_a_palette_is_of_a_point_of_the_photo(photo, able, x, y, capsys):
    assert run("palette", photo, x, y, "--model", able) == 2
    said = capsys.readouterr()
    assert "outside the photo" in said.err or "give x and y in pixels" in said.err
    assert not said.out


def test_uncertainty_is_a_picture_of_the_photos_size(photo, able, tmp_path, capsys):
    out = tmp_path / "maps" / "guesses.png"
    assert run("uncertainty", photo, "-o", out, "--model", able) == 0
    assert Image.open(out).size == (64, 48)
    path, figures, *places = capsys.readouterr().out.splitlines()
    assert path == str(out)
    assert re.fullmatch(r"\d[.]\d\d bits on average, at most \d[.]\d\d", figures)
    assert all(re.fullmatch(r"check x \d+, y \d+, radius \d+", place) for place in places)
    assert run("uncertainty", photo, "-o", out, "--model", able) == 1
    assert "exists already" in capsys.readouterr().err
    assert run("uncertainty", photo, "-o", out, "--model", able, "--force") == 0
    before = photo.read_bytes()
    assert run("uncertainty", photo, "-o", photo, "--model", able, "--force") == 1
    assert "is the photo itself" in capsys.readouterr().err
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "cannot be read as hints"), ('{"hints": [{"x": 99, "y": 1, "color": "red"}]}',
      "lies outside the photo")],
)  # fmt: skip
@pytest.mark.parametrize("command", ["colorize", "uncertainty", "palette"])
def test_hints_that_are_wrong_write_nothing(photo, able, tmp_path, capsys, command, text, words):
    given, out = tmp_path / "hints.json", tmp_path / "new.png"
    if text is not None:
        given.write_text(text)
    place = (10, 10) if command == "palette" else ("-o", out)
    assert run(command, photo, *place, "--model", able, "--hints", given) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out
    assert not out.exists()


def test_what_a_model_does_not_tell_is_a_request_that_is_wrong(photo, model, tmp_path, capsys):
    out = tmp_path / "new.png"
    Image.new("RGB", (9, 9), "red").save(tmp_path / "red.png")
    for command in (
        ("palette", photo, 1, 1),
        ("uncertainty", photo, "-o", out),
        ("colorize", photo, "-o", out, "--samples", 2),
        ("colorize", photo, "-o", out, "--reference", tmp_path / "red.png"),
    ):
        assert run(*command, "--model", model) == 2
        assert "use a model that does" in capsys.readouterr().err
    assert not out.exists()
