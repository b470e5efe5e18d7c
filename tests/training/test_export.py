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
from onnx import helper, numpy_helper
from torch import nn

from photochrom.errors import BadOption, ExportMismatch
from photochrom.training import export as module
from photochrom.training import models, run_folder
from photochrom.training.export import export
from photochrom.training.graphs import make_graph
from photochrom.training.heads import BinsHead, SoftBinsHead
from photochrom.training.presets import PRESETS, Experiment
from photochrom.training.rounded_weights import halve, quarter
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
    return target, export(run, target, release="3")


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


def test_the_file_says_what_it_is_and_no_paths(exported):
    path, _ = exported
    assert [found.name for found in path.parent.iterdir()] == ["colours.onnx"]
    assert str(Path(module.__file__).parent).encode() not in path.read_bytes()
    model = onnx.load(path)
    onnx.checker.check_model(model)
    assert [put.name for put in model.graph.input] == ["L"]
    facts = {prop.key: prop.value for prop in model.metadata_props}
    expected = {"name": "colours", "version": "3", "experiment": "cnn-rgb", "multiple": "16"}
    expected |= {"size": "32", "parameters": "4308675", "epochs": "0.5"}
    expected |= {"gflop": "0.1663"}  # a ninth of that at 96 pixels
    assert facts.items() >= expected.items()
    assert json.loads(facts["data"])["training_photos"] == 16
    assert json.loads(facts["figures"])["step"] == 2
    assert not [key for key in facts if key.startswith("default_")]


@pytest.mark.parametrize("side", [32, 96])
def test_operations_are_counted_as_on_paper(side):
    """cnn-rgb: Conv 3 × 3, then halved, four times; ConvTranspose 4 × 4, doubling, four times."""
    down = enumerate(itertools.pairwise([1, 64, 128, 256, 512]))
    up = enumerate(itertools.pairwise([512, 256, 128, 64, 3]))
    count = sum(9 * i * o * (side >> level) ** 2 for level, (i, o) in down)
    count += sum(16 * i * o * (side >> (4 - level)) ** 2 for level, (i, o) in up)
    assert module.gflop(models.build("cnn-rgb"), side) == pytest.approx(2e-9 * count)


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


@torch.no_grad()
def test_hints_and_dials_are_inputs_and_half_the_bytes_do(hinted):
    out, difference = hinted
    assert 0 < difference <= module.FP16_TOLERANCE
    model = onnx.load(out / "half.onnx")
    onnx.checker.check_model(model)
    assert [put.name for put in model.graph.input] == ["L", "hints", "vivid", "temperature"]
    facts = {prop.key: prop.value for prop in model.metadata_props}
    assert (facts["name"], facts["version"]) == ("Half", "1")
    assert (facts["default_vivid"], facts["default_temperature"]) == ("0.5", "0.5")

    network, _ = run_folder.load_network(out)
    L, hints = lightness(3, 64, 96), np.zeros((3, 3, 64, 96), np.float32)
    hints[:, :, 8:13, 40:45] = np.array([40, -20, 1])[:, None, None]
    for vivid, temperature in ((0.3, 0.7), (1.0, 0.4)):
        dials = {"vivid": np.array(vivid, "f"), "temperature": np.array(temperature, "f")}
        theirs = answers(out / "half.onnx", L=L, hints=hints, **dials)
        ours = network.predict(
            *map(torch.from_numpy, (L, hints)), **{k: torch.from_numpy(v) for k, v in dials.items()}
        )
        assert list(theirs) == ["ab", "coarse", "logits"]
        assert np.abs(theirs["ab"] - ours["ab"].numpy()).max() < module.FP16_TOLERANCE


def test_sixteen_bits_halve_the_file(exported):
    whole = onnx.load(exported[0])
    half = halve(whole)
    assert half.ByteSize() == pytest.approx(whole.ByteSize() / 2, rel=0.02)
    assert [put.name for put in half.graph.output] == [put.name for put in whole.graph.output]


def test_eight_bits_leave_a_quarter_of_the_file(hinted, tmp_path):
    run, _ = hinted
    target = tmp_path / "quarter.onnx"
    apart = export(run, target, int8=True)
    assert 0 < apart <= module.INT8_TOLERANCE
    half = onnx.load(run / "half.onnx")
    assert weights_in(onnx.load(target)) == pytest.approx(weights_in(half) / 2, rel=0.1)
    with pytest.raises(BadOption, match="--fp16 or --int8"):
        export(run, target, fp16=True, int8=True)


def weights_in(model):
    """Bytes of the weights of convolutions."""
    tensors = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 4]
    return sum(tensor.ByteSize() for tensor in tensors)


