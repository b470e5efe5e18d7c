"""Train a colorizer.

One process, on whatever there is:

    photochrom train hintnet --data photos/ --out runs/hintnet

A GPU that is lent for a quarter of an hour, the photos held in its memory; later, go on:

    photochrom train unet-lab --data study.tar --out runs/lab --resident --minutes 15
    photochrom train unet-lab --data study.tar --out runs/lab --resident --resume

Two processes on one machine, and two machines of eight GPUs each (run on both):

    torchrun --nproc-per-node 2 -m photochrom train hintnet --data photos/ --out runs/hintnet
    torchrun --nnodes 2 --nproc-per-node 8 --rdzv-endpoint HOST:29500 -m photochrom train ...

A batch that does not fit into memory, computed in four parts one after another:

    photochrom train unet-bins --data study.tar --out runs/bins --accumulate 4

The file reads from top to bottom: fit, validate, report; what it starts from is in setup.py.
"""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.profiler import record_function

from photochrom.errors import Diverged
from photochrom.training import checkpoint
from photochrom.training.distributed import finish_together, gather
from photochrom.training.loader import Batch
from photochrom.training.optimize import set_rate, update_average
from photochrom.training.peak import profile
from photochrom.training.pictures import EVERY
from photochrom.training.presets import Experiment, Session
from photochrom.training.setup import Run, set_up, told_unreadable
from photochrom.training.validate import Row, compare, measure, save_sheet, summarise

SAVE = "save"
PROFILED = 10
"""The step of a session that is profiled: by then all has been set up."""
INTERRUPTED = "interrupted; --resume goes on from here"


def train(experiment: Experiment, session: Session) -> dict[str, float]:
    """Train until the epochs or the minutes are over; returns the last validation's figures.

    Several processes, of torchrun, remain a group: leave as :mod:`photochrom.__main__` does.

    Raises:
        BadData: no usable photos. BadRun: the folder holds a run and ``resume`` is not set, or
        the other way round. BadOption: settings that do not go together. Diverged: the loss is
        not finite; the last checkpoint stays. KeyboardInterrupt: Ctrl-C or SIGTERM; what was
        trained is saved and can be resumed.
    """
    run = set_up(experiment, session)
    with _interruptible() as interrupted:
        reason = _fit(run, interrupted)
    finish_together(run.fabric)
    if reason == INTERRUPTED:
        raise KeyboardInterrupt
    return run.figures


# --- fit -------------------------------------------------------------------------------------


def _fit(run: Run, interrupted: list[bool]) -> str:
    """Train; returns why it stopped."""
    session, began, before = run.session, time.monotonic(), run.seconds
    saved = reported = began
    first = run.step
    losses: list[Tensor] = []
    reason = _agreed(run, _why_stop(run, interrupted))
    if session.init and not run.step:
        _validate(run)  # what all that follows is held against
    while not reason:
        set_rate(run.optimizer, run.experiment, run.step, run.progress)
        losses.append(_watched_step(run, run.step - first))
        run.step += 1
        now = time.monotonic()
        run.seconds = before + now - began
        if run.average:
            update_average(run.average, run.network, run.experiment.ema, run.step)
        due = SAVE if now - saved > 60 * session.save_every else ""
        word = _agreed(run, _why_stop(run, interrupted) or due)
        reason = "" if word == SAVE else word
        if word or run.step % session.report_every == 0:  # nothing is saved whose loss is unknown
            _report(run, losses, now - reported)
            reported = now
        if reason or run.step % session.validate_every == 0:
            _validate(run)
        if word:
            _save(run)
            saved = time.monotonic()
        reported += time.monotonic() - now  # neither of the two is training
    if run.experiment.stream and run.photos.unreadable:  # those decoded first were told then
        run.console.print(told_unreadable(run.photos, run.session))
    run.console.print(f"Stopped after step {run.step}: {reason}.")
    return reason


def _watched_step(run: Run, before: int) -> Tensor:
    """A step, counted or profiled if that is wanted; ``before`` are those of this session."""
    step = partial(_step, run)
    if run.session.profile and before == PROFILED and run.fabric.global_rank == 0:
        return profile(step, run.session.out / "profile.txt")
    return run.meter.count(run.loader.size_at(run.step), step) if run.meter else step()


def _step(run: Run) -> Tensor:
    run.network.train()
    for norm in run.frozen:
        norm.eval()
    with record_function("batch"):
        batch = run.loader(run.step)
    *parts, last = batch.parts(run.session.accumulate)
    with run.fabric.no_backward_sync(run.wrapped, enabled=bool(parts)):
        losses = [_backward(run, part) for part in parts]
    losses.append(_backward(run, last))
    with record_function("optimizer"):
        run.optimizer.step()
        run.optimizer.zero_grad(set_to_none=True)
    return torch.stack(losses).sum()


