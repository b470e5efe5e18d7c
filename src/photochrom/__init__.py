"""photochrom: colour for black-and-white photographs.

>>> import photochrom
>>> photochrom.colorize("grandmother.jpg")  # doctest: +SKIP
PosixPath('grandmother.color.jpg')

The engine is loaded on first use, so that importing costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from photochrom.errors import (
    BadData,
    BadModel,
    BadOption,
    BadPhoto,
    BadRun,
    CannotWrite,
    MissingExtra,
    PhotochromError,
)

if TYPE_CHECKING:
    from photochrom.colorizer import Colorizer, colorize

__version__ = "0.1.0"

__all__ = [
    "BadData",
    "BadModel",
    "BadOption",
    "BadPhoto",
    "BadRun",
    "CannotWrite",
    "Colorizer",
    "MissingExtra",
    "PhotochromError",
    "__version__",
    "colorize",
]


def __getattr__(name: str) -> Any:
    if name in {"Colorizer", "colorize"}:
        from photochrom import colorizer

        return getattr(colorizer, name)
    raise AttributeError(f"module 'photochrom' has no attribute {name!r}")
