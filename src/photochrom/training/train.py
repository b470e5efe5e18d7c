"""Train a colorizer.

One process, on whatever there is:

    photochrom train hintnet --data photos/ --out runs/hintnet

A GPU that is lent for a quarter of an hour, the photos held in its memory; later, go on:

    photochrom train unet-lab --data study.tar --out runs/lab --resident --minutes 15
    photochrom train unet-lab --data study.tar --out runs/lab --resident --resume

Two processes on one machine, and two machines of eight GPUs each (run on both):

    torchrun --nproc-per-node 2 -m photochrom train hintnet --data photos/ --out runs/hintnet
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-endpoint HOST:29500 -m photochrom train ...

The file reads from top to bottom: set up, fit, validate, report.
"""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from rich.console import Console
from torch import Tensor, nn
from torch.optim import Optimizer

from photochrom.data import cache
from photochrom.data.shards import read_index
from photochrom.errors import BadOption, BadRun, Diverged
from photochrom.training import checkpoint, restore
from photochrom.training.heads import BinsHead, SoftBinsHead
from photochrom.training.loader import Loader, bin_frequency, to_lab, validation_batches
from photochrom.training.models import Network, build
from photochrom.training.optimize import (
    copy_of,
    freeze,
    make_optimizer,
    set_rate,
    update_average,
)
from photochrom.training.presets import Experiment, Session
from photochrom.training.validate import measure, save_sheet

SAVE = "save"
Numbers = npt.NDArray[np.int64]


def train(experiment: Experiment, session: Session) -> dict[str, float]:
    """Train until the epochs or the minutes are over; returns the last validation's figures.

    Raises:
        BadData: no usable photos. BadRun: the folder holds a run and ``resume`` is not set, or
        the other way round. Diverged: the loss is not finite; the last checkpoint stays.
    """
    run = _setup(experiment, session)
    with _interruptible() as interrupted:
        _fit(run, interrupted)
    if run.fabric.world_size > 1:  # left to the interpreter's end, gloo's threads may abort it
        run.fabric.barrier()
        torch.distributed.destroy_process_group()
    return run.figures


# --- set up ----------------------------------------------------------------------------------


@dataclass
class _Run:
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


