"""A film on its way, from file to file: what is kept, and what stops it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
import av

import photochrom
from commands import hear_ctrl_c, raising, run, wait_for
from films import make_film, moving_frames
from photochrom import colorize_video, files
from photochrom.errors import (
    BadOption,
    CannotWrite,
    DiskFull,
    InColor,
    PhotoWarning,
)
from photochrom.inference.colorizer import Colorizer
from photochrom.video import plan
from photochrom.video.film import Film
from photochrom.video.progress import VideoProgress


class Stopped(Exception):
    """What a listener ends the work by."""


@pytest.fixture
def film(tmp_path) -> Path:
    """Two shots, of 9 and 7 frames, with sound; lossless."""
    frames = [*moving_frames(9, seed=1), *moving_frames(7, seed=2)]
    return make_film(tmp_path / "old.mkv", frames, sound=0.64)


@pytest.fixture
def small_parts(monkeypatch) -> None:
    """Parts of 4 frames: the film has five of them, of 4, 4, 1, 4 and 3."""
    monkeypatch.setattr(plan, "PART", 4)


def stop_at(frames: int) -> Callable[[VideoProgress], None]:
    """A listener that ends the work after so many coloured frames."""

    def tell(now: VideoProgress) -> None:
        if now.phase == "coloring" and now.frames_done == frames:
            raise Stopped

    return tell


def read_planes(path: Path) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """pts, Y and U of each frame."""
    with av.open(str(path)) as film:
        return [
            (frame.pts, *(_plane(frame.planes[number]) for number in (0, 1)))
            for frame in film.decode(video=0)
        ]


def _plane(plane: av.video.plane.VideoPlane) -> np.ndarray:
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width].copy()


def parts_of(result: Path) -> list[str]:
    """The parts that are kept beside a result."""
    return sorted(path.name for path in Path(f"{result}.parts").glob("part-*"))


def test_a_film_is_coloured_from_file_to_file(film, colorizer, tmp_path):
    told: list[VideoProgress] = []
    result = colorize_video(film, colorizer=colorizer, progress=told.append, codec="ffv1")
    assert result == tmp_path / "old.color.mkv"
    for (at, luma, _), (pts, y, u) in zip(read_planes(film), read_planes(result), strict=True):
        assert pts == at
        np.testing.assert_array_equal(y, luma)
        assert np.ptp(u) > 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "old.color.mkv",
        "old.mkv",
        "toy.onnx",
    ]
    coloring = [now for now in told if now.phase == "coloring"]
    assert [now.frames_done for now in coloring] == list(range(1, 17))
    assert [now.shot for now in coloring] == [1] * 9 + [2] * 7
    assert {(now.frames, now.shots) for now in coloring} == {(16, 2)}
    assert [now.phase for now in told] == ["scanning"] * 16 + ["coloring"] * 16 + ["joining"]


def test_the_same_call_goes_on_after_an_interruption_to_the_very_same_bytes(
    film, colorizer, tmp_path, small_parts
):
    whole = colorize_video(film, output=tmp_path / "whole.mp4", colorizer=colorizer)
    broken = tmp_path / "new" / "broken.mp4"
    for stop, kept in ((3, 0), (7, 1), (12, 3)):  # at first in each part, then across the cut
        with pytest.raises(Stopped):
            colorize_video(film, output=broken, colorizer=colorizer, progress=stop_at(stop))
        assert len(parts_of(broken)) == kept
        assert not broken.exists()
    told: list[VideoProgress] = []
    colorize_video(film, output=broken, colorizer=colorizer, progress=told.append)
    assert told[0].phase == "coloring"  # what was found out of the film was kept, too
    assert told[0].frames_done == 10
    assert broken.read_bytes() == whole.read_bytes()
    assert [path.name for path in broken.parent.iterdir()] == ["broken.mp4"]


def test_what_a_killed_run_has_left_unfinished_is_removed(film, colorizer, tmp_path):
    result = tmp_path / "new.mp4"
    left = tmp_path / "new.mp4.parts" / f".{'0' * 32}.part"
    left.parent.mkdir()
    left.write_bytes(b"half")
    colorize_video(film, output=result, colorizer=colorizer)
    assert not left.parent.exists()


@pytest.mark.parametrize(
    "change", [{"strength": 0.5}, {"crf": 30}, {"hints": [{"frame": 2, "hints": [(5, 5, "red")]}]}]
)
def test_what_was_begun_with_other_options_is_begun_anew_and_that_is_said(
    change, film, colorizer, tmp_path, small_parts
):
    result = tmp_path / "new.mp4"
    with pytest.raises(Stopped):
        colorize_video(film, output=result, colorizer=colorizer, progress=stop_at(7))
    told: list[VideoProgress] = []
    with pytest.warns(PhotoWarning, match="begun with other options") as warned:
        colorize_video(film, output=result, colorizer=colorizer, progress=told.append, **change)
    assert warned[0].filename == __file__
    assert "scanning" not in {now.phase for now in told}
    assert [now.frames_done for now in told if now.phase == "coloring"] == list(range(1, 17))


def test_a_film_that_has_changed_is_looked_at_anew(film, colorizer, tmp_path, small_parts):
    result = tmp_path / "new.mp4"
    with pytest.raises(Stopped):
        colorize_video(film, output=result, colorizer=colorizer, progress=stop_at(7))
    make_film(film, moving_frames(5))
    with pytest.warns(PhotoWarning, match="begun anew"):
        colorize_video(film, output=result, colorizer=colorizer)
    assert len(read_planes(result)) == 5


def test_two_runs_do_not_make_the_same_result_at_once(film, colorizer, tmp_path):
    result = tmp_path / "new.mp4"

    def run_again(now: VideoProgress) -> None:
        if now.frames_done == 1 and now.phase == "coloring":
            with pytest.raises(CannotWrite, match=r"new\.mp4 is being made by another run: wait"):
                colorize_video(film, output=result, colorizer=colorizer)

    colorize_video(film, output=result, colorizer=colorizer, progress=run_again)
    assert len(read_planes(result)) == 16


def test_a_full_disk_is_said_and_what_is_done_is_kept(
    film, colorizer, tmp_path, small_parts, monkeypatch
):
    result, settle = tmp_path / "new.mp4", files._settle

    def fill_up(file: object) -> None:
        if len(parts_of(result)) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        settle(file)

    with monkeypatch.context() as full:
        full.setattr(files, "_settle", fill_up)
        with pytest.raises(DiskFull, match="make room, then go on"):
            colorize_video(film, output=result, colorizer=colorizer)
    assert not result.exists()
    assert parts_of(result) == ["part-00000.mkv", "part-00001.mkv"]
    assert not list(tmp_path.rglob(".*.part"))
    told: list[VideoProgress] = []
    colorize_video(film, output=result, colorizer=colorizer, progress=told.append)
    assert told[0].frames_done == 9


def test_what_would_fail_in_the_end_is_refused_before_the_work(film, colorizer, tmp_path):
    def refuse(**options: object) -> str:
        given = {"output": tmp_path / "new.mp4", "colorizer": colorizer} | options
        with pytest.raises((CannotWrite, BadOption)) as refused:
            colorize_video(film, progress=lambda _: pytest.fail("it was begun"), **given)
        return str(refused.value)

    (tmp_path / "there.mp4").write_bytes(b"mine")
    assert "exists already" in refuse(output=tmp_path / "there.mp4")
    assert "is the film itself" in refuse(output=film, force=True)
    assert "is a folder" in refuse(output=tmp_path)
    (tmp_path / "new.mp4.parts").write_bytes(b"mine")
    assert "new.mp4.parts is in the way" in refuse()
    assert "strength is 9" in refuse(strength=9)
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
    assert not (tmp_path / "there.mp4.parts").exists()


def test_force_replaces_a_result_once_the_new_one_is_whole(film, colorizer, tmp_path):
    result = tmp_path / "new.mp4"
    result.write_bytes(b"old")
    with pytest.raises(Stopped):
        colorize_video(film, output=result, force=True, colorizer=colorizer, progress=stop_at(12))
    assert result.read_bytes() == b"old"
    colorize_video(film, output=result, force=True, colorizer=colorizer)
    assert len(read_planes(result)) == 16


def test_a_folder_that_does_not_take_the_result_is_said_before_the_work(
    film, colorizer, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "mkdir", raising(PermissionError(errno.EACCES, "Permission denied")))
    with pytest.raises(CannotWrite, match=r"new\.mp4 cannot be written .*change the permissions"):
        colorize_video(film, output=tmp_path / "new.mp4", colorizer=colorizer)


def test_hints_beyond_the_end_are_refused_before_a_frame_is_coloured(film, colorizer, tmp_path):
    hints = [{"frame": 16, "hints": [(5, 5, "red")]}]
    with pytest.raises(BadOption, match="there is no frame 16, as the film has 16, from 0 to 15"):
        colorize_video(film, output=tmp_path / "new.mp4", colorizer=colorizer, hints=hints)
    assert not parts_of(tmp_path / "new.mp4")


def test_a_film_is_not_looked_through_again_for_a_folder_of_its_shots(film, model, tmp_path):
    assert run("video", film, "--shots", tmp_path / "shots", "--model", model) == 0
    (hints, *_) = sorted((tmp_path / "shots").glob("shot-*.json"))
    hints.write_text(hints.read_text().replace("[]", '[{"x": 9, "y": 9, "color": "#a02020"}]'))
    told: list[VideoProgress] = []
    colorize_video(film, colorizer=Colorizer(model), hints=tmp_path / "shots", progress=told.append)
    assert [now.phase for now in told] == ["following"] * 9 + ["coloring"] * 16 + ["joining"]


def test_a_hint_holds_to_both_ends_of_its_shot_and_not_beyond(film, colorizer, tmp_path):
    hints = [{"frame": 4, "hints": [(50, 30, "#a02020", "large")]}]
    without, hinted = (
        colorize_video(film, output=tmp_path / name, colorizer=colorizer, codec="ffv1", hints=given)
        for name, given in (("a.mkv", ()), ("b.mkv", hints))
    )
    differ = [
        not np.array_equal(u, v)
        for (*_, u), (*_, v) in zip(read_planes(without), read_planes(hinted), strict=True)
    ]
    assert differ == [True] * 9 + [False] * 7


def test_a_film_in_color_is_passed_over_unless_it_is_to_be_coloured_anew(colorizer, tmp_path):
    u = np.random.default_rng(0).integers(60, 200, (32, 48)).astype(np.uint8)
    frames = [(y, u, u[::-1]) for y in moving_frames(6)]
    film = make_film(tmp_path / "gaudy.mkv", frames)
    with pytest.raises(InColor, match="in colour already, so it was passed over: see --recolor"):
        colorize_video(film, colorizer=colorizer)
    assert [path.name for path in tmp_path.glob("gaudy*")] == ["gaudy.mkv"]
    result = colorize_video(film, colorizer=colorizer, recolor=True, codec="ffv1")
    (_, y, new), *_ = read_planes(result)
    np.testing.assert_array_equal(y, frames[0][0])
    assert np.abs(new.astype(int) - u).mean() > 10


def test_few_frames_are_held_however_long_the_film_is(colorizer, tmp_path, monkeypatch):
    frames, alive, most = Film.frames, 0, 0

    def counted(self: Film, start: int | None = None):
        nonlocal alive, most
        for frame in frames(self, start):
            alive += 1
            most = max(most, alive)
            weakref.finalize(frame.luma, let_go)
            yield frame

    def let_go() -> None:
        nonlocal alive
        alive -= 1

    monkeypatch.setattr(Film, "frames", counted)
    held = []
    for many in (30, 90):
        film, most = make_film(tmp_path / f"{many}.mkv", moving_frames(many)), 0
        colorize_video(film, colorizer=colorizer)
        held.append(most)
    assert held[0] == held[1] <= 16


def test_the_mark_tells_the_model_and_what_was_asked_for(film, colorizer, tmp_path):
    hints = [
        {"frame": 0, "hints": [(5, 5, "red"), (50, 50, "blue")]},
        {"frame": 9, "hints": [(5, 5, "red")]},
    ]
    result = colorize_video(
        film, output=tmp_path / "new.mp4", colorizer=colorizer, hints=hints, strength=0.5
    )
    assert f"colorized by photochrom {photochrom.__version__}, model toy; ".encode() in (
        told := result.read_bytes()
    )
    assert b"strength 0.5; 3 hints" in told


RUN = """
import sys
from photochrom.video import plan
plan.PART = 4
from photochrom.__main__ import start
start()
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_same_command_goes_on_after_it_was_stopped(how, model, tmp_path, small_parts):
    film = make_film(tmp_path / "old.mkv", [f for s in range(8) for f in moving_frames(8, seed=s)])
    result = tmp_path / "new.mp4"
    given = ["video", film, "-o", result, "--model", model]
    command = [sys.executable, "-c", RUN, *map(str, given)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    ) as process:
        wait_for(lambda: len(parts_of(result)) > 2)
        process.send_signal(how)
        said = process.communicate(timeout=60)[1]
    assert not result.exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in said
    kept = parts_of(result)
    assert len(kept) > 2
    subprocess.run(command, check=True, timeout=300)
    whole = colorize_video(film, output=tmp_path / "whole.mp4", colorizer=Colorizer(model))
    assert result.read_bytes() == whole.read_bytes()
    assert not Path(f"{result}.parts").exists()
