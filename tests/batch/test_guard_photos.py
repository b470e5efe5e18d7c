"""Whatever goes wrong with one photo of many costs that photo alone, and is told."""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from photochrom import PhotoWarning, errors, files
from photochrom.batch import watch, worker
from photochrom.batch.entries import Entry
from photochrom.batch.journal import FOLDER, Journal
from photochrom.batch.options import BatchOptions
from photochrom.batch.worker import Worker
from photochrom.cli import main
from photochrom.image import encoding, icc, metadata, photo_file, tone
from photochrom.image.encoding import Encoding
from photochrom.image.reader import read_photo
from photochrom.inference import flow
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.onnx_model import Model

KINDS = (RuntimeError, IndexError, MemoryError, RecursionError)
STAGES = {
    "open": (photo_file, "open_file", "image."),
    "profile": (icc, "to_srgb", "image."),
    "metadata": (metadata, "read_metadata", "image."),
    "tone": (tone, "measure_tone", "image.tone."),
    "network": (Model, "run", "inference."),
    "fit": (flow, "fit_to_format", "inference.flow."),
    "encode": (encoding, "encode_pages", "image."),
    "sync": (files, "_settle", "files.write_atomically"),
    "journal": (Journal, "_write", "batch.journal."),
    "name": (files, "_place", "files._name"),
}
"""Where something is thrown, and where the report says that it came from."""


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def rows(report: Path) -> dict[str, dict[str, str]]:
    with report.open(encoding="utf-8", newline="") as file:
        return {Path(row["photo"]).name: row for row in csv.DictReader(file)}


def notes(out: Path) -> list[dict[str, object]]:
    lines = [
        line for path in (out / FOLDER).glob("*.jsonl") for line in path.read_text().split("\n")
    ]
    return [json.loads(line) for line in lines if line]


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1, tells=("logits",))


@pytest.fixture
def album(tmp_path: Path, scene) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for i, name in enumerate("abc"):
        Image.fromarray(np.roll(scene, 5 * i)).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def throw(monkeypatch) -> Callable[..., None]:
    """Lets a function throw, for one of the photos."""
    now = threading.local()
    outcome = Worker._outcome

    def noted(self, job, *given):
        now.name = job.photo.name
        return outcome(self, job, *given)

    monkeypatch.setattr(Worker, "_outcome", noted)

    def throw(place: object, name: str, error: Exception | list[Exception]) -> None:
        function = getattr(place, name)

        def broken(*given: object, **options: object) -> object:
            if getattr(now, "name", "") == "b.png":
                raise error[0] if isinstance(error, list) else error
            return function(*given, **options)

        monkeypatch.setattr(place, name, broken)

    return throw


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("stage", STAGES)
def test_whatever_is_thrown_at_any_stage_costs_one_photo(
    album, out, model, tmp_path, throw, monkeypatch, capsys, stage, at_once
):
    place, name, where = STAGES[stage]
    report, now = tmp_path / "report.csv", []
    throw(place, name, now)
    for kind in KINDS:
        now[:], into = [kind("the photo's own words")], out / kind.__name__
        asked = ("colorize", album, "-o", into, "--model", model, "--jobs", at_once)
        assert run(*asked, "--report", report) == 1
        said, told = capsys.readouterr().err, rows(report)
        assert {photo: row["state"] for photo, row in told.items()} == {
            "a.png": "done", "b.png": "failed", "c.png": "done",
        }, kind  # fmt: skip
        failed = told["b.png"]
        assert failed["results"] == ""
        assert re.fullmatch(rf"{kind.__name__} in {re.escape(where)}\S*, line \d+", failed["error"])
        assert str(album / "b.png") in failed["words"]
        assert ("memory" in failed["words"]) is (kind is MemoryError)
        assert (failed["error"] in failed["words"]) is (kind is not MemoryError)
        assert failed["trace"].startswith("Traceback")
        assert "the photo's own words" in failed["trace"]
        assert failed["words"] in said
        assert "Traceback" not in said
        if stage != "journal":
            (noted,) = [entry for entry in notes(into) if entry.get("failed")]
            assert noted["target"] == "b.png"
            assert (noted["failed"], noted["error"]) == (failed["words"], failed["error"])
        assert sorted(path.name for path in into.glob("*.png")) == ["a.png", "c.png"]
        assert not list((into / FOLDER).glob("*.part"))


