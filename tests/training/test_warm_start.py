"""Older weights in the network of today: from runs and from exported files."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

import photochrom
from photochrom.color import ZHANG_GRID
from photochrom.errors import BadModel, BadRun
from photochrom.training import run_folder
from photochrom.training.export import to_onnx
from photochrom.training.models import Network, build
from photochrom.training.presets import Experiment
from photochrom.training.rounded_weights import halve, quarter
from photochrom.training.sync_batchnorm import FixedStatsNorm
from photochrom.training.warm_start import (
    apply_class_weights,
    calibrate_new_norms,
    calibrate_norms,
    load_onnx,
    load_run,
)

TINY = "timm:tiny"
BUNDLED = Path(photochrom.__file__).parent / "weights" / "hintnet.onnx"


def lightness(*shape: int) -> torch.Tensor:
    """Smooth, as photos are."""
    draw = torch.Generator().manual_seed(1)
    rough = torch.rand(shape[0], 1, 4, 4, generator=draw) * 100
    return nn.functional.interpolate(rough, shape[1:], mode="bilinear")


def some_hints(n: int, h: int, w: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(2)
    mask = (torch.rand(n, 1, h, w, generator=draw) < 0.02).float()
    return torch.cat([torch.randn(n, 2, h, w, generator=draw) * 30 * mask, mask], 1)


L, HINTS = lightness(2, 64, 96), some_hints(2, 64, 96)


@torch.no_grad()
def answer(network: Network, L: torch.Tensor, hints: torch.Tensor | None = None) -> torch.Tensor:
    return network.eval()(L, hints)


def logits(path: Path, L: torch.Tensor, hints: torch.Tensor) -> np.ndarray:
    """What a file answers."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    dials = {"vivid": np.array(0.3, np.float32), "temperature": np.array(0.5, np.float32)}
    feed = {"L": L.numpy(), "hints": hints.numpy(), **dials}
    return session.run(["logits"], feed)[0]


@torch.no_grad()
def learned(network: Network, seed: int = 0) -> Network:
    """The network as if it had learned: nothing in it is zero, no class weight is 1."""
    draw = torch.Generator().manual_seed(seed)
    for value in network.backbone.parameters():
        value.add_(torch.randn(value.shape, generator=draw), alpha=0.01)
    for norm in network.backbone.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.add_(torch.randn(norm.num_features, generator=draw), alpha=0.1)
            norm.running_var.mul_(1 + torch.rand(norm.num_features, generator=draw))
    counts = np.zeros(ZHANG_GRID.side**2)
    counts[ZHANG_GRID.in_gamut()] = np.random.default_rng(seed).pareto(0.5, 261)
    network.head.set_frequency(counts, 0.3)
    return network.eval()


@pytest.fixture(scope="module")
def network(timm_models) -> Network:
    torch.manual_seed(0)
    return learned(build("hintnet", encoder=TINY, emphasis=0.5))


@pytest.fixture(scope="module")
def exported(network, tmp_path_factory) -> Path:
    """That network's file; with an encoder as large as the usual one it takes twice as long."""
    path = tmp_path_factory.mktemp("exported") / "grown.onnx"
    onnx.save(to_onnx(network), path)
    return path


@pytest.fixture(scope="module")
def bundled() -> Network:
    loaded = build("hintnet")
    load_onnx(loaded, BUNDLED)
    return loaded


# --- from a file ------------------------------------------------------------------------------


def test_the_bundled_model_comes_back_whole(bundled):
    theirs = logits(BUNDLED, L, HINTS)
    assert np.abs(answer(bundled, L, HINTS).numpy() - theirs).max() < 1e-3


def test_a_file_of_the_grown_network_comes_back_whole(network, exported):
    """Parameters keep their names, but for norms and what they are folded into."""
    loaded = build("hintnet", encoder=TINY)
    assert load_onnx(loaded, exported) == []
    file, ours = logits(exported, L, HINTS), answer(loaded, L, HINTS).numpy()
    assert np.abs(file - network.predict(L, HINTS)["logits"].detach().numpy()).max() < 1e-3
    assert np.abs(file - ours).max() < 1e-3
    for name, value in network.backbone.named_parameters():
        if not any(part in name for part in ("encoder.", "ups.", "last.bias")):
            assert torch.allclose(loaded.backbone.get_parameter(name), value, atol=1e-6), name


