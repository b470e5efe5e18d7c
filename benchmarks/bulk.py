"""Bulk work beside its floor: photos/s coloured, over photos/s only decoded and encoded again.

    python benchmarks/bulk.py [--photos 60] [--megapixels 1] [--jobs N] [--device openvino]

Both with the same number of photos under way at a time; they are grey JPEGs made of the samples.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from photochrom.batch import planning, pool
from photochrom.batch.options import BatchOptions
from photochrom.batch.worker import Worker
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


def floor(photos: list[Path], out: Path, jobs: int) -> float:
    """Photos/s decoded and encoded in colour at the quality that photochrom has."""

    def again(photo: Path) -> None:
        rgb = Image.open(photo).convert("RGB")
        rgb.save(out / photo.name, quality=95, subsampling="4:4:4")

    out.mkdir()
    begun = time.perf_counter()
    with ThreadPoolExecutor(jobs) as threads:
        list(threads.map(again, photos))
    return len(photos) / (time.perf_counter() - begun)


def ours(folder: Path, out: Path, jobs: int, device: str) -> float:
    """Photos/s coloured, the model loaded."""
    worker = Worker(BatchOptions(device=device), pool.share_cores(jobs))
    todo = planning.jobs([folder], out)
    begun = time.perf_counter()
    states = {outcome.state for outcome in pool.run(todo, worker, jobs)}
    if states != {"done"}:
        raise SystemExit(f"Not all was coloured: {states}.")
    return len(todo) / (time.perf_counter() - begun)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--megapixels", type=float, default=1)
    parser.add_argument("--jobs", type=int, default=cores())
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "album"
        folder.mkdir()
        album(folder, asked.photos, asked.megapixels)
        photos = sorted(folder.iterdir())
        print("decode + encode   coloured   ratio    (photos/s)")
        for i in range(asked.rounds):
            cv2.setNumThreads(1)
            plain = floor(photos, Path(name) / f"floor {i}", asked.jobs)
            coloured = ours(folder, Path(name) / f"out {i}", asked.jobs, asked.device)
            print(f"{plain:15.1f} {coloured:10.1f} {coloured / plain:7.2f}")


if __name__ == "__main__":
    main()
