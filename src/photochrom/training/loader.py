"""From decoded photos to batches of Lab and hints, reproducibly.

Every random choice is a function of the seed and the step alone, and is made for the whole global
batch before a process takes its share. So a resumed run sees what it would have seen, and any
number of processes see together what one process sees alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from photochrom.color import Pixels, rgb_to_lab
from photochrom.data.cache import DecodedPhotos, PhotoSet
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadOption
from photochrom.training.augmentation import (
    CROP_UNIFORMS,
    HINT_UNIFORMS,
    RECOLOR_UNIFORMS,
    choose_hints,
    crop,
    hint_recolored,
    recolor,
    render_hints,
)
from photochrom.training.degrade import DEGRADE_UNIFORMS, FILM_UNIFORMS, degrade, film
from photochrom.training.presets import Experiment

Numbers = npt.NDArray[np.int64]
_UNIFORMS = [CROP_UNIFORMS, RECOLOR_UNIFORMS, 1, FILM_UNIFORMS, DEGRADE_UNIFORMS, HINT_UNIFORMS]
"""Random numbers a photo takes, by what they are for."""
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
    """``(N, 3, size, size)``: a, b and mask; 0 outside the mask."""

    def parts(self, n: int) -> list[Batch]:
        """The same photos in n batches, as equal as can be."""
        planes = (self.lab, self.lightness, self.hints)
        return [Batch(*part) for part in zip(*(p.tensor_split(n) for p in planes), strict=True)]


class Loader:
    """Batches of random crops from a set of photos.

    Things are recoloured in the first photos of a batch and film is simulated in its last, as many
    as their shares say: photos come in random order, and so no GPU has to say which are chosen.

    Args:
        photos: the set.
        chosen: numbers of the photos to train on.
        experiment: sizes, shares and the seed; its batch is no more than there are photos.
        multiple: what the sides of the crops divide by; each step takes one of them.
        rank, world: which share of each batch to deliver.
        device: where batches are made; with ``resident`` decoded photos are held there whole.

    Raises:
        BadOption: fewer photos than processes; ``resident`` with photos that are not decoded.
    """

    def __init__(
        self,
        photos: PhotoSet,
        chosen: Numbers,
        experiment: Experiment,
        multiple: int,
        *,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
        resident: bool = False,
    ) -> None:
        self.chosen, self.experiment, self.seed = chosen, experiment, experiment.seed
        self.rank, self.world, self.device = rank, world, torch.device(device)
        smallest = experiment.smallest or experiment.size
        self.sizes = range(-(-smallest // multiple) * multiple, experiment.size + 1, multiple)
        most = min(experiment.batch, len(chosen))
        self.batch = most // world * world
        if not self.batch:
            raise BadOption(
                f"{world} processes cannot share {most} photos a step: "
                "give more photos, a larger --batch or fewer processes."
            )
        if isinstance(photos, StreamedPhotos):
            if resident:
                raise BadOption(
                    "--resident holds decoded photos: leave out --resident or --stream."
                )
            self.photos: _DecodedPhotos | _StreamedPhotos = _StreamedPhotos(
                photos, chosen, self.seed
            )
        else:
            assert isinstance(photos, DecodedPhotos)
            place = self.device if resident else None
            self.photos = _DecodedPhotos(photos, chosen, self.seed, place)
        draw = torch.Generator().manual_seed(derive_seed(self.seed, 5, 0))
        wide = 2 * max(self.sizes)
        self.noise = torch.randn(wide, wide, generator=draw).to(self.device)

    @property
    def validation_size(self) -> int:
        """The middle one of the sides that steps take."""
        return self.sizes[len(self.sizes) // 2]

    @property
    def share(self) -> int:
        """Photos of each batch that this rank gets."""
        return self.batch // self.world

    @property
    def steps_per_epoch(self) -> int:
        return max(1, len(self.chosen) // self.batch)

    def __call__(self, step: int) -> Batch:
        """This rank's share of batch ``step``, counted from 0 over all epochs."""
        draw = torch.Generator().manual_seed(derive_seed(self.seed, 1, step))
        place = torch.rand(self.batch, 2, generator=draw)[self.rank :: self.world]
        uniforms = torch.rand(self.batch, sum(_UNIFORMS), generator=draw)[self.rank :: self.world]
        uniforms = to_device(uniforms.contiguous(), self.device)
        cut, things, which, shades, age, points = torch.split(uniforms, _UNIFORMS, 1)
        windows = self.photos.take(self._numbers(step), place)
        for ahead in range(step + 1, step + 1 + AHEAD):
            self.photos.prefetch(self._numbers(ahead))
        rgb = crop(to_device(windows, self.device), cut, self.experiment.zoom, self.size_at(step))
        lab = rgb_to_lab(rgb)
        lightness = self._film(rgb, lab[:, :1], shades)
        if self.experiment.degraded:
            lightness = degrade(lightness, self.experiment.degraded, age, self.noise)
        points, given, reach = choose_hints(points, self.experiment.hints)
        if n := self._first(self.experiment.recolored):
            changed, thing, point = recolor(lab[:n], things[:n])
            moved = hint_recolored(points[:n], given[:n], thing, point, which[:n, 0])
            lab = torch.cat([changed, lab[n:]])
            points, given = torch.cat([moved[0], points[n:]]), torch.cat([moved[1], given[n:]])
        return Batch(lab, lightness, render_hints(lab[:, 1:], points, given, reach))

    def size_at(self, step: int) -> int:
        """Side of the crops of a step, pixels."""
        return self.sizes[derive_seed(self.seed, 4, step) % len(self.sizes)]

    def _film(self, rgb: Tensor, lightness: Tensor, uniforms: Tensor) -> Tensor:
        n = self.share - self._first(1 - self.experiment.film)
        if not n:
            return lightness
        return torch.cat([lightness[:-n], film(rgb[-n:], uniforms[-n:])])

    def _first(self, share: float) -> int:
        """How many of this rank's photos are among the first of the whole batch."""
        return len(range(self.rank, round(share * self.batch), self.world))

    def _numbers(self, step: int) -> list[int]:
        """Of the photos that this rank gets."""
        epoch, first = divmod(step, self.steps_per_epoch)
        order = self.photos.order(epoch)[first * self.batch : (first + 1) * self.batch]
        return self.chosen[order[self.rank :: self.world]].tolist()  # type: ignore[no-any-return]


