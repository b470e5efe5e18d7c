"""Folders of frames."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from photochrom.errors import BadOption, BadPhoto, CannotWrite, InColor
from photochrom.image import mark
from photochrom.image.reader import read_photo
from photochrom.inference.colorizer import Colorizer
from photochrom.video import frame_folder
from photochrom.video.frame_folder import colorize_folder
from photochrom.video.frame_journal import FOLDER
from photochrom.video.frame_plan import list_frames
from photochrom.video.frame_shots import write_frame_shots
from photochrom.video.options import VideoOptions
from photochrom.video.propagation import Carrier


@pytest.fixture
def toy(make_model) -> Colorizer:
    return Colorizer(make_model(hints=0.1))


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Two shots of five frames and of seven: frame_1.png .. frame_12.png."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(1, 13):
        write(folder / f"frame_{n}.png", 1 if n <= 5 else 2)
    return folder


def write(path: Path, seed: int, width: int = 64) -> None:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, width // 8), np.uint8)
    Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)).save(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_frames_stand_in_natural_order(tmp_path):
    for name in ("f10.png", "f2.png", "F1.PNG", "f1b.tif", ".f3.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "f4.png").mkdir()
    found = [path.name for path in list_frames(tmp_path)]
    assert found == ["F1.PNG", "f1b.tif", "f2.png", "f10.png"]


def test_names_formats_depths_and_metadata_stay_and_the_mark_is_there(toy, tmp_path, scene, out):
    given = tmp_path / "frames"
    given.mkdir()
    exif = Image.Exif()
    exif[270] = "the old mill"
    Image.fromarray(scene).save(given / "a1.jpg", exif=exif, quality=95)
    tifffile.imwrite(given / "a2.tif", scene.astype(np.uint16) * 257 + 3)
    assert colorize_folder(given, out, VideoOptions(), colorizer=toy).written == 2
    one, two = (read_photo(out / name) for name in ("a1.jpg", "a2.tif"))
    assert (one.format, one.pixels.dtype, two.format, two.pixels.dtype) == (
        *("JPEG", np.uint8),
        *("TIFF", np.uint16),
    )
    assert b"the old mill" in one.exif
    assert np.abs(two.lightness() - read_photo(given / "a2.tif").lightness()).max() < 0.1
    for name in ("a1.jpg", "a2.tif"):
        (told,) = mark.read_marks(out / name)
        assert "colorized by photochrom" in told.note


def test_shots_are_carried_each_by_itself_and_another_size_begins_one(
    toy, frames, out, monkeypatch
):
    shots = []

    class Spy(Carrier):
        def carry(self, pictures):
            shots.append([])
            for picture, ab in super().carry(pictures):
                shots[-1].append(picture.number)
                yield picture, ab

    monkeypatch.setattr(frame_folder, "Carrier", Spy)
    write(frames / "frame_11.png", 2, width=72)
    colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    assert shots == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10], [11]]
    assert Image.open(out / "frame_11.png").size == (72, 48)


def test_a_frame_that_cannot_be_read_is_named_and_the_others_are_coloured(toy, frames, out):
    (frames / "frame_3.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    outcome = colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    assert outcome.written == 11
    assert list(outcome.failed) == [2]
    assert "frame_3.png" in outcome.failed[2]
    assert not (out / "frame_3.png").exists()


@pytest.mark.parametrize("stop", [2, 9])
def test_work_that_was_stopped_goes_on_to_the_same_bytes(
    make_model, frames, tmp_path, stop, monkeypatch
):
    monkeypatch.setattr(frame_folder, "PART", 3)
    toy = Colorizer(make_model(slope=(0.3, -0.2)))
    colorize_folder(frames, tmp_path / "at once", VideoOptions(), colorizer=toy)
    whole = contents(tmp_path / "at once")

    def interrupt(phase, done, _):
        if phase == "color" and done == stop:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        colorize_folder(frames, out, VideoOptions(), colorizer=toy, listener=interrupt)
    there = {path.name: path.stat().st_mtime_ns for path in out.glob("*.png")}
    assert stop <= len(there)
    outcome = colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    assert (outcome.written, outcome.kept) == (12 - len(there), len(there))
    assert contents(out) == whole
    assert not list((out / FOLDER).glob("*.npz"))
    assert there.items() <= {p.name: p.stat().st_mtime_ns for p in out.glob("*.png")}.items()


def test_what_stands_is_in_the_way_of_another_wish_and_by_force_only_changed_shots_are_made(
    toy, frames, out
):
    colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    before = contents(out)
    hinted = VideoOptions(hints={7: [(10, 10, "red")]})
    with pytest.raises(CannotWrite, match=r"frame_6\.png exists already"):
        colorize_folder(frames, out, hinted, colorizer=toy)
    assert contents(out) == before
    outcome = colorize_folder(frames, out, hinted, colorizer=toy, force=True)
    assert (outcome.written, outcome.kept) == (7, 5)
    after = contents(out)
    assert [n for n in range(1, 13) if after[f"frame_{n}.png"] == before[f"frame_{n}.png"]] == [
        *range(1, 6)
    ]


def test_a_file_of_somebody_elses_is_not_replaced(toy, frames, out):
    out.mkdir()
    (out / "frame_9.png").write_bytes(b"mine")
    with pytest.raises(CannotWrite, match=r"frame_9\.png exists already"):
        colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    assert contents(out) == {"frame_9.png": b"mine"}


def test_frames_in_colour_are_told_unless_they_are_to_be_recoloured(toy, frames, out, color_scene):
    for path in frames.iterdir():
        Image.fromarray(color_scene).save(path)
    with pytest.raises(InColor, match="--recolor"):
        colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    assert colorize_folder(frames, out, VideoOptions(recolor=True), colorizer=toy).written == 12


@pytest.mark.parametrize(
    ("hints", "told"),
    [
        ({12: [(1, 1, "red")]}, "there is no frame 12"),
        ({3: [(65, 1, "red")]}, "lies outside the photo"),
    ],
    ids=["no such frame", "outside"],
)
def test_hints_are_checked_before_the_work(toy, frames, out, hints, told):
    with pytest.raises(BadOption, match=told):
        colorize_folder(frames, out, VideoOptions(hints=hints), colorizer=toy)
    assert contents(out) == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("f1.dpx", r"holds DPX files, which are not read: make 16-bit TIFFs of them, as by ffmpeg"),
        ("f1.txt", r"holds no pictures that are read"),
    ],
)
def test_a_folder_without_pictures_says_what_to_do(toy, tmp_path, out, name, told):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / name).touch()
    with pytest.raises(BadPhoto, match=told):
        colorize_folder(tmp_path / "given", out, VideoOptions(), colorizer=toy)
    assert not out.exists()


def test_results_do_not_go_among_the_frames(toy, frames):
    with pytest.raises(BadOption, match="is the folder of the frames itself"):
        colorize_folder(frames, frames, VideoOptions(), colorizer=toy)


def test_hints_hold_to_both_ends_of_their_shot(make_model, frames, out):
    toy = Colorizer(make_model(hints=1.0, offset=(0, 0)))
    for n in range(1, 13):
        coarse = np.random.default_rng(1 if n <= 5 else 2).integers(60, 220, (6, 8), np.uint8)
        Image.fromarray(coarse).resize((64, 48)).save(frames / f"frame_{n}.png")
    hinted = VideoOptions(hints={2: [(32, 24, "red")]})
    colorize_folder(frames, out, hinted, colorizer=toy)
    pixels = [np.asarray(Image.open(out / f"frame_{n}.png")) for n in range(1, 13)]
    reddest = [int(np.ptp(rgb[20:28, 28:36], axis=2).max()) for rgb in pixels]
    assert min(reddest[:5]) > 50
    assert max(reddest[5:]) < 5


def test_shots_of_frames_are_written_edited_and_given_back(toy, frames, tmp_path, out):
    shots = tmp_path / "shots"
    assert write_frame_shots(frames, shots, VideoOptions(), toy) == [shots / "contact-sheet.jpg"]
    written = {
        "contact-sheet.jpg",
        *(f"shot-0001-frame-000002.{kind}" for kind in ("json", "png")),
        *(f"shot-0002-frame-000008.{kind}" for kind in ("json", "png")),
    }
    assert contents(shots).keys() == written
    shown = Image.open(shots / "shot-0002-frame-000008.png")
    np.testing.assert_array_equal(shown, Image.open(frames / "frame_9.png"))
    hints = shots / "shot-0002-frame-000008.json"
    told = json.loads(hints.read_text())
    assert told == {"frame": 8, "size": [64, 48], "hints": []}
    hints.write_text(json.dumps(told | {"hints": [{"x": 9, "y": 9, "color": "red"}]}))
    write_frame_shots(frames, shots, VideoOptions(), toy)
    colorize_folder(frames, out, VideoOptions(), colorizer=toy)
    given = VideoOptions(hints=shots)
    outcome = colorize_folder(frames, out, given, colorizer=toy, force=True)
    assert (outcome.written, outcome.kept) == (7, 5)


@pytest.mark.parametrize("name", ["result.mp4", "file"])
def test_a_result_that_is_no_folder_is_refused(toy, frames, tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(BadOption, match="is no folder: frames become frames"):
        colorize_folder(frames, tmp_path / name, VideoOptions(), colorizer=toy)
