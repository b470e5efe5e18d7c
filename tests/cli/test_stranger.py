"""An album as a stranger might send it: nothing in it hangs, fills memory, or ends the batch."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from photochrom.batch import worker
from photochrom.cli import main, pipe, summary
from photochrom.errors import BadOption, BadPhoto
from photochrom.image.photo_file import MAX_FILE_BYTES, MAX_TIFF_BYTES, check_file_size
from photochrom.inference import hints


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """What hangs fails, long after what does not has ended."""

    def end(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def album(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "album"
    folder.mkdir()
    save(folder / "fine.png")
    return folder


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1)


def save(path: Path) -> None:
    with path.open("wb") as file:
        Image.new("L", (12, 9), 99).save(file, "PNG")


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def sparse(path: Path, size: int, begins: bytes = b"") -> None:
    """A file that takes no room on the disk."""
    path.write_bytes(begins)
    os.truncate(path, size)


# --- names ------------------------------------------------------------------------------------

NAMES = (
    b"two\nlines.png", b"-o.png", b"--force.png", b"..png", b"...png", b"caf\xe9.png", b"nul.png",
    b"\x1b[31mred.png", b"[x].png", b"~.png", b"$HOME.png", b" .png", b"=cmd.png",
    b"x" * 245 + b".png",
    b"rtl\xe2\x80\xaegnp.png", b"dot. .png", b"\xc3\xa9.png", b"e\xcc\x81.png", b"FINE.png",
)  # fmt: skip


@pytest.mark.parametrize("into", [("-o", "out"), ()])
def test_photos_of_any_name_are_coloured(album, model, into):
    for name in NAMES:
        save(album / os.fsdecode(name))
    photos = {path.name for path in album.iterdir()}
    assert run("colorize", "album", *into, "--model", model) == 0
    results = {path.name for path in Path(into[-1] if into else album).iterdir()}
    shown = {name for name in photos if not name.startswith(".")}
    assert len(results - {".photochrom"}) == len(shown) + (0 if into else len(photos))
    assert {path.name for path in album.iterdir()} >= photos


def test_a_folder_too_deep_to_open_is_named_and_the_others_are_coloured(album, model, capsys):
    here = os.open(album, os.O_RDONLY)
    name = "d" * 200
    for _ in range(25):
        os.mkdir(name, dir_fd=here)
        inner = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    assert run("colorize", "album", "-o", "out", "--model", model) == 1
    told = capsys.readouterr()
    assert told.out == "out/fine.png\n"
    assert "cannot be searched (File name too long)" in told.err


# --- what is no photo -------------------------------------------------------------------------


def test_what_only_looks_like_a_photo_costs_itself_alone(album, model, capsys):
    os.mkfifo(album / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(album / "socket.jpg"))
    for name, to in (("zero", "/dev/zero"), ("in", "/dev/stdin"), ("circle", "circle.jpg")):
        (album / f"{name}.jpg").symlink_to(to)
    (album / "folder.jpg").mkdir()
    begins = (album / "fine.png").read_bytes()
    for name, begin in (("holes.jpg", b""), ("holes.png", begins), ("holes.tif", b"II*\0")):
        sparse(album / name, MAX_TIFF_BYTES + 1, begin)
    for command in (("colorize", "-o", "out"), ("sheet", "-o", "sheet.jpg")):
        assert run(command[0], "album", *command[1:], "--model", model) == 1
        said = capsys.readouterr().err
        for name in ("pipe", "socket", "zero", "in", "circle"):
            assert said.count(f"album/{name}.jpg ") == 1
        for name in ("holes.jpg", "holes.png", "holes.tif"):
            assert f"album/{name} has {MAX_TIFF_BYTES + 1:,} bytes, more than any" in said
        assert "went wrong inside" not in said
    assert Path("out/fine.png").exists()
    assert Path("sheet.jpg").exists()


def test_a_tiff_may_be_larger_than_what_is_read_whole(tmp_path):
    sparse(tmp_path / "scan.tif", MAX_FILE_BYTES + 1, b"II*\0")
    check_file_size(tmp_path / "scan.tif")
    (tmp_path / "scan.tif").rename(tmp_path / "scan.jpg")
    check_file_size(tmp_path / "scan.jpg")  # whatever it is called
    sparse(tmp_path / "scan.jpg", MAX_FILE_BYTES + 1)
    with pytest.raises(BadPhoto, match="more than any photo"):
        check_file_size(tmp_path / "scan.jpg")


def test_too_little_memory_for_the_reference_is_said_in_a_sentence(
    album, model, capsys, monkeypatch
):
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "read_photo", refuse)
    asked = ("colorize", "album", "-o", "out", "--model", model, "--reference", album / "fine.png")
    assert run(*asked) == 1
    assert "needs more memory than there is" in capsys.readouterr().err


def test_a_pipe_without_an_end_is_not_waited_for(model, capsys, monkeypatch):
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, room) -> int:
            return len(room)

    monkeypatch.setattr(pipe, "_MOST", 2**22)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless())))
    assert run("colorize", "-", "-o", "x.png", "--model", model) == 1
    assert "came by the pipe: give the path of a file" in capsys.readouterr().err


# --- what goes with photos --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "holes"])
def test_what_is_no_hint_file_is_neither_waited_for_nor_read_whole(album, model, capsys, kind):
    path = album / "hints.json"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        sparse(path, 2**40)
    asked = ("colorize", album / "fine.png", "-o", "out/", "--model", model, "--hints", path)
    assert run(*asked) == 2
    assert "cannot be read as hints" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        "[" * 99_999, '{"hints":' * 9_999, '{"hints": 5}', '{"hints": {"x": 1}}', "NaN",
        '{"hints": [{"x": NaN, "y": 1, "color": "red"}]}',
        '{"hints": [{"x": 1, "y": 1, "color": [NaN, Infinity]}]}',
        '{"hints": [{"x": 1, "y": 1, "color": "hsl(1e999, 1%, 1%)"}]}',
        '{"hints": [], "size": [1e308, 1e-308]}', '{"hints": [], "size": [1e-308, 1e308]}',
        '{"hints": [], "size": [NaN, 5]}', f'{{"hints": [], "size": [{"9" * 4999}, 5]}}',
        json.dumps({"hints": [{"x": 1, "y": 1, "color": "red"}] * (hints.MOST + 1)}),
        json.dumps({"hints": [{"x": 1, "y": 1, "color": "a" * 10**6}]}),
        json.dumps({"hints": [], "a" * 10**6: 1}), json.dumps({"hints": [], "size": ["a" * 10**6]}),
    ],
    ids=lambda content: content[:40],
)  # fmt: skip
def test_hints_of_any_content_are_refused_in_one_short_sentence(tmp_path, content):
    path = tmp_path / "hints.json"
    path.write_text(content)
    with pytest.raises(BadOption) as raised:
        hints.read_hints(path, (64, 48))
    assert len(str(raised.value)) < len(str(path)) + 300


@pytest.mark.parametrize("kind", ["pipe", "device", "long"])
def test_what_is_no_report_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "report.csv"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        sparse(path, 2**40)
    assert not summary._is_report(path)
