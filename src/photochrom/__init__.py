"""Colour black-and-white photographs.

>>> import photochrom
>>> photochrom.colorize("grandmother.jpg")  # doctest: +SKIP
PosixPath('grandmother.color.jpg')

The model is loaded on first use, so importing photochrom is quick.
"""

from __future__ import annotations

import os

from photochrom.errors import (
    BadData,
    BadFilm,
    BadModel,
    BadOption,
    BadPhoto,
    BadRun,
    CannotWrite,
    DiskFull,
    Diverged,
    ExportMismatch,
    InColor,
    MissingExtra,
    PhotochromError,
    PhotoWarning,
    TimeLimit,
)

TYPE_CHECKING = False  # as typing would take longer to import than all that is imported here
if TYPE_CHECKING:
    from typing import Any

    from photochrom.inference.colorizer import Colorizer, colorize
    from photochrom.inference.hints import Hint
    from photochrom.inference.palette import Palette, Swatch
    from photochrom.inference.reapply import apply_sidecar
    from photochrom.inference.resemblance import Place
    from photochrom.inference.verification import verify
    from photochrom.video.pipeline import colorize_video
    from photochrom.video.stream import colorize_frames

__version__ = "0.1.0"

# Before it is imported anywhere, or onnxruntime reports to its makers: nothing leaves this machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = [
    "BadData",
    "BadFilm",
    "BadModel",
    "BadOption",
    "BadPhoto",
    "BadRun",
    "CannotWrite",
    "Colorizer",
    "DiskFull",
    "Diverged",
    "ExportMismatch",
    "Hint",
    "InColor",
    "MissingExtra",
    "Palette",
    "PhotoWarning",
    "PhotochromError",
    "Place",
    "Swatch",
    "TimeLimit",
    "__version__",
    "apply_sidecar",
    "colorize",
    "colorize_frames",
    "colorize_video",
    "verify",
]


_HOMES = {
    "Colorizer": "inference.colorizer",
    "Hint": "inference.hints",
    "Palette": "inference.palette",
    "Place": "inference.resemblance",
    "Swatch": "inference.palette",
    "apply_sidecar": "inference.reapply",
    "colorize": "inference.colorizer",
    "colorize_frames": "video.stream",
    "colorize_video": "video.pipeline",
    "verify": "inference.verification",
}
"""The module of each name that is loaded on first use."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'photochrom' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"photochrom.{_HOMES[name]}"), name)
