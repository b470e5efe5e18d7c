"""How fast is film coloured, in how much memory, and do sound and picture stay together?

    python benchmarks/video_files.py [--frames 240] [--model hintnet]
        [--json docs/figures/video-files.json]

`photochrom video` colours films that are made for this, each in a process of its own, with its
defaults: 854 × 480 with so many frames; 1920 × 1080 with a quarter of them, and with three times
as many as that; and an hour of small frames, each of which stays for another time, with sound.

frames/s      of the whole command, from its start to its end
peak memory   of the process
drift         the most by which a frame or a packet of sound is told for another time than before

The status is 1 if a goal is missed: 10 frames/s at 854 × 480, 1.2 GB at 1920 × 1080 and at most a
tenth more for the longer of the two, and no drift.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, cycle, islice
from pathlib import Path
from typing import Any

import clips
import numpy as np
from common import show
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

HOUR = 3600
LEAST_SPEED, MOST_MEMORY, MOST_GROWTH = 10.0, 1200, 1.1
"""Frames/s, MB, and the longer film's memory by the shorter's."""
LAUNCH = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Tells the most memory of a command. It is a process of its own, as Linux counts to a process what
the one had that began it."""


def go_back_and_forth(size: tuple[int, int], many: int) -> Iterator[Luma]:
    """So many frames of grey, across a person and back."""
    frames = [clips.to_grey(frame) for frame in clips.pan(size)]
    return islice(cycle(chain(frames, frames[-2:0:-1])), many)


def write_hour(path: Path, many: int = HOUR) -> None:
    """A film of so many small frames, a second each on average, none as long as the next; sound."""
    import av

    dice = np.random.default_rng(0)
    starts = np.concatenate([[0], np.cumsum(dice.integers(400, 1600, many - 1))])  # ms
    with av.open(str(path), "w") as film:
        picture: Any = film.add_stream("libx264", rate=1000, options={"preset": "ultrafast"})
        picture.height, picture.width, picture.pix_fmt = 64, 96, "yuv420p"
        picture.codec_context.time_base = Fraction(1, 1000)
        voice = film.add_stream("aac", rate=48_000, layout="mono")
        for start, luma in zip(starts, go_back_and_forth((64, 96), many), strict=True):
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = int(start), Fraction(1, 1000)
            film.mux(picture.encode(frame))
        film.mux(picture.encode(None))
        for wave in clips.beeps(int(starts[-1]) / 1000):
            film.mux(voice.encode(wave))
        film.mux(voice.encode(None))


def find_times(path: Path) -> dict[str, list[Fraction]]:
    """When frames are shown and sound is heard, in seconds, by kind of stream."""
    import av

    times: dict[str, list[Fraction]] = {}
    with av.open(str(path)) as film:
        for packet in film.demux():
            if packet.pts is not None:
                times.setdefault(packet.stream.type, []).append(packet.pts * packet.time_base)
    return {kind: sorted(found) for kind, found in times.items()}


def find_drift(film: Path, result: Path) -> float:
    """The most by which a frame or a packet is told for another time in a result, in ms.

    SystemExit if the result has not as many of them.
    """
    before, after = find_times(film), find_times(result)
    if {k: len(v) for k, v in before.items()} != {k: len(v) for k, v in after.items()}:
        sys.exit(f"{result.name} lacks frames, or sound.")
    pairs = chain(*(zip(before[kind], after[kind], strict=True) for kind in before))
    return float(1000 * max(abs(a - b) for a, b in pairs))


def color(film: Path, model: str) -> tuple[float, float, Path]:
    """Seconds, the most memory in MB (of 10⁶ bytes) and the result of `photochrom video`."""
    result = film.with_name(f"{film.stem}.color.mp4")
    command = ["-m", "photochrom", "video", str(film), "-o", str(result), "--model", model]
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", LAUNCH, sys.executable, *command], capture_output=True, text=True
    )
    seconds = time.perf_counter() - begun
    if done.returncode or not result.exists():
        sys.exit(done.stderr)
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, int(done.stdout.split()[-1]) * unit / 1e6, result


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--hour", type=int, default=HOUR, help="frames of the long film")
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--json", type=Path, help="keep the table here")
    asked = parser.parse_args()
    few = max(asked.frames // 4, 2)
    films = {"854 × 480": ((480, 854), asked.frames)}
    films |= {f"1920 × 1080, {n} frames": ((1080, 1920), n) for n in (few, 3 * few)}
    table: dict[str, dict[str, object]] = {}
    figures: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory() as name:
        for number, row in enumerate((*films, "an hour, 96 × 64")):
            film = Path(name) / f"{number}.mp4"
            if row in films:
                clips.write_film(film, go_back_and_forth(*films[row]), sound=True)
            else:
                write_hour(film, asked.hour)
            many = len(find_times(film)["video"])
            seconds, memory, result = color(film, asked.model)
            figures.append((many / seconds, memory, find_drift(film, result)))
            speed, _, drift = figures[-1]
            told = {"frames": many, "frames/s": f"{speed:.1f}"}
            table[row] = told | {"peak memory, MB": f"{memory:.0f}", "drift, ms": f"{drift:g}"}
            print(row, table[row], file=sys.stderr)
    show(table, "film", asked.json)
    (speed, *_), (_, short, _), (_, long, _), _ = figures
    missed = {
        f"{speed:.1f} frames/s, not {LEAST_SPEED:g}.": speed < LEAST_SPEED,
        f"{long:.0f} MB, not {MOST_MEMORY}.": max(short, long) > MOST_MEMORY,
        f"{long:.0f} MB for the longer film, {short:.0f} before.": long > MOST_GROWTH * short,
        "Frames or sound drift.": any(drift for *_, drift in figures),
    }
    if any(missed.values()):
        sys.exit("\n".join(sentence for sentence, is_so in missed.items() if is_so))


if __name__ == "__main__":
    main()