def test_what_failed_is_tried_again(album, out, model, throw, monkeypatch, capsys):
    throw(photo_file, "open_file", RuntimeError())
    asked = ("colorize", album, "-o", out, "--model", model)
    assert run(*asked) == 1
    monkeypatch.undo()
    assert run(*asked) == 0
    assert "2 of 3 photos were done before." in capsys.readouterr().err
    assert (out / "b.png").exists()


def test_the_trace_is_shown_to_who_asks_for_it(album, out, model, throw, capsys):
    throw(tone, "measure_tone", IndexError("index out of range"))
    assert run("colorize", album, "-o", out, "--model", model, "--verbose") == 1
    said = capsys.readouterr().err
    assert said.count("Traceback") == 1
    assert "IndexError: index out of range" in said


def test_a_watch_goes_on(album, out, model, throw, monkeypatch, capsys):
    looks = []

    def sleep(_: float) -> None:
        looks.append(1)
        if len(looks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(watch.time, "sleep", sleep)
    throw(tone, "measure_tone", RecursionError("maximum recursion depth exceeded"))
    assert run("colorize", album, "-o", out, "--model", model, "--watch") == 1
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "c.png"]
    assert "b.png: this went wrong inside photochrom (RecursionError in" in capsys.readouterr().err


def test_a_worker_of_a_cluster_goes_on(album, out, model, throw):
    pytest.importorskip("ray")
    from photochrom.batch import ray_data

    throw(tone, "measure_tone", IndexError("list index out of range"))
    (album / "c.png").write_bytes((album / "c.png").read_bytes()[:90])
    actor = ray_data._ColorizeActor(BatchOptions(model=str(model)))
    tasks = ray_data.listing([str(album)], str(out))
    told = {Path(task.photo).name: actor(task._asdict()) for task in tasks}
    assert {name: row["state"] for name, row in told.items()} == {
        "a.png": "done", "b.png": "failed", "c.png": "failed",
    }  # fmt: skip
    assert told["b.png"]["error"].startswith("IndexError in image.tone.")
    assert told["c.png"]["error"].startswith("BadPhoto in image.")
    assert not any(row["refused"] for row in told.values())


def test_a_worker_of_a_cluster_gives_a_photo_up(album, out, model, monkeypatch):
    pytest.importorskip("ray")
    from photochrom.batch import ray_data

    let_go, ended = threading.Event(), threading.Event()

    def hang(self, job, journal, turn):
        if job.photo.name == "b.png":
            assert let_go.wait(60)
        try:
            return colour(self, job, journal, turn)
        finally:
            if job.photo.name == "b.png":
                ended.set()

    tasks = ray_data.listing([str(album)], str(out))
    colour = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", hang)
    late = ray_data._ColorizeActor(BatchOptions(model=str(model), timeout=1e-9))(tasks[1]._asdict())
    assert (late["state"], late["error"]) == ("failed", "TimeLimit")
    assert "b.png took more than 1e-09 s" in late["words"]
    let_go.set()
    assert ended.wait(60)
    assert not (out / "b.png").exists()
    assert (
        ray_data._ColorizeActor(BatchOptions(model=str(model)))(tasks[1]._asdict())["state"]
        == "done"
    )


def test_a_photo_of_a_pipe_is_told_like_any_other(album, out, model, monkeypatch, capsys):
    def broken(*_: object) -> None:
        raise IndexError("the photo's own words")

    monkeypatch.setattr(tone, "measure_tone", broken)
    assert run("colorize", album / "a.png", "-o", "-", "--model", model) == 1
    said = capsys.readouterr()
    assert "a.png: this went wrong inside photochrom (IndexError in image.tone." in said.err
    assert "Traceback" not in said.err


