"""Which of two colourings looks better, asked of judges who cannot tell whose it is.

    python benchmarks/blind.py sheets OUT PHOTOS... --models hintnet new.onnx [--vivid 0.3 0.4]
    python benchmarks/blind.py count OUT answers.txt... [--json docs/figures/blind.json]

`sheets` colours each photo, a folder's or a .tar's, by both models and lays them side by side, six
photos a sheet, the sides by chance. OUT/key.json says which is whose: read it last. A judge writes
a line for each photo, such as `12 left`, `12 right` or `12 same`. `count` tells how often the
second model was preferred; `same` counts half. The 95 % interval is over photos.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import common
import numpy as np

from photochrom import Colorizer
from photochrom.color import Pixels
from photochrom.evaluation.contact_sheet import make_contact_sheet
from photochrom.evaluation.metrics import bootstrap_interval

SIDES = ("left", "right")
A_SHEET = 6
HEIGHT = 320


def write_sheets(given: argparse.Namespace) -> None:
    """Sheets, and the key to them: for each number the photo's name and the second model's side."""
    models = [Colorizer(model) for model in given.models]
    draw = np.random.default_rng(given.seed)
    given.out.mkdir(parents=True)  # what was judged is not written over
    key: dict[int, tuple[str, str]] = {}
    rows: list[list[Pixels]] = []
    for name, photo in common.read(given.photos, None, given.most):
        row = [m.colorize(photo, vivid=v) for m, v in zip(models, given.vivid, strict=True)]
        side = int(draw.integers(2))
        rows.append(row if side else row[::-1])
        key[len(rows)] = name, SIDES[side]
    for first in range(0, len(rows), A_SHEET):
        some = rows[first : first + A_SHEET]
        captions = [str(first + i) for i in range(1, len(some) + 1)]
        sheet = make_contact_sheet(some, SIDES, HEIGHT, across=2, captions=captions)
        sheet.save(given.out / f"{first // A_SHEET + 1:03d}.png")
    asked = {"models": given.models, "vivid": given.vivid, "key": key}
    (given.out / "key.json").write_text(json.dumps(asked, indent=1) + "\n", "utf-8")


def count(given: argparse.Namespace) -> None:
    """Tell the share in which the second model was preferred, by each judge and by all."""
    asked = json.loads((given.out / "key.json").read_text("utf-8"))
    sides = {int(i): side for i, (_, side) in asked["key"].items()}
    judged = {path.stem: read_answers(path, sides) for path in given.answers}
    every = {i: [answers[i] for answers in judged.values() if i in answers] for i in sides}
    judged["all"] = {i: float(np.mean(points)) for i, points in every.items() if points}
    table = {name: tell(list(answers.values())) for name, answers in judged.items()}
    print(f"{asked['models'][1]} rather than {asked['models'][0]}\n")
    common.show(table, "judge", given.json)


def read_answers(path: Path, sides: dict[int, str]) -> dict[int, float]:
    """What a judge said of each photo: 1 for the second model, 0 for the first, 0.5 for neither."""
    points = {}
    said = path.read_text("utf-8").lower()
    for number, word in re.findall(r"^\D*(\d+)\W+(left|right|same)\b", said, re.M):
        side = sides[int(number)]
        points[int(number)] = 0.5 if word == "same" else float(word == side)
    return points


def tell(points: list[float]) -> dict[str, str]:
    """A row of the table."""
    low, high = bootstrap_interval(points)
    return {
        "photos": str(len(points)),
        "preferred": f"{np.mean(points):.2f}",
        "95 % interval": f"{low:.2f} to {high:.2f}",
    }


def main() -> None:
    """Lay out, or count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    sheets = commands.add_parser("sheets")
    sheets.add_argument("out", type=Path)
    sheets.add_argument("photos", type=Path, nargs="+")
    sheets.add_argument("--models", nargs=2, required=True)
    sheets.add_argument("--vivid", type=float, nargs=2, default=[None, None])
    sheets.add_argument("--most", type=int, default=60, help="photos")
    sheets.add_argument("--seed", type=int, default=0)
    sheets.set_defaults(run=write_sheets)
    counting = commands.add_parser("count")
    counting.add_argument("out", type=Path)
    counting.add_argument("answers", type=Path, nargs="+")
    counting.add_argument("--json", type=Path)
    counting.set_defaults(run=count)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
