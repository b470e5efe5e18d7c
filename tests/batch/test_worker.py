"""One photo at a time: what comes of it, whatever was there before and whatever goes wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import raising, unfinished
from photochrom import errors, files
from photochrom.batch import planning, worker
from photochrom.batch.entries import Seen
from photochrom.batch.journal import FOLDER, Journal
from photochrom.batch.options import BatchOptions
from photochrom.batch.planning import Job
from photochrom.batch.turn import GivenUp, Turn
from photochrom.batch.worker import Worker
from photochrom.errors import BadOption, CannotWrite
from photochrom.image import encoding
from photochrom.image.encoding import Encoding
from photochrom.inference import pipeline
from photochrom.inference.colorizer import Colorizer


@pytest.fixture
def job(tmp_path: Path, scene) -> Job:
    Image.fromarray(scene).save(tmp_path / "a.png")
    return Job(tmp_path / "a.png", tmp_path / "out" / "a.png", tmp_path / "out")


@pytest.fixture
def do(model, job):
    """Colours the job as in a process of its own."""

    def do(given: Job = job, **options):
        journal = Journal(given.root)
        try:
            return Worker(BatchOptions(model=str(model), **options))(given, journal)
        finally:
            journal.close()

    return do


def redo(path: Path) -> None:
    """Other pixels, in a file that is read as well."""
    Image.fromarray(255 - np.asarray(Image.open(path))).save(path)


def journal_of(job: Job) -> Path:
    """The only file in which something was noted."""
    (path,) = [path for path in (job.root / FOLDER).iterdir() if path.stat().st_size]
    return path


def keep_first_line(job: Job) -> None:
    """Leave of the journal what there is when the process is killed after one result."""
    path = journal_of(job)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])


# --- what is there already --------------------------------------------------------------------


def test_what_is_done_is_skipped_and_made_again_if_it_was_deleted(do, job):
    first = do()
    assert (first.state, first.results, first.words) == ("done", (str(job.target),), "")
    before, content = job.target.stat(), job.target.read_bytes()
    again = do()
    assert (again.state, again.results) == ("skipped", first.results)
    assert job.target.stat().st_ino == before.st_ino
    job.target.unlink()
    assert do().state == "done"
    assert job.target.read_bytes() == content


@pytest.mark.parametrize("what", ["the photo", "the result", "both"])
def test_what_has_changed_is_not_taken_for_done_nor_replaced(do, job, what):
    """Be it retouched, or somebody else's."""
    if what == "both":
        job.root.mkdir()
        job.target.write_bytes(b"mine")
    else:
        do()
        redo(job.photo if what == "the photo" else job.target)
    before = job.target.read_bytes()
    refused = do()
    assert (refused.state, refused.results) == ("failed", ())
    assert "a.png exists already" in refused.words
    assert job.target.read_bytes() == before
    assert do(force=True).state == "done"
    assert job.target.read_bytes() != before
    assert do().state == "skipped"


def test_other_options_are_other_results(do, job):
    do()
    before = job.target.read_bytes()
    for other in ({"strength": 0.5}, {"strip": True}, {"mark": False}, {"size": 32}, {"seed": 1},
                  {"quality": "best"}):  # fmt: skip
        assert "exists already" in do(**other).words, other
    assert job.target.read_bytes() == before
    for same in ({"device": "cpu"}, {"force": True}):  # it is what was asked for
        assert do(**same).state == "skipped"
    assert do(strength=0.5, force=True).state == "done"
    assert do(strength=0.5).state == "skipped"
    assert "exists already" in do().words


def test_options_that_are_newer_than_a_journal_leave_its_digests_as_they_were(model):
    def digest(**options) -> str:
        return Worker(BatchOptions(model=str(model), **options)).digest

    known = {
        "model": hashlib.sha256(model.read_bytes()).hexdigest(), "size": None, "strength": 1.0,
        "vivid": None, "hints": None, "reference": None, "samples": None, "seed": 0,
        "recolor": False, "strip": False, "mark": True,
    }  # fmt: skip
    old = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()
    assert digest() == digest(timeout=9, keep_times=True, damaged=True) == old
    assert old not in (digest(quality="best"), digest(encoding=Encoding(quality=80)))


def test_of_files_that_options_name_the_content_counts(model, tmp_path):
    def digest(model: Path, color: str) -> str:
        hints = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        hints.write_text(json.dumps({"hints": [{"x": 1, "y": 1, "color": color}]}))
        return Worker(BatchOptions(model=str(model), hints=hints)).digest

    first = digest(model, "red")
    assert first == digest(model, "red") != digest(model, "blue")
    assert first == digest(model.rename(tmp_path / "renamed.onnx"), "red")


def test_one_in_colour_is_passed_over_and_remembered(do, job, color_scene, monkeypatch):
    Image.fromarray(color_scene).save(job.photo)
    first = do()
    assert first.state == "passed"
    assert "a.png is in colour already" in first.words
    journal = journal_of(job)  # whose words are not repeated
    told = json.loads(journal.read_bytes())
    journal.write_text(json.dumps(told | {"passed": "\x1b[31mSend me your password"}) + "\n")
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "read_pages", None)  # it is not even opened
        again = do()
    assert (again.state, again.words, again.results) == ("passed", first.words, ())
    assert do(recolor=True).state == "done"


