"""The recipe that puts a decoder in 8 bits: scaling changes nothing, and rounding little."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from photochrom import Colorizer

pytest.importorskip("torch")  # as of photochrom.training, which the recipe exports by
RECIPE = Path(__file__).parents[1] / "recipes" / "quantize.py"
pytestmark = pytest.mark.skipif(not RECIPE.exists(), reason="the recipes are in the repository")
DECODER = ("net.ups.0.conv0.weight", "net.ups.0.conv1.weight")


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("quantize", RECIPE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small colorizer whose decoder reads its own values beside others, 200 times as large."""
    draw = np.random.default_rng(0)
    weights = {
        "stem": draw.normal(0, 0.02, (8, 1, 3, 3)),
        "deeper": draw.normal(0, 0.3, (8, 8, 3, 3)),
        "hinted": draw.normal(0, 0.01, (8, 3, 3, 3)),
        DECODER[0]: draw.normal(0, 0.2, (8, 16, 3, 3)) / np.repeat([1, 200], 8)[:, None, None],
        DECODER[1]: draw.normal(0, 0.2, (8, 8, 3, 3)),
        "last": draw.normal(0, 3, (2, 8, 1, 1)),
        "bias": draw.normal(0, 0.1, 8),
    }

    def conv(inputs: list[str], output: str) -> onnx.NodeProto:
        pads = [int("last" not in inputs)] * 4
        return helper.make_node("Conv", inputs, [output], pads=pads)

    nodes = [
        conv(["L", "stem", "bias"], "stem_out"),
        helper.make_node("Relu", ["stem_out"], ["seen"]),
        helper.make_node("Mul", ["seen", "large"], ["features"]),
        conv(["seen", "deeper", "bias"], "deeper_out"),
        helper.make_node("Relu", ["deeper_out"], ["deep"]),
        conv(["hints", "hinted"], "way_in"),
        helper.make_node("Add", ["deep", "way_in"], ["joined"]),
        helper.make_node("Concat", ["joined", "features"], ["both"], axis=1),
        conv(["both", DECODER[0], "bias"], "first_out"),
        helper.make_node("Relu", ["first_out"], ["first"]),
        conv(["first", DECODER[1]], "second_out"),
        helper.make_node("Relu", ["second_out"], ["second"]),
        conv(["second", "last"], "ab"),
    ]
    shapes = {"L": ["N", 1, "H", "W"], "hints": ["N", 3, "H", "W"], "features": ["N", 8, "H", "W"]}
    shapes["ab"] = ["N", 2, "H", "W"]
    values = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    }
    stored = {name: array.astype(np.float32) for name, array in weights.items()}
    stored["large"] = np.array(200, np.float32)
    graph = helper.make_graph(
        nodes,
        "small",
        [values["L"], values["hints"]],
        [values["ab"], values["features"]],
        [numpy_helper.from_array(array, name) for name, array in stored.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(made, {"name": "small", "version": "7", "size": "32", "multiple": "1"})
    onnx.save(made, tmp_path / "small.onnx")
    return tmp_path / "small.onnx"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, small in enumerate(
        np.random.default_rng(1).integers(0, 256, (8, 6, 6, 3), "uint8")
    ):
        Image.fromarray(small).resize((64, 64)).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"none")
    (folder / "lost.png").symlink_to(folder / "nowhere.png")
    return folder


def ask(path: Path, feeds) -> np.ndarray:
    colorizer = Colorizer(path, device="cpu")
    return np.concatenate([colorizer.predict(feed["L"], feed["hints"]) for feed in feeds])


def test_a_decoder_in_8_bits_answers_nearly_the_same(recipe, model, photos, tmp_path, monkeypatch):
    out = tmp_path / "small-int8.onnx"
    monkeypatch.setattr(sys, "argv", ["quantize", str(model), str(out), "--data", str(photos)])
    recipe.main()
    colorizer = Colorizer(out, device="cpu")  # so it has operators of ONNX alone
    assert colorizer.name == "small-int8 7"
    assert colorizer.model.size == 32
    feeds = list(recipe.show_photos(Colorizer(model, device="cpu").model, [photos], 8))
    before, after = ask(model, feeds), ask(out, feeds)
    # Of random weights, which multiply errors; with one range for all channels it is 1.7.
    assert np.abs(after - before).mean() < 0.15 * np.abs(before).mean()
    whole = [numpy_helper.to_array(t) for t in onnx.load(out).graph.initializer if t.data_type == 3]
    kernels = [values for values in whole if values.ndim == 4]
    assert [values.shape for values in kernels] == [(8, 16, 3, 3), (8, 8, 3, 3)]
    assert all(np.abs(values).max((1, 2, 3)).tolist() == [63] * 8 for values in kernels)


def test_ranges_that_suit_the_weights_change_no_answer(recipe, model, photos):
    feeds = list(recipe.show_photos(Colorizer(model, device="cpu").model, [photos], 8))
    asked = onnx.load(model)
    before = ask(model, feeds)
    recipe.equalize(asked, r"\.ups\.", feeds)
    onnx.save(asked, model)
    assert np.allclose(ask(model, feeds), before, atol=1e-3)
    (seen,) = [np.concatenate(v) for v in zip(*recipe.watch(asked, ["both"], feeds), strict=True)]
    own, others = np.split(np.abs(seen).max((0, 2, 3)), 2)
    assert np.median(others) < 5 * np.median(own)  # of 200 times


@pytest.mark.parametrize(
    ("values", "scale", "zero"),
    [
        (np.linspace(0, 5.1, 1001), 0.02, 0),
        (np.linspace(-1, 4.1, 1001), 0.02, 50),
    ],
)
def test_eight_bits_reach_as_far_as_values_do(recipe, values, scale, zero):
    found = recipe.choose_range(values.astype(np.float32))
    assert found == (pytest.approx(scale, rel=0.02), pytest.approx(zero, abs=1))


def test_a_value_far_from_all_others_is_cut(recipe):
    values = np.append(np.linspace(0, 5.1, 1_000_001), 20).astype(np.float32)
    scale, zero = recipe.choose_range(values)
    assert zero == 0
    assert 255 * scale < 12
