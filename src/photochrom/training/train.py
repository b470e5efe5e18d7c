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
from photochrom.training import run_folder
from photochrom.training.distributed import finish_together, gather
from photochrom.training.loader import Batch, derive_seed
from photochrom.training.optimize import set_learning_rate, update_average
from photochrom.training.peak import profile
from photochrom.training.pictures import EVERY
from photochrom.training.presets import Experiment, TrainOptions
from photochrom.training.setup import Setup, count_unreadable, set_up
from photochrom.training.validate import Row, compare, measure, save_sheet, summarise

SAVE = "save"
PROFILED = 10
"""The step, since the start or the resumption, that is profiled: by then all has been set up."""
INTERRUPTED = "interrupted; --resume goes on from here"


def train(experiment: Experiment, options: TrainOptions) -> dict[str, float]:
    """Train until the epochs or the minutes are over; returns the last validation's figures.

    Several processes, of torchrun, remain a group: leave as :mod:`photochrom.__main__` does.

    Raises:
        BadData: no usable photos. BadRun: the folder holds a run and ``resume`` is not set, or
        the other way round. BadOption: settings that do not go together. Diverged: the loss is
        not finite; the last checkpoint stays. KeyboardInterrupt: Ctrl-C or SIGTERM; what was
        trained is saved and can be resumed.
    """
    setup = set_up(experiment, options)
    with _interruptible() as interrupted:
        reason = _fit(setup, interrupted)
    finish_together(setup.fabric)
    if reason == INTERRUPTED:
        raise KeyboardInterrupt
    return setup.state.figures


# --- fit -------------------------------------------------------------------------------------


def _fit(setup: Setup, interrupted: list[bool]) -> str:
    """Train; returns why it stopped."""
    experiment, options, state = setup.experiment, setup.options, setup.state
    began, before, first = time.monotonic(), state.seconds, state.step
    saved = reported = began
    losses: list[Tensor] = []
    reason = _agree(setup, _why_stop(setup, interrupted))
    if options.init and not state.step:
        _validate(setup)  # what all that follows is held against
    while not reason:
        set_learning_rate(state.optimizer, experiment, state.step, setup.progress)
        losses.append(_measured_step(setup, state.step - first))
        state.step += 1
        now = time.monotonic()
        state.seconds = before + now - began
        if state.average:
            update_average(state.average, state.network, experiment.ema, state.step)
        due = SAVE if now - saved > 60 * options.save_every else ""
        word = _agree(setup, _why_stop(setup, interrupted) or due)
        reason = "" if word == SAVE else word
        if word or state.step % options.report_every == 0:  # nothing is saved of unknown loss
            _report(setup, losses, now - reported)
            reported = now
        if reason or state.step % options.validate_every == 0:
            _validate(setup)
        if word:
            _save(setup)
            saved = time.monotonic()
        reported += time.monotonic() - now  # neither of the two is training
    if experiment.stream and setup.data.photos.unreadable:  # of those decoded first it was said
        setup.console.print(count_unreadable(setup.data, options))
    setup.console.print(f"Stopped after step {state.step}: {reason}.")
    return reason


def _measured_step(setup: Setup, before: int) -> Tensor:
    """A step, counted or profiled if that is wanted; ``before`` are those since the start."""
    step = partial(_step, setup)
    if setup.options.profile and before == PROFILED and setup.fabric.global_rank == 0:
        return profile(step, setup.options.out / "profile.txt")
    if setup.meter:
        return setup.meter.count(setup.loader.size_at(setup.state.step), step)
    return step()


def _step(setup: Setup) -> Tensor:
    state, fabric = setup.state, setup.fabric
    state.network.train()
    # What a network draws by itself is drawn again when a run is resumed.
    torch.manual_seed(
        derive_seed(setup.experiment.seed, 6, state.step * fabric.world_size + fabric.global_rank)
    )
    with record_function("batch"):
        batch = setup.loader(state.step)
    *parts, last = batch.parts(setup.options.accumulate)
    with fabric.no_backward_sync(state.wrapped, enabled=bool(parts)):
        losses = [_backward(setup, part) for part in parts]
    losses.append(_backward(setup, last))
    with record_function("optimizer"):
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
    return torch.stack(losses).sum()


