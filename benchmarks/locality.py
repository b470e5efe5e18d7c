"""Does a hint change what it belongs to, and nothing else?

    python benchmarks/locality.py [--data photos.tar] [--held-out 0.03] [--old FOLDER] [--most 150]
        [--models hintnet new.onnx] [--json docs/figures/locality.json]

Each photo is given one hint far from what the network expects, once blue and once red, as strong as
sRGB has it there: at 18 fixed points of the sample photos; of --data and --old at a random place of
middling lightness. Told is what became of it, by photochrom and by the network alone (vivid 0):

far       share of the pixels that moved by more than 5 ab, of those farther from the hint than a
          quarter of the diagonal and unlike it: in lightness by more than 8 L, or in what the
          network sees there (cosine of its features under 0.5); with its 95 % interval
follows   share of what touches the hint and is like it that moved by at least half of the wish
spill     how far pixels moved that lie near (15 % of the diagonal) beyond an edge (20 L), in wishes
wish      ab from what was expected to the hint
missed    ab from the hint to what was answered at its point

--data is for photos in colour: there the gain in PSNR of 1, 10 and 100 true hints is told, too (as
in photochrom evaluate, vivid 0). --old is for black-and-white ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import common
import cv2
import numpy as np
from common import load_models, show
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.evaluation import metrics
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.protocol import crop
from photochrom.evaluation.rows import Row
from photochrom.image.reader import as_photo
from photochrom.inference import chroma_upsampling
from photochrom.inference.spots import to_planes

Plane = NDArray[np.float32]
Photos = list[tuple[str, NDArray[np.uint8]]]
Answer = Callable[[Colorizer, Plane, Plane], Plane]
"""ab (2, H, W) of a model for L (H, W) and spots (n, 4): y, x, a, b."""
Hinted = tuple[Plane, tuple[int, int], tuple[float, float]]
"""L, a pixel of it, and the ab that is wished there."""

SAMPLES = Path(__file__).parent.parent / "samples"
POINTS = {
    "astronaut": ((0.2, 0.65), (0.4, 0.12), (0.6, 0.2), (0.08, 0.6)),
    "camera": ((0.25, 0.5), (0.6, 0.1), (0.8, 0.75), (0.44, 0.3)),
    "chelsea": ((0.15, 0.75), (0.57, 0.8), (0.5, 0.2)),
    "coffee": ((0.2, 0.6), (0.75, 0.7), (0.1, 0.3), (0.47, 0.3)),
    "rocket": ((0.2, 0.15), (0.8, 0.5), (0.5, 0.55)),
}
"""x and y as shares of width and height."""
WISHES = ((20.0, -45.0), (45.0, 30.0))
"""ab, before they are fitted into sRGB."""
UNLIKELY = 20.0
"""ab that a wish is at least from what was expected, or it tells nothing."""
MIDDLING = 55, 25
"""L at which a hint is put, and how far from it at most: sRGB has strong colours there."""
FAR, NEAR, EDGE = 0.25, 0.15, 20.0
"""Of the diagonal; and L."""
LIKE = 8.0, 0.5
"""L apart, and cosine of features, within which two places are alike."""
MOVED = 5.0
"""ab, what counts as another colour."""
COUNTS = 1, 10, 100


def answer_alone(colorizer: Colorizer, L: Plane, spots: Plane) -> Plane:
    """By the network, with no Kriging after it."""
    vivid = 0.0 if "vivid" in colorizer.model.defaults else None
    planes = to_planes(spots, L.shape)[None] if len(spots) else None
    return np.asarray(colorizer.predict(L[None, None], planes, vivid=vivid)[0])


def answer(colorizer: Colorizer, L: Plane, spots: Plane) -> Plane:
    """By photochrom."""
    vivid = 0.0 if "vivid" in colorizer.model.defaults else None
    return colorizer.predict_ab(L, spots, size=min(L.shape), vivid=vivid)


WAYS: dict[str, Answer] = {"": answer, ", alone": answer_alone}


def look(colorizer: Colorizer, L: Plane) -> Plane:
    """L (H, W) at the network's own size."""
    scale = colorizer.model.size / min(L.shape)
    height, width = (round(side * scale) for side in L.shape)
    return chroma_upsampling.shrink(L.__getitem__, (L.shape[0], L.shape[1]), (height, width))


def hinted(colorizer: Colorizer, way: Answer, L: Plane, spots: Plane) -> Plane:
    """ab (1, 2, H, W) for L (1, 1, H, W), to be evaluated."""
    full = L[0, 0]
    small = look(colorizer, full)
    down = small.shape[0] / full.shape[0]
    ab = way(colorizer, small, spots[:, :4] * np.array([down, down, 1, 1], np.float32))
    chroma = chroma_upsampling.fit_chroma(ab, small, (full.shape[0], full.shape[1]))
    return chroma.rows(0, len(full), full)[None]


# --- hints that are unlikely ------------------------------------------------------------------


def fixed(colorizer: Colorizer) -> list[Hinted]:
    """Those of the samples."""
    found: list[Hinted] = []
    for name, places in POINTS.items():
        L = look(colorizer, as_photo(SAMPLES / f"{name}.jpg").lightness())
        for x, y in places:
            pixel = int(y * L.shape[0]), int(x * L.shape[1])
            found += [(L, pixel, wish) for wish in WISHES]
    return found


