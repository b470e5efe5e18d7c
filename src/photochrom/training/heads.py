"""Heads: what a network emits, what it is trained towards, and how that becomes ab.

A head has no layers of its own; it gives meaning to the channels a backbone ends in. ``lab`` is
the truth, ``(N, 3, H, W)``; ``raw`` is the backbone's output, ``(N, channels, H/s, W/s)``.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.color import STUDY_GRID, ZHANG_GRID, Float, Grid, lab_to_rgb, rgb_to_lab
from photochrom.inference.generator import STRIDE, UNIT
from photochrom.training import losses

AB_SCALE = 128.0
"""ab / 128 lies in [-1, 1]."""


class Head(Protocol):
    """The three things a head knows."""

    channels: int
    """What the backbone has to end in."""
    scalars: dict[str, float]
    """Extra inputs of the exported graph with their defaults, passed to :meth:`decode`."""

    def loss(self, raw: Tensor, lab: Tensor) -> Tensor:
        """The training loss, a scalar."""

    def decode(self, raw: Tensor, lightness: Tensor, **scalars: Tensor) -> dict[str, Tensor]:
        """The graph's outputs: ``ab`` ``(N, 2, H, W)`` always, more by name."""


class RGBHead(nn.Module):
    """The colour itself in RGB. Training never sees which part of it was already known."""

    channels = 3

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha, self.scalars = alpha, dict[str, float]()

    def loss(self, raw: Tensor, lab: Tensor) -> Tensor:
        return losses.mix(raw.sigmoid(), lab_to_rgb(lab), self.alpha)

    def decode(self, raw: Tensor, lightness: Tensor, **scalars: Tensor) -> dict[str, Tensor]:
        """``rgb`` 0..1 is what the network paints, ``ab`` its colour alone."""
        rgb = raw.sigmoid()
        return {"ab": rgb_to_lab(rgb)[:, 1:], "rgb": rgb}


class ABHead(nn.Module):
    """ab by regression; L is kept."""

    channels = 2

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha, self.scalars = alpha, dict[str, float]()

    def loss(self, raw: Tensor, lab: Tensor) -> Tensor:
        return losses.mix(raw.tanh(), lab[:, 1:] / AB_SCALE, self.alpha)

    def decode(self, raw: Tensor, lightness: Tensor, **scalars: Tensor) -> dict[str, Tensor]:
        return {"ab": raw.tanh() * AB_SCALE}


class BinsHead(nn.Module):
    """The study's classification: 676 bins, one true class a pixel, the likeliest bin wins.

    Bins that sRGB cannot show stay in the count, as in the study, but never win. Trained with class
    weights w, the network answers p * w, and the study takes the likeliest of that. ``vivid`` v
    takes the likeliest of p * w ** v: 1 is the study's, 0 undoes the weights.
    """

    grid: Grid = STUDY_GRID
    channels = STUDY_GRID.side**2
    centres: Tensor
    weights: Tensor
    possible: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.scalars = {"vivid": 1.0}
        self.register_buffer("centres", torch.from_numpy(self.grid.centres()))
        self.register_buffer("possible", torch.from_numpy(self.grid.in_gamut()))
        self.register_buffer("weights", torch.ones(self.channels))

    def set_frequency(self, frequency: Float, rebalance: float) -> None:
        """Weigh the classes by how often each occurs in the training photos, ``(676,)``."""
        self.weights.copy_(torch.from_numpy(losses.class_weights(frequency, rebalance)))

    def loss(self, raw: Tensor, lab: Tensor) -> Tensor:
        classes = self.grid.index(lab[:, 1], lab[:, 2]).long().flatten()
        scores = raw.movedim(1, -1).flatten(0, -2)  # over planes a CPU takes twice as long
        # Over pixels, not over their weights: a batch of rare colours does weigh more.
        return F.cross_entropy(scores, classes, self.weights, reduction="none").mean()

    def decode(self, raw: Tensor, lightness: Tensor, **scalars: Tensor) -> dict[str, Tensor]:
        vivid = scalars.get("vivid", torch.tensor(self.scalars["vivid"]))
        logits = (raw - self._log_weights()).masked_fill(~self.possible[:, None, None], -1e4)
        return {"ab": self.choose(logits, vivid), "logits": logits}

    def choose(self, logits: Tensor, vivid: Tensor) -> Tensor:
        """The ab of the likeliest bin, ``(N, 2, H, W)``."""
        return self.centres[self.scores(logits, vivid).argmax(1)].permute(0, 3, 1, 2)

    def mean(self, logits: Tensor, vivid: Tensor) -> Tensor:
        """The mean ab of all bins, ``(N, 2, H, W)``; how far two distributions are apart."""
        shares = self.scores(logits, vivid).softmax(1)
        return torch.einsum("nchw,cd->ndhw", shares, self.centres)

    def scores(self, logits: Tensor, vivid: Tensor) -> Tensor:
        """What the likeliest bin is found by, log of p * w ** v, for the ``logits`` of p."""
        return logits + vivid * self._log_weights()

    def _log_weights(self) -> Tensor:
        return self.weights.log()[:, None, None]


