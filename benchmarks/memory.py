"""Does memory stay flat while many photos are coloured? Resident memory after 200 and 2,000.

    python benchmarks/memory.py [--photos 2000] [--jobs 4] [--json docs/figures/memory.json]

Colours an album of mixed scans by the pool of ``photochrom colorize``: JPEGs, grey and stored as
RGB, of 0.3 to 12 megapixels; PNGs of 8 and 16 bits; TIFFs of several pages; and some that are
broken. After 50 photos it begins anew, under other names, so that any 100 in a row are alike.
Resident memory is read when a photo is done, and medians over 100 photos are compared. Results
are removed as they come.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import platform
import re
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from photochrom.batch import pool
from photochrom.batch.options import BatchOptions
from photochrom.batch.planning import Job
from photochrom.batch.worker import Worker
from photochrom.parallel import cores

SAMPLES = Path(__file__).parent.parent / "samples"
SIZES = *[0.3] * 12, *[0.5] * 8, *[1.0] * 6, 2.0, 3.0, 6.0, 12.0
"""Megapixels of the JPEGs; every third is stored as RGB."""
WINDOW = 50
"""Photos on each side of the moment that a median is taken of."""


def scan(megapixels: float, number: int) -> NDArray[np.uint8]:
    """Grey pixels, 4:3, as detailed as the samples are, no two alike."""
    paths = sorted(SAMPLES.glob("*.jpg"))
    grey = np.asarray(Image.open(paths[number % len(paths)]).convert("L"))
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    times = -(-height // grey.shape[0]), -(-width // grey.shape[1])
    return np.ascontiguousarray(np.roll(np.tile(grey, times)[:height, :width], 13 * number, axis=1))


def album(folder: Path) -> list[Path]:
    """Make 50 files of mixed kinds, and answer them in an order that mixes them."""
    paths: list[Path] = []

    def add(suffix: str) -> Path:
        paths.append(folder / f"{len(paths):02d}.{suffix}")
        return paths[-1]

    for i, megapixels in enumerate(SIZES):
        image = Image.fromarray(scan(megapixels, i))
        image.convert("RGB" if i % 3 == 2 else "L").save(add("jpg"), quality=90)
    for i in range(8):
        grey = scan(0.4, i)
        deep = Image.fromarray(grey.astype(np.uint16) * 257) if i % 2 else Image.fromarray(grey)
        deep.save(add("png"))
    for i in range(6):
        pages = [Image.fromarray(scan(0.3, i + page)) for page in range(3)]
        pages[0].save(add("tif"), save_all=True, append_images=pages[1:], compression="tiff_lzw")
    whole = paths[0].read_bytes()
    for broken in (b"", b"no picture at all", whole[: len(whole) // 2], whole[:40]):
        add("jpg").write_bytes(broken)
    for cut in (b"\x89PNG\r\n\x1a\n", paths[30].read_bytes()[:5000]):
        add("png").write_bytes(cut)
    np.random.default_rng(0).shuffle(paths)
    return paths


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def follow(paths: list[Path], out: Path, photos: int, at_once: int) -> Iterator[tuple[int, str]]:
    """Colour; tells resident memory when each photo is done, and what came of it."""
    again = itertools.islice(itertools.cycle(paths), photos)
    jobs = (Job(path, out / f"{i:06d} {path.name}", out) for i, path in enumerate(again))
    worker = Worker(BatchOptions(), pool.share_cores(at_once))
    with contextlib.closing(pool.run(jobs, worker, at_once, 600)) as outcomes:
        for outcome in outcomes:
            for result in outcome.results:
                Path(result).unlink()
            yield resident(), outcome.state


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    samples: list[int] = []
    states: Counter[str] = Counter()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "album", Path(name) / "out"
        folder.mkdir()
        for rss, state in follow(album(folder), out, asked.photos, asked.jobs):
            samples.append(rss)
            states[state] += 1
            if len(samples) % 100 == 0:
                half = samples[-2 * WINDOW :]
                print(f"{len(samples):6d} {statistics.median(half) / 1e6:7.1f} MB", flush=True)
    seconds = time.perf_counter() - begun
    early = statistics.median(samples[200 - WINDOW : 200 + WINDOW])
    late = statistics.median(samples[-2 * WINDOW :])
    peak = int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) * 1024
    figures = {
        "photos": len(samples),
        "states": dict(states),
        "minutes": round(seconds / 60, 1),
        "MB after 200": round(early / 1e6, 1),
        "MB at the end": round(late / 1e6, 1),
        "ratio": round(late / early, 3),
        "bytes a photo": round((late - early) / (len(samples) - 200)),
        "peak MB": round(peak / 1e6, 1),
        "machine": f"{cores()} cores of {_processor()}, Python {platform.python_version()}, "
        f"onnxruntime {version('onnxruntime')}",
    }
    for key, value in figures.items():
        print(f"{key}: {value}")
    if asked.json:
        asked.json.write_text(
            json.dumps({f"{asked.jobs} at a time": figures}, indent=1) + "\n", "utf-8"
        )


def _processor() -> str:
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


if __name__ == "__main__":
    main()
