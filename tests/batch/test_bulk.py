"""Folders as a user colours them: resumed, watched, piped, reported, and full of surprises."""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from photochrom import files
from photochrom.batch import planning, watch
from photochrom.batch.journal import FOLDER
from photochrom.batch.worker import Worker
from photochrom.cli import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


HELD = """
import os, sys, threading, time
from pathlib import Path
from photochrom import files
from photochrom.cli.main import main
place, go, free = files._place, Path(sys.argv[1]), threading.Semaphore(int(sys.argv[2]))
tests = os.getppid()
def held(part, target):
    if not free.acquire(blocking=False):
        while not go.exists() and os.getppid() == tests:  # and outlives them no time
            time.sleep(0.01)
    place(part, target)
files._place = held
main(sys.argv[3:])
"""


def start(
    *arguments: object, held: tuple[Path, int] | None = None, **options: object
) -> subprocess.Popen[bytes]:
    """Colours in a process of its own.

    ``held``, it gives so many results, and no more until the path exists: so that it is surely
    under way when it is killed or interrupted, however fast or busy the machine.
    """
    run = ["-c", HELD, *map(str, held)] if held else ["-m", "photochrom"]
    words = [sys.executable, *run, "colorize", *map(str, arguments)]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": hears_ctrl_c}
    return subprocess.Popen(words, start_new_session=True, **given | options)


