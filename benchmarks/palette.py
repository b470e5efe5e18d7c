"""Does a palette offer the right colour, and colours that differ?

    python benchmarks/palette.py --data study-1.tar [--held-out 0.03] [--old FOLDER] [--most 40]
        [--models hintnet new.onnx] [--json docs/figures/palette.json]

Of each photo five random places are asked for their palette. Compared are three sets: the ten
that the page shows, the present colour among them; the ten likeliest colours of the network without
the dial, each standing for what lies within 14 ab; and the present colour alone. Printed is how
often the true colour (mean of 3 x 3 pixels of what the network sees) is within 12 ab of one of
them with its 95 % interval over photos, how often grey comes first (but for the present colour),
and how near in ab two of them come: the median and the least.

--data is for photos in colour, --old for black-and-white ones, of which nobody knows the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import common
import numpy as np
from common import load_models, show
from numpy.typing import NDArray

from photochrom import Colorizer, Palette, color
from photochrom.evaluation import metrics
from photochrom.image.photo import Photo
from photochrom.inference import chroma_upsampling, color_distribution

PLACES = 5
FIRST = 10
HIT = 12.0
"""ab: within it the truth counts as offered."""
GREY = 8.0
"""Chroma, under which a colour is grey."""
LEAST = 14.0
"""ab, within which the likeliest colours stand for others."""

Floats = NDArray[np.float64]
Photos = list[tuple[str, NDArray[np.uint8]]]
Choice = Callable[[Palette, Floats, Floats], Floats]


def first_of_palette(palette: Palette, _p: Floats, _centres: Floats) -> Floats:
    """ab of the first that are shown: the present colour, and then others."""
    return np.array([swatch.ab for swatch in (palette.keep, *palette.colors)][:FIRST])


def likeliest(_palette: Palette, p: Floats, centres: Floats) -> Floats:
    """ab of the likeliest without the dial, each the mean of what it stands for."""
    gaps = np.linalg.norm(centres[:, None] - centres, axis=-1)
    chosen: list[int] = []
    for q in np.argsort(-p, kind="stable"):
        if (gaps[q, chosen] >= LEAST).all():
            chosen.append(int(q))
    belongs = np.eye(len(chosen))[gaps[:, chosen].argmin(1)] * p[:, None]
    shares = belongs.sum(0)
    ab = belongs.T @ centres / np.maximum(shares, 1e-12)[:, None]
    return np.asarray(ab[np.argsort(-shares, kind="stable")[:FIRST]])


def present(palette: Palette, _p: Floats, _centres: Floats) -> Floats:
    """ab of the present colour alone."""
    return np.array([palette.keep.ab])


CHOICES: dict[str, Choice] = {
    "palette": first_of_palette,
    "likeliest": likeliest,
    "present colour": present,
}


def ask(colorizer: Colorizer, pixels: NDArray[np.uint8], seed: list[int]) -> list[list[Floats]]:
    """Of each place the true ab, and ab of each choice, fitted into sRGB."""
    photo, rng = Photo(pixels), np.random.default_rng(seed)
    height, width = pixels.shape[:2]
    side = colorizer.model.size / min(height, width)
    small = max(1, round(height * side)), max(1, round(width * side))
    L = chroma_upsampling.shrink(photo.lightness, (height, width), small)
    logits = colorizer.model.run(L[None, None], None, ["logits"])[0]
    p = color_distribution.softmax(logits)[0].astype(float)
    centres = colorizer.model.centres().astype(float)
    ab = color.rgb_to_lab(pixels.astype(np.float32) / 255, axis=-1)[..., 1:]
    found = []
    for y, x in rng.uniform(size=(PLACES, 2)):
        palette = colorizer.palette(photo, x * width, y * height, most=FIRST)
        row, column = int(y * p.shape[1]), int(x * p.shape[2])
        top, left = int(y * height), int(x * width)
        reach = max(1, round(1.5 / side))  # of three pixels that the network sees
        rows, columns = (
            slice(max(0, top - reach), top + reach),
            slice(max(0, left - reach), left + reach),
        )
        found.append([ab[rows, columns].mean((0, 1))])
        for choose in CHOICES.values():
            offered = choose(palette, p[:, row, column], centres)
            lab = np.column_stack([np.full(len(offered), palette.lightness), offered])
            found[-1].append(color.fit_gamut(lab, axis=1)[:, 1:])
    return found


def summarize(asked: list[list[list[Floats]]], choice: int, *, coloured: bool) -> dict[str, object]:
    """The columns of a choice, of all places of all photos."""
    hits = np.array(
        [
            np.mean([np.linalg.norm(p[1 + choice] - p[0], axis=1).min() < HIT for p in places])
            for places in asked
        ]
    )
    offered = [place[1 + choice] for places in asked for place in places]
    first = 1 if list(CHOICES)[choice] == "palette" else 0
    others = [ab[first] for ab in offered if len(ab) > first]
    nearest = [_least_gap(ab) for ab in offered if len(ab) > 1]
    low, high = metrics.bootstrap_interval(hits)
    return {
        "photos": len(asked),
        "places": len(offered),
        "truth within 12 ab": f"{hits.mean():.2f}" if coloured else "–",
        "95 %": f"{low:.2f} to {high:.2f}" if coloured else "–",
        "grey first": f"{np.mean(np.linalg.norm(others, axis=1) < GREY):.2f}",
        "ab apart, median": f"{np.median(nearest):.0f}" if nearest else "–",
        "at least": f"{min(nearest):.1f}" if nearest else "–",
    }


def _least_gap(ab: Floats) -> float:
    gaps = np.linalg.norm(ab[:, None] - ab, axis=-1)
    return float(gaps[~np.eye(len(ab), dtype=bool)].min())


def rows(models: dict[str, Colorizer], photos: Photos, old: Photos) -> dict[str, dict[str, object]]:
    """The table: of each set and model, a row for each choice."""
    table: dict[str, dict[str, object]] = {}
    for where, some in (("", photos), (", old photos", old)):
        for name, colorizer in models.items() if some else ():
            asked = [ask(colorizer, pixels, [0, n]) for n, (_, pixels) in enumerate(some)]
            for choice, words in enumerate(CHOICES):
                row = summarize(asked, choice, coloured=not where)
                table[f"{name}, {words}{where}"] = row
    return table


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 40, needs=False)
    parser.add_argument("--old", type=Path, nargs="+", default=[])
    parser.add_argument("--models", nargs="+", default=["hintnet"])
    given = parser.parse_args()
    if not given.data and not given.old:
        parser.error("give some photos: --data, --old, or both")
    photos = list(common.read(given.data, given.held_out, given.most)) if given.data else []
    old = list(common.read(given.old, None, 1000)) if given.old else []
    show(rows(load_models(given.models), photos, old), "model", given.json)


if __name__ == "__main__":
    main()
