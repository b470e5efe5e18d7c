"""A generator of chroma: each draw gives all places of a photo colours that go together.

Flow matching (Lipman et al. 2022, arXiv 2210.02747). A draw begins as noise, at time 0, and ends at
time 1 as the chroma x of a photo, at a stride of 16; between them lies ``z = t x + (1 - t) noise``.
The network answers x, which small networks learn better than noise or velocity (Li and He 2025,
arXiv 2511.13720); the way to go from z is ``(x - z) / (1 - t)``. Of the photo it knows what a
trained hintnet takes for likely at each place; hints reach it that way, too.
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from photochrom.inference.generator import MULTIPLE, STEPS, STRIDE, UNIT, plan_steps
from photochrom.training.heads import SoftBinsHead, reduce_chroma
from photochrom.training.models.hintnet import HintNet, attend, silence

WIDTH, DEPTH = 256, 8
HEAD = 64
"""Channels of a head of attention."""
WAVES = 32
"""Of each phase, by which a time is embedded."""
DRAWS = 4
"""Times and noises from which each photo of a step is found: hintnet sees it once for all."""
CHROMA_TIME = -1.5, 1.2
"""Mean and deviation of the logit of times. Chroma is so smooth that noise hides what it is only
near time 0: at 0.1 a photo's mean colour is as large as its noise."""
ANY_TIME = 0.1
"""Share of times that are drawn evenly from 0 to 1."""


class Generator(nn.Module):
    """L ``(N, 1, H, W)`` and hints ``(N, 3, H, W)`` to chroma ``(N, 2, H/16, W/16)``, in units."""

    multiple = MULTIPLE
    takes_hints = takes_truth = True

    def __init__(self) -> None:
        super().__init__()
        self.colors = SoftBinsHead(0)
        self.hintnet = HintNet(self.colors.channels)
        for frozen in (self.colors, self.hintnet):
            frozen.requires_grad_(False)
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
        logits = self.ask(lightness, hints)
        if lab is None:
            draw = torch.Generator().manual_seed(0)
            n, _, h, w = lightness.shape
            noise = torch.randn(1, 2, h // STRIDE, w // STRIDE, generator=draw).to(lightness)
            drawn = self.draw(logits, noise.expand(n, -1, -1, -1))
            return torch.cat([drawn, torch.ones_like(drawn[:, :1])], 1)
        clean = reduce_chroma(lab).repeat_interleave(DRAWS, 0)
        time = draw_times(len(clean), clean.device)
        noisy = add_noise(clean, torch.randn_like(clean), time)
        found = self.denoiser(noisy, time, logits)
        return torch.cat([found, _planes(time).expand_as(found[:, :1])], 1)

    def ask(self, lightness: Tensor, hints: Tensor) -> Tensor:
        """What hintnet takes for likely, ``(N, Q, H/4, W/4)``: the ``logits`` of the contract."""
        raw: Tensor = self.hintnet(lightness, hints)
        return raw.float()

    def draw(self, logits: Tensor, noise: Tensor, steps: int = STEPS) -> Tensor:
        """Chroma for photos, ``(N, 2, H/16, W/16)``, in units.

        Args:
            logits: of :meth:`ask`.
            noise: ``(N, 2, H/16, W/16)``, where the draws begin.
            steps: more are nearer to where the flow leads.
        """
        z = before = noise
        for at, share, beyond in plan_steps(steps):
            x = self.denoiser(z, noise.new_full((len(noise),), at), logits)
            z, before = z + share * (x + beyond * (x - before) - z), x
        return z


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
        looks = 4 * (len(centres) + 3)
        self.see, self.noisy = nn.Linear(looks, WIDTH), nn.Linear(8, WIDTH)
        self.embed_time = nn.Sequential(
            nn.Linear(2 * WAVES, WIDTH), nn.SiLU(), nn.Linear(WIDTH, 6 * WIDTH)
        )
        self.blocks = nn.ModuleList(Block(WIDTH) for _ in range(DEPTH))
        self.norm, self.last = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 8)
        for start in (self.embed_time[-1], self.last):
            silence(start)

    def forward(self, noisy: Tensor, time: Tensor, logits: Tensor) -> Tensor:
        """The clean chroma.

        Args:
            noisy: ``(N, 2, H/16, W/16)``, in units.
            time: ``(N,)``, 0 for noise alone.
            logits: ``(M, Q, H/4, W/4)`` of M photos, each of which has N / M in a row.
        """
        looks, mean = self.look(logits)
        times = len(noisy) // len(logits)
        seen, mean = (x.repeat_interleave(times, 0) for x in (self.see(looks), mean))
        x = seen + self.noisy(_to_patches(noisy))
        shifts = self.embed_time(_to_waves(time)).view(len(time), 6, WIDTH)
        for block in self.blocks:
            x = block(x, shifts)
        found = self.last(self.norm(x)).float().permute(0, 3, 1, 2)
        return mean + F.pixel_shuffle(found, 2)

    def look(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """What is known of places at stride 32, ``(M, H/32, W/32, looks)``, and the mean chroma."""
        p = F.avg_pool2d(logits.softmax(1), 2)
        squares = self.centres.square().sum(1, keepdim=True)
        moments = F.conv2d(p, torch.cat([self.centres, squares], 1).T[..., None, None])
        mean = moments[:, :2]
        spread = (moments[:, 2:] - mean.square().sum(1, keepdim=True)).clamp(min=0).sqrt()
        log_p = F.avg_pool2d(logits - logits.mean(1, keepdim=True), 2)
        looks = F.avg_pool2d(torch.cat([mean / UNIT, spread / UNIT, log_p], 1), 2)
        return _to_patches(looks), looks[:, :2]


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
            silence(way_out)

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


def _to_waves(time: Tensor) -> Tensor:
    """Waves of the logit of times ``(N,)``, ``(N, 2 * WAVES)``."""
    place = torch.logit(time, 1e-3)[:, None] * (0.1 + 0.15 * torch.arange(WAVES).to(time))
    return torch.cat([place.sin(), place.cos()], 1)


def _planes(values: Tensor) -> Tensor:
    return values[:, None, None, None]
