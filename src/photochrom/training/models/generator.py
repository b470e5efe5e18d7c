"""A generator of chroma: each draw gives all places of a photo colours that go together.

Flow matching (Lipman et al. 2022, arXiv 2210.02747). A draw begins as noise, at time 0, and ends at
time 1 as the chroma x of a photo, at a stride of 16; between them lies ``z = t x + (1 - t) noise``.
The network answers x, which small networks learn better than noise or velocity (Li and He 2025,
arXiv 2511.13720); the way to go from z is ``(x - z) / (1 - t)``. What the photo shows it is told by
a trained hintnet, which stays as it is, and hints by way of that too.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.training.heads import FLOW_UNIT, SoftBinsHead
from photochrom.training.models.hintnet import HintNet, attend

STRIDE = 16
"""Of the chroma that is drawn: finer, it would put no thing nearer to the truth."""
WIDTH, DEPTH = 256, 8
FEATURES = 120
"""Channels of hintnet's features at that stride."""
HEAD = 64
"""Channels of a head of attention."""
WAVES = 32
"""Of each phase, by which time is told."""
DRAWS = 4
"""Times and noises from which each photo of a step is found: hintnet sees it once for all."""
UNCONDITIONAL = 0.1
"""Share of them that are not told what the photo shows, for guidance."""
CHROMA_TIME = -1.5, 1.2
"""Mean and deviation of the logit of times. Chroma is so smooth that noise hides what it is only
near time 0: at 0.1 a photo's mean colour is as large as its noise."""
ANY_TIME = 0.1
"""Share of times that are drawn evenly from 0 to 1."""
STEPS, SHIFT = 8, 5.0
"""Of a draw, and how much denser they lie near time 0."""


class Condition(NamedTuple):
    """What hintnet tells of photos."""

    logits: Tensor
    """``(N, Q, H/4, W/4)``: log of the probability of Q colours, up to a number for each place."""
    features: Tensor
    """``(N, F, H/16, W/16)``."""

    def repeat(self, times: int) -> Condition:
        """Each photo so often, one after another."""
        return Condition(*(part.repeat_interleave(times, 0) for part in self))


