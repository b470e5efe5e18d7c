"""The palette of a point: the colour that it has, and others that a person may want there.

A network tells p, the probability of each of Q colours. Grey and dull ones are the commonest, so
by p alone a palette would begin with grey almost everywhere, and go on with four kinds of sand.
So colours count as the dial ``vivid`` decodes them, by p * w ** vivid, where w is larger the
rarer a colour is; then the one is taken around which there is most of that, then the one around
which there is most of what is left, and so on. What the eye would not tell apart is one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photochrom.color import Array, fit_gamut, lab_to_rgb, rgb_to_lab, to_uint8
from photochrom.inference.color_names import GREY, name_color, parse_color

_AROUND = 12.0
"""ab, within which a colour stands for others."""
_APART = 10.0
"""ab, that two colours of a palette lie apart at least."""
_COMMON = 10.0
"""ab: a colour of that chroma is 1/e as common as grey. With this, :func:`rarity` explains 82 % of
the variance of the log of the weights that hintnet 3 was trained with."""
_UNIFORM = 0.5
"""Lambda in Zhang et al. 2016 (arXiv 1603.08511), equation 4; as ``--rebalance``."""
_CLEARLY = 0.7
"""How much speaks for grey where it comes first: of 455 places of 91 photographs held out from
training, the truth was within 12 ab of grey in 87 % of those where as much did."""
_GREY_AT = 8
"""How many colours come before grey elsewhere: it is the last of the nine that are usual."""
_LIKELY = 1 / 6
"""How much speaks for a thing whose colour is known: as much speaks for five others at most."""

THINGS: dict[str, tuple[str | tuple[float, float], float, float]] = {
    "light skin": ("#c29682", 50, 85),
    "dark skin": ("#735244", 25, 55),
    "leaves": ("#576c43", 20, 70),
    "sky": ("#627a9d", 35, 90),
    "wood": ("burly wood", 25, 85),
    "brown hair": ((6.0, 8.0), 8, 25),
}
"""Colours of things that everybody knows, and the L that they have in photos, in light and shade.

Skin, leaves and sky are those of the ColorChecker (D. Pascale, RGB Coordinates of the Macbeth
ColorChecker, 2006), wood is that of CSS, hair is level 9 of the Japan Hair Color Association.
"""


@dataclass(frozen=True)
class Swatch:
    """A colour that a point may have."""

    color: str
    """``"#rrggbb"`` at the point's own lightness: ready for a :class:`.hints.Hint`."""
    ab: tuple[float, float]
    probability: float
    """Of it and of what looks like it, as the dial counts it."""
    name: str
    """Of CSS, in words; in a palette each has its own."""


@dataclass(frozen=True)
class Palette:
    """The colours of a point."""

    lightness: float
    """L there, 0..100, which all of them have."""
    keep: Swatch
    """What it has now."""
    colors: tuple[Swatch, ...]
    """What else it may have, the likeliest first; grey is the ninth, or the last of fewer, unless
    it is clearly the likeliest."""


def make_palette(
    p: Array, centres: Array, L: float, present: Array, *, vivid: float, most: int
) -> Palette:
    """The palette of a point.

    Args:
        p: ``(Q,)``, as the network tells it.
        centres: ``(Q, 2)``, ab of what it is told of.
        L: of the point.
        present: ab that it has now.
        vivid: the dial, 0..1.
        most: how many colours, beside the present one; the first are the same for any number.
    """
    reachable = _fit(centres, L)
    q = p.astype(float) * rarity(centres) ** vivid
    q /= q.sum()
    now = _fit(np.reshape(present, (1, 2)), L)
    share = q[_near(reachable, now[0])].sum()
    ab, shares = choose_colors(q, reachable, L, now[0])
    keep, *others = _to_swatches(np.vstack([now, ab[:most]]), [share, *shares[:most]], L)
    return Palette(L, keep, tuple(others))


