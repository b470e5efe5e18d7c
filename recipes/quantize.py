"""Make a quicker model of hintnet: the convolutions of its decoder in 8 bits, all else as it was.

    python recipes/quantize.py MODEL OUT --data PHOTOS... [--photos 200] [--layers REGEX] [--bits 7]

MODEL is an ONNX file of photochrom export, or a name such as hintnet; OUT the one to write. PHOTOS,
folders or tars, are photos in colour that show which values occur: training's, never those that
figures are measured on. What training holds out of them (3 %) is left out. Then measure what it
costs: benchmarks/eight_bits.py.

Needs photochrom[train]. The quantisation is the usual static one, with QuantizeLinear and
DequantizeLinear around each convolution: 8 bits for what it reads, one scale for all channels; for
weights one for each channel. Two things keep the colours:

- What a convolution reads has channels of very different ranges: a decoder sees its own values of
  0 to 5 beside the encoder's of up to ±60, and one scale for both leaves the former 4 bits. So each
  channel is scaled to what suits the weights that read it, and these back, which changes nothing
  otherwise (Nagel et al. 2019, arXiv 1906.04721, section 4.1). The scales are part of the weights
  before, but for the encoder's own features, where they are a product of their own.
- Values beyond the range that has the least squared error are cut.

Weights take 7 of the 8 bits, as processors without VNNI add two products in 16 bits.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, helper, numpy_helper

from photochrom import color, files
from photochrom.data import shards
from photochrom.data.decode import decode, digest
from photochrom.data.photo_set import is_held_out
from photochrom.evaluation.protocol import crop, draw_hints
from photochrom.inference.chroma_upsampling import shrink
from photochrom.inference.model_files import find_model
from photochrom.inference.onnx_model import Model
from photochrom.inference.spots import scale_spots, to_planes
from photochrom.training.rounded_weights import halve

Array = NDArray[np.float32]
Feed = dict[str, Array]

LAYERS = r"\.ups\."
"""Weights of the decoder."""
HELD_OUT = 0.03
HINTS = 0, 1, 0, 5, 0, 20, 0, 50
"""Given with one photo after the other."""
CUTS = np.linspace(0.3, 1, 29)
"""Shares of the range that are tried."""
STRIDE = 31
"""Every so many values are looked at, a prime, so that all columns come up."""


def fold(path: Path) -> ModelProto:
    """Load a model and compute what is constant in it, as ONNX Runtime does."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = f"{folder}/folded.onnx"
        ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        model = onnx.load(options.optimized_model_filepath)
    for other in [known for known in model.opset_import if known.domain not in ("", "ai.onnx")]:
        model.opset_import.remove(other)
    helper.set_model_props(model, {p.key: p.value for p in onnx.load(path).metadata_props})
    return model


def show_photos(model: Model, data: Sequence[Path], most: int) -> Iterator[Feed]:
    """What the model is asked of training photos, some with true hints."""

    def show(content: bytes) -> color.Pixels | None:
        return None if is_held_out(digest(content), HELD_OUT) else decode(content)

    photos = (shards.process_photo(source, show) for source in shards.find_sources(data))
    readable = (pixels for pixels in photos if isinstance(pixels, np.ndarray))
    side = model.size
    for n, pixels in enumerate(islice(readable, most)):
        rgb = np.ascontiguousarray(crop(pixels, "crop256").transpose(2, 0, 1), np.float32)
        rgb /= 255
        lab = color.rgb_to_lab(rgb)
        size = (lab.shape[1], lab.shape[2])
        L = shrink(lab[0].__getitem__, size, (side, side))
        spots = draw_hints(lab, HINTS[n % len(HINTS)], (0, n))
        planes = to_planes(scale_spots(spots, *np.divide(L.shape, size)), L.shape)
        hints = {"hints": planes[None]} if model.takes_hints else {}
        yield {"L": L[None, None], **hints, **model.fill_numbers()}


