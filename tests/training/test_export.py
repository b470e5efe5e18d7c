from __future__ import annotations

import itertools
import json
import logging
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from photochrom.errors import BadRun, ExportMismatch
from photochrom.training import export as module
from photochrom.training import models, run_folder
from photochrom.training.export import export
from photochrom.training.heads import BinsHead, SoftBinsHead
from photochrom.training.presets import PRESETS, Experiment
from photochrom.training.train import train
from photochrom.training.warm_start import load_onnx


@pytest.fixture(scope="module")
def run(tiny, tmp_path_factory):
    """A cnn-rgb after two steps."""
    out = tmp_path_factory.mktemp("export") / "run"
    train(*tiny(out, epochs=0.5))
    return out


@pytest.fixture(scope="module")
def exported(run):
    target = run / "deep" / "colours.onnx"
    return target, export(run, target)


FOLDED = ("encoder.", "ups.", "last.bias")
"""Parts that come back otherwise: norms go into convolutions, class weights into the last bias."""


class Small(nn.Module):
    """What hintnet takes and gives, in two layers: its export takes seconds."""

    multiple, takes_hints = 8, True

    def __init__(self, outputs):
        super().__init__()
        self.first = nn.Conv2d(4, 16, 4, stride=4)
        self.last = nn.Conv2d(16, outputs, 1)

    def forward(self, lightness, hints):
        planes = torch.cat([lightness / 100, hints[:, :2] / 110, hints[:, 2:]], 1)
        return self.last(self.first(planes).relu())


@pytest.fixture(scope="module")
def hinted(tiny, tmp_path_factory):
    """Such a network after one step: its run and its file in 16 bits."""
    out = tmp_path_factory.mktemp("export") / "hinted"
    models.MODELS["small"] = lambda alpha, encoder, emphasis: models.Network(
        Small(261), SoftBinsHead(emphasis)
    )
    try:
        train(*tiny(out, model="small", hints=1.0, epochs=0.25))
        yield out, export(out, out / "half.onnx", name="Half", fp16=True)
    finally:
        del models.MODELS["small"]


def answers(path, **feed):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feed), strict=True))


def lightness(n, h, w):
    return np.random.default_rng(0).uniform(0, 100, (n, 1, h, w)).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 16, 16), (1, 80, 48), (5, 32, 112)])
@torch.no_grad()
def test_the_file_agrees_with_the_network_at_any_size(run, exported, shape):
    path, difference = exported
    assert 0 <= difference <= module.TOLERANCE
    network, _ = run_folder.load_network(run)
    L = lightness(*shape)
    ours, theirs = network.predict(torch.from_numpy(L)), answers(path, L=L)
    assert list(theirs) == ["ab", "rgb"]
    for name in ours:
        assert theirs[name] == pytest.approx(ours[name].numpy(), abs=1e-3)


@torch.no_grad()
def test_training_goes_on_from_a_file(run, exported, tiny, tmp_path):
    with torch.enable_grad():
        train(*tiny(tmp_path / "second", init=exported[0], epochs=0.25, lr=1e-9))
    smooth = torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(1)) * 100
    L = nn.functional.interpolate(smooth, (32, 32), mode="bilinear")  # as photos are
    begun, ended = (run_folder.load_network(out)[0].eval() for out in (tmp_path / "second", run))
    assert (begun(L) - ended(L)).abs().max() < 0.1


def test_the_file_says_what_it_is(run, exported):
    path, _ = exported
    model = onnx.load(path)
    onnx.checker.check_model(model)
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert facts["name"] == "colours"
    assert facts["experiment"] == "cnn-rgb"
    assert facts["multiple"] == "16"
    assert facts["size"] == "32"
    assert json.loads(facts["data"])["training_photos"] == 16
    assert json.loads(facts["figures"])["step"] == 2
    assert facts["parameters"] == "4308675"
    assert facts["gflop"] == "0.1663"  # a ninth of that at 96 pixels
    assert facts["epochs"] == "0.5"
    assert not [key for key in facts if key.startswith("default_")]
    assert [put.name for put in model.graph.input] == ["L"]


@pytest.mark.parametrize("side", [32, 96])
def test_operations_are_counted_as_on_paper(side):
    """cnn-rgb: Conv 3 × 3, then halved, four times; ConvTranspose 4 × 4, doubling, four times."""
    widths = [1, 64, 128, 256, 512]
    down = sum(
        9 * i * o * (side >> level) ** 2 for level, (i, o) in enumerate(itertools.pairwise(widths))
    )
    widths = [512, 256, 128, 64, 3]
    up = sum(
        16 * i * o * (side >> (4 - level)) ** 2
        for level, (i, o) in enumerate(itertools.pairwise(widths))
    )
    assert module.gflop(models.build("cnn-rgb"), side) == pytest.approx(2e-9 * (down + up))