def rarity(centres: Array) -> Array:
    """w ``(Q,)``, how much more a rare colour counts than a common one: more, the stronger it is.

    Weights of classes as Zhang et al. 2016 (arXiv 1603.08511), equation 4, make them.
    """
    common = np.exp(-np.linalg.norm(centres, axis=1) / _COMMON)
    common /= common.sum()
    weights = 1 / ((1 - _UNIFORM) * common + _UNIFORM / len(centres))
    return np.asarray(weights / (weights * common).sum())


def choose_colors(q: Array, centres: Array, L: float, present: Array) -> tuple[Array, Array]:
    """Colours that the eye tells apart, and from the present one, in the order of a palette.

    Args:
        q: ``(Q,)``, how much speaks for each; together 1.
        centres: ``(Q, 2)``, inside the gamut at L.
        L: of the point.
        present: ab that it has now.

    Returns:
        ab ``(m, 2)`` and what speaks for each ``(m,)``.
    """
    left, free = q.copy(), np.ones(len(q), bool)
    ab: list[Array] = []
    shares: list[float] = []

    def take(color: Array) -> None:
        around = _near(centres, color)
        ab.append(color)
        shares.append(float(left[around].sum()))
        left[around] = 0
        free[np.linalg.norm(centres - color, axis=1) < _APART] = False

    take(present)
    for color in _things(L):
        if left[_near(centres, color)].sum() > _LIKELY and _is_apart(color, ab):
            take(color)
    near = np.linalg.norm(centres[:, None] - centres, axis=-1) < _AROUND  # (Q, Q)
    while free.any():
        best = int(np.where(free, near @ left, -1).argmax())
        here = left * near[best]
        mean = here @ centres / max(here.sum(), 1e-12)
        take(mean if here.sum() > 0 and _is_apart(mean, ab) else centres[best])
    order = _put_grey_back(list(np.argsort(-np.array(shares[1:]), kind="stable") + 1), ab, shares)
    return np.reshape(ab, (-1, 2))[order], np.array(shares)[order]


def _put_grey_back(order: list[int], ab: list[Array], shares: list[float]) -> list[int]:
    """The order with grey where it belongs."""
    greys = [i for i in order if np.linalg.norm(ab[i]) < GREY]
    others = [i for i in order if i not in greys[:1]]
    at = 0 if greys and shares[greys[0]] > _CLEARLY else _GREY_AT
    return others[:at] + greys[:1] + others[at:]


def _things(L: float) -> Array:
    """ab of the things that may have that lightness, ``(n, 2)``, at it."""
    found = [
        rgb_to_lab(np.array(parse_color(color)) / 255, axis=0)[1:]
        if isinstance(color, str)
        else np.array(color)
        for color, low, high in THINGS.values()
        if low <= L <= high
    ]
    return _fit(np.reshape(found, (-1, 2)), L)


def _fit(ab: Array, L: float) -> Array:
    """ab ``(n, 2)`` as near as sRGB has them at L."""
    lab = np.column_stack([np.full(len(ab), L), ab]).astype(np.float32)
    return np.asarray(fit_gamut(lab, axis=1)[:, 1:])


def _near(centres: Array, color: Array) -> Array:
    return np.asarray(np.linalg.norm(centres - color, axis=1) < _AROUND)


def _is_apart(color: Array, ab: list[Array]) -> bool:
    return not ab or bool(np.linalg.norm(np.array(ab) - color, axis=1).min() >= _APART)


def _to_swatches(ab: Array, shares: Sequence[float], L: float) -> list[Swatch]:
    """Colours ``(n, 2)`` as they are seen at L, no two called the same."""
    lab = np.column_stack([np.full(len(ab), L), _fit(ab, L)])
    rgb = to_uint8(lab_to_rgb(lab, axis=1))
    names: list[str] = []
    for color in lab:
        names.append(name_color(color, names))
    return [
        Swatch("#{:02x}{:02x}{:02x}".format(*levels), (float(a), float(b)), float(share), name)
        for levels, (_, a, b), share, name in zip(rgb, lab, shares, names, strict=True)
    ]
