"""Flow matching, and what is told to the network that follows the flow."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from photochrom.inference import generator as runtime
from photochrom.inference.generator import UNIT
from photochrom.inference.model_files import find_model
from photochrom.inference.onnx_file import read_metadata
from photochrom.training import losses, run_folder
from photochrom.training.export import export
from photochrom.training.heads import reduce_chroma
from photochrom.training.models import Network, build
from photochrom.training.models.generator import (
    DRAWS,
    Generator,
    add_noise,
    draw_times,
)
from photochrom.training.presets import PRESETS
from photochrom.training.setup import set_up
from photochrom.training.train import train
from photochrom.training.warm_start import load_onnx


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return build("generator").eval()


@pytest.fixture
def generator(network) -> Generator:
    return copy.deepcopy(network.backbone)


@pytest.fixture
def planes() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """L, no hints, and Lab of two."""
    lab = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(1)) * 60
    return lab[:, :1], torch.zeros_like(lab), lab


class Oracle(torch.nn.Module):
    """Knows that chroma is normal, and answers what is likeliest behind the noise."""

    mean, deviation = 0.5, 2.0

    def forward(self, noisy, time, logits):
        t = time[:, None, None, None]
        share = t * self.deviation**2 / (t**2 * self.deviation**2 + (1 - t) ** 2)
        return self.mean + share * (noisy - t * self.mean)


# --- the flow ---------------------------------------------------------------------------------


def test_the_error_in_velocity_is_that_of_a_case_by_hand():
    """x is 1 and 3 off: at t = 0 so is the velocity, at 0.5 twice that, near 1 five times."""
    clean = torch.tensor([[2.0, 4.0]]).reshape(1, 1, 1, 2)
    found = torch.tensor([[3.0, 1.0]]).reshape(1, 1, 1, 2)
    for time, times in ((0.0, 1), (0.5, 2), (0.8, 5), (0.999, 5)):
        error = losses.velocity_error(found, clean, torch.tensor([time]))
        assert error.item() == pytest.approx((1 + 9) / 2 * times**2)


def test_the_error_is_that_of_the_way_from_noise():
    clean, found, noise = torch.randn(3, 4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    time = torch.tensor([0.0, 0.1, 0.4, 0.7])
    z, left = add_noise(clean, noise, time), (1 - time)[:, None, None, None]
    assert torch.allclose((clean - z) / left, clean - noise, atol=1e-5)  # straight
    error = ((found - z) / left - (clean - noise)).square().mean()
    assert losses.velocity_error(found, clean, time).item() == pytest.approx(error.item(), rel=1e-5)


def test_times_lie_where_chroma_is_decided():
    torch.manual_seed(0)
    times = draw_times(20000, torch.device("cpu"))
    assert 0 < times.min() < times.max() < 1
    assert times.median() == pytest.approx(0.2, abs=0.02)
    assert (times > 0.9).float().mean() == pytest.approx(0.011, abs=0.004)


def test_a_draw_follows_the_flow_to_what_is_drawn(generator):
    """Of a normal distribution it has the mean and the deviation."""
    generator.denoiser = Oracle()
    noise = torch.randn(1, 2, 64, 64, generator=torch.Generator().manual_seed(0))
    drawn = generator.draw(torch.zeros(1), noise, steps=100)
    assert drawn.mean().item() == pytest.approx(Oracle.mean, abs=0.05)
    assert drawn.std().item() == pytest.approx(Oracle.deviation, abs=0.1)


def test_one_step_goes_to_what_is_likeliest(generator):
    generator.denoiser = Oracle()
    drawn = generator.draw(torch.zeros(1), torch.ones(1, 2, 4, 4), 1)
    assert (drawn == Oracle.mean).all()


# --- what it is told --------------------------------------------------------------------------


@torch.no_grad()
def test_a_fresh_one_answers_the_mean_colours_of_hintnet(generator, planes):
    lightness, hints, _ = planes
    generator.hintnet.last.weight.mul_(30)  # else all colours are about as likely
    logits = generator.ask(lightness, hints)
    noise = torch.randn(2, 2, 4, 6)
    found = generator.denoiser(noise, torch.tensor([0.1, 0.5]), logits)
    p = logits[0].softmax(0)
    mean = torch.einsum("qhw,qc->chw", p, generator.colors.centres)
    mean = torch.nn.functional.avg_pool2d(mean, 4) / UNIT
    assert torch.allclose(found[0], mean, atol=1e-4)


@torch.no_grad()
def test_a_number_for_each_place_changes_nothing(generator, planes):
    """The contract leaves it open."""
    logits = generator.ask(*planes[:2])
    moved = logits + torch.randn_like(logits[:, :1]) * 5
    asked = torch.randn(2, 2, 4, 6), torch.tensor([0.2, 0.6])
    one, other = (generator.denoiser(*asked, c) for c in (logits, moved))
    assert torch.allclose(one, other, atol=1e-3)


@torch.no_grad()
def test_training_finds_the_truth_in_noise_several_times(network, planes):
    lightness, hints, lab = planes
    torch.manual_seed(0)
    raw = network(lightness, hints, lab)
    assert raw.shape == (2 * DRAWS, 3, 4, 6)
    assert len(set(raw[:, 2, 0, 0].tolist())) == 2 * DRAWS  # each at a time of its own
    clean = reduce_chroma(lab).repeat_interleave(DRAWS, 0)
    raw[:, :2] = clean
    assert network.head.loss(raw, lab) < 1e-9
    raw[:DRAWS, :2], raw[:, 2] = clean[:DRAWS] + 1, 0
    assert network.head.loss(raw, lab).item() == pytest.approx(0.5, rel=1e-4)


def test_hintnet_does_not_learn(network):
    generator = copy.deepcopy(network).train().backbone
    assert not generator.hintnet.training
    assert not [n for n, p in generator.hintnet.named_parameters() if p.requires_grad]


# --- a run ------------------------------------------------------------------------------------


def test_it_is_told_by_the_bundled_hintnet_or_another(tiny, tmp_path):
    small = {"size": 32, "side": 40, "batch": 4, "validate_on": 2, "epochs": 0.5, "ema": 0.0}
    experiment, options = replace(PRESETS["generator"][1], **small), tiny(tmp_path / "run")[1]
    network = set_up(experiment, options).state.network
    bundled = build("hintnet", emphasis=0.0)
    load_onnx(bundled, find_model("hintnet"))
    lightness, hints = torch.rand(1, 1, 64, 64) * 100, torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        logits = network.backbone.eval().ask(lightness, hints)
        assert torch.allclose(logits, bundled.eval()(lightness, hints), atol=1e-4)
    for value in bundled.backbone.parameters():
        value.data.mul_(1.5)
    (other := tmp_path / "hintnet").mkdir()
    run_folder.save_config(other, replace(PRESETS["hintnet"][1], size=32, smallest=0), {})
    run_folder.save_weights(other, bundled.state_dict(), {})
    run = tmp_path / "run"
    train(experiment, replace(options, init=other))
    network = run_folder.load_network(run)[0]
    assert torch.equal(network.backbone.hintnet.last.weight, bundled.backbone.last.weight)
    assert network.backbone.denoiser.last.weight.any()  # it has learned


def test_what_it_draws_is_drawn_again_when_resumed(tiny, tmp_path):
    small = {"size": 32, "side": 40, "batch": 4, "validate_on": 2, "ema": 0.0, "warmup": 0}
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    experiment = replace(PRESETS["generator"][1], **small, schedule="constant")
    options = tiny(whole)[1]
    train(replace(experiment, epochs=1.0), options)
    train(replace(experiment, epochs=0.5), replace(options, out=halves))
    train(replace(experiment, epochs=1.0), replace(options, out=halves, resume=True))
    one, other = (run_folder.load_weights(run) for run in (whole, halves))
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


def test_the_file_draws_what_the_network_draws(tiny, tmp_path):
    """From the same noise, at sizes that differ along the sides."""
    small = {"size": 32, "side": 40, "batch": 4, "validate_on": 2, "epochs": 0.25, "ema": 0.0}
    experiment = replace(PRESETS["generator"][1], **small, warmup=0, lr=0.01)
    train(experiment, tiny(tmp_path / "run")[1])
    path = tmp_path / "generator.onnx"
    assert export(tmp_path / "run", path, fp16=True) < 0.5
    assert export(tmp_path / "run", path) < 1e-3
    backbone = run_folder.load_network(tmp_path / "run")[0].backbone
    facts = read_metadata(path)
    assert int(facts["parameters"]) == sum(p.numel() for p in backbone.denoiser.parameters())
    generator = runtime.Generator(path)
    np.testing.assert_array_equal(generator.centres, backbone.colors.centres)
    logits = torch.randn(261, 16, 24, generator=torch.Generator().manual_seed(2)) * 2
    rngs = [np.random.default_rng(i) for i in range(3)]
    drawn = generator.draw(logits.numpy(), generator.centres, (64, 96), rngs)
    rngs = [np.random.default_rng(i) for i in range(3)]
    noise = np.stack([rng.standard_normal((2, 4, 6), np.float32) for rng in rngs])
    with torch.no_grad():
        ours = backbone.draw(logits[None], torch.from_numpy(noise * runtime.TEMPERATURE)) * UNIT
    np.testing.assert_allclose(drawn, ours.numpy(), atol=0.02)
