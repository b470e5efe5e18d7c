"""Experiments: everything that decides what a training does, in one frozen value each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from photochrom.errors import BadOption


@dataclass(frozen=True)
class Experiment:
    """One training. Each field is a flag of ``photochrom train``."""

    model: Annotated[str, tyro.conf.Suppress]
    """Which network: a key of photochrom.training.models.MODELS."""
    size: int = 96
    """Side of the square the network sees, pixels."""
    smallest: int = 0
    """Let the side change from step to step, from this up to --size; 0 keeps it."""
    side: int = 256
    """Short side at which the decoded photos are kept, pixels."""
    stream: bool = False
    """Read each photo whenever it is needed rather than decode all first: for sets that --cache
    cannot hold. Shards are gone through in random order; what is held out goes by name and size."""
    zoom: float = 1.0
    """Smallest random crop, as a share of the short side; 1 takes the whole short side."""
    batch: int = 512
    """Photos a step, over all processes."""
    epochs: float = 20
    """Passes over the training photos, unless time ends it first."""
    lr: float = 1e-4
    """Learning rate (its peak, where there is a schedule)."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """The optimizer."""
    weight_decay: float = 0.0
    """AdamW's weight decay."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Learning rate over the run; a run limited by minutes anneals over its minutes."""
    warmup: int = 0
    """Steps over which the learning rate rises from nothing."""
    encoder: str = "lite2"
    """Encoder of hintnet: lite2, or timm:NAME for one of timm (pip install 'photochrom[timm]')."""
    encoder_rate: float = 1.0
    """Learning rate of a pretrained encoder, relative to the rest."""
    pretrained: bool = False
    """Start a generator from hintnet, others from ImageNet weights."""
    freeze: str = ""
    """Parameters whose name matches this regular expression stay as they are; batch norms that
    match keep their statistics too."""
    alpha: float = 0.5
    """alpha * MSE + (1 - alpha) * L1, for the regressing heads."""
    rebalance: float = 0.5
    """How far class weights are mixed with uniform: 0 inverse frequency, 1 no rebalancing."""
    emphasis: float = 1.0
    """How far class weights enter the loss of hintnet: 1 as in the paper, 0 all colours alike.
    Decoding makes up for it."""
    hints: float = 0.0
    """Share of photos that come with colour hints."""
    recolored: float = 0.0
    """Share of photos in which one thing is given another colour, which a hint on it tells, so that
    hints stay local, and unlikely ones are followed."""
    film: float = 0.0
    """Share of photos whose lightness is that of film that was blind to red, or green too."""
    degraded: float = 0.0
    """Share of photos whose lightness is blurred, grainy, faded or compressed, as old ones are."""
    perceptual: float = 0.0
    """Weight of the distance between EfficientNet-Lite2's features of the coloured and the true
    photo."""
    perceptual_from: float = 0.67
    """The share of the training after which it counts."""
    adversarial: float = 0.0
    """Weight of a discriminator that learns to tell coloured photos from true ones."""
    adversarial_from: float = 0.9
    """The share of the training after which it counts."""
    ema: float = 0.0
    """Decay of the running mean of the weights that validation and export use; 0 for none."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Arithmetic; auto is bfloat16 on a GPU and float32 elsewhere."""
    validation: float = 0.03
    """Share of the photos held out for validation, chosen by content."""
    validate_on: int = 256
    """Photos each validation measures, at most."""
    seed: int = 0
    """Of weights, order, crops, flips and hints."""

    def __post_init__(self) -> None:
        most = self.size
        _check_ranges(
            self,
            {
                "size side": (lambda n: n >= 32, "32 or more"),
                "smallest": (
                    lambda n: n == 0 or 32 <= n <= most,
                    f"0, or a number from 32 to --size ({most})",
                ),
                "zoom": (lambda n: 0 < n <= 1, "a number above 0, up to 1"),
                "batch validate_on": (lambda n: n >= 1, "1 or more"),
                "epochs lr encoder_rate": (lambda n: n > 0, "a number above 0"),
                "weight_decay warmup perceptual adversarial seed": (lambda n: n >= 0, "0 or more"),
                "alpha rebalance emphasis hints recolored film degraded perceptual_from "
                "adversarial_from": (lambda n: 0 <= n <= 1, "a number from 0 to 1"),
                "ema": (lambda n: 0 <= n < 1, "0, or a number below 1"),
                "validation": (lambda n: 0 < n < 1, "a number between 0 and 1"),
            },
        )
        _check_pattern("--freeze", self.freeze)


