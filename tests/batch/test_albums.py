"""Albums as a user colours them: started again, on disks that get full, with a report of all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PIL import Image

from commands import PLACES, digests, raising, rows, run, unfinished
from photochrom import files
from photochrom.batch.journal import FOLDER


def test_what_is_done_is_skipped_and_counted(album, out, model, capsys):
    assert run("colorize", album, "-o", out, "--model", model) == 0
    first = capsys.readouterr()
    assert sorted(first.out.split()) == [str(out / place) for place in PLACES]
    before = digests(out)
    assert list(before) == PLACES
    Image.open(album / "a.png").rotate(180).save(album / "new.png")
    (album / "d.png").touch()
    assert run("colorize", album, "-o", out, "--model", model) == 0
    second = capsys.readouterr()
    assert second.out.split() == [str(out / "new.png")]
    assert "6 of 7 photos were done before." in second.err
    assert digests(out).items() >= before.items()


@pytest.mark.parametrize(
    ("into", "refused", "count"),
    [("album/out", 0, 13), (".", 0, 7), ("album", 1, 7), ("link", 1, 7), (None, 0, 13)],
)
def test_results_inside_or_around_the_album_never_replace_a_photo_nor_feed_it(
    album, tmp_path, model, capsys, into, refused, count
):
    (tmp_path / "link").symlink_to(album)
    out = () if into is None else ("-o", tmp_path / into)
    before = digests(album)
    for _ in range(3):
        assert run("colorize", album, *out, "--model", model, "--force") == refused
        assert ("is the photo itself" in capsys.readouterr().err) is bool(refused)
    after = digests(album)
    assert after.items() >= before.items()
    assert len(after) == count


def test_any_number_at_a_time_gives_the_same_bytes(album, tmp_path, model):
    for jobs in (1, 2, 8):
        out = tmp_path / f"{jobs}"
        assert run("colorize", album, "-o", out, "--model", model, "--jobs", jobs) == 0
        assert digests(out) == digests(tmp_path / "1")


# --- the disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_disk_that_gets_full_stops_it_and_it_goes_on_later(
    album, out, model, capsys, monkeypatch, jobs
):
    places = iter([files._place] * 3)
    full = raising(OSError(errno.ENOSPC, "No space left on device"))
    asked = ("colorize", album, "-o", out, "--model", model, "--jobs", jobs)
    with monkeypatch.context() as patch:
        patch.setattr(files, "_place", lambda part, target: next(places, full)(part, target))
        assert run(*asked) == 1
    said = capsys.readouterr().err
    assert said.count("cannot be written (No space left on device): make room, then go on.") == 1
    assert "failed" not in said
    assert len(digests(out)) == 3
    assert not unfinished(out)
    assert run(*asked) == 0
    assert "3 of 6 photos were done before." in capsys.readouterr().err
    assert list(digests(out)) == PLACES


def test_a_folder_that_cannot_be_written_to_is_said_once(album, out, model, capsys, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", raising(OSError(errno.EROFS, "Read-only file system")))
    assert run("colorize", album, "-o", out, "--model", model) == 1
    said = capsys.readouterr().err
    assert said.count("photochrom: ") == 1
    assert "out cannot be written (Read-only file system): choose another folder" in said


def test_an_album_that_cannot_have_a_journal_is_named_and_the_others_are_coloured(
    album, out, tmp_path, model, capsys
):
    """As where one comes with a link in place of our folder."""
    other, theirs = tmp_path / "other", tmp_path / "theirs"
    for folder in (other, theirs):
        folder.mkdir()
    (theirs / f".{'0a' * 16}.part").write_bytes(b"half")
    Image.open(album / "a.png").save(other / "z.png")
    (other / FOLDER).symlink_to(theirs)
    assert run("colorize", other, album, "--model", model) == 1
    told = capsys.readouterr()
    assert len(told.out.split()) == 6
    assert told.err.count("remove it, or choose another folder for the results") == 1
    assert "1 of 7 photos failed" in told.err
    assert len(list(theirs.iterdir())) == 1
    assert run("colorize", other, "-o", out, "--model", model) == 0


# --- the report -------------------------------------------------------------------------------


def test_a_report_tells_what_came_of_each(album, out, model, tmp_path, capsys, color_scene):
    (album / "bad.jpg").write_bytes(b"bad")
    Image.fromarray(color_scene).save(album / "beach.png")
    assert run("colorize", album / "d.png", "-o", out, "--model", model) == 0
    report = tmp_path / "report.csv"
    asked = ("colorize", album, "-o", out, "--model", model, "--report", report)
    assert run(*asked) == 1
    assert report.read_text().splitlines()[0] == "photo,state,results,seconds,words,error,trace"
    told = rows(report)
    assert {name: row["state"] for name, row in told.items()} == {
        **dict.fromkeys(("a.png", "b.jpg", "c.tif", "e.png", "f.jpg"), "done"),
        "d.png": "skipped", "bad.jpg": "failed", "beach.png": "passed",
    }  # fmt: skip
    assert told["e.png"]["results"] == str(out / "summer" / "e.png")
    assert "is not a picture" in told["bad.jpg"]["words"]
    assert "in colour already" in told["beach.png"]["words"]
    assert all(float(row["seconds"]) >= 0 for row in told.values())
    assert run(*asked) == 1  # as one says it again after an interruption
    states = {row["state"] for row in rows(report).values()}
    assert states == {"skipped", "failed", "passed"}
    report.write_text("photo,state,results,seconds,words\n")  # as former versions wrote it
    assert run(*asked) == 1
    assert len(rows(report)) == len(told)
    report.write_text("name,price\n")
    capsys.readouterr()
    assert run(*asked) == 1
    assert "report.csv exists already" in capsys.readouterr().err
    assert report.read_text() == "name,price\n"
    assert run(*asked, "--force") == 1
    assert len(rows(report)) == len(told)


@pytest.mark.parametrize("name", ["report.txt", "missing/report.csv", "folder.csv"])
def test_a_report_that_cannot_be_is_said_before_the_work(album, out, model, tmp_path, name, capsys):
    (tmp_path / "folder.csv").mkdir()
    asked = ("colorize", album, "-o", out, "--model", model, "--report", tmp_path / name)
    assert run(*asked) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()


def test_a_report_of_versions_has_a_line_for_each_and_none_is_left_by_a_wrong_request(
    album, model, out, tmp_path
):
    report = tmp_path / "report.csv"
    asked = ("colorize", album / "a.png", "-o", out, "--samples", 2, "--report", report, "--model")
    assert run(*asked, "typo") == 2
    assert not report.exists()
    assert run(*asked, model) == 0
    assert rows(report)["a.png"]["results"] == f"{out / 'a-1.png'}\n{out / 'a-2.png'}"
