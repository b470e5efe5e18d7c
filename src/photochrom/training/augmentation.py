"""What training does to a batch of photos: crops, things of another colour, hints.

Everything here is done to the whole batch at once, where the batch lies, and asks nothing back
from there, so that a GPU never waits. ``uniforms`` are random numbers, uniform in 0..1, a row for
each photo: all that is random is in them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from photochrom.color import lab_to_rgb, rgb_to_lab

CROP_UNIFORMS = 4
RECOLOR_UNIFORMS = 10
HINTS_MOST = 128
"""A hinted photo gets 1 to so many hints, every order of magnitude as often: half of the photos
get up to 10, as a person would give, and some as many as a reference photo gives."""
HINT_UNIFORMS = 3 + 2 * HINTS_MOST
REACH = 4
"""A hint reveals a patch of 1 to 2 * REACH + 1 pixels a side."""
LARGEST = 0.5
"""Of a photo: what is larger is no thing, but what all of it looks like."""


def crop(windows: Tensor, uniforms: Tensor, zoom: float, size: int) -> Tensor:
    """A random square of each photo, half of them mirrored, as RGB.

    Bicubic (Keys 1981, a = -0.5), widened where it shrinks, as Pillow does it: by two matrix
    products, as each photo has its own scale.

    Args:
        windows: ``(N, S, S, 3)`` uint8.
        uniforms: ``(N, CROP_UNIFORMS)``.
        zoom: the smallest square's side as a share of S; the largest is S.
        size: of the result.

    Returns:
        ``(N, 3, size, size)`` in 0..1.
    """
    n, side = windows.shape[:2]
    wide, top, left, mirror = uniforms.unbind(1)
    cut = side * (zoom + (1 - zoom) * wide)
    rows, columns = (_resampling(place * (side - cut), cut, side, size) for place in (top, left))
    columns = torch.where(mirror[:, None, None] < 0.5, columns.flip(1), columns)
    tall = rows @ (windows.float() / 255).flatten(2)  # (N, size, S * 3)
    turned = tall.view(n, size, side, 3).permute(0, 2, 3, 1).reshape(n, side, 3 * size)
    rgb = (columns @ turned).view(n, size, 3, size)  # (N, x, 3, y)
    return rgb.permute(0, 2, 3, 1).clamp(0, 1)


def _resampling(start: Tensor, cut: Tensor, side: int, size: int) -> Tensor:
    """How ``size`` pixels are mixed of those from ``start`` on for ``cut``, ``(N, size, side)``."""
    pixel = torch.arange(side, device=cut.device) + 0.5
    scale = cut / size
    middle = start[:, None] + (torch.arange(size, device=cut.device) + 0.5) * scale[:, None]
    x = (pixel - middle[..., None]).abs() / scale.clamp(min=1)[:, None, None]
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    weights = torch.where(x < 1, inner, torch.where(x < 2, outer, 0))
    return weights / weights.sum(2, keepdim=True)


def recolor(lab: Tensor, uniforms: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give one thing of each photo another colour, its lightness kept.

    A thing is what looks nearly like a random point, near it or anywhere, so that its edges are
    such as lightness shows, too. Its hue is turned, or its colour replaced. So a network learns
    that a hint speaks for what it lies on, however unlikely, and that the rest stays what it is.

    Args:
        lab: ``(N, 3, H, W)``.
        uniforms: ``(N, RECOLOR_UNIFORMS)``.

    Returns:
        Lab with the thing recoloured; how far each pixel belongs to it, ``(N, 1, H, W)`` in 0..1;
        and the point, ``(N, 2)`` y and x in 0..1.
    """
    point, (alike, tone, near, apart, way, turn, hue, chroma) = uniforms[:, :2], uniforms[:, 2:].T
    soft = F.avg_pool2d(lab, 3, 1, 1, count_include_pad=False)
    own = _at(soft, point)  # (N, 3, 1, 1)
    unlike = (soft - own).square()
    far = unlike[:, 1:].sum(1, keepdim=True) / _column(6 + 10 * alike).square()
    far = far + unlike[:, :1] / _column(15 + 45 * tone).square()
    y, x = (
        (torch.arange(n, device=lab.device) + 0.5) / n - point[:, i, None]
        for i, n in enumerate(lab.shape[2:])
    )
    distance = y[:, None, :, None].square() + x[:, None, None, :].square()
    reach = torch.where(near < 0.3, 0.15 + 0.35 * apart, 10)  # or wherever it is
    far = (far + distance / _column(reach).square()).sqrt()
    thing = F.avg_pool2d((6 * (1 - far)).sigmoid(), 3, 1, 1, count_include_pad=False)
    thing = thing * (thing.mean((1, 2, 3), keepdim=True) < LARGEST)
    ab = lab[:, 1:]
    angle = _column(math.pi * (1 / 6 + turn * 5 / 3))  # 30 to 330 degrees
    a, b = ab[:, :1], ab[:, 1:]
    turned = torch.cat([a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()], 1)
    hue, chroma = _column(2 * math.pi * hue), _column(10 + 60 * chroma)
    replaced = torch.cat([hue.cos(), hue.sin()], 1) * chroma + (ab - own[:, 1:]) / 2
    ab = ab.lerp(torch.where(_column(way) < 0.5, turned, replaced), thing)
    # What sRGB cannot show no photo can show: what it would show instead.
    possible = rgb_to_lab(lab_to_rgb(torch.cat([lab[:, :1], ab], 1)).clamp(0, 1))[:, 1:]
    return torch.cat([lab[:, :1], possible], 1), thing, point


