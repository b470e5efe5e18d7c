"""How well a network does on the held-out photos while it is still being trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from photochrom.color import Array, Pixels, lab_to_rgb, planes_to_pixels
from photochrom.evaluation import metrics
from photochrom.evaluation.contact_sheet import make_contact_sheet
from photochrom.training.augmentation import render_hints
from photochrom.training.heads import SoftBinsHead
from photochrom.training.loader import to_lab
from photochrom.training.models import Network
from photochrom.training.optimize import copy_weights

Pair = tuple[Pixels, Pixels]
"""A photo as the network colours it, and as it is."""
Row = dict[str, float]
"""What is measured of one photo."""
HINTS = (1, 10)
"""How many true hints are given, besides none."""


@torch.no_grad()
def measure(
    network: Network,
    average: dict[str, Tensor],
    batches: Iterable[Pixels],
    size: int,
    fabric: Fabric,
) -> tuple[list[Row], list[Pair]]:
    """Measure every photo of this process, always in the same order, and colour it.

    ``psnr`` and ``colourfulness`` are those of the head's own settings. Of a network that tells a
    distribution also ``cross_entropy``, of the true colours with no class weighing more, and
    ``psnr_0``, of its most accurate answer; of one that takes hints also ``psnr_1`` and
    ``psnr_10``, the same with so many true ones, at the same places each time. ``dead`` says the
    same of every photo: see :class:`Pulse`.

    Args:
        network: left in evaluation mode, its weights as they were.
        average: the weights to measure with; empty for the network's own.
        batches: this process's share of the photos, ``(N, h, h, 3)`` each.
        size: side at which the network sees them.
        fabric: for arithmetic and device.
    """
    weights = copy_weights(network)
    network.load_state_dict(average or weights)
    network.eval()
    rows: list[Row] = []
    pictures: list[Pair] = []
    pulse = Pulse(network)
    for number, squares in enumerate(batches):
        lab = to_lab(torch.from_numpy(squares).to(fabric.device), size)
        painted, figures = _answers(network, lab, number, fabric)
        for i, (out, true) in enumerate(zip(painted, _rgb(lab), strict=True)):
            row = {
                "psnr": metrics.psnr(true, out),
                "colourfulness": metrics.colorfulness(out),
                "truth": metrics.colorfulness(true),
            }
            rows.append(row | {name: float(values[i]) for name, values in figures.items()})
            pictures.append((planes_to_pixels(out), planes_to_pixels(true)))
    network.load_state_dict(weights)
    dead = pulse.stop()
    return [row | dead for row in rows], pictures


class Pulse:
    """Watches which channels of a network's ReLUs are alive.

    A channel that is 0, or 6 in a ReLU6, everywhere and for every photo has no gradient any more,
    and so stays as it is: what it knew is lost. Pretrained layers whose norms are frozen get there
    within minutes, at a rate that is too high for them.
    """

    def __init__(self, network: nn.Module) -> None:
        relus = [m for m in network.modules() if isinstance(m, nn.ReLU | nn.ReLU6)]
        self.alive: dict[nn.Module, Tensor] = {}
        self.hooks = [relu.register_forward_hook(self._feel) for relu in relus]

    def _feel(self, relu: nn.Module, _: object, answer: Tensor) -> None:
        between = (answer > 0) & (answer < (6 if isinstance(relu, nn.ReLU6) else torch.inf))
        now = between.transpose(0, 1).flatten(1).any(1)
        self.alive[relu] = now | self.alive.get(relu, now)

    def stop(self) -> Row:
        """``dead``, the share of channels that never moved; nothing of a network without ReLUs."""
        for hook in self.hooks:
            hook.remove()
        if not self.alive:
            return {}
        return {"dead": 1 - torch.cat(list(self.alive.values())).float().mean().item()}


def _answers(
    network: Network, lab: Tensor, number: int, fabric: Fabric
) -> tuple[npt.NDArray[np.float32], dict[str, Array]]:
    """RGB of a batch, and figures of each photo by name."""
    lightness, head = lab[:, :1], network.head

    def answer(hints: Tensor | None, **dial: Tensor) -> tuple[npt.NDArray[np.float32], Tensor]:
        with fabric.autocast():
            raw = network(lightness, hints).float()
        return _rgb(torch.cat([lightness, head.decode(raw, lightness, **dial)["ab"]], 1)), raw

    painted, raw = answer(None)
    figures: dict[str, Array] = {}
    if isinstance(head, SoftBinsHead):
        figures["cross_entropy"] = head.cross_entropy(raw, lab).cpu().numpy()
        accurate, truth = lab.new_zeros(()), _rgb(lab)
        for n in (0, *(HINTS if network.takes_hints else ())):
            out, _ = answer(_hints(lab, n, number) if n else None, vivid=accurate)
            figures[f"psnr_{n}"] = np.array(
                [metrics.psnr(*p) for p in zip(truth, out, strict=True)]
            )
    return painted, figures


def _hints(lab: Tensor, n: int, number: int) -> Tensor:
    """The first n of the hints that the photos of this batch always get."""
    draw = torch.Generator().manual_seed(number)
    points = torch.rand(len(lab), max(HINTS), 2, generator=draw).to(lab.device)[:, :n]
    reach = lab.new_full((len(lab),), 2)
    return render_hints(
        lab[:, 1:], points, torch.ones_like(points[..., 0], dtype=torch.bool), reach
    )


def summarise(rows: Sequence[Row]) -> dict[str, float]:
    """Means over photos, as ``val_`` and their name; colourfulness as a share of the truth's."""
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    truth = means.pop("truth")
    means["colourfulness"] = means["colourfulness"] / truth if truth else 0.0
    return {f"val_{name}": value for name, value in means.items()}


def compare(before: Sequence[Row], now: Sequence[Row]) -> dict[str, tuple[float, float]]:
    """How much each figure changed on the same photos: the mean, and its standard error."""
    changes = {}
    for name in before[0].keys() & now[0].keys() - {"truth", "colourfulness", "dead"}:
        apart = [new[name] - old[name] for old, new in zip(before, now, strict=True)]
        changes[name] = float(np.mean(apart)), float(np.std(apart) / max(1, len(apart) - 1) ** 0.5)
    return changes


def save_sheet(target: Path, pictures: Sequence[Pair]) -> None:
    """A contact sheet: grey, coloured, original."""
    rows = [(_grey(true), out, true) for out, true in pictures]
    columns = "grey", "coloured", "original"
    make_contact_sheet(rows, columns, height=160, across=3).save(target, quality=90)


def _rgb(lab: Tensor) -> npt.NDArray[np.float32]:
    rgb: npt.NDArray[np.float32] = lab_to_rgb(lab).clamp(0, 1).cpu().numpy()
    return rgb


def _grey(photo: Pixels) -> Pixels:
    return np.repeat(photo.mean(2, keepdims=True).round().astype(np.uint8), 3, 2)
