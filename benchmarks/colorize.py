"""How much longer than opening and saving a photo does colouring it take, and how much memory?

    python benchmarks/colorize.py [--megapixels 12 24] [--model hintnet] [--repeat 7]
        [--json docs/figures/colorize.json]

Prints the best of some times: decoding and encoding the photo with Pillow, colouring the same file,
and their ratio; then the peak memory that colouring it adds to a process that has coloured a small
photo before. Photos are JPEG, grey and as RGB; of a large one memory alone is measured.
"""

from __future__ import annotations

import argparse
import io
import math
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from common import show
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[12, 24])
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    from photochrom import Colorizer

    colorizer = Colorizer(options.model)
    table: dict[str, dict[str, str]] = {}
    for megapixels in options.megapixels:
        for mode in ("L", "RGB"):
            data = photo(megapixels, mode)
            base = ours = math.nan
            if megapixels < LARGE:
                base, ours = seconds(
                    [partial(floor, data), partial(colorizer.colorize, data)], options.repeat
                )
            added, before = peak_bytes(data, options.model)
            with Image.open(io.BytesIO(data)) as image:
                rgb = image.width * image.height * 3
            name = f"{megapixels:g} megapixels, {'grey' if mode == 'L' else 'stored as RGB'}"
            table[name] = {
                "decode + encode": f"{base:.2f} s",
                "colour": f"{ours:.2f} s",
                "time ÷": f"{ours / base:.2f}",
                "memory": f"{added / 1e6:.0f} MB",
                "memory ÷ RGB": f"{added / rgb:.2f}",
            }
    show(table, "photo", options.json)
    print(f"\nmemory is what comes on top of {before / 1e6:.0f} MB: Python, libraries and network")


if __name__ == "__main__":
    main()
