"""More colour by the dial, or by multiplying what a low setting of it says: which is nearer?

    python benchmarks/dial.py --data photos.tar [--held-out 0.03] [--most 1000]
        [--models hintnet new.onnx] [--json docs/figures/dial.json]

Photos are cut as in the protocol crop256 and coloured at every setting of vivid. For each, that
strength is searched (ab is multiplied by it) at which all photos together are 0.75 and 1.00 times
as colourful as they truly are; and for the dial the vivid that is so at strength 1, or at its end
the least strength more. At this equal colourfulness printed are PSNR, the ab error as a share of
grey's, and what both are over the dial's, with 95 % intervals over photos. If the photos lie in
several folders (as train/1.webp in a tar does), what each folder has is searched and told as well.

Colourfulness is searched on every 4th pixel of every 4th row, and told of all pixels.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import common
import numpy as np
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import crop

Array = NDArray[np.float32]
Answers = list[NDArray[np.float16]]
Table = dict[str, dict[str, str]]

DIAL = "the dial"
VIVIDS = (0.0, 0.15, 0.3, 0.5, 0.7, 1.0)
SHARES = (0.75, 1.0)
"""Of the truth's colourfulness."""
THIN = np.s_[..., 2::4, 2::4]
MOST_STRENGTH = 4.0
PASSES = 2
"""Of the network over all photos, to find a vivid."""
RESAMPLES = 2000


class Photo(NamedTuple):
    """One, (3, 256, 256)."""

    folder: str
    rgb: NDArray[np.uint8]
    lab: Array


class Figures(NamedTuple):
    """Of each photo, (N,)."""

    psnr: NDArray[np.float64]
    squared: NDArray[np.float64]
    """Mean squared ab distance."""
    colourfulness: NDArray[np.float64]


def read(data: list[Path], held_out: float | None, most: int) -> list[Photo]:
    """The photos, as they are measured."""
    photos = []
    for name, photo in common.read(data, held_out, most):
        rgb = np.ascontiguousarray(crop(photo, "crop256").transpose(2, 0, 1))
        lab = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))
        photos.append(Photo(Path(name).parent.name, rgb, lab))
    return photos


def paint(colorizer: Colorizer, photos: list[Photo], vivid: float) -> Answers:
    """ab (2, 256, 256) of each."""
    return [colorizer.predict_ab(p.lab[0], vivid=vivid).astype(np.float16) for p in photos]


def show(L: Array, ab: NDArray[np.float16], strength: float) -> Array:
    """sRGB in 0..1, in 8-bit steps, of lightness (H, W) and so many times ab (2, H, W)."""
    lab = np.concatenate([L[None], ab.astype(np.float32) * np.float32(strength)])
    rgb = color.lab_to_rgb(color.fit_gamut(lab))
    return np.asarray(np.round(np.clip(rgb, 0, 1) * 255) / np.float32(255), np.float32)


def colour_share(photos: list[Photo], answers: Answers, strength: float) -> float:
    """Colourfulness as a share of the truth's, by a few of the pixels."""
    shown = truth = 0.0
    for photo, ab in zip(photos, answers, strict=True):
        shown += metrics.colorfulness(show(photo.lab[0][THIN], ab[THIN], strength))
        truth += metrics.colorfulness(photo.rgb[THIN].astype(np.float32) / 255)
    return shown / truth


def find_strength(photos: list[Photo], answers: Answers, target: float) -> float:
    """The strength at which the photos have such a share of colour; at most MOST_STRENGTH."""
    strength = 1.0
    for _ in range(12):
        share = colour_share(photos, answers, strength)
        if abs(share - target) < 5e-4:
            break
        # Colourfulness rises as strength does, but for the colours at the edge of sRGB.
        strength = min(strength * target / max(share, 1e-6), MOST_STRENGTH)
    return strength


def find_vivid(
    colorizer: Colorizer, photos: list[Photo], known: dict[float, Answers], target: float
) -> tuple[float, Answers, float]:
    """The dial's setting with such a share of colour, its answers, and the strength left to do."""
    shares = {vivid: colour_share(photos, answers, 1) for vivid, answers in known.items()}
    for low, high in pairwise(VIVIDS):
        if shares[low] <= target <= shares[high]:
            break
    else:
        end = min(VIVIDS[0], VIVIDS[-1], key=lambda vivid: abs(shares[vivid] - target))
        return end, known[end], find_strength(photos, known[end], target)
    for _ in range(PASSES):
        if shares[low] == shares[high]:
            return low, known[low], 1
        vivid = float(np.interp(target, [shares[low], shares[high]], [low, high]))
        answers = known[vivid] if vivid in known else paint(colorizer, photos, vivid)
        shares[vivid] = colour_share(photos, answers, 1)
        low, high = (vivid, high) if shares[vivid] < target else (low, vivid)
    return vivid, answers, 1


