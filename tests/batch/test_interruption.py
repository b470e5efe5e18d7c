"""Killed or interrupted at any moment: nothing is half done, and the same command goes on."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import digests, end, rows, start, unfinished, wait_for

WHOLE = ", and no result is half written; the same command goes on."

AT_IMPORT = """
import os, signal, sys
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

DEAF = """
import os, time
from photochrom import __main__
from photochrom.batch import pool
def wait(*_):
    told = []
    while True:
        try:
            told or told.append(os.write(1, b"hangs\\n"))
            time.sleep(3600)
        except KeyboardInterrupt:
            pass
pool.run = wait
__main__.start()
"""
"""Loses the interrupt, as Python may while it imports, or is at work in a codec."""


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Thirty photos in sub-folders and formats; the last three are broken."""
    folder, random = tmp_path / "crowd", np.random.default_rng(0)
    for i in range(30):
        place = folder / f"box {i % 3}" / f"{i:03}.{('jpg', 'png', 'tif')[i % 3]}"
        place.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(random.integers(0, 256, (6, 8), np.uint8))
        small.resize((400, 300)).save(place)
        if i >= 27:
            place.write_bytes(place.read_bytes()[: (0, 40, 900)[i % 3]])
    return folder


@pytest.fixture
def slow(tmp_path: Path, scene) -> Path:
    """An album of which some photos hang."""
    folder = tmp_path / "hanging"
    folder.mkdir()
    for i, name in enumerate(("a", "b", "slow 1", "slow 2", "slow 3")):
        Image.fromarray(np.roll(scene, 5 * i)).save(folder / f"{name}.png")
    return folder


SLOW_SAMPLES = pytest.param(("--samples", 2), marks=pytest.mark.slow)


@pytest.mark.parametrize("samples", [(), SLOW_SAMPLES])
def test_killed_at_any_moment_it_goes_on_to_the_same_end(crowd, tmp_path, model, samples):
    before, report = digests(crowd), tmp_path / "report.csv"
    asked = (crowd, "--model", model, "--jobs", 2, *samples, "-o")
    assert end(start(*asked, tmp_path / "plain"))[0] == 1
    out, chance = tmp_path / "killed", random.Random(len(samples))
    expected = digests(tmp_path / "plain")
    stages = []
    for share in (0.4,) if samples else (0.1, 0.4, 0.7):
        goal = int(share * len(expected))
        process = start(*asked, out, held=(tmp_path / "never", goal + 5 - len(digests(out))))
        wait_for(lambda: len(digests(out)) > goal)  # noqa: B023
        time.sleep(chance.uniform(0, 0.05))
        assert process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        end(process)
        stages.append(len(digests(out)))
        assert expected.items() >= digests(out).items()
    assert stages[0] < len(expected)
    assert stages == sorted(stages)
    code, _, said = end(start(*asked, out, "--report", report))
    assert code == 1
    assert "3 of 30 photos failed" in said
    assert digests(out) == expected
    assert digests(crowd) == before
    assert not unfinished(out)
    states = [row["state"] for row in rows(report).values()]
    assert len(states) == 30
    assert states.count("failed") == 3
    assert states.count("skipped") * (2 if samples else 1) >= stages[-1] - 2
    assert end(start(*asked, out))[1] == b""  # all was done


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_it_ends_at_once_says_so_keeps_its_report_and_goes_on(
    crowd, out, tmp_path, model, jobs
):
    report = tmp_path / "report.csv"
    asked = (crowd, "-o", out, "--model", model, "--jobs", jobs)
    process = start(*asked, "--report", report, held=(tmp_path / "never", 4))
    # What is under way then takes for ever.
    wait_for(lambda: (len(digests(out)), len(unfinished(out))) == (4, jobs))
    process.send_signal(signal.SIGINT)
    code, _, said = end(process)
    assert code == 130
    assert len(digests(out)) == 4
    assert not unfinished(out)
    told = rows(report).values()  # of those that were done; how many is a matter of time
    assert 0 < len(told) <= 4
    assert all(row["state"] == "done" and Path(row["results"]).exists() for row in told)
    so_far = f"{len(told)} of 30 photos {'is' if len(told) == 1 else 'are'} done"
    assert said.splitlines()[-1] == f"photochrom: Interrupted: {so_far}{WHOLE}"
    assert end(start(*asked))[0] == 1
    assert len(digests(out)) == 27
    assert not unfinished(out)


def test_two_at_the_same_folder_share_it(crowd, out, tmp_path, model):
    asked = (crowd, "--model", model, "--jobs", 2)
    assert end(start(*asked, "-o", tmp_path / "plain"))[0] == 1
    reports = [tmp_path / "1.csv", tmp_path / "2.csv"]
    both = [start(*asked, "-o", out, "--report", report) for report in reports]
    assert [end(process)[0] for process in both] == [1, 1]
    assert digests(out) == digests(tmp_path / "plain")
    assert not unfinished(out)
    first, second = map(rows, reports)
    assert first.keys() == second.keys()
    for name in first:
        states = {first[name]["state"], second[name]["state"]}
        assert states in ({"done", "skipped"}, {"failed"}), name


@pytest.mark.parametrize(
    "name", ["photochrom.cli.main", "tyro", "photochrom.batch.worker", "onnxruntime"]
)
def test_interrupted_while_it_begins(album, out, model, name):
    code, _, said = end(start(album, "-o", out, "--model", model, code=AT_IMPORT.format(name=name)))
    assert code == 130
    assert said.strip().startswith("photochrom: Interrupted")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("jobs", [1, 3])
def test_interrupted_while_decoders_hang(slow, out, tmp_path, model, jobs):
    report = tmp_path / "report.csv"
    asked = (slow, "-o", out, "--model", model, "--jobs", jobs, "--report", report, "--timeout", 0)
    process = start(*asked, code=HANGING)
    said = b""  # by several threads, so one's words may lie within another's line
    while not (said.count(b"hangs") == jobs and b"a.png" in said and b"b.png" in said):
        line = process.stdout.readline()
        assert line, "It ended by itself."
        said += line
    process.send_signal(signal.SIGINT)
    code, _, said = end(process)
    assert code == 130
    last = said.splitlines()[-1]
    assert last == f"photochrom: Interrupted: 2 of 5 photos are done{WHOLE}"
    assert [row["state"] for row in rows(report).values()] == ["done", "done"]
    assert list(digests(out)) == ["a.png", "b.png"]
    assert not unfinished(out)


def test_a_run_in_which_a_photo_overran_ends_although_its_thread_hangs(slow, out, model):
    (slow / "slow 2.png").unlink()
    (slow / "slow 3.png").unlink()
    code, _, said = end(start(slow, "-o", out, "--model", model, "--jobs", 1, code=HANGING))
    assert code == 1
    assert "slow 1.png took more than 600 s" in said
    assert "1 of 3 photos failed." in said
    assert list(digests(out)) == ["a.png", "b.png"]


def test_a_pipe_is_interrupted(slow, model):
    process = start(slow / "slow 1.png", "-o", "-", "--model", model, code=HANGING)
    assert process.stdout.readline().strip() == b"hangs"
    process.send_signal(signal.SIGINT)
    assert end(process)[::2] == (130, "photochrom: Interrupted.\n")


def test_an_interrupt_that_is_lost_ends_it_all_the_same(slow, out, model):
    process = start(slow, "-o", out, "--model", model, code=DEAF)
    assert process.stdout.readline().strip() == b"hangs"
    process.send_signal(signal.SIGINT)
    code, _, said = end(process)
    assert code == 130
    assert said == "photochrom: Interrupted: no result is half written; the same command goes on.\n"