# --- versions ---------------------------------------------------------------------------------


@pytest.fixture
def versions(do, job) -> dict[Path, bytes]:
    """Three that were made."""
    paths = planning.numbered(job.target, 3)
    assert do(samples=3).results == tuple(map(str, paths))
    return {path: path.read_bytes() for path in paths}


def contents(paths: Iterable[Path]) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in paths if path.exists()}


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_versions_that_were_cut_off_are_made_whole(do, job, versions, monkeypatch, kept):
    for path in [*versions, journal_of(job)]:
        path.unlink()
    place = files._place

    def die(part: Path, target: Path) -> None:
        if len(contents(versions)) == kept:
            raise KeyboardInterrupt  # after it was noted, before it had its name
        place(part, target)

    with monkeypatch.context() as patch:
        patch.setattr(files, "_place", die)
        with pytest.raises(KeyboardInterrupt):
            do(samples=3)
    assert [path.exists() for path in versions] == [i < kept for i in range(3)]
    assert do(samples=3).state == "done"
    assert contents(versions) == versions
    for _ in range(4):  # with journals in any order
        assert do(samples=3).state == "skipped"


def test_versions_go_on_beside_a_file_that_came_meanwhile(do, job, versions):
    first, second, third = versions
    keep_first_line(job)
    second.unlink()
    third.write_bytes(b"mine")
    assert "a-3.png exists already" in do(samples=3).words
    assert contents(versions) == {first: versions[first], third: b"mine"}
    third.unlink()
    assert do(samples=3).state == "done"
    assert contents(versions) == versions


def test_a_journal_that_came_with_the_album_replaces_nothing(do, job, versions):
    """Of versions that it says are done, whatever they are."""
    first, second, third = versions
    told = json.loads(journal_of(job).read_bytes().splitlines()[1])
    for path, seen in zip((first, second), told["results"], strict=True):
        path.write_bytes(b"mine")
        seen |= vars(Seen.at(path, path.name))
    journal_of(job).write_text(json.dumps(told) + "\n")
    third.unlink()
    assert do(samples=3).state == "done"
    assert contents(versions) == versions | {first: b"mine", second: b"mine"}
    assert do(samples=3).state == "skipped"


# --- another process --------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [None, 3])
@pytest.mark.parametrize(
    ("place", "name"), [(worker, "make_parent"), (Colorizer, "find_colors"), (files, "_place")]
)
def test_another_process_that_is_faster_is_not_in_the_way(
    do, job, monkeypatch, place, name, samples
):
    """Whenever it comes: all is there, whole, and neither has failed."""
    others, function = [], getattr(place, name)

    def late(*given, **options):
        monkeypatch.undo()
        others.append(do(samples=samples))
        return function(*given, **options)

    monkeypatch.setattr(place, name, late)
    mine = do(samples=samples)
    assert [others[0].state, mine.state] == ["done", "skipped"]
    assert others[0].results == mine.results
    assert not unfinished(job.root)
    assert do(samples=samples).state == "skipped"


def test_another_process_that_was_killed_half_way_is_not_waited_for(do, job, versions, monkeypatch):
    for path in [*versions, journal_of(job)]:
        path.unlink()
    room = worker.make_parent

    def late(target: Path) -> None:
        monkeypatch.undo()
        do(samples=3)
        keep_first_line(job)
        for path in list(versions)[1:]:
            path.unlink()
        room(target)

    monkeypatch.setattr(worker, "make_parent", late)
    assert do(samples=3).state == "done"
    assert contents(versions) == versions


# --- faults -----------------------------------------------------------------------------------


def test_a_name_that_is_too_long_for_its_result_is_said(do, job):
    photo = job.photo.rename(job.photo.with_name("n" * 251 + ".png"))
    outcome = do(Job(photo, photo.with_name(photo.stem + ".color.png"), photo.parent))
    assert outcome.state == "failed"
    assert "File name too long" in outcome.words
    assert "\n" not in outcome.words
    assert do(Job(photo, job.root / photo.name, job.root)).state == "done"


def test_trouble_is_told_as_it_was_found(do, job):
    outcome = do(job._replace(trouble=f"{job.photo} cannot be searched"))
    assert (outcome.state, outcome.words) == ("failed", f"{job.photo} cannot be searched")


@pytest.mark.parametrize(("where", "name"), [(files, "_place"), (encoding, "encode_pages")])
@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO, errno.ESTALE, errno.EFBIG])
def test_a_disk_that_refuses_costs_one_photo(do, job, monkeypatch, where, name, code):
    monkeypatch.setattr(where, name, raising(OSError(code, os.strerror(code))))
    outcome = do()
    assert outcome.state == "failed"
    assert os.strerror(code) in outcome.words
    assert not job.target.exists()
    assert not unfinished(job.root)


