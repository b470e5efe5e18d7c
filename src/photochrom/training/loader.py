"""From decoded photos to batches of Lab and hints, reproducibly.

Every random choice is a function of the seed and the step alone, and is made for the whole global
batch before a process takes its share. So a resumed run sees what it would have seen, and any
number of processes see together what one process sees alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from photochrom.color import Grid, rgb_to_lab
from photochrom.data.cache import Photos, PhotoSet
from photochrom.data.shards import Pixels
from photochrom.data.streamed import Streamed
from photochrom.errors import BadOption
from photochrom.training.degrade import DICE, degrade

HINTS_MOST = 128
"""A hinted photo gets 1 to so many hints, every order of magnitude as often: half of the photos
get up to 10, as a person would give, and some as many as a reference photo gives."""
TINTED = 0.1
"""Share of the photos, where hints are given at all, that show the mean colour of the whole."""
PATCHES = (1, 3, 5, 7, 9)
"""Sides of the patches a hint reveals, pixels (one for all photos of a step)."""
Numbers = npt.NDArray[np.int64]
AHEAD = 2
"""Steps whose photos are being read while one is computed."""


@dataclass(frozen=True)
class Batch:
    """Some photos of a step."""

    lab: Tensor
    """``(N, 3, size, size)`` float32."""
    lightness: Tensor
    """``(N, 1, size, size)``: L as the network gets it, degraded or not."""
    hints: Tensor
    """``(N, 3, size, size)``: a, b and mask; outside the mask the mean of the whole or 0."""

    def parts(self, n: int) -> list[Batch]:
        """The same photos in n batches, as equal as can be."""
        planes = (self.lab, self.lightness, self.hints)
        return [Batch(*part) for part in zip(*(p.tensor_split(n) for p in planes), strict=True)]


class Loader:
    """Batches of random crops from a set of photos.

    Args:
        photos: the set.
        chosen: numbers of the photos to train on.
        sizes: sides of the crops, pixels; each step takes one of them.
        zoom: smallest crop as a share of the short side.
        batch: photos a step over all ranks; not more than there are.
        hints: share of photos with hints.
        degraded: share of photos whose lightness is that of an old print.
        seed: of everything random.
        rank, world: which share of each batch to deliver.
        device: where batches are made; with ``resident`` decoded photos are held there whole.

    Raises:
        BadOption: fewer photos than processes; ``resident`` with photos that are not decoded.
    """

    def __init__(
        self,
        photos: PhotoSet,
        chosen: Numbers,
        *,
        sizes: Sequence[int],
        zoom: float,
        batch: int,
        hints: float,
        seed: int,
        degraded: float = 0.0,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
        resident: bool = False,
    ) -> None:
        self.sizes, self.zoom, self.hints, self.seed = tuple(sizes), zoom, hints, seed
        self.degraded = degraded
        self.rank, self.world, self.device = rank, world, torch.device(device)
        self.chosen = chosen
        self.batch = min(batch, len(chosen)) // world * world
        if not self.batch:
            raise BadOption(
                f"{world} processes cannot share {min(batch, len(chosen))} photos a step: "
                "give more photos, a larger --batch or fewer processes."
            )
        if isinstance(photos, Streamed):
            if resident:
                raise BadOption(
                    "--resident holds decoded photos: leave out --resident or --stream."
                )
            self.photos: _Decoded | _Read = _Read(photos, chosen, seed)
        else:
            assert isinstance(photos, Photos)
            self.photos = _Decoded(photos, chosen, seed, self.device if resident else None)
        draw = torch.Generator().manual_seed(_mix(seed, 5, 0))
        wide = 2 * max(self.sizes)
        self.noise = torch.randn(wide, wide, generator=draw).to(self.device)

    @property
    def share(self) -> int:
        """Photos of each batch that this rank gets."""
        return self.batch // self.world

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.chosen) // self.batch)

    def __call__(self, step: int) -> Batch:
        """This rank's share of batch ``step``, counted from 0 over all epochs."""
        draw = torch.Generator().manual_seed(_mix(self.seed, 1, step))
        n = self.batch
        side = self.photos.side
        least = max(1, round(side * self.zoom))
        cut = int(torch.randint(least, side + 1, (), generator=draw))
        where, flip = torch.rand(n, 2, generator=draw), torch.rand(n, generator=draw) < 0.5
        points = self._points(draw)
        tinted = torch.rand(n, generator=draw) < TINTED * (self.hints > 0)
        dice = torch.rand(n, DICE, generator=draw)
        mine = slice(self.rank, None, self.world)
        crops = torch.stack(
            [
                _crop(photo, cut, *yx)
                for photo, yx in zip(self._photos(step), where[mine].tolist(), strict=True)
            ]
        ).to(self.device, non_blocking=True)
        flipped = flip[mine].to(self.device)[:, None, None, None]
        size = self.sizes[_mix(self.seed, 4, step) % len(self.sizes)]
        lab = to_lab(torch.where(flipped, crops.flip(2), crops), size)
        lightness = lab[:, :1]
        if self.degraded:
            lightness = degrade(lightness, self.degraded, dice[mine].to(self.device), self.noise)
        hints = _reveal(lab[:, 1:], points[mine].to(self.device), self._patch(step))
        return Batch(lab, lightness, _tint(hints, lab[:, 1:], tinted[mine].to(self.device)))

    def _photos(self, step: int) -> list[Tensor]:
        photos = self.photos.take(self._numbers(step))
        for ahead in range(step + 1, step + 1 + AHEAD):
            self.photos.expect(self._numbers(ahead))
        return photos

    def _numbers(self, step: int) -> list[int]:
        """Of the photos that this rank gets."""
        epoch, first = divmod(step, self.steps_per_epoch)
        order = self.photos.order(epoch)[first * self.batch : (first + 1) * self.batch]
        return self.chosen[order[self.rank :: self.world]].tolist()  # type: ignore[no-any-return]

    def _points(self, draw: torch.Generator) -> Tensor:
        """Where hints go, ``(batch, HINTS_MOST, 2)`` in 0..1; -1 for no hint."""
        hinted = torch.rand(self.batch, generator=draw) < self.hints
        count = (HINTS_MOST + 1) ** torch.rand(self.batch, generator=draw)
        points = torch.rand(self.batch, HINTS_MOST, 2, generator=draw)
        unused = torch.arange(HINTS_MOST) >= torch.where(hinted, count.floor(), 0)[:, None]
        return points.masked_fill(unused[..., None], -1)

    def _patch(self, step: int) -> int:
        return PATCHES[_mix(self.seed, 3, step) % len(PATCHES)]


