"""What is written down of work that was done, and what is believed of it."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from commands import raising, unfinished
from photochrom import files
from photochrom.batch import journal as journals
from photochrom.batch.entries import JournalEntry, Seen
from photochrom.batch.journal import FOLDER, Journal
from photochrom.errors import BadPhoto, CannotWrite, DiskFull
from photochrom.held_folder import HeldFolder


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"grey")
    return path


def finish(journal: Journal, photo: Path, *targets: Path) -> None:
    """Make results of a photo as the worker does."""
    seal, content = journal.recorder(journal.stamp(photo), targets, "digest"), photo.read_bytes()
    for target in targets:
        files.write_atomically(
            target,
            lambda file, name=target.name: file.write(content + os.fsencode(name)),
            staging=journal.staging_for(target),
            before_rename=seal,
        )


def find(journal: Journal | Path, photo: Path, *targets: Path) -> JournalEntry | None:
    """What a journal, or one that is opened now, knows of a photo."""
    known = Journal(journal) if isinstance(journal, Path) else journal
    return known.find(photo, targets, "digest")


def lines(out: Path) -> list[bytes]:
    return [line for path in (out / FOLDER).glob("*.jsonl") for line in path.open("rb")]


# --- what is known ----------------------------------------------------------------------------


def test_finished_results_are_known_now_and_later_by_target_and_digest(photo, out):
    journal, target = Journal(out), out / "photo.jpg"
    assert find(journal, photo, target) is None
    finish(journal, photo, target)
    for later in (journal, Journal(out)):
        assert [seen.name for seen in find(later, photo, target).results] == ["photo.jpg"]
        assert later.find(photo, [target], "another digest") is None
        assert find(later, photo, out / "other.jpg") is None


def test_files_are_known_by_their_content(photo, out, tmp_path):
    target = out / "photo.jpg"
    finish(Journal(out), photo, target)
    for path in (photo, target):
        os.utime(path, ns=(1, 1))
    copy = photo.with_name("copy.jpg")
    copy.write_bytes(b"grey")
    known = Journal(out)
    assert find(known, photo, target)
    assert find(known, copy, target)
    for path in (photo, target):
        content = path.read_bytes()
        path.write_bytes(content.upper())  # of the same size
        assert not find(known, photo, target)
        path.write_bytes(content)
    moved = out.rename(tmp_path / "moved")
    assert find(moved, photo, moved / "photo.jpg")


def test_a_photo_that_changes_while_it_is_read_is_not_taken_for_done(photo, out):
    journal, target = Journal(out), out / "photo.jpg"
    seal = journal.recorder(journal.stamp(photo), [target], "digest")
    photo.write_bytes(b"blue")
    files.write_atomically(target, lambda file: file.write(b"of whichever"), before_rename=seal)
    assert not find(journal, photo, target)


def test_a_photo_that_changes_while_it_is_looked_at_shows_as_changed(photo, monkeypatch):
    monkeypatch.setattr(files, "sha256", lambda _: str(photo.write_bytes(b"longer than it was")))
    assert Seen.at(photo, "").size == 4


def test_the_first_of_several_versions_are_known_too(photo, out):
    targets = [out / f"photo-{i}.jpg" for i in (1, 2, 3)]
    finish(Journal(out), photo, *targets[:2])
    second = Journal(out)
    assert len(find(second, photo, *targets).results) == 2
    finish(second, photo, *targets)
    for _ in range(8):  # whatever the order in which their files are read
        third = Journal(out)
        assert len(find(third, photo, *targets).results) == 3
        finish(third, photo, targets[0])
    targets[1].unlink()
    assert len(find(out, photo, *targets).results) == 1


def test_what_was_passed_over_is_known_and_what_failed_is_not(photo, out):
    journal = Journal(out)
    journal.pass_over(journal.stamp(photo), out / "photo.jpg", "digest", "in colour")
    journal.fail(photo, out / "b.jpg", "digest", "it broke", "IndexError in x.y, line 1")
    for known in (journal, out):
        entry = find(known, photo, out / "photo.jpg")
        assert (entry.passed, entry.results) == ("in colour", ())
        assert find(known, photo, out / "b.jpg") is None
    assert JournalEntry.from_json(lines(out)[1]).failed == "it broke"
    photo.write_bytes(b"changed")
    assert not find(out, photo, out / "photo.jpg")


def test_without_a_folder_nothing_is_known_or_written(photo, tmp_path):
    journal, target = Journal(None), tmp_path / "x.jpg"
    journal.recorder(journal.stamp(photo), [target], "digest")(io.BytesIO(b"result"))
    journal.pass_over(None, target, "digest", "in colour")
    journal.refresh()
    journal.close()
    assert find(journal, photo, target) is None
    assert journal.staging_for(target) is None
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_only_files_are_looked_at_and_those_that_do_not_open_are_named(
    photo, out, tmp_path, monkeypatch
):
    os.mkfifo(tmp_path / "pipe.jpg")  # which would be waited for
    journal = Journal(out)
    for name in ("pipe.jpg", "missing.jpg", f"{'long' * 99}.jpg"):
        assert journal.stamp(tmp_path / name) is None
    monkeypatch.setattr(files, "open_plain", raising(PermissionError(13, "Permission denied")))
    with pytest.raises(BadPhoto, match=r"cannot be opened \(Permission denied\): check path"):
        journal.stamp(photo)


def test_a_closed_journal_takes_no_more(photo, out):
    journal = Journal(out)
    seal = journal.recorder(journal.stamp(photo), [out / "a.png"], "digest")
    journal.close()
    with photo.open("rb") as file, pytest.raises(CannotWrite, match="start it again"):
        seal(file)


# --- damage -----------------------------------------------------------------------------------


def test_cut_anywhere_it_loses_the_last_line_at_most(photo, out):
    targets = [out / f"{name}.jpg" for name in ("a", "ü", "c")]
    journal = Journal(out)
    for target in targets:
        finish(journal, photo, target)
    journal.close()
    (path,) = (out / FOLDER).glob("*.jsonl")
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(0, len(whole) + 1, 7):
        path.write_bytes(whole[:length])
        known = Journal(out)
        found = [find(known, photo, target) is not None for target in targets]
        assert found == [end <= length for end in ends], length
        known.close()


GARBAGE = (
    b"", b"{}", b"5", b"null", b'"text"', b"[]", b"[[1, 2]]", b"\xff\xfe\x00", b"[" * 9999,
    b"{" * 9, b"9" * 5000, b"NaN", b'{"results": 5}',
    b'{"results": [5], "photo": {}, "target": "a"}',
)  # fmt: skip


@settings(database=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from(GARBAGE), max_size=9), st.integers(0, 9))
@example(list(GARBAGE), 3)
def test_lines_of_nonsense_are_passed_over(tmp_path_factory, garbage, place):
    folder = tmp_path_factory.mktemp("journal")
    photo, target = folder / "photo.jpg", folder / "a.jpg"
    photo.write_bytes(b"grey")
    with contextlib.closing(Journal(folder)) as journal:
        finish(journal, photo, target)
    (path,) = (folder / FOLDER).glob("*.jsonl")
    mixed = [*garbage[:place], path.read_bytes().rstrip(), *garbage[place:]]
    path.write_bytes(b"\n".join(mixed) + b"\n")
    assert find(folder, photo, target)


@pytest.mark.parametrize("room", [0, 1, 99])
def test_half_a_line_on_a_full_disk_spoils_no_other(photo, out, room):
    class Full(io.FileIO):
        def write(self, line):
            return super().write(line[:room])

    journal = Journal(out)
    finish(journal, photo, out / "a.jpg")
    file, journal._file = journal._file, Full(journal._file.name, "a+")
    with pytest.raises(DiskFull, match="make room"):
        finish(journal, photo, out / "b.jpg")
    with pytest.raises(DiskFull, match="make room"):
        journal.pass_over(journal.stamp(photo), out / "b.jpg", "digest", "in colour")
    journal._file = file  # there is room again
    finish(journal, photo, out / "c.jpg")
    assert len(lines(out)) == 2
    assert find(out, photo, out / "c.jpg")
    assert not find(out, photo, out / "b.jpg")


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_takes_no_files_is_refused(out, monkeypatch, code):
    monkeypatch.setattr(Path, "mkdir", raising(OSError(code, os.strerror(code))))
    with pytest.raises(CannotWrite, match="out cannot be written") as raised:
        Journal(out)
    assert isinstance(raised.value, DiskFull) is (code == errno.ENOSPC)


@pytest.mark.parametrize(
    ("at", "kind"),
    [("out", "a file"), *((FOLDER, kind) for kind in ("a file", "a link", "a link to nothing"))],
)
def test_what_is_no_folder_in_the_place_of_ours_is_refused_and_left(out, tmp_path, at, kind):
    path, theirs = out if at == "out" else out / at, tmp_path / "theirs"
    path.parent.mkdir(exist_ok=True)
    if kind == "a link":
        theirs.mkdir()
        (theirs / "movie.part").write_bytes(b"half")
        leave_behind(theirs)
    path.write_text("mine") if kind == "a file" else path.symlink_to(theirs)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CannotWrite, match="out cannot be written"):
        Journal(out)
    assert sorted(tmp_path.rglob("*")) == before
    assert kind != "a file" or path.read_text() == "mine"


# --- other processes --------------------------------------------------------------------------


def test_what_others_do_is_learnt_once_and_when_the_line_is_whole(photo, out):
    mine, other = Journal(out), Journal(out)
    for i in range(3):
        finish(other, photo, out / f"{i}.jpg")
        assert not find(mine, photo, out / f"{i}.jpg")
        mine.refresh()
        assert find(mine, photo, out / f"{i}.jpg")
    finish(other, photo, out / "a.jpg")
    (path,) = [path for path in (out / FOLDER).iterdir() if path.stat().st_size]
    whole = path.read_bytes()
    for length, found in ((len(whole) - 50, False), (len(whole), True)):
        path.write_bytes(whole[:length])
        mine.refresh()
        assert (find(mine, photo, out / "a.jpg") is not None) is found
    assert list(map(len, mine._places.values())) == [1, 1, 1, 1]


def test_a_journal_in_which_nothing_was_written_goes(photo, out, monkeypatch):
    first, second = Journal(out), Journal(out)
    finish(first, photo, out / "a.jpg")
    names = HeldFolder.names

    def late(self):  # the other leaves after its file was found
        found = list(names(self))
        second.close()
        return found

    monkeypatch.setattr(HeldFolder, "names", late)
    first.refresh()
    first.close()
    assert [path.name for path in (out / FOLDER).iterdir()] == [first._name]


UNDER_WAY = """
import sys, time
from pathlib import Path
from photochrom import files
from photochrom.batch.journal import Journal
target = Path(sys.argv[1]) / "x.jpg"
def make(file):
    print("begun", flush=True)
    time.sleep(600)  # it is killed long before
