"""How much of what the machine can multiply does the network get out of it?

    python benchmarks/network.py [--model hintnet] [--sizes 192 256] [--repeat 30]

Prints the arithmetic of one answer (convolutions and matrix products, two operations each for a
multiplication and its addition), its time, and GFLOP/s beside the fastest square matrix product
seen in the same run, by NumPy or by ONNX Runtime. Needs the package onnx.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from photochrom import Colorizer

SQUARES = (1024, 2048)


def best(function: Callable[[], object], repeat: int) -> float:
    """The least of some times, after two calls that warm up."""
    times = []
    for _ in range(repeat + 2):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return min(times[2:])


def operations(model: onnx.ModelProto, size: int) -> tuple[float, float]:
    """Of one answer at a square size: all, and those of convolutions by single channels."""
    for given in model.graph.input:
        dims = given.type.tensor_type.shape.dim
        if len(dims) == 4:
            for dim, known in ((dims[0], 1), (dims[2], size), (dims[3], size)):
                dim.dim_value = known
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output, *graph.input)
    }
    shapes |= {weights.name: list(weights.dims) for weights in graph.initializer}
    total = single = 0.0
    for node in graph.node:
        if node.op_type == "Conv":
            # (out, in / groups, kernel, kernel), for each pixel of the answer
            weights = shapes[node.input[1]]
            count = 2.0 * math.prod(shapes[node.output[0]]) * math.prod(weights[1:])
            single += count * (weights[1] == 1)
        elif node.op_type in ("MatMul", "Gemm"):
            count = 2.0 * math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
        else:
            continue
        total += count
    return total, single


def matrix_peak(repeat: int) -> float:
    """The most operations a second that a product of square matrices reaches here."""
    found = []
    for n in SQUARES:
        a = np.random.default_rng(0).random((n, n), np.float32)
        shape = helper.make_tensor_value_info("a", TensorProto.FLOAT, [n, n])
        answer = helper.make_tensor_value_info("b", TensorProto.FLOAT, [n, n])
        node = helper.make_node("MatMul", ["a", "a"], ["b"])
        graph = helper.make_graph([node], "product", [shape], [answer])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        session = ort.InferenceSession(model.SerializeToString())
        ways = (lambda a=a: a @ a, lambda s=session, a=a: s.run(None, {"a": a}))
        found += [2.0 * n**3 / best(product, repeat) for product in ways]
    return max(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="hintnet")
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 256])
    parser.add_argument("--repeat", type=int, default=30)
    given = parser.parse_args()
    colorizer = Colorizer(given.model, device="cpu")
    peak = matrix_peak(given.repeat)
    print(f"matrix peak: {peak / 1e9:.0f} GFLOP/s\n")
    print("| size | GFLOP | of them depthwise | ms | GFLOP/s | ÷ peak |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for size in given.sizes:
        total, single = operations(onnx.load(colorizer.model.path), size)
        L = np.random.default_rng(0).uniform(0, 100, (1, 1, size, size)).astype(np.float32)
        took = best(partial(colorizer.predict, L), given.repeat)
        print(
            f"| {size} | {total / 1e9:.2f} | {single / 1e9:.2f} | {1000 * took:.1f} "
            f"| {total / took / 1e9:.0f} | {total / took / peak:.2f} |"
        )


if __name__ == "__main__":
    main()
