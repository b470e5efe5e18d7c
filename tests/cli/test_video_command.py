"""photochrom video: what a user sees of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import raising, run, run_without

pytest.importorskip("av")
import av

from films import make_film, moving_frames
from photochrom.cli import video as command
from photochrom.video import pipeline
from photochrom.video.progress import VideoProgress


@pytest.fixture
def film(tmp_path) -> Path:
    return make_film(tmp_path / "old.mkv", [*moving_frames(6, seed=1), *moving_frames(5, seed=2)])


def test_a_film_is_coloured_and_the_result_is_named(film, model, tmp_path, capfd):
    result = tmp_path / "new.mp4"
    assert run("video", film, "-o", result, "--model", model, "--vivid", 0.5) == 0
    told = capfd.readouterr()
    assert told.out == f"{result}\n"
    assert told.err == ""
    with av.open(str(result)) as new:
        assert new.streams.video[0].codec_context.name == "h264"
        assert len(list(new.decode(video=0))) == 11


def test_without_a_name_the_result_lies_beside_the_film(film, model, capsys):
    assert run("video", film, "--model", model) == 0
    assert capsys.readouterr().out == f"{film.with_name('old.color.mkv')}\n"
    assert run("video", film, "--model", model) == 1
    assert "exists already: choose another name, or replace it by force" in capsys.readouterr().err
    assert run("video", film, "--model", model, "--force") == 0


def test_what_is_left_out_is_remarked_unless_that_is_not_wanted(model, tmp_path, capsys):
    deep = [frame.astype(np.uint16) << 2 for frame in moving_frames(3)]
    film = make_film(tmp_path / "deep.mkv", deep, pix_fmt="yuv420p10le")
    assert run("video", film, "-o", tmp_path / "a.mp4", "--model", model) == 0
    assert f"photochrom: {film}: " in (said := capsys.readouterr().err)
    assert "8" in said
    assert run("video", film, "-o", tmp_path / "b.mp4", "--model", model, "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_a_film_in_color_is_passed_over_as_photos_are(model, tmp_path, capsys):
    u = np.full((32, 48), 60, np.uint8)
    film = make_film(tmp_path / "gaudy.mkv", [(y, u, 255 - u) for y in moving_frames(4)])
    assert run("video", film, "--model", model) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "is in colour already, so it was passed over: see --recolor" in told.err


def test_an_interruption_says_that_the_same_command_goes_on(film, model, monkeypatch, capsys):
    monkeypatch.setattr(pipeline, "write_parts", raising(KeyboardInterrupt()))
    assert run("video", film, "--model", model) == 130
    said = capsys.readouterr().err
    assert "what is done is kept, and the same command goes on" in said


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["missing.mp4"], "missing.mp4"),
        (["old.mkv", "-o", "new.txt"], "new.txt"),
        (["old.mkv", "--crf", "99"], "--crf 99"),
        (["old.mkv", "--hints", "missing.json"], "missing.json"),
        (["old.mkv", "--vivd", "1"], "did you mean --vivid?"),
        (["old.mkv", "--codec", "vp8"], "vp8"),
    ],
)
def test_a_wrong_request_gets_one_sentence_and_leaves_nothing(
    given, words, film, model, monkeypatch, capsys
):
    monkeypatch.chdir(film.parent)
    before = sorted(film.parent.rglob("*"))
    assert run("video", *given) in (1, 2)
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
    assert sorted(film.parent.rglob("*")) == before


def test_a_missing_extra_is_named(film):
    code, said = run_without("av", "video", film)
    assert code == 1
    assert "This needs av, which is not installed: pip install 'photochrom[video]'." in said


def test_a_folder_of_frames_becomes_another(model, tmp_path, capsys):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, frame in enumerate(moving_frames(3)):
        Image.fromarray(frame).save(frames / f"{number}.png")
    (frames / "3.png").write_bytes(b"not a picture")
    assert run("video", frames, "-o", tmp_path / "new", "--model", model) == 1
    told = capsys.readouterr()
    assert told.out == f"{tmp_path / 'new'}\n"
    assert "3.png" in told.err
    assert sorted(path.name for path in (tmp_path / "new").glob("*.png")) == [
        "0.png",
        "1.png",
        "2.png",
    ]
    assert run("video", frames, "--codec", "ffv1") == 2
    assert "--codec is for films" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (VideoProgress(phase="scanning", frames_done=40, frames=0), "40 frames, 4.0 frames/s"),
        (
            VideoProgress(phase="scanning", frames_done=40, frames=4800),
            "40 of 4,800 frames, 4.0 frames/s",
        ),
        (
            VideoProgress(phase="coloring", frames_done=120, frames=4800, shot=2, shots=31),
            "120 of 4,800 frames, shot 2 of 31, 4.0 frames/s",
        ),
        (VideoProgress(phase="joining", frames_done=9, frames=9), ""),
    ],
)
def test_progress_is_told_in_frames_shots_and_speed(now, words):
    assert command._count(now, 4.0) == words
