from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import run

SAMPLE = Path(__file__).parents[2] / "samples" / "chelsea.jpg"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A grey photo in a folder of an album, and its colours in a folder of pictures."""
    for folder in ("album/in", "edited/in"):
        (tmp_path / folder).mkdir(parents=True)
    picture = Image.open(SAMPLE)
    picture.convert("L").save(tmp_path / "album/in/cat.png")
    picture.resize((225, 150)).save(tmp_path / "edited/in/cat.jpg")
    return tmp_path


def test_each_photo_of_a_folder_takes_the_colours_of_the_picture_called_as_it_is(album) -> None:
    place = album / "out"
    assert run("colorize", album / "album", "--chroma-from", album / "edited", "-o", place) == 0
    result = Image.open(place / "in/cat.png")
    off = np.asarray(result.convert("RGB"), float) - np.asarray(Image.open(SAMPLE), float)
    assert np.abs(off).mean() < 8
    assert "colours taken from cat.jpg, SHA-256" in result.text["Software"]
    assert "model" not in result.text["Software"]


def test_a_photo_without_a_picture_of_its_own_says_what_to_call_it(album, capsys) -> None:
    (album / "edited/in/cat.jpg").unlink()
    folders = album / "album", "--chroma-from", album / "edited", "-o", album / "out"
    assert run("colorize", *folders) == 1
    assert "has no picture for cat.png: give it one called cat.png" in capsys.readouterr().err
