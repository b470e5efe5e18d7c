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
        _plain(tensor.name): torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        for tensor in graph.initializer
    }
    state = network.state_dict()
    for name, value in _unfolded(network, stored).items():
        if name not in state or state[name].shape != value.shape:
            raise BadModel(f"{path} is no export of this model: {name} does not fit.")
        state[name] = value
    network.load_state_dict(state)


def _plain(name: str) -> str:
    """A tensor's name in the file as the network calls it; ``mix`` is a level of hintnet 1's."""
    return name.removeprefix("network.").removesuffix(".half").replace(".mix.", ".")


def _unfolded(network: Network, stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Parameters of the backbone by name; norms as such that only add a bias."""
    wanted: dict[str, Tensor] = {}
    conv = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            conv = name  # each norm stands behind the convolution it was folded into
        if isinstance(module, nn.BatchNorm2d):
            bias = stored.pop(f"{conv}.weight_bias", None)  # of a convolution that had none
            if bias is None and f"{conv}.bias" in stored:
                bias = stored[f"{conv}.bias"]
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
            wanted[name] = stored.get(name, start.detach() if silent else torch.zeros(0))
    return wanted


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
