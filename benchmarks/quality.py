"""What does --quality best gain over fast, at the same colourfulness?

    python benchmarks/quality.py --data photos.tar [--held-out 0.03] [--model hintnet]
        [--vivid 0 0.5] [--hints 10] [--most 200] [--json docs/figures/quality.json]

Photos are cut as in the protocol crop256. Of each setting of the dial, and of so many true hints at
the first, printed are PSNR of both qualities, what best gains with its 95 % interval over photos,
the colourfulness of both (the output's mean over the truth's), and how many times as long best
takes from L to ab. Colourfulness differs a little, and paler counts as better: so the gain is told,
too, over what fast has at the colourfulness of best, on a line between the neighbouring settings.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from common import options, read, show

from photochrom import Colorizer
from photochrom.evaluation import metrics
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.results import Results
from photochrom.evaluation.rows import Row

BESIDE = 0.1
"""How far from a setting of the dial its neighbours are."""


def paint(
    colorizer: Colorizer, vivid: float | None, quality: Any, L: Any, spots: Any = None
) -> Any:
    """ab (1, 2, H, W) for L (1, 1, H, W) and spots."""
    return colorizer.predict_ab(L[0, 0], spots, vivid=vivid, quality=quality)[None]


def compared(results: Results, fast: Row, best: Row) -> dict[str, str]:
    """Two rows of a table as one."""
    one, other = (next(s for s in results.summary if s.row == row) for row in (fast, best))
    pairs = zip(results.rows[fast], results.rows[best], strict=True)
    low, high = metrics.bootstrap_interval([best.psnr - fast.psnr for fast, best in pairs])
    return {
        "fast, dB": f"{one.psnr_mean:.2f}",
        "best, dB": f"{other.psnr_mean:.2f}",
        "gain": f"{other.psnr_mean - one.psnr_mean:+.2f}",
        "95 % interval": f"{low:+.2f} to {high:+.2f}",
        "colourfulness": f"{one.colorfulness_ratio:.2f}, {other.colorfulness_ratio:.2f}",
        "time ÷": f"{other.milliseconds / one.milliseconds:.1f}",
    }


def at_equal_colour(results: Results, curve: list[Row], best: Row) -> str:
    """What a row gains over fast, read off its curve at the row's colourfulness."""
    known = {row.row: (row.colorfulness_ratio, row.psnr_mean) for row in results.summary}
    across, up = zip(*sorted(known[name] for name in curve), strict=True)
    colour, psnr = known[best]
    i = int(np.clip(np.searchsorted(across, colour), 1, len(across) - 1))
    slope = (up[i] - up[i - 1]) / max(across[i] - across[i - 1], 1e-6)
    return f"{psnr - up[i] - slope * (colour - across[i]):+.2f}"


def main() -> None:
    """Measure and print."""
    parser = options(__doc__, 200)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--vivid", type=float, nargs="+", default=[0, 0.5])
    parser.add_argument("--hints", type=int, nargs="*", default=[10])
    given = parser.parse_args()
    colorizer = Colorizer(given.model)
    has_dial = "vivid" in colorizer.model.defaults
    dial: list[float | None] = list(given.vivid) if has_dial else [None]
    near = sorted({min(max(v + d, 0), 1) for v in dial if v is not None for d in (-BESIDE, BESIDE)})
    curve = {
        Row(f"fast {v}"): partial(paint, colorizer, v, "fast")
        for v in dict.fromkeys([*dial, *near])
    }
    results = evaluate(
        read(given.data, given.held_out, given.most),
        curve | {Row(f"best {v}"): partial(paint, colorizer, v, "best") for v in dial},
        {Row(q): partial(paint, colorizer, dial[0], q) for q in ("fast", "best")},
        EvaluateOptions(hint_counts=given.hints),
    )
    table = {}
    for v in dial:
        name = "as it is" if v is None else f"vivid {v:g}"
        equal = at_equal_colour(results, list(curve), Row(f"best {v}")) if has_dial else ""
        table[name] = compared(results, Row(f"fast {v}"), Row(f"best {v}")) | {
            "at equal colour": equal
        }
    for n in given.hints:
        name = f"{n} hints" if dial[0] is None else f"vivid {dial[0]:g}, {n} hints"
        pair = (Row(quality, hints=n) for quality in ("fast", "best"))
        table[name] = compared(results, *pair) | {"at equal colour": ""}
    print(f"{colorizer.name}; {results.caption}\n")
    show(table, "", given.json)


if __name__ == "__main__":
    main()
