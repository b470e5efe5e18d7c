"""Files and folders that others may have a hand in."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO
from unittest.mock import Mock

import pytest
from PIL import Image

from photochrom import files
from photochrom.errors import CannotWrite
from photochrom.held_folder import HeldFolder
from photochrom.image.reader import read_photo
from photochrom.image.writer import write_photo


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".*.part"))


def test_what_is_unfinished_has_a_name_that_nothing_foretells(tmp_path):
    seen = set()

    def make(file: BinaryIO) -> None:
        (path,) = unfinished(tmp_path)
        seen.add(path.name)
        file.write(b"new")

    for _ in range(3):
        files.write_atomically(tmp_path / "x.txt", make)
    assert len(seen) == 3
    assert names(tmp_path) == ["x.txt"]


def test_a_name_that_is_taken_is_never_written_through(tmp_path, monkeypatch):
    """Even if somebody has guessed it."""
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    monkeypatch.setattr(files, "_unforeseen_name", lambda: ".guessed.part")
    for planted in (mine, tmp_path / "nothing.txt"):
        (tmp_path / ".guessed.part").symlink_to(planted)
        with pytest.raises(CannotWrite):
            files.write_bytes(tmp_path / "x.txt", b"new")
        (tmp_path / ".guessed.part").unlink()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"mine.txt": "precious"}


@pytest.mark.parametrize("swapped", ["the target's", "another"])
def test_a_folder_that_is_swapped_for_a_link_meanwhile_does_not_matter(tmp_path, swapped):
    there, away, theirs = tmp_path / "there", tmp_path / "away", tmp_path / "theirs"
    for folder in (there, theirs):
        folder.mkdir()
    target = (there if swapped == "the target's" else tmp_path) / "x.txt"

    def make(file: BinaryIO) -> None:
        there.rename(away)
        there.symlink_to(theirs)
        file.write(b"new")

    files.write_atomically(target, make, staging=HeldFolder(there))
    assert not list(theirs.iterdir())
    assert not unfinished(away)
    home = away if swapped == "the target's" else tmp_path
    assert (home / "x.txt").read_bytes() == b"new"


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("links", [True, False])
def test_a_link_in_the_place_of_a_result_is_never_followed(tmp_path, monkeypatch, force, links):
    if not links:  # as on a memory stick
        monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, "Not permitted")))
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    for i, planted in enumerate((mine, tmp_path / "nothing.txt")):
        target = tmp_path / f"{i}.txt"
        target.symlink_to(planted)
        if force:
            files.write_bytes(target, b"new")
        else:
            with pytest.raises(CannotWrite, match="exists already"):
                files.write_atomically(target, lambda file: file.write(b"new"), force=False)
        assert target.is_symlink() != force
    assert mine.read_text() == "precious"
    assert not (tmp_path / "nothing.txt").exists()


def test_a_link_takes_the_place_of_what_was_there(tmp_path):
    (tmp_path / "to").write_text("here")
    for _ in range(2):
        files.make_symlink(tmp_path / "x", tmp_path / "to")
        assert (tmp_path / "x").readlink() == tmp_path / "to"
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite):
        files.make_symlink(tmp_path / "folder", tmp_path / "to")
    assert names(tmp_path) == ["folder", "to", "x"]


@pytest.fixture
def umask():
    """Sets it, for a test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(
    ("mode", "mask"), [(0o600, 0o022), (0o640, 0o022), (0o644, 0o077), (0o444, 0o022)]
)
def test_nobody_sees_more_of_a_result_while_it_is_made(tmp_path, umask, mode, mask):
    source, target, seen = tmp_path / "photo.png", tmp_path / "x.png", []
    Image.new("L", (9, 9)).save(source)
    source.chmod(mode)

    def pages():
        yield read_photo(source)
        seen.extend(stat.S_IMODE(path.stat().st_mode) for path in unfinished(tmp_path))

    umask(mask)
    write_photo(pages(), target)
    assert len(seen) == 1
    assert seen[0] & ~0o600 & ~mode == 0
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_what_has_no_photo_gets_the_permissions_of_any_new_file(tmp_path, umask):
    umask(0o027)
    files.write_bytes(tmp_path / "x.txt", b"new")
    assert stat.S_IMODE((tmp_path / "x.txt").stat().st_mode) == 0o640


def test_only_plain_files_are_read_and_nothing_is_waited_for(tmp_path):
    (tmp_path / "plain").write_bytes(b"content")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name, target in (("zeros", "/dev/zero"), ("nothing", "gone"), ("link", "plain")):
        (tmp_path / name).symlink_to(target)
    opened = HeldFolder(tmp_path)
    for name in ("pipe", "folder", "zeros", "nothing", "link"):
        with pytest.raises(OSError):  # noqa: PT011
            opened.read(name)
        if name != "link":
            with pytest.raises(OSError):  # noqa: PT011
                files.open_plain(tmp_path / name)
    with opened.read("plain") as file:
        assert file.read() == b"content"
    assert files.read_plain(tmp_path / "link", 7) == b"content"
    with pytest.raises(OSError, match="larger than"):
        files.read_plain(tmp_path / "plain", 6)


