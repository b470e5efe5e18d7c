"""Encoders of timm, of which a tiny one stands in: timm itself is not needed here."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch
from torch import nn

from photochrom.errors import BadOption, BadRun, MissingExtra
from photochrom.training import run_folder
from photochrom.training.models import build, timm_encoder
from photochrom.training.models.timm_encoder import TimmEncoder
from photochrom.training.presets import Experiment
from photochrom.training.train import train

TINY = {"model": "hintnet", "encoder": "timm:tiny", "hints": 1.0, "validate_on": 1}

pytestmark = pytest.mark.usefixtures("timm_models")


@pytest.fixture(scope="module")
def run(tiny, timm_models, tmp_path_factory):
    """A hintnet on the tiny encoder after two steps."""
    out = tmp_path_factory.mktemp("timm") / "run"
    train(*tiny(out, **TINY, pretrained=True, epochs=0.5))
    return out


@torch.no_grad()
def test_features_are_those_at_strides_4_to_32_of_normalised_grey():
    encoder = TimmEncoder("tiny").eval()
    assert encoder.channels == (6, 8, 10, 12)
    lightness, added = torch.rand(2, 1, 64, 96) * 100, torch.randn(2, 3, 64, 96)
    features = encoder.encode_lightness(lightness, added)
    shapes = [(2, c, 64 // s, 96 // s) for c, s in zip((6, 8, 10, 12), (4, 8, 16, 32), strict=True)]
    assert [tuple(feature.shape) for feature in features] == shapes
    grey = lightness / 100
    planes = [(grey - 0.4) / 0.2, (grey - 0.5) / 0.3, (grey - 0.6) / 0.4]
    expected = encoder.body(torch.cat(planes, 1) + added)[1:]
    for ours, theirs in zip(features, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


def test_of_features_of_one_stride_the_deepest_is_taken(timm_models, monkeypatch):
    class Twice(nn.Module):
        pretrained_cfg = timm_models["tiny"]().pretrained_cfg

        def forward(self, x):
            halves = [nn.functional.avg_pool2d(x, stride) for stride in (1, 4, 4, 8, 16, 32, 64)]
            return [half.repeat(1, i + 1, 1, 1) for i, half in enumerate(halves)]

    monkeypatch.setitem(timm_models, "twice", Twice)
    assert TimmEncoder("twice").channels == (9, 12, 15, 18)


@torch.no_grad()
def test_hints_join_at_the_input_and_a_fresh_network_ignores_them():
    backbone = build("hintnet", encoder="timm:tiny").eval().backbone
    assert tuple(backbone.hints.weight.shape) == (3, 3, 3, 3)
    assert not backbone.hints.weight.any()
    lightness, hints = torch.rand(1, 1, 64, 64) * 100, torch.randn(1, 3, 64, 64)
    without = backbone(lightness, torch.zeros(1, 3, 64, 64))
    assert torch.equal(backbone(lightness, hints), without)
    nn.init.normal_(backbone.hints.weight)
    assert (backbone(lightness, hints) != without).any()


def test_pretrained_weights_are_those_timm_gives():
    network = build("hintnet", encoder="timm:tiny")
    network.backbone.pretrain()
    assert all((value == 0.25).all() for value in network.backbone.encoder.parameters())


def test_it_is_trained_from_its_weights_and_kept(run):
    """How its file comes back is told with those of other networks."""
    assert run_folder.load_config(run)[0].encoder == "timm:tiny"
    network, facts = run_folder.load_network(run)
    assert facts["step"] == 2
    weight = network.backbone.encoder.body.blocks[0][0].weight
    assert weight.mean().item() == pytest.approx(0.25, abs=0.02)  # it began pretrained
    assert not (weight == 0.25).all()  # and learned


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ModuleNotFoundError("No", name="timm"), r"needs timm, .*pip install 'photochrom\[timm\]'"),
        (ModuleNotFoundError("No", name="torchvision"), r"needs torchvision, .*photochrom\[timm\]"),
        (RuntimeError("operator torchvision::nms does not exist"), "must be of one build"),
    ],
)
def test_a_timm_that_does_not_load_is_one_sentence(monkeypatch, error, sentence):
    def broken(name):
        raise error

    monkeypatch.setattr(timm_encoder, "import_module", broken)
    with pytest.raises((MissingExtra, BadOption), match=sentence):
        build("hintnet", encoder="timm:resnet18")


@pytest.mark.parametrize(
    ("model", "encoder", "sentence"),
    [
        ("hintnet", "timm:none", r"timm gives no encoder 'none': Unknown model \(none\)\."),
        ("hintnet", "timm:shallow", "shallow has no features at stride 16, 32: take a conv"),
        ("hintnet", "timm:fixed", r"does not take photos of any size: .*model \(224\)\.$"),
        ("hintnet", "big", r"no encoder 'big': take lite2, or .* as timm:resnet18\."),
        ("cnn-rgb", "timm:tiny", "cnn-rgb has no encoder to choose: leave --encoder out"),
    ],
)
def test_what_cannot_be_an_encoder_is_refused(timm_models, monkeypatch, model, encoder, sentence):
    class Fixed(nn.Module):
        def forward(self, x):
            raise AssertionError("Input height (64) doesn't match model (224).")

    halvings = type(timm_models["tiny"]())
    monkeypatch.setitem(timm_models, "shallow", lambda: halvings(4, 6, 8))
    monkeypatch.setitem(timm_models, "fixed", Fixed)
    with pytest.raises(BadOption, match=sentence):
        build(model, encoder=encoder)


def test_runs_of_different_encoders_are_not_mixed(tiny, run, tmp_path):
    other = TINY | {"encoder": "lite2"}
    with pytest.raises(BadRun, match="is a run of timm:tiny: --init takes one of the same encoder"):
        train(*tiny(tmp_path / "run", **other, init=run))
    with pytest.raises(BadRun, match="was trained with --encoder timm:tiny"):
        train(*tiny(run, **other, pretrained=True, epochs=0.5, resume=True))


def test_a_run_from_before_encoders_could_be_chosen_is_of_lite2(tmp_path):
    values = asdict(Experiment("hintnet"))
    del values["encoder"], values["degraded"]
    (tmp_path / "config.json").write_text(json.dumps({"experiment": values, "data": {}}))
    experiment, _ = run_folder.load_config(tmp_path)
    assert experiment == Experiment("hintnet")
    assert experiment.encoder == "lite2"
