"""Files that are written whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from photochrom.errors import CannotWrite


def write(target: Path, make: Callable[[Path], object]) -> None:
    """Let ``make`` write a file beside ``target``, then put it in its place.

    Raises:
        CannotWrite: the folder does not take it. Nothing is left behind, whatever goes wrong.
    """
    part = target.with_name(f".{uuid.uuid4().hex}.part")  # same folder, so that renaming is atomic
    try:
        make(part)
        part.replace(target)
    except OSError as error:
        raise CannotWrite(
            f"{target} cannot be written ({error.strerror or error}): "
            "choose a folder that exists and has room."
        ) from error
    finally:
        part.unlink(missing_ok=True)
