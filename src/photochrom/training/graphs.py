"""Networks as their ONNX files show them: inputs in an order, outputs by name, sizes that vary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from photochrom.inference.generator import CELLS, STRIDE, UNIT
from photochrom.training.heads import Head
from photochrom.training.models import Network
from photochrom.training.models.generator import Generator


class Graph(nn.Module, ABC):
    """A network with positional inputs and outputs in a fixed order.

    Args:
        network: what it shows.
    """

    inputs: Sequence[str]
    """Their names."""
    axes: Mapping[str, Sequence[int]]
    """Of each input that is a plane, those that vary."""
    answer: str
    """The output that has to be right."""
    scale = 1.0
    """ab that a difference of 1 in it is."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.names: list[str] = []
        """Of the outputs; known once it has run."""

    @property
    def part(self) -> nn.Module:
        """What of the network the file holds."""
        return self.network

    @property
    def colors(self) -> Head:
        """The head whose distribution is answered, or known."""
        return self.network.head

    @abstractmethod
    def example(self, n: int, h: int, w: int, seed: int = 0) -> tuple[Tensor, ...]:
        """Inputs of n photos of h × w pixels."""

    @abstractmethod
    def example_of(self, lightness: Tensor) -> tuple[Tensor, ...]:
        """Inputs of one photo of this L, ``(1, 1, H, W)``."""

    @abstractmethod
    def answers(self, *given: Tensor) -> dict[str, Tensor]:
        """The outputs by name."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...]:
        answers = self.answers(*given)
        self.names = list(answers)
        return tuple(answers.values())


class ColorizerGraph(Graph):
    """L, hints and numbers to ab and what else the network tells."""

    answer = "ab"

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        planes = ["L", *(["hints"] if network.takes_hints else [])]
        self.inputs = [*planes, *network.head.scalars]
        self.axes = dict.fromkeys(planes, (0, 2, 3))

    def example(self, n: int, h: int, w: int, seed: int = 0) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(seed)
        lightness = torch.rand(n, 1, h, w, generator=draw) * 100
        examples = [lightness]
        if self.network.takes_hints:
            mask = (torch.rand(n, 1, h, w, generator=draw) < 0.01).float()
            ab = torch.rand(n, 2, h, w, generator=draw) * 100 - 50
            examples.append(torch.cat([ab * mask, mask], 1))
        return (*examples, *(torch.tensor(v) for v in self.network.head.scalars.values()))

    def example_of(self, lightness: Tensor) -> tuple[Tensor, ...]:
        _, *rest = self.example(1, lightness.shape[2], lightness.shape[3])
        return lightness, *rest

    def answers(self, *given: Tensor) -> dict[str, Tensor]:
        lightness, *rest = given
        hints = rest[:1] if self.network.takes_hints else ()
        scalars = dict(zip(self.network.head.scalars, rest[len(hints) :], strict=True))
        return self.network.predict(lightness, *hints, **scalars)


class GeneratorGraph(Graph):
    """One step of a draw, as :mod:`photochrom.inference.generator` has it."""

    inputs = ("noisy", "time", "logits")
    axes = {"noisy": (0, 2, 3), "logits": (2, 3)}  # noqa: RUF012 - as everywhere a mapping
    answer, scale = "clean", UNIT

    def example(self, n: int, h: int, w: int, seed: int = 0) -> tuple[Tensor, ...]:
        draw = torch.Generator().manual_seed(seed)
        h, w, colors = h // STRIDE, w // STRIDE, self._generator.colors.channels
        noisy = torch.randn(n, 2, h, w, generator=draw)
        logits = torch.randn(1, colors, CELLS * h, CELLS * w, generator=draw) * 3
        return noisy, torch.tensor([0.3]), logits

    @torch.no_grad()
    def example_of(self, lightness: Tensor) -> tuple[Tensor, ...]:
        noisy, time, _ = self.example(1, lightness.shape[2], lightness.shape[3])
        no_hints = lightness.new_zeros(1, 3, *lightness.shape[2:])
        return noisy, time, self._generator.ask(lightness, no_hints)

    def answers(self, *given: Tensor) -> dict[str, Tensor]:
        noisy, time, logits = given
        found = self._generator.denoiser(noisy, time.expand(noisy.shape[0]), logits)
        return {"clean": found}

    @property
    def part(self) -> nn.Module:
        return self._generator.denoiser

    @property
    def colors(self) -> Head:
        return self._generator.colors

    @property
    def _generator(self) -> Generator:
        return cast("Generator", self.network.backbone)


def make_graph(network: Network) -> Graph:
    """The graph of a network, in evaluation mode."""
    kind = GeneratorGraph if isinstance(network.backbone, Generator) else ColorizerGraph
    return kind(network.eval())