class Graph:
    """A model's graph, and who makes and who reads each tensor."""

    def __init__(self, model: ModelProto) -> None:
        self.model, self.nodes = model, model.graph.node
        self.weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.readers = Counter(name for node in self.nodes for name in node.input)
        self.readers.update(output.name for output in model.graph.output)
        known = onnx.shape_inference.infer_shapes(model).graph
        shapes = (*known.value_info, *known.output)
        dims = {value.name: value.type.tensor_type.shape.dim for value in shapes}
        self.channels = {name: dim[1].dim_value for name, dim in dims.items() if len(dim) == 4}

    def convolutions(self, layers: str) -> list[NodeProto]:
        """Those whose weights have such a name."""
        every = [node for node in self.nodes if node.op_type == "Conv"]
        return [node for node in every if re.search(layers, node.input[1])]

    def get(self, name: str) -> Array:
        """The values of weights."""
        return np.array(numpy_helper.to_array(self.weights[name]))

    def put(self, name: str, values: NDArray[np.generic]) -> str:
        """Add weights; returns their name."""
        self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        self.weights[name] = self.model.graph.initializer[-1]
        return name

    def change(self, node: NodeProto, at: int, values: Array) -> None:
        """Give a node other weights, which others may share as they were."""
        node.input[at] = self.put(f"{node.input[at]}.{len(self.weights)}", values)

    def insert(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def close(self) -> None:
        """Sort the nodes by who needs whom, and drop weights that nobody reads."""
        waiting, made = list(self.nodes), set(self.weights) | {""}
        made |= {value.name for value in self.model.graph.input}
        del self.nodes[:]
        while waiting:
            ready = [node for node in waiting if made.issuperset(node.input)]
            waiting = [node for node in waiting if not made.issuperset(node.input)]
            self.nodes.extend(ready)
            made.update(name for node in ready for name in node.output)
        read = {name for node in self.nodes for name in node.input}
        for name in self.weights.keys() - read:
            self.model.graph.initializer.remove(self.weights[name])
        del self.model.graph.value_info[:]
        onnx.checker.check_model(self.model)


def watch(model: ModelProto, names: Iterable[str], feeds: Iterable[Feed]) -> Iterator[list[Array]]:
    """The values ``(1, C, H, W)`` of tensors inside a model, photo by photo."""
    names, open_model = list(names), ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names
    )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(open_model.SerializeToString(), options)
    for feed in feeds:
        yield session.run(names, feed)


def equalize(model: ModelProto, layers: str, feeds: Iterable[Feed]) -> None:
    """Give the channels that convolutions read ranges that suit the weights; the answer stays."""
    graph = Graph(model)
    chosen = graph.convolutions(layers)
    names = [node.input[0] for node in chosen]
    seen = [[abs(v).max((0, 2, 3)) for v in values] for values in watch(model, names, feeds)]
    for node, ranges in zip(chosen, map(np.stack, zip(*seen, strict=True)), strict=True):
        weights = graph.get(node.input[1])
        reads = abs(weights).max((0, 2, 3)) + 1e-8
        factor = np.sqrt(reads / (ranges.mean(0) + 1e-6))
        factor = (factor / np.exp(np.log(factor).mean())).astype(np.float32)
        graph.change(node, 1, weights / factor[:, None, None])
        node.input[0] = _scale(graph, node.input[0], factor)
    graph.close()


def _scale(graph: Graph, name: str, factor: Array) -> str:
    """Scale the channels of a tensor, as far back as nobody else reads them."""
    maker = graph.makers.get(name, NodeProto())  # none of an input or weights
    alone = graph.readers[name] == 1
    if alone and maker.op_type in ("Relu", "Resize"):
        maker.input[0] = _scale(graph, maker.input[0], factor)
    elif alone and maker.op_type == "Add":
        maker.input[:] = [_scale(graph, part, factor) for part in maker.input]
    elif alone and maker.op_type == "Concat":
        ends = np.cumsum([graph.channels[part] for part in maker.input])
        factors = np.split(factor, ends[:-1])
        maker.input[:] = [_scale(graph, *p) for p in zip(maker.input, factors, strict=True)]
    elif alone and maker.op_type == "Conv":
        graph.change(maker, 1, graph.get(maker.input[1]) * factor[:, None, None, None])
        if len(maker.input) > 2:
            graph.change(maker, 2, graph.get(maker.input[2]) * factor)
    else:
        by = graph.put(f"{name}.factor{len(graph.nodes)}", factor[:, None, None])
        return graph.insert("Mul", [name, by], f"{name}.scaled{len(graph.nodes)}")
    return name


