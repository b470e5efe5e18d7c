"""Is the photo's lightness kept? Results in every format, read again and held against the photo.

    python benchmarks/lightness.py [PHOTO...] [--json docs/figures/lightness.json]

Each photo, by default the samples, is coloured, written as each format by default settings, and
read again. Printed for each format is by how many grey levels (1/255 of the way from black to
white, by L) a pixel's lightness moved: the worst photo's 99th percentile and the most of any
pixel; and the bytes a pixel takes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from photochrom import Colorizer
from photochrom.image.reader import read_photo
from photochrom.image.writer import encode_photo

SAMPLES = Path(__file__).parents[1] / "samples"
FORMATS = "PNG", "TIFF", "JPEG", "WEBP", "AVIF", "HEIF", "JPEG2000"


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="*", type=Path, default=sorted(SAMPLES.glob("*.jpg")))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    colorizer = Colorizer()
    coloured = [colorizer.render(read_photo(path)) for path in asked.photos]
    before = [read_photo(path).lightness() for path in asked.photos]
    figures = {}
    for name in FORMATS:
        moved, size = [], 0
        for done, L in zip(coloured, before, strict=True):
            data = encode_photo(done, name)
            size += len(data)
            moved.append(np.abs(read_photo(data).lightness() - L) * 2.55)
        figures[name] = {
            "99 % within": round(max(float(np.percentile(m, 99)) for m in moved), 2),
            "most": round(max(float(m.max()) for m in moved), 1),
            "bytes a pixel": round(size / sum(m.size for m in moved), 2),
        }
        print(name, *(f"{key} {value}" for key, value in figures[name].items()), sep="  ")
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
