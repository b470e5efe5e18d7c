"""Files: plain ones to read, and those that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from photochrom.errors import CannotWrite, DiskFull
from photochrom.held_folder import AT_ONCE, HAS_LOCKS, HeldFolder, Place, check_plain
from photochrom.held_folder import lock as _lock

_SHUT = os.name == "nt"
"""Whether a file has to be closed before it can be moved."""
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
_UNFINISHED_NAME = re.compile(r"\.[0-9a-f]{32}\.part")
_ABANDONED = 86_400
"""Seconds after which an unfinished file counts as left behind, where locks cannot tell."""


# --- reading ----------------------------------------------------------------------------------


def open_plain(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to read it, if it is a plain one: no pipe that would be waited for, no device.

    Raises:
        OSError: it is none, or cannot be opened.
    """
    return check_plain(open(path, "rb", opener=lambda name, flags: os.open(name, flags | AT_ONCE)))


def read_plain(path: str | os.PathLike[str], most: int) -> bytes:
    """Read a plain file of at most ``most`` bytes.

    Raises:
        OSError: it is none, cannot be read, or is larger.
    """
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 2**20} MiB")
    return data


def read_json_lines(path: Path) -> list[Any]:
    """Read values, a line of JSON each, but for what a crash has left of one; none without a file.

    Raises:
        OSError: it cannot be read.
    """
    values = []
    for line in path.read_bytes().split(b"\n") if path.exists() else []:
        with contextlib.suppress(ValueError, RecursionError):
            values.append(json.loads(line))
    return values


def sha256(file: BinaryIO) -> str:
    """A digest of all that is in an open file."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has all


# --- writing ----------------------------------------------------------------------------------


_unfinished: set[Place] = set()
"""What is being written now."""


def write_atomically(
    target: Path,
    make: Callable[[BinaryIO], object],
    *,
    force: bool = True,
    staging: HeldFolder | None = None,
    mode: int = 0o666,
    before_rename: Callable[[BinaryIO], object] | None = None,
) -> None:
    """Let ``make`` write a file beside ``target``, then put it in its place.

    Until then it has a name that nobody can foretell.

    Args:
        target: the file; where it is a link, the link makes way, and not what that leads to.
        make: writes into the file that it gets.
        force: replace a target that exists, even one that came to be meanwhile.
        staging: the folder to make it in, on the same disk; by default the target's.
        mode: the file's permissions, of which the process's mask is taken.
        before_rename: is shown the finished file before it gets its name.

    Raises:
        CannotWrite: it exists, or the folder does not take it. Nothing is left behind, whatever
            goes wrong.
        DiskFull: there is no room.
    """
    try:
        goal = Place(HeldFolder(target.parent), target.name)
        with _begin(staging or goal.folder, mode) as (part, file):
            make(file)
            _settle(file)
            if before_rename is not None and not _SHUT:
                before_rename(file)
            if _SHUT:  # pragma: no cover
                file.close()
                if before_rename is not None:
                    with part.folder.read(part.name) as shut:
                        before_rename(shut)
            _name(part, goal, force=force)
    except OSError as error:
        raise cannot_write(target, error) from error


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file that replaces what has its name.

    Raises:
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    write_atomically(target, lambda file: file.write(data))


def append_json_lines(path: Path, values: Iterable[object]) -> None:
    """Append values, a line of JSON each, and wait until the disk has them.

    Raises:
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    data = "".join(f"{json.dumps(value)}\n" for value in values).encode()  # which is ASCII
    try:
        with path.open("a+b", buffering=0) as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # a line was cut off when a process was killed
                    data = b"\n" + data
            append_durably(file, data)
    except OSError as error:
        raise cannot_write(path, error) from error


def append_durably(file: RawIOBase | BinaryIO, data: bytes) -> int:
    """Append to an open file without a buffer all of the data, or nothing; tells where it begins.

    Raises:
        OSError: the disk does not take it.
    """
    start = file.seek(0, os.SEEK_END)
    try:
        if (file.write(data) or 0) < len(data):  # which is how a disk says that it gets full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
        return start
    except OSError:
        with contextlib.suppress(OSError):  # half a line would spoil the next
            file.truncate(start)
        raise


