"""Any encoder of timm (pytorch-image-models) that sees photos at strides 4, 8, 16 and 32."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from photochrom.errors import BadOption, MissingExtra

STRIDES = (4, 8, 16, 32)


class TimmEncoder(nn.Module):
    """L ``(N, 1, H, W)`` 0..100 to the features of a timm model; H and W divide by 32.

    Args:
        name: as ``timm.list_models()`` gives it.

    Raises:
        BadOption: timm has no such model, or it does not give the features.
        MissingExtra: timm is not installed.
    """

    hint_entry = (3, 1)
    """Channels and stride of the place where hints are added: its input, as every stem differs."""
    mean: Tensor
    std: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.body = _create(name, pretrained=False)
        levels = _levels(self.body, name)
        self.numbers, self.channels = zip(*levels, strict=True)
        for key in ("mean", "std"):
            value = torch.tensor(self.body.pretrained_cfg[key]).view(1, 3, 1, 1)
            self.register_buffer(key, value, persistent=False)

    def encode_lightness(self, lightness: Tensor, added: Tensor) -> list[Tensor]:
        """The features at strides 4, 8, 16, 32 of L 0..100, with ``added`` at the hints' entry."""
        grey = (lightness / 100).expand(-1, 3, -1, -1)  # L is near enough to grey
        features = self.body((grey - self.mean) / self.std + added)
        return [features[i] for i in self.numbers]

    def pretrain(self) -> None:
        """Start from the weights timm has for it, which timm downloads."""
        self.body.load_state_dict(_create(self.name, pretrained=True).state_dict())


def _create(name: str, pretrained: bool) -> Any:
    try:
        timm = import_module("timm")
    except ImportError as error:
        raise MissingExtra(error.name or "timm", "timm") from error  # or torchvision
    except RuntimeError as error:  # how torchvision, which timm needs, says it is of another build
        raise BadOption(
            f"timm cannot be loaded ({_say(error)}): torch and torchvision must be of one build."
        ) from error
    try:
        return timm.create_model(name, pretrained=pretrained, features_only=True)
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise BadOption(f"timm gives no encoder {name!r}: {_say(error)}.") from error


@torch.no_grad()
def _levels(body: nn.Module, name: str) -> list[tuple[int, int]]:
    """Number and channels of the deepest feature at each of the strides, as a photo shows them."""
    h, w = 64, 96
    try:
        shapes = [tuple(feature.shape) for feature in body.eval()(torch.zeros(1, 3, h, w))]
    except (AssertionError, RuntimeError, ValueError) as error:
        raise BadOption(
            f"timm's {name} does not take photos of any size: {_say(error)}."
        ) from error
    body.train()
    found = {shape[2:]: (i, shape[1]) for i, shape in enumerate(shapes)}
    missing = [stride for stride in STRIDES if (h // stride, w // stride) not in found]
    if missing:
        raise BadOption(
            f"timm's {name} has no features at stride {', '.join(map(str, missing))}: "
            "take a convolutional one, such as timm:resnet18."
        )
    return [found[h // stride, w // stride] for stride in STRIDES]


def _say(error: Exception) -> str:
    return str(error).strip().rstrip(".")
