"""What a century does to a photograph, done to L, so that training has seen it.

The users' photos are blurred, faded, grainy and compressed; the training photos are not. Only the
lightness the network sees is harmed: the colours it is asked for, and those of hints, stay true.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from photochrom.color import light_to_lightness, rgb_to_light

KINDS = ("blur", "grain", "fade", "jpeg")
"""In the order in which they happen to a photo."""
DEGRADE_UNIFORMS = 2 * len(KINDS) + 4
"""Random numbers a photo takes."""
OFTEN = 0.5
"""How often each kind happens to a photo that is degraded at all."""

RESPONSES = (  # of film to linear red and green, lowest and highest share; blue has the rest
    ((0.0, 0.05), (0.05, 0.25)),  # blue-sensitive: the first plates
    ((0.02, 0.15), (0.25, 0.5)),  # orthochromatic: blind to red until about 1925
    ((0.2, 0.4), (0.3, 0.45)),  # panchromatic
    ((0.3, 0.45), (0.4, 0.5)),  # the same behind a yellow filter
)
FILM_UNIFORMS = 5
"""Random numbers that :func:`film` takes for a photo."""

# The luminance table of the JPEG standard (ITU T.81, annex K.1).
QUANTISATION = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)


def degrade(lightness: Tensor, share: float, uniforms: Tensor, noise: Tensor) -> Tensor:
    """Lightness as an old print would give it.

    Args:
        lightness: ``(N, 1, H, W)``, 0..100; H and W divide by 8.
        share: of the photos that are degraded; each then suffers some of :data:`KINDS`.
        uniforms: ``(N, DEGRADE_UNIFORMS)`` uniform in 0..1, which decide everything.
        noise: a field of normal numbers, ``(M, M)`` with M at least H and W, from which each photo
            takes its grain: one field for all steps, so that grain is the same on every device.

    Returns:
        ``(N, 1, H, W)``, 0..100.
    """
    harmed, which = uniforms[:, 0] < share, uniforms[:, 1:5] < OFTEN
    blur_, grain_, fade_, jpeg_, low, high, bend = uniforms[:, 5:].unbind(1)
    steps = {
        "blur": lambda x: blur(x, 0.4 + 1.6 * blur_),
        "grain": lambda x: grain(x, 1 + 8 * grain_**2, low, high, noise),
        "fade": lambda x: fade(x, 30 * low * fade_, 100 - 35 * high * fade_, 2 ** (bend - 0.5)),
        "jpeg": lambda x: jpeg(x, 15 + 70 * jpeg_),
    }
    for i, kind in enumerate(KINDS):
        chosen = (harmed & which[:, i])[:, None, None, None]
        lightness = torch.where(chosen, steps[kind](lightness), lightness)
    return lightness


def film(rgb: Tensor, uniforms: Tensor) -> Tensor:
    """Lightness as film saw it that was blind to some colours: lips dark, skies white.

    Args:
        rgb: ``(N, 3, H, W)`` sRGB, 0..1.
        uniforms: ``(N, FILM_UNIFORMS)`` in 0..1, which choose one of :data:`RESPONSES`, its
            shares, and the film's curve: an exposure and a contrast.

    Returns:
        ``(N, 1, H, W)``, 0..100.
    """
    which, red, green, exposure, contrast = uniforms.unbind(1)
    ends = _on(rgb.device)["film"][(which * len(RESPONSES)).long()]  # (N, 2, 2)
    low, high = ends.unbind(2)
    shares = low + (high - low) * torch.stack([red, green], 1)
    shares = torch.cat([shares, 1 - shares.sum(1, keepdim=True)], 1)[:, :, None, None]
    light = (rgb_to_light(rgb) * shares).sum(1, keepdim=True)
    gain, gamma = (2 ** (0.6 * (u - 0.5))[:, None, None, None] for u in (exposure, contrast))
    return light_to_lightness((gain * light**gamma).clamp(0, 1))


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """A Gaussian of ``sigma`` ``(N,)`` pixels."""
    reach = torch.arange(-4, 5, device=x.device, dtype=x.dtype)
    kernel = torch.exp(-((reach / sigma[:, None]) ** 2) / 2)
    kernel = kernel / kernel.sum(1, keepdim=True)  # (N, 9)
    x = F.pad(x, (4, 4, 4, 4), mode="replicate").transpose(0, 1)
    x = F.conv2d(x, kernel[:, None, :, None], groups=len(sigma))
    return F.conv2d(x, kernel[:, None, None, :], groups=len(sigma)).transpose(0, 1)


def grain(x: Tensor, strength: Tensor, top: Tensor, left: Tensor, noise: Tensor) -> Tensor:
    """Silver grain of ``strength`` ``(N,)`` in units of L, most in the middle tones."""
    h, w = x.shape[2:]
    rows = (top * (len(noise) - h)).long()[:, None] + torch.arange(h, device=x.device)
    columns = (left * (len(noise) - w)).long()[:, None] + torch.arange(w, device=x.device)
    field = noise[rows[:, :, None], columns[:, None]]
    tone = (x.clamp(0, 100) / 100 * math.pi).sin()
    return (x + field[:, None] * strength[:, None, None, None] * (0.3 + 0.7 * tone)).clamp(0, 100)


def fade(x: Tensor, black: Tensor, white: Tensor, gamma: Tensor) -> Tensor:
    """Black and white come nearer to each other and the middle tones shift; each ``(N,)``."""
    black, white, gamma = (t[:, None, None, None] for t in (black, white, gamma))
    return black + (white - black) * (x.clamp(0, 100) / 100) ** gamma


def jpeg(x: Tensor, quality: Tensor) -> Tensor:
    """JPEG's loss at ``quality`` ``(N,)`` 1..100: quantised 8 × 8 cosines."""
    n, _, h, w = x.shape
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)[:, None, None, None, None]
    constants = _on(x.device)
    table, cosine = (constants["jpeg"] * scale).clamp(min=1), constants["cosine"]
    blocks = x.reshape(n, h // 8, 8, w // 8, 8).transpose(2, 3) * 2.55 - 128
    kept = torch.round(cosine @ blocks @ cosine.T / table) * table
    restored = (cosine.T @ kept @ cosine + 128) / 2.55
    return restored.transpose(2, 3).reshape(n, 1, h, w).clamp(0, 100)


@cache
def _on(device: torch.device) -> dict[str, Tensor]:
    """The constants on a device, sent there once: to send a number there, a GPU has to wait."""
    k, x = np.mgrid[:8, :8]
    cosine = np.cos((2 * x + 1) * k * np.pi / 16) / 2  # the orthonormal 8-point transform
    cosine[0] /= math.sqrt(2)
    constants = {
        "film": torch.tensor(RESPONSES),
        "jpeg": QUANTISATION,
        "cosine": torch.from_numpy(cosine).float(),
    }
    return {name: value.to(device) for name, value in constants.items()}
