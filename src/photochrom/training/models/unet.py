"""The study's U-Net (Ronneberger et al. 2015, arXiv 1505.04597), in two depths."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from photochrom.training.models.layers import Layers


class UNet(nn.Module):
    """L ``(N, 1, H, W)`` 0..100 to ``(N, outputs, H, W)``; H and W divide by ``multiple``.

    Args:
        outputs: channels of the last 1 × 1 convolution.
        widths: channels of the levels from the outside in, the bottleneck last.
    """

    takes_hints = False

    def __init__(self, outputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        *levels, bottleneck = widths
        self.multiple = 2 ** len(levels)
        self.downs = nn.ModuleList()
        channels = 1
        for width in levels:
            self.downs.append(double_conv(channels, width))
            channels = width
        self.pool = nn.MaxPool2d(2)
        self.bottleneck = double_conv(channels, bottleneck)
        self.ups, self.mixes = nn.ModuleList(), nn.ModuleList()
        channels = bottleneck
        for width in reversed(levels):
            self.ups.append(nn.ConvTranspose2d(channels, width, 2, stride=2))
            self.mixes.append(double_conv(2 * width, width))
            channels = width
        self.last = nn.Conv2d(channels, outputs, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        x = lightness / 100
        skips = []
        for down in self.downs:
            skips.append(down(x))
            x = self.pool(skips[-1])
        x = self.bottleneck(x)
        for up, mix in zip(self.ups, self.mixes, strict=True):
            x = mix(torch.cat([up(x), skips.pop()], 1))
        return self.last(x)  # type: ignore[no-any-return]


def double_conv(inputs: int, outputs: int, norm: type[nn.BatchNorm2d] = nn.BatchNorm2d) -> Layers:
    """Twice: 3 × 3 convolution, batch norm, ReLU."""
    layers = OrderedDict[str, nn.Module]()
    for i, channels in enumerate((inputs, outputs)):
        layers[f"conv{i}"] = nn.Conv2d(channels, outputs, 3, padding=1)
        layers[f"norm{i}"] = norm(outputs)
        layers[f"relu{i}"] = nn.ReLU(inplace=True)
    return Layers(layers)
