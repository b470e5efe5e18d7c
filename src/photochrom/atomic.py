"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from photochrom.errors import CannotWrite, DiskFull

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS, errno.EXDEV)
_ADVICE = {
    errno.EACCES: "change the permissions there, or choose another folder",
    errno.EPERM: "change the permissions there, or choose another folder",
    errno.EROFS: "choose another folder",
    errno.ENOENT: "choose a folder that exists",
    errno.ENOTDIR: "choose a folder that exists",
    errno.ENAMETOOLONG: "choose a shorter name",
}
_unfinished: set[Path] = set()
"""What is being written now."""


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
    part = part or _beside(target)
    try:
        with _cleared(part):
            make(part)
            _settle(part)
            if seal is not None:
                seal(part)
            _name(part, target, force=force)
    except OSError as error:
        raise refusal(target, error) from error


def discard_unfinished() -> None:
    """Remove what other threads are writing, for a process that is about to end without them."""
    for part in list(_unfinished):
        with contextlib.suppress(OSError):
            part.unlink()


def refusal(target: Path, error: OSError) -> CannotWrite:
    """The sentence for a file that the system does not take."""
    if error.errno in _FULL:
        return DiskFull(f"{target} cannot be written ({error.strerror}): make room, then go on.")
    advice = _ADVICE.get(error.errno or 0, "choose another place for it")
    return CannotWrite(f"{target} cannot be written ({error.strerror or error}): {advice}.")


def exists(target: Path) -> CannotWrite:
    """The sentence for a file that stands in the way."""
    return CannotWrite(
        f"{target} exists already: choose another name, or replace it by force (--force)."
    )


def _beside(target: Path) -> Path:
    return target.with_name(f".{uuid.uuid4().hex}.part")


@contextlib.contextmanager
def _cleared(part: Path) -> Iterator[None]:
    """Leave no unfinished file behind, whatever goes wrong."""
    _unfinished.add(part)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # a disk that does not take it may not let go of it
            part.unlink()
        _unfinished.discard(part)


def _settle(part: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())  # or after a power cut the name might be there without content


def _name(part: Path, target: Path, *, force: bool) -> None:
    """Give a file its name; where that lies on another disk, as a copy beside it."""
    try:
        part.replace(target) if force else _place(part, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # One disk to look at, yet two: mergerfs, or a bind mount.
        near = _beside(target)
        with _cleared(near):
            shutil.copyfile(part, near)
            with contextlib.suppress(OSError):  # some disks know no modes
                shutil.copystat(part, near)
            _settle(near)
            near.replace(target) if force else _place(near, target)


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