def measure(photos: list[Photo], answers: Answers, strength: float) -> Figures:
    """What becomes of each photo."""
    rows = []
    for photo, ab in zip(photos, answers, strict=True):
        rgb = show(photo.lab[0], ab, strength)
        psnr = metrics.psnr(photo.rgb.astype(np.float32) / 255, rgb)
        error = metrics.ab_error(photo.lab, color.rgb_to_lab(rgb))
        rows.append((psnr, error**2, metrics.colorfulness(rgb)))
    return Figures(*np.array(rows, np.float64).T)


def told(figures: Figures, dial: Figures, photos: list[Photo]) -> dict[str, str]:
    """The figures of a row beside the dial's."""
    grey = np.array([np.square(photo.lab[1:]).sum(0).mean(dtype=np.float64) for photo in photos])
    truth = np.array([metrics.colorfulness(p.rgb.astype(np.float32) / 255) for p in photos])
    gain = figures.psnr - dial.psnr
    low, high = metrics.bootstrap_interval(gain)
    drawn = np.random.default_rng(0).integers(len(grey), size=(RESAMPLES, len(grey)))
    ours, theirs = (np.sqrt(f.squared[drawn].sum(1) / grey[drawn].sum(1)) for f in (figures, dial))
    less, more = np.quantile(ours - theirs, [0.025, 0.975])
    plain = figures is dial
    return {
        "PSNR, dB": f"{figures.psnr.mean():.2f}",
        "over the dial": "" if plain else f"{gain.mean():+.2f} ({low:+.2f} to {high:+.2f})",
        "ab error": f"{np.sqrt(figures.squared.sum() / grey.sum()):.3f}",
        "error over the dial's": "" if plain else f"{less:+.3f} to {more:+.3f}",
        "colourfulness": f"{figures.colourfulness.sum() / truth.sum():.3f}",
    }


def rows(colorizer: Colorizer, photos: list[Photo], known: dict[float, Answers]) -> Table:
    """A table: a row for the dial, and one for each vivid that is multiplied."""
    table: Table = {}
    for share in SHARES:
        vivid, answers, strength = find_vivid(colorizer, photos, known, share)
        dial = measure(photos, answers, strength)
        by = {DIAL: (f"vivid {vivid:.2f}", strength, dial)}
        for vivid, answers in known.items():
            strength = find_strength(photos, answers, share)
            by[f"vivid {vivid:g}"] = ("", strength, measure(photos, answers, strength))
        for name, (setting, strength, figures) in by.items():
            factor = "" if setting and strength == 1 else f"× {strength:.2f}"
            found = {"at": f"{setting} {factor}".strip(), **told(figures, dial, photos)}
            row = table.setdefault(name, {})
            row |= {f"{head}, {share:.2f}": value for head, value in found.items()}
    return table


def by_folder(colorizer: Colorizer, photos: list[Photo]) -> dict[str, Table]:
    """The table of all photos, called ``""``, and of each folder's where there are several."""
    known = {vivid: paint(colorizer, photos, vivid) for vivid in VIVIDS}
    tables = {"": rows(colorizer, photos, known)}
    folders = sorted({photo.folder for photo in photos})
    for folder in folders if len(folders) > 1 else []:
        picked = [i for i, photo in enumerate(photos) if photo.folder == folder]
        some = {vivid: [answers[i] for i in picked] for vivid, answers in known.items()}
        tables[folder] = rows(colorizer, [photos[i] for i in picked], some)
    return tables


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 1000)
    parser.add_argument("--models", nargs="+", default=["hintnet"])
    given = parser.parse_args()
    photos = read(given.data, given.held_out, given.most)
    kept: Table = {}
    for model in given.models:
        colorizer = Colorizer(model)
        if "vivid" not in colorizer.model.defaults:
            parser.error(f"{model} has no dial: give models that take vivid.")
        for folder, table in by_folder(colorizer, photos).items():
            count = sum(folder in ("", photo.folder) for photo in photos)
            heads = list(table[DIAL])
            print(f"\n{colorizer.name}, {folder or 'all'}: {count} photos\n")
            print(f"|  | {' | '.join(heads)} |\n| --- |{' ---: |' * len(heads)}")
            for name, row in table.items():
                print(f"| {name} | {' | '.join(row[head] for head in heads)} |", flush=True)
                place = name if len(given.models) == 1 else f"{model}, {name}"
                values = {"photos": str(count), **row}
                keys = {f"{folder}: {head}" if folder else head: v for head, v in values.items()}
                kept.setdefault(place, {}).update(keys)
    if given.json:
        given.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
