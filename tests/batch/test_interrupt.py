"""Ctrl-C at any moment: it stops soon, says what is done, and leaves nothing half done."""

from __future__ import annotations

import csv
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom.batch.journal import FOLDER

HEAR = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
"""What is started in the background by a shell does not hear Ctrl-C otherwise."""

AT_IMPORT = """
import os, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from photochrom.__main__ import start
start()
"""
"""Interrupts itself when something is imported."""

HANGING = """
import os, time
from photochrom import __main__
from photochrom.image import photo_file
from photochrom.batch import pool
opened, hung = photo_file.open_file, []
pool.run.__defaults__ = 0.0, lambda: 1e6 * len(hung)
def hang(source, *given, **options):
    if "slow" in str(source):
        hung.append(source)
        os.write(1, b"hangs\\n")
        time.sleep(3600)
    return opened(source, *given, **options)
photo_file.open_file = hang
__main__.start()
"""
"""Hangs over some photos as a decoder may; then much time has passed for each."""


def script(code: str, *arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", HEAR + code, "colorize", *map(str, arguments)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Its exit status, and what it said."""
    try:
        _, said = process.communicate(timeout=100)
    finally:
        process.kill()
    assert "Traceback" not in said
    return process.returncode, said


@pytest.fixture
def album(tmp_path: Path, scene) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for i, name in enumerate(("a", "b", "slow 1", "slow 2", "slow 3")):
        Image.fromarray(np.roll(scene, 5 * i)).save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize(
    "name", ["photochrom.cli.main", "tyro", "photochrom.batch.worker", "onnxruntime"]
)
def test_while_it_begins(album, tmp_path, make_model, name):
    process = script(AT_IMPORT.format(name=name), album, "-o", tmp_path / "out", "--model",
                     make_model())  # fmt: skip
    code, said = end(process)
    assert code == 130
    assert said.strip().startswith("photochrom: Interrupted")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_while_decoders_hang(album, tmp_path, make_model, jobs):
    out, report = tmp_path / "out", tmp_path / "report.csv"
    process = script(
        HANGING,
        album,
        "-o",
        out,
        "--model",
        make_model(),
        "--jobs",
        jobs,
        "--report",
        report,
        "--timeout",
        0,
    )
    said = ""  # by several threads, so one's words may lie within another's line
    while not (
        said.count("hangs") == jobs and all(str(out / name) in said for name in ("a.png", "b.png"))
    ):
        line = process.stdout.readline()
        assert line, "It ended by itself."
        said += line
    process.send_signal(signal.SIGINT)
    code, said = end(process)
    assert code == 130
    last = said.splitlines()[-1]
    assert last == ("photochrom: Interrupted: 2 of 5 photos are done; the same command goes on.")
    with report.open(newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == ["done", "done"]
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "b.png"]
    assert not list((out / FOLDER).glob("*.part"))


def test_a_run_in_which_a_photo_overran_ends_by_itself(album, tmp_path, make_model):
    """Although the thread still hangs."""
    out = tmp_path / "out"
    (album / "slow 2.png").unlink()
    (album / "slow 3.png").unlink()
    code, said = end(script(HANGING, album, "-o", out, "--model", make_model(), "--jobs", 1))
    assert code == 1
    assert "slow 1.png took more than 600 s" in said
    assert "1 of 3 photos failed." in said
    assert sorted(path.name for path in out.glob("*.png")) == ["a.png", "b.png"]


def test_a_pipe(album, make_model):
    process = script(HANGING, album / "slow 1.png", "-o", "-", "--model", make_model())
    assert process.stdout.readline().strip() == "hangs"
    process.send_signal(signal.SIGINT)
    code, said = end(process)
    assert (code, said) == (130, "photochrom: Interrupted.\n")
