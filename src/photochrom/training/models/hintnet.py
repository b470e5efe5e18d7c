"""The flagship's backbone: a pretrained encoder, a U-Net decoder to stride 4, hints at the stem."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.training.models.efficientnet import CHANNELS, STEM, Encoder, load_imagenet
from photochrom.training.models.unet import double_conv

WIDTHS = (256, 128, 96)
"""Channels of the decoder at strides 16, 8 and 4."""


class HintNet(nn.Module):
    """L ``(N, 1, H, W)`` 0..100 and hints ``(N, 3, H, W)`` to ``(N, outputs, H/4, W/4)``.

    Hints join at the stem through a convolution that starts at zero, so that the pretrained
    encoder starts unharmed. At stride 32 the mean over the whole photo is added everywhere:
    knowing no more than a photo's mean colour is worth 2.9 dB.
    """

    multiple = 32
    takes_hints = True

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.hints = nn.Conv2d(3, STEM, 3, stride=2, padding=1, bias=False)
        nn.init.zeros_(self.hints.weight)
        self.context = nn.Linear(CHANNELS[-1], CHANNELS[-1])
        nn.init.zeros_(self.context.weight)
        nn.init.zeros_(self.context.bias)
        inputs = (CHANNELS[-1], *WIDTHS[:-1])
        skips = CHANNELS[-2:-5:-1]  # strides 16, 8, 4
        self.ups = nn.ModuleList(
            Up(i, skip, width) for i, skip, width in zip(inputs, skips, WIDTHS, strict=True)
        )
        self.last = nn.Conv2d(WIDTHS[-1], outputs, 1)

    def pretrain(self) -> None:
        """Start the encoder from its ImageNet weights."""
        load_imagenet(self.encoder)

    def forward(self, lightness: Tensor, hints: Tensor) -> Tensor:
        grey = (lightness * 2.55 - 127) / 128  # the encoder's own range, near enough to grey
        stem = self.encoder.stem(grey.expand(-1, 3, -1, -1))
        scaled = torch.cat([hints[:, :2] / 110, hints[:, 2:]], 1)
        features = self.encoder.after_stem(stem + self.hints(scaled))
        x = features.pop()
        x = x + self.context(x.mean((2, 3)))[:, :, None, None]
        for up in self.ups:
            x = up(x, features.pop())
        return self.last(x)  # type: ignore[no-any-return]


class Up(nn.Module):
    """Twice the size, joined with the encoder's features there, then mixed."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.mix = double_conv(inputs + skip, outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.mix(torch.cat([x, skip], 1))  # type: ignore[no-any-return]