def choose_hints(uniforms: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Where hints go.

    Args:
        uniforms: ``(N, HINT_UNIFORMS)``.
        share: of the photos that have any.

    Returns:
        Points, ``(N, HINTS_MOST, 2)`` y and x in 0..1; whether there is a hint at each,
        ``(N, HINTS_MOST)``; and how many pixels it reaches to each side, ``(N,)``.
    """
    hinted, many, reach = uniforms[:, :3].unbind(1)
    count = torch.where(hinted < share, ((HINTS_MOST + 1) ** many).floor(), 0)
    given = torch.arange(HINTS_MOST, device=uniforms.device) < count[:, None]
    points = uniforms[:, 3:].reshape(-1, HINTS_MOST, 2)
    return points, given, (reach * (REACH + 1)).floor()


def hint_recolored(
    points: Tensor, given: Tensor, thing: Tensor, point: Tensor, uniforms: Tensor
) -> tuple[Tensor, Tensor]:
    """Have one hint at least on the thing of another colour; half of the photos have no others.

    Args:
        points: as of :func:`choose_hints`; of photos without hints as well.
        given: likewise.
        thing: as of :func:`recolor`.
        point: likewise.
        uniforms: ``(N,)``.

    Returns:
        The new ``points`` and ``given``.
    """
    on_it = _at(thing, points)[:, 0] > 0.5  # (N, HINTS_MOST)
    given = given & (on_it | (uniforms[:, None] < 0.5))
    points = torch.cat([point[:, None], points[:, 1:]], 1)
    return points, torch.cat([torch.ones_like(given[:, :1]), given[:, 1:]], 1)


def render_hints(ab: Tensor, points: Tensor, given: Tensor, reach: Tensor) -> Tensor:
    """Hint planes ``(N, 3, H, W)``: a, b and a mask; each hint shows the mean ab of its patch.

    Args:
        ab: ``(N, 2, H, W)``.
        points: as of :func:`choose_hints`. Where patches overlap the last shows.
        given: likewise.
        reach: likewise.
    """
    n, _, h, w = ab.shape
    y, x = _pixels(points, h, w)
    offset = torch.arange(-REACH, REACH + 1, device=ab.device)
    rows, columns = (
        y[..., None, None] + offset[:, None],
        x[..., None, None] + offset,
    )  # (N, K, 9, 9)
    near = offset.abs() <= reach[:, None]
    shown = (near[:, :, None] & near[:, None])[:, None] & given[..., None, None]
    shown = shown & (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    pixel = torch.where(shown, rows * w + columns, h * w).flatten(1)  # (N, K * 81)
    padded = F.pad(ab.flatten(2), (0, 1))  # the last is none
    patches = padded.gather(2, pixel[:, None].expand(-1, 2, -1)).view(n, 2, -1, offset.numel() ** 2)
    means = patches.sum(3) / shown.flatten(2).sum(2).clamp(min=1)[:, None]  # (N, 2, K)
    number = torch.arange(1, points.shape[1] + 1, device=ab.device, dtype=torch.int32)
    number = number[:, None].expand(n, -1, patches.shape[3]).flatten(1)
    last = torch.zeros(n, h * w + 1, dtype=torch.int32, device=ab.device)
    last = last.scatter_reduce(1, pixel, number, "amax")[:, :-1].long()  # 0 where there is none
    values = F.pad(torch.cat([means, torch.ones_like(means[:, :1])], 1), (1, 0))  # (N, 3, 1 + K)
    return values.gather(2, last[:, None].expand(-1, 3, -1)).view(n, 3, h, w)


def _at(planes: Tensor, points: Tensor) -> Tensor:
    """Planes ``(N, C, H, W)`` at ``(N, 2)`` or ``(N, K, 2)``: ``(N, C, 1, 1)`` or ``(N, C, K)``."""
    y, x = _pixels(points.view(len(points), -1, 2), *planes.shape[2:])
    pixel = (y * planes.shape[3] + x)[:, None].expand(-1, planes.shape[1], -1)
    values = planes.flatten(2).gather(2, pixel)
    return values[..., None] if points.ndim == 2 else values


def _pixels(points: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
    """Rows and columns of points in 0..1."""
    y, x = points.unbind(-1)
    return (y * h).long().clamp(max=h - 1), (x * w).long().clamp(max=w - 1)


def _column(values: Tensor) -> Tensor:
    """``(N,)`` as ``(N, 1, 1, 1)``."""
    return values[:, None, None, None]