def _backward(run: Run, part: Batch) -> Tensor:
    """Add the gradient of one part of this process's share; returns what it adds to the loss."""
    lightness = part.lightness.contiguous(memory_format=torch.channels_last)
    given = (lightness, part.hints) if run.network.takes_hints else (lightness,)
    with record_function("network"):
        raw = run.wrapped(*given).float()
    with record_function("loss"):
        loss = _loss(run, raw, part) * (len(lightness) / run.loader.share)
    with record_function("backward"):
        run.fabric.backward(loss)
    return loss.detach()


def _loss(run: Run, raw: Tensor, part: Batch) -> Tensor:
    loss = run.network.head.loss(raw, part.lab)
    if run.pictures.due(run.progress):
        truth = part.lab[::EVERY]
        ab = run.network.head.answer(raw[::EVERY], truth[:, :1])["ab"]
        output = torch.cat([truth[:, :1], ab], 1)
        loss = loss + run.pictures.judge(output, truth, run.progress)
    return loss


def _why_stop(run: Run, interrupted: list[bool]) -> str:
    if interrupted:
        return INTERRUPTED
    if run.step >= run.steps:
        return "all epochs are done"
    if run.session.minutes and run.seconds >= 60 * run.session.minutes:
        return f"{run.session.minutes:g} minutes are over"
    return ""


def _agreed(run: Run, word: str) -> str:
    """One word and one clock for all processes, so that they save, stop and anneal together.

    Stopping wins, and the first process has the clock.
    """
    if run.fabric.world_size == 1:
        return word
    said = [(word, run.seconds)] * run.fabric.world_size
    torch.distributed.all_gather_object(said, (word, run.seconds), group=run.group)
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


def _validate(run: Run) -> None:
    mine, pictures = measure(
        run.network, run.average, run.validation, run.validation_size, run.fabric
    )
    rows = [row for part in gather(run.fabric, mine) for row in part]
    run.figures = summarise(rows)
    words = ""
    if run.fabric.global_rank == 0:
        words = _since(run, rows)
        checkpoint.append_validation(run.session.out, run.step, rows)
        _append(run, run.figures | peak_memory(run.fabric.device))
        save_sheet(run.session.out / "samples" / f"step-{run.step:06d}.jpg", pictures[:12])
    told = ", ".join(f"{name.removeprefix('val_')} {v:.3f}" for name, v in run.figures.items())
    run.console.print(f"step {run.step}: validation {told}{words}")


def _since(run: Run, rows: Sequence[Row]) -> str:
    """What changed since the last validation, on the same photos."""
    step, before = checkpoint.load_validation(run.session.out)
    if len(before) != len(rows):
        return ""
    changes = compare(before, rows).items()
    told = ", ".join(f"{name} {by:+.3f} ± {error:.3f}" for name, (by, error) in sorted(changes))
    return f" (since step {step}: {told})"


def peak_memory(device: torch.device) -> dict[str, int]:
    """``peak_bytes``: the most memory this process has taken so far, on ``device``.

    On a GPU what torch allocated there, elsewhere all that the process ever held at once, photos
    that it reads from the mapped cache included. Empty where the system does not say (Windows).
    """
    if device.type == "cuda":
        return {"peak_bytes": torch.cuda.max_memory_allocated(device)}
    if sys.platform == "win32":
        return {}
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2) of each system
    return {"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}


def _report(run: Run, losses: list[Tensor], seconds: float) -> None:
    speed = len(losses) * run.loader.batch / seconds
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
    if run.meter is not None:
        psnr += f", {100 * run.meter.share(seconds):.1f} % of peak"
    run.console.print(
        f"step {run.step}/{run.steps}: loss {loss:.4f}{psnr}, {speed:.1f} photos/s, "
        f"{max(0, left) / 60:.0f} min left"
    )


def _append(run: Run, values: dict[str, float]) -> None:
    epoch = round(run.step / run.loader.steps_per_epoch, 4)
    facts = {"step": run.step, "epoch": epoch, "seconds": round(run.seconds, 1), **values}
    checkpoint.append_metrics(run.session.out, facts)


def _save(run: Run) -> None:
    told = gather(run.fabric, run.photos.unreadable) if run.experiment.stream else []
    if run.fabric.global_rank == 0:
        facts = {"step": run.step, "seconds": run.seconds, **run.figures}
        rival = run.pictures.state()
        checkpoint.save_checkpoint(
            run.session.out, run.network, run.average, run.optimizer, facts, rival
        )
        weights = run.average or run.network.state_dict()
        checkpoint.save_weights(run.session.out, weights, facts)
        for unreadable in told:  # of a set that is decoded first it has been said
            run.photos.unreadable.update(unreadable)
            checkpoint.save_unreadable(run.session.out, run.photos.unreadable)
    run.fabric.barrier()
