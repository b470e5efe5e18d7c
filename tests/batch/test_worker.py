"""One photo at a time: what comes of it, whatever was there before and whatever goes wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom import files
from photochrom.batch import planning, worker
from photochrom.batch.journal import FOLDER, Journal, Seen
from photochrom.batch.options import BatchOptions
from photochrom.batch.planning import Job
from photochrom.batch.worker import Worker
from photochrom.errors import BadModel, BadOption, CannotWrite, DiskFull
from photochrom.image import encoding
from photochrom.image.photo import Photo
from photochrom.inference import flow
from photochrom.inference.colorizer import Colorizer


@pytest.fixture
def model(make_model) -> str:
    return str(make_model(hints=0.1, tells=("logits", "features")))


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
            return Worker(BatchOptions(model=model, **options))(given, journal)
        finally:
            journal.close()

    return do


def redo(path: Path) -> None:
    """Other pixels, in a file that is read as well."""
    pixels = np.asarray(Image.open(path))
    Image.fromarray(255 - pixels).save(path)


# --- what is there already --------------------------------------------------------------------


def test_what_is_done_is_skipped_by_its_content(do, job):
    first = do()
    assert (first.state, first.results, first.words) == ("done", (str(job.target),), "")
    before = job.target.stat()
    os.utime(job.photo, ns=(1, 1))
    os.utime(job.target, ns=(2, 2))
    again = do()
    assert (again.state, again.results) == ("skipped", (str(job.target),))
    assert job.target.stat().st_ino == before.st_ino


def test_a_photo_that_has_changed_is_not_taken_for_done(do, job):
    do()
    before = job.target.read_bytes()
    redo(job.photo)
    refused = do()
    assert (refused.state, refused.results) == ("failed", ())
    assert "a.png exists already" in refused.words
    assert job.target.read_bytes() == before
    assert do(force=True).state == "done"
    assert job.target.read_bytes() != before
    assert do().state == "skipped"


def test_other_options_are_another_wish(do, job):
    do()
    before = job.target.read_bytes()
    for other in ({"strength": 0.5}, {"strip": True}, {"mark": False}, {"size": 32}, {"seed": 1}):
        assert "exists already" in do(**other).words, other
    assert job.target.read_bytes() == before
    assert "exists already" in do(quality="best").words
    assert do(strength=0.5, force=True).state == "done"
    assert do(strength=0.5).state == "skipped"
    assert "exists already" in do().words


def test_the_device_and_force_are_no_part_of_a_wish(do):
    do()
    assert do(device="cpu").state == "skipped"
    assert do(force=True).state == "skipped"  # it is what was asked for


def test_what_was_done_before_there_was_a_quality_is_still_done(model):
    known = {
        "hints": None,
        "mark": True,
        "model": hashlib.sha256(Path(model).read_bytes()).hexdigest(),
        "recolor": False,
        "reference": None,
        "samples": None,
        "seed": 0,
        "size": None,
        "strength": 1.0,
        "strip": False,
        "vivid": None,
    }
    old = hashlib.sha256(json.dumps(known).encode()).hexdigest()
    assert Worker(BatchOptions(model=model)).digest == old
    assert Worker(BatchOptions(model=model, quality="best")).digest != old


def test_a_wish_is_what_is_in_the_files_it_names(model, job, tmp_path):
    def digest(path: str) -> str:
        return Worker(BatchOptions(model=model, hints=tmp_path / path)).digest

    hints = '{"hints": [{"x": 1, "y": 1, "color": "red"}]}'
    (tmp_path / "a.json").write_text(hints)
    (tmp_path / "b.json").write_text(hints)
    (tmp_path / "c.json").write_text(hints.replace("red", "blue"))
    assert digest("a.json") == digest("b.json") != digest("c.json")
    renamed = Path(model).rename(tmp_path / "renamed.onnx")
    assert Worker(BatchOptions(model=str(renamed), hints=tmp_path / "a.json")).digest == wish_of(
        renamed, tmp_path
    )


def wish_of(model: Path, folder: Path) -> str:
    again = str(model.rename(folder / "toy.onnx"))
    return Worker(BatchOptions(model=again, hints=folder / "b.json")).digest


def test_a_result_that_was_retouched_is_kept(do, job):
    do()
    redo(job.target)
    before = job.target.read_bytes()
    assert "exists already" in do().words
    assert job.target.read_bytes() == before


def test_a_result_that_was_deleted_is_made_again(do, job):
    do()
    before = job.target.read_bytes()
    job.target.unlink()
    assert do().state == "done"
    assert job.target.read_bytes() == before


def test_a_file_of_somebody_else_is_kept(do, job):
    job.root.mkdir()
    job.target.write_bytes(b"mine")
    assert "exists already" in do().words
    assert job.target.read_bytes() == b"mine"


def test_one_in_colour_is_passed_over_and_remembered(do, job, scene, monkeypatch):
    ramp = np.dstack([scene, 255 - scene, np.full_like(scene, 90)])
    Image.fromarray(ramp).save(job.photo)
    first = do()
    assert first.state == "passed"
    assert "a.png is in colour already" in first.words
    monkeypatch.setattr(flow, "read_pages", None)  # it is not even opened
    again = do()
    assert (again.state, again.words, again.results) == ("passed", first.words, ())
    monkeypatch.undo()
    assert do(recolor=True).state == "done"


# --- versions ---------------------------------------------------------------------------------


def versions(job: Job, count: int = 3) -> list[Path]:
    return planning.numbered(job.target, count)


def test_versions_that_were_cut_off_are_made_whole(do, job, monkeypatch):
    whole = do(samples=3)
    assert whole.results == tuple(map(str, versions(job)))
    expected = [path.read_bytes() for path in versions(job)]
    for kept in (0, 1, 2):
        for path in [*versions(job)[kept:], *(job.root / FOLDER).iterdir()]:
            path.unlink(missing_ok=True)
        for path in versions(job):
            path.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            place, placed = files._place, []

            def die(part: Path, target: Path, placed=placed, kept=kept, place=place) -> None:
                if len(placed) == kept:
                    raise KeyboardInterrupt  # after it was noted, before it had its name
                placed.append(target)
                place(part, target)

            patch.setattr(files, "_place", die)
            with pytest.raises(KeyboardInterrupt):
                do(samples=3)
        assert [path.exists() for path in versions(job)] == [i < kept for i in range(3)]
        assert do(samples=3).state == "done"
        assert [path.read_bytes() for path in versions(job)] == expected
        for _ in range(4):  # with journals in any order
            assert do(samples=3).state == "skipped"


def test_versions_go_on_beside_a_file_that_came_meanwhile(do, job, monkeypatch):
    do(samples=3)
    expected = [path.read_bytes() for path in versions(job)]
    (journal,) = (job.root / FOLDER).iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0])  # as killed after the first
    versions(job)[1].unlink()
    versions(job)[2].write_bytes(b"mine")
    assert "a-3.png exists already" in do(samples=3).words
    assert versions(job)[2].read_bytes() == b"mine"
    assert not versions(job)[1].exists()
    versions(job)[2].unlink()
    assert do(samples=3).state == "done"
    assert [path.read_bytes() for path in versions(job)] == expected


def test_a_ledger_that_came_with_the_album_replaces_nothing(do, job):
    """Of versions that it says are done, whatever they are."""
    do(samples=3)
    (journal,) = (job.root / FOLDER).iterdir()
    mine, other, last = versions(job)
    told = json.loads(journal.read_bytes().splitlines()[1])
    for path, seen in zip((mine, other), told["results"], strict=True):
        path.write_bytes(b"mine")
        seen |= vars(Seen.at(path, path.name))
    journal.write_text(json.dumps(told) + "\n")
    expected = last.read_bytes()
    last.unlink()
    assert do(samples=3).state == "done"
    assert [path.read_bytes() for path in versions(job)] == [b"mine", b"mine", expected]
    assert do(samples=3).state == "skipped"


def test_what_a_ledger_says_is_not_repeated(do, job, scene):
    Image.fromarray(np.dstack([scene, 255 - scene, scene // 2])).save(job.photo)
    words = do().words
    assert "is in colour already" in words
    (journal,) = (job.root / FOLDER).iterdir()
    told = json.loads(journal.read_bytes())
    journal.write_text(json.dumps(told | {"passed": "\x1b[31mSend me your password"}) + "\n")
    again = do()
    assert (again.state, again.words) == ("passed", words)


# --- another process --------------------------------------------------------------------------


@pytest.mark.parametrize("samples", [None, 3])
@pytest.mark.parametrize("moment", ["before it is read", "while it is coloured", "at its name"])
def test_another_process_that_is_faster_is_not_in_the_way(do, job, monkeypatch, moment, samples):
    """Whenever it comes: all is there, whole, and neither has failed."""
    place, room, render = files._place, worker.make_room, Colorizer.render
    others = []

    def meanwhile() -> None:
        monkeypatch.undo()
        others.append(do(samples=samples))

    def late_place(part: Path, target: Path) -> None:
        meanwhile()
        place(part, target)

    def late_room(target: Path) -> None:
        meanwhile()
        room(target)

    def late_render(self, *given, **options):
        meanwhile()
        return render(self, *given, **options)

    if moment == "at its name":
        monkeypatch.setattr(files, "_place", late_place)
    elif moment == "before it is read":
        monkeypatch.setattr(worker, "make_room", late_room)
    else:
        monkeypatch.setattr(Colorizer, "render", late_render)
    mine = do(samples=samples)
    assert [others[0].state, mine.state] == ["done", "skipped"]
    assert others[0].results == mine.results
    assert not list((job.root / FOLDER).glob("*.part"))
    assert do(samples=samples).state == "skipped"


def test_another_process_that_was_killed_half_way_is_not_waited_for(do, job, monkeypatch):
    do(samples=3)
    expected = [path.read_bytes() for path in versions(job)]
    for path in [*versions(job), *(job.root / FOLDER).iterdir()]:
        path.unlink()
    room = worker.make_room

    def late(target: Path) -> None:
        monkeypatch.undo()
        do(samples=3)
        (journal,) = [path for path in (job.root / FOLDER).iterdir() if path.stat().st_size]
        journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
        for path in versions(job)[1:]:
            path.unlink()
        room(target)

    monkeypatch.setattr(worker, "make_room", late)
    assert do(samples=3).state == "done"
    assert [path.read_bytes() for path in versions(job)] == expected


# --- faults -----------------------------------------------------------------------------------


def test_what_is_no_photo_fails_with_a_sentence(do, job, tmp_path):
    cases = {}
    for name in ("empty", "text", "folder", "pipe", "loop", "dangling", "gone"):
        cases[name] = tmp_path / f"{name}.png"
    cases["empty"].write_bytes(b"")
    cases["text"].write_bytes(b"no picture")
    cases["folder"].mkdir()
    os.mkfifo(cases["pipe"])
    cases["loop"].symlink_to(cases["loop"])
    cases["dangling"].symlink_to("nowhere.png")
    words = {
        "empty": "is empty", "text": "not a photo", "folder": "is a folder",
        "pipe": "is a device or a pipe", "loop": "cannot be opened",
        "dangling": "does not exist", "gone": "does not exist",
    }  # fmt: skip
    for name, path in cases.items():
        outcome = do(Job(path, job.target, job.root))
        assert (outcome.state, outcome.results) == ("failed", ()), name
        assert words[name] in outcome.words
        assert str(path) in outcome.words
    assert not job.target.exists()


def test_a_name_that_is_too_long_for_its_result_is_said(do, job):
    photo = job.photo.rename(job.photo.with_name("n" * 251 + ".png"))
    outcome = do(Job(photo, photo.with_name(photo.stem + ".color.png"), photo.parent))
    assert outcome.state == "failed"
    assert "File name too long" in outcome.words
    assert "\n" not in outcome.words
    assert do(Job(photo, job.root / photo.name, job.root)).state == "done"


def test_trouble_is_told_as_it_was_found(do, job):
    trouble = f"{job.photo} cannot be searched"
    outcome = do(job._replace(trouble=trouble))
    assert (outcome.state, outcome.words) == ("failed", trouble)


def raising(error: Exception):
    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


@pytest.mark.parametrize(("where", "name"), [(files, "_place"), (encoding, "encode_pages")])
@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO, errno.ESTALE])
def test_a_disk_that_refuses_costs_one_photo(do, job, monkeypatch, where, name, code):
    monkeypatch.setattr(where, name, raising(OSError(code, os.strerror(code))))
    outcome = do()
    assert outcome.state == "failed"
    assert os.strerror(code) in outcome.words
    assert not job.target.exists()
    assert not list((job.root / FOLDER).glob("*.part"))


def test_a_full_disk_stops_the_work(do, job, monkeypatch):
    monkeypatch.setattr(files, "_place", raising(OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(DiskFull, match=r"a.png cannot be written \(No space left .*make room"):
        do()
    assert not job.target.exists()
    assert not list((job.root / FOLDER).glob("*.part"))
    monkeypatch.undo()
    assert do().state == "done"


def test_a_disk_that_is_read_only_does_not_let_go_either(tmp_path, monkeypatch):
    error = OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr(os, "unlink", raising(error))
    with pytest.raises(CannotWrite, match=r"x.jpg cannot be written \(Read-only file system\)"):
        files.write_atomically(tmp_path / "x.jpg", raising(error))


def test_a_disk_without_links(do, job, monkeypatch):
    monkeypatch.setattr(os, "link", raising(OSError(errno.EPERM, "Operation not permitted")))
    assert do().state == "done"
    assert do().state == "skipped"
    redo(job.photo)
    assert "exists already" in do().words
    with pytest.raises(CannotWrite, match="exists already"):
        files.write_atomically(job.target, lambda file: file.write(b"new"), force=False)
    assert [path.name for path in job.root.iterdir() if path.name != FOLDER] == ["a.png"]


def test_a_photo_that_vanishes_when_it_was_passed_over_is_no_error(do, job, scene, monkeypatch):
    Image.fromarray(np.dstack([scene, 255 - scene, scene // 2])).save(job.photo)
    is_color = flow.is_color

    def vanish(page: Photo) -> bool:
        job.photo.unlink()
        return is_color(page)

    monkeypatch.setattr(flow, "is_color", vanish)
    assert do().state == "passed"


def test_a_network_that_breaks_down_costs_one_photo(model, job):
    def fail(*_: object) -> None:
        raise RuntimeError("Failed to allocate memory")

    worker = Worker(BatchOptions(model=model))

    class Session:
        run = fail

    worker.colorizer.model._session = Session()
    outcome = worker(job, Journal(None))
    assert outcome.state == "failed"
    assert "Failed to allocate memory" in outcome.words


def test_what_the_order_names_is_looked_at_before_the_work(model, tmp_path):
    for options, words in (
        ({"samples": 0}, "samples is 0"),
        ({"samples": 65}, "samples is 65"),
        ({"hints": tmp_path / "none.json"}, "cannot be read as hints"),
        ({"device": "tpu"}, "device is tpu"),
    ):
        with pytest.raises(BadOption, match=words):
            Worker(BatchOptions(model=model, **options))
    with pytest.raises(BadModel, match="no model"):
        Worker(BatchOptions(model="no-such-model"))