def test_a_file_in_sixteen_bits_comes_back_nearly_whole(exported, tmp_path):
    onnx.save(halve(onnx.load(exported)), tmp_path / "half.onnx")
    loaded = build("hintnet", encoder=TINY)
    assert load_onnx(loaded, tmp_path / "half.onnx") == []
    file = logits(tmp_path / "half.onnx", L, HINTS)
    assert np.abs(file - answer(loaded, L, HINTS).numpy()).max() < 1e-3


def test_a_file_in_eight_bits_comes_back_as_it_is(network, exported, tmp_path):
    onnx.save(quarter(onnx.load(exported)), tmp_path / "quarter.onnx")
    loaded = build("hintnet", encoder=TINY)
    assert load_onnx(loaded, tmp_path / "quarter.onnx") == []
    file = logits(tmp_path / "quarter.onnx", L, HINTS)
    assert not torch.equal(loaded.backbone.last.weight, network.backbone.last.weight)  # rounded
    assert np.abs(file - answer(loaded, L, HINTS).numpy()).max() < 1e-3


@pytest.mark.parametrize("emphasis", [0.0, 0.3, 1.0])
def test_whatever_the_emphasis_a_weighed_network_answers_the_same_distribution(
    network, exported, emphasis
):
    loaded = build("hintnet", encoder=TINY, emphasis=emphasis)
    load_onnx(loaded, exported)
    other = learned(build("hintnet", encoder=TINY), seed=3)
    loaded.head.weights.copy_(other.head.weights)  # those of other photos
    apply_class_weights(loaded)
    with torch.no_grad():
        dials = {"vivid": torch.tensor(0.0)}
        ours, theirs = (n.eval().predict(lightness(1, 64, 64), **dials) for n in (loaded, network))
    assert (ours["logits"] - theirs["logits"]).abs().max() < 1e-3
    assert (ours["ab"] - theirs["ab"]).abs().max() < 0.01
    plain = build("cnn-rgb")
    before = copy.deepcopy(plain.state_dict())
    apply_class_weights(plain)  # which has none
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())


def drop(path: Path, name: str, target: Path) -> int:
    """Write the file without the tensors of such names; returns how many they are."""
    model = onnx.load(path)
    kept = [tensor for tensor in model.graph.initializer if not re.search(name, tensor.name)]
    dropped = len(model.graph.initializer) - len(kept)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, target)
    return dropped


def test_a_bias_that_adds_nothing_and_is_left_out_is_nothing_again(exported, tmp_path):
    """So the exporter treats the context's before it has learned."""
    assert drop(exported, ".context.bias", tmp_path / "older.onnx") == 1
    loaded = build("hintnet", encoder=TINY)
    load_onnx(loaded, tmp_path / "older.onnx")
    assert not loaded.backbone.context.bias.any()
    assert loaded.backbone.context.weight.any()


def test_a_file_without_attention_leaves_it_new_and_silent(exported, tmp_path):
    assert drop(exported, ".attention.", tmp_path / "older.onnx") > 8
    loaded = build("hintnet", encoder=TINY)
    assert load_onnx(loaded, tmp_path / "older.onnx") == ["attention"]
    x = torch.randn(1, 12, 2, 3)
    assert torch.equal(loaded.backbone.attention(x), x)


def test_a_convolution_whose_bias_was_dropped_before_its_norm_was_folded_comes_back(
    network, exported, tmp_path
):
    """The exporter then names the folded bias after the weight."""
    model = onnx.load(exported)
    (old,) = (t for t in model.graph.initializer if t.name.endswith("ups.0.conv0.bias"))
    name = old.name
    old.name = name.replace("conv0.bias", "conv0.weight_bias")
    for node in model.graph.node:
        node.input[:] = [old.name if given == name else given for given in node.input]
    onnx.save(model, tmp_path / "renamed.onnx")
    usual, renamed = (build("hintnet", encoder=TINY) for _ in range(2))
    load_onnx(usual, exported)
    load_onnx(renamed, tmp_path / "renamed.onnx")
    assert torch.equal(answer(renamed, L), answer(usual, L))


