"""Runs photochrom as a user does, and reads what came of it."""

from __future__ import annotations

import csv
import hashlib
import io
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from photochrom.batch.journal import FOLDER
from photochrom.cli import main

PLACES = ["a.png", "b.jpg", "c.tif", "d.png", "summer/e.png", "summer/sea/f.jpg"]
"""The photos of the album of the tests of batches."""


def run(*arguments: object) -> int:
    """Run a command in this process; answers its exit status."""
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def run_without(package: str, *arguments: object) -> tuple[int, str]:
    """Run a command as if a package were not installed; answers its exit status and what it says.

    In a process of its own: modules imported anew would be others than those that tests hold.
    """
    hide = f"import sys; sys.modules[{package!r}] = None"
    code = f"{hide}; from photochrom.__main__ import start; start()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


HELD = """
import os, sys, threading, time
from pathlib import Path
from photochrom import files
from photochrom.__main__ import start
place, go, free = files._place, Path(sys.argv[1]), threading.Semaphore(int(sys.argv[2]))
tests = os.getppid()
def held(part, target):
    if not free.acquire(blocking=False):
        while not go.exists() and os.getppid() == tests:  # and outlives them no time
            time.sleep(0.01)
    place(part, target)
files._place = held
del sys.argv[1:3]
start()
"""


def start(
    *arguments: object, held: tuple[Path, int] | None = None, code: str = "", **options: object
) -> subprocess.Popen[bytes]:
    """Colour in a process of its own.

    Args:
        arguments: of ``photochrom colorize``.
        held: a path and a number: so many results are given, and no more until the path exists;
            so that the process is surely under way when it is stopped, however fast the machine.
        code: a script to run instead of photochrom itself.
        options: of the process.
    """
    words = (
        ["-c", code] if code else ["-c", HELD, *map(str, held)] if held else ["-m", "photochrom"]
    )
    command = [sys.executable, *words, "colorize", *map(str, arguments)]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": hear_ctrl_c}
    return subprocess.Popen(command, start_new_session=True, **given | options)


def hear_ctrl_c() -> None:
    """What a shell starts in the background does not, and neither do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end(process: subprocess.Popen[bytes], given: bytes | None = None) -> tuple[int, bytes, str]:
    """The exit status of a process, what it answered and what it said."""
    try:
        out, said = process.communicate(given, timeout=600)
    finally:
        process.kill()
    words = (said or b"").decode(errors="replace")
    assert "Traceback" not in words, words
    assert "Exception" not in words, words
    return process.returncode, out, words


def raising(error: BaseException) -> Callable[..., None]:
    """A function that raises an error, whatever it is given."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


def wait_for(is_so: Callable[[], object], seconds: float = 300) -> None:
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.02)


def digests(folder: Path) -> dict[str, str]:
    """Of every file below a folder but the journal's, by its place there."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and FOLDER not in path.relative_to(folder).parts
    }


def unfinished(folder: Path) -> list[Path]:
    """Results in a folder that nobody has finished."""
    return list((folder / FOLDER).glob("*.part"))


def rows(report: Path) -> dict[str, dict[str, str]]:
    """The lines of a report by the names of their photos."""
    text = report.read_bytes().decode("utf-8", "surrogateescape")
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len({row["photo"] for row in found}) == len(found)
    return {Path(row["photo"]).name: row for row in found}