class SoftBinsHead(nn.Module):
    """A distribution over the bins that sRGB can show, decoded by annealed mean with one dial.

    With class weights w, ``vivid`` v decodes p * w ** v: the true p at 0 (most accurate), the
    rebalanced one at 1 (most colourful). ``temperature`` sharpens before the mean is taken
    (Zhang et al. 2016, section 2.3: 0.38).

    Args:
        emphasis: trained with the weights ``w ** emphasis``, the network answers
            ``p * w ** emphasis``, of which decoding makes what is asked for. At 1, as in the paper,
            pixels that are nearly grey hardly count; at 0 all count alike.
    """

    grid: Grid = ZHANG_GRID
    neighbours, sigma = 5, 5.0
    """Soft encoding of a target: Zhang et al. 2016, section 2.2."""
    centres: Tensor
    weights: Tensor
    table_classes: Tensor
    table_shares: Tensor

    def __init__(self, emphasis: float = 1.0) -> None:
        super().__init__()
        self.emphasis = emphasis
        centres = self.grid.centres()[self.grid.in_gamut()]
        self.channels = len(centres)
        self.scalars = {"vivid": 0.5, "temperature": 0.5}  # old photos look best there
        self.register_buffer("centres", torch.from_numpy(centres))
        self.register_buffer("weights", torch.ones(self.channels))
        # Soft encoding of every whole ab, so that training only looks it up.
        classes, shares = _soft_encoding(centres, self.neighbours, self.sigma)
        self.register_buffer("table_classes", torch.from_numpy(classes), persistent=False)
        self.register_buffer("table_shares", torch.from_numpy(shares), persistent=False)

    def set_frequency(self, frequency: Float, rebalance: float) -> None:
        """Weigh the bins by how often each occurs in the training photos.

        Args:
            frequency: ``(side²,)`` over the whole grid; smoothed here over neighbouring cells, as
                in the paper, because rare cells are hardly counted.
            rebalance: see :func:`photochrom.training.losses.class_weights`.
        """
        centres = self.centres.numpy(force=True)
        distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
        kernel = np.exp(-((distance / self.sigma) ** 2) / 2)
        smooth = (kernel / kernel.sum(1, keepdims=True)) @ frequency[self.grid.in_gamut()]
        self.weights.copy_(torch.from_numpy(losses.class_weights(smooth, rebalance)))

    def loss(self, raw: Tensor, lab: Tensor) -> Tensor:
        return losses.soft_cross_entropy(*self._rows(raw, lab), self.weights**self.emphasis).mean()

    def cross_entropy(self, raw: Tensor, lab: Tensor) -> Tensor:
        """Cross-entropy of the true colours under the true p, no class weighing more, ``(N,)``."""
        rows = self._rows(raw - self.offset()[:, None, None], lab)
        return losses.soft_cross_entropy(*rows).view(len(raw), -1).mean(1)

    def offset(self) -> Tensor:
        """What the network answers beyond log p, ``(Q,)``."""
        return self.emphasis * self.weights.log()

    def _rows(self, raw: Tensor, lab: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits ``(N * h * w, Q)``, and the classes and shares that they should have."""
        ab = F.avg_pool2d(lab[:, 1:], lab.shape[-1] // raw.shape[-1])
        row = self._row(ab).flatten()
        logits = raw.permute(0, 2, 3, 1).reshape(-1, self.channels)
        return logits, self.table_classes[row], self.table_shares[row]

    def _row(self, ab: Tensor) -> Tensor:
        a, b = (ab.round().clamp(-128, 127) + 128).long().unbind(1)
        return a * 256 + b

    def decode(self, raw: Tensor, lightness: Tensor, **scalars: Tensor) -> dict[str, Tensor]:
        """``ab`` at the size of ``lightness``, ``coarse`` as it is before it is enlarged, and
        ``logits`` of the true p, before any dial.
        """
        vivid, temperature = (scalars.get(k, torch.tensor(v)) for k, v in self.scalars.items())
        log_weights = self.weights.log()[:, None, None]
        scores = (raw + (vivid - self.emphasis) * log_weights) / temperature
        odds = (scores - scores.amax(1, keepdim=True)).exp()
        # The mean by one convolution: ONNX Runtime's softmax over channels runs on one core, and
        # took a third of the network's time.
        kernel = torch.cat([self.centres.T, torch.ones_like(self.centres.T[:1])])  # (3, Q)
        sums = F.conv2d(odds, kernel[..., None, None])
        coarse = sums[:, :2] / sums[:, 2:]
        ab = F.interpolate(coarse, size=lightness.shape[2:], mode="bilinear", align_corners=False)
        return {"ab": ab, "coarse": coarse, "logits": raw - self.emphasis * log_weights}


class FlowHead(nn.Module):
    """Chroma that was found in noise; how much there was says how well it could be found."""

    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.scalars = dict[str, float]()

    def loss(self, raw: Tensor, lab: Tensor) -> Tensor:
        """The error in velocity; ``raw`` holds x and time, several of each photo in a row."""
        clean = reduce_chroma(lab).repeat_interleave(len(raw) // len(lab), 0)
        return losses.velocity_error(raw[:, :2], clean, raw[:, 2, 0, 0])

    def decode(self, raw: Tensor, lightness: Tensor, **scalars: Tensor) -> dict[str, Tensor]:
        """``ab`` at the size of ``lightness``, and ``coarse`` as it was drawn."""
        coarse = raw[:, :2] * UNIT
        ab = F.interpolate(coarse, size=lightness.shape[2:], mode="bilinear", align_corners=False)
        return {"ab": ab.clamp(-128, 127), "coarse": coarse}


def reduce_chroma(lab: Tensor) -> Tensor:
    """The chroma of ``(N, 3, H, W)``, as it is drawn: ``(N, 2, H/16, W/16)``, in units."""
    return F.avg_pool2d(lab[:, 1:], STRIDE) / UNIT


def _soft_encoding(
    centres: Float, neighbours: int, sigma: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Nearest bins and their shares for ab = -128..127 squared, each ``(65536, neighbours)``."""
    level = np.arange(-128, 128, dtype=np.float32)
    along_a, along_b = (level[:, None] - centres.T[:, None]) ** 2  # (256, Q)
    distance = (along_a[:, None] + along_b).reshape(256 * 256, -1)
    classes = np.argpartition(distance, neighbours, axis=1)[:, :neighbours]
    nearest = np.take_along_axis(distance, classes, 1)
    nearest -= nearest.min(1, keepdims=True)  # far outside the gamut all shares would underflow
    shares = np.exp(-nearest / (2 * sigma**2))
    return classes.astype(np.int64), (shares / shares.sum(1, keepdims=True)).astype(np.float32)