def drawn(colorizer: Colorizer, photos: Photos) -> list[Hinted]:
    """One at a random pixel of middling lightness of each photo, for each wish."""
    found: list[Hinted] = []
    for number, (_, photo) in enumerate(photos):
        L = color.rgb_to_lab(photo.transpose(2, 0, 1).astype(np.float32) / 255)[0]
        L = look(colorizer, L)
        middling = abs(L - MIDDLING[0]) < MIDDLING[1]
        places = np.argwhere(middling if middling.any() else np.isfinite(L))
        y, x = np.random.default_rng([0, number]).choice(places)
        found += [(L, (int(y), int(x)), wish) for wish in WISHES]
    return found


def likeness(colorizer: Colorizer, L: Plane, pixel: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels are like one."""
    like = abs(L - L[pixel]) <= LIKE[0]
    if "features" in colorizer.model.outputs:
        (features,) = colorizer.model.run(L[None, None], None, ["features"])[0]
        kind = np.stack([cv2.resize(plane, L.shape[::-1]) for plane in features])
        kind -= kind.mean((1, 2), keepdims=True)
        kind /= np.maximum(np.linalg.norm(kind, axis=0), 1e-6)
        like &= np.einsum("c,chw->hw", kind[:, *pixel], kind) >= LIKE[1]
    return np.asarray(like)


def measure(colorizer: Colorizer, way: Answer, asked: Hinted) -> list[float] | None:
    """Of one hint: far, follows, spill, wish, missed; NaN where no pixel is of that kind, and
    None of a hint that is likely.
    """
    L, (y, x), wish = asked
    _, a, b = color.fit_gamut(np.array([L[y, x], *wish], np.float32), axis=0)
    before = way(colorizer, L, np.zeros((0, 4), np.float32))
    distance = float(np.hypot(*(before[:, y, x] - [a, b])))
    if distance < UNLIKELY:
        return None
    after = way(colorizer, L, np.array([[y + 0.5, x + 0.5, a, b]], np.float32))
    moved = np.hypot(*(after - before))
    rows, columns = np.indices(L.shape)
    away = np.hypot(rows - y, columns - x) / np.hypot(*L.shape)
    like = likeness(colorizer, L, (y, x))
    _, parts = cv2.connectedComponents((like & (away <= FAR)).astype(np.uint8))
    beyond = (away < NEAR) & (abs(L - L[y, x]) > EDGE)
    return [
        _mean(moved > MOVED, (away > FAR) & ~like),
        _mean(moved > distance / 2, parts == parts[y, x]),
        _mean(moved, beyond) / distance,
        distance,
        float(np.hypot(*(after[:, y, x] - [a, b]))),
    ]


def _mean(values: NDArray[np.generic], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else float("nan")


def unlikely(colorizer: Colorizer, way: Answer, asked: Iterable[Hinted]) -> dict[str, object]:
    """The columns that unlikely hints have."""
    found = [measure(colorizer, way, hint) for hint in asked]
    figures = np.array([row for row in found if row])
    far, follows, spill, wish, missed = np.nanmean(figures, axis=0)
    low, high = metrics.bootstrap_interval(figures[np.isfinite(figures[:, 0]), 0])
    return {
        "hints": len(figures),
        "far": f"{far:.3f}",
        "95 %": f"{low:.3f} to {high:.3f}",
        "follows": f"{follows:.2f}",
        "spill": f"{spill:.2f}",
        "wish": f"{wish:.0f}",
        "missed": f"{missed:.1f}",
    }


# --- hints that are true ----------------------------------------------------------------------


def gains(models: dict[str, Colorizer], photos: Photos) -> dict[str, dict[str, object]]:
    """The columns that true hints have, for each model and way."""
    rows = {
        Row(name + suffix): partial(hinted, colorizer, way)
        for name, colorizer in models.items()
        for suffix, way in WAYS.items()
    }
    results = evaluate(photos, {}, rows, EvaluateOptions(hint_counts=(0, *COUNTS)))
    mean = {row.row: row.psnr_mean for row in results.summary}
    table: dict[str, dict[str, object]] = {}
    for row in rows:
        without = mean[Row(row.model, hints=0)]
        gained = {f"+{n}": f"{mean[Row(row.model, hints=n)] - without:.2f}" for n in COUNTS}
        table[row.model] = {"PSNR, dB": f"{without:.2f}", **gained}
    return table


def read(data: list[Path], held_out: float | None, most: int) -> Photos:
    """Name and pixels (256, 256, 3) of photos."""
    return [(name, crop(photo, "crop256")) for name, photo in common.read(data, held_out, most)]


def measure_all(
    models: dict[str, Colorizer], coloured: Photos, old: Photos
) -> dict[str, dict[str, object]]:
    """The table: of each set, a row for each model and way."""
    gained = gains(models, coloured) if coloured else {}
    none: dict[str, object] = dict.fromkeys(["PSNR, dB", *(f"+{n}" for n in COUNTS)], "–")
    table: dict[str, dict[str, object]] = {}
    for name, colorizer in models.items():
        for suffix, way in WAYS.items():
            row = name + suffix
            sets = {f"{row}: samples": (fixed(colorizer), none)}
            if coloured:
                sets[f"{row}: held out"] = (drawn(colorizer, coloured), gained[row])
            if old:
                sets[f"{row}: old photos"] = (drawn(colorizer, old), none)
            for label, (asked, columns) in sets.items():
                table[label] = unlikely(colorizer, way, asked) | columns
    return table


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 150, needs=False)
    parser.add_argument("--old", type=Path, nargs="+", default=[])
    parser.add_argument("--models", nargs="+", default=["hintnet"])
    given = parser.parse_args()
    coloured = read(given.data, given.held_out, given.most) if given.data else []
    old = read(given.old, None, given.most) if given.old else []
    show(measure_all(load_models(given.models), coloured, old), "model", given.json)


if __name__ == "__main__":
    main()
