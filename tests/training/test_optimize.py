"""How weights move, against plain code."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from photochrom.training.optimize import (
    copy_weights,
    freeze,
    make_optimizer,
    set_learning_rate,
    update_average,
)
from photochrom.training.presets import Experiment


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))
    return nn.ModuleDict({"encoder": encoder, "last": nn.Conv2d(3, 2, 1)})


@torch.no_grad()
def move(network: nn.Module) -> None:
    """Change all that is kept, counters too."""
    for value in network.state_dict().values():
        value.add_(torch.randn(value.shape) if value.is_floating_point() else 5)


def test_the_running_mean_is_that_computed_by_hand(network):
    average, decay = copy_weights(network), 0.9
    expected = copy_weights(network)
    for step in range(200, 205):
        move(network)
        update_average(average, network, decay, step)
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(average[name], expected[name], atol=1e-5), name
            assert not torch.allclose(average[name], value)
    counter = "encoder.1.num_batches_tracked"
    assert average[counter] == network.state_dict()[counter] == 25  # not a mean of counts


@pytest.mark.parametrize(("step", "decay"), [(0, 0.1), (1, 2 / 11), (10, 11 / 20), (10**6, 0.998)])
def test_it_moves_faster_in_the_first_steps(network, step, decay):
    average = copy_weights(network)
    before = copy_weights(network)
    move(network)
    update_average(average, network, 0.998, step)
    name = "last.weight"
    expected = before[name].lerp(network.state_dict()[name], 1 - decay)
    assert torch.allclose(average[name], expected, atol=1e-6)


def test_what_is_frozen_does_not_learn_and_its_norms_are_told(network):
    freeze(network, "")
    assert all(p.requires_grad for p in network.parameters())
    freeze(network, r"encoder\.1")
    assert network.frozen == [network["encoder"][1]]
    learning = {name for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {"encoder.0.weight", "encoder.0.bias", "last.weight", "last.bias"}


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_a_pretrained_encoder_learns_at_its_own_rate(network, optimizer):
    experiment = Experiment("hintnet", optimizer=optimizer, lr=1e-2, encoder_rate=0.2)
    freeze(network, r"encoder\.1")
    made = make_optimizer(network, experiment)
    set_learning_rate(made, experiment, step=0, progress=0.0)
    rates = {p: group["lr"] for group in made.param_groups for p in group["params"]}
    assert {rates[p] for p in network["last"].parameters()} == {1e-2}
    slow = [rates[p] for p in network["encoder"][0].parameters()]
    assert slow == pytest.approx([2e-3, 2e-3])
    assert not rates.keys() & set(network["encoder"][1].parameters())
    before = copy_weights(network)
    sum(p.sum() for p in network.parameters() if p.requires_grad).backward()
    made.step()
    moved = {name: before[name] - value for name, value in network.state_dict().items()}
    assert torch.allclose(moved["last.weight"], torch.tensor(1e-2), atol=1e-5)
    assert torch.allclose(moved["encoder.0.weight"], torch.tensor(2e-3), atol=1e-5)
    assert not moved["encoder.1.weight"].any()


def test_the_rate_rises_and_then_falls_by_half_a_cosine(network):
    experiment = Experiment("hintnet", lr=1.0, warmup=4, schedule="cosine")
    made = make_optimizer(network, experiment)

    def rate(step: int, progress: float) -> float:
        set_learning_rate(made, experiment, step, progress)
        return made.param_groups[0]["lr"]

    assert [rate(step, 0.0) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]
    for progress in (0.0, 0.25, 0.5, 1.0):
        expected = (1 + math.cos(math.pi * progress)) / 2
        assert rate(100, progress) == pytest.approx(expected)
