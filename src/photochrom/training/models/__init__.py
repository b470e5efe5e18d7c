"""Networks: a backbone and the head that gives meaning to what it emits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from torch import Tensor, nn

from photochrom.errors import BadOption
from photochrom.training.heads import ABHead, BinsHead, FlowHead, Head, RGBHead, SoftBinsHead
from photochrom.training.models.cnn import CNN
from photochrom.training.models.generator import Generator
from photochrom.training.models.hintnet import HintNet
from photochrom.training.models.unet import UNet

DEEP = (64, 128, 256, 512, 512)
"""Widths of the study's deeper U-Net, the bottleneck last."""
SMALL = (32, 64, 128, 224, 264)
"""Widths of its 4.5 M U-Net: multiples of 8 keep a GPU's matrix units full."""


class Network(nn.Module):
    """A backbone and its head. ``forward`` trains, ``predict`` is the contract.

    L is ``(N, 1, H, W)`` 0..100 and hints ``(N, 3, H, W)``: a, b and mask. H and W divide by
    ``multiple``; who uses the network pads, which the runtime does in one place.
    """

    frozen: Sequence[nn.BatchNorm2d] = ()
    """Batch norms that keep their statistics in training too."""

    def __init__(self, backbone: Any, head: Head) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head
        self.multiple: int = backbone.multiple
        self.takes_hints: bool = backbone.takes_hints
        self.takes_truth: bool = getattr(backbone, "takes_truth", False)
        """Whether it learns to find the truth in noise, and so is given it in training."""

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for norm in self.frozen:
            norm.eval()
        return self

    def forward(
        self, lightness: Tensor, hints: Tensor | None = None, lab: Tensor | None = None
    ) -> Tensor:
        """The backbone's raw channels, for ``head.loss``; ``lab`` where it takes the truth."""
        given = [_or_none(hints, lightness)] if self.takes_hints else []
        if lab is not None and self.takes_truth:
            given.append(lab)
        return self.backbone(lightness, *given)  # type: ignore[no-any-return]

    def predict(
        self, lightness: Tensor, hints: Tensor | None = None, **scalars: Tensor
    ) -> dict[str, Tensor]:
        """``ab`` ``(N, 2, H, W)``, and what else the head can tell, by name."""
        forward = getattr(
            self.backbone, "forward_with_features", None
        )  # of backbones that also tell what is where
        if forward is None:  # the backbone does not tell what is where
            return self.head.decode(self(lightness, hints).float(), lightness, **scalars)
        raw, features = forward(lightness, _or_none(hints, lightness))
        answer = self.head.decode(raw.float(), lightness, **scalars)
        return answer | {"features": features.float()}


def _or_none(hints: Tensor | None, lightness: Tensor) -> Tensor:
    """The hints, or the planes that stand for none."""
    if hints is not None:
        return hints
    return lightness.new_zeros(1).expand(lightness.shape[0], 3, *lightness.shape[2:])


MODELS: dict[str, Callable[[float, str, float], Network]] = {
    "cnn-rgb": lambda alpha, encoder, emphasis: _join(CNN, RGBHead(alpha)),
    "unet-rgb": lambda alpha, encoder, emphasis: _join(lambda n: UNet(n, SMALL), RGBHead(alpha)),
    "unet-lab": lambda alpha, encoder, emphasis: _join(lambda n: UNet(n, DEEP), ABHead(alpha)),
    "unet-bins": lambda alpha, encoder, emphasis: _join(lambda n: UNet(n, DEEP), BinsHead()),
    "hintnet": lambda alpha, encoder, emphasis: _join(
        lambda n: HintNet(n, encoder), SoftBinsHead(emphasis)
    ),
    "generator": lambda alpha, encoder, emphasis: _join(lambda n: Generator(), FlowHead()),
}


def build(name: str, alpha: float = 0.5, encoder: str = "lite2", emphasis: float = 1.0) -> Network:
    """A network with fresh weights.

    Args:
        name: a key of :data:`MODELS`.
        alpha: weight of MSE against L1, for the heads that regress.
        encoder: of the models that start from a pretrained one.
        emphasis: how far class weights enter the loss of a head with soft targets, 0 to 1.

    Raises:
        BadOption: no such model, or it has nothing that ``encoder`` or ``emphasis`` could change.
        MissingExtra: the encoder is timm's, and timm is not installed.
    """
    if name not in MODELS:
        raise BadOption(f"There is no model {name!r}: choose one of {', '.join(MODELS)}.")
    network = MODELS[name](alpha, encoder, emphasis)
    if encoder != "lite2" and not hasattr(network.backbone, "pretrain"):
        raise BadOption(f"{name} has no encoder to choose: leave --encoder out.")
    if emphasis != 1 and not isinstance(network.head, SoftBinsHead):
        raise BadOption(f"{name} has no soft targets to weigh: leave --emphasis out.")
    return network


def _join(backbone: Callable[[int], nn.Module], head: Head) -> Network:
    return Network(backbone(head.channels), head)