@pytest.mark.parametrize(
    "gone", ["ups.1.conv0.weight", "encoder.body.blocks.2.0.weight", "last.bias"]
)
def test_a_file_that_lacks_a_weight_is_refused(exported, tmp_path, gone):
    assert drop(exported, f"{gone}$", tmp_path / "damaged.onnx") == 1
    with pytest.raises(BadModel, match=rf"no export of this model: backbone\..*{gone}"):
        load_onnx(build("hintnet", encoder=TINY), tmp_path / "damaged.onnx")


def test_other_files_are_refused(tmp_path: Path):
    with pytest.raises(BadModel, match="cannot be read"):
        load_onnx(build("cnn-rgb"), tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_bytes(b"this is text")
    with pytest.raises(BadModel):
        load_onnx(build("cnn-rgb"), tmp_path / "text.onnx")
    with pytest.raises(BadModel, match="no export of this model"):
        load_onnx(build("cnn-rgb"), BUNDLED)


# --- from a run -------------------------------------------------------------------------------


@pytest.fixture
def keep(tmp_path) -> Callable[..., Path]:
    """Write a run of a network."""

    def run(name: str, network: Network, *, more: dict | None = None, **settings: float) -> Path:
        out = tmp_path / name
        out.mkdir()
        usual = {"model": "hintnet", "encoder": TINY}
        run_folder.save_config(out, Experiment(**usual | settings), {})
        run_folder.save_weights(out, network.state_dict() | (more or {}), {"step": 7})
        return out

    return run


@torch.no_grad()
@pytest.mark.parametrize("emphasis", [0.0, 1.0])
def test_a_run_comes_back_whole(network, keep, emphasis):
    """In the end, whatever either run's emphasis, with the distribution that it had."""
    loaded = build("hintnet", encoder=TINY, emphasis=emphasis)
    assert load_run(loaded, keep("whole", network, emphasis=0.5)) == []
    theirs = network.predict(L, HINTS)["logits"]
    assert (answer(loaded, L, HINTS) - theirs).abs().max() < 1e-3  # log p
    apply_class_weights(loaded)
    assert (loaded.predict(L, HINTS)["logits"] - theirs).abs().max() < 1e-3
    assert torch.equal(loaded.head.weights, network.head.weights)


def test_an_older_run_names_what_is_new_and_answers_as_before(keep):
    torch.manual_seed(1)
    older = build("hintnet", encoder=TINY)
    older.backbone.attention = nn.Sequential()  # as it was
    learned(older)
    loaded = build("hintnet", encoder=TINY)
    gone = {"backbone.tint.weight": torch.ones(4, 2)}  # what there no longer is
    assert load_run(loaded, keep("older", older, more=gone)) == ["attention"]
    with torch.no_grad():
        theirs = older.predict(L, HINTS)["logits"]
    assert (answer(loaded, L, HINTS) - theirs).abs().max() < 1e-3


def test_what_is_no_run_of_the_model_is_refused(network, keep, tmp_path):
    hintnet, cnn, other = build("hintnet", encoder=TINY), build("cnn-rgb"), copy.deepcopy(network)
    other.backbone.last = nn.Conv2d(96, 100, 1)  # of another grid
    damaged = keep("damaged", cnn, model="cnn-rgb")
    (damaged / "model.safetensors").write_bytes(b"text")
    for into, run, sentence in (
        (cnn, keep("hints", network), r"no run of this model: .* does not fit\."),
        (hintnet, keep("cnn", cnn, model="cnn-rgb"), r"no run of this model: .* does not fit\."),
        (hintnet, keep("grid", other), r"backbone\.last\.weight does not fit\."),
        (hintnet, tmp_path / "none", "is no run"),
        (cnn, damaged, "is damaged"),
    ):
        with pytest.raises(BadRun, match=sentence):
            load_run(into, run)


# --- norms ------------------------------------------------------------------------------------


def test_calibrated_norms_change_no_answer_and_hold_their_statistics(bundled):
    network, L = copy.deepcopy(bundled), lightness(4, 64, 64)
    other = lightness(2, 96, 64), some_hints(2, 96, 64)  # of another size
    before, before_hinted = answer(network, L), answer(network, *other)
    calibrate_norms(network, L)
    assert (answer(network, L) - before).abs().max() < 1e-3
    assert (answer(network, *other) - before_hinted).abs().max() < 1e-3
    norm, seen = network.backbone.ups[0].norm0, []
    hook = norm.register_forward_hook(lambda m, x, y: seen.append(x[0]))
    answer(network, L)
    hook.remove()
    assert torch.allclose(seen[0].mean((0, 2, 3)), norm.running_mean, atol=1e-3)
    variance = seen[0].var((0, 2, 3), correction=0)
    assert torch.allclose(variance, norm.running_var, rtol=1e-2, atol=1e-5)
    # So training, which normalises by the batch, begins close to where the file ends.
    with torch.no_grad():
        trained = network.train()(L)
    assert (trained - before).abs().mean() < 0.1 * before.abs().mean()


def test_calibrating_gives_convolutions_weights_of_a_usual_size(bundled):
    """Folded, they may be smaller than a learning rate."""
    network = copy.deepcopy(bundled)
    calibrate_norms(network, lightness(4, 64, 64))
    for name in ("ups.0.conv0", "ups.1.conv1", "encoder.stages.3.0.layers.project.conv"):
        weight = network.backbone.get_submodule(name).weight
        usual = 1 / (3 * weight[0].numel()) ** 0.5  # of torch's own for each output channel
        spread = weight.square().mean((1, 2, 3)).sqrt() / usual
        assert torch.allclose(spread[spread > 0], torch.ones(()), rtol=1e-3), name
    assert torch.equal(network.backbone.last.weight, bundled.backbone.last.weight)  # has no norm


def test_new_norms_take_the_statistics_of_what_they_get():
    """Each of what it gets once those before it are settled."""
    torch.manual_seed(0)
    fresh = build("hintnet")
    fresh.backbone.pretrain()
    encoder = copy.deepcopy(fresh.backbone.encoder.state_dict())
    L = lightness(4, 64, 64)
    calibrate_new_norms(fresh, L)
    given = {}
    norms = [m for m in fresh.modules() if isinstance(m, FixedStatsNorm)]
    for norm in norms:
        norm.register_forward_pre_hook(lambda m, x: given.update({m: x[0]}))
    answer(fresh, L)
    assert len(norms) == len(given) == 6
    for norm, x in given.items():
        assert torch.allclose(x.mean((0, 2, 3)), norm.running_mean, atol=1e-4, rtol=1e-3)
        assert torch.allclose(x.var((0, 2, 3), correction=0), norm.running_var, rtol=1e-2)
    kept = fresh.backbone.encoder.state_dict()
    assert all(torch.equal(value, encoder[name]) for name, value in kept.items())


@torch.no_grad()
def test_norms_behind_convolutions_that_double_are_settled_too():
    """Whose weights have the outputs second."""
    plain = build("cnn-rgb")
    for norm in plain.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias, std=0.1)
    for up in plain.backbone.decoder[:-1]:
        up.conv.weight.mul_(1e-3)  # as folding leaves them
        up.norm.running_var.fill_(1e-6)
    L = lightness(4, 32, 32)
    before = answer(plain, L)
    calibrate_norms(plain, L)
    assert (answer(plain, L) - before).abs().max() < 1e-3
    for up in plain.backbone.decoder[:-1]:
        weight = up.conv.weight.transpose(0, 1)
        spread = weight.square().mean((1, 2, 3)).sqrt() * (3 * weight[0].numel()) ** 0.5
        assert torch.allclose(spread, torch.ones(()), rtol=1e-3)
