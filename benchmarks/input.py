"""Reading shards beside its floor: photos/s through the stream, over those of the decoder alone.

    python benchmarks/input.py --data shards/ [--photos 2000]

On one core: the decoder (OpenCV's for WebP and JPEG) gets the same bytes, which are in memory then.
The stream finds them in their shards, in its random order, and says how many bytes it read at once.
Processor time, so that other work on the machine does not count; the files are read once before,
so that the disk does not.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from photochrom.data.order import Part
from photochrom.data.photo_set import Chosen
from photochrom.data.photo_source import PhotoSource
from photochrom.data.shards import find_shards, find_sources
from photochrom.data.steps import StreamedSteps
from photochrom.data.stream import StreamedPhotos


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


class Noted(StreamedPhotos):
    """Photos whose requests are counted."""

    asked = 0
    got = 0

    def read(self, source: PhotoSource) -> bytes:
        """The bytes of a stretch."""
        self.asked += 1
        self.got += source.size
        return super().read(source)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=int, default=2048)
    parser.add_argument("--side", type=int, default=256, help="short side of the photos")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    data = [source.read() for source in find_sources(given.data)[: given.photos]]
    photos = Noted(find_shards(given.data), given.side, readers=1)
    batch = min(128, len(photos))
    every = Chosen(len(photos), np.array([], np.int64))
    steps = StreamedSteps(photos, every, 1, Part(len(photos), batch))
    step = itertools.count()
    size = sum(map(len, data)) / len(data)
    print(f"{len(data)} photos of {size / 1000:.1f} kB")
    print("decoder   stream   ratio   MB/s   MB a request   (photos/s of one core)")
    steps(next(step))  # from here on, as much is read ahead as is taken
    for _ in range(given.rounds):
        photos.asked = photos.got = 0
        alone = rate(lambda: decoder(data))
        ours = rate(lambda: sum(len(steps(next(step))) for _ in range(given.photos // batch)))
        print(
            f"{alone:7.0f} {ours:8.0f} {ours / alone:7.2f} {ours * size / 1e6:6.1f} "
            f"{photos.got / photos.asked / 1e6:10.2f}"
        )
    steps.close()


if __name__ == "__main__":
    main()