def _setup(experiment: Experiment, session: Session) -> _Run:
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
    if isinstance(network.head, BinsHead | SoftBinsHead):
        counts = bin_frequency(photos, chosen, network.head.grid)
        network.head.set_frequency(counts, experiment.rebalance)
    if session.init and session.init.suffix == ".onnx":
        squares = validation_batches(photos, held[:64].tolist(), 64)[0]
        restore.settle_norms(network, to_lab(torch.from_numpy(squares), experiment.size)[:, :1])
    frozen = freeze(network, experiment.freeze)
    wrapped, optimizer = fabric.setup(network, make_optimizer(network, experiment))
    loader = Loader(
        photos,
        chosen,
        size=experiment.size,
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
    mine = held[: experiment.validate_on][fabric.global_rank :: fabric.world_size]
    run = _Run(
        experiment,
        session,
        fabric,
        network,
        wrapped,
        frozen,
        optimizer,
        copy_of(network) if experiment.ema else {},
        loader,
        validation_batches(photos, mine.tolist(), 32),
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


def _restore(run: _Run) -> None:
    facts = checkpoint.load_checkpoint(run.session.out, run.network, run.average, run.optimizer)
    run.step, run.seconds = facts.pop("step"), facts.pop("seconds")
    run.figures = facts
    if run.fabric.global_rank == 0:
        checkpoint.forget_metrics_after(run.session.out, run.step)


# --- fit -------------------------------------------------------------------------------------


def _fit(run: _Run, interrupted: list[bool]) -> None:
    session, began, before = run.session, time.monotonic(), run.seconds
    saved = reported = began
    losses: list[Tensor] = []
    reason = _agreed(run, _why_stop(run, interrupted))
    while not reason:
        set_rate(run.optimizer, run.experiment, run.step, run.progress)
        losses.append(_step(run))
        run.step += 1
        now = time.monotonic()
        run.seconds = before + now - began
        if run.average:
            update_average(run.average, run.network, run.experiment.ema, run.step)
        due = SAVE if now - saved > 60 * session.save_every else ""
        word = _agreed(run, _why_stop(run, interrupted) or due)
        reason = "" if word == SAVE else word
        if word or run.step % session.report_every == 0:  # nothing is saved whose loss is unknown
            _report(run, losses, len(losses) * run.loader.batch / (now - reported))
            reported = now
        if reason or run.step % session.validate_every == 0:
            _validate(run)
            reported = time.monotonic()
        if word:
            _save(run)
            saved = time.monotonic()
    run.console.print(f"Stopped after step {run.step}: {reason}.")


def _step(run: _Run) -> Tensor:
    run.network.train()
    for norm in run.frozen:
        norm.eval()
    batch = run.loader(run.step)
    lightness = batch.lightness.contiguous(memory_format=torch.channels_last)
    raw = run.wrapped(lightness, batch.hints) if run.network.takes_hints else run.wrapped(lightness)
    loss = run.network.head.loss(raw.float(), batch.lab)
    run.fabric.backward(loss)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    return loss.detach()


def _why_stop(run: _Run, interrupted: list[bool]) -> str:
    if interrupted:
        return "interrupted; --resume goes on from here"
    if run.step >= run.steps:
        return "all epochs are done"
    if run.session.minutes and run.seconds >= 60 * run.session.minutes:
        return f"{run.session.minutes:g} minutes are over"
    return ""


def _agreed(run: _Run, word: str) -> str:
    """One word and one clock for all processes, so that they save, stop and anneal together.

    Stopping wins, and the first process has the clock.
    """
    if run.fabric.world_size == 1:
        return word
    said = [(word, run.seconds)] * run.fabric.world_size
    torch.distributed.all_gather_object(said, (word, run.seconds))
    run.seconds = said[0][1]
    return max((word for word, _ in said), key=lambda said: (said != "", said != SAVE))


@contextmanager
def _interruptible() -> Iterator[list[bool]]:
    """A list that Ctrl-C or SIGTERM fills: the step ends and is saved; Ctrl-C twice kills."""
    pressed: list[bool] = []

    def press(number: int, _frame: object) -> None:
        if pressed and number == signal.SIGINT:
            raise KeyboardInterrupt
        pressed.append(True)

    previous = {number: signal.signal(number, press) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield pressed
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


# --- validate and report ---------------------------------------------------------------------


def _validate(run: _Run) -> None:
    figures, pictures = measure(
        run.network, run.average, run.validation, run.experiment.size, run.fabric
    )
    run.figures = figures
    if run.fabric.global_rank == 0:
        _append(run, figures)
        save_sheet(run.session.out / "samples" / f"step-{run.step:06d}.jpg", pictures[:12])
    run.console.print(
        f"step {run.step}: validation PSNR {figures['val_psnr']:.2f} dB, "
        f"colourfulness {figures['val_colourfulness']:.2f} of the truth"
    )


def _report(run: _Run, losses: list[Tensor], speed: float) -> None:
    loss = run.fabric.all_reduce(torch.stack(losses).mean(), reduce_op="mean").item()  # type: ignore[union-attr]
    losses.clear()
    if not math.isfinite(loss):
        raise Diverged(
            f"The loss is {loss} at step {run.step}: lower --lr and --resume from the checkpoint."
        )
    left = (run.steps - run.step) * run.loader.batch / speed
    if run.session.minutes:
        left = min(left, 60 * run.session.minutes - run.seconds)
    rate = run.optimizer.param_groups[0]["lr"]
    if run.fabric.global_rank == 0:
        _append(run, {"loss": loss, "lr": rate, "photos_per_second": speed})
    psnr = f", PSNR {run.figures['val_psnr']:.2f} dB" if run.figures else ""
    run.console.print(
        f"step {run.step}/{run.steps}: loss {loss:.4f}{psnr}, {speed:.1f} photos/s, "
        f"{max(0, left) / 60:.0f} min left"
    )


def _append(run: _Run, values: dict[str, float]) -> None:
    epoch = round(run.step / run.loader.steps_per_epoch, 4)
    facts = {"step": run.step, "epoch": epoch, "seconds": round(run.seconds, 1), **values}
    checkpoint.append_metrics(run.session.out, facts)


def _save(run: _Run) -> None:
    if run.fabric.global_rank == 0:
        facts = {"step": run.step, "seconds": run.seconds, **run.figures}
        checkpoint.save_checkpoint(run.session.out, run.network, run.average, run.optimizer, facts)
        weights = run.average or run.network.state_dict()
        checkpoint.save_weights(run.session.out, weights, facts)
    run.fabric.barrier()
