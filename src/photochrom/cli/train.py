"""Training: train and export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional

from photochrom.cli.options import needs, print_result
from photochrom.training.presets import PRESETS, TrainOptions


def export(
    run: Positional[Path],
    /,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="the .onnx file to write")],
    name: Annotated[str, tyro.conf.arg(help="what the model calls itself")] = "",
    release: Annotated[str, tyro.conf.arg(help="which version of it this is")] = "1",
    size: Annotated[
        int | None, tyro.conf.arg(help="short side at which it is to see photos, pixels")
    ] = None,
    fp16: Annotated[bool, tyro.conf.arg(help="store weights in 16 bits: half the file")] = False,
) -> int:
    """Make one ONNX file of a trained run, and check that it answers as the network does.

    Example: photochrom export runs/mine -o mine.onnx --fp16
    """
    with needs("train"):
        from photochrom.training.export import export as make
    difference = make(run, out, name=name, release=release, size=size, fp16=fp16)
    print_result(f"{out} (at most {difference:.2g} in ab from the network)")
    return 0


_Preset = tyro.extras.subcommand_type_from_defaults(
    {name: experiment for name, (_, experiment) in PRESETS.items()},
    {name: description for name, (description, _) in PRESETS.items()},
)


def train(
    experiment: OmitArgPrefixes[OmitSubcommandPrefixes[_Preset]],  # type: ignore[valid-type]
    options: OmitArgPrefixes[TrainOptions],
) -> int:
    """Train a colorizer; every setting of the preset is a flag.

    Ctrl-C or SIGTERM ends it, saved, with exit code 130: --resume goes on from there.

    Example: photochrom train hintnet --data photos/ --out runs/mine --minutes 60
    """
    with needs("train"):
        from photochrom.training.train import train as fit
    if options.init and not options.init.exists():
        from photochrom.inference.onnx_model import find_model

        options = replace(options, init=find_model(str(options.init)))
    fit(experiment, options)
    return 0
