"""Fonts: DejaVu Sans, which comes with the package, and the system's where that lacks a sign.

DejaVu Sans holds Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic, among others
(https://dejavu-fonts.github.io; its licence lies beside it).
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import ImageFont

BUNDLED = Path(__file__).parent / "font_files" / "DejaVuSans.ttf"
_SUFFIXES = (".otf", ".ttc", ".ttf")
_BOXES_FOR_ALL = ("lastresort", "blank")
"""Fonts with a picture for every sign that is none of it."""
_TRIAL = 16
"""Pixels, at which signs are looked at."""
_NO_SIGN = "\U0010ffff"
"""A noncharacter, which shows as what a font draws for all that it lacks."""


def choose_fonts(text: str) -> tuple[list[Path], str]:
    """The fonts that a text needs, the bundled one first; and the signs that none of them has."""
    fonts, missing = [BUNDLED], {sign for sign in text if not has_glyph(BUNDLED, sign)}
    while missing:
        best = max(_system_fonts(), key=lambda path: _count_glyphs(path, missing), default=None)
        if best is None or not (found := {sign for sign in missing if has_glyph(best, sign)}):
            break
        fonts.append(best)
        missing -= found
    return fonts, "".join(sorted(missing))


@cache
def load_font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """A font at so many pixels for an em."""
    from PIL import ImageFont

    return ImageFont.truetype(path, size)


@cache
def has_glyph(path: Path, sign: str) -> bool:
    """Whether a font can show a sign; what is not seen, such as a space, any can."""
    if sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf"):
        return True
    drawn, font = _draw(path, sign), _draw(path, _NO_SIGN)
    return drawn is not None and drawn != font


def can_shape() -> bool:
    """Whether signs can be joined, stacked and set from right to left, as Arabic and Hindi are."""
    from PIL import features

    return bool(features.check("raqm") and features.check("fribidi"))


def _draw(path: Path, sign: str) -> tuple[tuple[int, int], bytes] | None:
    """A sign as a font draws it; None where that cannot."""
    try:
        mask = _trial_font(path).getmask(sign)
    except (OSError, ValueError):  # a broken font, or one of bitmaps
        return None
    return mask.size, bytes(mask)


@cache
def _trial_font(path: Path) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, _TRIAL, layout_engine=ImageFont.Layout.BASIC)


def _count_glyphs(path: Path, signs: set[str]) -> tuple[int, bool]:
    """How many of some signs a font has; of two alike, the one of regular weight is better."""
    return sum(has_glyph(path, sign) for sign in signs), "regular" in path.stem.lower()


@cache
def _system_fonts() -> tuple[Path, ...]:
    """The files of the fonts that are installed, in order."""
    found = {path for folder in _font_folders() for path in _files_below(folder)}
    return tuple(sorted(found))


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            lower = name.lower()
            if lower.endswith(_SUFFIXES) and not any(part in lower for part in _BOXES_FOR_ALL):
                yield Path(place, name)


def _font_folders() -> list[Path]:
    """Where a system keeps its fonts (as Pillow's ``ImageFont.truetype`` looks for them)."""
    home = Path.home()
    if sys.platform == "win32":  # pragma: no cover
        local = Path(os.environ.get("LOCALAPPDATA", home))
        system = Path(os.environ.get("WINDIR", r"C:\Windows"))
        return [system / "Fonts", local / "Microsoft/Windows/Fonts"]
    if sys.platform == "darwin":  # pragma: no cover
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    return [own / "fonts", *(Path(place, "fonts") for place in shared.split(":") if place)]