def test_counting_leaves_the_network_as_it_is():
    network = models.build("hintnet").eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert module.gflop(network, 256) == pytest.approx(5.63, abs=0.01)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_run_that_reported_nothing_does_not_say_how_long_it_was_trained(run, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    network, figures = run_folder.load_network(tmp_path)
    assert "epochs" not in module.describe(tmp_path, network, "x", figures)
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 2, "epoch": 0.5}\n{"step": 3, "epoch": 0.75}\n{"step": 4, "ep'
    )
    assert module.describe(tmp_path, network, "x", figures)["epochs"] == "0.5"


def test_the_file_tells_no_paths(exported):
    folder = Path(module.__file__).parent
    assert str(folder).encode() not in exported[0].read_bytes()


def test_only_the_file_is_left(exported):
    path, _ = exported
    assert [found.name for found in path.parent.iterdir()] == ["colours.onnx"]


@torch.no_grad()
def test_hints_and_dials_are_inputs_and_half_the_bytes_do(hinted):
    out, difference = hinted
    assert 0 < difference <= module.FP16_TOLERANCE
    model = onnx.load(out / "half.onnx")
    assert [put.name for put in model.graph.input] == ["L", "hints", "vivid", "temperature"]
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert facts["name"] == "Half"
    assert (facts["default_vivid"], facts["default_temperature"]) == ("0.3", "0.5")

    network, _ = run_folder.load_network(out)
    L, hints = lightness(3, 64, 96), np.zeros((3, 3, 64, 96), np.float32)
    hints[:, :, 8:13, 40:45] = np.array([40, -20, 1])[:, None, None]
    for vivid, temperature in ((0.3, 0.7), (1.0, 0.4)):
        dials = {"vivid": np.array(vivid, "f"), "temperature": np.array(temperature, "f")}
        theirs = answers(out / "half.onnx", L=L, hints=hints, **dials)
        ours = network.predict(
            torch.from_numpy(L),
            torch.from_numpy(hints),
            **{name: torch.from_numpy(value) for name, value in dials.items()},
        )
        assert list(theirs) == ["ab", "coarse", "logits"]
        assert np.abs(theirs["ab"] - ours["ab"].numpy()).max() < module.FP16_TOLERANCE


@pytest.mark.slow
@torch.no_grad()
def test_hintnet_itself_can_be_exported_and_restored(tiny, tmp_path):
    run = tmp_path / "run"
    with torch.enable_grad():
        frozen = {"pretrained": True, "freeze": PRESETS["hintnet"][1].freeze}  # as it is trained
        train(*tiny(run, model="hintnet", hints=1.0, epochs=0.25, validate_on=1, **frozen))
    network, facts = run_folder.load_network(run)
    ways = network.backbone
    draw = torch.Generator().manual_seed(0)
    for way_in in (ways.hints, *ways.pooled_hints, ways.context, ways.attention):
        for parameter in way_in.parameters():  # as if they had learned for long
            parameter.add_(torch.randn(parameter.shape, generator=draw), alpha=0.01)
    run_folder.save_weights(run, network.state_dict(), facts)
    target = tmp_path / "hintnet.onnx"
    assert export(run, target, fp16=True) <= module.FP16_TOLERANCE
    assert 17e6 < target.stat().st_size < 19e6
    some = {"vivid": np.array(0.3, "f"), "temperature": np.array(0.7, "f")}
    hints = np.zeros((1, 3, 96, 32), np.float32)
    answer = answers(target, L=lightness(1, 96, 32), hints=hints, **some)
    assert answer["ab"].shape == (1, 2, 96, 32)
    assert answer["logits"].shape == (1, 261, 24, 8)
    restored = models.build("hintnet")
    assert load_onnx(restored, target) == []
    for name, value in network.backbone.named_parameters():
        if not any(part in name for part in FOLDED):
            assert torch.allclose(restored.backbone.get_parameter(name), value, atol=1e-3), name
    L, planes = torch.from_numpy(lightness(2, 32, 64)), torch.randn(2, 3, 32, 64)
    planes[:, 2] = (planes[:, 2] > 1).float()
    planes[:, :2] *= 40 * planes[:, 2:]
    plain = {"vivid": torch.tensor(0.0), "temperature": torch.tensor(0.5)}  # no class weights
    ours, theirs = (n.eval().predict(L, planes, **plain)["ab"] for n in (restored, network))
    assert (ours - theirs).abs().max() < module.FP16_TOLERANCE


