"""The study's encoder-decoder without skips."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import Tensor, nn

WIDTHS = (1, 64, 128, 256, 512)


class CNN(nn.Module):
    """L ``(N, 1, H, W)`` 0..100 to ``(N, outputs, H, W)``; H and W divide by 16.

    Four halvings (96 → 6 in the study) by 3 × 3 convolution and pooling, four doublings by 4 × 4
    transposed convolution of stride 2.
    """

    multiple = 16
    takes_hints = False

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(), nn.Sequential()
        for inputs, width in pairwise(WIDTHS):
            self.encoder.append(_block(nn.Conv2d(inputs, width, 3, padding=1), width))
            self.encoder.append(nn.MaxPool2d(2))
        for inputs, width in pairwise(WIDTHS[:0:-1]):
            up = nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1)
            self.decoder.append(_block(up, width))
        self.decoder.append(nn.ConvTranspose2d(WIDTHS[1], outputs, 4, stride=2, padding=1))

    def forward(self, lightness: Tensor) -> Tensor:
        return self.decoder(self.encoder(lightness / 100))  # type: ignore[no-any-return]


def _block(conv: nn.Module, width: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(conv=conv, norm=nn.BatchNorm2d(width), relu=nn.ReLU(inplace=True))
    )
