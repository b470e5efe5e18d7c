"""From an experiment and options to all that the training loop uses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from rich.console import Console

from photochrom.color import Pixels
from photochrom.errors import BadData, BadOption, BadRun
from photochrom.inference.model_files import DEFAULT_MODEL, find_model
from photochrom.training import distributed, run_folder, warm_start
from photochrom.training.distributed import together
from photochrom.training.heads import BinsHead, SoftBinsHead
from photochrom.training.loader import Loader, to_lab
from photochrom.training.models import Network, build
from photochrom.training.models.generator import Generator
from photochrom.training.optimize import copy_weights, freeze, make_optimizer
from photochrom.training.peak import FlopMeter
from photochrom.training.pictures import PictureLosses
from photochrom.training.presets import Experiment, TrainOptions
from photochrom.training.sync_batchnorm import sync_batch_norms
from photochrom.training.train_state import TrainState
from photochrom.training.training_data import TrainingData, bin_frequency, center_squares, load_data


@dataclass
class Setup:
    """A training that is ready to go on."""

    experiment: Experiment
    options: TrainOptions
    fabric: Fabric
    console: Console
    """Says nothing in any process but the first."""
    data: TrainingData
    loader: Loader
    validation: list[Pixels]
    """This process's share of the validation photos, ``(N, s, s, 3)`` each."""
    state: TrainState
    meter: FlopMeter | None
    """Where --peak asks for it."""

    @property
    def steps(self) -> int:
        return max(1, round(self.experiment.epochs * self.loader.steps_per_epoch))

    @property
    def progress(self) -> float:
        """0 at the start, 1 when the epochs or the minutes are over."""
        share = self.state.step / self.steps
        if self.options.minutes:
            share = max(share, self.state.seconds / (60 * self.options.minutes))
        return min(1.0, share)


def set_up(experiment: Experiment, options: TrainOptions) -> Setup:
    """Make the run's folder, or find where it stopped.

    Raises:
        BadData, BadRun, BadOption: see :func:`photochrom.training.train.train`.
    """
    torch.manual_seed(experiment.seed)
    fabric = distributed.launch(experiment, options)
    rank, world = fabric.global_rank, fabric.world_size
    console = Console(quiet=options.quiet or rank > 0, markup=False)
    distributed.check_settings(fabric, experiment, options)
    options = _claim_folder(experiment, options, fabric)
    network = together(fabric, lambda: _build_network(experiment))
    new = together(fabric, lambda: _initialize(network, experiment, options) if rank == 0 else ())
    data = load_data(experiment, options, fabric)
    together(fabric, lambda: _describe(data, experiment, options) if rank == 0 else None)
    if data.photos.unreadable:
        console.print(count_unreadable(data, options))
    loader = Loader(
        data.photos,
        data.training,
        experiment,
        network.multiple,
        rank=rank,
        world=world,
        device=fabric.device,
        resident=options.resident,
    )
    if not options.resume:  # a run keeps the class weights it began with, and its norms
        _weigh_classes(network, data, experiment, console)
        if rank == 0:
            _calibrate(network, options, data, loader.validation_size)
        if new:
            console.print(f"new since {options.init}: {', '.join(new)}")
    state = _prepare_state(network, experiment, options, fabric)
    validation = _validation_share(data, experiment, options, fabric, loader)
    meter = FlopMeter(fabric.device, distributed.precision(fabric)) if options.peak else None
    if options.resume:
        _resume(state, options.out, fabric)
    setup = Setup(experiment, options, fabric, console, data, loader, validation, state, meter)
    console.print(
        f"{experiment.model}: {len(data.training)} photos, {setup.steps} steps of {loader.batch}, "
        f"{len(data.validation)} held out, {world} x {fabric.device.type}"
    )
    return setup


def _claim_folder(experiment: Experiment, options: TrainOptions, fabric: Fabric) -> TrainOptions:
    """The first process takes the run's folder; all learn from it whether to resume."""

    def claim() -> bool:
        if fabric.global_rank > 0:
            return False
        by_itself = distributed.is_restarted_by_torchrun() and not options.resume
        return run_folder.claim(options.out, experiment, None if by_itself else options.resume)

    return replace(options, resume=fabric.broadcast(together(fabric, claim)))


def _build_network(experiment: Experiment) -> Network:
    """A fresh or pretrained network that suits the experiment's other settings."""
    model = experiment.model
    network = build(model, experiment.alpha, experiment.encoder, experiment.emphasis)
    if not network.takes_hints and (experiment.hints or experiment.recolored):
        raise BadOption(f"{model} takes no hints: leave --hints and --recolored out.")
    if isinstance(network.head, BinsHead) and (experiment.perceptual or experiment.adversarial):
        raise BadOption(
            f"{model} answers the likeliest bin, from which no picture can teach it: "
            "leave --perceptual and --adversarial out."
        )
    if experiment.perceptual and experiment.size % 32:
        raise BadOption(f"--perceptual needs a --size that divides by 32, not {experiment.size}.")
    if experiment.size % network.multiple:
        raise BadOption(
            f"--size {experiment.size} does not suit {model}: "
            f"take a multiple of {network.multiple}."
        )
    if experiment.pretrained:
        _pretrain(network, model)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _pretrain(network: Network, model: str) -> None:
    """Start from what others, or hintnet, have learned."""
    if isinstance(network.backbone, Generator):
        warm_start.load_onnx(_teller(network.backbone), find_model(DEFAULT_MODEL))
    elif hasattr(network.backbone, "pretrain"):
        network.backbone.pretrain()
    else:
        raise BadOption(f"There are no pretrained weights for {model}.")