class _Decoded:
    """Photos of a decoded set, in an order that is random from photo to photo."""

    def __init__(
        self, photos: Photos, chosen: Numbers, seed: int, device: torch.device | None
    ) -> None:
        self.table, self.seed, self.chosen = photos.table, seed, chosen
        self.side = int(photos.table[:, 1:].min())
        pixels = torch.from_numpy(np.asarray(photos.pixels))
        self.pixels = pixels.to(device) if device else pixels
        self.order = lru_cache(2)(self._order)

    def _order(self, epoch: int) -> Numbers:
        draw = torch.Generator().manual_seed(_mix(self.seed, 2, epoch))
        return torch.randperm(len(self.chosen), generator=draw).numpy()

    def expect(self, numbers: Sequence[int]) -> None:
        """They are there."""

    def take(self, numbers: Sequence[int]) -> list[Tensor]:
        return [
            self.pixels[start : start + h * w * 3].view(h, w, 3)
            for start, h, w in self.table[numbers].tolist()
        ]


class _Read:
    """Photos that are read when they are needed, in an order that goes from shard to shard."""

    def __init__(self, photos: Streamed, chosen: Numbers, seed: int) -> None:
        self.photos, self.side = photos, photos.side
        self.expect = photos.expect
        self.order = lru_cache(2)(photos.order(chosen, seed).order)

    def take(self, numbers: Sequence[int]) -> list[Tensor]:
        photos = self.photos.take(numbers)
        return [torch.from_numpy(np.require(photo, requirements="W")) for photo in photos]


