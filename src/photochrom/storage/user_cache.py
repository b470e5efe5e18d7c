"""Where photochrom keeps what it can fetch or make again."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    r"""The user's folder for caches: ``$PHOTOCHROM_CACHE``, else where the system keeps such.

    That is ``$XDG_CACHE_HOME/photochrom`` or ``~/.cache/photochrom``, on a Mac
    ``~/Library/Caches/photochrom``, on Windows ``%LOCALAPPDATA%\photochrom\cache``.
    """
    if chosen := os.environ.get("PHOTOCHROM_CACHE"):
        return Path(chosen).expanduser()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if xdg.is_absolute():  # others are to be ignored, by the XDG base directory specification
        return xdg / "photochrom"
    if sys.platform == "win32":  # pragma: no cover
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData/Local") / "photochrom" / "cache"
    if sys.platform == "darwin":  # pragma: no cover
        return Path.home() / "Library" / "Caches" / "photochrom"
    return Path.home() / ".cache" / "photochrom"
