"""photochrom: colour for black-and-white photographs.

>>> import photochrom
>>> photochrom.colorize("grandmother.jpg")  # doctest: +SKIP
PosixPath('grandmother.color.jpg')

The engine is loaded on first use, so that importing costs nothing.
"""

from __future__ import annotations

import os

from photochrom.errors import (
    BadData,
    BadModel,
    BadOption,
    BadPhoto,
    BadRun,
    CannotWrite,
    MissingExtra,
    PhotochromError,
    PhotoWarning,
)

TYPE_CHECKING = False  # as typing would take longer to import than all that is imported here
if TYPE_CHECKING:
    from typing import Any

    from photochrom.inference.colorizer import Colorizer, Swatch, colorize
    from photochrom.inference.hints import Hint

__version__ = "0.1.0"

# Before it is imported anywhere, or onnxruntime reports to its makers: nothing leaves this machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "BadData",
    "BadModel",
    "BadOption",
    "BadPhoto",
    "BadRun",
    "CannotWrite",
    "Colorizer",
    "Hint",
    "MissingExtra",
    "PhotoWarning",
    "PhotochromError",
    "Swatch",
    "__version__",
    "colorize",
]


def __getattr__(name: str) -> Any:
    if name == "Hint":
        from photochrom.inference.hints import Hint

        return Hint
    if name in {"Colorizer", "Swatch", "colorize"}:
        from photochrom.inference import colorizer

        return getattr(colorizer, name)
    raise AttributeError(f"module 'photochrom' has no attribute {name!r}")
