"""What does a larger size for the network buy? The same photos, seen at several sizes.

    python benchmarks/sizes.py --data photos.tar [--held-out 0.03] [--model hintnet]
        [--sizes 128 192 256 320] [--vivid 0.5] [--most 150] [--json docs/figures/sizes.json]

Photos are cut as in the protocol crop256, seen by the network at each size, and coloured at 256
pixels. Prints PSNR, CIEDE2000, colourfulness (the output's mean over the truth's) and the
milliseconds from L to ab, beside the grey photo.
"""

from __future__ import annotations

from functools import partial

import common
import numpy as np
from numpy.typing import NDArray

from photochrom import Colorizer
from photochrom.evaluation.evaluate import evaluate
from photochrom.evaluation.rows import Row

Plane = NDArray[np.float32]


def seen_at(colorizer: Colorizer, size: int, vivid: float | None, L: Plane) -> Plane:
    """ab (1, 2, H, W) for L (1, 1, H, W)."""
    return np.asarray(colorizer.predict_ab(L[0, 0], size=size, vivid=vivid))[None]


def main() -> None:
    """Measure, print, and keep."""
    parser = common.options(__doc__, 150)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 160, 192, 224, 256, 288, 320])
    parser.add_argument("--vivid", type=float, default=0.5)
    given = parser.parse_args()
    colorizer = Colorizer(given.model)
    vivid = given.vivid if "vivid" in colorizer.model.defaults else None
    results = evaluate(
        common.read(given.data, given.held_out, given.most),
        {Row(f"{size} px"): partial(seen_at, colorizer, size, vivid) for size in given.sizes},
    )
    table = {}
    for row in results.summary:
        low, high = row.psnr_interval
        table[str(row.row)] = {
            "PSNR, dB": f"{row.psnr_mean:.2f}",
            "95 % interval": f"{low:.2f}–{high:.2f}",
            "ΔE00": f"{row.delta_e:.2f}",
            "colourfulness": f"{row.colorfulness_ratio:.2f}",
            "ms": f"{row.milliseconds:.0f}",
        }
    print(f"{colorizer.name}, which asks for {colorizer.model.size} px; {results.caption}\n")
    common.show(table, "seen at", given.json)


if __name__ == "__main__":
    main()
