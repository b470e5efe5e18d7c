"""From a run to one ONNX file that the runtime, the study and anybody else can use.

The head is decoded inside the graph: ``L`` in, ``ab`` out, hints and scalars where the network
takes them. What the file says about itself is in its metadata. An export that answers differently
from the network it was made of fails and leaves nothing behind.
"""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from photochrom import files
from photochrom.errors import BadOption, ExportMismatch
from photochrom.files import make_parent
from photochrom.training import run_folder
from photochrom.training.graphs import Graph, make_graph
from photochrom.training.heads import BinsHead
from photochrom.training.models import Network
from photochrom.training.presets import Experiment
from photochrom.training.rounded_weights import halve, quarter

TOLERANCE, FP16_TOLERANCE, INT8_TOLERANCE = 0.02, 1.0, 5.0
"""Largest difference in ab, at the worst pixel: of the same arithmetic in another order, and of
weights rounded to 16 and 8 bits. A fault of the export is far larger, and an eye sees 2. Networks
that have hardly learned magnify rounding most: 0.002 and 0.55 have occurred."""
COIN_TOSS = 0.01
"""Two bins whose log-probabilities are as close may each win, as rounding has it."""


def export(
    run: Path,
    target: Path,
    *,
    name: str = "",
    release: str = "1",
    size: int | None = None,
    fp16: bool = False,
    int8: bool = False,
) -> float:
    """Write the trained network of ``run`` to ``target``; returns the largest difference in ab.

    Args:
        run: a run folder.
        target: the .onnx file to write, replaced atomically.
        name: what the model calls itself; default the file's stem.
        release: and which version of it this is.
        size: short side at which it is to see photos; default that of its training.
        fp16: store the weights in 16 bits (half the file; arithmetic stays in 32).
        int8: store them in 8 bits (a quarter of it).

    Raises:
        BadRun: no usable run.
        BadOption: the target is not called .onnx, the size does not suit the network, or weights
            are asked for in 16 and in 8 bits.
        CannotWrite: the folder does not take it.
        ExportMismatch: ONNX and torch do not agree.
    """
    network, figures = run_folder.load_network(run)
    if target.suffix != ".onnx":
        raise BadOption(f"{target} is no name for a model: end it in .onnx.")
    if fp16 and int8:
        raise BadOption("Weights have 16 bits or 8: give --fp16 or --int8.")
    if size is not None and (size < 1 or size % network.multiple):
        raise BadOption(f"--size {size} does not suit it: take a multiple of {network.multiple}.")
    model = to_onnx(network)
    metadata = describe(run, network, name or target.stem, figures, size) | {"version": release}
    helper.set_model_props(model, metadata)
    photos = run_folder.load_probe(run)
    differences = []

    def save(file: BinaryIO) -> None:
        onnx.save(model, file)
        file.flush()
        differences.append(check(network, Path(file.name), TOLERANCE, photos))
        if fp16 or int8:
            file.seek(0)
            file.truncate()
            onnx.save(halve(model) if fp16 else quarter(model), file)
            file.flush()
            tolerance = FP16_TOLERANCE if fp16 else INT8_TOLERANCE
            differences.append(check(network, Path(file.name), tolerance, photos))

    make_parent(target)
    files.write_atomically(target, save)
    return differences[-1]


