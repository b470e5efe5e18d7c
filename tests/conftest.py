"""Photographs and colorizers small enough to know by heart."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import settings
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

pytest_plugins = ["model_server", "studies"]

# How long an example takes is a matter of the machine.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Results tell when they were made, and are to be the same whenever that is.
os.environ["SOURCE_DATE_EPOCH"] = "1790000000"

# OpenVINO computes as the processor can, so only tests that ask for it take it.
os.environ["PHOTOCHROM_DEVICE"] = "cpu"

MakeModel = Callable[..., Path]


CENTRES = [(0, 0), (25, 20), (-20, 20), (5, -30), (25, -15), (-15, -10)]
"""ab of the colours that a toy's ``logits`` speak of; sRGB has them all at middle lightness."""


def _constant(name: str, value: Any) -> onnx.NodeProto:
    tensor = numpy_helper.from_array(np.asarray(value, np.float32), f"{name}_value")
    return helper.make_node("Constant", [], [name], value=tensor)


def _input(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _logits(hints: float) -> list[onnx.NodeProto]:
    """``logits_fine``: each colour has its own slope over L, and counts more near its own hint."""
    centres = np.array(CENTRES, np.float32)
    slopes = np.linspace(-0.02, 0.02, len(centres))[:, None, None, None]  # (Q, 1, 1, 1)
    nodes = [
        _constant("slopes", slopes),
        helper.make_node("Conv", ["L", "slopes"], ["by_lightness" if hints else "logits_fine"]),
    ]
    if hints:
        nodes += [
            _constant("towards", centres[..., None, None] / 100),  # (Q, 2, 1, 1)
            helper.make_node("Conv", ["known", "towards"], ["by_hints"]),
            helper.make_node("Add", ["by_lightness", "by_hints"], ["logits_fine"]),
        ]
    return nodes


def _features() -> list[onnx.NodeProto]:
    """``features_fine``: sines of L of several wavelengths, and their cosines."""
    waves = np.repeat([0.05, 0.11, 0.23, 0.47], 2)
    return [
        _constant("waves", waves[:, None, None, None]),
        _constant("phases", np.tile([0, np.pi / 2], 4)),
        helper.make_node("Conv", ["L", "waves", "phases"], ["turned"]),
        helper.make_node("Sin", ["turned"], ["features_fine"]),
    ]


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Writes a pixelwise colorizer: ab = slope * L + offset, plus hints (or such a share
    of them), plus vivid on both.

    ``tells`` names what else it answers, in cells of ``stride`` pixels: "logits" over CENTRES, by
    a line over L for each and for the likeness to a hint; "features" that tell any two L apart;
    "coarse", the mean ab of each cell.
    """

    def make(
        name: str = "toy",
        *,
        slope: tuple[float, float] = (0.0, 0.0),
        offset: tuple[float, float] = (20.0, -30.0),
        hints: float = 0,
        vivid: list[int] | None = None,
        tells: tuple[str, ...] = (),
        stride: int = 4,
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
            nodes += [
                helper.make_node("Constant", [], ["parts"], value_ints=[2, 1]),
                helper.make_node("Split", ["hints", "parts"], ["known", "mask"], axis=1),
                _constant("share", float(hints)),
                helper.make_node("Mul", ["known", "share"], ["heard"]),
                helper.make_node("Add", [last, "heard"], ["hinted"]),
            ]
            last = "hinted"
        if vivid is not None:
            inputs.append(_input("vivid", vivid))
            nodes.append(helper.make_node("Add", [last, "vivid"], ["lively"]))
            last = "lively"
        nodes.append(helper.make_node("Identity", [last], [names["ab"]]))
        outputs = [_input(names["ab"], ["N", 2, "H", "W"])]
        for told in tells:
            if told == "coarse":
                nodes.append(helper.make_node("Identity", [last], ["coarse_fine"]))
            else:
                nodes += _logits(hints) if told == "logits" else _features()
            cells = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
            nodes.append(helper.make_node("AveragePool", [f"{told}_fine"], [told], **cells))
            outputs.append(_input(told, ["N", "C", "h", "w"]))
        known = {"size": "48"}  # that of the scene, which is seen as it is
        known |= {"centres": json.dumps(CENTRES)} if "logits" in tells else {}
        graph = helper.make_graph(nodes, name, inputs, outputs)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        helper.set_model_props(model, known | (metadata or {}))
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


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A place for results, which is not there yet."""
    return tmp_path / "out"


@pytest.fixture
def color_scene(scene) -> np.ndarray:
    """The same (48, 64, 3) in colour."""
    return np.dstack([scene, 255 - scene, scene // 2])


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """The bytes of a photo of noise: ``encoded(seed, width=60, height=40, kind="JPEG")``."""

    def encode(seed: int, width: int = 60, height: int = 40, kind: str = "JPEG", **how) -> bytes:
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        photo.save(file, kind, **how)
        return file.getvalue()

    return encode
