"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from photochrom import files
from photochrom.errors import CannotWrite, DiskFull
from photochrom.files import Folder

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
_UNFORESEEN = re.compile(r"\.[0-9a-f]{32}\.part")
_ABANDONED = 86_400
"""Seconds after which an unfinished file counts as left behind, where locks cannot tell."""
_SHUT = os.name == "nt"
"""Whether a file has to be closed before it can be moved."""


class Place(NamedTuple):
    """A name in a folder."""

    folder: Folder
    name: str

    @property
    def path(self) -> Path:
        """As one would say it."""
        return self.folder.path / self.name


_unfinished: set[Place] = set()
"""What is being written now."""


def write(
    target: Path,
    make: Callable[[BinaryIO], object],
    *,
    force: bool = True,
    room: Folder | None = None,
    mode: int = 0o666,
    seal: Callable[[BinaryIO], object] | None = None,
) -> None:
    """Let ``make`` write a file beside ``target``, then put it in its place.

    Until then it has a name that nobody can foretell.

    Args:
        target: the file; where it is a link, the link makes way, and not what that leads to.
        make: writes into the file that it gets.
        force: replace a target that exists, even one that came to be meanwhile.
        room: the folder to make it in, on the same disk; by default the target's.
        mode: the file's permissions, of which the process's mask is taken.
        seal: is shown the finished file before it gets its name.

    Raises:
        CannotWrite: it exists, or the folder does not take it. Nothing is left behind, whatever
            goes wrong.
        DiskFull: there is no room.
    """
    try:
        goal = Place(Folder(target.parent), target.name)
        with _begun(room or goal.folder, mode) as (part, file):
            make(file)
            _settle(file)
            if seal is not None and not _SHUT:
                seal(file)
            if _SHUT:  # pragma: no cover
                file.close()
                if seal is not None:
                    with part.folder.read(part.name) as shut:
                        seal(shut)
            _name(part, goal, force=force)
    except OSError as error:
        raise refusal(target, error) from error


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file that replaces what has its name.

    Raises:
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    write(target, lambda file: file.write(data))


def point(target: Path, to: Path) -> None:
    """Make ``target`` a symbolic link, in place of what has that name.

    Raises:
        CannotWrite: the folder does not take it.
    """
    try:
        folder, name = Folder(target.parent), _unforeseen()
        folder.point(name, to)
        try:
            folder.move(name, folder, target.name)
        except BaseException:
            folder.remove(name)
            raise
    except OSError as error:
        raise refusal(target, error) from error


def discard_unfinished() -> None:
    """Remove what other threads are writing, for a process that is about to end without them."""
    for part in list(_unfinished):
        with contextlib.suppress(OSError):
            part.folder.remove(part.name)


def discard_abandoned(folder: Folder) -> None:
    """Remove what processes that are no more have left unfinished in a folder of ours.

    That is a plain file of such a name as only :func:`write` gives, which nobody holds.

    Raises:
        OSError: the folder cannot be searched.
    """
    for name in filter(_UNFORESEEN.fullmatch, folder.names()):
        with contextlib.suppress(OSError), folder.read(name) as file:
            if _is_abandoned(file):
                folder.remove(name)


def _is_abandoned(file: BinaryIO) -> bool:
    if not files.LOCKS:  # pragma: no cover - Windows
        return time.time() - os.fstat(file.fileno()).st_mtime > _ABANDONED
    try:
        files.lock(file)
    except OSError:  # another holds it, or this disk cannot tell
        return False
    return True


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


def _unforeseen() -> str:
    return f".{uuid.uuid4().hex}.part"


@contextlib.contextmanager
def _begun(folder: Folder, mode: int) -> Iterator[tuple[Place, BinaryIO]]:
    """A file to write, which is not left behind, whatever goes wrong."""
    part, file = _begin(folder, mode)
    _unfinished.add(part)
    try:
        yield part, file
    finally:
        if _SHUT:  # pragma: no cover
            file.close()
        with contextlib.suppress(OSError):  # a disk that does not take it may not let go of it
            folder.remove(part.name)
        _unfinished.discard(part)
        with contextlib.suppress(OSError):  # what did not find room, again
            file.close()


def _begin(folder: Folder, mode: int) -> tuple[Place, BinaryIO]:
    """Make a file that is locked, so that no other process takes it for abandoned."""
    while True:
        part = Place(folder, _unforeseen())
        file = folder.create(part.name, mode)
        try:
            files.lock(file)
        except BlockingIOError:  # somebody is just about to remove it
            with contextlib.suppress(OSError):
                folder.remove(part.name)
        except OSError:  # there are no locks here
            return part, file
        if os.fstat(file.fileno()).st_nlink:
            return part, file
        file.close()


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())  # or after a power cut the name might be there without content


def _name(part: Place, goal: Place, *, force: bool) -> None:
    """Give a file its name; where that lies on another disk, as a copy beside it."""
    name = _replace if force else _place
    try:
        name(part, goal)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # One disk to look at, yet two: mergerfs, or a bind mount.
        with part.folder.read(part.name) as whole, _begun(goal.folder, 0o600) as (near, copy):
            known = os.fstat(whole.fileno())
            shutil.copyfileobj(whole, copy)
            _settle(copy)
            files.dress(copy, stat.S_IMODE(known.st_mode), known)
            if _SHUT:  # pragma: no cover
                copy.close()
            name(near, goal)


def _replace(part: Place, goal: Place) -> None:
    part.folder.move(part.name, goal.folder, goal.name)


def _place(part: Place, goal: Place) -> None:
    """Give a file its name, unless that is taken: a link, as renaming would not say so."""
    try:
        part.folder.link(part.name, goal.folder, goal.name)
    except FileExistsError:
        raise exists(goal.path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if goal.folder.has(goal.name):  # a disk without links, such as a memory stick's
            raise exists(goal.path) from None
        _replace(part, goal)
