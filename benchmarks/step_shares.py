"""What does a training step of hintnet spend its time on?

    OMP_NUM_THREADS=1 python benchmarks/step_shares.py --data study-0.tar [--size 192] [--json OUT]

Prints photos/s, the share of the fastest matrix product of the same precision, and the
milliseconds and share of each kind of work in one profiled step, forwards and backwards together.
``--json`` adds the latter to a file as a column named ``--label``. ``--learn-depthwise`` trains the
depthwise weights, too, which the preset leaves frozen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.profiler import profile, record_function

from photochrom.training import train
from photochrom.training.distributed import precision
from photochrom.training.optimize import update_average
from photochrom.training.peak import count_operations, matrix_peak
from photochrom.training.presets import PRESETS, TrainOptions
from photochrom.training.setup import Setup, set_up

REGIONS = {
    "batch": "crops, Lab, hints",
    "loss": "loss",
    "optimizer": "optimizer, running mean",
}
KINDS = (  # of what a step does between those; the first that occurs in an operator's name
    ("batch_norm addcmul", "batch norms"),
    ("hardtanh clamp relu threshold gelu", "activations"),
    ("attention softmax layer_norm", "attention"),
    ("upsample", "enlarging"),
    ("copy_ fill_ zero_ cat", "copies, casts, padding"),
)
OF_THE_LOSS = ("LogSoftmaxBackward", "GatherBackward", "SoftCrossEntropy")
CONVOLUTIONS = "convolutions, 1 × 1", "convolutions, 3 × 3", "convolutions, depthwise"
REST = "Python, the rest"
ALL = (*CONVOLUTIONS, *(found for _, found in KINDS), *REGIONS.values(), REST)


def kind(event: Any) -> str:
    """What an operator's own time counts as."""
    name, at = event.name, event
    while at is not None:
        if at.name in REGIONS:
            return REGIONS[at.name]
        if any(part in at.name for part in OF_THE_LOSS):
            return REGIONS["loss"]
        at = at.cpu_parent
    if name in ("aten::mkldnn_convolution", "aten::convolution_backward"):
        weight = event.input_shapes[1 if name == "aten::mkldnn_convolution" else 2]
        if weight[1] == 1:
            return CONVOLUTIONS[2]
        return CONVOLUTIONS[weight[2] > 1]
    for words, found in KINDS:
        if any(word in name for word in words.split()):
            return found
    return REST


def step(setup: Setup) -> None:
    """One step, with the running mean."""
    state = setup.state
    train._step(setup)
    state.step += 1
    with record_function("optimizer"):
        update_average(state.average, state.network, setup.experiment.ema, state.step)


def best_seconds(setup: Setup, steps: int) -> float:
    """Processor time of the quickest of so many steps, which other work disturbs least."""
    found = []
    for _ in range(steps + 2):
        began = time.process_time()
        step(setup)
        found.append(time.process_time() - began)
    return min(found[2:])


def shares(setup: Setup) -> dict[str, float]:
    """Milliseconds of one step by kind of work."""
    with profile(record_shapes=True) as seen:
        step(setup)
    spent = dict.fromkeys(ALL, 0.0)
    for event in seen.events():
        spent[kind(event)] += event.self_cpu_time_total / 1000
    return spent


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--precision", default="bf16-mixed", choices=["32-true", "bf16-mixed"])
    parser.add_argument("--learn-depthwise", action="store_true")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--label", default="ms")
    given = parser.parse_args()
    _, preset = PRESETS["hintnet"]
    experiment = replace(
        preset,
        size=given.size,
        smallest=0,
        batch=given.batch,
        precision=given.precision,
        freeze=r"encoder\..*norm" if given.learn_depthwise else preset.freeze,
        perceptual=0.0,
    )
    with tempfile.TemporaryDirectory() as out:
        options = TrainOptions(
            given.data, Path(out) / "run", cache=given.cache, device="cpu", quiet=True
        )
        setup = set_up(experiment, options)
        with count_operations() as counter:
            step(setup)
        took = best_seconds(setup, given.steps)
        peak = matrix_peak(setup.fabric.device, precision(setup.fabric))
        spent = shares(setup)
    rate = counter.get_total_flops() / took
    whole = sum(spent.values())
    print(
        f"{given.batch / took:.1f} photos/s, {rate / 1e9:.0f} GFLOP/s, {rate / peak:.2f} of "
        f"{peak / 1e9:.0f}; torch {torch.__version__}, {torch.get_num_threads()} thread"
    )
    rows = {name: f"{ms:.0f} ({100 * ms / whole:.0f} %)" for name, ms in spent.items()}
    rows["the step"] = f"{whole:.0f}"
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    if given.json:
        kept = json.loads(given.json.read_text("utf-8")) if given.json.exists() else {}
        for name, value in rows.items():
            kept.setdefault(name, {})[given.label] = value
        given.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
