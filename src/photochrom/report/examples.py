"""Photographs to look at: the same ones by every model, each model's best and worst, close-ups.

Which photos are shown is decided by rules, never by hand. They are found again by their name in
the figures, and shown as they were measured: cut by the protocol, and only if they still are what
was measured.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photochrom.color import (
    Pixels,
    Plane,
    fit_gamut,
    lab_to_rgb,
    planes_to_pixels,
    rgb_to_lab,
)
from photochrom.evaluation import metrics
from photochrom.evaluation.protocol import Protocol, crop, shown_lightness
from photochrom.evaluation.results import Results, Score
from photochrom.evaluation.rows import GREY, TRUTH, Row

ColorizeFunction = Callable[[Plane], Plane]
"""L ``(1, 1, H, W)`` to ab ``(1, 2, H, W)`` or RGB ``(1, 3, H, W)``, as evaluate asks them."""
Find = Callable[[str], Pixels | None]
"""A photo ``(H, W, 3)`` uint8 by its name in the figures; None where it cannot be had."""

PLATES = 24
"""Photos on the sheets."""
CLOSE_UPS = 3
THUMB, LARGE = 224, 384  # longest sides, pixels
QUALITY = 80
AMPLIFIED = 4.0
"""How many times a close-up's chroma departs further from its mean than it does."""
_LOOKED_THROUGH = 200
"""Photos among which those with the largest smooth and coloured regions are sought."""
_COLORED = 8.0
"""Chroma from which steps can be seen."""


@dataclass(frozen=True)
class Shot:
    """One picture of a photo."""

    label: str
    source: str
    """A data: URI."""
    size: tuple[int, int]
    """Width and height of the file, pixels."""
    note: str = ""


@dataclass(frozen=True)
class Plate:
    """One photo in several versions."""

    title: str
    shots: tuple[Shot, ...]


@dataclass(frozen=True)
class CloseUp:
    """A smooth and coloured place of a photo, by several rows."""

    whole: Shot
    """The photo, with the place framed."""
    plain: tuple[Shot, ...]
    """The place as it is, the truth first."""
    loud: tuple[Shot, ...]
    """The same, its chroma alone and amplified."""


@dataclass(frozen=True)
class ExampleView:
    """A photo as it was measured."""

    name: str
    lab: Plane  # (3, H, W)
    pixels: Pixels  # (H, W, 3)


