"""What the processes of one training, on one machine or on many, have to tell each other.

Only the first of them reads and writes the run's folder, so that no other machine has to see it.
Each machine has photos and a cache of its own.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch
from lightning_fabric import Fabric

from photochrom.data.photo_set import PhotoSet
from photochrom.errors import BadData, BadOption, PhotochromError
from photochrom.names import say
from photochrom.training.presets import Experiment, TrainOptions

T = TypeVar("T")
MACHINE_OPTIONS = {
    *("data", "out", "index", "resume", "init", "resident", "compile", "cache", "readers"),
    *("peak", "profile", "quiet"),
}
"""What may differ between machines: where their files lie."""
STORE = "TORCHELASTIC_USE_AGENT_STORE"
"""Says whether the processes find each other in torchrun's own store, where after a restart they
find those that were before (github.com/pytorch/pytorch/issues/135712)."""
PATIENCE = timedelta(days=7)
"""Millions of photos take longer to decode than a collective may: half an hour, by default."""


def launch(experiment: Experiment, options: TrainOptions) -> Fabric:
    """Start this process's part of the training, on the device and in the arithmetic asked for.

    Raises:
        BadOption: there is no such device; see :func:`process_layout`.
    """
    accelerator = options.device
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise BadOption("--device cuda, but torch sees no CUDA device: use --device cpu.")
    arithmetic = experiment.precision
    if arithmetic == "auto":
        arithmetic = "bf16-mixed" if accelerator == "cuda" else "32-true"
    if accelerator == "cuda":
        # cuDNN chooses by rule: to try all it has takes hintnet's three sizes 65 s instead of 12,
        # which no run of minutes gets back.
        torch.backends.cudnn.benchmark = False
        torch.set_float32_matmul_precision("high")  # crops, to a tenth of an 8-bit level
    world, local, machines = process_layout()
    fabric = Fabric(
        accelerator=accelerator,
        devices=local,
        num_nodes=machines,
        strategy="ddp" if world > 1 else "auto",
        precision=arithmetic,
    )
    fabric.launch()
    return fabric


def precision(fabric: Fabric) -> torch.dtype:
    """What the networks compute in."""
    bf16 = "bf16" in str(fabric.strategy.precision.precision)
    return torch.bfloat16 if bf16 else torch.float32


def process_layout() -> tuple[int, int, int]:
    """Processes of all machines, processes of this one, and machines, as torchrun says.

    Raises:
        BadOption: machines with more processes and with fewer; restarts that could not succeed.
    """
    world, local = (int(os.environ.get(k, 1)) for k in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    machines = int(os.environ.get("GROUP_WORLD_SIZE", world // local))
    if machines * local != world:
        raise BadOption(
            f"{world} processes on {machines} machines, {local} of them here: "
            "give each machine the same --nproc-per-node."
        )
    if world > 1 and is_restarted_by_torchrun() and os.environ.get(STORE) == "True":
        raise BadOption(
            "torchrun would start the processes again at addresses that have gone: "
            "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 for it, or leave out --max-restarts."
        )
    return world, local, machines


def is_restarted_by_torchrun() -> bool:
    """Whether a run that stops is started again by itself, and so has to go on by itself.

    Not whether this is such a start: the count of restarts is each machine's own, and stays 0
    where only another machine was lost.
    """
    return int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", 0)) > 0


def together(fabric: Fabric, work: Callable[[], T]) -> T:
    """What ``work`` gives here, once it is done everywhere. Where it fails, all stop.

    Raises:
        PhotochromError: it failed, and this is the only process.
        SystemExit: it failed, and who has said so, each in other words.
    """
    if fabric.world_size == 1:
        return work()
    group = _gloo_group(PATIENCE)  # before the work, so that who dies at it is missed at once
    failure: PhotochromError | None = None
    try:
        result = work()
    except PhotochromError as error:
        failure = error
    mine = (failure.exit_code, str(failure)) if failure else (0, "")
    said = [mine] * fabric.world_size
    torch.distributed.all_gather_object(said, mine, group=group)
    code = max(code for code, _ in said)
    if not code:
        return result
    if failure and said.index(mine) == fabric.global_rank:
        say(str(failure))  # before any leaves: torchrun then ends the others
    finish_together(fabric)
    sys.exit(code)


@cache
def _gloo_group(timeout: timedelta | None) -> torch.distributed.ProcessGroup:
    """All processes, over gloo: it waits as long as it is told to, and for no GPU."""
    group: torch.distributed.ProcessGroup
    group = torch.distributed.new_group(backend="gloo", timeout=timeout)
    return group


def finish_together(fabric: Fabric) -> None:
    """Wait until no process needs another any more: from here each may leave.

    Nothing is taken down, as gloo may wait for ever over it (github.com/pytorch/gloo/issues/155),
    and they part by the store, which the first of them may be holding: it goes last.
    """
    if fabric.world_size == 1:
        return
    store = torch.distributed.distributed_c10d._get_default_store()
    ranks = range(fabric.world_size)
    store.set(f"through/{fabric.global_rank}", "")
    store.wait([f"through/{rank}" for rank in ranks])
    if fabric.global_rank == 0:
        store.wait([f"gone/{rank}" for rank in ranks[1:]])
    else:
        store.set(f"gone/{fabric.global_rank}", "")


def check_settings(fabric: Fabric, experiment: Experiment, options: TrainOptions) -> None:
    """Stop where the processes were given different settings: they would wait for each other.

    Raises:
        BadOption: in the first process, with their names.
    """
    shared = {k: v for k, v in asdict(options).items() if k not in MACHINE_OPTIONS}
    mine = asdict(experiment) | shared
    said = gather(fabric, mine)
    differing = sorted(k for k in mine if any(other.get(k) != mine[k] for other in said))

    def compare() -> None:
        if fabric.global_rank == 0 and differing:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in differing)
            raise BadOption(
                f"The machines were given different {flags}: start each with the same command."
            )

    together(fabric, compare)


def check_photos(fabric: Fabric, photos: PhotoSet, index: Mapping[str, str] | None) -> None:
    """Stop where the machines do not have the same photos under the same numbers.

    Of streamed photos it is the shards that are compared, by name, photos and bytes.

    Raises:
        BadData: in the first process, with what the first that differs has.
    """
    mine = hashlib.sha256(f"{photos.fingerprint()} {sorted((index or {}).items())}".encode())
    said = gather(fabric, (mine.hexdigest(), len(photos), len(photos.unreadable)))

    def compare() -> None:
        for rank, (key, n, bad) in enumerate(said):
            if fabric.global_rank == 0 and key != said[0][0]:
                raise BadData(
                    f"Process 0 has {len(photos)} photos ({len(photos.unreadable)} unreadable), "
                    f"process {rank} has {n} ({bad}), and they are not the same in the same order: "
                    "give each machine the same files under the same names, and the same --index."
                )

    together(fabric, compare)


def gather(fabric: Fabric, value: T) -> list[T]:
    """Collect what every process has, in every process."""
    if fabric.world_size == 1:
        return [value]
    said = [value] * fabric.world_size
    torch.distributed.all_gather_object(said, value, group=_gloo_group(None))
    return said