def _backward(setup: Setup, part: Batch) -> Tensor:
    """Add the gradient of one part of this process's share; returns what it adds to the loss."""
    network, pictures = setup.state.network, setup.state.pictures
    lightness = part.lightness.contiguous(memory_format=torch.channels_last)
    hints = (part.hints,) if network.takes_hints else ()
    given = {"lab": part.lab} if network.takes_truth else {}
    with record_function("network"):
        raw = setup.state.wrapped(lightness, *hints, **given).float()
    with record_function("loss"):
        loss = network.head.loss(raw, part.lab)
        if pictures.are_due(setup.progress):
            truth = part.lab[::EVERY]
            ab = network.head.decode(raw[::EVERY], truth[:, :1])["ab"]
            output = torch.cat([truth[:, :1], ab], 1)
            loss = loss + pictures.compute(output, truth, setup.progress)
        loss = loss * (len(lightness) / setup.loader.share)
    with record_function("backward"):
        setup.fabric.backward(loss)
    return loss.detach()


def _why_stop(setup: Setup, interrupted: list[bool]) -> str:
    minutes = setup.options.minutes
    if interrupted:
        return INTERRUPTED
    if setup.state.step >= setup.steps:
        return "all epochs are done"
    if minutes and setup.state.seconds >= 60 * minutes:
        return f"{minutes:g} minutes are over"
    return ""


def _agree(setup: Setup, word: str) -> str:
    """One word and one clock for all processes, so that they save, stop and anneal together.

    Stopping wins, and the first process has the clock.
    """
    said = gather(setup.fabric, (word, setup.state.seconds))
    setup.state.seconds = said[0][1]
    return max((word for word, _ in said), key=lambda word: (word != "", word != SAVE))


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


def _validate(setup: Setup) -> None:
    state, fabric, out = setup.state, setup.fabric, setup.options.out
    size = setup.loader.validation_size
    mine, pictures = measure(state.network, state.average, setup.validation, size, fabric)
    rows = [row for part in gather(fabric, mine) for row in part]
    state.figures = summarise(rows)
    changes = ""
    if fabric.global_rank == 0:
        changes = _describe_changes(setup, rows)
        run_folder.append_validation(out, state.step, rows)
        _append(setup, state.figures | peak_memory(fabric.device))
        save_sheet(out / "samples" / f"step-{state.step:06d}.jpg", pictures[:12])
    figures = ", ".join(f"{name.removeprefix('val_')} {v:.3f}" for name, v in state.figures.items())
    setup.console.print(f"step {state.step}: validation {figures}{changes}")


def _describe_changes(setup: Setup, rows: Sequence[Row]) -> str:
    """What changed since the last validation, on the same photos."""
    step, before = run_folder.load_validation(setup.options.out)
    if len(before) != len(rows):
        return ""
    changes = sorted(compare(before, rows).items())
    words = ", ".join(f"{name} {by:+.3f} ± {error:.3f}" for name, (by, error) in changes)
    return f" (since step {step}: {words})"


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


def _report(setup: Setup, losses: list[Tensor], seconds: float) -> None:
    state, options, batch = setup.state, setup.options, setup.loader.batch
    speed = len(losses) * batch / seconds
    loss = setup.fabric.all_reduce(torch.stack(losses).mean(), reduce_op="mean").item()  # type: ignore[union-attr]
    losses.clear()
    if not math.isfinite(loss):
        raise Diverged(
            f"The loss is {loss} at step {state.step}: lower --lr and --resume from the checkpoint."
        )
    left = (setup.steps - state.step) * batch / speed
    if options.minutes:
        left = min(left, 60 * options.minutes - state.seconds)
    if setup.fabric.global_rank == 0:
        rate = state.optimizer.param_groups[0]["lr"]
        _append(setup, {"loss": loss, "lr": rate, "photos_per_second": speed})
    more = f", PSNR {state.figures['val_psnr']:.2f} dB" if state.figures else ""
    if setup.meter is not None:
        more += f", {100 * setup.meter.share(seconds):.1f} % of peak"
    setup.console.print(
        f"step {state.step}/{setup.steps}: loss {loss:.4f}{more}, {speed:.1f} photos/s, "
        f"{max(0, left) / 60:.0f} min left"
    )


def _append(setup: Setup, values: dict[str, float]) -> None:
    state = setup.state
    epoch = round(state.step / setup.loader.steps_per_epoch, 4)
    facts = {"step": state.step, "epoch": epoch, "seconds": round(state.seconds, 1), **values}
    run_folder.append_metrics(setup.options.out, facts)


def _save(setup: Setup) -> None:
    fabric, photos, out = setup.fabric, setup.data.photos, setup.options.out
    everywhere = gather(fabric, photos.unreadable) if setup.experiment.stream else []
    if fabric.global_rank == 0:
        setup.state.save(out)
        for unreadable in everywhere:  # of a set that is decoded first it has been said
            photos.unreadable.update(unreadable)
            run_folder.save_unreadable(out, photos.unreadable)
    fabric.barrier()
