"""The flagship's backbone: a pretrained encoder, a U-Net decoder to stride 4, hints at the stem."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.errors import BadOption
from photochrom.training.models.efficientnet import Encoder
from photochrom.training.models.timm_encoder import TimmEncoder
from photochrom.training.models.unet import double_conv

WIDTHS = (256, 128, 96)
"""Channels of the decoder at strides 16, 8 and 4."""
AB_REACH = 110
"""ab of sRGB lies within about ± this."""


class HintNet(nn.Module):
    """L ``(N, 1, H, W)`` 0..100 and hints ``(N, 3, H, W)`` to ``(N, outputs, H/4, W/4)``.

    Hints join at the stem and, pooled, at every level of the decoder: through the narrow first
    stages of the encoder alone they hardly arrive. All these ways in start at zero, so that the
    pretrained encoder starts unharmed. At stride 32 what is known of the whole photo is added
    everywhere: its mean features, and its mean colour where hints say it outside their mask.
    Knowing no more than a photo's mean colour is worth 2.9 dB.

    Args:
        outputs: channels of the last 1 × 1 convolution.
        encoder: ``lite2``, or ``timm:`` and the name of a model of timm.
    """

    multiple = 32
    takes_hints = True

    def __init__(self, outputs: int, encoder: str = "lite2") -> None:
        super().__init__()
        self.encoder = _encoder(encoder)
        *skips, deepest = self.encoder.channels  # strides 4, 8, 16 and 32
        inputs = (deepest, *WIDTHS[:-1])
        width, stride = self.encoder.joint
        self.hints = nn.Conv2d(3, width, 3, stride=stride, padding=1, bias=False)
        self.pooled_hints = nn.ModuleList(
            nn.Conv2d(3, width, 3, padding=1, bias=False) for width in (deepest, *inputs)
        )
        self.context = nn.Linear(deepest, deepest)
        self.tint = nn.Linear(2, deepest, bias=False)
        for way_in in (self.hints, *self.pooled_hints, self.context, self.tint):
            for parameter in way_in.parameters():
                nn.init.zeros_(parameter)
        self.ups = nn.ModuleList(
            double_conv(before + skip, width)
            for before, skip, width in zip(inputs, reversed(skips), WIDTHS, strict=True)
        )
        self.last = nn.Conv2d(WIDTHS[-1], outputs, 1)

    def pretrain(self) -> None:
        """Start the encoder from its ImageNet weights."""
        self.encoder.pretrain()

    def forward(self, lightness: Tensor, hints: Tensor) -> Tensor:
        return self.look(lightness, hints)[0]

    def look(self, lightness: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """The answer, and the encoder's features at stride 16, which tell what is where."""
        scaled = torch.cat([hints[:, :2] / AB_REACH, hints[:, 2:]], 1)
        features = self.encoder.of_lightness(lightness, self.hints(scaled))
        seen = features[-2]
        x = features.pop()
        tint = (scaled[:, :2] * (1 - scaled[:, 2:])).mean((2, 3))
        x = x + (self.context(x.mean((2, 3))) + self.tint(tint))[:, :, None, None]
        first, *others = self.pooled_hints
        x = x + first(pool_hints(scaled, 32))
        for up, way_in, stride in zip(self.ups, others, (16, 8, 4), strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = x + way_in(pool_hints(scaled, stride))
            x = up(torch.cat([x, features.pop()], 1))
        return self.last(x), seen


def _encoder(name: str) -> Encoder | TimmEncoder:
    if name == "lite2":
        return Encoder()
    if name.startswith("timm:"):
        return TimmEncoder(name.removeprefix("timm:"))
    raise BadOption(f"There is no encoder {name!r}: take lite2, or one of timm, as timm:resnet18.")


def pool_hints(hints: Tensor, stride: int) -> Tensor:
    """Mean ab of what each cell's hints show, and whether it has any: ``(N, 3, H/s, W/s)``."""
    ab, mask = hints[:, :2], hints[:, 2:]
    shown = F.avg_pool2d(mask, stride)
    mean = F.avg_pool2d(ab * mask, stride) / shown.clamp(min=1e-6)
    return torch.cat([mean, F.max_pool2d(mask, stride)], 1)
