"""How much of what the machine can multiply does training get out of it, and does data keep up?

    python benchmarks/training.py --data shards/ [--models unet-lab hintnet] [--size 256]

For each model, with its photos decoded before, streamed, and (``--compile``) compiled: photos/s,
the arithmetic of a step (two operations for a multiplication and its addition, forwards and
backwards, as torch counts them) beside the fastest square matrix product of the same run in the
same precision, and which share of the time the step waits for its batch. On a GPU, if there is one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from photochrom.training import train
from photochrom.training.distributed import precision
from photochrom.training.loader import Batch, Loader
from photochrom.training.peak import count_operations, matrix_peak, synchronize
from photochrom.training.presets import PRESETS, TrainOptions
from photochrom.training.setup import Setup, set_up


@dataclass
class Timed:
    """A loader that keeps how long it took."""

    loader: Loader
    taken: float = 0.0

    def __call__(self, step: int) -> Batch:
        """The batch of a step."""
        synchronize()
        began = time.perf_counter()
        batch = self.loader(step)
        synchronize()
        self.taken = time.perf_counter() - began
        return batch

    def __getattr__(self, name: str) -> object:
        return getattr(self.loader, name)


def operations(setup: Setup) -> float:
    """Of one step."""
    with count_operations() as counter:
        train._step(setup)
    return float(counter.get_total_flops())


def measure(setup: Setup, steps: int) -> tuple[float, float]:
    """Seconds of a step, and which share of them went into its batch; medians."""
    timed = Timed(setup.loader)
    setup.loader = timed  # type: ignore[assignment]
    took, waited = [], []
    for _ in range(steps + 3):
        synchronize()
        began = time.perf_counter()
        train._step(setup)
        setup.state.step += 1
        synchronize()
        took.append(time.perf_counter() - began)
        waited.append(timed.taken)
    return statistics.median(took[3:]), statistics.median(waited[3:]) / statistics.median(took[3:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--models", nargs="+", default=["unet-lab", "hintnet"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--precision", default="auto", choices=["auto", "32-true", "bf16-mixed"])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    print("| model | photos | photos/s | GFLOP a photo | TFLOP/s | ÷ peak | waits for data |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for model in given.models:
        ways = [("decoded", False), ("streamed", False)] + [("decoded", True)] * given.compile
        for photos, compiled in ways:
            report(model, photos == "streamed", compiled, given)


def report(model: str, stream: bool, compiled: bool, given: argparse.Namespace) -> None:
    """One line of the table."""
    _, preset = PRESETS[model]
    experiment = replace(
        preset,
        size=given.size,
        side=given.size,
        batch=given.batch,
        precision=given.precision,
        pretrained=False,
        stream=stream,
    )
    with tempfile.TemporaryDirectory() as out:
        options = TrainOptions(
            given.data, Path(out) / "run", cache=given.cache, compile=compiled, quiet=True
        )
        setup = set_up(experiment, options)
        device = setup.fabric.device
        peak = matrix_peak(device, precision(setup.fabric))
        count = 0.0 if compiled else operations(setup)
        took, waits = measure(setup, given.steps)
    name = f"{model}{', compiled' * compiled}"
    rate = f"{count / took / 1e12:.3f} | {count / took / peak:.2f}" if count else "|"
    print(
        f"| {name} | {'streamed' if stream else 'decoded'} | {setup.loader.batch / took:.1f} "
        f"| {count / setup.loader.batch / 1e9:.1f} | {rate} | {100 * waits:.1f} % |",
        flush=True,
    )


if __name__ == "__main__":
    main()