def _teller(generator: Generator) -> Network:
    """The hintnet that tells a generator what a photo shows."""
    return Network(generator.hintnet, generator.colors)


def _initialize(network: Network, experiment: Experiment, options: TrainOptions) -> Sequence[str]:
    """Fill the network with what --init names; returns the parts that are new since then.

    Only in the first process: :meth:`Fabric.setup` hands the weights to the others.
    """
    if not options.init:
        return ()
    start = copy_weights(network)
    new = _load(network, experiment, options.init)
    if options.renew:
        anew = {name: start[name] for name in start if re.search(options.renew, name)}
        if not anew:
            raise BadOption(f"--renew {options.renew} finds none of the weights.")
        network.load_state_dict(anew, strict=False)
    return new


def _load(network: Network, experiment: Experiment, init: Path) -> Sequence[str]:
    backbone = network.backbone
    if init.suffix == ".onnx":
        network = _teller(backbone) if isinstance(backbone, Generator) else network
        return warm_start.load_onnx(network, init)
    other, _ = run_folder.load_config(init)
    if isinstance(backbone, Generator) and other.model == DEFAULT_MODEL:
        return warm_start.load_run(_teller(backbone), init)
    for name in ("model", "encoder"):
        theirs, ours = getattr(other, name), getattr(experiment, name)
        if theirs != ours:
            raise BadRun(f"{init} is a run of {theirs}: --init takes one of the same {name}.")
    return warm_start.load_run(network, init)


def count_unreadable(data: TrainingData, options: TrainOptions) -> str:
    """Say how many photos could not be read, and where each is named."""
    return f"{len(data.photos.unreadable)} unreadable photos: {options.out}/unreadable.txt"


def _describe(data: TrainingData, experiment: Experiment, options: TrainOptions) -> None:
    """Write down what the run is, and of which photos."""
    facts = {
        "sources": [Path(path).name for path in options.data],
        "training_photos": len(data.training),
        "validation_photos": len(data.validation),
        "unreadable_photos": len(data.photos.unreadable),
    }
    run_folder.save_config(options.out, experiment, facts)
    run_folder.save_unreadable(options.out, data.photos.unreadable)
    run_folder.save_probe(options.out, data.photos.read_photos(data.validation[:4].tolist()))


def _weigh_classes(
    network: Network, data: TrainingData, experiment: Experiment, console: Console
) -> None:
    """Give a head that classifies the class weights of these photos, whatever --init gave it."""
    if isinstance(network.head, BinsHead | SoftBinsHead):
        counts = bin_frequency(data.photos, data.training, network.head.grid)
        network.head.set_frequency(counts, experiment.rebalance)
        weights = network.head.weights
        console.print(
            f"class weights {weights.min():.2g} to {weights.max():.2g}: of these photos, "
            f"--rebalance {experiment.rebalance:g}"
        )


def _calibrate(network: Network, options: TrainOptions, data: TrainingData, size: int) -> None:
    """Make the weights ready to learn: whatever --init gave answers as before."""
    if isinstance(network.backbone, Generator):
        return  # its only norms are those of a hintnet that has learned
    if options.init:
        warm_start.apply_class_weights(network)
    for squares in center_squares(data.photos, data.validation[:32].tolist(), 32):  # 1 at most
        lightness = to_lab(torch.from_numpy(squares), size)[:, :1]
        if options.init and options.init.suffix == ".onnx":
            warm_start.calibrate_norms(network, lightness)
        elif not options.init:
            warm_start.calibrate_new_norms(network, lightness)


def _prepare_state(
    network: Network, experiment: Experiment, options: TrainOptions, fabric: Fabric
) -> TrainState:
    """Freeze, wrap and compile the network as is wanted, and give it its optimizer and losses."""
    freeze(network, experiment.freeze)
    if fabric.world_size > 1:
        sync_batch_norms(network, network.frozen, fabric.device)
    if options.compile:
        network.compile()
    wrapped, optimizer = fabric.setup(network, make_optimizer(network, experiment))
    average = copy_weights(network) if experiment.ema else {}
    pictures = together(fabric, lambda: PictureLosses(experiment, fabric))
    return TrainState(network, wrapped, optimizer, average, pictures)


def _validation_share(
    data: TrainingData,
    experiment: Experiment,
    options: TrainOptions,
    fabric: Fabric,
    loader: Loader,
) -> list[Pixels]:
    """This process's validation photos, in stacks no larger than what training computes at once."""
    if options.accumulate > loader.share:
        raise BadOption(
            f"--accumulate {options.accumulate} makes more parts than the {loader.share} photos "
            f"that each process has a step: take at most {loader.share}."
        )
    part = -(-loader.share // options.accumulate)
    mine = data.validation[: experiment.validate_on][fabric.global_rank :: fabric.world_size]
    squares = center_squares(data.photos, mine.tolist(), min(32, part))
    readable = distributed.gather(fabric, len(squares))

    def check() -> None:
        if not any(readable):
            name, reason = next(iter(data.photos.unreadable.items()), ("none", ""))
            raise BadData(
                f"None of the photos held out to validate on can be read; {name}: {reason} "
                "Look where they lie, or give another --validation."
            )

    together(fabric, check)
    return squares


def _resume(state: TrainState, out: Path, fabric: Fabric) -> None:
    first = fabric.global_rank == 0
    read = together(fabric, lambda: run_folder.load_checkpoint(out) if first else None)
    tensors, facts = fabric.broadcast(read)  # type: ignore[misc]
    state.load(out, tensors, facts)
    if first:
        run_folder.forget_metrics_after(out, state.step)