def test_a_folder_within_another_is_a_real_one(tmp_path):
    outer = HeldFolder(tmp_path)
    for _ in range(2):  # made, and found
        assert list(HeldFolder(tmp_path / "real", within=outer).names()) == []
    (tmp_path / "real" / "x").touch()
    assert list(HeldFolder(tmp_path / "real", within=outer).names()) == ["x"]
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "nothing").symlink_to("gone")
    (tmp_path / "file").touch()
    for name in ("link", "nothing", "file"):
        with pytest.raises(NotADirectoryError):
            HeldFolder(tmp_path / name, within=outer)
    assert not (tmp_path / "gone").exists()


def test_a_folder_that_nobody_has_is_closed(tmp_path):
    def handles() -> int:
        held = Path("/proc/self/fd")  # of this folder alone: others may be closed meanwhile
        return sum(os.path.realpath(held / name) == str(tmp_path) for name in names(held))

    for _ in range(9):
        folder = HeldFolder(tmp_path)
        list(folder.names())
    assert handles() == 1
    del folder
    assert handles() == 0
    files.write_bytes(tmp_path / "x", b"new")
    assert handles() == 0


def test_lines_of_json_are_read_but_for_what_a_crash_has_left_of_one(tmp_path):
    path = tmp_path / "x.jsonl"
    assert files.read_json_lines(path) == []
    files.append_json_lines(path, [{"a": "ü\n"}, [1]])
    with path.open("ab") as file:
        file.write(b'{"cut o')
    assert files.read_json_lines(path) == [{"a": "ü\n"}, [1]]
    files.append_json_lines(path, [2])  # on a line of its own
    assert files.read_json_lines(path) == [{"a": "ü\n"}, [1], 2]
    with pytest.raises(CannotWrite):
        files.append_json_lines(tmp_path / "no" / "x.jsonl", [1])


def test_of_what_a_full_disk_does_not_take_nothing_stays(tmp_path):
    class Full(io.FileIO):
        def write(self, data):
            return super().write(data[:3])

    with Full(tmp_path / "x", "a+") as file:
        with pytest.raises(OSError, match="No space left"):
            files.append_durably(file, b"a line\n")
        assert (tmp_path / "x").read_bytes() == b""


def test_only_what_was_left_behind_is_removed(tmp_path):
    name = f".{'0a' * 16}.part"
    mine = tmp_path / "mine"
    mine.write_bytes(b"precious")
    kept = ["movie.part", "0a" * 16 + ".part", f".{'0A' * 16}.part", "x.jsonl", ".part"]
    for folder in kept:
        (tmp_path / folder).write_bytes(b"half")
    (tmp_path / name).write_bytes(b"half")
    (tmp_path / name.replace("0a", "0b")).symlink_to(mine)
    (tmp_path / name.replace("0a", "0c")).mkdir()
    os.mkfifo(tmp_path / name.replace("0a", "0d"))
    before = set(names(tmp_path))
    files.discard_abandoned(HeldFolder(tmp_path))
    assert before - set(names(tmp_path)) == {name}
    assert mine.read_bytes() == b"precious"


def test_what_is_removed_before_it_is_locked_is_begun_anew(tmp_path, monkeypatch):
    """By another process that takes it for abandoned in that very moment."""
    lock, tried = files._lock, []

    def late(file: BinaryIO) -> None:
        tried.append(file)
        if len(tried) == 1:
            raise BlockingIOError(errno.EWOULDBLOCK, "Resource temporarily unavailable")
        if len(tried) == 2:
            Path(file.name).unlink()
        lock(file)

    monkeypatch.setattr(files, "_lock", late)
    files.write_bytes(tmp_path / "x.txt", b"new")
    assert len(tried) == 3
    assert (tmp_path / "x.txt").read_bytes() == b"new"


def test_where_folders_have_no_handles_their_paths_stand_for_them(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr("photochrom.held_folder._HELD", False)
    outer = HeldFolder(tmp_path)
    inner = HeldFolder(tmp_path / "in", within=outer)
    files.write_bytes(tmp_path / "x.txt", b"new")
    files.write_atomically(
        tmp_path / "y.txt", lambda file: file.write(b"new"), force=False, staging=inner
    )
    with pytest.raises(CannotWrite, match="exists already"):
        files.write_atomically(tmp_path / "y.txt", lambda file: file.write(b"newer"), force=False)
    (tmp_path / "link").symlink_to("in")
    with pytest.raises(NotADirectoryError):
        HeldFolder(tmp_path / "link", within=outer)
    (tmp_path / "in" / f".{'0a' * 16}.part").touch()
    files.discard_abandoned(inner)
    assert (inner.device, list(inner.names())) == (tmp_path.stat().st_dev, [])
    assert names(tmp_path) == ["in", "link", "x.txt", "y.txt"]


def test_what_is_being_written_is_discarded_when_the_process_leaves(tmp_path):
    def leave(file) -> None:
        file.write(b"half")
        assert len(list(tmp_path.iterdir())) == 1
        files.discard_unfinished()
        assert not list(tmp_path.iterdir())
        raise CannotWrite("left")

    with pytest.raises(CannotWrite):
        files.write_atomically(tmp_path / "x.png", leave)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_permission_that_lacks_is_what_is_said(tmp_path, code):
    refuse = Mock(side_effect=OSError(code, os.strerror(code)))
    with pytest.raises(CannotWrite, match=r"(?i)permission") as raised:
        files.write_atomically(tmp_path / "x.png", refuse)
    assert "room" not in str(raised.value)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(CannotWrite, match="choose another folder"):
        files.make_parent(tmp_path / "b.jpg" / "x.jpg")