def to_onnx(network: Network) -> onnx.ModelProto:
    """The graph with dynamic batch, height and width."""
    graph = make_graph(network)
    # A batch of one would be frozen into the graph.
    examples = graph.example(n=2, h=4 * network.multiple, w=6 * network.multiple)
    dynamic = [
        dict.fromkeys(graph.axes.get(name, ()), torch.export.Dim.DYNAMIC) or None
        for name in graph.inputs
    ]
    with torch.no_grad(), _quiet():
        graph(*examples)  # learns the names of the outputs
        program = torch.onnx.export(
            graph,
            examples,
            input_names=list(graph.inputs),
            output_names=graph.names,
            dynamic_shapes=(tuple(dynamic),),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _forget_source(model)
    return model


def _forget_source(model: onnx.ModelProto) -> None:
    """Drop the exporter's notes: stack traces with the paths of whoever exported, half of them."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes on packages it does not need to itself."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def check(network: Network, path: Path, tolerance: float, photos: Sequence[Tensor] = ()) -> float:
    """Largest difference in ab between torch and the file, on random and on real photos.

    Args:
        network: what the file was made of.
        path: the ONNX file.
        tolerance: the most that is accepted.
        photos: L of real photos, each ``(H, W)``; cut to what the network's multiple divides.

    Raises:
        ExportMismatch: beyond ``tolerance``.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    m, graph = network.multiple, make_graph(network)
    examples = [
        graph.example(n, h, w, seed=n)
        for n, h, w in ((1, m, m), (2, 4 * m, 6 * m), (3, 2 * m, 5 * m))
    ]
    for lightness in photos:
        h, w = (side // m * m for side in lightness.shape)
        if h and w:
            examples.append(graph.example_of(lightness[None, None, :h, :w]))
    worst = float(np.max([_difference(graph, session, e) for e in examples]))
    if not worst <= tolerance:  # also when it is not a number
        raise ExportMismatch(
            f"The exported file differs from the network by {worst:.3g} in ab, more than "
            f"{tolerance:g}: nothing was written."
        )
    return worst


def _difference(
    graph: Graph, session: onnxruntime.InferenceSession, example: tuple[Tensor, ...]
) -> float:
    with torch.no_grad():
        answers = graph(*example)
    ours = dict(zip(graph.names, answers, strict=True))
    given = dict(zip(graph.inputs, example, strict=True))
    found = session.run(None, {name: value.numpy() for name, value in given.items()})
    theirs = dict(zip(graph.names, map(torch.from_numpy, found), strict=True))
    if isinstance(head := graph.network.head, BinsHead):
        return _difference_in_bins(head, ours["logits"], theirs, given["vivid"])
    gap = (ours[graph.answer] - theirs[graph.answer]).abs() * graph.scale
    return float(gap.max())


def _difference_in_bins(
    head: BinsHead, logits: Tensor, theirs: dict[str, Tensor], vivid: Tensor
) -> float:
    """Compare what the bins mean, as the likeliest one may be another for next to no reason.

    The likeliest bin itself is compared with what the file's own logits say.
    """
    means = (head.mean(logits, vivid) - head.mean(theirs["logits"], vivid)).abs()
    first, second = head.scores(theirs["logits"], vivid).topk(2, dim=1).values.unbind(1)
    gap = (head.choose(theirs["logits"], vivid) - theirs["ab"]).abs()
    gap *= (first - second > COIN_TOSS)[:, None]
    return float(torch.maximum(means.max(), gap.max()))


def describe(
    run: Path, network: Network, name: str, figures: dict[str, Any], size: int | None = None
) -> dict[str, str]:
    """What the file says of itself; every value a string, as ONNX wants it."""
    graph = make_graph(network)
    experiment, data = run_folder.load_config(run)
    size = size or _usual_size(experiment, network.multiple)
    facts = {
        "name": name,
        "photochrom": version("photochrom"),
        "multiple": str(network.multiple),
        "size": str(size),
        "parameters": str(sum(p.numel() for p in graph.part.parameters())),
        "gflop": f"{gflop(network, size):.4g}",
        "data": json.dumps(data),
        "experiment": experiment.model,
        "licence": "weights carry the terms of the photos they were trained on",
        "figures": json.dumps(figures),
        "commit": _commit(),
    }
    centres = getattr(graph.colors, "centres", None)
    if centres is not None:
        facts["centres"] = json.dumps(centres.tolist())
    epochs = run_folder.epochs_at(run, figures.get("step", 0))
    if epochs is not None:
        facts["epochs"] = f"{epochs:g}"
    return facts | {f"default_{k}": str(v) for k, v in network.head.scalars.items()}


@torch.no_grad()
def gflop(network: Network, side: int) -> float:
    """10⁹ operations that one square photo takes, 2 for each multiply-add.

    Counted are convolutions and matrix products of the network itself, not its head's decoding.
    """
    shapes = copy.deepcopy(network).to("meta")  # computes nothing and takes no memory
    with FlopCounterMode(display=False) as counter:
        shapes(torch.zeros(1, 1, side, side, device="meta"))
    return float(counter.get_total_flops()) / 1e9


def _usual_size(experiment: Experiment, multiple: int) -> int:
    """The short side of a photo at which things are as large as they were in training."""
    whole = experiment.size / ((1 + experiment.zoom) / 2)  # crops are enlarged to the size
    return max(1, round(whole / multiple)) * multiple


def _commit() -> str:
    """The commit the code stands at, or nothing where it is not a checkout."""
    try:
        folder = Path(__file__).parent
        done = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
