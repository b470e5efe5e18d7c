"""What do hints cost? Colouring with so many of them, beside colouring with none.

    python benchmarks/hints.py [--model hintnet] [--repeat 20]

Prints milliseconds at 256 pixels: the network alone, then from lightness to ab with so many hints,
and the ratio to those without.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from photochrom import Colorizer

COUNTS = (0, 1, 10, 50, 200, 1000)
SIDE = 256


def median_milliseconds(function: Callable[[], object], repeat: int) -> float:
    """Of some calls, after one that warms up."""
    function()
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def milliseconds(colorizer: Colorizer, spots: NDArray[np.float32], repeat: int) -> float:
    """Of colouring with these spots."""
    L = np.random.default_rng(0).uniform(0, 100, (SIDE, SIDE)).astype(np.float32)
    return median_milliseconds(lambda: colorizer.predict_ab(L, spots, size=SIDE), repeat)


def network(colorizer: Colorizer, repeat: int) -> float:
    """Median time of the network's answer to L, after one call that warms up."""
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, SIDE, SIDE)).astype(np.float32)
    return median_milliseconds(lambda: colorizer.predict(L), repeat)


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
    print(f"network alone: {network(colorizer, given.repeat):.1f} ms\n")
    print("| hints | ms | ÷ none |\n| ---: | ---: | ---: |")
    for count in COUNTS:
        took = milliseconds(colorizer, all_spots[:count].astype(np.float32), given.repeat)
        without = without or took
        print(f"| {count} | {took:.1f} | {took / without:.2f} |", flush=True)


if __name__ == "__main__":
    main()
