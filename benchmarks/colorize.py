"""How much longer than opening and saving a photo does colouring it take, and how much memory?

    python benchmarks/colorize.py [--megapixels 12 24] [--model hintnet] [--repeat 7]

Prints the best of some times, in seconds: decoding and encoding the photo with Pillow, colouring
the same file, and their ratio; then the peak memory that colouring it adds to a process that has
coloured a small photo before. Photos are JPEG, grey and as RGB; a large one is measured once.
Last: how long the command takes from start to end for a small photo.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLE = Path(__file__).parents[1] / "samples" / "rocket.jpg"
Image.MAX_IMAGE_PIXELS = None
LARGE = 100
"""Megapixels from which on memory alone is measured."""


def photo(megapixels: float, mode: str = "L") -> bytes:
    """A grey 3:2 JPEG of that many megapixels, with some grain so that it compresses like one."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    size = width, round(width / 1.5)
    image = Image.open(SAMPLE).convert("L").resize(size, Image.Resampling.BICUBIC)
    pixels, dice = np.array(image), np.random.default_rng(0)
    for rows in np.array_split(pixels, max(1, round(megapixels))):
        grain = dice.normal(0, 4, rows.shape).astype(np.float32)
        rows[:] = np.clip(rows + grain, 0, 255)
    target = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(target, "JPEG", quality=92)
    return target.getvalue()


def floor(data: bytes) -> bytes:
    """Decode, and encode as the tool does: RGB, quality 95, 4:4:4."""
    target = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(target, "JPEG", quality=95, subsampling=0)
    return target.getvalue()


def seconds(functions: list[Callable[[], object]], repeat: int) -> list[float]:
    """The best time of each, called in turn so that other work on the machine meets them alike."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeat + 1):
        for function, taken in zip(functions, times, strict=True):
            began = time.perf_counter()
            function()
            taken.append(time.perf_counter() - began)
    return [min(taken[1:]) for taken in times]  # the first warms up


PEAK = """
import re, sys
from pathlib import Path
from photochrom import Colorizer
colorizer = Colorizer({model!r})
colorizer.colorize(open({sample!r}, "rb").read())
def peak():  # Linux alone: getrusage would count the parent before the fork
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
before = peak()
colorizer.colorize(sys.stdin.buffer.read())
print(peak() - before, before)
"""


def peak_bytes(data: bytes, model: str) -> tuple[int, int]:
    """Peak memory that colouring adds to a process that has coloured a small photo, and its own."""
    code = PEAK.format(model=model, sample=str(SAMPLE))
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    added, before = map(int, done.stdout.split())
    return added, before


def cold_start(model: str) -> float:
    """From the start of the command to its end, best of five."""

    def once() -> None:
        with tempfile.TemporaryDirectory() as folder:
            out = ["-o", f"{folder}/coloured.jpg"]
            command = [sys.executable, "-m", "photochrom", "colorize", str(SAMPLE), "--recolor"]
            subprocess.run([*command, *out, "--model", model], check=True, capture_output=True)

    return seconds([once], 5)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 24])
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    from photochrom import Colorizer

    colorizer = Colorizer(options.model)
    print("| photo | file, MB | decode + encode, s | colour, s | ÷ | memory, MB | ÷ RGB |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for megapixels in options.megapixels:
        for mode in ("L", "RGB"):
            data = photo(megapixels, mode)
            times = "| | "
            if megapixels < LARGE:
                base, ours = seconds(
                    [partial(floor, data), partial(colorizer.colorize, data)], options.repeat
                )
                times = f"{base:.3f} | {ours:.3f} | {ours / base:.2f}"
            added, before = peak_bytes(data, options.model)
            with Image.open(io.BytesIO(data)) as image:
                rgb = image.width * image.height * 3
            name = f"{megapixels:g} megapixels, {'grey' if mode == 'L' else 'as RGB'}"
            memory = f"{added / 1e6:.0f} | {added / rgb:.2f}"
            print(f"| {name} | {len(data) / 1e6:.1f} | {times} | {memory} |", flush=True)
    print(f"\nmemory is what comes on top of {before / 1e6:.0f} MB: Python, libraries and network")
    words, size = Path(SAMPLE).name, re.sub(r"[(),]", "", str(Image.open(SAMPLE).size))
    print(f"photochrom colorize {words} ({size}): {cold_start(options.model):.2f} s")


if __name__ == "__main__":
    main()
