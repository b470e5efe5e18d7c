"""Whatever goes wrong with one photo of many costs that photo alone, and is told."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

import pytest

from commands import PLACES, digests, rows, run, unfinished
from photochrom import errors, files
from photochrom.batch.journal import FOLDER, Journal
from photochrom.batch.worker import Worker
from photochrom.image import encoding, icc, metadata, photo_file, tone
from photochrom.image.reader import read_photo
from photochrom.inference import pipeline
from photochrom.inference.onnx_model import Model

KINDS = (RuntimeError, IndexError, MemoryError, RecursionError)
STAGES = {
    "open": (photo_file, "open_file", "image."),
    "profile": (icc, "to_srgb", "image."),
    "metadata": (metadata, "read_metadata", "image."),
    "tone": (tone, "measure_tone", "image.tone."),
    "network": (Model, "run", "inference."),
    "fit": (pipeline, "fit_to_format", "inference.pipeline."),
    "encode": (encoding, "encode_pages", "image."),
    "sync": (files, "_settle", "files.write_atomically"),
    "journal": (Journal, "_write", "batch.journal."),
    "name": (files, "_place", "files._name"),
}
"""Where something is thrown, and where the report says that it came from."""


@pytest.fixture
def throw(monkeypatch) -> Callable[..., None]:
    """Lets a function throw what a list holds, for one of the photos."""
    now = threading.local()
    outcome = Worker._outcome

    def noted(self, job, *given):
        now.name = job.photo.name
        return outcome(self, job, *given)

    monkeypatch.setattr(Worker, "_outcome", noted)

    def throw(place: object, name: str, errors: list[Exception]) -> None:
        function = getattr(place, name)

        def broken(*given: object, **options: object) -> object:
            if getattr(now, "name", "") == "b.jpg":
                raise errors[0]
            return function(*given, **options)

        monkeypatch.setattr(place, name, broken)

    return throw


@pytest.mark.parametrize("stage", STAGES)
def test_whatever_is_thrown_at_any_stage_costs_one_photo(
    album, out, model, tmp_path, throw, capsys, stage
):
    place, name, where = STAGES[stage]
    report, now = tmp_path / "report.csv", []
    throw(place, name, now)
    for kind in KINDS:
        now[:], into = [kind("the photo's own words")], out / kind.__name__
        asked = ("colorize", album, "-o", into, "--model", model, "--jobs", 2)
        assert run(*asked, "--report", report) == 1
        said, told = capsys.readouterr().err, rows(report)
        failed = told.pop("b.jpg")
        assert {row["state"] for row in told.values()} == {"done"}, kind
        assert (failed["state"], failed["results"]) == ("failed", "")
        assert re.fullmatch(rf"{kind.__name__} in {re.escape(where)}\S*, line \d+", failed["error"])
        assert str(album / "b.jpg") in failed["words"]
        assert ("memory" in failed["words"]) is (kind is MemoryError)
        assert (failed["error"] in failed["words"]) is (kind is not MemoryError)
        assert failed["trace"].startswith("Traceback")
        assert "the photo's own words" in failed["trace"]
        assert failed["words"] in said
        assert "Traceback" not in said
        if stage != "journal":
            lines = [line for path in (into / FOLDER).glob("*.jsonl") for line in path.open()]
            (noted,) = [entry for entry in map(json.loads, lines) if entry.get("failed")]
            assert noted["target"] == "b.jpg"
            assert (noted["failed"], noted["error"]) == (failed["words"], failed["error"])
        assert digests(into).keys() == set(PLACES) - {"b.jpg"}
        assert not unfinished(into)


def test_what_failed_is_tried_again_and_its_trace_shown_to_who_asks(
    album, out, model, throw, monkeypatch, capsys
):
    throw(photo_file, "open_file", [IndexError("index out of range")])
    asked = ("colorize", album, "-o", out, "--model", model)
    assert run(*asked, "--verbose") == 1
    said = capsys.readouterr().err
    assert said.count("Traceback") == 1
    assert "IndexError: index out of range" in said
    monkeypatch.undo()
    assert run(*asked) == 0
    assert "5 of 6 photos were done before." in capsys.readouterr().err
    assert (out / "b.jpg").exists()


def test_a_full_disk_for_the_note_of_a_failure_ends_the_run(album, out, model, throw, capsys):
    throw(tone, "measure_tone", [IndexError()])
    throw(Journal, "_write", [errors.DiskFull("make room, then go on.")])
    assert run("colorize", album, "-o", out, "--model", model, "--jobs", 1) == 1
    assert "make room" in capsys.readouterr().err
    assert not (out / "c.tif").exists()


def test_the_place_of_an_error_is_the_innermost_of_ours():
    with pytest.raises(errors.BadPhoto) as raised:
        read_photo(b"no picture")
    assert re.fullmatch(r"BadPhoto in image\.\S+, line \d+", errors.kind_and_place(raised.value))
    assert errors.kind_and_place(KeyError("not ours")) == "KeyError"