@dataclass(frozen=True)
class Gallery:
    """Where pictures come from."""

    results: Results
    painters: Mapping[Row, ColorizeFunction]
    """By row."""
    find: Find

    @cached_property
    def sheet(self) -> tuple[ExampleView, ...]:
        """Up to 24 photos, evenly spaced among all that were measured."""
        scores = self.results.rows[GREY]
        chosen = np.unique(np.linspace(0, len(scores) - 1, PLATES).round().astype(int))
        return tuple(view for i in chosen if (view := self.view(scores[i])))

    def view(self, score: Score) -> ExampleView | None:
        """The photo of a score, if it can be had and is the one that was measured."""
        photo = self.find(score.photo)
        if photo is None:
            return None
        protocol = cast(Protocol, self.results.protocol)
        pixels = crop(photo, protocol)
        rgb = _planes(pixels)
        if abs(metrics.colorfulness(rgb) - score.truth_colorfulness) > 0.01:
            return None
        lab = rgb_to_lab(rgb)
        lab[:1] = shown_lightness(pixels, lab, protocol)
        return ExampleView(score.photo, lab, pixels)

    def plate(self, view: ExampleView, rows: Mapping[Row, str], side: int = THUMB) -> Plate:
        """Grey, each row with what there is to note of it, and the truth."""
        grey = lab_to_rgb(view.lab * np.array([1, 0, 0], np.float32).reshape(3, 1, 1))
        shots = [shot(GREY, planes_to_pixels(grey), side)]
        shots += [shot(row, self.paint(view, row), side, note) for row, note in rows.items()]
        return Plate(_title(view.name), (*shots, shot(TRUTH, view.pixels, LARGE)))

    def paint(self, view: ExampleView, row: Row) -> Pixels:
        """The photo as a row paints it, ``(H, W, 3)``."""
        answer = np.asarray(self.painters[row](view.lab[None, :1].copy()), np.float32)[0]
        if len(answer) == 2:
            answer = lab_to_rgb(fit_gamut(np.concatenate([view.lab[:1], answer])))
        return planes_to_pixels(answer)

    def extremes(self, row: Row) -> tuple[Plate, ...]:
        """The photos that a row met best, middling and worst by its ΔE00, each beside the truth."""
        scores = sorted(self.results.rows[row], key=lambda score: score.delta_e)
        plates = []
        for word, score in zip(
            ("best", "median", "worst"),
            (scores[0], scores[len(scores) // 2], scores[-1]),
            strict=True,
        ):
            if view := self.view(score):
                note = f"ΔE00 {score.delta_e:.1f}"
                shots = shot(row, self.paint(view, row)), shot(TRUTH, view.pixels)
                plates.append(Plate(f"{word}, {note}", shots))
        return tuple(plates)

    def close_ups(self, rows: Sequence[Row]) -> tuple[CloseUp, ...]:
        """Smooth regions as they are, and their chroma alone, amplified; each with its jump."""
        scores = [score for score in self.results.rows[GREY] if score.truth_steps]
        every = max(1, -(-len(scores) // _LOOKED_THROUGH))
        views = (view for score in scores[::every] if (view := self.view(score)))
        even = [
            (view, metrics.smooth(view.lab) & (np.hypot(*view.lab[1:]) >= _COLORED))
            for view in views
        ]
        found = sorted((pair for pair in even if pair[1].any()), key=lambda pair: -pair[1].mean())
        return tuple(self._close_up(*pair, rows) for pair in found[:CLOSE_UPS])

    def _close_up(
        self, view: ExampleView, even: npt.NDArray[np.bool_], rows: Sequence[Row]
    ) -> CloseUp:
        where = _evenest(even)
        steps_of = {TRUTH: self._score(GREY, view.name).truth_steps}
        steps_of |= {row: self._score(row, view.name).steps for row in rows}
        plain, loud = [], []
        for row, steps in steps_of.items():
            pixels = view.pixels if row == TRUTH else self.paint(view, row)
            piece = pixels[where]
            note = f"jump {steps.jump:.1f}" if steps else "jump unknown"
            plain.append(shot(row, piece, LARGE, note, lossless=True))
            loud.append(shot(row, amplified(piece), LARGE, note, lossless=True))
        whole = shot(_title(view.name), _framed(view.pixels, where), LARGE)
        return CloseUp(whole, tuple(plain), tuple(loud))

    def _score(self, row: Row, photo: str) -> Score:
        return next(score for score in self.results.rows[row] if score.photo == photo)


def amplified(piece: Pixels) -> Pixels:
    """Chroma alone, at one lightness, its departures from the mean enlarged: steps become edges."""
    lab = rgb_to_lab(_planes(piece))
    mean = lab.mean((1, 2), keepdims=True)
    lab[1:] = mean[1:] + AMPLIFIED * (lab[1:] - mean[1:])
    lab[0] = 65
    return planes_to_pixels(lab_to_rgb(fit_gamut(lab)))


def _evenest(even: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """The square of half the short side that holds most of it."""
    side = max(min(even.shape) // 2, 1)
    share = cv2.boxFilter(even.astype(np.float32), -1, (side, side), anchor=(0, 0))
    inside = share[: even.shape[0] - side + 1, : even.shape[1] - side + 1]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(top), int(top) + side), slice(int(left), int(left) + side)


def _framed(pixels: Pixels, where: tuple[slice, slice]) -> Pixels:
    """With a white frame, black inside, around a place."""
    rows, columns = where
    framed = pixels.copy()
    for inset, grey in ((0, 255), (1, 255), (2, 0)):
        top, left = rows.start + inset, columns.start + inset
        bottom, right = rows.stop - 1 - inset, columns.stop - 1 - inset
        cv2.rectangle(framed, (left, top), (right, bottom), (grey, grey, grey))
    return framed


def shot(
    label: object, pixels: Pixels, side: int = THUMB, note: str = "", lossless: bool = False
) -> Shot:
    """A picture for the page, its longest side at most ``side``."""
    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return Shot(
        str(label),
        embed(image, "WEBP", quality=QUALITY, method=6, lossless=lossless),
        image.size,
        note,
    )


def embed(image: Image.Image, kind: str, **options: Any) -> str:
    """A picture as a data: URI."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{text}"


def _planes(pixels: Pixels) -> Plane:
    rgb: Plane = np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)
    return rgb / np.float32(255)


def _title(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