def test_each_channel_is_rounded_by_its_own_range():
    """To 127 steps of its largest value, or of less where the rest is nearer to the truth then."""
    weight = np.zeros((2, 128, 1, 1), np.float32)
    weight[0, :, 0, 0] = np.linspace(-1, 1, 128)
    weight[1, :, 0, 0] = np.linspace(-100, 100, 128)
    tensor = numpy_helper.from_array(weight, "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "g", [], [], [tensor])
    stored = {
        t.name: numpy_helper.to_array(t)
        for t in quarter(helper.make_model(graph)).graph.initializer
    }
    assert stored["w.scale"] == pytest.approx([1 / 127, 100 / 127], rel=0.03)
    back = stored["w.int8"] * stored["w.scale"][:, None, None, None]
    assert (np.abs(back - weight).max((1, 2, 3)) < [1 / 127, 100 / 127]).all()


@pytest.mark.slow
@torch.no_grad()
def test_hintnet_itself_can_be_exported_and_loaded_again(tmp_path):
    experiment = PRESETS["hintnet"][1]
    network = models.build("hintnet", emphasis=experiment.emphasis)
    network.backbone.pretrain()
    backbone, draw = network.backbone, torch.Generator().manual_seed(0)
    for part in (backbone.hints, *backbone.pooled_hints, backbone.context, backbone.attention):
        for parameter in part.parameters():  # as if they had learned for long
            parameter.add_(torch.randn(parameter.shape, generator=draw), alpha=0.01)
    run_folder.save_config(tmp_path, experiment, {})
    run_folder.save_weights(tmp_path, network.state_dict(), {})
    target = tmp_path / "hintnet.onnx"
    assert export(tmp_path, target, fp16=True) <= module.FP16_TOLERANCE
    assert 17e6 < target.stat().st_size < 19e6
    dials = {"vivid": np.array(0.3, "f"), "temperature": np.array(0.7, "f")}
    hints = np.zeros((1, 3, 96, 32), np.float32)
    answer = answers(target, L=lightness(1, 96, 32), hints=hints, **dials)
    assert answer["ab"].shape == (1, 2, 96, 32)
    assert answer["logits"].shape == (1, 261, 24, 8)
    loaded = models.build("hintnet")
    assert load_onnx(loaded, target) == []
    folded = ("encoder.", "ups.", "last.bias")  # norms and class weights go into these
    for name, value in backbone.named_parameters():
        if not any(part in name for part in folded):
            assert torch.allclose(loaded.backbone.get_parameter(name), value, atol=1e-3), name
    L, planes = torch.from_numpy(lightness(2, 32, 64)), torch.randn(2, 3, 32, 64)
    planes[:, 2] = (planes[:, 2] > 1).float()
    planes[:, :2] *= 40 * planes[:, 2:]
    plain = {"vivid": torch.tensor(0.0), "temperature": torch.tensor(0.5)}  # no class weights
    ours, theirs = (n.eval().predict(L, planes, **plain)["ab"] for n in (loaded, network))
    assert (ours - theirs).abs().max() < module.FP16_TOLERANCE


@pytest.mark.parametrize(
    ("network", "file", "choice", "difference"),
    [
        ((9, 9.001), (9.001, 9), (0, 1), (0, 0.01)),  # all but the same: either may win
        ((9, 9.001), (9.001, 9), (0, 0), (0, 0.01)),
        ((9, 9), (9, 12), (1, 1), (2, 5)),  # other shares
        ((9, 12), (9, 12), (0, 1), (10, 10)),  # not what its own logits say
        ((9, 12), (9, np.nan), (1, 1), (np.nan, np.nan)),
    ],
)
def test_bins_are_compared_by_their_mean_and_their_choice(network, file, choice, difference):
    """Two neighbouring bins, 10 apart in a or b: logits of both, and which of them wins."""
    head = BinsHead()
    one = int(torch.nonzero(head.possible)[100, 0])
    bins = [one, one + 1]
    assert head.possible[bins].all()
    assert (head.centres[bins[0]] - head.centres[bins[1]]).norm() == 10

    def planes(values):
        logits = torch.full((1, 676, 16, 16), -1e4)
        logits[:, bins] = torch.tensor(values, dtype=torch.float)[None, :, None, None]
        return logits

    class Fixed(nn.Module):
        multiple, takes_hints = 16, False

        def forward(self, lightness):
            return planes(network)

    class File:
        def run(self, names, feed):
            ab = head.centres[[bins[c] for c in choice]].T[None, :, None]  # two columns of pixels
            return [ab.repeat(1, 1, 16, 8).numpy(), planes(file).numpy()]

    example = (torch.zeros(1, 1, 16, 16), torch.tensor(1.0))
    found = module._difference(make_graph(models.Network(Fixed(), head)), File(), example)
    low, high = difference
    assert low <= found <= high or np.isnan([low, found]).all()


@pytest.mark.parametrize("factor", [-1, np.nan])
def test_a_file_that_answers_otherwise_is_not_written(run, exported, tmp_path, monkeypatch, factor):
    wrong = onnx.load(exported[0])
    largest = max(wrong.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = numpy_helper.to_array(largest).copy()
    values.reshape(-1)[::1000] *= factor
    largest.CopyFrom(numpy_helper.from_array(values, largest.name))
    monkeypatch.setattr(module, "to_onnx", lambda network: wrong)
    (tmp_path / "old.onnx").write_bytes(b"the file before")
    for name in ("new.onnx", "old.onnx"):
        with pytest.raises(ExportMismatch, match=r"differs from the network by .*nothing was writ"):
            export(run, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["old.onnx"]
    assert (tmp_path / "old.onnx").read_bytes() == b"the file before"


def test_the_photos_a_run_keeps_are_compared_too(run, exported, monkeypatch):
    network, seen, compare = run_folder.load_network(run)[0], [], module._difference
    noted = lambda *given: seen.append(tuple(given[2][0].shape)) or compare(*given)  # noqa: E731
    monkeypatch.setattr(module, "_difference", noted)
    photos = [*run_folder.load_probe(run), torch.zeros(8, 99)]  # the last one is too small
    module.check(network, exported[0], module.TOLERANCE, photos)
    assert len(seen) == 3 + 4
    assert all(n == 1 and min(h, w) == 32 for n, _, h, w in seen[3:])


@pytest.mark.parametrize(
    ("experiment", "multiple", "size"),
    [
        (PRESETS["cnn-rgb"][1], 16, 96),
        (PRESETS["unet-lab"][1], 16, 512),
        (PRESETS["hintnet"][1], 32, 384),
        (Experiment("hintnet", size=32), 128, 128),  # never nothing
    ],
)
def test_the_usual_size_is_that_at_which_things_are_as_large_as_in_training(
    experiment, multiple, size
):
    assert module._usual_size(experiment, multiple) == size


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