def _crop(photo: Tensor, cut: int, y: float, x: float) -> Tensor:
    h, w, _ = photo.shape
    top, left = round(y * (h - cut)), round(x * (w - cut))
    return photo[top : top + cut, left : left + cut]


def to_lab(pixels: Tensor, size: int) -> Tensor:
    """``(N, h, w, 3)`` uint8 sRGB to ``(N, 3, size, size)`` Lab."""
    rgb = pixels.permute(0, 3, 1, 2).float() / 255
    if rgb.shape[2:] != (size, size):
        rgb = F.interpolate(rgb, size=(size, size), mode="bicubic", antialias=True).clamp(0, 1)
    return rgb_to_lab(rgb)


def _reveal(ab: Tensor, points: Tensor, patch: int) -> Tensor:
    """Hint planes ``(N, 3, H, W)`` that show the mean ab of a patch around each point."""
    n, _, h, w = ab.shape
    photo, k = torch.nonzero(points[..., 0] >= 0, as_tuple=True)
    means = F.avg_pool2d(ab, patch, 1, patch // 2, count_include_pad=False)
    limits = torch.tensor([h - 1, w - 1], device=ab.device)
    y, x = (points[photo, k] * limits).round().long().unbind(-1)
    values = torch.cat([means[photo, :, y, x], means.new_ones(len(photo), 1)], 1)  # (M, 3)
    reach = torch.arange(patch, device=ab.device) - patch // 2
    rows = (y[:, None] + reach).clamp(0, h - 1)[:, :, None]  # (M, patch, 1)
    columns = (x[:, None] + reach).clamp(0, w - 1)[:, None, :]  # (M, 1, patch)
    # Where patches overlap the last one shows, on every device: writing there twice would not say.
    pixel = (photo[:, None, None] * h + rows) * w + columns  # (M, patch, patch)
    number = torch.arange(1, len(photo) + 1, device=ab.device)[:, None, None].expand_as(pixel)
    shown = torch.zeros(n * h * w, dtype=torch.long, device=ab.device)
    shown.scatter_reduce_(0, pixel.flatten(), number.flatten(), "amax")
    planes = torch.cat([values.new_zeros(1, 3), values])[shown]  # the first is no hint
    return planes.view(n, h, w, 3).permute(0, 3, 1, 2)


def _tint(hints: Tensor, ab: Tensor, tinted: Tensor) -> Tensor:
    """Show the mean colour of the ``tinted`` photos wherever no hint is."""
    mean = ab.mean((2, 3), keepdim=True) * tinted[:, None, None, None] * (1 - hints[:, 2:])
    return torch.cat([hints[:, :2] + mean, hints[:, 2:]], 1)


def validation_batches(photos: PhotoSet, chosen: Sequence[int], batch: int) -> list[Pixels]:
    """Centre squares of the chosen photos, in stacks of at most ``batch``, uint8."""
    squares = []
    for photo in photos.each(chosen):
        h, w = photo.shape[:2]
        cut = min(h, w)
        top, left = (h - cut) // 2, (w - cut) // 2
        squares.append(photo[top : top + cut, left : left + cut])
    return [np.stack(squares[i : i + batch]) for i in range(0, len(squares), batch)]


def bin_frequency(
    photos: PhotoSet, chosen: Numbers, grid: Grid, most: int = 2000
) -> npt.NDArray[np.float64]:
    """How often each cell of ``grid`` occurs, ``(side²,)``, counted on at most ``most`` photos."""
    counts = np.zeros(grid.side**2)
    for photo in photos.each(chosen[:: -(-len(chosen) // most)].tolist()):
        rgb = photo[::2, ::2].transpose(2, 0, 1).astype(np.float32) / 255
        _, a, b = rgb_to_lab(rgb)
        counts += np.bincount(grid.index(a, b).astype(np.int64).ravel(), minlength=len(counts))
    return counts


def _mix(seed: int, use: int, number: int) -> int:
    """One well-spread 63-bit seed for each use and number."""
    state = np.random.SeedSequence([seed, use, number]).generate_state(1, np.uint64)[0]
    return int(state) >> 1
