"""How long commands take from start to end, and where the time of one small photo goes.

    python benchmarks/start.py [--repeat 20] [--json docs/figures/start.json]

Prints the best of some runs, in milliseconds: of Python that does nothing, of commands, and of the
parts of ``photochrom colorize rocket.jpg``, as they were in the quickest run. Modules are compiled
to bytecode before, as after an installation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import show

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*.jpg"))
PHOTO = next(path for path in SAMPLES if path.name == "rocket.jpg")

TRACED = """
import json, os, sys, time
marks = [("Python itself", time.perf_counter())]
def note(name):
    marks.append((name, time.perf_counter()))
def after(place, name, what):
    old = getattr(place, name)
    def call(*args, **named):
        try:
            return old(*args, **named)
        finally:
            note(what)
    setattr(place, name, call)
from photochrom import __main__
from photochrom.cli import main
find = main._find_command
def found(arguments):
    command = find(arguments)
    note("arguments taken apart")
    from photochrom.cli import colorize
    after(colorize.BatchFlags, "options", "engine imported")
    begin = colorize._colorize_here
    def here(*args, **named):
        from photochrom.batch import pool, worker
        from photochrom.inference import onnx_model
        after(worker.Worker, "__init__", "model waited for")
        old = onnx_model.Model.run
        def run(*args, **named):
            note("photo opened")
            try:
                return old(*args, **named)
            finally:
                note("network")
        onnx_model.Model.run = run
        after(worker.Worker, "__call__", "coloured, encoded and written")
        begin(*args, **named)
    colorize._colorize_here = here
    return command
main._find_command = found
leave = __main__._leave
def left(code):
    with open(os.environ["MARKS"], "w") as file:
        json.dump(marks, file)
    leave(code)
__main__._leave = left
__main__.start()
"""


def environment() -> dict[str, str]:
    """With bytecode, as usual."""
    return {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def took(*command: str) -> float:
    """Seconds from the start of a command to its end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment())
    return time.perf_counter() - began


def parts(asked: list[str], marks: Path) -> tuple[float, dict[str, float]]:
    """Seconds of a command from start to end, and of its parts."""
    command = [sys.executable, "-c", TRACED, *asked]
    began = time.perf_counter()
    env = environment() | {"MARKS": str(marks)}
    subprocess.run(command, check=True, capture_output=True, env=env)
    whole = time.perf_counter() - began
    found, before = {}, began
    for name, at in [*json.loads(marks.read_text()), ("end", began + whole)]:
        found[name] = at - before
        before = at
    return whole, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--json", type=Path, help="keep the table here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        several = [str(path) for path in SAMPLES]
        one = ["colorize", str(PHOTO), "--recolor", "--force", "-o", f"{name}/coloured.jpg"]
        batch = ["colorize", *several, "--recolor", "-o"]
        commands = {
            "python -c pass": ["-c", "pass"],
            "photochrom --version": ["-m", "photochrom", "--version"],
            "photochrom --help": ["-m", "photochrom", "--help"],
            f"photochrom colorize {PHOTO.name}": ["-m", "photochrom", *one],
        }
        short = f"photochrom colorize, {len(several)} photos"
        best = dict.fromkeys([*commands, short], float("inf"))
        quickest: tuple[float, dict[str, float]] = float("inf"), {}
        for i in range(options.repeat + 1):
            for what, command in commands.items():
                best[what] = min(best[what], took(*command))
            new = str(folder / f"batch {i}")  # as what is done is skipped
            best[short] = min(best[short], took("-m", "photochrom", *batch, new))
            quickest = min(quickest, parts(one, folder / "marks"), key=lambda run: run[0])
    rows = best | {f"of one photo: {part}": seconds for part, seconds in quickest[1].items()}
    show(
        {what: {"ms": round(seconds * 1000)} for what, seconds in rows.items()},
        "command",
        options.json,
    )


if __name__ == "__main__":
    main()
