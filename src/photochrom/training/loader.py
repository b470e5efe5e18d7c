"""From decoded photos to batches of Lab and hints, reproducibly.

Every random choice is a function of the seed and the step alone, and is made for the whole global
batch before a process takes its share. So a resumed run sees what it would have seen, and any
number of processes see together what one process sees alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from photochrom.color import Pixels, rgb_to_lab
from photochrom.data.cache import DecodedPhotos
from photochrom.data.order import Part
from photochrom.data.photo_set import Chosen, Numbers, PhotoSet
from photochrom.data.steps import StreamedSteps
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

_UNIFORMS = [CROP_UNIFORMS, RECOLOR_UNIFORMS, 1, FILM_UNIFORMS, DEGRADE_UNIFORMS, HINT_UNIFORMS]
"""Random numbers a photo takes, by what they are for."""


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
        chosen: those to train on.
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
        chosen: Chosen,
        experiment: Experiment,
        multiple: int,
        *,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
        resident: bool = False,
    ) -> None:
        self.chosen, self.experiment, self.seed = chosen, experiment, experiment.seed
        self.device = torch.device(device)
        smallest = experiment.smallest or experiment.size
        self.sizes = range(-(-smallest // multiple) * multiple, experiment.size + 1, multiple)
        most = min(experiment.batch, len(chosen))
        self.part = Part(len(chosen), most // world * world, rank, world)
        if not self.part.batch:
            raise BadOption(
                f"{world} processes cannot share {most} photos a step: "
                "give more photos, a larger --batch or fewer processes."
            )
        self.draw = self._choose_draw(photos, resident)
        draw = torch.Generator().manual_seed(derive_seed(self.seed, 5, 0))
        wide = 2 * max(self.sizes)
        self.noise = torch.randn(wide, wide, generator=draw).to(self.device)

    @property
    def validation_size(self) -> int:
        """The middle one of the sides that steps take."""
        return self.sizes[len(self.sizes) // 2]

    @property
    def batch(self) -> int:
        """Photos of each step, of all processes."""
        return self.part.batch

    @property
    def share(self) -> int:
        """Photos of each batch that this rank gets."""
        return self.part.size

    @property
    def steps_per_epoch(self) -> int:
        return self.part.steps

    def __call__(self, step: int) -> Batch:
        """This rank's share of batch ``step``, counted from 0 over all epochs."""
        draw = torch.Generator().manual_seed(derive_seed(self.seed, 1, step))
        mine = slice(self.part.rank, None, self.part.world)
        place = torch.rand(self.batch, 2, generator=draw)[mine]
        uniforms = torch.rand(self.batch, sum(_UNIFORMS), generator=draw)[mine]
        uniforms = to_device(uniforms.contiguous(), self.device)
        cut, things, which, shades, age, points = torch.split(uniforms, _UNIFORMS, 1)
        photos = self.draw(step)
        strip = photos if isinstance(photos, Strip) else Strip.of(photos)
        windows = cut_windows(strip, place, self.device)
        rgb = crop(windows, cut, self.experiment.zoom, self.size_at(step))
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
        return len(range(self.part.rank, round(share * self.batch), self.part.world))

    def _choose_draw(self, photos: PhotoSet, resident: bool) -> Draw:
        given = self.chosen, self.seed, self.part
        if not isinstance(photos, StreamedPhotos):
            assert isinstance(photos, DecodedPhotos)
            return DecodedSteps(photos, *given, self.device if resident else torch.device("cpu"))
        if resident:
            raise BadOption("--resident holds decoded photos: leave out --resident or --stream.")
        return StreamedSteps(photos, *given)


def to_device(numbers: Tensor, device: torch.device) -> Tensor:
    """The same on the device; a GPU does not wait for it."""
    if device.type == "cuda" and not numbers.is_cuda:
        numbers = numbers.pin_memory()
    return numbers.to(device, non_blocking=True)


@dataclass(frozen=True)
class Strip:
    """Photos, all of the same short side, in one row of pixels."""

    pixels: Tensor
    """``(M, 3)`` uint8 sRGB, on whichever device."""
    table: Tensor
    """``(N, 3)`` int64: at which pixel each photo begins, its h and its w."""

    @classmethod
    def of(cls, photos: Sequence[Pixels]) -> Strip:
        """Photos ``(h, w, 3)`` one after another."""
        table = torch.tensor([(0, *photo.shape[:2]) for photo in photos])
        table[1:, 0] = (table[:, 1] * table[:, 2]).cumsum(0)[:-1]
        return cls(torch.from_numpy(np.concatenate([p.reshape(-1, 3) for p in photos])), table)


class Draw(Protocol):
    """The photos of each step for one process, however they are kept."""

    def __call__(self, step: int) -> Strip | Sequence[Pixels]: ...

    def numbers(self, step: int) -> Numbers: ...


def cut_windows(strip: Strip, place: Tensor, device: torch.device) -> Tensor:
    """A square window of each photo, as large as its short side, ``(N, S, S, 3)`` on the device.

    Args:
        strip: the photos.
        place: ``(N, 2)``, 0 to 1: how far down and to the right.
        device: cuts them itself, if it holds the photos.
    """
    first, h, w = strip.table.T
    side = int(torch.minimum(h, w).min())
    top, left = (place * (strip.table[:, 1:] - side + 1)).long().unbind(1)
    where = strip.pixels.device
    first, w = to_device(torch.stack([first + top * w + left, w]), where)[..., None, None]
    down = torch.arange(side, device=where)
    return to_device(strip.pixels[first + down[:, None] * w + down], device)


class DecodedSteps:
    """The decoded photos of each step, in an order that is random from photo to photo.

    Args:
        photos: the set.
        chosen: the numbers to go through.
        seed: of the order.
        part: which of each step this process gets.
        device: holds all photos; they stay in their file where it is the CPU.
    """

    def __init__(
        self,
        photos: DecodedPhotos,
        chosen: Chosen,
        seed: int,
        part: Part,
        device: torch.device,
    ) -> None:
        self.chosen, self.seed, self.part = chosen, seed, part
        self.table = torch.from_numpy(photos.table // (3, 1, 1))
        self.pixels = torch.from_numpy(np.asarray(photos.pixels)).view(-1, 3).to(device)
        self._order = lru_cache(2)(self._shuffle)

    def __call__(self, step: int) -> Strip:
        return Strip(self.pixels, self.table[torch.from_numpy(self.numbers(step))])

    def numbers(self, step: int) -> Numbers:
        """Numbers of the photos of a step."""
        epoch, positions = self.part.find(step)
        return self.chosen[self._order(epoch)[positions]]

    def _shuffle(self, epoch: int) -> Numbers:
        draw = torch.Generator().manual_seed(derive_seed(self.seed, 2, epoch))
        return torch.randperm(len(self.chosen), generator=draw).numpy()


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
