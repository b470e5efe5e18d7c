"""How far does a hint reach? One far from what the network expects, and many true ones.

    python benchmarks/locality.py [--data photos.tar] [--held-out 0.03] [--old FOLDER] [--most 150]
        [--models hintnet new.onnx] [--json docs/figures/locality.json]

Of the network alone, at its own size, with no Kriging after it. Photos are cut as in the protocol
crop256. Each is given one hint at a random place of middling lightness, once red and once blue, as
strong as sRGB has it there. Printed is how far that lies in ab from what the network expected, and
from what it answers then at the point; and of the pixels farther from it than a quarter of the
diagonal, the share that moved by more than 5 ab with its 95 % interval over photos, and how far
they moved on the mean.

--data is for photos in colour: there the gain in PSNR of 1, 10 and 100 true hints is told, too (as
in photochrom evaluate, vivid 0). --old is for black-and-white ones.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import common
import numpy as np
from common import load_models, show
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.evaluation import metrics
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.protocol import crop
from photochrom.evaluation.rows import Row
from photochrom.inference import chroma_upsampling
from photochrom.inference.spots import scale_spots, to_planes

Plane = NDArray[np.float32]
Photos = list[tuple[str, NDArray[np.uint8]]]

WISHES = ((60.0, 40.0), (10.0, -60.0))
"""ab of a red and a blue, before they are fitted into sRGB."""
MIDDLING = 55, 25
"""L at which a hint is put, and how far from it at most: sRGB has strong colours there."""
FAR, MOVED = 0.25, 5.0
"""Of the diagonal; and in ab, what counts as another colour."""
COUNTS = 1, 10, 100


def read(data: list[Path], held_out: float | None, most: int) -> Photos:
    """Name and pixels (256, 256, 3) of photos."""
    return [(name, crop(photo, "crop256")) for name, photo in common.read(data, held_out, most)]


def answer(colorizer: Colorizer, L: Plane, spots: Plane) -> Plane:
    """The network's ab (2, H, W) for L (H, W) and spots (n, 4): y, x, a, b; vivid 0."""
    vivid = 0.0 if "vivid" in colorizer.model.defaults else None
    planes = to_planes(spots, L.shape)[None] if len(spots) else None
    return np.asarray(colorizer.predict(L[None, None], planes, vivid=vivid)[0])


def seen(colorizer: Colorizer, L: Plane) -> Plane:
    """A square's L (H, W) at the network's own size."""
    return chroma_upsampling.shrink(
        L.__getitem__, (L.shape[0], L.shape[1]), (colorizer.model.size,) * 2
    )


def hinted(colorizer: Colorizer, L: Plane, spots: Plane) -> Plane:
    """ab (1, 2, H, W) for L (1, 1, H, W) by the network alone, to be evaluated."""
    small = seen(colorizer, L[0, 0])
    down = small.shape[0] / L.shape[2]
    ab = answer(colorizer, small, scale_spots(spots, down, down))
    full = L[0, 0]
    chroma = chroma_upsampling.fit_chroma(ab, small, (full.shape[0], full.shape[1]))
    return chroma.rows(0, len(full), full)[None]


def place(L: Plane, seed: list[int]) -> NDArray[np.float64]:
    """Row and column of a random pixel of middling L (H, W), as shares of its height and width."""
    middling = abs(L - MIDDLING[0]) < MIDDLING[1]
    places = np.argwhere(middling if middling.any() else np.isfinite(L))
    return np.asarray((np.random.default_rng(seed).choice(places) + 0.5) / L.shape)


def reach(colorizer: Colorizer, photo: NDArray[np.uint8], seed: list[int]) -> list[float]:
    """Of one hint, the mean over the wishes: ab it is from what was expected and from what is
    answered, and the share of far pixels that moved and by how much.
    """
    full = color.rgb_to_lab(photo.transpose(2, 0, 1).astype(np.float32) / 255)[0]
    L = seen(colorizer, full)
    y, x = (place(full, seed) * L.shape).astype(int)
    rows, columns = np.indices(L.shape)
    far = np.hypot(rows - y, columns - x) > FAR * np.hypot(*L.shape)
    before = answer(colorizer, L, np.zeros((0, 4), np.float32))
    found = []
    for wish in WISHES:
        _, a, b = color.fit_gamut(np.array([L[y, x], *wish], np.float32), axis=0)
        after = answer(colorizer, L, np.array([[y + 0.5, x + 0.5, a, b]], np.float32))
        moved = np.hypot(*(after - before))[far]
        asked, missed = (float(np.hypot(*(ab[:, y, x] - [a, b]))) for ab in (before, after))
        found.append([asked, missed, float((moved > MOVED).mean()), float(moved.mean())])
    return [float(figure) for figure in np.mean(found, axis=0)]


def unlikely(colorizer: Colorizer, photos: Photos) -> dict[str, object]:
    """The columns that one unlikely hint has."""
    figures = np.array([reach(colorizer, p, [0, n]) for n, (_, p) in enumerate(photos)])
    asked, missed, share, moved = figures.mean(0)
    low, high = metrics.bootstrap_interval(figures[:, 2])
    return {
        "photos": len(photos),
        "far pixels moved": f"{share:.2f}",
        "95 %": f"{low:.2f} to {high:.2f}",
        "by ab": f"{moved:.1f}",
        "wish from expected": f"{asked:.0f}",
        "wish from answer": f"{missed:.1f}",
    }


def gains(models: dict[str, Colorizer], photos: Photos) -> dict[str, dict[str, object]]:
    """The columns that true hints have, for each model."""
    hinted_rows = {Row(name): partial(hinted, colorizer) for name, colorizer in models.items()}
    results = evaluate(photos, {}, hinted_rows, EvaluateOptions(hint_counts=(0, *COUNTS)))
    mean = {row.row: row.psnr_mean for row in results.summary}
    table: dict[str, dict[str, object]] = {}
    for name in models:
        without = mean[Row(name, hints=0)]
        gained = {f"+{n}": f"{mean[Row(name, hints=n)] - without:.2f}" for n in COUNTS}
        table[name] = {"PSNR, dB": f"{without:.2f}", **gained}
    return table


def rows(
    models: dict[str, Colorizer], coloured: Photos, old: Photos
) -> dict[str, dict[str, object]]:
    """The table: of each set, a row for each model."""
    table: dict[str, dict[str, object]] = {}
    if coloured:
        gained = gains(models, coloured)
        for name, colorizer in models.items():
            table[name] = unlikely(colorizer, coloured) | gained[name]
    none = dict.fromkeys(["PSNR, dB", *(f"+{n}" for n in COUNTS)], "–")
    if old:
        for name, colorizer in models.items():
            table[f"{name}, old photos"] = unlikely(colorizer, old) | none
    return table


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 150, needs=False)
    parser.add_argument("--old", type=Path, nargs="+", default=[])
    parser.add_argument("--models", nargs="+", default=["hintnet"])
    given = parser.parse_args()
    if not given.data and not given.old:
        parser.error("give some photos: --data, --old, or both")
    coloured = read(given.data, given.held_out, given.most) if given.data else []
    old = read(given.old, None, given.most) if given.old else []
    table = rows(load_models(given.models), coloured, old)
    show(table, "model", given.json)


if __name__ == "__main__":
    main()