class Generator(nn.Module):
    """L ``(N, 1, H, W)`` and hints ``(N, 3, H, W)`` to chroma ``(N, 2, H/16, W/16)``, in units."""

    multiple = 32
    takes_hints = takes_truth = True

    def __init__(self) -> None:
        super().__init__()
        self.colors = SoftBinsHead(0)
        self.hintnet = HintNet(self.colors.channels)
        for told in (self.colors, self.hintnet):
            told.requires_grad_(False)
        self.denoiser = Denoiser(self.colors.centres)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.hintnet.eval()
        return self

    def forward(self, lightness: Tensor, hints: Tensor, lab: Tensor | None = None) -> Tensor:
        """What is found in noise.

        Args:
            lightness: ``(N, 1, H, W)``.
            hints: ``(N, 3, H, W)``.
            lab: the truth, ``(N, 3, H, W)``, to which noise is added; without it, all is noise.

        Returns:
            ``(N * DRAWS, 3, H/16, W/16)``: x as it was found, and the time; without truth, the draw
            of each photo, ``(N, 3, H/16, W/16)``, and 1. The noise is always the same then.
        """
        condition = self.condition(lightness, hints)
        if lab is None:
            draw = torch.Generator().manual_seed(0)
            n, _, h, w = lightness.shape
            noise = torch.randn(1, 2, h // STRIDE, w // STRIDE, generator=draw).to(lightness)
            drawn = self.draw(condition, noise.expand(n, -1, -1, -1))
            return torch.cat([drawn, torch.ones_like(drawn[:, :1])], 1)
        clean = reduce_chroma(lab).repeat_interleave(DRAWS, 0)
        time = draw_times(len(clean), clean.device)
        told = torch.rand(len(clean), device=clean.device) >= UNCONDITIONAL
        noisy = add_noise(clean, torch.randn_like(clean), time)
        found = self.denoiser(noisy, time, condition.repeat(DRAWS), told)
        return torch.cat([found, _planes(time).expand_as(found[:, :1])], 1)

    def condition(self, lightness: Tensor, hints: Tensor) -> Condition:
        """What hintnet tells of photos."""
        raw, features = self.hintnet.forward_with_features(lightness, hints)
        return Condition(raw.float() - self.colors.offset()[:, None, None], features.float())

    def draw(
        self, condition: Condition, noise: Tensor, steps: int = STEPS, guidance: float = 1.0
    ) -> Tensor:
        """Chroma for photos, ``(N, 2, H/16, W/16)``, in units, by Euler's steps.

        Args:
            condition: of the photos.
            noise: ``(N, 2, H/16, W/16)``, where the draws begin.
            steps: more are nearer to where the flow leads.
            guidance: over 1 goes further away from what fits any photo (Ho and Salimans 2022,
                arXiv 2207.12598): draws get more vivid and more alike.
        """
        z, times = noise, step_times(steps).tolist()
        told = torch.ones(len(noise), dtype=torch.bool, device=noise.device)
        for now, then in pairwise(times):
            time = noise.new_full((len(noise),), now)
            x = self.denoiser(z, time, condition, told)
            if guidance != 1:
                any_photo = self.denoiser(z, time, condition, ~told)
                x = any_photo + guidance * (x - any_photo)
            z = z + (then - now) / (1 - now) * (x - z)
        return z


def reduce_chroma(lab: Tensor) -> Tensor:
    """The chroma of ``(N, 3, H, W)``, as it is drawn: ``(N, 2, H/16, W/16)``, in units."""
    return F.avg_pool2d(lab[:, 1:], STRIDE) / FLOW_UNIT


def add_noise(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Where the straight way from noise to the clean chroma is at times ``(N,)``."""
    time = _planes(time)
    return time * clean + (1 - time) * noise


def draw_times(n: int, device: torch.device) -> Tensor:
    """Times to learn from, ``(n,)`` in 0..1: the logit-normal ones of Esser et al. 2024 (arXiv
    2403.03206), with some that lie anywhere.
    """
    mean, deviation = CHROMA_TIME
    usual = torch.sigmoid(mean + deviation * torch.randn(n, device=device))
    anywhere = torch.rand(n, device=device)
    return torch.where(torch.rand(n, device=device) < ANY_TIME, anywhere, usual)


def step_times(steps: int, shift: float = SHIFT) -> Tensor:
    """The times of a draw from 0 to 1, ``(steps + 1,)``; near 0 ``shift`` times as dense."""
    even = torch.linspace(0, 1, steps + 1)
    return even / (even + shift * (1 - even))


class Denoiser(nn.Module):
    """Chroma and noise to chroma, knowing what the photo shows; a transformer on stride 32.

    What it adds to hintnet's mean colours starts at zero.

    Args:
        centres: ab of the colours that hintnet's distribution is over, ``(Q, 2)``.
    """

    centres: Tensor

    def __init__(self, centres: Tensor) -> None:
        super().__init__()
        self.register_buffer("centres", centres.clone())
        looks = 4 * (len(centres) + 3 + FEATURES)
        self.see, self.noisy = nn.Linear(looks, WIDTH), nn.Linear(8, WIDTH)
        self.unseen = nn.Parameter(torch.zeros(WIDTH))
        self.clock = nn.Sequential(
            nn.Linear(2 * WAVES, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 6 * WIDTH)
        )
        self.blocks = nn.ModuleList(Block(WIDTH) for _ in range(DEPTH))
        self.norm, self.last = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 8)
        for start in (self.clock[-1], self.last):
            _silence(start)

    def forward(self, noisy: Tensor, time: Tensor, condition: Condition, told: Tensor) -> Tensor:
        """The clean chroma.

        Args:
            noisy: ``(N, 2, H/16, W/16)``, in units.
            time: ``(N,)``, 0 for noise alone.
            condition: of the photos.
            told: ``(N,)``, which are told what the photo shows.
        """
        looks, mean = self.look(condition)
        told, seen = _planes(told), self.see(looks)
        x = torch.where(told, seen, self.unseen.to(seen)) + self.noisy(_to_patches(noisy))
        shifts = self.clock(_tell_time(time)).view(len(time), 6, WIDTH)
        for block in self.blocks:
            x = block(x, shifts)
        found = self.last(self.norm(x)).float().permute(0, 3, 1, 2)
        return torch.where(told, mean, 0) + F.pixel_shuffle(found, 2)

    def look(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """What each place of stride 32 is told, ``(N, H/32, W/32, looks)``, and the mean chroma."""
        logits, features = condition
        p = F.avg_pool2d(logits.softmax(1), 2)
        squares = self.centres.square().sum(1, keepdim=True)
        moments = F.conv2d(p, torch.cat([self.centres, squares], 1).T[..., None, None])
        mean = moments[:, :2]
        spread = (moments[:, 2:] - mean.square().sum(1, keepdim=True)).clamp(min=0).sqrt()
        log_p = F.avg_pool2d(logits - logits.mean(1, keepdim=True), 2)
        told = torch.cat([mean / FLOW_UNIT, spread / FLOW_UNIT, log_p], 1)
        told = torch.cat([F.avg_pool2d(told, 2), features], 1)
        return _to_patches(told), told[:, :2]


class Block(nn.Module):
    """A transformer block on ``(N, h, w, C)``, as hintnet's, but that time scales and shifts what
    goes in (Peebles and Xie 2022, arXiv 2212.09748), by one table for all blocks (Chen et al. 2023,
    arXiv 2310.00426). All it adds starts at zero.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm1 = nn.LayerNorm(width, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(width, elementwise_affine=False)
        self.query_key_value, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.table = nn.Parameter(torch.zeros(6, width))
        for way_out in (self.position, self.mix, self.down):
            _silence(way_out)

    def forward(self, x: Tensor, shifts: Tensor) -> Tensor:
        """Add what each place sees of the others, at times that say ``(N, 6, C)``."""
        scale1, shift1, gate1, scale2, shift2, gate2 = (
            (self.table + shifts)[:, :, None, None].to(x.dtype).unbind(1)
        )
        x = x + self.position(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + (1 + gate1) * self._attend(self.norm1(x) * (1 + scale1) + shift1)
        inner = F.gelu(self.up(self.norm2(x) * (1 + scale2) + shift2), approximate="tanh")
        return x + (1 + gate2) * self.down(inner)  # type: ignore[no-any-return]

    def _attend(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        parts = self.query_key_value(x).view(n, h * w, 3, -1, HEAD).permute(2, 0, 3, 1, 4)
        seen = attend(*parts.unbind(0))
        return self.mix(seen.transpose(1, 2).reshape(n, h, w, c))  # type: ignore[no-any-return]


def _to_patches(x: Tensor) -> Tensor:
    """``(N, C, h, w)`` as ``(N, h/2, w/2, 4 C)``."""
    return F.pixel_unshuffle(x, 2).permute(0, 2, 3, 1)


def _tell_time(time: Tensor) -> Tensor:
    """Waves of the logit of times ``(N,)``, ``(N, 2 * WAVES)``."""
    place = torch.logit(time, 1e-3)[:, None] * (0.1 + 0.15 * torch.arange(WAVES).to(time))
    return torch.cat([place.sin(), place.cos()], 1)


def _planes(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _silence(module: nn.Module) -> None:
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
