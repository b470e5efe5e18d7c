"""How much longer than opening and saving a photo does colouring it take, and how much memory?

    python benchmarks/colorize.py [--megapixels 12] [--model hintnet] [--repeat 5]

Prints seconds and their ratio to the floor (decode + encode of the same JPEG with Pillow), and
the peak memory of a process beyond its libraries and weights, as a ratio to the photo's RGB bytes.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLE = Path(__file__).parents[1] / "samples" / "rocket.jpg"


def photo(megapixels: float) -> bytes:
    """A grey 3:2 JPEG of that many megapixels, with some grain so that it compresses like one."""
    width = round((megapixels * 1e6 * 1.5) ** 0.5)
    size = width, round(width / 1.5)
    image = Image.open(SAMPLE).convert("L").resize(size, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(0).normal(0, 4, (image.height, image.width)).astype(np.float32)
    pixels = np.clip(np.asarray(image, np.float32) + grain, 0, 255).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG", quality=92)
    return target.getvalue()


def floor(data: bytes) -> bytes:
    """Decode, and encode as the tool does: RGB, quality 95, 4:4:4."""
    target = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(target, "JPEG", quality=95, subsampling=0)
    return target.getvalue()


def seconds(function: Callable[[], object], repeat: int) -> float:
    """Median time of some calls, after one that warms up."""
    function()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


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
print(peak() - before)
"""


def peak_bytes(data: bytes, model: str) -> int:
    """Peak memory that colouring adds to a process that has coloured a small photo before."""
    code = PEAK.format(model=model, sample=str(SAMPLE))
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    return int(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    from photochrom import Colorizer

    data = photo(options.megapixels)
    colorizer = Colorizer(options.model)
    base = seconds(lambda: floor(data), options.repeat)
    ours = seconds(lambda: colorizer.colorize(data), options.repeat)
    with Image.open(io.BytesIO(data)) as image:
        rgb = image.width * image.height * 3
    added = peak_bytes(data, options.model)
    print(f"{options.megapixels:g} megapixels, {len(data) / 1e6:.1f} MB JPEG")
    print(f"decode + encode {base:.2f} s, colouring {ours:.2f} s: ratio {ours / base:.2f}")
    print(
        f"peak memory {added / 1e6:.0f} MB above a warm process: {added / rgb:.2f} x the RGB bytes"
    )


if __name__ == "__main__":
    main()
