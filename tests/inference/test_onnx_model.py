"""The contract that an ONNX file keeps, and what is said of one that does not."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from photochrom.errors import BadModel, BadOption
from photochrom.inference import model_files, sessions
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.onnx_model import Model


def lightness(height: int, width: int, count: int = 1) -> np.ndarray:
    ramp = np.linspace(0, 100, count * height * width, dtype=np.float32)
    return ramp.reshape(count, 1, height, width)


def test_models_by_name(make_model, monkeypatch, tmp_path: Path):
    make_model("other")
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)
    assert list(model_files.list_models()) == ["other"]
    assert Model("other").path == tmp_path / "other.onnx"
    with pytest.raises(BadModel, match=r"no model missing: give a path, or one of: other\."):
        Model("missing")
    with pytest.raises(BadModel, match="no model hintnet"):
        Colorizer()
    (tmp_path / "other.onnx").unlink()
    with pytest.raises(BadModel, match="none is installed"):
        Model("other")


def test_models_of_a_folder_of_ones_own_have_names_too(make_model, monkeypatch, tmp_path):
    study = make_model("study")
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path))
    assert {"hintnet", "study"} <= set(model_files.list_models())
    assert Model("study").path == study


def test_files_that_are_no_colorizers(make_model, tmp_path: Path):
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    for path, words in (
        (text, "cannot be loaded as an ONNX model"),
        (tmp_path / "nothing.onnx", "is not a file"),
        (make_model("image", rename={"L": "image"}), "needs an input L and an output ab"),
        (make_model("rgb", rename={"ab": "rgb"}), "needs an input L and an output ab"),
        (make_model("dial", vivid=[1]), "metadata default_vivid"),
        (make_model("two", vivid=[2]), "asks for vivid"),
    ):
        with pytest.raises(BadModel, match=words):
            Model(path)
    with pytest.raises(BadOption, match="threads is 0"):
        Model(make_model(), threads=0)


@pytest.mark.parametrize("key", ["multiple", "size"])
@pytest.mark.parametrize("told", ["many", "nan", "inf", "0", "-32", "1e12", "1e300", "99999"])
def test_metadata_that_is_no_number_of_pixels_or_would_take_all_memory(make_model, key, told):
    with pytest.raises(BadModel, match=f"needs .* as metadata {key}, not "):
        Model(make_model(metadata={key: told}))


def test_a_model_can_what_its_names_say_and_is_what_its_metadata_say(make_model):
    plain = Model(make_model("plain", metadata={"name": "toy", "multiple": "7", "size": "64"}))
    assert plain.metadata["name"] == "toy"
    assert (plain.multiple, plain.size) == (7, 64)
    assert (plain.takes_hints, plain.has_distribution) == (False, False)
    able = Model(make_model("able", hints=True, tells=("logits", "features")))
    assert (able.takes_hints, able.has_distribution) == (True, True)
    assert able.outputs == {"ab", "logits", "features"}


def test_centres_are_pairs_of_a_and_b(make_model):
    def centres(told: str) -> np.ndarray:
        return Model(make_model(tells=("logits",), metadata={"centres": told})).centres()

    for told in ("[[10, -20], [0.5, 0]]", "[10, -20, 0.5, 0]"):
        assert centres(told).dtype == np.float32
        assert centres(told).tolist() == [[10, -20], [0.5, 0]]
    for told in ("red", "[[1, 2], [3]]", '{"a": 1}', "[[1, 2, 3]]", "[[NaN, 1]]"):
        with pytest.raises(BadModel, match="metadata centres"):
            centres(told)


def test_numbers_are_those_asked_for_over_the_models_own(make_model):
    model = Model(make_model(vivid=[1], metadata={"default_vivid": "0.25"}))
    for asked, value in (({}, 0.25), ({"vivid": None}, 0.25), ({"vivid": 0.75}, 0.75)):
        numbers = model.fill_numbers(temperature=None, **asked)
        assert list(numbers) == ["vivid"]
        vivid = numbers["vivid"]
        assert (vivid.tolist(), vivid.dtype, vivid.shape) == ([value], np.float32, (1,))
    assert Model(make_model("plain")).fill_numbers(vivid=None) == {}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"vivid": 1.5}, "vivid is 1.5: give a number from 0 to 1"),
        ({"vivid": float("inf")}, "give a finite number"),
        ({"temperature": 0.4}, "toy has no temperature: leave the option out"),
    ],
)
def test_numbers_that_are_refused(make_model, asked, words):
    model = Model(make_model(vivid=[], metadata={"default_vivid": "0"}))
    with pytest.raises(BadOption, match=words):
        model.fill_numbers(**asked)


@pytest.mark.parametrize("stride", [1, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (32, 64), (33, 47), (40, 31)])
def test_each_output_is_cut_to_what_belongs_to_the_photo(make_model, size, stride):
    model = Model(make_model(hints=True, tells=("logits", "features"), stride=stride))
    L = lightness(*size, count=2)
    ab, logits, features = model.run(L, None, ["ab", "logits", "features"])
    cells = tuple(-(-side // stride) for side in size)
    assert ab.shape == (2, 2, *size)
    assert logits.shape == (2, len(model.centres()), *cells)
    assert features.shape == (2, 8, *cells)


def test_outputs_come_in_the_order_asked_for(make_model):
    model = Model(make_model(tells=("logits", "features"), stride=1))
    L = lightness(5, 6)
    features, ab = model.run(L, None, ["features", "ab"])
    assert (features.shape, ab.shape) == ((1, 8, 5, 6), (1, 2, 5, 6))
    np.testing.assert_allclose(features[:, :1], np.sin(0.05 * L), atol=1e-5)


def test_a_network_of_one_fixed_output_is_found_out(make_model):
    graph = onnx.load(path := make_model()).graph
    del graph.node[:]
    value = numpy_helper.from_array(np.float32([1, 2]).reshape(1, 2, 1, 1))
    graph.node.append(helper.make_node("Constant", [], ["ab"], value=value))
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    with pytest.raises(BadModel, match=r"answered ab of shape \(1, 2, 1, 1\)"):
        Model(path).run(lightness(32, 32), None, ["ab"])


def test_coarse_ab_comes_whole_and_has_to_be_two_planes(make_model):
    path = make_model(slope=(1, 0), offset=(0, 5), tells=("coarse",))
    model, L = Model(path), lightness(30, 41)
    (coarse,) = model.run(L, None, ["coarse"])
    assert coarse.shape == (1, 2, 8, 16)
    cells = model.pad(L).reshape(8, 4, 16, 4).mean((1, 3))
    np.testing.assert_allclose(coarse[0], [cells, np.full_like(cells, 5)], atol=1e-4)
    graph = onnx.load(path)
    slope = next(node for node in graph.graph.node if "coarse_fine" in node.output)
    slope.input[0] = "L"  # one plane
    onnx.save(graph, path)
    with pytest.raises(BadModel, match="answered coarse of shape"):
        Model(path).run(L, None, ["coarse"])


@pytest.mark.parametrize(
    ("given", "output", "words"),
    [
        ({"tells": ("logits",), "metadata": {"centres": "[[0, 0], [10, 10]]"}},
         "logits", "answered logits of shape"),
        ({"offset": (float("nan"), 0)}, "ab", "or not numbers"),
    ],
)  # fmt: skip
def test_logits_of_other_colours_and_no_numbers_are_faults_of_the_model(
    make_model, given, output, words
):
    with pytest.raises(BadModel, match=words):
        Model(make_model(**given)).run(lightness(8, 8), None, [output])


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (RuntimeError("Failed to allocate memory\nat a.cc:7"), BadModel,
         r"\(Failed to allocate memory\): give"),
        (RuntimeError(), BadModel, r"\(RuntimeError\): give a smaller size"),
        (MemoryError(), MemoryError, None),
    ],
)  # fmt: skip
def test_a_runtime_that_fails_is_told_in_a_sentence(make_model, error, raised, words):
    model = Model(make_model())
    model._session = Mock(**{"run.side_effect": error})
    with pytest.raises(raised, match=words):
        model.run(lightness(4, 4), None, ["ab"])


@pytest.mark.gpu
@pytest.mark.skipif(
    "CUDAExecutionProvider" not in sessions.ort.get_available_providers(), reason="no CUDA here"
)
def test_a_gpu_answers_as_the_cpu_does(make_model):
    path, L = make_model(slope=(0.1, -0.2)), lightness(33, 47)
    (on_gpu,) = Model(path, device="cuda").run(L, None, ["ab"])
    (on_cpu,) = Model(path, device="cpu").run(L, None, ["ab"])
    np.testing.assert_allclose(on_gpu, on_cpu, atol=0.01)
