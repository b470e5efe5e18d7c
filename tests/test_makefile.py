"""`make demo`, with a stand-in for photochrom."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
STAND_IN = """#!/bin/sh
printf '%s|' "$@" >> told.txt
echo >> told.txt
test "$1" = sheet && test ! "$NO_SHEET" && mkdir -p demo && echo new > demo/sheet.jpg
exit "${CODE:-0}"
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if shutil.which("make") is None:
        pytest.skip("needs make")
    shutil.copy(MAKEFILE, tmp_path)
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/demo.txt"):
        (tmp_path / name).touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    stand_in = tmp_path / ".venv" / "bin" / "photochrom"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    (tmp_path / ".venv" / "demo").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def demo(*options: str) -> tuple[int, str, list[str]]:
    done = subprocess.run(
        ["make", "demo", *options], check=False, capture_output=True, text=True, timeout=60
    )
    told = [line.split("|")[1] for line in Path("told.txt").read_text().splitlines()]
    return done.returncode, done.stdout, told


def test_the_samples_are_coloured_and_shown(clone):
    code, said, told = demo()
    assert (code, told) == (0, ["samples", "samples"])
    assert "demo/sheet.jpg" in said


@pytest.mark.parametrize("name", ["my album", "it's", 'the "best"', "a;b", "*.jpg", "ä & ö"])
def test_photos_may_be_called_anything(clone, name):
    code, _, told = demo(f"PHOTO={name}")
    assert (code, told) == (0, [name, name])


def test_a_failure_is_reported_after_all_that_can_be_made(clone, monkeypatch):
    monkeypatch.setenv("CODE", "1")
    code, said, told = demo()
    assert (code != 0, len(told)) == (True, 2)
    assert "demo/sheet.jpg" in said


def test_an_old_sheet_is_never_taken_for_a_new_one(clone, monkeypatch):
    (clone / "demo").mkdir()
    (clone / "demo" / "sheet.jpg").write_text("old")
    monkeypatch.setenv("CODE", "1")
    monkeypatch.setenv("NO_SHEET", "1")
    code, said, _ = demo()
    assert code != 0
    assert "demo/sheet.jpg" not in said
    assert not (clone / "demo" / "sheet.jpg").exists()
