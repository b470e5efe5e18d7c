"""A folder of a film's shots, to put hints into."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("av")
from PIL import Image

from commands import run
from films import make_film, moving_frames
from photochrom.errors import BadOption, CannotWrite
from photochrom.video import shot_sheets
from photochrom.video.options import VideoOptions
from photochrom.video.shot_folder import write_shots

OLIVE = {"x": 20, "y": 70, "color": "#7a8b4f"}


@pytest.fixture
def frames():
    return [*moving_frames(12, seed=1), *moving_frames(9, seed=2), *moving_frames(10, seed=3)]


@pytest.fixture
def film(tmp_path, frames):
    """Three shots, of 12, 9 and 10 frames, lying on their side."""
    return make_film(tmp_path / "old.mkv", frames, rotation=90)


def write(film, folder, colorizer, **options):
    return write_shots(film, folder, VideoOptions(**options), colorizer)


def files_of(folder, suffix):
    return sorted(path.name for path in folder.glob(f"shot*{suffix}"))


def colors_of(sheet):
    return np.ptp(np.asarray(Image.open(sheet)).astype(int), axis=2)


def test_each_shot_has_a_frame_and_a_file_for_its_hints(film, frames, tmp_path, colorizer):
    folder = tmp_path / "shots"
    assert write(film, folder, colorizer) == [folder / "contact-sheet.jpg"]
    names = [path.removesuffix(".png") for path in files_of(folder, ".png")]
    assert [f"{name}.json" for name in names] == files_of(folder, ".json")
    numbers = [int(name[-6:]) for name in names]
    assert [name[:10] for name in names] == ["shot-0001-", "shot-0002-", "shot-0003-"]
    for number, shot in zip(numbers, (range(12), range(12, 21), range(21, 31)), strict=True):
        assert number in shot
    for name, number in zip(names, numbers, strict=True):
        told = json.loads((folder / f"{name}.json").read_text())
        assert told == {"frame": number, "size": [64, 96], "hints": []}


def test_a_frame_is_as_grey_as_in_the_film_and_upright(film, frames, tmp_path, colorizer):
    write(film, tmp_path / "shots", colorizer)
    (path,) = (tmp_path / "shots").glob("shot-0002*.png")
    picture = np.asarray(Image.open(path))
    luma = np.rot90(frames[int(path.stem[-6:])]).astype(float)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, np.rint((luma - 16) * 255 / 219))


def test_hints_that_are_there_stay_and_are_shown(film, tmp_path, colorizer):
    folder = tmp_path / "shots"
    (sheet,) = write(film, folder, colorizer)
    before = colors_of(sheet)
    name = files_of(folder, ".json")[0]
    given = json.dumps({"frame": int(name[-11:-5]), "size": [64, 96], "hints": [OLIVE]})
    (folder / name).write_text(given)
    write(film, folder, colorizer)
    assert (folder / name).read_text() == given
    assert np.abs(colors_of(sheet) - before).max() > 10


def test_a_frame_with_hints_stands_for_its_shot(film, tmp_path, colorizer):
    """Under the name by which the page saves them, which tells the frame."""
    folder = tmp_path / "shots"
    folder.mkdir()
    saved = json.dumps({"size": [64, 96], "hints": [OLIVE]})
    (folder / "shot-0002-frame-000013.hints.json").write_text(saved)
    write(film, folder, colorizer)
    assert files_of(folder, ".png")[1] == "shot-0002-frame-000013.png"
    assert (folder / "shot-0002-frame-000013.json").exists()


def test_a_reference_is_shown(film, tmp_path, colorizer):
    folder = tmp_path / "shots"
    (sheet,) = write(film, folder, colorizer)
    before = colors_of(sheet)
    grey = np.asarray(Image.open(folder / files_of(folder, ".png")[0]))
    Image.fromarray(np.dstack([grey, grey // 2, grey // 4])).save(tmp_path / "photo.png")
    write(film, folder, colorizer, reference=tmp_path / "photo.png")
    assert np.abs(colors_of(sheet) - before).max() > 30
    with pytest.raises(BadOption, match="The reference has no colour"):
        write(film, folder, colorizer, reference=np.asarray(grey))


def test_a_flash_does_not_stand_for_its_shot(tmp_path, colorizer):
    frames = moving_frames(15, seed=1)
    frames[6:9] = [np.full_like(frames[0], 235)] * 3
    write(make_film(tmp_path / "old.mkv", frames), tmp_path / "shots", colorizer)
    (path,) = (tmp_path / "shots").glob("*.png")
    assert int(path.stem[-6:]) in {5, 9}


def test_a_long_film_has_several_contact_sheets(film, tmp_path, colorizer, monkeypatch):
    monkeypatch.setattr(shot_sheets, "PER_SHEET", 2)
    sheets = write(film, tmp_path / "shots", colorizer)
    assert [sheet.name for sheet in sheets] == ["contact-sheet-01.jpg", "contact-sheet-02.jpg"]
    heights = [Image.open(sheet).height for sheet in sheets]
    assert heights[0] > heights[1]


def test_what_cannot_be_used_is_said_before_the_work(film, tmp_path, colorizer):
    with pytest.raises(CannotWrite, match=r"old\.mkv is a file: give the name of a folder"):
        write(film, film, colorizer)
    (tmp_path / "shot-0001-frame-000900.json").write_text(json.dumps([OLIVE]))
    with pytest.raises(BadOption, match=r"no frame 900, as the film has 31"):
        write(film, tmp_path, colorizer)


def test_the_command_writes_shots_and_takes_their_folder_as_hints(film, tmp_path, model, capsys):
    folder, result = tmp_path / "shots", tmp_path / "new.mkv"
    assert run("video", film, "--shots", folder, "--model", model) == 0
    assert capsys.readouterr().out.split() == [str(folder / "contact-sheet.jpg")]
    assert not list(tmp_path.glob("*.parts"))
    assert run("video", film, "--shots", folder, "-o", result, "--model", model) != 0
    assert "--shots writes no film" in capsys.readouterr().err
    path = folder / files_of(folder, ".json")[1]
    path.write_text(path.read_text().replace("[]", json.dumps([OLIVE])))
    assert run("video", film, "--hints", folder, "-o", result, "--model", model) == 0
    assert result.exists()