def choose_range(values: Array) -> tuple[float, int]:
    """Scale and zero of 8 bits without sign that have the least squared error."""
    count, edges = np.histogram(values, 2048)
    middle = (edges[1:] + edges[:-1]) / 2
    low, high = min(0.0, values.min()), max(1e-6, values.max())

    def error(ends: tuple[float, float]) -> float:
        scale, zero = _steps(*ends)
        rounded = np.clip(np.round(middle / scale) + zero, 0, 255)
        return float(count @ ((rounded - zero) * scale - middle) ** 2)

    ends = [(low * a, high * b) for a in (CUTS if low else [0.0]) for b in CUTS]
    return _steps(*min(ends, key=error))


def _steps(low: float, high: float) -> tuple[float, int]:
    scale = (high - low) / 255
    return scale, round(-low / scale)


def quantize(model: ModelProto, layers: str, feeds: Iterable[Feed], bits: int) -> None:
    """Have convolutions read, multiply and answer in 8 bits."""
    graph = Graph(model)
    chosen = graph.convolutions(layers)
    reads = {name: node for node in graph.nodes for name in node.input}
    # What is answered is what comes of it: a runtime takes the ReLU into the convolution.
    answers = {node.output[0]: reads[node.output[0]] for node in chosen}
    after = [relu.output[0] if relu.op_type == "Relu" else name for name, relu in answers.items()]
    names = list(dict.fromkeys([*(node.input[0] for node in chosen), *after]))
    seen = [[v.ravel()[::STRIDE] for v in values] for values in watch(model, names, feeds)]
    values = map(np.concatenate, zip(*seen, strict=True))
    steps = {name: choose_range(some) for name, some in zip(names, values, strict=True)}
    rounded = {name: _round(graph, name, *steps[name]) for name in names}
    for node in graph.nodes:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            node.input[:] = [rounded.get(name, name) for name in node.input]
    scales = {rounded[name]: scale for name, (scale, _) in steps.items()}
    most = 2 ** (bits - 1) - 1
    for node in chosen:
        _round_weights(graph, node, scales[node.input[0]], most)
    graph.close()


def _round(graph: Graph, name: str, scale: float, zero: int) -> str:
    """A tensor after it was in 8 bits."""
    by = [
        graph.put(f"{name}.scale", np.array(scale, np.float32)),
        graph.put(f"{name}.zero", np.array(zero, np.uint8)),
    ]
    whole = graph.insert("QuantizeLinear", [name, *by], f"{name}.whole")
    return graph.insert("DequantizeLinear", [whole, *by], f"{name}.rounded")


def _round_weights(graph: Graph, node: NodeProto, scale: float, most: int) -> None:
    """Weights in 8 bits, -``most`` to ``most``, by output; the bias in 32, in their steps."""
    weights = graph.get(node.input[1])
    biases = graph.get(node.input[2]) if len(node.input) > 2 else np.zeros(len(weights), np.float32)
    steps = abs(weights).max((1, 2, 3)) / most
    steps = np.maximum(steps, abs(biases) / scale / 2**30 + 1e-12).astype(np.float32)
    whole = np.round(weights / steps[:, None, None, None]).astype(np.int8)
    parts = [(whole, steps), (np.round(biases / (steps * scale)).astype(np.int32), steps * scale)]
    for at, (numbers, by) in enumerate(parts, start=1):
        name = f"{node.output[0]}.{at}"
        inputs = [
            graph.put(f"{name}.whole", numbers),
            graph.put(f"{name}.scale", by.astype(np.float32)),
            graph.put(f"{name}.zero", np.zeros(len(by), numbers.dtype)),
        ]
        del node.input[at:]
        node.input.append(graph.insert("DequantizeLinear", inputs, f"{name}.rounded", axis=0))


def main() -> None:
    """Do both, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--layers", default=LAYERS, help="a pattern for names of weights")
    parser.add_argument("--bits", type=int, default=7, help="of weights")
    given = parser.parse_args()
    path = find_model(given.model)
    feeds = list(show_photos(Model(path), given.data, given.photos))
    model = fold(path)
    equalize(model, given.layers, feeds)
    quantize(model, given.layers, feeds, given.bits)
    facts = {p.key: p.value for p in model.metadata_props}
    helper.set_model_props(model, facts | {"name": given.out.stem})
    exact = [name for node in model.graph.node for name in node.input if "Linear" in node.op_type]
    content = halve(model, exact).SerializeToString()
    files.write_atomically(given.out, lambda file: file.write(content))
    print(f"{given.out}: {len(content) / 1e6:.1f} MB, from {len(feeds)} photos.")


if __name__ == "__main__":
    main()
