"""What do hints cost? Colouring with so many of them, beside colouring with none.

    python benchmarks/hints.py [--model hintnet] [--repeat 20]

Prints milliseconds at 256 pixels, from lightness to ab, and their ratio to those without hints.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
from numpy.typing import NDArray

from photochrom import Colorizer

COUNTS = (0, 1, 10, 50, 200, 1000)
SIDE = 256


def milliseconds(colorizer: Colorizer, spots: NDArray[np.float32], repeat: int) -> float:
    """Median time of some calls, after one that warms up."""
    L = np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)
    colorizer.paint(L, spots, size=SIDE)
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        colorizer.paint(L, spots, size=SIDE)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--repeat", type=int, default=20)
    given = parser.parse_args()
    colorizer = Colorizer(given.model)
    dice = np.random.default_rng(1)
    all_spots = dice.uniform([0, 0, -60, -60], [SIDE, SIDE, 60, 60], (max(COUNTS), 4))
    without = None
    print("| hints | ms | ÷ none |\n| ---: | ---: | ---: |")
    for count in COUNTS:
        took = milliseconds(colorizer, all_spots[:count].astype(np.float32), given.repeat)
        without = without or took
        print(f"| {count} | {took:.1f} | {took / without:.2f} |", flush=True)


if __name__ == "__main__":
    main()
