"""Set-up: from an experiment and a session to all that the training loop uses."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
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
from photochrom.data.shards import read_index
from photochrom.errors import BadOption, BadRun
from photochrom.training import checkpoint, restore
from photochrom.training.heads import BinsHead, SoftBinsHead
from photochrom.training.loader import Loader, bin_frequency, to_lab, validation_batches
from photochrom.training.models import Network, build
from photochrom.training.optimize import copy_of, freeze, make_optimizer
from photochrom.training.presets import Experiment, Session

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
    loader: Loader
    validation: list[np.ndarray[Any, Any]]
    """This rank's share of the validation photos."""
    console: Console
    step: int = 0
    seconds: float = 0.0
    """Time trained so far, earlier sessions included."""
    figures: dict[str, float] = field(default_factory=dict)

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
    console = Console(quiet=session.quiet or fabric.global_rank > 0)
    if fabric.global_rank == 0:
        checkpoint.claim(session.out, experiment, session.resume)
    fabric.barrier()
    network = _network(experiment, session)
    photos, chosen, held = _photos(experiment, session, fabric)
    if photos.unreadable:
        console.print(f"{len(photos.unreadable)} unreadable photos: {session.out}/unreadable.txt")
    if not session.resume:  # a run keeps the class weights it began with
        _weigh_classes(network, photos, chosen, experiment, console)
    if session.init and session.init.suffix == ".onnx":
        squares = validation_batches(photos, held[:64].tolist(), 64)[0]
        restore.settle_norms(network, to_lab(torch.from_numpy(squares), experiment.size)[:, :1])
    frozen = freeze(network, experiment.freeze)
    wrapped, optimizer = fabric.setup(network, make_optimizer(network, experiment))
    loader = Loader(
        photos,
        chosen,
        sizes=_sizes(experiment, network.multiple),
        zoom=experiment.zoom,
        batch=experiment.batch,
        hints=experiment.hints if network.takes_hints else 0.0,
        seed=experiment.seed,
        degraded=experiment.degraded,
        rank=fabric.global_rank,
        world=fabric.world_size,
        device=fabric.device,
        resident=session.resident,
    )
    part = _largest_part(loader, session.accumulate)
    mine = held[: experiment.validate_on][fabric.global_rank :: fabric.world_size]
    run = Run(
        experiment,
        session,
        fabric,
        network,
        wrapped,
        frozen,
        optimizer,
        copy_of(network) if experiment.ema else {},
        loader,
        validation_batches(photos, mine.tolist(), min(32, part)),  # what training has memory for
        console,
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
    world, local = (int(os.environ.get(k, 1)) for k in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    fabric = Fabric(
        accelerator=accelerator,
        devices=local,
        num_nodes=world // local,
        strategy="ddp" if world > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric


def _photos(
    experiment: Experiment, session: Session, fabric: Fabric
) -> tuple[cache.Photos, Numbers, Numbers]:
    """The decoded photos and the numbers of those to train and to validate on."""
    if fabric.global_rank == 0:  # one process decodes, the others find it done
        cache.load(session.data, experiment.side, session.cache, session.quiet)
    fabric.barrier()
    photos = cache.load(session.data, experiment.side, session.cache, quiet=True)
    index = read_index(session.index) if session.index else None
    chosen, held = photos.split(experiment.validation, index)
    if not len(chosen) or not len(held):
        raise BadOption(
            f"{len(chosen)} photos to train on and {len(held)} to validate on: both are needed. "
            "Give more photos, another --validation or an --index with train and val."
        )
    if fabric.global_rank == 0:
        data = {
            "sources": [Path(path).name for path in session.data],
            "training_photos": len(chosen),
            "validation_photos": len(held),
            "unreadable_photos": len(photos.unreadable),
        }
        checkpoint.save_config(session.out, experiment, data)
        checkpoint.save_unreadable(session.out, photos.unreadable)
        checkpoint.save_probe(session.out, [photos[i] for i in held[:4]])
    return photos, chosen, held


def _network(experiment: Experiment, session: Session) -> Network:
    """The network with the weights it starts from."""
    network = build(experiment.model, experiment.alpha, experiment.encoder)
    if experiment.size % network.multiple:
        raise BadOption(
            f"--size {experiment.size} does not suit {experiment.model}: "
            f"take a multiple of {network.multiple}."
        )
    if experiment.pretrained:
        if not hasattr(network.backbone, "pretrain"):
            raise BadOption(f"There are no pretrained weights for {experiment.model}.")
        network.backbone.pretrain()
    if session.init and session.init.suffix == ".onnx":
        restore.from_onnx(network, session.init)
    elif session.init:
        other = checkpoint.load_config(session.init)[0]
        for name in ("model", "encoder"):
            theirs, ours = getattr(other, name), getattr(experiment, name)
            if theirs != ours:
                raise BadRun(
                    f"{session.init} is a run of {theirs}: --init takes one of the same {name}."
                )
        network.load_state_dict(checkpoint.load_network(session.init)[0].state_dict())
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _sizes(experiment: Experiment, multiple: int) -> range:
    """Sides that steps may take: multiples of what the network needs."""
    smallest = experiment.smallest or experiment.size
    return range(-(-smallest // multiple) * multiple, experiment.size + 1, multiple)


def _weigh_classes(
    network: Network,
    photos: cache.Photos,
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
    facts = checkpoint.load_checkpoint(run.session.out, run.network, run.average, run.optimizer)
    run.step, run.seconds = facts.pop("step"), facts.pop("seconds")
    run.figures = facts
    if run.fabric.global_rank == 0:
        checkpoint.forget_metrics_after(run.session.out, run.step)
