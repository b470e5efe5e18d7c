"""Does colour keep to the edges of a photo? Chroma enlarged along them, beside plain enlargement.

    python benchmarks/edges.py --data test.tar [--model hintnet] [--photos 200] [--halve]

Photos are taken as they are (protocol: native), or halved, so that the coarser chroma that most
files keep is as fine as their lightness. Their true ab is made small, to what the network
sees or to 1/4, and the network answers its own; each is then enlarged in three ways and combined
with the photo's L. Printed is the mean CIEDE2000 to the photo, in a band around strong edges and
over all pixels, and what enlarging along L gains over bilinear, with a 95 % interval over photos.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.data import shards
from photochrom.evaluation import metrics
from photochrom.inference import chroma_upsampling

Plane = NDArray[np.float32]

EDGE = 8.0
"""L a pixel: a slope, by Scharr's derivative, that counts as a strong edge."""
REACH = 2
"""Pixels to each side of an edge that belong to the band."""
LEAST = 0.01
"""The share of a photo that has to be band for it to be measured there."""


def resized(planes: Plane, size: tuple[int, int], way: int) -> Plane:
    """Planes (2, h, w) at another size (H, W)."""
    return np.stack([cv2.resize(p, size[::-1], interpolation=way) for p in planes])


WAYS: dict[str, Callable[[Plane, Plane, Plane], Plane]] = {
    "bilinear": lambda ab, _, L: resized(ab, L.shape, cv2.INTER_LINEAR),
    "bicubic": lambda ab, _, L: resized(ab, L.shape, cv2.INTER_CUBIC),
    "along L": lambda ab, small, L: chroma_upsampling.fit_chroma(ab, small, L.shape).rows(
        0, len(L), L
    ),
}


def band(L: Plane) -> NDArray[np.bool_]:
    """Where a photo has strong edges in L, and what lies beside them, (H, W)."""
    slopes = (cv2.Scharr(L, cv2.CV_32F, *along, scale=1 / 32) for along in ((1, 0), (0, 1)))
    strong = (np.hypot(*slopes) > EDGE).astype(np.uint8)
    return cv2.dilate(strong, np.ones((2 * REACH + 1,) * 2, np.uint8)).astype(bool)


def made_small(lab: Plane, size: tuple[int, int]) -> Plane:
    """Lab (3, h, w)."""
    L, ab = lab[0], lab[1:]
    way = cv2.INTER_CUBIC if size[0] > L.shape[0] else cv2.INTER_AREA
    light = chroma_upsampling.shrink(L.__getitem__, (L.shape[0], L.shape[1]), size)
    return np.concatenate([light[None], resized(ab, size, way)])


def sources(lab: Plane, colorizer: Colorizer) -> dict[str, Plane]:
    """Small Lab (3, h, w) to be enlarged: the photo's own, and with the network's ab."""
    height, width = lab.shape[1:]
    scale = colorizer.model.size / min(height, width)
    seen = made_small(lab, (round(height * scale), round(width * scale)))
    answer = colorizer.predict(seen[None, :1])[0]
    return {
        "true ab, network's size": seen,
        "true ab, 1/4": made_small(lab, (max(1, height // 4), max(1, width // 4))),
        "network's ab": np.concatenate([seen[:1], answer]),
    }


def differences(
    photo: NDArray[np.uint8], colorizer: Colorizer
) -> dict[str, dict[str, list[float]]]:
    """Of each source, by each way: CIEDE2000 in the band (NaN if there is none), and overall."""
    truth = color.rgb_to_lab(photo.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    L, edges = np.ascontiguousarray(truth[0]), band(truth[0])
    found: dict[str, dict[str, list[float]]] = {}
    for source, small in sources(truth, colorizer).items():
        found[source] = {}
        for name, enlarge in WAYS.items():
            rgb = chroma_upsampling.recombine(
                L, enlarge(small[1:], np.ascontiguousarray(small[0]), L)
            )
            lab = color.rgb_to_lab(rgb.transpose(2, 0, 1).astype(np.float32) / 255)
            there = np.nan
            if edges.mean() >= LEAST:
                there = metrics.ciede2000(truth[:, edges], lab[:, edges])
            found[source][name] = [there, metrics.ciede2000(truth, lab)]
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--halve", action="store_true", help="make photos half as large first")
    given = parser.parse_args()
    colorizer = Colorizer(given.model)
    every: dict[str, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for _, photo in islice(shards.decode_sources(shards.find_sources(given.data)), given.photos):
        if isinstance(photo, np.ndarray):
            if given.halve:
                size = photo.shape[1] // 2, photo.shape[0] // 2
                photo = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
            for source, ways in differences(photo, colorizer).items():
                for name, figures in ways.items():
                    every[source][name].append(figures)
    print("| source | enlarged | at edges | gain | 95 % interval | all pixels | gain |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for source, measured in every.items():
        plain = np.array(measured["bilinear"])
        for name, rows in measured.items():
            mine = np.array(rows)
            better = plain - mine
            edge = better[~np.isnan(better[:, 0]), 0]
            low, high = metrics.bootstrap_interval(edge)
            at, over = np.nanmean(mine[:, 0]), mine[:, 1].mean()
            gains = f"{edge.mean():+.3f} | {low:+.3f} to {high:+.3f}"
            print(
                f"| {source} | {name} | {at:.3f} | {gains} | {over:.3f} "
                f"| {better[:, 1].mean():+.3f} |"
            )
    print(f"\n{len(plain)} photos, {len(edge)} of them with strong edges")


if __name__ == "__main__":
    main()
