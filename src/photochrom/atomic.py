"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from photochrom.errors import CannotWrite, DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS)


def write(
    target: Path,
    make: Callable[[Path], object],
    *,
    force: bool = True,
    part: Path | None = None,
    seal: Callable[[Path], object] | None = None,
) -> None:
    """Let ``make`` write a file beside ``target``, then put it in its place.

    Args:
        target: the file.
        make: writes the file whose path it gets.
        force: replace a target that exists, even one that came to be meanwhile.
        part: the file's name until it is finished, on the same disk; by default one beside it.
        seal: is shown the finished file before it gets its name.

    Raises:
        CannotWrite: it exists, or the folder does not take it. Nothing is left behind, whatever
            goes wrong.
        DiskFull: there is no room.
    """
    part = part or target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        make(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())  # or after a power cut the name might be there without content
        if seal is not None:
            seal(part)
        if force:
            part.replace(target)
        else:
            _place(part, target)
    except OSError as error:
        raise refusal(target, error) from error
    finally:
        with contextlib.suppress(OSError):  # a disk that does not take it may not let go of it
            part.unlink()


def refusal(target: Path, error: OSError) -> CannotWrite:
    """The sentence for a file that the system does not take."""
    if error.errno in _FULL:
        return DiskFull(f"{target} cannot be written ({error.strerror}): make room, then go on.")
    return CannotWrite(
        f"{target} cannot be written ({error.strerror or error}): "
        "choose a folder that exists and has room."
    )


def exists(target: Path) -> CannotWrite:
    """The sentence for a file that stands in the way."""
    return CannotWrite(
        f"{target} exists already: choose another name, or replace it by force (--force)."
    )


def _place(part: Path, target: Path) -> None:
    """Give a file its name, unless that is taken: a link, as renaming would not say so."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise exists(target) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if target.exists():  # a disk without links, such as a memory stick's
            raise exists(target) from None
        part.replace(target)