def test_a_disk_that_does_not_let_go_of_what_is_unfinished_says_what_was_first(out, monkeypatch):
    refuse = raising(OSError(errno.EROFS, "Read-only file system"))
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(CannotWrite, match=r"out cannot be written \(Read-only file system\)"):
        files.write_atomically(out, refuse)


def test_a_disk_without_links(do, job, monkeypatch):
    do()
    expected = job.target.read_bytes()
    job.target.unlink()
    monkeypatch.setattr(os, "link", raising(OSError(errno.EPERM, "Operation not permitted")))
    assert [do().state, do().state] == ["done", "skipped"]
    assert job.target.read_bytes() == expected
    redo(job.photo)
    assert "exists already" in do().words
    with pytest.raises(CannotWrite, match="exists already"):
        files.write_atomically(job.target, lambda file: file.write(b"new"), force=False)
    assert [path.name for path in job.root.iterdir() if path.name != FOLDER] == ["a.png"]


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_two_disks_that_look_like_one(do, job, monkeypatch, force, within):
    """As mergerfs is, or a bind mount: what lies in another folder cannot be moved here."""

    def only_near(name, function):
        def move(source, target, *, src_dir_fd, dst_dir_fd, **options):
            if (within and name == "link") or not os.path.sameopenfile(src_dir_fd, dst_dir_fd):
                raise OSError(errno.EXDEV, "Invalid cross-device link")
            function(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **options)

        return move

    for name in ("link", "replace", "rename"):
        monkeypatch.setattr(os, name, only_near(name, getattr(os, name)))
    assert do(force=force).state == "done"
    assert not unfinished(job.root)
    job.target.write_bytes(b"mine")
    assert do(force=force).state == ("done" if force else "failed")
    assert (job.target.read_bytes() == b"mine") is not force


def test_a_photo_that_vanishes_when_it_was_passed_over_is_no_error(
    do, job, color_scene, monkeypatch
):
    Image.fromarray(color_scene).save(job.photo)
    monkeypatch.setattr(pipeline, "is_color", lambda _: job.photo.unlink() or True)
    assert do().state == "passed"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"samples": 0}, "samples is 0"), ({"samples": 65}, "samples is 65"),
        ({"hints": Path("none.json")}, "cannot be read as hints"), ({"device": "tpu"}, "is tpu"),
    ],
)  # fmt: skip
def test_what_the_options_name_is_looked_at_before_the_work(model, options, words):
    with pytest.raises(BadOption, match=words):
        Worker(BatchOptions(model=str(model), **options))


# --- a turn -----------------------------------------------------------------------------------


def test_a_turn_is_given_up_until_it_is_claimed_and_again_when_released():
    turn = Turn()
    turn.claim()
    assert not turn.give_up()
    turn.release()
    assert turn.give_up()
    with pytest.raises(GivenUp):
        turn.claim()


def test_a_photo_that_is_given_up_while_it_is_coloured_leaves_nothing(model, job):
    turn, known = Turn(), Journal(job.root)
    assert turn.give_up()
    with pytest.raises(GivenUp):
        Worker(BatchOptions(model=str(model)))(job, known, turn)
    known.close()
    assert [path.name for path in job.root.rglob("*")] == [FOLDER]


# --- notes ------------------------------------------------------------------------------------


def test_notes_of_all_pages_are_told_once(do, job, scene, monkeypatch):
    scan, page = job.photo.with_suffix(".tif"), Image.fromarray(scene)
    page.save(scan, save_all=True, append_images=[page])
    notes = ("its thumbnail was left out.", "odd")
    monkeypatch.setattr(pipeline, "fit_to_format", lambda photo, _: replace(photo, notes=notes))
    outcome = do(Job(scan, job.root / "a.tif", job.root))
    assert outcome.words == f"{scan}: its thumbnail was left out; odd."


def test_a_format_that_cannot_be_written_is_said_unless_another_was_asked_for(do, job, scene):
    gif = job.photo.with_suffix(".gif")
    Image.fromarray(scene).save(gif)
    said = f"{gif}: GIF cannot be written, so the result is PNG."
    for target, root, words in (
        (gif.with_suffix(".color.png"), None, said),
        (job.root / "a.gif.png", job.root, said),
        (job.root / "new.png", None, ""),
    ):
        assert do(Job(gif, target, root)).words == words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.BadPhoto("a.jpg is empty."), "a.jpg is empty."),
        (errors.BadPhoto("It is empty."), "a.jpg: It is empty."),
        (OSError(errno.EIO, "Input/output error"), "cannot be coloured (Input/output error)"),
        (MemoryError(), "needs more memory than there is"),
        (OSError("odd"), "went wrong inside photochrom (OSError)"),
    ],
)
def test_each_error_becomes_one_sentence_with_the_photos_name(error, words):
    said = errors.explain(error, "a.jpg")
    assert words in said
    assert "a.jpg" in said
    assert said.endswith(".")
