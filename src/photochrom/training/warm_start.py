"""Older weights in a network that goes on learning: those of a run, or of an exported file.

Exporting folds each batch norm into the convolution before it. Here the norm is unfolded again:
first as one that does nothing but add the bias, then with the statistics that photos give it, and
the convolution with weights of a usual size: folded, many are smaller than a learning rate. So
training begins where the file left off.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import onnx
import torch
from google.protobuf.message import DecodeError
from torch import Tensor, nn

from photochrom.errors import BadModel, BadRun, PhotochromError
from photochrom.inference import onnx_file
from photochrom.training import run_folder
from photochrom.training.heads import SoftBinsHead
from photochrom.training.models import Network
from photochrom.training.rounded_weights import read_weights
from photochrom.training.run_folder import Tensors
from photochrom.training.sync_batchnorm import FixedStatsNorm


def load_run(network: Network, run: Path) -> list[str]:
    """Fill ``network`` with the weights of a run; otherwise as :func:`load_onnx`.

    Raises:
        BadRun: no such run, or not of this model.
    """
    other, state = run_folder.load_config(run)[0], run_folder.load_weights(run)
    wanted = {name: state[name] for name in network.state_dict() if name in state}
    new = _adopt(network, wanted, f"{run} is no run of this model", BadRun)
    if isinstance(network.head, SoftBinsHead):
        _shift(network, -other.emphasis * state["head.weights"].log())
    return new


def load_onnx(network: Network, path: Path) -> list[str]:
    """Fill ``network`` with the weights of a file that photochrom exported.

    In evaluation mode it then answers the log p that the file answers as ``logits``; what class
    weights add to that, :func:`apply_class_weights` adds.

    Returns:
        The parts that are new since those weights, and add nothing yet.

    Raises:
        BadModel: no such file, or not of this model.
    """
    try:
        graph = onnx.load_model_from_string(onnx_file.read(path)).graph
        stored = {name: torch.from_numpy(value) for name, value in read_weights(graph).items()}
    except (DecodeError, TypeError, ValueError) as error:
        raise BadModel(f"{path} cannot be read as an ONNX model ({error}).") from error
    offset = _taken_away(graph, stored)
    wanted = _unfolded(network, {_plain(name): value for name, value in stored.items()})
    new = _adopt(network, wanted, f"{path} is no export of this model", BadModel)
    if isinstance(network.head, SoftBinsHead) and offset is not None:
        _shift(network, -offset)
    return new


def apply_class_weights(network: Network) -> None:
    """Have a network that answers log p answer what its class weights make of it."""
    if isinstance(network.head, SoftBinsHead):
        _shift(network, network.head.offset())


def _adopt(
    network: Network, wanted: Tensors, complaint: str, error: type[PhotochromError]
) -> list[str]:
    """Load what there is; names the parts of the network that may be missing and are."""
    state = network.state_dict()
    optional = tuple(f"backbone.{part}" for part in getattr(network.backbone, "optional", ()))
    for name, value in state.items():
        counts = name.endswith("num_batches_tracked")  # which nothing depends on
        own = counts or name.startswith((*optional, "head."))
        given = wanted.get(name, value if own else torch.zeros(0))
        if given.shape != value.shape:
            raise error(f"{complaint}: {name} does not fit.")
        state[name] = given
    for name in wanted.keys() - state.keys():
        raise error(f"{complaint}: {name} does not fit.")
    network.load_state_dict(state)
    missing = [name for name in state.keys() - wanted.keys() if name.startswith(optional)]
    return sorted({name.removeprefix("backbone.").partition(".")[0] for name in missing})


@torch.no_grad()
def _shift(network: Network, logits: Tensor) -> None:
    """Add to what the network answers."""
    network.backbone.last.bias.add_(logits)


def _taken_away(graph: onnx.GraphProto, stored: Tensors) -> Tensor | None:
    """What the file takes off its last convolution to make it log p, ``(Q,)``."""
    for node in graph.node:
        if "logits" in node.output and node.op_type == "Sub":
            value = stored.get(node.input[1])
            return None if value is None else value.flatten()
    return None


def _plain(name: str) -> str:
    """A tensor's name in the file as the network calls it; ``mix`` is a level of hintnet 1's."""
    return name.removeprefix("network.").replace(".mix.conv", ".conv")


def _unfolded(network: Network, stored: Tensors) -> Tensors:
    """Parameters of the backbone by name; norms as such that only add a bias."""
    wanted: Tensors = {}
    new = tuple(getattr(network.backbone, "optional", ()))
    conv = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            conv = name  # each norm stands behind the convolution it was folded into
        if isinstance(module, nn.BatchNorm2d):
            # The first is of a convolution that had none, or one that added nothing.
            bias = stored.get(f"{conv}.weight_bias", stored.get(f"{conv}.bias"))
            if bias is not None:
                stored[f"{conv}.bias"] = torch.zeros_like(bias)
            one = torch.ones(module.num_features)
            wanted[f"{name}.bias"] = torch.zeros(0) if bias is None else bias
            wanted[f"{name}.weight"] = one
            wanted[f"{name}.running_mean"] = torch.zeros(module.num_features)
            wanted[f"{name}.running_var"] = one - module.eps
    for name, start in network.backbone.named_parameters(prefix="backbone"):
        if name not in wanted:
            # A way in that starts at zero may be missing: the file is older than it, or the
            # exporter left out what adds nothing. Anything else fits nowhere, and that is said.
            silent = not start.any() and ".encoder." not in name
            optional = name.removeprefix("backbone.").startswith(new)
            if name in stored or not optional:
                wanted[name] = stored.get(name, start.detach() if silent else torch.zeros(0))
    return wanted


@torch.no_grad()
def calibrate_norms(network: nn.Module, lightness: Tensor) -> None:
    """Give every batch norm the statistics of its input, without changing what it answers.

    The weights of the convolution before it are scaled to those that torch would have begun with,
    ``1 / sqrt(3 n)`` for n inputs (He et al. 2015, arXiv 1502.01852, with torch's gain).

    Args:
        network: in any mode; left in evaluation mode.
        lightness: ``(N, 1, H, W)`` of real photos, as in training.
    """
    seen: dict[nn.Module, Tensor] = {}
    before: dict[nn.Module, nn.Conv2d | nn.ConvTranspose2d] = {}
    conv = None
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            conv = module
        elif isinstance(module, nn.BatchNorm2d) and conv is not None:
            before[module] = conv
    hooks = [m.register_forward_pre_hook(lambda m, x: seen.update({m: x[0]})) for m in before]
    network.eval()
    network(lightness)
    for hook in hooks:
        hook.remove()
    for norm, x in seen.items():
        _settle(cast("nn.BatchNorm2d", norm), before[norm], x)


def _settle(norm: nn.BatchNorm2d, conv: nn.Conv2d | nn.ConvTranspose2d, x: Tensor) -> None:
    running_mean, running_var = cast("tuple[Tensor, Tensor]", (norm.running_mean, norm.running_var))
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    slope = norm.weight / (running_var + norm.eps).sqrt()
    norm.bias.add_((mean - running_mean) * slope)
    transposed = isinstance(conv, nn.ConvTranspose2d)
    weight = conv.weight.transpose(0, 1) if transposed else conv.weight  # outputs first
    scale = weight.square().mean((1, 2, 3)).mul(3 * weight[0].numel()).sqrt()
    scale = torch.where(scale > 0, scale, 1)
    weight.div_(scale[:, None, None, None])
    if conv.bias is not None:
        conv.bias.div_(scale)
    running_mean.copy_(mean / scale)
    running_var.copy_(variance / scale**2)
    norm.weight.copy_(slope * scale * (running_var + norm.eps).sqrt())


@torch.no_grad()
def calibrate_new_norms(network: nn.Module, lightness: Tensor) -> None:
    """Give each :class:`FixedStatsNorm` the statistics of its input, the first of them first.

    What it answers changes: it is normalised, as a fresh network's is by its first batch.
    """
    for norm in [module for module in network.modules() if isinstance(module, FixedStatsNorm)]:
        seen: list[Tensor] = []
        hook = norm.register_forward_pre_hook(lambda _, x, seen=seen: seen.append(x[0]))
        network.eval()
        network(lightness)
        hook.remove()
        variance, mean = torch.var_mean(seen[0], (0, 2, 3), correction=0)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