files.write_atomically(target, make, staging=Journal(target.parent).staging_for(target))
"""


def test_what_the_dead_leave_unfinished_is_cleared_and_that_of_the_living_is_not(out):
    out.mkdir()
    command = [sys.executable, "-c", UNDER_WAY, out]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"begun\n"
            Journal(out).close()
            assert len(unfinished(out)) == 1
        finally:
            process.kill()
        process.wait()
        assert len(unfinished(out)) == 1

    def make(_: BinaryIO) -> None:
        assert len(unfinished(out)) == 2
        Journal(out).close()
        assert len(unfinished(out)) == 1  # of this process, which lives

    target = out / "y.jpg"
    files.write_atomically(target, make, staging=HeldFolder(out / FOLDER))
    assert unfinished(out) == []


def leave_behind(folder: Path) -> Path:
    """Leave what a killed process does."""
    path = folder / f".{uuid.uuid4().hex}.part"
    path.write_bytes(b"half")
    return path


@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.ENOLCK, errno.ENOTSUP])
def test_where_locks_cannot_tell_nothing_is_taken_for_abandoned(out, monkeypatch, code):
    Journal(out).close()
    part = leave_behind(out / FOLDER)
    with monkeypatch.context() as patch:
        patch.setattr(files, "_lock", raising(OSError(code, os.strerror(code))))
        Journal(out).close()
    assert part.exists()
    Journal(out).close()
    assert not part.exists()


def test_on_another_disk_a_result_is_made_beside_its_name(out, monkeypatch):
    journal = Journal(out)
    assert journal.staging_for(out / "x.jpg").path == out / FOLDER
    stat = Path.stat

    def elsewhere(self, **options):
        known = stat(self, **options)
        if self.name != "linked":
            return known
        return os.stat_result([*known[:2], known.st_dev + 1, *known[3:]])

    (out / "linked").mkdir()
    monkeypatch.setattr(Path, "stat", elsewhere)
    assert journal.staging_for(out / "linked" / "x.jpg") is None


# --- what others have put there ---------------------------------------------------------------


def forged(target: str, digest: str = "digest", **known: object) -> bytes:
    """A line as earlier versions wrote it, which called the digest a wish."""
    empty = {"name": "", "size": 0, "changed": 0, "sha256": ""}
    line = {"target": target, "wish": digest, "photo": empty, "results": [], "passed": "", **known}
    return json.dumps(line).encode() + b"\n"


def told(path: Path) -> dict[str, object]:
    """What a line tells of a file."""
    return vars(Seen.at(path, ""))


def plant(out: Path, *lines: bytes) -> Path:
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    path = out / FOLDER / f"{uuid.uuid4().hex}.jsonl"
    path.write_bytes(b"".join(lines))
    return path


def test_journals_that_are_no_plain_files_are_neither_waited_for_nor_read(photo, out):
    finish(Journal(out), photo, out / "a.jpg")
    foreign = plant(out, forged("b.jpg", passed="in colour", photo=told(photo)))
    (out / FOLDER / "1.jsonl").symlink_to(foreign.rename(out / "elsewhere"))
    (out / FOLDER / "2.jsonl").symlink_to("/dev/zero")
    os.mkfifo(out / FOLDER / "3.jsonl")
    (out / FOLDER / "x.jsonl").symlink_to("gone.jsonl")
    (out / FOLDER / "y.jsonl").mkdir()
    known = Journal(out)
    assert find(known, photo, out / "a.jpg")
    assert not find(known, photo, out / "b.jpg")


@pytest.mark.parametrize("odd", ["the photo", "the result"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_a_line_tells_of_is_not_waited_for_either(photo, out, odd, kind):
    seen = {"name": "a.jpg", "size": 0, "changed": 0, "sha256": "0" * 64}
    more = {"passed": "in colour"} if odd == "the photo" else {"photo": told(photo)}
    plant(out, forged("a.jpg", **{"results": [] if odd == "the photo" else [seen]} | more))
    path = out / ("odd.jpg" if odd == "the photo" else "a.jpg")
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    assert not find(out, path if odd == "the photo" else photo, out / "a.jpg")


def test_lines_too_long_for_us_are_passed_over(photo, out):
    finish(Journal(out), photo, out / "a.jpg")
    long, short = (
        forged(f"{name}.jpg", passed="in colour" * times, photo=told(photo))
        for name, times in (("b", 2**15), ("c", 1))
    )
    plant(out, b"[" * 2**19 + b"\n", long, short)
    known = Journal(out)
    found = [find(known, photo, out / f"{name}.jpg") is not None for name in "abc"]
    assert found == [True, False, True]


def test_no_more_is_read_than_we_ever_write(photo, out, monkeypatch):
    names = [f"{i}.jpg" for i in range(9)]
    path = plant(out, *(forged(name, passed="in colour", photo=told(photo)) for name in names))

    def found() -> int:
        known = Journal(out)
        known.refresh()
        return sum(find(known, photo, out / name) is not None for name in names)

    assert found() == 9
    with monkeypatch.context() as patch:
        patch.setattr(journals, "_MOST_LINES", 5)
        assert found() == 5
    os.truncate(path, journals._MOST_BYTES + 1)  # which takes no room on the disk
    assert found() == 0


def test_a_photo_is_read_once_however_many_lines_tell_of_it(photo, out, monkeypatch):
    seen = [{"name": "", "size": 4, "changed": 0, "sha256": f"{i:064}"} for i in range(999)]
    plant(out, *(forged("a.jpg", passed="in colour", photo=photo) for photo in seen))
    known, read = Journal(out), []
    monkeypatch.setattr(files, "sha256", lambda file: read.append(file) or "0" * 64)
    assert not find(known, photo, out / "a.jpg")
    assert len(read) == 1


WRONG = [
    {"passed": 5}, {"passed": ["in colour"]}, {"failed": 5}, {"error": {}}, {"digest": None},
    {"target": 5}, {"results": [5]}, {"results": "ab"}, {"photo": []},
    {"photo": {"name": "", "size": True, "changed": 0, "sha256": ""}},
    {"photo": {"name": "", "size": 1.0, "changed": 0, "sha256": ""}},
    {"photo": {"name": "", "size": 1, "changed": 0, "sha256": 5}}, {"more": 1}, {"version": 3},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_line_of_another_version_or_in_which_anything_is_of_another_kind_is_none(wrong):
    seen = Seen("a.jpg", 1, 2, "3")
    entry = JournalEntry("a.jpg", "digest", seen, (seen,))
    assert JournalEntry.from_json(entry.to_json()) == entry
    assert JournalEntry.from_json(json.dumps(json.loads(entry.to_json()) | wrong)) is None
    assert JournalEntry.from_json(forged("a.jpg"))
    assert JournalEntry.from_json(forged(**{"target": "a.jpg"} | wrong)) is None


def test_a_line_tells_of_nothing_outside_the_folder(photo, out, tmp_path):
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    seen = told(tmp_path / "mine.jpg") | {"name": "../mine.jpg"}
    for target in ("a.jpg", "../mine.jpg"):
        plant(out, forged(target, results=[seen], photo=told(photo)))
    assert not find(out, photo, out / "a.jpg")
    assert (tmp_path / "mine.jpg").read_bytes() == b"mine"
