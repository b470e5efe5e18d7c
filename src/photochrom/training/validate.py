"""How well a network does on the held-out photos while it is still being trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor

from photochrom.color import lab_to_rgb
from photochrom.data.shards import Pixels
from photochrom.study import metrics
from photochrom.study.sheet import sheet
from photochrom.training.loader import to_lab
from photochrom.training.models import Network
from photochrom.training.optimize import copy_of

Pair = tuple[Pixels, Pixels]
"""A photo as the network colours it, and as it is."""


@torch.no_grad()
def measure(
    network: Network,
    average: dict[str, Tensor],
    batches: Iterable[npt.NDArray[np.uint8]],
    size: int,
    fabric: Fabric,
) -> tuple[dict[str, float], list[Pair]]:
    """PSNR and colourfulness (output / truth), exact over all processes, and the pictures.

    Args:
        network: left in evaluation mode, its weights as they were.
        average: the weights to measure with; empty for the network's own.
        batches: this process's share of the photos, ``(N, h, h, 3)`` each.
        size: side at which the network sees them.
        fabric: for arithmetic, device and the sums.
    """
    weights = copy_of(network)
    network.load_state_dict(average or weights)
    network.eval()
    sums = torch.zeros(4, dtype=torch.float64, device=fabric.device)
    pictures: list[Pair] = []
    for squares in batches:
        lab = to_lab(torch.from_numpy(squares).to(fabric.device), size)
        with fabric.autocast():
            raw = network(lab[:, :1])
        ab = network.head.answer(raw.float(), lab[:, :1])["ab"]
        painted = _rgb(torch.cat([lab[:, :1], ab], 1))
        for out, true in zip(painted, _rgb(lab), strict=True):
            colourful = metrics.colourfulness(out), metrics.colourfulness(true)
            sums += torch.tensor([metrics.psnr(true, out), *colourful, 1.0], device=sums.device)
            pictures.append((_eight_bit(out), _eight_bit(true)))
    network.load_state_dict(weights)
    psnr, out, true, n = fabric.all_reduce(sums, reduce_op="sum").tolist()  # type: ignore[union-attr]
    return {"val_psnr": psnr / n, "val_colourfulness": out / true if true else 0.0}, pictures


def save_sheet(target: Path, pictures: Sequence[Pair]) -> None:
    """A contact sheet: grey, coloured, original."""
    rows = [(_grey(true), out, true) for out, true in pictures]
    sheet(rows, ("grey", "coloured", "original"), height=160, across=3).save(target, quality=90)


def _rgb(lab: Tensor) -> npt.NDArray[np.float32]:
    rgb: npt.NDArray[np.float32] = lab_to_rgb(lab).clamp(0, 1).cpu().numpy()
    return rgb


def _eight_bit(rgb: npt.NDArray[Any]) -> Pixels:
    return (rgb.transpose(1, 2, 0) * 255).round().astype(np.uint8)


def _grey(photo: Pixels) -> Pixels:
    return np.repeat(photo.mean(2, keepdims=True).round().astype(np.uint8), 3, 2)