@pytest.mark.parametrize(
    ("apart", "tolerance", "same"),
    [
        (1e-4, module.TOLERANCE, True),
        (0.01, module.TOLERANCE, False),
        (0.01, module.FP16_TOLERANCE, True),
        (1.0, module.FP16_TOLERANCE, False),
    ],
)
def test_a_choice_between_equal_bins_may_fall_either_way(apart, tolerance, same):
    """Two bins, the likelier of which wins in the network and loses in the file."""
    head = BinsHead()
    one, other = torch.nonzero(head.possible)[:2, 0].tolist()
    raw = torch.zeros(1, 676, 16, 16)
    raw[:, one], raw[:, other] = 9 + apart, 9

    class Fixed(nn.Module):
        multiple, takes_hints = 16, False

        def forward(self, lightness):
            return raw

    class File:
        def run(self, names, feed):
            swapped = raw.clone()
            swapped[:, [one, other]] = raw[:, [other, one]]
            return [value.numpy() for value in head.decode(swapped, raw[:, :1]).values()]

    network = models.Network(Fixed(), head)
    example = (torch.zeros(1, 1, 16, 16),)
    assert (module._difference(network, File(), example, tolerance) == 0) == same


def test_sixteen_bits_halve_the_file(exported):
    path, _ = exported
    whole = onnx.load(path)
    half = module.halve(whole)
    assert half.ByteSize() == pytest.approx(whole.ByteSize() / 2, rel=0.02)
    onnx.checker.check_model(half)
    assert [put.name for put in half.graph.output] == [put.name for put in whole.graph.output]


def tamper(model: onnx.ModelProto) -> onnx.ModelProto:
    """One weight in a thousand turned round."""
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(largest).copy()
    values.reshape(-1)[::1000] *= -1
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    return model


def spoil(model: onnx.ModelProto) -> onnx.ModelProto:
    """A weight that is no number."""
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(largest).copy()
    values.reshape(-1)[0] = np.nan
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    return model


@pytest.mark.parametrize("change", [tamper, spoil])
def test_a_file_that_answers_otherwise_is_not_written(run, exported, tmp_path, monkeypatch, change):
    wrong = change(onnx.load(exported[0]))
    monkeypatch.setattr(module, "to_onnx", lambda network: wrong)
    with pytest.raises(ExportMismatch, match=r"differs from the network by .*nothing was written"):
        export(run, tmp_path / "new.onnx")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.onnx").write_bytes(b"the file before")
    with pytest.raises(ExportMismatch):
        export(run, tmp_path / "old.onnx")
    assert (tmp_path / "old.onnx").read_bytes() == b"the file before"


def test_the_photos_a_run_keeps_are_compared_too(run, exported, monkeypatch):
    network, seen = run_folder.load_network(run)[0], []
    compare = module._difference
    monkeypatch.setattr(
        module,
        "_difference",
        lambda *given: seen.append(tuple(given[2][0].shape)) or compare(*given),
    )
    photos = [*run_folder.load_probe(run), torch.zeros(8, 99)]  # the last one is too small
    module.check(network, exported[0], module.TOLERANCE, photos)
    assert len(seen) == 3 + 4
    assert all(n == 1 and min(h, w) == 32 for n, _, h, w in seen[3:])


def test_what_is_no_run_is_one_sentence(tmp_path):
    with pytest.raises(BadRun, match="is no run"):
        export(tmp_path / "none", tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()


@pytest.mark.parametrize(("preset", "size"), [("cnn-rgb", 96), ("unet-lab", 512), ("hintnet", 384)])
def test_the_usual_size_is_that_at_which_things_are_as_large_as_in_training(preset, size):
    assert module._usual_size(PRESETS[preset][1], 32 if preset == "hintnet" else 16) == size


def test_the_usual_size_is_never_nothing():
    assert module._usual_size(Experiment("hintnet", size=32), 128) == 128


def test_outside_a_checkout_there_is_no_commit(monkeypatch):
    assert len(module._commit()) in (0, 40)
    missing = subprocess.CalledProcessError(128, "git")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(missing))
    assert module._commit() == ""


def test_the_exporter_is_heard_again_afterwards():
    exporter = logging.getLogger("torch.onnx")
    before = exporter.level
    with pytest.raises(KeyError), module._quiet():
        raise KeyError
    assert exporter.level == before


def test_the_release_is_told(run, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "to_onnx", lambda network: onnx.load(exported[0]))
    module.export(run, tmp_path / "third.onnx", release="3")
    properties = onnx.load(tmp_path / "third.onnx").metadata_props
    assert ("version", "3") in [(prop.key, prop.value) for prop in properties]
