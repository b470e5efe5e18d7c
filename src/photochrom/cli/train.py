"""Training: train and export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Union

import tyro
from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, subcommand

from photochrom.cli.flags import described, flag
from photochrom.cli.options import needs, print_result
from photochrom.names import is_quiet
from photochrom.parallel import keep_heap
from photochrom.training.presets import PRESETS, TrainOptions


def export(
    run: Annotated[Positional[Path], flag("the folder of the run", "RUN")],
    /,
    out: Annotated[Path, flag("the file to write", "FILE.onnx", short="-o")],
    name: Annotated[str, flag("what the model calls itself", "NAME", default="the file's")] = "",
    release: Annotated[str, flag("which version of it this is", "NAME")] = "1",
    size: Annotated[
        int | None,
        flag("short side at which it is to see photos", "PIXELS", default="as it was trained"),
    ] = None,
    fp16: Annotated[bool, flag("store weights in 16 bits: half the file")] = False,
    int8: Annotated[bool, flag("store weights in 8 bits: a quarter of the file")] = False,
) -> int:
    """Make one ONNX file of a trained run, and check that it answers as the network does.

    Example: photochrom export runs/mine -o mine.onnx --fp16
    """
    with needs("train"):
        from photochrom.training.export import export as make
    difference = make(run, out, name=name, release=release, size=size, fp16=fp16, int8=int8)
    print_result(f"{out} (at most {difference:.2g} in ab from the network)")
    return 0


_PRESETS = [
    Annotated[Any, subcommand(name, constructor=described(experiment), description=words)]
    for name, (words, experiment) in PRESETS.items()
]
_Preset: Any = Union[tuple(_PRESETS)]  # noqa: UP007 - as many as there are
_Run: Any = Annotated[Any, tyro.conf.arg(name="run", constructor=described(TrainOptions))]


def train(
    experiment: OmitArgPrefixes[OmitSubcommandPrefixes[_Preset]],
    options: OmitArgPrefixes[_Run],
) -> int:
    """Train a colorizer; every setting of the preset is a flag.

    Ctrl-C or SIGTERM ends it, saved, with exit code 130: --resume goes on from there.

    Example: photochrom train hintnet --data photos/ --out runs/mine --minutes 60
    """
    with needs("train"):
        from photochrom.training.train import train as fit
    if options.init and not options.init.exists():
        from photochrom.inference.model_files import find_model

        options = replace(options, init=find_model(str(options.init)))
    keep_heap()
    fit(experiment, replace(options, quiet=is_quiet()))
    return 0
