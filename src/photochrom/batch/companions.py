"""What stands beside a result: files that are made or copied for it, under its name."""

from __future__ import annotations

from pathlib import Path

from photochrom.batch.options import BatchOptions
from photochrom.image.xmp_sidecar import copy_sidecars


def write_companions(photo: Path, target: Path, options: BatchOptions) -> list[str]:
    """Write the files beside a result, just before it gets its name.

    Args:
        photo: the photo.
        target: its result.
        options: what is asked for.

    Returns:
        What is to be said: which of them is not there, and why.

    Raises:
        DiskFull: there is no room.
    """
    return [] if options.strip else copy_sidecars(photo, target, force=options.force)
