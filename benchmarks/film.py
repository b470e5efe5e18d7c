"""How well is film coloured that was blind to some colours? Photos as old films would have it.

    python benchmarks/film.py --data photos.tar [--held-out 0.03] [--most 150]
        [--models hintnet new.onnx] [--json docs/figures/film.json]

Photos are cut as in the protocol crop256. Their lightness is L, and then what each class of film
makes of them that training knows (photochrom.training.degrade; needs the extra train), by the
middle of its shares and without a curve. Each model colours that at its own size, as accurately as
it can (vivid 0). Printed is how far the film's lightness lies from L, and the ab error as a share
of grey's: the root mean square distance to the true ab, over all pixels, divided by that of ab = 0.
Below 1 is better than no colour. Intervals are 95 %, over photos; a model after the first is held
against it photo by photo.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import common
import numpy as np
import torch
from common import load_models, show
from numpy.typing import NDArray

from photochrom import Colorizer, color
from photochrom.evaluation.protocol import crop
from photochrom.training import degrade

Plane = NDArray[np.float32]
Figures = NDArray[np.float64]

TRUE = "true L"
FILMS = ("blue-sensitive", "orthochromatic", "panchromatic", "panchromatic, yellow filter")
"""What :data:`photochrom.training.degrade.RESPONSES` are called."""
RESAMPLES = 2000


def read(data: list[Path], held_out: float | None, most: int) -> Iterator[Plane]:
    """Photos, (3, 256, 256) sRGB in 0..1."""
    for _, photo in common.read(data, held_out, most):
        yield crop(photo, "crop256").transpose(2, 0, 1).astype(np.float32) / np.float32(255)


def lightness_by_film(rgb: Plane) -> dict[str, Plane]:
    """L (H, W) of a photo (3, H, W), as it is and as each film would have it."""
    n = len(degrade.RESPONSES)
    uniforms = torch.full((n, degrade.FILM_UNIFORMS), 0.5)  # the middle of every range
    uniforms[:, 0] = (torch.arange(n) + 0.5) / n  # each class in turn
    seen = degrade.film(torch.from_numpy(rgb).expand(n, -1, -1, -1), uniforms)[:, 0].numpy()
    return {TRUE: color.rgb_to_lab(rgb)[0], **dict(zip(FILMS, seen, strict=True))}


def squared_error(colorizer: Colorizer, L: Plane, ab: Plane) -> float:
    """Mean squared ab distance of a model's answer to L (H, W) from ab (2, H, W)."""
    vivid = 0.0 if "vivid" in colorizer.model.defaults else None
    return float(np.square(colorizer.predict_ab(L, vivid=vivid) - ab).sum(0).mean(dtype=np.float64))


def resampled_shares(errors: Figures, grey: Figures) -> Figures:
    """The share of grey's error, (RESAMPLES,), with the photos (N,) drawn again."""
    drawn = np.random.default_rng(0).integers(len(grey), size=(RESAMPLES, len(grey)))
    return np.asarray(np.sqrt(errors[drawn].sum(1) / grey[drawn].sum(1)))


def interval(values: Figures, form: str = ".3f") -> str:
    """The middle 95 % of some."""
    low, high = np.quantile(values, [0.025, 0.975])
    return f"{low:{form}} to {high:{form}}"


def rows(photos: Iterator[Plane], models: dict[str, Colorizer]) -> dict[str, dict[str, object]]:
    """The table: a row for each film."""
    grey: list[float] = []
    moved: dict[str, list[float]] = {film: [] for film in (TRUE, *FILMS)}
    errors: dict[tuple[str, str], list[float]] = {}
    for rgb in photos:
        L, ab = np.split(color.rgb_to_lab(rgb), [1])
        grey.append(float(np.square(ab).sum(0).mean(dtype=np.float64)))
        for film, seen in lightness_by_film(rgb).items():
            moved[film].append(float(np.abs(seen - L[0]).mean()))
            for name, colorizer in models.items():
                errors.setdefault((film, name), []).append(squared_error(colorizer, seen, ab))
    table: dict[str, dict[str, object]] = {}
    for film, away in moved.items():
        row = table[film] = {"photos": len(grey), "ΔL": f"{np.mean(away):.1f}"}
        first = None
        for name in models:
            mean = np.sqrt(np.mean(errors[film, name]) / np.mean(grey))
            drawn = resampled_shares(np.array(errors[film, name]), np.array(grey))
            row |= {name: f"{mean:.3f}", f"{name}, 95 %": interval(drawn)}
            if first is None:
                first = drawn
            else:
                row[f"{name}, against the first"] = interval(drawn - first, "+.3f")
    return table


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 150)
    parser.add_argument("--models", nargs="+", default=["hintnet"])
    given = parser.parse_args()
    table = rows(read(given.data, given.held_out, given.most), load_models(given.models))
    show(table, "film", given.json)


if __name__ == "__main__":
    main()
