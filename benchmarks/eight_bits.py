"""What do 8 bits gain in time, and cost in colour?

    python benchmarks/eight_bits.py --data photos.tar [--held-out 0.03] [--model hintnet]
        [--rounded models/hintnet-int8.onnx] [--device cpu openvino] [--size 192] [--rounds 40]
        [--vivid 0 0.5] [--hints 10] [--most 174] [--json docs/figures/int8.json]

Both models answer by turns on one thread, and the best time of many counts. Photos are cut as in
the protocol crop256; told are PSNR and colourfulness (the output's mean over the truth's) of each
model, what the rounded one loses with its 95 % interval over photos, and how far ab is apart on
average. The rounded model is made by recipes/quantize.py.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
from common import options, read, show
from devices import seconds

from photochrom import Colorizer
from photochrom.evaluation import metrics
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.results import Results
from photochrom.evaluation.rows import Row

RUNTIMES = {"cpu": "ONNX Runtime", "openvino": "OpenVINO"}
WIDE, ROUNDED = "as it is", "8 bits"


def time_both(wide: str, rounded: str, device: str, size: int, rounds: int) -> dict[str, str]:
    """A row of the table."""
    models = {WIDE: wide, ROUNDED: rounded}
    opened = {name: Colorizer(model, threads=1, device=device) for name, model in models.items()}
    (before, _), (after, _) = seconds(opened, size, rounds).values()
    return {
        WIDE: f"{1000 * before:.1f} ms",
        ROUNDED: f"{1000 * after:.1f} ms",
        "compared": f"{before / after:.2f} times as quick",
    }


class Pair:
    """Two models that are asked the same."""

    def __init__(self, wide: str, rounded: str) -> None:
        self.wide, self.rounded = Colorizer(wide, device="cpu"), Colorizer(rounded, device="cpu")
        self.apart: dict[Any, list[float]] = defaultdict(list)

    def paint(self, name: str, vivid: float | None, L: Any, spots: Any = None) -> Any:
        """ab (1, 2, H, W) for L (1, 1, H, W) and spots."""
        model = self.wide if name == WIDE else self.rounded
        ab = model.predict_ab(L[0, 0], spots, vivid=vivid)
        if name == ROUNDED:
            key = vivid, 0 if spots is None else len(spots)
            other = self.wide.predict_ab(L[0, 0], spots, vivid=vivid)
            self.apart[key].append(float(np.hypot(*(ab - other)).mean()))
        return ab[None]


def compare(results: Results, rows: tuple[Row, Row], apart: list[float]) -> dict[str, str]:
    """A row of the table."""
    summaries = [next(s for s in results.summary if s.row == row) for row in rows]
    pairs = zip(results.rows[rows[0]], results.rows[rows[1]], strict=True)
    gained = [after.psnr - before.psnr for before, after in pairs]
    low, high = metrics.bootstrap_interval(gained)
    wide, rounded = (f"{s.psnr_mean:.2f} dB, {s.colorfulness_ratio:.2f}" for s in summaries)
    return {
        WIDE: wide,
        ROUNDED: rounded,
        "compared": f"{np.mean(gained):+.3f} dB ({low:+.3f} to {high:+.3f}), "
        f"ab {np.mean(apart):.2f} apart",
    }


def main() -> None:
    """Measure, print, and keep."""
    parser = options(__doc__, 174)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--rounded", default="models/hintnet-int8.onnx")
    parser.add_argument("--device", nargs="*", choices=RUNTIMES, default=["cpu"])
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--vivid", type=float, nargs="+", default=[0, 0.5])
    parser.add_argument("--hints", type=int, default=10)
    given = parser.parse_args()
    table = {
        f"{given.size} px, {RUNTIMES[device]}": time_both(
            given.model, given.rounded, device, given.size, given.rounds
        )
        for device in given.device
    }
    pair = Pair(given.model, given.rounded)
    dial: list[float] = given.vivid
    results = evaluate(
        read(given.data, given.held_out, given.most),
        {Row(n, vivid=v): partial(pair.paint, n, v) for v in dial for n in (WIDE, ROUNDED)},
        {Row(n, vivid=v): partial(pair.paint, n, v) for v in dial for n in (WIDE, ROUNDED)},
        EvaluateOptions(hint_counts=[given.hints]),
    )
    for hints in (None, given.hints):
        for vivid in dial:
            rows = Row(WIDE, vivid=vivid, hints=hints), Row(ROUNDED, vivid=vivid, hints=hints)
            name = f"vivid {vivid:g}" + (f", {hints} hints" if hints else "")
            table[name] = compare(results, rows, pair.apart[vivid, hints or 0])
    print(f"{pair.wide.name}; {results.caption}\n")
    show(table, "", given.json)


if __name__ == "__main__":
    main()
