"""Back from an exported file to a network that can go on learning.

Exporting folds each batch norm into the convolution before it. Here the norm is unfolded again:
first as one that does nothing but add the bias, then with the statistics that photos give it, so
that training, which normalises by the batch, begins where the file left off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from torch import Tensor, nn

from photochrom.errors import BadModel
from photochrom.training.models import Network


def from_onnx(network: Network, path: Path) -> None:
    """Fill ``network`` with the weights of a file that photochrom exported.

    In evaluation mode it then answers as the file does. Class weights are left as they are.

    Raises:
        BadModel: no such file, or not of this model.
    """
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise BadModel(f"{path} cannot be read as an ONNX model ({error}).") from error
    stored = {
        tensor.name.removeprefix("network.").removesuffix(".half"): torch.from_numpy(
            numpy_helper.to_array(tensor).astype(np.float32)
        )
        for tensor in graph.initializer
    }
    state = network.state_dict()
    for name, value in _unfolded(network, stored).items():
        if name not in state or state[name].shape != value.shape:
            raise BadModel(f"{path} is no export of this model: {name} does not fit.")
        state[name] = value
    network.load_state_dict(state)


def _unfolded(network: Network, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of the backbone by name; norms as such that only add a bias."""
    wanted: dict[str, Tensor] = {}
    for name, norm in network.named_modules():
        if isinstance(norm, nn.BatchNorm2d):
            conv = _conv_of(name)
            bias = stored.pop(f"{conv}.weight_bias", None)  # of a convolution that had none
            if bias is None and f"{conv}.bias" in stored:
                bias = stored[f"{conv}.bias"]
                stored[f"{conv}.bias"] = torch.zeros_like(bias)
            one = torch.ones(norm.num_features)
            wanted[f"{name}.bias"] = torch.zeros(0) if bias is None else bias
            wanted[f"{name}.weight"] = one
            wanted[f"{name}.running_mean"] = torch.zeros(norm.num_features)
            wanted[f"{name}.running_var"] = one - norm.eps
    for name, _ in network.backbone.named_parameters(prefix="backbone"):
        if name not in wanted:
            wanted[name] = stored.get(name, torch.zeros(0))  # which fits nowhere, and is said
    return wanted


def _conv_of(norm: str) -> str:
    folder, _, last = norm.rpartition(".")
    return f"{folder}.{last.replace('norm', 'conv')}"


@torch.no_grad()
def settle_norms(network: Network, lightness: Tensor) -> None:
    """Give every batch norm the statistics of its input, without changing what it answers.

    Args:
        network: in any mode; left in evaluation mode.
        lightness: ``(N, 1, H, W)`` of real photos, as in training.
    """
    seen: dict[nn.BatchNorm2d, Tensor] = {}
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    hooks = [m.register_forward_pre_hook(lambda m, x: seen.update({m: x[0]})) for m in norms]
    network.eval()
    network(lightness)
    for hook in hooks:
        hook.remove()
    for norm, x in seen.items():
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        running: tuple[Any, Any] = norm.running_mean, norm.running_var
        slope = norm.weight / (running[1] + norm.eps).sqrt()
        norm.bias.add_((mean - running[0]) * slope)
        norm.weight.copy_(slope * (variance + norm.eps).sqrt())
        running[0].copy_(mean)
        running[1].copy_(variance)
