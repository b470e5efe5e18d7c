"""Photographs and colorizers small enough to know by heart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeModel = Callable[..., Path]


def _constant(name: str, value: Any) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(np.asarray(value, np.float32), f"{name}_value")
    return helper.make_node("Constant", [], [name], value=tensor)


def _input(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a pixelwise colorizer: ab = slope * L + offset, plus hints, plus vivid on both."""

    def make(
        name: str = "toy",
        *,
        slope: tuple[float, float] = (0.0, 0.0),
        offset: tuple[float, float] = (20.0, -30.0),
        hints: bool = False,
        vivid: list[int] | None = None,
        metadata: dict[str, str] | None = None,
        rename: dict[str, str] | None = None,
    ) -> Path:
        names = {"L": "L", "ab": "ab"} | (rename or {})
        inputs = [_input(names["L"], ["N", 1, "H", "W"])]
        nodes = [
            _constant("slope", np.reshape(slope, (1, 2, 1, 1))),
            _constant("offset", np.reshape(offset, (1, 2, 1, 1))),
            helper.make_node("Mul", [names["L"], "slope"], ["scaled"]),
            helper.make_node("Add", ["scaled", "offset"], ["plain"]),
        ]
        last = "plain"
        if hints:
            inputs.append(_input("hints", ["N", 3, "H", "W"]))
            nodes.append(helper.make_node("Split", ["hints"], ["known", "mask"], axis=1))
            nodes[-1].input.append("parts")
            nodes.insert(0, helper.make_node("Constant", [], ["parts"], value_ints=[2, 1]))
            nodes.append(helper.make_node("Add", [last, "known"], ["hinted"]))
            last = "hinted"
        if vivid is not None:
            inputs.append(_input("vivid", vivid))
            nodes.append(helper.make_node("Add", [last, "vivid"], ["lively"]))
            last = "lively"
        nodes.append(helper.make_node("Identity", [last], [names["ab"]]))
        graph = helper.make_graph(nodes, name, inputs, [_input(names["ab"], ["N", 2, "H", "W"])])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        helper.set_model_props(model, metadata or {})
        onnx.checker.check_model(model)
        path = tmp_path / f"{name}.onnx"
        onnx.save(model, path)
        return path

    return make


@pytest.fixture
def scene() -> np.ndarray:
    """A grey picture (48, 64) uint8 with every level from black to white, ramps and an edge."""
    ramp = np.linspace(0, 255, 48 * 64).reshape(48, 64)
    ramp[:, 32:] = ramp[::-1, 32:]
    return np.rint(ramp).astype(np.uint8)
