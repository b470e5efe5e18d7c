"""Set-up: from an experiment and a session to all that the training loop uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import nn
from torch.optim import Optimizer

from photochrom.data import cache
from photochrom.data.cache import PhotoSet
from photochrom.data.shards import find, read_index
from photochrom.data.streamed import Streamed
from photochrom.errors import BadData, BadOption, BadRun
from photochrom.training import checkpoint, distributed, restore
from photochrom.training.distributed import together
from photochrom.training.heads import BinsHead, SoftBinsHead
from photochrom.training.loader import Loader, bin_frequency, to_lab, validation_batches
from photochrom.training.models import Network, build
from photochrom.training.optimize import copy_of, freeze, make_optimizer
from photochrom.training.peak import Meter
from photochrom.training.pictures import PictureLosses
from photochrom.training.presets import Experiment, Session
from photochrom.training.sync_batchnorm import share_norms

Numbers = npt.NDArray[np.int64]


@dataclass
class Run:
    """What set-up makes and the loop uses."""

    experiment: Experiment
    session: Session
    fabric: Fabric
    network: Network
    """The plain network; ``wrapped`` is the same one for computing gradients."""
    wrapped: Any
    frozen: list[nn.Module]
    """Batch norms that keep their statistics."""
    optimizer: Optimizer
    average: checkpoint.State
    """Running mean of the weights; empty where the experiment wants none."""
    photos: PhotoSet
    loader: Loader
    validation: list[np.ndarray[Any, Any]]
    """This rank's share of the validation photos."""
    pictures: PictureLosses
    meter: Meter | None
    """Where --peak asks for it."""
    console: Console
    group: Any
    """Where the processes' words go round without waiting for a GPU; None for the only process."""
    step: int = 0
    seconds: float = 0.0
    """Time trained so far, earlier sessions included."""
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def validation_size(self) -> int:
        """The middle one of the sides that steps take."""
        return self.loader.sizes[len(self.loader.sizes) // 2]

    @property
    def steps(self) -> int:
        return max(1, round(self.experiment.epochs * self.loader.steps_per_epoch))

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the epochs or the minutes are over."""
        share = self.step / self.steps
        if self.session.minutes:
            share = max(share, self.seconds / (60 * self.session.minutes))
        return min(1.0, share)


def set_up(experiment: Experiment, session: Session) -> Run:
    """Make the run's folder, or find where it stopped.

    Raises:
        BadData, BadRun, BadOption: see :func:`photochrom.training.train.train`.
    """
    torch.manual_seed(experiment.seed)
    fabric = _fabric(experiment, session)
    first = fabric.global_rank == 0
    console = Console(quiet=session.quiet or not first, markup=False)
    distributed.check_settings(fabric, experiment, session)
    session = _claim(experiment, session, fabric)
    network, new = together(fabric, lambda: _network(experiment, session, first))
    photos, chosen, held = _photos(experiment, session, fabric)
    if photos.unreadable:
        console.print(told_unreadable(photos, session))
    if not session.resume:  # a run keeps the class weights it began with, and its norms
        _weigh_classes(network, photos, chosen, experiment, console)
        if first:
            _settle(network, experiment, session, photos, held)
        if new:
            console.print(f"new since {session.init}: {', '.join(new)}")
    frozen = freeze(network, experiment.freeze)
    if fabric.world_size > 1:
        share_norms(network, frozen, fabric.device)
    if session.compile:
        network.compile()
    wrapped, optimizer = fabric.setup(network, make_optimizer(network, experiment))
    loader = Loader(
        photos,
        chosen,
        sizes=_sizes(experiment, network.multiple),
        zoom=experiment.zoom,
        batch=experiment.batch,
        hints=experiment.hints,
        seed=experiment.seed,
        recolored=experiment.recolored,
        film=experiment.film,
        degraded=experiment.degraded,
        rank=fabric.global_rank,
        world=fabric.world_size,
        device=fabric.device,
        resident=session.resident,
    )
    part = _largest_part(loader, session.accumulate)
    mine = held[: experiment.validate_on][fabric.global_rank :: fabric.world_size]
    validation = validation_batches(photos, mine.tolist(), min(32, part))  # memory for training
    together(fabric, lambda: _check_held(distributed.gather(fabric, len(validation)), photos))
    run = Run(
        experiment,
        session,
        fabric,
        network,
        wrapped,
        frozen,
        optimizer,
        copy_of(network) if experiment.ema else {},
        photos,
        loader,
        validation,
        together(fabric, lambda: PictureLosses(experiment, fabric)),
        _meter(session, fabric),
        console,
        torch.distributed.new_group(backend="gloo") if fabric.world_size > 1 else None,
    )
    if session.resume:
        _restore(run)
    console.print(
        f"{experiment.model}: {len(chosen)} photos, {run.steps} steps of {loader.batch}, "
        f"{len(held)} held out, {fabric.world_size} x {fabric.device.type}"
    )
    return run


def _fabric(experiment: Experiment, session: Session) -> Fabric:
    accelerator = session.device
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise BadOption("--device cuda, but torch sees no CUDA device: use --device cpu.")
    precision = experiment.precision
    if precision == "auto":
        precision = "bf16-mixed" if accelerator == "cuda" else "32-true"
    if accelerator == "cuda":
        # cuDNN chooses by rule: to try all it has takes hintnet's three sizes 65 s instead of 12,
        # which no run of minutes gets back.
        torch.backends.cudnn.benchmark = False
        torch.set_float32_matmul_precision("high")  # crops, to a tenth of an 8-bit level
    world, local, machines = distributed.arrange()
    fabric = Fabric(
        accelerator=accelerator,
        devices=local,
        num_nodes=machines,
        strategy="ddp" if world > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def _meter(session: Session, fabric: Fabric) -> Meter | None:
    if not session.peak:
        return None
    kind = torch.bfloat16 if "bf16" in str(fabric.strategy.precision.precision) else torch.float32
    return Meter(fabric.device, kind)


def _claim(experiment: Experiment, session: Session, fabric: Fabric) -> Session:
    """The first process takes the run's folder; all learn from it whether to resume."""

    def claim() -> bool:
        if fabric.global_rank > 0:
            return False
        by_itself = distributed.is_restarted_by_torchrun() and not session.resume
        return checkpoint.claim(session.out, experiment, None if by_itself else session.resume)

    return replace(session, resume=fabric.broadcast(together(fabric, claim)))


def _photos(
    experiment: Experiment, session: Session, fabric: Fabric
) -> tuple[PhotoSet, Numbers, Numbers]:
    """The photos and the numbers of those to train and to validate on."""

    def load(quiet: bool) -> PhotoSet:
        if experiment.stream:
            return Streamed(find(session.data), experiment.side, session.readers)
        return cache.load(session.data, experiment.side, session.cache, quiet)

    # On each machine one process decodes, the others find it done.
    if not experiment.stream:
        quiet = session.quiet or fabric.global_rank > 0
        together(fabric, lambda: fabric.local_rank or load(quiet))
    photos = together(fabric, lambda: load(quiet=True))
    chosen, held = together(fabric, lambda: _split(photos, experiment, session))
    distributed.check_photos(fabric, photos, chosen, held)
    first = fabric.global_rank == 0
    together(fabric, lambda: _describe(photos, chosen, held, experiment, session) if first else 0)
    return photos, chosen, held


def _split(photos: PhotoSet, experiment: Experiment, session: Session) -> tuple[Numbers, Numbers]:
    """Numbers of the photos to train and to validate on."""
    index = read_index(session.index) if session.index else None
    chosen, held = photos.split(experiment.validation, index)
    if not len(chosen) or not len(held):
        raise BadOption(
            f"Photos to train on: {len(chosen)}, to validate on: {len(held)}; both are needed. "
            "Give more photos, another --validation or an --index with train and val."
        )
    return chosen, held


def _check_held(readable: list[int], photos: PhotoSet) -> None:
    if not any(readable):
        name, reason = next(iter(photos.unreadable.items()), ("none", ""))
        raise BadData(
            f"None of the photos held out to validate on can be read; {name}: {reason} "
            "Look where they lie, or give another --validation."
        )


def told_unreadable(photos: PhotoSet, session: Session) -> str:
    """How many could not be read, and where each is named."""
    return f"{len(photos.unreadable)} unreadable photos: {session.out}/unreadable.txt"


def _describe(
    photos: PhotoSet, chosen: Numbers, held: Numbers, experiment: Experiment, session: Session
) -> None:
    """Write down what the run is, and of which photos."""
    data = {
        "sources": [Path(path).name for path in session.data],
        "training_photos": len(chosen),
        "validation_photos": len(held),
        "unreadable_photos": len(photos.unreadable),
    }
    checkpoint.save_config(session.out, experiment, data)
    checkpoint.save_unreadable(session.out, photos.unreadable)
    checkpoint.save_probe(session.out, photos.each(held[:4].tolist()))


def _network(
    experiment: Experiment, session: Session, first: bool
) -> tuple[Network, Sequence[str]]:
    """The network, and what in it is new since the weights it starts from.

    Only in the first process it has them: :meth:`Fabric.setup` hands them to the others.
    """
    network = build(experiment.model, experiment.alpha, experiment.encoder, experiment.emphasis)
    new: Sequence[str] = ()
    if not network.takes_hints and (experiment.hints or experiment.recolored):
        raise BadOption(f"{experiment.model} takes no hints: leave --hints and --recolored out.")
    if isinstance(network.head, BinsHead) and (experiment.perceptual or experiment.adversarial):
        raise BadOption(
            f"{experiment.model} answers the likeliest bin, from which no picture can teach it: "
            "leave --perceptual and --adversarial out."
        )
    if experiment.perceptual and experiment.size % 32:
        raise BadOption(f"--perceptual needs a --size that divides by 32, not {experiment.size}.")
    if experiment.size % network.multiple:
        raise BadOption(
            f"--size {experiment.size} does not suit {experiment.model}: "
            f"take a multiple of {network.multiple}."
        )
    if experiment.pretrained:
        if not hasattr(network.backbone, "pretrain"):
            raise BadOption(f"There are no pretrained weights for {experiment.model}.")
        network.backbone.pretrain()
    if first and session.init:
        if session.init.suffix == ".onnx":
            new = restore.from_onnx(network, session.init)
        else:
            _check_alike(session.init, experiment)
            new = restore.from_run(network, session.init)
    return network.to(memory_format=torch.channels_last), new  # type: ignore[call-overload]


def _check_alike(run: Path, experiment: Experiment) -> None:
    other = checkpoint.load_config(run)[0]
    for name in ("model", "encoder"):
        theirs, ours = getattr(other, name), getattr(experiment, name)
        if theirs != ours:
            raise BadRun(f"{run} is a run of {theirs}: --init takes one of the same {name}.")


def _settle(
    network: Network, experiment: Experiment, session: Session, photos: PhotoSet, held: Numbers
) -> None:
    """Make the weights ready to learn: whatever --init gave answers as before."""
    if session.init:
        restore.weigh(network)
    sizes = _sizes(experiment, network.multiple)
    for squares in validation_batches(photos, held[:32].tolist(), 32):  # one, if any can be read
        lightness = to_lab(torch.from_numpy(squares), sizes[len(sizes) // 2])[:, :1]
        if session.init and session.init.suffix == ".onnx":
            restore.settle_norms(network, lightness)
        elif not session.init:
            restore.settle_new_norms(network, lightness)


def _sizes(experiment: Experiment, multiple: int) -> range:
    """Sides that steps may take: multiples of what the network needs."""
    smallest = experiment.smallest or experiment.size
    return range(-(-smallest // multiple) * multiple, experiment.size + 1, multiple)


def _weigh_classes(
    network: Network,
    photos: PhotoSet,
    chosen: Numbers,
    experiment: Experiment,
    console: Console,
) -> None:
    """Give a head that classifies the class weights of these photos, whatever --init gave it."""
    if isinstance(network.head, BinsHead | SoftBinsHead):
        counts = bin_frequency(photos, chosen, network.head.grid)
        network.head.set_frequency(counts, experiment.rebalance)
        weights = network.head.weights
        console.print(
            f"class weights {weights.min():.2g} to {weights.max():.2g}: of these photos, "
            f"--rebalance {experiment.rebalance:g}"
        )


def _largest_part(loader: Loader, accumulate: int) -> int:
    """Photos that are computed at once."""
    if accumulate > loader.share:
        raise BadOption(
            f"--accumulate {accumulate} makes more parts than the {loader.share} photos that each "
            f"process has a step: take at most {loader.share}."
        )
    return -(-loader.share // accumulate)


def _restore(run: Run) -> None:
    fabric, out = run.fabric, run.session.out
    first = fabric.global_rank == 0
    read = together(fabric, lambda: checkpoint.read_checkpoint(out) if first else None)
    state, facts = fabric.broadcast(read)  # type: ignore[misc]
    checkpoint.restore(out, state, run.network, run.average, run.optimizer)
    run.pictures.load(checkpoint.below("rival.", state))
    run.step, run.seconds = facts.pop("step"), facts.pop("seconds")
    run.figures = facts
    if first:
        checkpoint.forget_metrics_after(out, run.step)