def to_device(numbers: Tensor, device: torch.device) -> Tensor:
    """The same on the device; a GPU does not wait for it."""
    if device.type == "cuda" and not numbers.is_cuda:
        numbers = numbers.pin_memory()
    return numbers.to(device, non_blocking=True)


class _DecodedPhotos:
    """Photos of a decoded set, in an order that is random from photo to photo."""

    def __init__(
        self, photos: DecodedPhotos, chosen: Numbers, seed: int, device: torch.device | None
    ) -> None:
        self.photos, self.seed, self.chosen, self.device = photos, seed, chosen, device
        self.side = int(photos.table[:, 1:].min())
        if device:
            self.pixels = torch.from_numpy(np.asarray(photos.pixels)).view(-1, 3).to(device)
            side = torch.arange(self.side, device=device)
            self.grid = side[:, None], side
        self.order = lru_cache(2)(self._order)

    def _order(self, epoch: int) -> Numbers:
        draw = torch.Generator().manual_seed(derive_seed(self.seed, 2, epoch))
        return torch.randperm(len(self.chosen), generator=draw).numpy()

    def prefetch(self, numbers: Sequence[int]) -> None:
        """They are there."""

    def take(self, numbers: Sequence[int], place: Tensor) -> Tensor:
        """A square window of each photo, as large as its short side, ``(N, S, S, 3)``."""
        if self.device is None:
            return _windows([self.photos[i] for i in numbers], place, self.side)
        start, h, w = torch.from_numpy(self.photos.table[numbers]).T
        top, left = (place * (torch.stack([h, w], 1) - self.side + 1)).long().unbind(1)
        first = start // 3 + top * w + left
        first, w = to_device(torch.stack([first, w]), self.device)[..., None, None]
        down, across = self.grid
        return self.pixels[first + down * w + across]


class _StreamedPhotos:
    """Photos that are read when they are needed, in an order that goes from shard to shard."""

    def __init__(self, photos: StreamedPhotos, chosen: Numbers, seed: int) -> None:
        self.photos, self.side = photos, photos.side
        self.prefetch = photos.prefetch
        self.order = lru_cache(2)(partial(photos.shuffle, chosen, seed))

    def take(self, numbers: Sequence[int], place: Tensor) -> Tensor:
        """A square window of each photo, as large as its short side, ``(N, S, S, 3)``."""
        photos = self.photos.read_step(numbers)
        return _windows(photos, place, self.side)


def _windows(photos: Sequence[Pixels], place: Tensor, side: int) -> Tensor:
    windows = np.empty((len(photos), side, side, 3), np.uint8)
    for photo, window, yx in zip(photos, windows, place.numpy(), strict=True):
        top, left = (yx * (np.array(photo.shape[:2]) - side + 1)).astype(int)
        window[:] = photo[top : top + side, left : left + side]
    return torch.from_numpy(windows)


def to_lab(pixels: Tensor, size: int) -> Tensor:
    """``(N, h, w, 3)`` uint8 sRGB to ``(N, 3, size, size)`` Lab."""
    rgb = pixels.permute(0, 3, 1, 2).float() / 255
    if rgb.shape[2:] != (size, size):
        rgb = F.interpolate(rgb, size=(size, size), mode="bicubic", antialias=True).clamp(0, 1)
    return rgb_to_lab(rgb)


def derive_seed(seed: int, use: int, number: int) -> int:
    """One well-spread 63-bit seed for each use and number."""
    state = np.random.SeedSequence([seed, use, number]).generate_state(1, np.uint64)[0]
    return int(state) >> 1