def hears_ctrl_c() -> None:
    """What is started in the background by a shell does not, and its children neither."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end(process: subprocess.Popen[bytes], given: bytes | None = None) -> tuple[int, bytes, str]:
    """Its exit status, what it answered and what it said."""
    try:
        out, said = process.communicate(given, timeout=600)
    finally:
        process.kill()
    words = (said or b"").decode(errors="replace")
    assert "Traceback" not in words, words
    assert "Exception" not in words, words
    return process.returncode, out, words


def wait_for(is_so, seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.02)


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder but the journal's."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and FOLDER not in path.relative_to(folder).parts
    }


def rows(path: Path) -> dict[str, dict[str, str]]:
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len({row["photo"] for row in found}) == len(found)
    return {Path(row["photo"]).name: row for row in found}


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1, tells=("logits",))


@pytest.fixture
def album(tmp_path: Path, scene) -> Path:
    """Six grey photos, two of them in sub-folders, and a note."""
    folder = tmp_path / "album"
    (folder / "summer" / "sea").mkdir(parents=True)
    places = ("a.png", "b.jpg", "c.tif", "d.png", "summer/e.png", "summer/sea/f.jpg")
    for i, name in enumerate(places):
        Image.fromarray(np.roll(scene, 5 * i)).save(folder / name)
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


PLACES = ["a.png", "b.jpg", "c.tif", "d.png", "summer/e.png", "summer/sea/f.jpg"]


# --- again ------------------------------------------------------------------------------------


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


def test_the_album_itself_may_hold_the_results(album, model, capsys):
    before = digests(album)
    assert run("colorize", album, "--model", model) == 0
    assert digests(album).keys() - before.keys() == {
        place.replace(".", ".color.") for place in PLACES
    }
    after = digests(album)
    capsys.readouterr()
    assert run("colorize", album, "--model", model) == 0
    assert "6 of 6 photos were done before." in capsys.readouterr().err
    assert digests(album) == after
    assert after.items() >= before.items()


@pytest.mark.parametrize("where", ["inside", "around", "the same", "around, by a link"])
def test_results_inside_or_around_the_album_never_replace_a_photo(
    album, tmp_path, model, capsys, where
):
    out = {"inside": album / "out", "around": tmp_path, "the same": album}.get(where)
    if out is None:
        out = tmp_path / "link"
        out.symlink_to(album)
    before = digests(album)
    for _ in range(3):  # results do not feed it
        code = run("colorize", album, "-o", out, "--model", model, "--force")
        refused = out.samefile(album)
        assert code == (1 if refused else 0)
        assert ("is the photo itself" in capsys.readouterr().err) is refused
    after = digests(album)
    assert after.items() >= before.items()
    assert len(after) == (13 if where == "inside" else 7)


def test_a_result_in_the_place_of_another_photo_gets_another_name(album, tmp_path, model):
    (album / "album").mkdir()
    (album / "a.png").rename(album / "album" / "b.jpg")
    before = digests(album)
    for given, into in ((album, tmp_path), (album, album / ".."), (album / ".", tmp_path)):
        assert run("colorize", given, "-o", into, "--model", model, "--force") == 0
        assert digests(album).items() >= before.items()


def test_any_number_at_a_time_gives_the_same_bytes(album, tmp_path, model):
    found = []
    for jobs in (1, 2, 8):
        out = tmp_path / f"out {jobs}"
        assert run("colorize", album, "-o", out, "--model", model, "--jobs", jobs) == 0
        found.append(digests(out))
    assert found[0] == found[1] == found[2]
    assert list(found[0]) == PLACES


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_photos_at_a_time_is_refused(album, model, jobs, capsys):
    assert run("colorize", album, "--model", model, "--jobs", jobs) == 2
    assert "give 1 or more" in capsys.readouterr().err


def test_without_a_gpu_it_says_so(album, model, capsys, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    before = digests(album)
    assert run("colorize", album, "--model", model, "--device", "cuda") == 2
    said = capsys.readouterr().err
    assert "device is cuda, but this onnxruntime cannot use one" in said
    assert len(said.splitlines()) == 1
    assert digests(album) == before


# --- killed -----------------------------------------------------------------------------------


def crowd(folder: Path, photos: int, side: int = 400) -> None:
    """So many photos in sub-folders and formats; the last three are broken."""
    dice = np.random.default_rng(0)
    for i in range(photos):
        place = folder / f"box {i % 3}" / f"{i:03}.{('jpg', 'png', 'tif')[i % 3]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(dice.integers(0, 256, (6, 8), np.uint8))
        small.resize((side, side * 3 // 4)).save(place)
        if i >= photos - 3:
            place.write_bytes(place.read_bytes()[: (0, 40, 900)[i % 3]])


def tiny() -> bytes:
    file = io.BytesIO()
    Image.new("L", (50, 50), 99).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("samples", [(), ("--samples", 2)])
def test_killed_at_any_moment_it_goes_on_to_the_same_end(tmp_path, model, samples):
    photos = 12 if samples else 40
    crowd(tmp_path / "album", photos)
    before = digests(tmp_path / "album")
    asked = (tmp_path / "album", "--model", model, "--jobs", 2, *samples)
    assert end(start(*asked, "-o", tmp_path / "plain"))[0] == 1
    out, dice = tmp_path / "killed", random.Random(len(samples))
    expected = digests(tmp_path / "plain")
    stages = []
    for share in (0.4,) if samples else (0.1, 0.4, 0.7):
        goal = int(share * len(expected))
        process = start(*asked, "-o", out, held=(tmp_path / "never", goal + 5 - len(digests(out))))
        wait_for(lambda: len(digests(out)) > goal)  # noqa: B023
        time.sleep(dice.uniform(0, 0.05))
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        end(process)
        stages.append(len(digests(out)))
        assert expected.items() >= digests(out).items()
    assert stages[0] < len(expected)
    assert stages == sorted(stages)
    code, _, said = end(start(*asked, "-o", out, "--report", tmp_path / "report.csv"))
    assert code == 1
    assert f"3 of {photos} photos failed" in said
    assert digests(out) == expected
    assert digests(tmp_path / "album") == before
    assert not list((out / FOLDER).glob("*.part"))
    states = [row["state"] for row in rows(tmp_path / "report.csv").values()]
    assert len(states) == photos
    assert states.count("failed") == 3
    assert states.count("skipped") * (2 if samples else 1) >= stages[-1] - 2
    assert end(start(*asked, "-o", out))[1] == b""  # all was done


def test_interrupted_it_ends_at_once_whatever_is_under_way_and_goes_on_later(tmp_path, model):
    crowd(tmp_path / "album", 4)
    (tmp_path / "album" / "box 0" / "small.png").write_bytes(tiny())
    out = tmp_path / "out"
    asked = (tmp_path / "album", "-o", out, "--model", model, "--jobs", 2)
    process = start(*asked, held=(tmp_path / "never", 1))  # what is under way takes for ever
    wait_for(lambda: digests(out))
    process.send_signal(signal.SIGINT)
    assert end(process)[0] == 130
    assert len(digests(out)) == 1
    assert end(start(*asked))[0] == 1
    assert len(digests(out)) == 2
    assert not list((out / FOLDER).glob("*.part"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_it_says_so_keeps_its_report_and_goes_on(tmp_path, model, jobs):
    crowd(tmp_path / "album", 40)
    out, report = tmp_path / "out", tmp_path / "report.csv"
    asked = (tmp_path / "album", "-o", out, "--model", model, "--jobs", jobs)
    process = start(*asked, "--report", report, held=(tmp_path / "go", 20))
    wait_for(lambda: len(digests(out)) > 3)
    process.send_signal(signal.SIGINT)
    (tmp_path / "go").touch()
    code, _, said = end(process)
    assert code == 130
    assert not list((out / FOLDER).glob("*.part"))
    told = rows(report)
    assert 0 < len(told) < 40
    broken = [row for name, row in told.items() if Path(name).stem in ("037", "038", "039")]
    done = [row for row in told.values() if row not in broken]  # how many is a matter of time
    assert {row["state"] for row in broken} <= {"failed"}
    for row in done:
        assert row["state"] == "done"
        assert Path(row["results"]).exists()
    so_far = f"{len(done)} of 40 photos are done" + f", {len(broken)} failed" * bool(broken)
    assert said.splitlines()[-1] == f"photochrom: Interrupted: {so_far}; the same command goes on."
    assert end(start(*asked))[0] == 1
    assert len(digests(out)) == 37


def test_two_at_the_same_folder_share_it(tmp_path, model):
    crowd(tmp_path / "album", 20)
    asked = (tmp_path / "album", "--model", model, "--jobs", 2)
    assert end(start(*asked, "-o", tmp_path / "plain"))[0] == 1
    out, reports = tmp_path / "out", [tmp_path / "1.csv", tmp_path / "2.csv"]
    both = [start(*asked, "-o", out, "--report", report) for report in reports]
    assert [end(process)[0] for process in both] == [1, 1]
    assert digests(out) == digests(tmp_path / "plain")
    assert not list((out / FOLDER).glob("*.part"))
    first, second = map(rows, reports)
    assert first.keys() == second.keys()
    for name in first:
        states = {first[name]["state"], second[name]["state"]}
        assert states in ({"done", "skipped"}, {"failed"}, {"skipped"}), name
        assert states != {"skipped"}, name


# --- the disk ---------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_disk_that_gets_full_stops_it_and_it_goes_on_later(
    album, out, model, capsys, monkeypatch, jobs
):
    place, room = files._place, [3]

    def fill(part: Path, target: Path) -> None:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        room[0] -= 1
        place(part, target)

    monkeypatch.setattr(files, "_place", fill)
    asked = ("colorize", album, "-o", out, "--model", model, "--jobs", jobs)
    assert run(*asked) == 1
    said = capsys.readouterr().err
    assert said.count("cannot be written (No space left on device): make room, then go on.") == 1
    assert "failed" not in said
    assert len(digests(out)) == 3
    assert not list((out / FOLDER).glob("*.part"))
    monkeypatch.undo()
    assert run(*asked) == 0
    assert "3 of 6 photos were done before." in capsys.readouterr().err
    assert list(digests(out)) == PLACES


def test_a_limit_on_the_size_of_files_costs_those_that_are_larger(tmp_path, model):
    crowd(tmp_path / "album", 8, 200)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 500), np.uint8)).save(
        tmp_path / "album" / "large.png"
    )

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    asked = (tmp_path / "album", "-o", tmp_path / "out", "--model", model)
    code, _, said = end(start(*asked, preexec_fn=limit))
    assert code == 1
    assert "large.png cannot be written (File too large)" in said
    assert len(digests(tmp_path / "out")) == 5
    assert not list((tmp_path / "out" / FOLDER).glob("*.part"))


def test_a_folder_that_cannot_be_written_to_is_said_once(album, out, model, capsys, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert run("colorize", album, "-o", out, "--model", model) == 1
    said = capsys.readouterr().err
    assert said.count("photochrom: ") == 1
    assert "out cannot be written (Read-only file system): choose another folder" in said
    monkeypatch.undo()
    out.write_text("a file")
    assert run("colorize", album, "-o", out, "--model", model) == 1
    assert "out cannot be written" in capsys.readouterr().err
    assert out.read_text() == "a file"


def test_a_link_to_another_disk_is_no_hindrance(tmp_path, album, model):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk here")
    place = other / f"photochrom-{os.getpid()}"
    place.mkdir()
    try:
        (place / "x.png").write_bytes((album / "a.png").read_bytes())
        (album / "link").symlink_to(place)
        assert run("colorize", album, "--model", model) == 0
        assert sorted(path.name for path in place.iterdir()) == ["x.color.png", "x.png"]
    finally:
        for path in place.iterdir():
            path.unlink()
        place.rmdir()


def test_a_disk_without_links_gets_the_same_results(album, tmp_path, model, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    assert run("colorize", album, "-o", tmp_path / "plain", "--model", model) == 0
    monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        assert run("colorize", album, "-o", tmp_path / "out", "--model", model) == 0
    assert digests(tmp_path / "out") == digests(tmp_path / "plain")


def test_an_album_that_cannot_have_a_ledger_is_named_and_the_others_are_coloured(
    album, tmp_path, model, capsys
):
    """As where one comes with a link in place of our folder."""
    other, theirs = tmp_path / "other", tmp_path / "theirs"
    other.mkdir()
    theirs.mkdir()
    (theirs / f".{'0a' * 16}.part").write_bytes(b"half")
    Image.open(album / "a.png").save(other / "z.png")
    (other / FOLDER).symlink_to(theirs)
    assert run("colorize", other, album, "--model", model) == 1
    told = capsys.readouterr()
    assert len(told.out.split()) == 6
    assert told.err.count("remove it, or choose another folder for the results") == 1
    assert "1 of 7 photos failed" in told.err
    assert len(list(theirs.iterdir())) == 1
    assert run("colorize", other, "-o", tmp_path / "out", "--model", model) == 0


# --- what is in the folder --------------------------------------------------------------------


def test_whatever_lies_in_the_folder_the_photos_are_coloured(album, out, model, tmp_path, capsys):
    (album / "self").symlink_to(".")
    (album / "up").symlink_to("..")
    (album / "summer" / "there").symlink_to("../winter")
    (album / "winter").mkdir()
    (album / "winter" / "back").symlink_to("../summer")
    (album / "loop.jpg").symlink_to("loop.jpg")
    (album / "dangling.jpg").symlink_to("nowhere.jpg")
    (album / "folder.jpg").mkdir()
    Image.open(album / "a.png").save(album / "folder.jpg" / "g.png")
    (album / "empty folder.png").mkdir()
    os.mkfifo(album / "pipe.jpg")
    (album / "photo.jpg").symlink_to("b.jpg")
    assert run("colorize", album, "-o", out, "--model", model) == 1
    said = capsys.readouterr().err
    for words in (
        "loop.jpg cannot be opened (Too many levels of symbolic links)",
        "dangling.jpg does not exist",
        "pipe.jpg is a device or a pipe",
        "3 of 11 photos failed.",
    ):
        assert words in said
    assert list(digests(out)) == sorted([*PLACES, "folder.jpg/g.png", "photo.jpg"])


def test_odd_names_become_the_same_names(album, out, model, tmp_path):
    names = (
        "two\nlines.png", "🎞 größe.png", os.fsdecode(b"caf\xe9.png"), "-rf.png", "a'b\"c .png",
        "n" * 251 + ".png", "%s{0}[red].png", "tab\there\r.png",
    )  # fmt: skip
    for name in names:
        try:
            (album / name).write_bytes((album / "a.png").read_bytes())
        except OSError:
            pytest.skip("this disk does not take such names")
    asked = (album, "--model", model)
    code, answer, _ = end(start(*asked, "-o", out, "--report", tmp_path / "report.csv"))
    assert code == 0
    assert {path.name for path in out.glob("*.png")} == {"a.png", "d.png", *names}
    told = rows(tmp_path / "report.csv")
    for name in names:
        assert told[name]["state"] == "done"
        assert told[name]["results"] == str(out / name)
    assert os.fsencode(f"{'n' * 251}.png") in answer
    code, _, said = end(start(*asked))  # beside the photos
    assert code == 1
    assert "1 of 14 photos failed" in said
    assert "File name too long" in said
    assert (album / "two\nlines.color.png").exists()
    assert len(digests(out)) == 14


def test_a_name_of_any_length_may_be_given(model, capsys, tmp_path):
    for name in ("n" * 300 + ".jpg", "/".join(["n" * 200] * 30) + ".jpg"):
        assert run("colorize", tmp_path / name, "--model", model) == 1
        said = capsys.readouterr().err
        assert "(File name too long): " in said
        assert len(said.splitlines()) == 1


def test_a_folder_that_does_not_open_is_named_and_the_others_are_coloured(
    album, out, model, capsys, monkeypatch
):
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("sea"):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert run("colorize", album, "-o", out, "--model", model) == 1
    said = capsys.readouterr().err
    assert "sea cannot be searched (Permission denied): check its permissions." in said
    assert list(digests(out)) == PLACES[:-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may read everything")
def test_a_photo_that_may_not_be_read_is_named(album, out, model, capsys):
    (album / "a.png").chmod(0)
    (album / "summer" / "sea").chmod(0)
    try:
        assert run("colorize", album, "-o", out, "--model", model) == 1
    finally:
        (album / "summer" / "sea").chmod(0o700)
    said = capsys.readouterr().err
    assert "a.png cannot be opened (Permission denied)" in said
    assert "sea cannot be searched (Permission denied)" in said


def test_what_vanishes_meanwhile_is_named(album, out, model, capsys, monkeypatch):
    jobs = planning.jobs

    def then_gone(*given):
        found = jobs(*given)
        (album / "a.png").unlink()
        (album / "summer" / "sea" / "f.jpg").unlink()
        (album / "summer" / "sea").rmdir()
        return found

    monkeypatch.setattr(planning, "jobs", then_gone)
    assert run("colorize", album, "-o", out, "--model", model) == 1
    said = capsys.readouterr().err
    assert "a.png does not exist" in said
    assert "f.jpg does not exist" in said
    assert len(digests(out)) == 4


def test_a_folder_of_nothing_but_trouble(tmp_path, model, capsys):
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").symlink_to("nowhere")
    assert run("colorize", tmp_path / "album", "--model", model) == 1
    assert "a.jpg does not exist" in capsys.readouterr().err


# --- the report -------------------------------------------------------------------------------


def test_a_report_tells_what_came_of_each(album, out, model, tmp_path, capsys):
    (album / "bad.jpg").write_bytes(b"bad")
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    Image.fromarray(np.dstack([ramp, 255 - ramp, ramp // 2])).save(album / "beach.png")
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


def test_a_request_that_was_wrong_leaves_no_report(album, model, tmp_path):
    report = tmp_path / "report.csv"
    assert run("colorize", album, "--model", "typo", "--report", report) == 2
    assert not report.exists()
    assert run("colorize", album, "--model", model, "--report", report) == 0


def test_a_report_of_versions_has_a_line_for_each(album, model, out, tmp_path):
    report = tmp_path / "report.csv"
    asked = (album / "a.png", "-o", out, "--model", model, "--samples", 2, "--report", report)
    assert run("colorize", *asked) == 0
    assert rows(report)["a.png"]["results"] == f"{out / 'a-1.png'}\n{out / 'a-2.png'}"


# --- a pipe -----------------------------------------------------------------------------------


@pytest.fixture
def pipe(monkeypatch, capfdbinary):
    """Runs with bytes in the standard input; answers as :func:`end` does."""

    def pipe(given: bytes, *asked: object) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        capfdbinary.readouterr()
        code = run("colorize", *asked)
        told = capfdbinary.readouterr()
        return code, told.out, told.err.decode()

    return pipe


def test_through_a_pipe_a_photo_becomes_what_it_becomes_in_a_file(album, out, model, pipe):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ansel"
    Image.open(album / "b.jpg").save(album / "b.jpg", exif=exif, dpi=(300, 300))
    assert run("colorize", album, "-o", out, "--model", model) == 0
    for name in ("a.png", "b.jpg", "c.tif"):
        given, expected = (album / name).read_bytes(), (out / name).read_bytes()
        for asked in (("-",), ("-", "-o", "-"), (album / name, "-o", "-")):
            assert pipe(given, *asked, "--model", model) == (0, expected, ""), asked
    with Image.open(out / "b.jpg") as image:
        assert image.getexif()[ExifTags.Base.Artist] == "Ansel"
    process = start("-", "--model", model, stdin=subprocess.PIPE)
    assert end(process, (album / "b.jpg").read_bytes()) == (0, (out / "b.jpg").read_bytes(), "")


def test_from_a_pipe_into_a_file(album, model, tmp_path, pipe):
    given, target = (album / "b.jpg").read_bytes(), tmp_path / "new" / "x.png"
    asked = ("-", "-o", target, "--model", model)
    assert pipe(given, *asked) == (0, f"{target}\n".encode(), "")
    assert Image.open(target).size == (64, 48)
    code, answer, said = pipe(given, *asked)
    assert (code, answer) == (1, b"")
    assert "exists already" in said
    assert pipe(given, *asked, "--force")[0] == 0
    code, _, said = pipe(given, "-", "-o", tmp_path, "--model", model)
    assert code == 1
    assert "is a folder" in said


def test_a_pipe_of_something_else_answers_nothing(album, model, scene, pipe):
    colour = io.BytesIO()
    Image.fromarray(np.dstack([scene, 255 - scene, scene // 2])).save(colour, "PNG")
    whole = (album / "a.png").read_bytes()
    cases = {
        b"": "is empty", b"text": "is not a picture", whole[: len(whole) // 2]: "damaged",
        colour.getvalue(): "is in colour already",
    }  # fmt: skip
    for given, words in cases.items():
        code, answer, said = pipe(given, "-", "--model", model)
        assert (code, answer) == (1, b""), words
        assert words in said
        assert len(said.splitlines()) == 1


def test_pages_go_through_a_pipe_whole_or_not_at_all(album, model, scene, pipe):
    pages = [Image.fromarray(scene), Image.fromarray(255 - scene)]
    pages[0].save(album / "scan.tif", save_all=True, append_images=pages[1:])
    given = (album / "scan.tif").read_bytes()
    code, answer, said = pipe(given, "-", "--model", model)
    assert (code, said) == (0, "")
    with Image.open(io.BytesIO(answer)) as image:
        assert (image.n_frames, image.mode) == (2, "RGB")
    with Image.open(album / "scan.tif") as image:
        image.seek(1)
        strip = image.tag_v2[273][0]
    broken = given.replace(strip.to_bytes(4, "little"), (1 << 30).to_bytes(4, "little"))
    code, answer, said = pipe(broken, "-", "--model", model)
    assert (code, answer) == (1, b"")
    assert "Page 2 of the photo" in said


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("-", "b.jpg"), "takes one photo"),
        ((".", "-o", "-"), "is a folder"),
        (("gone.jpg", "-o", "-"), "does not exist"),
        (("-", "--samples", 2), "without --watch"),
        (("-", "--watch"), "without --watch"),
        (("-", "--report", "x.csv"), "without --watch"),
        (("-", "--ray"), "without --watch"),
    ],
)
def test_what_a_pipe_does_not_take(album, model, asked, words, capsys, monkeypatch):
    monkeypatch.chdir(album)
    assert run("colorize", *asked, "--model", model) in (1, 2)
    said = capsys.readouterr()
    assert words in said.err
    assert not said.out


def test_a_photo_is_not_sent_to_a_terminal(album, model, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert run("colorize", album / "a.png", "-o", "-", "--model", model) == 2
    assert "would be noise" in capsys.readouterr().err


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


# --- a watch ----------------------------------------------------------------------------------


def looks(times: int, monkeypatch, between) -> None:
    """Let a watch look so often, with something happening between, then interrupt it."""
    counted = []

    def sleep(_: float) -> None:
        counted.append(1)
        between(len(counted))
        if len(counted) == times:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)


def test_what_arrives_is_coloured_when_it_lies_still(album, out, model, capsys, monkeypatch):
    whole = (album / "a.png").read_bytes()
    (album / "a.png").unlink()
    seen = {}

    def grow(look: int) -> None:
        with (album / "slow.png").open("ab") as file:  # a third at each of three looks
            file.write(
                whole[len(whole) // 3 * (look - 1) : None if look == 3 else len(whole) // 3 * look]
                if look <= 3
                else b""
            )
        seen[look] = sorted(digests(out)) if out.exists() else []

    looks(6, monkeypatch, grow)
    assert run("colorize", album, "-o", out, "--model", model, "--watch") == 0
    assert seen[1] == []
    assert seen[2] == PLACES[1:]
    assert seen[4] == PLACES[1:]
    assert seen[5] == sorted([*PLACES[1:], "slow.png"])
    told = capsys.readouterr()
    assert told.out.split().count(str(out / "slow.png")) == 1
    assert "failed" not in told.err


def test_a_watch_tries_what_failed_again_when_it_changes(album, out, model, monkeypatch, tmp_path):
    bad = album / "a.png"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:200])
    tried = []
    colour = Worker.__call__

    def note(self, job, journal, turn):
        tried.append(job.photo.name)
        return colour(self, job, journal, turn)

    monkeypatch.setattr(Worker, "__call__", note)
    looks(7, monkeypatch, lambda look: bad.write_bytes(whole) if look == 4 else None)
    report = tmp_path / "report.csv"
    asked = ("colorize", album, "-o", out, "--model", model, "--watch", "--report", report)
    assert run(*asked) == 1  # something has failed
    assert tried.count("a.png") == 2
    assert len(tried) == 7
    assert (out / "a.png").exists()
    assert len(report.read_text().splitlines()) >= 8


def test_a_watch_does_not_feed_itself(album, model, monkeypatch, capsys):
    for out in ((), ("-o", album / "out")):
        looks(6, monkeypatch, lambda _: None)
        assert run("colorize", album, *out, "--model", model, "--watch") == 0
        assert len(capsys.readouterr().out.split()) == 6
        looks(4, monkeypatch, lambda _: None)
        assert run("colorize", album, *out, "--model", model, "--watch") == 0
        told = capsys.readouterr()
        assert not told.out
        assert "6 of 6 photos were done before." in told.err
    assert not (album / "out" / "out").exists()


def test_a_watch_waits_for_the_first_photo_and_outlives_the_folder(tmp_path, model, monkeypatch):
    folder = tmp_path / "inbox"
    folder.mkdir()

    def happen(look: int) -> None:
        if look == 2:
            folder.rmdir()
        elif look == 4:
            folder.mkdir()
            Image.new("L", (40, 40), 99).save(folder / "x.png")

    looks(8, monkeypatch, happen)
    assert run("colorize", folder, "-o", tmp_path / "out", "--model", model, "--watch") == 0
    assert list(digests(tmp_path / "out")) == ["x.png"]


def test_a_full_disk_ends_a_watch(album, out, model, capsys, monkeypatch):
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    looks(5, monkeypatch, lambda _: None)
    monkeypatch.setattr(files, "_place", fill)
    assert run("colorize", album, "-o", out, "--model", model, "--watch") == 1
    assert capsys.readouterr().err.count("make room, then go on") == 1


def test_what_a_watch_does_not_take(album, model, tmp_path, capsys):
    hints = tmp_path / "hints.json"
    hints.write_text(json.dumps({"hints": [{"x": 1, "y": 1, "color": "red"}]}))
    for asked, words in (
        ((album / "a.png",), "--watch takes folders"),
        ((album, "--ray"), "leave out --ray and --hints"),
        ((album, "--hints", hints), "leave out --ray and --hints"),
    ):
        assert run("colorize", *asked, "--watch", "--model", model) == 2
        assert words in capsys.readouterr().err


def test_a_watch_ends_by_an_interrupt_with_a_summary(album, out, model):
    process = start(album, "-o", out, "--model", model, "--watch")
    wait_for(lambda: out.exists() and list(digests(out)) == PLACES)
    process.send_signal(signal.SIGINT)
    code, answer, said = end(process)
    assert code == 0
    assert len(answer.split()) == 6
    assert "Interrupted" not in said
    assert not list((out / FOLDER).glob("*.part"))
