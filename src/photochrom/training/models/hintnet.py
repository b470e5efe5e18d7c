"""The flagship's backbone: a pretrained encoder, attention, a U-Net decoder to stride 4, hints."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.errors import BadOption
from photochrom.training.models.efficientnet import Encoder
from photochrom.training.models.timm_encoder import TimmEncoder
from photochrom.training.models.unet import double_conv
from photochrom.training.sync_batchnorm import FixedStatsNorm

WIDTHS = (256, 128, 96)
"""Channels of the decoder at strides 16, 8 and 4."""
STRIDES = 4, 8, 16, 32
"""Of the decoder's levels and the attention below, where hints come in."""
BLOCKS = 2
"""Of attention."""
AB_REACH = 110
"""ab of sRGB lies within about ± this."""


class HintNet(nn.Module):
    """L ``(N, 1, H, W)`` 0..100 and hints ``(N, 3, H, W)`` to ``(N, outputs, H/4, W/4)``.

    Hints join at the stem and, pooled, at every level of the decoder: through the narrow first
    stages of the encoder alone they hardly arrive. All these ways in start at zero, so that the
    pretrained encoder starts unharmed. At stride 32, where each place stands for 32 pixels and what
    hints say of them, every place then looks at all others.

    Args:
        outputs: channels of the last 1 × 1 convolution.
        encoder: ``lite2``, or ``timm:`` and the name of a model of timm.
    """

    multiple = 32
    takes_hints = True
    optional = ("attention.",)
    """What older weights need not have: it begins by changing nothing."""

    def __init__(self, outputs: int, encoder: str = "lite2") -> None:
        super().__init__()
        self.encoder = _encoder(encoder)
        *skips, deepest = self.encoder.channels  # strides 4, 8, 16 and 32
        inputs = (deepest, *WIDTHS[:-1])
        width, stride = self.encoder.hint_entry
        self.hints = nn.Conv2d(3, width, 3, stride=stride, padding=1, bias=False)
        self.pooled_hints = nn.ModuleList(
            nn.Conv2d(3, width, 3, padding=1, bias=False) for width in (deepest, *inputs)
        )
        self.context = nn.Linear(deepest, deepest)
        for way_in in (self.hints, *self.pooled_hints, self.context):
            silence(way_in)
        self.attention = nn.Sequential(*(Attention(deepest) for _ in range(BLOCKS)))
        self.ups = nn.ModuleList(
            double_conv(before + skip, width, FixedStatsNorm)
            for before, skip, width in zip(inputs, reversed(skips), WIDTHS, strict=True)
        )
        self.last = nn.Conv2d(WIDTHS[-1], outputs, 1)

    def pretrain(self) -> None:
        """Start the encoder from its ImageNet weights."""
        self.encoder.pretrain()

    def forward(self, lightness: Tensor, hints: Tensor) -> Tensor:
        return self.forward_with_features(lightness, hints)[0]

    def forward_with_features(self, lightness: Tensor, hints: Tensor) -> tuple[Tensor, Tensor]:
        """The answer, and the encoder's features at stride 16, which tell what is where."""
        scaled = torch.cat([hints[:, :2] / AB_REACH, hints[:, 2:]], 1)
        features = self.encoder.encode_lightness(lightness, self.hints(scaled))
        seen = features[-2]
        x = features.pop()
        x = x + self.context(x.mean((2, 3)))[:, :, None, None]
        first, *others = self.pooled_hints
        *pooled, coarsest = pool_hints(scaled, STRIDES)
        x = self.attention(x + first(coarsest))
        for up, way_in in zip(self.ups, others, strict=True):
            x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = x + way_in(pooled.pop())
            x = up(torch.cat([x, features.pop()], 1))
        return self.last(x), seen


class Attention(nn.Module):
    """Every place of ``(N, C, H, W)`` looks at all others: a pre-norm transformer block.

    Vaswani et al. 2017 (arXiv 1706.03762); positions by a depthwise convolution, which suits any
    size (Chu et al. 2021, arXiv 2102.10882). All it adds starts at zero.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        most = max(1, width // 32)
        self.heads = next(n for n in range(most, 0, -1) if width % n == 0)
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        # 1 × 1 convolutions, as exporters leave those as they are and transpose linear layers.
        self.norm, self.query_key_value = ChannelNorm(width), nn.Conv2d(width, 3 * width, 1)
        self.mix = nn.Conv2d(width, width, 1)
        self.mlp = nn.Sequential(
            ChannelNorm(width),
            nn.Conv2d(width, 2 * width, 1),
            nn.GELU(),
            nn.Conv2d(2 * width, width, 1),
        )
        for way_out in (self.position, self.mix, self.mlp[-1]):
            silence(way_out)

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x + self.position(x)
        parts = self.query_key_value(self.norm(x)).view(n, 3, self.heads, c // self.heads, h * w)
        seen = attend(*parts.transpose(3, 4).unbind(1))  # (N, heads, H * W, C / heads)
        x = x + self.mix(seen.transpose(2, 3).reshape(n, c, h, w))
        return x + self.mlp(x)  # type: ignore[no-any-return]


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Dot-product attention, ``(N, heads, places, channels)`` each; quick on a CPU too."""
    if not (query.is_cpu and torch.is_autocast_enabled("cpu")):
        return F.scaled_dot_product_attention(query, key, value)
    # In bfloat16 a CPU takes about three times as long over its gradients.
    with torch.autocast("cpu", enabled=False):
        seen = F.scaled_dot_product_attention(query.float(), key.float(), value.float())
    return seen.to(query.dtype)


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each place, so that the photo's size does not matter."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def silence(module: nn.Module) -> None:
    """Have a layer start with zeros, so that it adds nothing."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)


def _encoder(name: str) -> Encoder | TimmEncoder:
    if name == "lite2":
        return Encoder()
    if name.startswith("timm:"):
        return TimmEncoder(name.removeprefix("timm:"))
    raise BadOption(f"There is no encoder {name!r}: take lite2, or one of timm, as timm:resnet18.")


def pool_hints(hints: Tensor, strides: Sequence[int]) -> list[Tensor]:
    """Mean ab of what each cell's hints show, and whether it has any: ``(N, 3, H/s, W/s)`` each.

    Args:
        hints: ``(N, 3, H, W)``: a, b, and a mask of 0 or 1.
        strides: rising, each a multiple of the one before, whose cells are pooled to its own:
            pooling the pixels for each anew took 3 % of the network's time.
    """
    shown, pooled, before = hints[:, 2:], [], 1
    sums = torch.cat([hints[:, :2] * shown, shown], 1)
    for stride in strides:
        step, before = stride // before, stride
        sums, shown = F.avg_pool2d(sums, step), F.max_pool2d(shown, step)
        pooled.append(torch.cat([sums[:, :2] / sums[:, 2:].clamp(min=1e-6), shown], 1))
    return pooled
