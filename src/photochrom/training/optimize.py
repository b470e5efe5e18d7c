"""How weights move: which of them, by how much, and their running mean."""

from __future__ import annotations

import math
import re

import torch
from torch import nn
from torch.optim import Optimizer

from photochrom.training.models import Network
from photochrom.training.presets import Experiment
from photochrom.training.run_folder import Tensors


def freeze(network: Network, pattern: str) -> None:
    """Stop the parameters that ``pattern`` finds from learning, and the statistics of batch norms.

    An empty pattern finds none.
    """
    if not pattern:
        return
    for name, parameter in network.named_parameters():
        if re.search(pattern, name):
            parameter.requires_grad_(False)
    network.frozen = [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.BatchNorm2d) and re.search(pattern, name)
    ]


def make_optimizer(network: nn.Module, experiment: Experiment) -> Optimizer:
    """Adam or AdamW; a pretrained encoder learns at its own rate."""
    encoder: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            slow = experiment.encoder_rate != 1 and "encoder" in name.split(".")
            (encoder if slow else rest).append(parameter)
    groups = [{"params": rest, "share": 1.0}]
    if encoder:
        groups.append({"params": encoder, "share": experiment.encoder_rate})
    if experiment.optimizer == "adamw":
        return torch.optim.AdamW(
            groups, experiment.lr, weight_decay=experiment.weight_decay, fused=True
        )
    return torch.optim.Adam(groups, experiment.lr)


def set_learning_rate(
    optimizer: Optimizer, experiment: Experiment, step: int, progress: float
) -> None:
    """Set the learning rate of this step: a warm-up, then constant or half a cosine to nothing."""
    rate = experiment.lr * min(1, (step + 1) / max(1, experiment.warmup))
    if experiment.schedule == "cosine":
        rate *= (1 + math.cos(math.pi * progress)) / 2
    for group in optimizer.param_groups:
        group["lr"] = rate * group["share"]


def copy_weights(network: nn.Module) -> Tensors:
    """A copy of the weights, to start a running mean from or to come back to."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@torch.no_grad()
def update_average(average: Tensors, network: nn.Module, decay: float, step: int) -> None:
    """Move the running mean towards the weights; it moves faster in the first steps."""
    decay = min(decay, (1 + step) / (10 + step))
    state = network.state_dict()
    moving = [name for name, value in state.items() if value.is_floating_point()]
    for name in state.keys() - set(moving):
        average[name].copy_(state[name])
    # One call for all: several hundred small ones keep a GPU waiting.
    torch._foreach_lerp_(
        [average[name] for name in moving], [state[name] for name in moving], 1 - decay
    )


def moments(optimizer: Optimizer) -> Tensors:
    """Flatten the state of an optimizer."""
    return {
        f"{i}.{name}": value
        for i, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def load_moments(optimizer: Optimizer, tensors: Tensors) -> None:
    """Give an optimizer the state that :func:`moments` flattened."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    filled: dict[int, Tensors] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        like = parameters[int(number)]
        if value.shape == like.shape:  # laid out alike, or fused optimizers take one for another
            value = torch.empty_like(like).copy_(value)
        filled.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": filled})
