"""A folder of frames: the same names, formats and depths come out, in colour.

Frames are the pictures right in the folder, in natural order: ``frame_2.png`` before
``frame_10.png``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from photochrom.storage.search import photos_among


def list_frames(folder: str | os.PathLike[str]) -> list[Path]:
    """The pictures right in a folder, in natural order; hidden files and our own results aside.

    Raises:
        OSError: it cannot be searched.
    """
    names = photos_among([entry.name for entry in os.scandir(folder) if not entry.is_dir()])
    return [Path(folder) / name for name in sorted(names, key=natural_key)]


def natural_key(name: str) -> tuple[Sequence[str | int], str]:
    """Sorts names by the numbers in them: digits count as numbers, all else as text."""
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], name
