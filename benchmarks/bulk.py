"""Bulk work beside its floor: photos/s coloured, over photos/s only decoded and encoded again.

    python benchmarks/bulk.py [--ways cpu:hintnet openvino:models/hintnet-int8.onnx ...]
        [--photos 60] [--megapixels 1] [--jobs N] [--json docs/figures/bulk.json]

A way is a device and a model. All have the same number of photos under way at a time, which are
grey JPEGs made of the samples, and take turns; the best of the rounds counts, and of the
processor's seconds, in which other work on the machine shows less, likewise the least.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from common import show
from PIL import Image

from photochrom.batch import planning, pool
from photochrom.batch.options import BatchOptions
from photochrom.batch.worker import Worker
from photochrom.inference.model_files import DEFAULT_MODEL
from photochrom.parallel import cores

SAMPLES = Path(__file__).parent.parent / "samples"


def album(folder: Path, photos: int, megapixels: float) -> None:
    """Fill a folder with grey JPEGs of so many megapixels, 4:3, as detailed as the samples are."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    sources = [np.asarray(Image.open(path).convert("L")) for path in sorted(SAMPLES.glob("*.jpg"))]
    for i in range(photos):
        grey = sources[i % len(sources)]
        times = -(-height // grey.shape[0]), -(-width // grey.shape[1])
        whole = np.roll(np.tile(grey, times)[:height, :width], 13 * i, axis=1)
        Image.fromarray(np.ascontiguousarray(whole)).save(folder / f"{i:04d}.jpg", quality=90)


class Figures(NamedTuple):
    """Of one run."""

    speed: float
    """Photos/s."""
    used: float
    """Milliseconds of a core for a photo."""


class Floor:
    """Photos decoded, and encoded in colour at the quality that photochrom has."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __call__(self, photos: list[Path], out: Path) -> None:
        """Do so."""

        def again(photo: Path) -> None:
            rgb = Image.open(photo).convert("RGB")
            rgb.save(out / photo.name, quality=95, subsampling="4:4:4")

        out.mkdir()
        with ThreadPoolExecutor(self.jobs) as threads:
            list(threads.map(again, photos))


class Way:
    """A device and a model, loaded."""

    def __init__(self, name: str, jobs: int) -> None:
        device, _, model = name.partition(":")
        self.jobs = jobs
        share = pool.share_cores(jobs)
        self.worker = Worker(BatchOptions(device=device, model=model or DEFAULT_MODEL), share)

    def __call__(self, photos: list[Path], out: Path) -> None:
        """Colour the photos."""
        todo = planning.jobs([photos[0].parent], out)
        states = {outcome.state for outcome in pool.run(todo, self.worker, self.jobs)}
        if states != {"done"}:
            raise SystemExit(f"Not all was coloured: {states}.")


def measure(work: Callable[[list[Path], Path], None], photos: list[Path], out: Path) -> Figures:
    """Photos/s, and the processor's milliseconds for a photo."""
    begun, used = time.perf_counter(), time.process_time()
    work(photos, out)
    used, taken = time.process_time() - used, time.perf_counter() - begun
    return Figures(len(photos) / taken, 1000 * used / len(photos))


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="+", default=["cpu"])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--megapixels", type=float, default=1)
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    ways: dict[str, Callable[[list[Path], Path], None]] = {"decode + encode": Floor(asked.jobs)}
    ways |= {name: Way(name, asked.jobs) for name in asked.ways}
    found: dict[str, list[Figures]] = {name: [] for name in ways}
    cv2.setNumThreads(max(1, cores() // asked.jobs))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "album"
        folder.mkdir()
        album(folder, asked.photos, asked.megapixels)
        photos = sorted(folder.iterdir())
        for i in range(asked.rounds):
            for way, work in ways.items():
                out = Path(name) / f"{i} {list(ways).index(way)}"
                found[way].append(measure(work, photos, out))
                shutil.rmtree(out)
    speed = {way: max(f.speed for f in figures) for way, figures in found.items()}
    used = {way: min(f.used for f in figures) for way, figures in found.items()}
    show(
        {
            way: {
                "photos/s": f"{speed[way]:.1f}",
                "÷ decode + encode": f"{speed[way] / speed['decode + encode']:.2f}",
                "ms of a core": f"{used[way]:.1f}",
                "÷ in these": f"{used['decode + encode'] / used[way]:.2f}",
            }
            for way in ways
        },
        "way",
        asked.json,
    )


if __name__ == "__main__":
    main()
