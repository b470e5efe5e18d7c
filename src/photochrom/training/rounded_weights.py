"""Weights of an ONNX file in fewer bits: the file is smaller, its arithmetic stays in 32."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
import numpy.typing as npt
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

Weights = npt.NDArray[np.float32]

SMALL = 256
"""Tensors with fewer elements stay as they are: they weigh nothing and may be constants."""
CUTS = np.linspace(0.5, 1, 26, dtype=np.float32)
"""Shares of a channel's range at which :func:`quarter` may cut its weights."""
HALF = ".half"
"""Ends the name of a weight in 16 bits."""
OUTPUTS = {"Conv": 0, "ConvTranspose": 1}
"""The axis of output channels in a weight of such nodes."""


def halve(model: ModelProto, but: Container[str] = ()) -> ModelProto:
    """The same graph with its large weights stored in 16 bits and cast back when loaded.

    ``but`` names weights that stay as they are.
    """
    half = ModelProto()
    half.CopyFrom(model)
    casts = []
    for tensor in half.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALL or tensor.name in but:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}{HALF}"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = list(half.graph.node)
    del half.graph.node[:]
    half.graph.node.extend([*casts, *nodes])
    return half


def quarter(model: ModelProto) -> ModelProto:
    """The same graph with the weights of its convolutions stored in 8 bits.

    Each output channel has a scale of its own, cut where the squared error is least.
    """
    small = ModelProto()
    small.CopyFrom(model)
    axes = {n.input[1]: OUTPUTS[n.op_type] for n in small.graph.node if n.op_type in OUTPUTS}
    opened = []
    for tensor in [t for t in small.graph.initializer if t.name in axes]:
        values, axis, name = numpy_helper.to_array(tensor), axes[tensor.name], tensor.name
        if tensor.data_type != TensorProto.FLOAT or values.size < SMALL:
            continue
        rounded, scale = _round_to_int8(values, axis)
        pair = _pair(name)
        tensor.CopyFrom(numpy_helper.from_array(rounded, pair[0]))
        small.graph.initializer.append(numpy_helper.from_array(scale, pair[1]))
        opened.append(helper.make_node("DequantizeLinear", pair, [name], axis=axis))
    nodes = list(small.graph.node)
    del small.graph.node[:]
    small.graph.node.extend([*opened, *nodes])
    return small


def _round_to_int8(values: Weights, axis: int) -> tuple[npt.NDArray[np.int8], Weights]:
    """Whole numbers, and the scale ``(C,)`` that each channel along ``axis`` has."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    most = np.abs(values).max(others, keepdims=True)
    scales = np.stack([np.maximum(most * cut / 127, 1e-12) for cut in CUTS])
    errors = [np.square(_in_steps(values, s) * s - values).sum(others) for s in scales]
    best = np.argmin(errors, axis=0).reshape(most.shape)
    scale = np.take_along_axis(scales, best[None], 0)[0]
    return _in_steps(values, scale).astype(np.int8), scale.ravel()


def _in_steps(values: Weights, scale: Weights) -> Weights:
    return np.clip(np.round(values / scale), -127, 127)


def read_weights(graph: GraphProto) -> dict[str, Weights]:
    """The tensors of a graph in 32 bits, by the names they had before they were rounded."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    opened = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and list(node.input) == _pair(node.output[0]):
            values, scale = (stored.pop(name).astype(np.float32) for name in node.input)
            shape = np.ones(values.ndim, int)
            shape[node.attribute[0].i] = -1
            opened[node.output[0]] = values * scale.reshape(shape)
    floats = {name.removesuffix(HALF): value.astype(np.float32) for name, value in stored.items()}
    return floats | opened


def _pair(name: str) -> list[str]:
    """What a weight in 8 bits is called, and its scale."""
    return [f"{name}.int8", f"{name}.scale"]