def make_parent(target: Path) -> None:
    """Make the folder that ``target`` goes to.

    Raises:
        CannotWrite: it cannot be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(
            f"{target.parent} cannot be made ({error.strerror}): choose another folder."
        ) from error


def make_symlink(target: Path, to: Path) -> None:
    """Make ``target`` a symbolic link, in place of what has that name.

    Raises:
        CannotWrite: the folder does not take it.
    """
    try:
        folder, name = HeldFolder(target.parent), _unforeseen_name()
        folder.make_symlink(name, to)
        try:
            folder.move(name, folder, target.name)
        except BaseException:
            folder.remove(name)
            raise
    except OSError as error:
        raise cannot_write(target, error) from error


def set_attributes(file: BinaryIO, mode: int, times: os.stat_result | None = None) -> None:
    """Give an open file permissions, and the times of another, as far as the disk has such."""
    fd = file.fileno()
    with contextlib.suppress(OSError):
        os.chmod(fd if os.chmod in os.supports_fd else file.name, mode)  # noqa: PTH101
    if times is not None:
        with contextlib.suppress(OSError):
            ns = times.st_atime_ns, times.st_mtime_ns
            os.utime(fd if os.utime in os.supports_fd else file.name, ns=ns)


def cannot_write(target: Path, error: OSError) -> CannotWrite:
    """The sentence for a file that the system does not take."""
    if error.errno in _FULL:
        return DiskFull(f"{target} cannot be written ({error.strerror}): make room, then go on.")
    advice = _ADVICE.get(error.errno or 0, "choose another place for it")
    return CannotWrite(f"{target} cannot be written ({error.strerror or error}): {advice}.")


def already_exists(target: Path) -> CannotWrite:
    """The sentence for a file that stands in the way."""
    return CannotWrite(
        f"{target} exists already: choose another name, or replace it by force (--force)."
    )


def discard_unfinished() -> None:
    """Remove what other threads are writing, for a process that is about to end without them."""
    for folder, name in list(_unfinished):
        with contextlib.suppress(OSError):
            folder.remove(name)


def discard_abandoned(folder: HeldFolder) -> None:
    """Remove what processes that are no more have left unfinished in a folder of ours.

    That is a plain file of such a name as only :func:`write_atomically` gives, which nobody holds.

    Raises:
        OSError: the folder cannot be searched.
    """
    for name in filter(_UNFINISHED_NAME.fullmatch, folder.names()):
        with contextlib.suppress(OSError), folder.read(name) as file:
            if HAS_LOCKS:
                _lock(file)  # which another may hold, or this disk not have
            elif time.time() - os.fstat(file.fileno()).st_mtime < _ABANDONED:  # pragma: no cover
                continue
            folder.remove(name)


def _unforeseen_name() -> str:
    return f".{uuid.uuid4().hex}.part"


@contextlib.contextmanager
def _begin(folder: HeldFolder, mode: int) -> Iterator[tuple[Place, BinaryIO]]:
    """A file to write, which is not left behind, whatever goes wrong."""
    part, file = _create_locked(folder, mode)
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


def _create_locked(folder: HeldFolder, mode: int) -> tuple[Place, BinaryIO]:
    """Make a file that is locked, so that no other process takes it for abandoned."""
    while True:
        part = Place(folder, _unforeseen_name())
        file = folder.create(part.name, mode)
        try:
            _lock(file)
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
    place = Place.move if force else _place
    try:
        place(part, goal)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # One disk to look at, yet two: mergerfs, or a bind mount.
        with part.folder.read(part.name) as whole, _begin(goal.folder, 0o600) as (near, copy):
            known = os.fstat(whole.fileno())
            shutil.copyfileobj(whole, copy)
            _settle(copy)
            set_attributes(copy, stat.S_IMODE(known.st_mode), known)
            if _SHUT:  # pragma: no cover
                copy.close()
            place(near, goal)


def _place(part: Place, goal: Place) -> None:
    """Give a file its name, unless that is taken: a link, as renaming would not say so."""
    try:
        part.folder.link(part.name, goal.folder, goal.name)
    except FileExistsError:
        raise already_exists(goal.folder.path / goal.name) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if goal.folder.has(goal.name):  # a disk without links, such as a memory stick's
            raise already_exists(goal.folder.path / goal.name) from None
        part.move(goal)