# --- what still ends the run ------------------------------------------------------------------


def test_a_full_disk_for_the_note_of_a_failure_ends_the_run(album, out, model, throw, capsys):
    throw(tone, "measure_tone", IndexError())
    throw(Journal, "_write", errors.DiskFull("out cannot be written: make room, then go on."))
    assert run("colorize", album, "-o", out, "--model", model, "--jobs", 1) == 1
    assert "make room" in capsys.readouterr().err
    assert not (out / "c.png").exists()


# --- sentences --------------------------------------------------------------------------------


def test_a_place_is_the_innermost_of_ours():
    with pytest.raises(errors.BadPhoto) as raised:
        read_photo(b"no picture")
    assert re.fullmatch(r"BadPhoto in image\.\S+, line \d+", errors.kind_and_place(raised.value))
    assert errors.kind_and_place(KeyError("not ours")) == "KeyError"


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


# --- a turn -----------------------------------------------------------------------------------


def test_a_turn_is_given_up_until_it_is_claimed_and_again_when_released():
    turn = worker.Turn()
    turn.claim()
    assert not turn.give_up()
    turn.release()
    assert turn.give_up()
    with pytest.raises(worker.GivenUp):
        turn.claim()


def test_a_photo_that_is_given_up_while_it_is_coloured_leaves_nothing(album, out, model):
    turn, known = worker.Turn(), Journal(out)
    assert turn.give_up()
    job = worker.Job(album / "a.png", out / "a.png", out)
    with pytest.raises(worker.GivenUp):
        Worker(BatchOptions(model=str(model)))(job, known, turn)
    assert [path.name for path in out.iterdir()] == [FOLDER]
    assert not list((out / FOLDER).glob("*.part"))
    assert not notes(out)


def test_what_is_being_written_is_discarded_when_the_process_leaves(tmp_path):
    def leave(file: BinaryIO) -> None:
        file.write(b"half")
        assert len(list(tmp_path.iterdir())) == 1
        files.discard_unfinished()
        assert not list(tmp_path.iterdir())
        raise errors.CannotWrite("left")

    with pytest.raises(errors.CannotWrite):
        files.write_atomically(tmp_path / "x.png", leave)


def test_a_ledger_that_was_closed_takes_no_more(album, out):
    known = Journal(out)
    seal = known.seal(known.look(album / "a.png"), [out / "a.png"], "digest")
    known.close()
    with (
        (album / "a.png").open("rb") as file,
        pytest.raises(errors.CannotWrite, match="start it again"),
    ):
        seal(file)


# --- disks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("within", [True, False])
def test_two_disks_that_look_like_one(album, tmp_path, model, monkeypatch, force, within):
    """As mergerfs is, or a bind mount: what lies in another folder cannot be moved here."""
    out = tmp_path / "out"
    link, move = os.link, os.replace

    def far(source_folder: int, target_folder: int) -> bool:
        return not os.path.sameopenfile(source_folder, target_folder)

    def refuse_link(source, target, *, src_dir_fd, dst_dir_fd, **options):
        if within or far(src_dir_fd, dst_dir_fd):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, **options)

    def refuse_replace(source, target, *, src_dir_fd, dst_dir_fd):
        if far(src_dir_fd, dst_dir_fd):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        move(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "link", refuse_link)
    monkeypatch.setattr(os, "replace", refuse_replace)
    monkeypatch.setattr(os, "rename", refuse_replace)
    force_flag = ["--force"] if force else []
    assert run("colorize", album, "-o", out, "--model", model, *force_flag) == 0
    assert sorted(path.name for path in out.iterdir() if path.name != FOLDER) == [
        "a.png", "b.png", "c.png",
    ]  # fmt: skip
    assert not list((out / FOLDER).glob("*.part"))
    (out / "a.png").write_bytes(b"mine")
    again = run("colorize", album, "-o", out, "--model", model, *force_flag)
    assert again == (0 if force else 1)
    assert ((out / "a.png").read_bytes() == b"mine") is not force


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_permission_that_lacks_is_what_is_said(tmp_path, code):
    def refuse(_: Path) -> None:
        raise OSError(code, os.strerror(code))

    with pytest.raises(errors.CannotWrite) as raised:
        files.write_atomically(tmp_path / "x.png", refuse)
    assert "permission" in str(raised.value).lower()
    assert "room" not in str(raised.value)


