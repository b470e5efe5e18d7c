"""One photo through a pipe, to a device, or from what a shell gives."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from commands import end, raising, run, start
from photochrom.cli import pipe as pipes
from photochrom.image import tone
from pixels import png


@pytest.fixture
def album(tmp_path: Path, scene, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "album").mkdir()
    for name in ("a.png", "b.jpg", "c.tif"):
        Image.fromarray(scene).save(tmp_path / "album" / name)
    return tmp_path / "album"


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1, tells=("logits",))


@pytest.fixture
def pipe(monkeypatch, capfdbinary, model):
    """Runs with bytes in the standard input; answers as :func:`commands.end` does."""

    def pipe(given: bytes, *asked: object) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        capfdbinary.readouterr()
        code = run("colorize", *asked, "--model", model)
        told = capfdbinary.readouterr()
        return code, told.out, told.err.decode()

    return pipe


def test_through_a_pipe_a_photo_becomes_what_it_becomes_in_a_file(album, out, model, pipe):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ansel"
    Image.open(album / "b.jpg").save(album / "b.jpg", exif=exif, dpi=(300, 300))
    assert run("colorize", album, "-o", out, "--model", model) == 0
    for name in ("a.png", "b.jpg", "c.tif"):
        assert pipe(b"", album / name, "-o", "-") == (0, (out / name).read_bytes(), "")
    assert run("colorize", album, "-o", out, "--model", model, "--no-mark", "--force") == 0
    for name in ("a.png", "b.jpg", "c.tif"):  # which the mark would name
        given, expected = (album / name).read_bytes(), (out / name).read_bytes()
        for asked in (("-",), ("-", "-o", "-"), ("/dev/stdin",)):
            assert pipe(given, *asked, "--no-mark") == (0, expected, ""), asked
    with Image.open(out / "b.jpg") as image:
        assert image.getexif()[ExifTags.Base.Artist] == "Ansel"
    process = start("-", "--model", model, "--no-mark", stdin=subprocess.PIPE)
    assert end(process, (album / "b.jpg").read_bytes()) == (0, (out / "b.jpg").read_bytes(), "")


def test_from_a_pipe_into_a_file(album, tmp_path, pipe):
    given, target = (album / "b.jpg").read_bytes(), tmp_path / "new" / "x.png"
    assert pipe(given, "-", "-o", target) == (0, f"{target}\n".encode(), "")
    assert Image.open(target).size == (64, 48)
    code, answer, said = pipe(given, "-", "-o", target)
    assert (code, answer) == (1, b"")
    assert "exists already" in said
    assert pipe(given, "/dev/stdin", "-o", target, "--force")[0] == 0
    code, _, said = pipe(given, "-", "-o", tmp_path)
    assert code == 1
    assert "is a folder" in said


def test_a_pipe_of_something_else_answers_nothing(album, color_scene, pipe):
    whole = (album / "a.png").read_bytes()
    for given, words in (
        (b"", "is empty"),
        (b"text", "is not a picture"),
        (whole[: len(whole) // 2], "damaged"),
        (png(color_scene), "is in colour already"),
    ):
        code, answer, said = pipe(given, "-")
        assert (code, answer) == (1, b""), words
        assert words in said
        assert len(said.splitlines()) == 1


def test_pages_go_through_a_pipe_whole_or_not_at_all(scene, pipe):
    given = png(scene, "TIFF", (255 - scene,))
    code, answer, said = pipe(given, "-")
    assert (code, said) == (0, "")
    with Image.open(io.BytesIO(answer)) as image:
        assert (image.n_frames, image.mode) == (2, "RGB")
    with Image.open(io.BytesIO(given)) as image:
        image.seek(1)
        strip = image.tag_v2[273][0]
    broken = given.replace(strip.to_bytes(4, "little"), (1 << 30).to_bytes(4, "little"))
    code, answer, said = pipe(broken, "-")
    assert (code, answer) == (1, b"")
    assert "Page 2 of the photo" in said


def test_what_is_to_be_said_of_a_photo_of_a_pipe_is_said(scene, pipe):
    code, answer, said = pipe(png(scene, "GIF"), "-")
    assert (code, answer[:4]) == (0, b"\x89PNG")
    assert said == "photochrom: The photo: GIF cannot be written, so the result is PNG.\n"


def test_whatever_a_photo_of_a_pipe_provokes_is_told(album, monkeypatch, pipe):
    monkeypatch.setattr(tone, "measure_tone", raising(IndexError("the photo's own words")))
    code, _, said = pipe(b"", album / "a.png", "-o", "-")
    assert code == 1
    assert "a.png: this went wrong inside photochrom (IndexError in image.tone." in said
    assert "Traceback" not in said
    assert "Traceback" in pipe(b"", album / "a.png", "-o", "-", "--verbose")[2]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("-", "b.jpg"), "takes one photo"),
        ((".", "-o", "-"), "is a folder"),
        (("gone.jpg", "-o", "-"), "does not exist"),
        (("-", "--samples", 2), "leave out --watch"),
        (("-", "--watch"), "leave out --watch"),
        (("-", "--report", "x.csv"), "leave out --watch"),
        (("-", "--ray"), "leave out --watch"),
    ],
)
def test_what_a_pipe_does_not_take(album, asked, words, pipe):
    code, answer, said = pipe(b"", *asked)
    assert code in (1, 2)
    assert words in said
    assert not answer


def test_a_photo_is_not_sent_to_a_terminal(album, model, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("colorize", album / "a.png", "-o", "-", "--model", model) == 2
    assert "would be noise" in capsys.readouterr().err


@pytest.mark.parametrize("stream", ["stdin", "stdout"])
def test_a_closed_end_of_a_pipe_is_said(model, capsys, monkeypatch, stream):
    with monkeypatch.context() as patch:
        patch.setattr(sys, stream, None)
        assert run("colorize", "-", "--model", model) == 2
    assert "input or output is closed: open it, or name files." in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error_to_talk_of(tmp_path, album, out, model):
    noise = np.random.default_rng(0).integers(0, 256, (700, 900), np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")  # more than a pipe holds
    for asked in ((tmp_path / "large.png", "-o", "-"), (album, "-o", out)):
        reading, writing = os.pipe()
        process = start(*asked, "--model", model, stdout=writing)
        os.close(writing)
        os.close(reading)
        code, _, said = end(process)
        assert code == 1
        assert "Errno" not in said
        assert "Broken" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no such device")
def test_an_answer_that_finds_no_room_is_said(album, out, model):
    for asked in ((album / "a.png", "-o", "-"), (album, "-o", out)):
        with Path("/dev/full").open("wb") as full:
            code, _, said = end(start(*asked, "--model", model, stdout=full))
        assert code == 1
        assert "cannot be written (No space left on device)" in said.splitlines()[-1]


def test_a_pipe_without_an_end_is_not_waited_for(tmp_path, model, capsys, monkeypatch):
    monkeypatch.setattr(pipes, "_MOST", 2**22)
    with Path("/dev/zero").open("rb") as endless:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(endless))
        assert run("colorize", "-", "-o", tmp_path / "x.png", "--model", model) == 1
    assert "came by the pipe: give the path of a file" in capsys.readouterr().err


def test_a_result_may_go_to_a_device_or_a_named_pipe(album, out, model, capsys):
    asked = ("colorize", album / "a.png", "--model", model, "-o")
    assert run(*asked, "/dev/null") == 0
    os.mkfifo(out)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(out.read_bytes()))
    reader.start()
    assert run(*asked, out) == 0
    reader.join()
    assert Image.open(io.BytesIO(read[0])).size == (64, 48)
    assert not capsys.readouterr().err


def test_a_pipe_that_a_shell_gives_is_read(album, pipe):
    reading, writing = os.pipe()
    os.write(writing, (album / "a.png").read_bytes())
    os.close(writing)
    try:
        code, answer, _ = pipe(b"", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
    assert (code, answer[:8]) == (0, b"\x89PNG\r\n\x1a\n")
