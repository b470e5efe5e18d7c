"""What is written down of work that was done, and what is believed of it."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from photochrom import ledger as ledgers
from photochrom.errors import BadPhoto, CannotWrite, DiskFull
from photochrom.ledger import FOLDER, Ledger, Seen

QUICK = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"grey")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def finish(ledger: Ledger, photo: Path, targets: list[Path], wish: str = "wish") -> None:
    """Make results of a photo as the worker does."""
    seal = ledger.seal(ledger.look(photo), targets, wish)
    for target in targets:
        part = ledger.part(target)
        assert part is not None
        part.write_bytes(photo.read_bytes() + os.fsencode(target.name))
        seal(part)
        part.rename(target)


def lines(out: Path) -> list[bytes]:
    return [line for path in (out / FOLDER).glob("*.jsonl") for line in path.open("rb")]


# --- what is known ----------------------------------------------------------------------------


def test_a_finished_result_is_known_now_and_later(photo, out):
    target = out / "photo.jpg"
    ledger = Ledger(out)
    assert ledger.find(photo, [target], "wish") is None
    finish(ledger, photo, [target])
    for later in (ledger, Ledger(out)):
        entry = later.find(photo, [target], "wish")
        assert entry is not None
        assert [seen.name for seen in entry.results] == ["photo.jpg"]
        assert later.find(photo, [target], "another wish") is None
        assert later.find(photo, [out / "other.jpg"], "wish") is None


def test_what_counts_is_the_content(photo, out):
    target = out / "photo.jpg"
    finish(Ledger(out), photo, [target])
    for path in (photo, target):
        os.utime(path, ns=(1, 1))
    copy = photo.with_name("copy.jpg")
    copy.write_bytes(photo.read_bytes())
    known = Ledger(out)
    assert known.find(photo, [target], "wish")
    assert known.find(copy, [target], "wish")
    photo.write_bytes(b"blue")  # of the same size
    assert not known.find(photo, [target], "wish")
    photo.write_bytes(b"grey")
    target.write_bytes(target.read_bytes().upper())
    assert not known.find(photo, [target], "wish")


def test_an_album_and_its_results_may_move_together(photo, out, tmp_path):
    finish(Ledger(out), photo, [out / "photo.jpg"])
    moved = out.rename(tmp_path / "moved")
    assert Ledger(moved).find(photo, [moved / "photo.jpg"], "wish")


def test_a_photo_that_changes_while_it_is_read_is_not_taken_for_done(photo, out):
    ledger, target = Ledger(out), out / "photo.jpg"
    seen = ledger.look(photo)
    photo.write_bytes(b"blue")
    part = ledger.part(target)
    part.write_bytes(b"of whichever")
    ledger.seal(seen, [target], "wish")(part)
    part.rename(target)
    assert not ledger.find(photo, [target], "wish")


def test_a_photo_that_changes_while_it_is_looked_at_shows_as_changed(photo, monkeypatch):
    def slowly(file, _):
        photo.write_bytes(b"longer than it was")
        return digest(file, "sha256")

    digest = ledgers.hashlib.file_digest
    monkeypatch.setattr(ledgers.hashlib, "file_digest", slowly)
    seen = Seen.of(photo, "")
    assert seen.size == 4


def test_the_first_of_several_versions_are_known_too(photo, out):
    targets = [out / f"photo-{i}.jpg" for i in (1, 2, 3)]
    first = Ledger(out)
    finish(first, photo, targets[:2])
    second = Ledger(out)
    entry = second.find(photo, targets, "wish")
    assert len(entry.results) == 2
    finish(second, photo, targets)
    for _ in range(8):  # whatever the order in which their files are read
        third = Ledger(out)
        assert len(third.find(photo, targets, "wish").results) == 3
        finish(third, photo, targets[:1])
    targets[1].unlink()
    assert len(Ledger(out).find(photo, targets, "wish").results) == 1


def test_what_was_passed_over_is_known(photo, out):
    ledger = Ledger(out)
    ledger.pass_over(ledger.look(photo), out / "photo.jpg", "wish", "in colour")
    entry = Ledger(out).find(photo, [out / "photo.jpg"], "wish")
    assert (entry.passed, entry.results) == ("in colour", ())
    photo.write_bytes(b"changed")
    assert not Ledger(out).find(photo, [out / "photo.jpg"], "wish")


def test_odd_names_are_kept(photo, out):
    for name in ("two\nlines.jpg", "ärmel 🎞.jpg", os.fsdecode(b"caf\xe9.jpg"), 'a"b\\.jpg'):
        finish(Ledger(out), photo, [out / name])
        assert Ledger(out).find(photo, [out / name], "wish"), name
    assert all(line.isascii() and json.loads(line) for line in lines(out))


def test_without_a_folder_nothing_is_known_or_written(photo, tmp_path):
    ledger = Ledger(None)
    seal = ledger.seal(ledger.look(photo), [tmp_path / "x.jpg"], "wish")
    seal(photo)
    ledger.pass_over(None, tmp_path / "x.jpg", "wish", "in colour")
    ledger.refresh()
    ledger.close()
    assert ledger.find(photo, [tmp_path / "x.jpg"], "wish") is None
    assert ledger.part(tmp_path / "x.jpg") is None
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_what_is_no_file_is_not_looked_at(out, tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")  # which would be waited for
    ledger = Ledger(out)
    assert ledger.look(tmp_path / "pipe.jpg") is None
    assert ledger.look(tmp_path / "missing.jpg") is None
    assert ledger.look(tmp_path / f"{'long' * 99}.jpg") is None


def test_a_photo_that_cannot_be_looked_at(photo, out, monkeypatch):
    def refuse(*_: object) -> Seen:
        raise PermissionError(errno.EACCES, "Permission denied")

    ledger = Ledger(out)
    monkeypatch.setattr(Seen, "of", refuse)
    with pytest.raises(BadPhoto, match=r"cannot be opened \(Permission denied\): check path"):
        ledger.look(photo)


# --- damage -----------------------------------------------------------------------------------


def test_cut_anywhere_it_loses_the_last_line_at_most(photo, out, tmp_path):
    targets = [out / f"{name}.jpg" for name in ("a", "ü", "c")]
    ledger = Ledger(out)
    for target in targets:
        finish(ledger, photo, [target])
    ledger.close()
    (path,) = (out / FOLDER).glob("*.jsonl")
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:length])
        known = Ledger(out)
        found = [known.find(photo, [target], "wish") is not None for target in targets]
        assert found == [end <= length for end in ends], length
        known.close()


GARBAGE = (
    b"", b"{}", b"5", b"null", b'"text"', b"[]", b"[[1, 2]]", b"\xff\xfe\x00", b"[" * 9999,
    b"{" * 9,
    b'{"results": 5}', b'{"results": [5], "photo": {}, "target": "a"}', b"9" * 5000, b"NaN",
    b'{"target": [], "wish": "", "photo": {"name": "", "size": 0, "changed": 0, "sha256": ""},'
    b' "results": []}',
    b'{"target": "a.jpg", "wish": "wish", "photo": {"name": 1, "size": "x", "changed": null,'
    b' "sha256": []}, "results": []}',
)  # fmt: skip


@QUICK
@given(st.lists(st.binary(max_size=60) | st.sampled_from(GARBAGE), max_size=9), st.integers(0, 9))
@example(list(GARBAGE), 3)
def test_lines_that_are_none_are_passed_over(tmp_path_factory, garbage, place):
    folder = tmp_path_factory.mktemp("ledger")
    (folder / "photo.jpg").write_bytes(b"grey")
    target = folder / "a.jpg"
    ledger = Ledger(folder)
    finish(ledger, folder / "photo.jpg", [target])
    ledger.close()
    (path,) = (folder / FOLDER).glob("*.jsonl")
    mixed = [*garbage[:place], path.read_bytes().rstrip(), *garbage[place:]]
    path.write_bytes(b"\n".join(mixed) + b"\n")
    assert Ledger(folder).find(folder / "photo.jpg", [target], "wish")


def test_a_ledger_that_cannot_be_read_teaches_nothing(photo, out, monkeypatch):
    finish(Ledger(out), photo, [out / "photo.jpg"])
    (out / FOLDER / "x.jsonl").symlink_to("gone.jsonl")
    (out / FOLDER / "y.jsonl").mkdir()
    assert Ledger(out).find(photo, [out / "photo.jpg"], "wish")


def test_half_a_line_on_a_full_disk_spoils_no_other(photo, out):
    class Full:
        """A file of which only some bytes find room."""

        def __init__(self, file, room: int) -> None:
            self.file, self.room = file, room

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, line: bytes) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(line[: self.room])

    for room in (0, 1, 99):
        ledger = Ledger(out / str(room))
        finish(ledger, photo, [out / str(room) / "a.jpg"])
        file = ledger._file
        ledger._file = Full(file, room)
        with pytest.raises(DiskFull, match="make room"):
            finish(ledger, photo, [out / str(room) / "b.jpg"])
        with pytest.raises(DiskFull, match="make room"):
            ledger.pass_over(ledger.look(photo), out / str(room) / "b.jpg", "wish", "in colour")
        ledger._file = file  # there is room again
        finish(ledger, photo, [out / str(room) / "c.jpg"])
        assert len(lines(out / str(room))) == 2
        known = Ledger(out / str(room))
        assert known.find(photo, [out / str(room) / "c.jpg"], "wish")
        assert not known.find(photo, [out / str(room) / "b.jpg"], "wish")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_takes_no_files(out, monkeypatch, code):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(CannotWrite, match="out cannot be written") as raised:
        Ledger(out)
    assert isinstance(raised.value, DiskFull) is (code == errno.ENOSPC)


@pytest.mark.parametrize("name", ["out", f"out/{FOLDER}"])
def test_a_file_where_the_folder_should_be(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(CannotWrite, match="out cannot be written"):
        Ledger(tmp_path / "out")
    assert (tmp_path / name).read_text() == "mine"


# --- other processes --------------------------------------------------------------------------


def test_what_others_do_is_learnt(photo, out):
    mine, other = Ledger(out), Ledger(out)
    for i in range(3):
        finish(other, photo, [out / f"{i}.jpg"])
        assert not mine.find(photo, [out / f"{i}.jpg"], "wish")
        mine.refresh()
        assert mine.find(photo, [out / f"{i}.jpg"], "wish")
    assert len(mine._entries["0.jpg"]) == 1  # nothing is learnt twice


def test_a_line_that_is_being_written_is_learnt_when_it_is_whole(photo, out):
    mine, other = Ledger(out), Ledger(out)
    finish(other, photo, [out / "a.jpg"])
    path = Path(other._file.name)
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    mine.refresh()
    assert not mine.find(photo, [out / "a.jpg"], "wish")
    path.write_bytes(whole)
    mine.refresh()
    assert mine.find(photo, [out / "a.jpg"], "wish")


def test_a_ledger_in_which_nothing_was_written_goes(photo, out, monkeypatch):
    first, second = Ledger(out), Ledger(out)
    finish(first, photo, [out / "a.jpg"])
    gone = Path(second._file.name)
    glob = Path.glob

    def late(self, pattern):  # the other leaves after its file was found
        found = list(glob(self, pattern))
        second.close()
        return found

    monkeypatch.setattr(Path, "glob", late)
    first.refresh()
    first.close()
    assert not gone.exists()
    assert len(list((out / FOLDER).iterdir())) == 1


def work(out: Path) -> None:
    ledger = Ledger(out)
    ledger.part(out / "x.jpg").write_bytes(b"half")
    (out / "begun").touch()
    time.sleep(600)  # it is killed long before


def test_what_the_dead_leave_unfinished_is_cleared_and_the_livings_is_not(out):
    out.mkdir()
    process = multiprocessing.get_context("fork").Process(target=work, args=(out,))
    process.start()
    try:
        while not (out / "begun").exists():
            assert process.is_alive()
            time.sleep(0.01)
        (part,) = (out / FOLDER).glob("*.part")
        own = Ledger(out)
        own.part(out / "y.jpg").write_bytes(b"half")
        Ledger(out).close()
        assert len(list((out / FOLDER).glob("*.part"))) == 2
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        Ledger(out).close()
        assert not part.exists()
        assert len(list((out / FOLDER).glob("*.part"))) == 1
    finally:
        process.kill()
        process.join()
    nameless = out / FOLDER / "0123.7.part"
    nameless.touch()
    Ledger(out).close()
    assert not nameless.exists()


def test_the_owner_of_a_ledger_that_does_not_show_itself_may_live(out, monkeypatch):
    first = Ledger(out)
    part = first.part(out / "x.jpg")
    part.touch()
    opened = Path.open

    def refuse(self, *mode, **options):
        if self.suffix == ".jsonl" and mode == ("rb",):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(self, *mode, **options)

    monkeypatch.setattr(Path, "open", refuse)
    Ledger(out).close()
    assert part.exists()


def test_on_another_disk_a_result_is_made_beside_its_name(out, monkeypatch):
    ledger = Ledger(out)
    assert ledger.part(out / "x.jpg").parent == out / FOLDER
    stat = Path.stat

    def elsewhere(self, **options):
        known = stat(self, **options)
        if self.name != "linked":
            return known
        return os.stat_result([*known[:2], known.st_dev + 1, *known[3:]])

    (out / "linked").mkdir()
    monkeypatch.setattr(Path, "stat", elsewhere)
    assert ledger.part(out / "linked" / "x.jpg") is None
