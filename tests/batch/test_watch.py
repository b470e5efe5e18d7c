"""A folder that is watched: what arrives is coloured once it lies still, until Ctrl-C."""

from __future__ import annotations

import csv
import errno
import signal
from pathlib import Path

import pytest
from PIL import Image

from commands import digests, end, raising, run, start, unfinished, wait_for
from photochrom import files
from photochrom.batch import watch


@pytest.fixture
def look(monkeypatch):
    """Lets a watch look so often, with something happening between, then interrupts it."""

    def look(times: int, between=lambda _: None) -> None:
        counted = []

        def sleep(_: float) -> None:
            counted.append(1)
            between(len(counted))
            if len(counted) == times:
                raise KeyboardInterrupt

        monkeypatch.setattr(watch.time, "sleep", sleep)

    return look


def test_what_arrives_is_coloured_when_it_lies_still(album, out, model, capsys, look):
    whole, slow, seen = (album / "a.png").read_bytes(), album / "slow.png", {}
    (album / "a.png").unlink()

    def grow(times: int) -> None:
        if times <= 3:
            slow.write_bytes(whole[: times * len(whole) // 3])
        seen[times] = list(digests(out)) if out.exists() else []

    look(6, grow)
    assert run("colorize", album, "-o", out, "--model", model, "--watch") == 0
    assert seen[1] == []
    assert len(seen[2]) == 5
    assert "slow.png" not in seen[4]
    assert "slow.png" in seen[5]
    told = capsys.readouterr()
    assert told.out.split().count(str(out / "slow.png")) == 1
    assert "failed" not in told.err


def test_what_failed_is_tried_again_when_it_changes(album, out, model, tmp_path, look):
    bad, report = album / "a.png", tmp_path / "report.csv"
    whole = bad.read_bytes()
    bad.write_bytes(whole[:200])
    look(7, lambda times: bad.write_bytes(whole) if times == 4 else None)
    asked = ("colorize", album, "-o", out, "--model", model, "--watch", "--report", report)
    assert run(*asked) == 1  # something has failed
    with report.open(newline="") as file:
        tried = [(Path(row["photo"]).name, row["state"]) for row in csv.DictReader(file)]
    assert [state for name, state in tried if name == "a.png"] == ["failed", "done"]
    assert len(tried) == 7
    assert (out / "a.png").exists()


def test_a_watch_does_not_feed_itself(album, model, capsys, look):
    for out in ((), ("-o", album / "out")):
        asked = ("colorize", album, *out, "--model", model, "--watch")
        look(6)
        assert run(*asked) == 0
        assert len(capsys.readouterr().out.split()) == 6
        look(4)
        assert run(*asked) == 0
        told = capsys.readouterr()
        assert not told.out
        assert "6 of 6 photos were done before." in told.err
    assert not (album / "out" / "out").exists()


def test_a_watch_waits_for_the_first_photo_and_outlives_the_folder(tmp_path, out, model, look):
    folder = tmp_path / "inbox"
    folder.mkdir()

    def happen(times: int) -> None:
        if times == 2:
            folder.rmdir()
        elif times == 4:
            folder.mkdir()
            Image.new("L", (40, 40), 99).save(folder / "x.png")

    look(8, happen)
    assert run("colorize", folder, "-o", out, "--model", model, "--watch") == 0
    assert list(digests(out)) == ["x.png"]


def test_a_full_disk_ends_a_watch(album, out, model, capsys, monkeypatch, look):
    look(5)
    full = raising(OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr(files, "_place", full)
    assert run("colorize", album, "-o", out, "--model", model, "--watch") == 1
    assert capsys.readouterr().err.count("make room, then go on") == 1


def test_what_a_watch_does_not_take(album, model, tmp_path, capsys):
    hints = tmp_path / "hints.json"
    hints.write_text('{"hints": [{"x": 1, "y": 1, "color": "red"}]}')
    for asked, words in (
        ((album / "a.png",), "--watch takes folders"),
        ((album, "--ray"), "leave out --ray and hints"),
        ((album, "--hints", hints), "leave out --ray and hints"),
    ):
        assert run("colorize", *asked, "--watch", "--model", model) == 2
        assert words in capsys.readouterr().err


def test_an_interrupt_ends_a_watch_with_a_summary(album, out, model):
    process = start(album, "-o", out, "--model", model, "--watch")
    wait_for(lambda: out.exists() and len(digests(out)) == 6)
    process.send_signal(signal.SIGINT)
    code, answer, said = end(process)
    assert code == 0
    assert len(answer.split()) == 6
    assert "Interrupted" not in said
    assert not unfinished(out)
