"""What does a reference tell? A photo coloured with itself, another frame of it, and others.

    python benchmarks/reference.py --data photos.tar [--held-out 0.03] [--most 20]
        [--model hintnet] [--json docs/figures/reference.json]

Photos are cut as in the protocol crop512, and coloured with the default options. The reference is
the photo itself in colour; another frame: cut to 85 %, turned by 3°, 0.8 times as large, darker,
with noise; a half that shares a third with the photo, which is then a half, too; and another photo.
Told are PSNR without and with it, the least gain of any photo, hints, and CPU seconds to find them.
"""

from __future__ import annotations

import time

import common
import cv2
import numpy as np
from common import show
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import crop
from photochrom.inference.chroma_upsampling import to_grey

Pixels = NDArray[np.uint8]


def another_frame(photo: Pixels, seed: int) -> Pixels:
    """The scene from elsewhere, in other light and with noise."""
    height, width = photo.shape[:2]
    rng = np.random.default_rng(seed)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 3.0, 0.8)
    inner = round(0.8 * 0.85 * width)
    turn[:, 2] += inner / 2 - turn @ [width / 2, height / 2, 1]
    turn[:, 2] += rng.uniform(-0.03, 0.03, 2) * width
    frame = cv2.warpAffine(photo, turn, (inner, inner), flags=cv2.INTER_AREA)
    noisy = 0.85 * frame + rng.normal(0, 4, frame.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def pairs(photos: list[Pixels], i: int) -> dict[str, tuple[Pixels, Pixels]]:
    """Photo and reference by what the reference is."""
    photo = photos[i]
    width = photo.shape[1]
    return {
        "itself": (photo, photo),
        "another frame": (photo, another_frame(photo, i)),
        "overlapping half": (photo[:, : round(0.6 * width)], photo[:, round(0.4 * width) :]),
        "another photo": (photo, photos[(i + 1) % len(photos)]),
    }


def gain(colorizer: Colorizer, truth: Pixels, reference: Pixels) -> list[float]:
    """PSNR without and with the reference, the gain, hints, CPU seconds to find them."""
    L = color.rgb_to_lab(truth.astype(np.float32) / 255, axis=-1)[..., 0]
    grey = to_grey(L)
    began = time.process_time()
    hints = colorizer.hints_from_reference(grey, reference)
    took = time.process_time() - began
    without, with_it = (
        metrics.psnr(*(p.transpose(2, 0, 1) / 255 for p in (truth, rgb)))
        for rgb in (colorizer.colorize(grey), colorizer.colorize(grey, hints=hints))
    )
    return [without, with_it, with_it - without, len(hints), took]


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 20)
    parser.add_argument("--model", default="hintnet")
    given = parser.parse_args()
    colorizer = Colorizer(given.model)
    read = common.read(given.data, given.held_out, given.most)
    photos = [crop(photo, "crop512") for _, photo in read]
    found: dict[str, list[list[float]]] = {}
    for i in range(len(photos)):
        for row, (photo, reference) in pairs(photos, i).items():
            found.setdefault(row, []).append(gain(colorizer, photo, reference))
    table: dict[str, dict[str, object]] = {}
    for row, figures in found.items():
        without, with_it, gained, hints, took = np.mean(figures, axis=0)
        table[row] = {
            "without, dB": f"{without:.2f}", "with, dB": f"{with_it:.2f}",
            "gain, dB": f"{gained:+.2f}", "least": f"{min(f[2] for f in figures):+.2f}",
            "hints": f"{hints:.0f}", "CPU, s": f"{took:.2f}",
        }  # fmt: skip
    show(table, "reference", given.json)


if __name__ == "__main__":
    main()
