"""Is the network quicker in OpenVINO, and are the colours the same?

    python benchmarks/devices.py --data photos.tar [--held-out 0.03] [--model hintnet]
        [--sizes 192 256] [--threads 1 2] [--rounds 40] [--vivid 0 0.5] [--hints 10] [--most 150]
        [--json docs/figures/devices.json]

Both devices answer by turns, and the best time of many counts: milliseconds by the clock, and of
all cores (CPU). Photos are cut as in the protocol crop256; told are PSNR on each device, how far ab
is apart on average (the distance in the plane of a and b, 0.5 being unseen), and the share of
pixels more than 2.3 apart, which one might see side by side. Needs the extra openvino.
"""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from typing import Any

import numpy as np
from common import options, read, show

from photochrom import Colorizer
from photochrom.evaluation.evaluate import EvaluateOptions, evaluate
from photochrom.evaluation.rows import Row

DEVICES = "cpu", "openvino"
SEEN = 2.3
"""ab apart that are just noticed (Mahy et al. 1994)."""


def seconds(colorizers: dict[str, Colorizer], size: int, rounds: int) -> dict[str, list[float]]:
    """The least by the clock and of the CPU, for each device."""
    L = np.random.default_rng(0).uniform(0, 100, (1, 1, size, size)).astype(np.float32)
    found: dict[str, list[list[float]]] = defaultdict(list)
    for _ in range(rounds):
        for device, colorizer in colorizers.items():
            for _ in range(2):  # the first after the other device finds the caches cold
                began = time.perf_counter(), time.process_time()
                colorizer.predict(L)
                ended = time.perf_counter(), time.process_time()
            found[device].append([end - begin for begin, end in zip(began, ended, strict=True)])
    return {device: np.min(times, axis=0).tolist() for device, times in found.items()}


class Apart:
    """How far the answers of two devices are from each other."""

    def __init__(self, colorizers: dict[str, Colorizer]) -> None:
        self.colorizers = colorizers
        self.found: dict[Any, list[tuple[float, float]]] = defaultdict(list)

    def paint(self, device: str, vivid: float | None, L: Any, spots: Any = None) -> Any:
        """ab (1, 2, H, W) for L (1, 1, H, W) and spots."""
        ab = self.colorizers[device].predict_ab(L[0, 0], spots, vivid=vivid)
        if device != DEVICES[0]:
            other = self.colorizers[DEVICES[0]].predict_ab(L[0, 0], spots, vivid=vivid)
            far = np.hypot(*(ab - other))
            key = vivid, 0 if spots is None else len(spots)
            self.found[key].append((float(far.mean()), float((far > SEEN).mean())))
        return ab[None]


def main() -> None:
    """Measure, print, and keep."""
    parser = options(__doc__, 150)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 256])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--vivid", type=float, nargs="+", default=[0, 0.5])
    parser.add_argument("--hints", type=int, default=10)
    given = parser.parse_args()
    table: dict[str, dict[str, str]] = {}
    for threads in given.threads:
        colorizers = {d: Colorizer(given.model, threads=threads, device=d) for d in DEVICES}
        for size in given.sizes:
            (clock, cpu), (our_clock, our_cpu) = seconds(colorizers, size, given.rounds).values()
            table[f"{size} px, {threads} thread{'s' * (threads > 1)}"] = {
                "ONNX Runtime": f"{1000 * clock:.1f} ms, CPU {1000 * cpu:.1f}",
                "OpenVINO": f"{1000 * our_clock:.1f} ms, CPU {1000 * our_cpu:.1f}",
                "compared": f"{clock / our_clock:.2f} times as quick",
            }
    show(table, "", None)
    apart = Apart({device: Colorizer(given.model, device=device) for device in DEVICES})
    dial = given.vivid if "vivid" in apart.colorizers["cpu"].model.defaults else [None]
    results = evaluate(
        read(given.data, given.held_out, given.most),
        {Row(f"{d} {v}"): partial(apart.paint, d, v) for d in DEVICES for v in dial},
        {Row(d): partial(apart.paint, d, dial[0]) for d in DEVICES},
        EvaluateOptions(hint_counts=[given.hints]),
    )
    psnr = {row.row: row.psnr_mean for row in results.summary}
    for vivid, hints in [*((v, 0) for v in dial), (dial[0], given.hints)]:
        rows = [Row(d, hints=hints) if hints else Row(f"{d} {vivid}") for d in DEVICES]
        mean, seen = np.mean(apart.found[vivid, hints], axis=0)
        name = ", ".join(
            ["as it is" if vivid is None else f"vivid {vivid:g}", *[f"{hints} hints"] * bool(hints)]
        )
        table[name] = {
            "ONNX Runtime": f"{psnr[rows[0]]:.2f} dB",
            "OpenVINO": f"{psnr[rows[1]]:.2f} dB",
            "compared": f"ab {mean:.2f} apart, {seen:.1%} of pixels over {SEEN:g}",
        }
    print(f"\n{apart.colorizers['cpu'].name}; {results.caption}\n")
    show(table, "", given.json)


if __name__ == "__main__":
    main()
