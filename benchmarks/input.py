"""Reading shards beside its floor: photos/s through the stream, over those of the decoder alone.

    python benchmarks/input.py --data shards/ [--photos 2000]

On one core: the decoder (OpenCV's for WebP and JPEG) gets the same bytes, which are in memory then.
The stream finds them in their shards, in random order. Processor time, so that other work on the
machine does not count; the files are read once before, so that the disk does not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from photochrom.data.shards import PhotoSource, find_sources
from photochrom.data.stream import StreamedPhotos, shuffle_by_shard


def rate(work: Callable[[], int]) -> float:
    """Photos per second of processor time."""
    begun = time.process_time()
    done = work()
    return done / (time.process_time() - begun)


def decoder(data: list[bytes]) -> int:
    """Decode what is in memory."""
    for photo in data:
        bgr = cv2.imdecode(np.frombuffer(photo, np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return len(data)


def stream(sources: list[PhotoSource], side: int) -> int:
    """Find, read and decode in random order; photos of that side already are not scaled."""
    photos = StreamedPhotos(sources, side)
    order = shuffle_by_shard(sources, seed=1, epoch=0)
    return sum(photos[i].ndim == 3 for i in order)  # each when it is asked for, in this thread


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--side", type=int, default=256, help="short side of the photos")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    sources = find_sources(asked.data)[: asked.photos]
    data = [source.read() for source in sources]
    print(f"{len(data)} photos of {sum(map(len, data)) / len(data) / 1000:.1f} kB")
    print("decoder   stream   ratio    (photos/s of one core)")
    for _ in range(asked.rounds):
        alone = rate(lambda: decoder(data))
        ours = rate(lambda: stream(sources, asked.side))
        print(f"{alone:7.0f} {ours:8.0f} {ours / alone:7.2f}")


if __name__ == "__main__":
    main()
