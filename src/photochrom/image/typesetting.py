"""Lines of text as a picture: wrapped, in any script, from left to right or the other way."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from photochrom.color import Array
from photochrom.image import fonts

_LEADING = 1.3
"""From one line to the next, in ems."""
_BREAKS_AFTER = "-\u2013\u2014/"
_RIGHT_TO_LEFT = ("R", "AL")


@dataclass(frozen=True)
class Face:
    """Fonts for a text, at a size."""

    paths: tuple[Path, ...]
    size: int
    """Pixels to the em."""
    direction: str
    """"ltr" or "rtl", as the text begins."""

    def width(self, text: str) -> float:
        """Of a line, in pixels."""
        return sum(self.run_width(run, path) for run, path in self.runs(text))

    def run_width(self, run: str, path: Path) -> float:
        """Of a part of a line that one font has, in pixels."""
        font = fonts.load_font(path, self.size)
        if not fonts.can_shape():  # without which Pillow takes no direction
            return font.getlength(run)
        return font.getlength(run, direction=self.direction)

    def runs(self, text: str) -> Iterator[tuple[str, Path]]:
        """A line in parts that one font has, in the order of reading."""
        run, current = "", self.paths[0]
        for sign in text:
            path = self._font_for(sign, current)
            if path != current and run:
                yield run, current
                run = ""
            run, current = run + sign, path
        if run:
            yield run, current

    def draw(self, lines: list[str], width: int, align: str) -> Array:
        """Draw lines: (height, width) uint8, 255 where there is ink."""
        from PIL import ImageDraw

        step = round(self.size * _LEADING)
        picture = Image.new("L", (width, step * len(lines)))
        pen = ImageDraw.Draw(picture)
        for number, line in enumerate(lines):
            free = width - self.width(line)
            x = {"left": 0.0, "center": free / 2, "right": free}[align]
            baseline = step * number + round(self.size * (_LEADING / 2 + 0.35))
            runs = list(self.runs(line))
            for run, path in reversed(runs) if self.direction == "rtl" else runs:
                font = fonts.load_font(path, self.size)
                way = self.direction if fonts.can_shape() else None
                pen.text((x, baseline), run, 255, font, "ls", direction=way)
                x += self.run_width(run, path)
        return np.asarray(picture)

    def _font_for(self, sign: str, current: Path) -> Path:
        """Signs that go with the one before them, such as accents and spaces, keep its font."""
        if not sign.isalnum() and fonts.has_glyph(current, sign):
            return current
        return next((path for path in self.paths if fonts.has_glyph(path, sign)), self.paths[0])


def direction_of(text: str) -> str:
    """Which way a text runs, "ltr" or "rtl": as its first letter does (UAX 9, P2 and P3)."""
    for sign in text:
        if (kind := unicodedata.bidirectional(sign)) in (*_RIGHT_TO_LEFT, "L"):
            return "rtl" if kind in _RIGHT_TO_LEFT else "ltr"
    return "ltr"


def needs_shaping(text: str) -> bool:
    """Whether a text holds signs that are joined, stacked, or run from right to left."""
    return any(
        unicodedata.bidirectional(sign) in _RIGHT_TO_LEFT or unicodedata.category(sign)[0] == "M"
        for sign in text
    )


def wrap(text: str, width: float, face: Face) -> list[str]:
    """Break a text into as few lines of at most so many pixels as can be, alike in length.

    They break at spaces, after dashes and strokes, between East Asian signs, and within a word that
    is longer than a line.
    """
    return [line for part in text.splitlines() for line in _balance(part, width, face)]


def _balance(text: str, width: float, face: Face) -> list[str]:
    lines = list(_wrap_part(text, width, face))
    low = min(width, max(face.width(word.rstrip()) for word in _words(text)))
    while width - low > face.size / 2:
        middle = (low + width) / 2
        narrower = list(_wrap_part(text, middle, face))
        if len(narrower) > len(lines):
            low = middle
        else:
            width, lines = middle, narrower
    return lines


def _wrap_part(text: str, width: float, face: Face) -> Iterator[str]:
    line = ""
    for word in _words(text):
        if face.width((line + word).rstrip()) <= width:
            line += word
            continue
        if line.strip():
            yield line.strip()
        line = ""
        for sign in _clusters(word):  # which may be longer than a line
            if line and face.width((line + sign).rstrip()) > width:
                yield line
                line = ""
            line += sign
    yield line.strip()


def _words(text: str) -> Iterator[str]:
    """What is not to be broken, each with the spaces behind it."""
    word = ""
    for sign in text:
        last = word[-1:]
        may_break = last.isspace() or last in _BREAKS_AFTER or _is_wide(sign) or _is_wide(last)
        if word and may_break and not sign.isspace() and not _hangs(sign):
            yield word
            word = ""
        word += sign
    if word:
        yield word


def _is_wide(sign: str) -> bool:
    return sign != "" and unicodedata.east_asian_width(sign) in "WF"


def _hangs(sign: str) -> bool:
    """Whether a line may not begin with a sign: an accent, or what closes."""
    return unicodedata.category(sign) in ("Mc", "Me", "Mn", "Pe", "Pf", "Po", "Cf")


def _clusters(word: str) -> Iterator[str]:
    """Signs, each with its accents and with what closes behind it."""
    cluster = ""
    for sign in word:
        if cluster and not _hangs(sign):
            yield cluster
            cluster = ""
        cluster += sign
    if cluster:
        yield cluster
