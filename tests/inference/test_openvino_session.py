"""OpenVINO answers as ONNX Runtime does, as closely as bfloat16 allows."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from photochrom.errors import BadModel
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.onnx_model import Model

pytest.importorskip(  # not openvino itself, which would report that to its makers
    "photochrom.inference.openvino_session", reason="needs openvino", exc_type=ImportError
)
pytestmark = pytest.mark.skipif(
    "ONEDNN_MAX_CPU_ISA" in os.environ,
    reason="it reaches only a half of OpenVINO, whose halves then disagree about the processor",
)

SAMPLES = Path(__file__).parents[2] / "samples"


def ramp(height: int, width: int, count: int = 1) -> np.ndarray:
    flat = np.linspace(0, 100, count * height * width, dtype=np.float32)
    return flat.reshape(count, 1, height, width)


def rewrite(path: Path, *nodes: onnx.NodeProto, **constants: list[int]) -> Path:
    """Have the model compute ab in another way."""
    graph = onnx.load(path).graph
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(np.array(v), k) for k, v in constants.items())
    opset = helper.make_opsetid("", 18)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    return path


def test_it_answers_as_onnx_runtime_does(make_model):
    path = make_model(
        slope=(0.2, -0.3), offset=(5, 3), hints=True, vivid=[], tells=("logits", "coarse"),
        metadata={"default_vivid": "0.25", "name": "toy"},
    )  # fmt: skip
    theirs, ours = Model(path, device="cpu"), Model(path, threads=1, device="openvino")
    assert (ours.metadata, ours.outputs, ours.defaults) == (
        theirs.metadata, theirs.outputs, theirs.defaults,
    )  # fmt: skip
    for height, width, count in ((32, 64, 1), (33, 47, 2), (32, 64, 1)):
        L = ramp(height, width, count)
        hints = np.zeros((count, 3, height, width), np.float32)
        hints[:, :, 4:8, 6:9] = np.array([30, -20, 1]).reshape(3, 1, 1)
        for outputs in (["ab"], ["logits", "coarse"]):
            pairs = (model.run(L, hints, outputs, vivid=0.5) for model in (theirs, ours))
            for expected, found in zip(*pairs, strict=True):
                assert (found.shape, found.dtype) == (expected.shape, np.float32)
                np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.1)


def test_float32_is_taken_where_the_processor_has_nothing_smaller(make_model, monkeypatch):
    import openvino

    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: ["FP32", "INT8"])
    path, L = make_model(slope=(0.3, -0.7), offset=(0, 0)), ramp(32, 32)
    (found,) = Model(path, device="openvino").run(L, None, ["ab"])
    np.testing.assert_allclose(found, np.concatenate([0.3 * L, -0.7 * L], 1), rtol=1e-5, atol=1e-4)


def test_threads_share_it(make_model):
    model = Model(
        make_model(offset=(0, 0), vivid=[], metadata={"default_vivid": "0"}), 1, "openvino"
    )

    def answer(i: int) -> bool:
        L = ramp(32 * (1 + i % 3), 64)
        (ab,) = model.run(L, None, ["ab"], vivid=i / 64)
        (again,) = model.run(L, None, ["ab"], vivid=1)
        return bool(abs(ab - i / 64).max() < 0.01) and bool(abs(again - 1).max() < 0.01)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(answer, range(64)))


def test_an_answer_is_not_written_over_by_the_next(make_model):
    model = Model(make_model(slope=(1, 1)), device="openvino")
    (first,) = model.run(ramp(32, 32), None, ["ab"])
    kept = first.copy()
    model.run(100 - ramp(32, 32), None, ["ab"])
    assert (first == kept).all()


@pytest.mark.parametrize(
    ("nodes", "constants", "words"),
    [
        ([helper.make_node("Concat", ["L", "Q"], ["ab"], axis=1)], {},
         r"cannot be loaded by OpenVINO \(Q node not found in graph cache\): take another device"),
        ([helper.make_node("Frobnicate", ["L"], ["ab"])], {},
         r"by OpenVINO \(.+ operations: Frobnicate"),
        ([helper.make_node("Reshape", ["L", "shape"], ["ab"])], {"shape": [1, 2, 5, 5]},
         r"fails at L of shape \(1, 1, 32, 32\) \(.+\): give a smaller size"),
        ([helper.make_node("Neg", ["L"], ["n"]), helper.make_node("Log", ["n"], ["l"]),
          helper.make_node("Concat", ["l", "l"], ["ab"], axis=1)], {}, "or not numbers"),
    ],
    ids=["no such tensor", "no such operator", "wrong sizes", "no numbers"],
)  # fmt: skip
def test_models_that_fail_are_told_in_a_sentence(make_model, nodes, constants, words):
    path = rewrite(make_model(), *nodes, **constants)
    with pytest.raises(BadModel, match=words) as raised:
        Model(path, device="openvino").run(ramp(32, 32), None, ["ab"])
    assert "\n" not in str(raised.value)


def test_nothing_is_reported_to_its_makers():
    assert "openvino_telemetry" not in sys.modules


def test_the_bundled_model_gives_the_same_colours():
    grey = np.asarray(Image.open(SAMPLES / "chelsea.jpg").convert("L").resize((240, 160)))
    L = grey.astype(np.float32) / 2.55
    found = [Colorizer(device=device).predict_ab(L) for device in ("cpu", "openvino")]
    assert np.hypot(*(found[0] - found[1])).mean() < 1.5  # 0.6 on many photos
