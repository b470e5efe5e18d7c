"""An album as a stranger might send it: nothing in it hangs, fills memory, or ends the batch."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from commands import raising, rows, run
from photochrom.cli import summary
from photochrom.errors import BadPhoto
from photochrom.image.photo_file import MAX_FILE_BYTES, MAX_TIFF_BYTES, check_file_size


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """What hangs fails, long after what does not has ended."""
    before = signal.signal(signal.SIGALRM, raising(AssertionError("it hangs")))
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


def save(path: Path) -> None:
    with path.open("wb") as file:
        Image.new("L", (12, 9), 99).save(file, "PNG")


def sparse(path: Path, size: int, begins: bytes = b"") -> None:
    """A file that takes no room on the disk."""
    path.write_bytes(begins)
    os.truncate(path, size)


NAMES = (
    b"two\nlines.png", b"tab\there\r.png", b"-o.png", b"--force.png", b"..png", b"...png",
    b"caf\xe9.png", b"nul.png", b"\x1b[31mred.png", b"[x].png", b"%s{0}[red].png", b"~.png",
    b"$HOME.png", b" .png", b"a'b\"c .png", b"=cmd.png", b"x" * 245 + b".png",
    b"rtl\xe2\x80\xaegnp.png", b"dot. .png", b"\xc3\xa9.png", b"e\xcc\x81.png", b"FINE.png",
)  # fmt: skip


@pytest.mark.parametrize("into", [("-o", "out"), ()])
def test_photos_of_any_name_are_coloured_reported_and_known(album, model, into, capsys):
    for name in NAMES:
        save(album / os.fsdecode(name))
    photos = {path.name for path in album.iterdir()}
    asked = ("colorize", "album", *into, "--model", model)
    assert run(*asked, "--report", "report.csv") == 0
    results = {path.name for path in Path(into[-1] if into else album).iterdir()}
    visible = {name for name in photos if not name.startswith(".")}
    assert len(results - {".photochrom"}) == len(visible) + (0 if into else len(photos))
    assert {path.name for path in album.iterdir()} >= photos
    told = rows(Path("report.csv"))
    assert {name for name, row in told.items() if Path(row["results"]).is_file()} == visible
    capsys.readouterr()
    assert run(*asked) == 0
    assert f"{len(visible)} of {len(visible)} photos were done before." in capsys.readouterr().err


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


def test_what_only_looks_like_a_photo_costs_itself_alone(album, model, capsys):
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(album / "socket.jpg"))
    os.mkfifo(album / "pipe.jpg")
    (album / "empty.jpg").touch()
    (album / "text.jpg").write_text("no picture")
    links = {"zero": "/dev/zero", "in": "/dev/stdin", "loop": "loop.jpg", "dangling": "nowhere"}
    for name, to in links.items():
        (album / f"{name}.jpg").symlink_to(to)
    begins = (album / "fine.png").read_bytes()
    holes = {"holes.jpg": b"", "holes.png": begins, "holes.tif": b"II*\0"}
    for name, begin in holes.items():
        sparse(album / name, MAX_TIFF_BYTES + 1, begin)
    (album / "folder.jpg").mkdir()
    (album / "self").symlink_to(".")
    (album / "up").symlink_to("..")
    (album / "link.png").symlink_to("fine.png")
    for command in (("colorize", "-o", "out"), ("sheet", "-o", "sheet.jpg")):
        assert run(command[0], "album", *command[1:], "--model", model) == 1
        said = capsys.readouterr().err
        for name, words in {
            "socket": "is a device or a pipe", "pipe": "is a device or a pipe",
            "empty": "is empty", "text": "is a text file", "zero": "is a device or a pipe",
            "in": "", "loop": "cannot be opened (Too many levels", "dangling": "does not exist",
        }.items():  # fmt: skip
            assert said.count(f"album/{name}.jpg {words}") == 1, name
        for name in holes:
            assert f"album/{name} has {MAX_TIFF_BYTES + 1:,} bytes, more than any" in said
        assert "went wrong inside" not in said
    shown = sorted(path.name for path in Path("out").iterdir())
    assert shown == [".photochrom", "fine.png", "link.png"]
    assert Path("sheet.jpg").exists()


def test_a_tiff_may_be_larger_than_what_is_read_whole(tmp_path):
    sparse(tmp_path / "scan.tif", MAX_FILE_BYTES + 1, b"II*\0")
    check_file_size(tmp_path / "scan.tif")
    (tmp_path / "scan.tif").rename(tmp_path / "scan.jpg")
    check_file_size(tmp_path / "scan.jpg")  # whatever it is called
    sparse(tmp_path / "scan.jpg", MAX_FILE_BYTES + 1)
    with pytest.raises(BadPhoto, match="more than any photo"):
        check_file_size(tmp_path / "scan.jpg")


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, Path.mkdir, partial(os.symlink, "/dev/zero"), partial(sparse, size=2**40)],
    ids=["pipe", "folder", "device", "holes"],
)
def test_what_is_no_hint_file_and_no_report_is_neither_waited_for_nor_read_whole(
    album, model, capsys, make
):
    path = album / "hints.json"
    make(path)
    asked = ("colorize", album / "fine.png", "-o", "out/", "--model", model, "--hints", path)
    assert run(*asked) == 2
    assert "cannot be read as hints" in capsys.readouterr().err
    assert not summary._is_report(path)
