"""What does a larger size for the network buy? The same photos, seen at several sizes.

    python benchmarks/sizes.py --data photos.tar [--model hintnet] [--sizes 128 192 256 320]
        [--vivid 0.3] [--photos 150] [--held-out 0.05]

Photos are cut as in the protocol crop256, seen by the network at each size, and coloured at 256
pixels. Prints PSNR, CIEDE2000, colourfulness (the output's mean over the truth's) and the
milliseconds from L to ab, beside the grey photo.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photochrom import Colorizer
from photochrom.data import shards
from photochrom.study.evaluate import evaluate

Plane = NDArray[np.float32]


def seen_at(colorizer: Colorizer, size: int, vivid: float | None, L: Plane) -> Plane:
    """ab (1, 2, H, W) for L (1, 1, H, W)."""
    return np.asarray(colorizer.paint(L[0, 0], size=size, vivid=vivid))[None]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 160, 192, 224, 256, 288, 320])
    parser.add_argument("--vivid", type=float, default=0.3)
    parser.add_argument("--photos", type=int, default=150)
    parser.add_argument("--held-out", type=float, help="only what training with this share left")
    given = parser.parse_args()
    colorizer = Colorizer(given.model)
    sources = shards.find(given.data)
    if given.held_out:
        sources = [
            s for s in sources if shards.is_validation(shards.digest(s.read()), given.held_out)
        ]
    read = shards.photos(sources[: given.photos])
    vivid = given.vivid if "vivid" in colorizer.model.defaults else None
    results = evaluate(
        ((name, photo) for name, photo in read if isinstance(photo, np.ndarray)),
        {f"{size} px": partial(seen_at, colorizer, size, vivid) for size in given.sizes},
    )
    print(f"{colorizer.name}, which asks for {colorizer.model.size} px; {results.caption}\n")
    print("| seen at | PSNR, dB | 95 % interval | ΔE00 | colourfulness | ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for row in results.summary:
        low, high = row.psnr_interval
        print(
            f"| {row.name} | {row.psnr_mean:.2f} | {low:.2f}–{high:.2f} | {row.delta_e:.2f} "
            f"| {row.colourfulness_ratio:.2f} | {row.milliseconds:.0f} |"
        )


if __name__ == "__main__":
    main()