# --- the journal ------------------------------------------------------------------------------


def test_new_options_do_not_make_old_results_unknown(model):
    """The digest of an order that has none of them is what it was before there were any."""
    plain = Worker(BatchOptions(model=str(model)))
    assert (
        plain.digest
        == Worker(BatchOptions(model=str(model), timeout=9, keep_times=True, damaged=True)).digest
    )
    assert (
        plain.digest != Worker(BatchOptions(model=str(model), encoding=Encoding(quality=80))).digest
    )
    known = {
        "model": plain.colorizer.model.path, "size": None, "strength": 1.0, "vivid": None,
        "hints": None, "reference": None, "samples": None, "seed": 0, "recolor": False,
        "strip": False, "mark": True,
    }  # fmt: skip
    known["model"] = hashlib.sha256(known["model"].read_bytes()).hexdigest()
    text = json.dumps(known, sort_keys=True).encode()
    assert plain.digest == hashlib.sha256(text).hexdigest()


def test_a_failure_in_the_journal_does_not_count_as_done(album, out):
    known = Journal(out)
    known.fail(album / "a.png", out / "a.png", "digest", "it broke", "IndexError in x.y, line 1")
    assert known.find(album / "a.png", [out / "a.png"], "digest") is None
    assert Journal(out).find(album / "a.png", [out / "a.png"], "digest") is None
    (line,) = notes(out)
    assert Entry.from_json(json.dumps(line)).failed == "it broke"


# --- notes ------------------------------------------------------------------------------------


def test_notes_are_told_once_each(album, out, model, monkeypatch, capfdbinary, scene):
    pages = [Image.fromarray(scene), Image.fromarray(255 - scene)]
    pages[0].save(album / "scan.tif", save_all=True, append_images=pages[1:])

    def noting(photo, kind):
        return replace(photo, notes=("its thumbnail was left out.", "odd"))

    monkeypatch.setattr(flow, "fit_to_format", noting)
    assert run("colorize", album / "scan.tif", "-o", out, "--model", model) == 0
    assert run("colorize", album / "a.png", "-o", "-", "--model", model) == 0
    said = capfdbinary.readouterr().err.decode().splitlines()
    for name, line in zip(("scan.tif", "a.png"), said, strict=True):
        assert line == f"photochrom: {album / name}: its thumbnail was left out; odd."


def test_notes_are_warnings_in_python(album, model, monkeypatch):
    def noting(photo, kind):
        return replace(photo, notes=("its thumbnail was left out",))

    monkeypatch.setattr(flow, "fit_to_format", noting)
    for given in (str(album / "a.png"), (album / "b.png").read_bytes()):
        with pytest.warns(PhotoWarning, match="its thumbnail was left out"):
            Colorizer(model).colorize(given)


def test_a_format_that_cannot_be_written_is_said(album, out, model, capsys, scene):
    Image.fromarray(scene).save(album / "old.gif")
    for asked, expected in (
        ((album / "old.gif",), album / "old.color.png"),
        ((album / "old.gif", "-o", out), out / "old.gif.png"),
    ):
        assert run("colorize", *asked, "--model", model) == 0
        assert expected.exists()
        said = capsys.readouterr().err
        assert said.count("GIF cannot be written, so the result is PNG.") == 1
    assert run("colorize", album / "old.gif", "-o", out / "new.png", "--model", model) == 0
    assert not capsys.readouterr().err  # as it was asked for