@dataclass(frozen=True)
class TrainOptions:
    """Where and how long a training runs: what may differ without changing what it computes."""

    data: Sequence[Path]
    """Folders or .tar files of photos."""
    out: Path
    """The run's folder."""
    index: Path | None = None
    """CSV with the columns name and split (train or val); without it content decides."""
    minutes: float | None = None
    """Stop, saved, after this long; counts what the run took before it was resumed."""
    resume: bool = False
    """Go on from the run's checkpoint."""
    init: Path | None = None
    """Start from the weights of this run, or of this model: its name, or an .onnx file of it."""
    renew: str = ""
    """What this pattern finds among the names of weights begins anew in spite of --init."""
    resident: bool = False
    """Hold all photos on the device."""
    compile: bool = False
    """Compile the network by torch.compile: it takes minutes before the first step."""
    accumulate: int = 1
    """Parts in which each process's share of a batch is computed, one after another, where memory
    is short; batch norms then see a part at a time."""
    save_every: float = 2.0
    """Minutes between checkpoints."""
    validate_every: int = 500
    """Steps between validations."""
    report_every: int = 20
    """Steps between reports."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where to train; auto takes a GPU if there is one."""
    cache: Path | None = None
    """Where decoded photos are kept; default: the user's folder of caches."""
    readers: int = 4
    """Threads of each process that read ahead with --stream, and as many that decode."""
    peak: bool = False
    """Measure the fastest matrix product first, and report the share of it that is reached."""
    profile: bool = False
    """Write to profile.txt in the run's folder what a step spends its time on."""
    quiet: Annotated[bool, tyro.conf.Suppress] = False
    """No progress on the terminal."""

    def __post_init__(self) -> None:
        counts = "accumulate validate_every report_every readers"
        ranges: _Ranges = {
            "save_every": (lambda n: n >= 0, "0 or more"),
            counts: (lambda n: n >= 1, "1 or more"),
        }
        if self.minutes is not None:
            ranges["minutes"] = lambda n: n > 0, "a number above 0"
        _check_ranges(self, ranges)
        _check_pattern("--renew", self.renew)
        if self.renew and not self.init:
            raise BadOption("--renew is for what --init brings: give both, or neither.")


_Ranges = dict[str, tuple[Callable[[float], bool], str]]
"""What holds for the fields of these names, and in words."""


def _check_pattern(flag: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadOption(f"{flag} {pattern} is no regular expression: {error}.") from error


def _check_ranges(given: object, ranges: _Ranges) -> None:
    for names, (holds, words) in ranges.items():
        for name in names.split():
            value = getattr(given, name)
            if not holds(value):
                flag = f"--{name.replace('_', '-')}"
                raise BadOption(f"{flag} {value} is out of range: give {words}.")


# The four rows of the study (Adam, 1e-4), the flagship, and what draws with its help.
PRESETS: dict[str, tuple[str, Experiment]] = {
    "cnn-rgb": (
        "encoder-decoder without skips, grey to RGB",
        Experiment("cnn-rgb", size=96, batch=512, epochs=20, alpha=0.7),
    ),
    "unet-rgb": (
        "U-Net, grey to RGB",
        Experiment("unet-rgb", size=96, batch=512, epochs=20, alpha=0.7),
    ),
    "unet-lab": (
        "deeper U-Net, L to ab by regression",
        Experiment("unet-lab", size=512, side=512, batch=16, epochs=15, alpha=0.5),
    ),
    "unet-bins": (
        "the same U-Net, L to one of 676 ab bins",
        Experiment("unet-bins", size=512, side=512, batch=16, epochs=20),
    ),
    "hintnet": (
        "pretrained encoder, a distribution over ab, colour hints: the bundled model",
        Experiment(
            "hintnet",
            size=320,
            smallest=160,
            side=200,
            zoom=0.7,
            batch=32,
            epochs=40,
            lr=4e-4,
            optimizer="adamw",
            weight_decay=0.01,
            schedule="cosine",
            warmup=100,
            encoder_rate=0.05,  # at 0.2 channels of its last stages die
            pretrained=True,
            # Depthwise weights and the encoder's statistics stay: pretraining has settled them.
            freeze=r"encoder\..*(norm|depthwise)",
            emphasis=0.0,
            hints=0.6,
            recolored=0.25,
            film=0.15,
            degraded=0.4,
            perceptual=3.0,
            ema=0.998,
        ),
    ),
    "generator": (
        "draws of chroma by flow matching, for versions; a trained hintnet says what a photo shows",
        Experiment(
            "generator",
            size=256,
            side=200,
            zoom=0.75,
            batch=64,
            epochs=60,
            lr=6e-4,
            optimizer="adamw",
            weight_decay=0.01,
            schedule="cosine",
            warmup=300,
            pretrained=True,
            hints=0.4,
            film=0.15,
            degraded=0.4,
            ema=0.9995,
        ),
    ),
}
