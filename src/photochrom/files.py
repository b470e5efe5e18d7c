"""Files and folders that others may have a hand in: opened so that nobody can slip in another.

A folder is held open, and what is done in it is done there, whatever its path comes to mean. Where
the system has no such handles, as Windows, its path stands for it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]

_HELD = {os.open, os.mkdir, os.unlink, os.rename, os.link, os.stat} <= os.supports_dir_fd
"""Whether folders have handles here."""
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", os.O_RDONLY)
_ITSELF = getattr(os, "O_NOFOLLOW", 0)
"""A link is not followed."""
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""A pipe is not waited for."""


def open_plain(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file to read it, if it is a plain one: no pipe that would be waited for, no device.

    Raises:
        OSError: it is none, or cannot be opened.
    """
    return _plain(open(path, "rb", opener=lambda name, flags: os.open(name, flags | _AT_ONCE)))


def read_plain(path: str | os.PathLike[str], most: int) -> bytes:
    """What is in a plain file.

    Raises:
        OSError: it is none, cannot be read, or holds more than ``most`` bytes.
    """
    with open_plain(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 2**20} MiB")
    return data


def _plain(file: BinaryIO) -> BinaryIO:
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is no plain file")


def sha256(file: BinaryIO) -> str:
    """A digest of all that is in an open file."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has all


LOCKS = fcntl is not None
"""Whether files can be locked at all."""


def lock(file: BinaryIO) -> None:
    """Lock a file until it is closed, or this process ends.

    Raises:
        BlockingIOError: another has locked it. OSError: there are no locks here.
    """
    if fcntl is None:  # pragma: no cover
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def dress(file: BinaryIO, mode: int, times: os.stat_result | None = None) -> None:
    """Give an open file permissions, and the times of another, as far as the disk has such."""
    fd = file.fileno()
    with contextlib.suppress(OSError):
        os.chmod(fd if os.chmod in os.supports_fd else file.name, mode)  # noqa: PTH101
    if times is not None:
        with contextlib.suppress(OSError):
            ns = times.st_atime_ns, times.st_mtime_ns
            os.utime(fd if os.utime in os.supports_fd else file.name, ns=ns)


class Folder:
    """A folder, held open for as long as anybody has it.

    Args:
        path: the folder; a link to one is followed.
        within: the folder that it lies in, under the name that ``path`` ends in. It is then made
            if it is not there, and a link is not followed.

    Raises:
        NotADirectoryError: it is none. OSError: it cannot be opened.
    """

    def __init__(self, path: Path, within: Folder | None = None) -> None:
        self.path = path
        self._handle: int | None = None
        if within is not None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(within._at(path.name), dir_fd=within._handle)
        if _HELD:
            name, flags = (path, 0) if within is None else (path.name, _ITSELF)
            outer = None if within is None else within._handle
            self._handle = os.open(name, _FOLDER | flags, dir_fd=outer)
            weakref.finalize(self, os.close, self._handle)
        elif not _is_real(path, follow=within is None):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    @property
    def device(self) -> int:
        """The disk it lies on."""
        return os.stat(self.path if self._handle is None else self._handle).st_dev  # noqa: PTH116

    def names(self) -> Iterator[str]:
        """What is in it, in no order."""
        if self._handle is None:
            place: str | int = str(self.path)
        else:
            place = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._handle)
        try:
            with os.scandir(place) as entries:
                yield from (entry.name for entry in entries)
        finally:
            if isinstance(place, int):
                os.close(place)

    def create(self, name: str, mode: int = 0o666, buffering: int = -1) -> BinaryIO:
        """Make a file, to be written and read.

        Args:
            name: of the file.
            mode: its permissions, of which the process's mask is taken.
            buffering: as of :func:`open`.

        Raises:
            FileExistsError: there is something of that name, be it a link to nothing.
        """

        def opener(_: str, flags: int) -> int:
            return os.open(self._at(name), flags | _ITSELF, mode, dir_fd=self._handle)

        return open(self.path / name, "x+b", buffering, opener=opener)

    def read(self, name: str) -> BinaryIO:
        """Open a file, if it is a plain one, and no link.

        Raises:
            OSError: it is not, or cannot be opened.
        """

        def opener(_: str, flags: int) -> int:
            flags |= _ITSELF | _AT_ONCE
            return os.open(self._at(name), flags, dir_fd=self._handle)

        if not _ITSELF and (self.path / name).is_symlink():  # pragma: no cover - Windows
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return _plain(open(self.path / name, "rb", opener=opener))

    def has(self, name: str) -> bool:
        """Whether there is anything of that name, be it a link to nothing."""
        try:
            os.stat(self._at(name), dir_fd=self._handle, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name), dir_fd=self._handle)

    def move(self, name: str, to: Folder, new: str) -> None:
        """Give a file another place and name; what has that name is replaced, a link itself."""
        mine, other = self._handle, to._handle
        os.replace(self._at(name), to._at(new), src_dir_fd=mine, dst_dir_fd=other)

    def link(self, name: str, to: Folder, new: str) -> None:
        """Give a file another name as well.

        Raises:
            FileExistsError: that is taken. OSError: the disk has no links.
        """
        os.link(
            self._at(name),
            to._at(new),
            src_dir_fd=self._handle,
            dst_dir_fd=to._handle,
            follow_symlinks=os.link not in os.supports_follow_symlinks,
        )

    def point(self, name: str, to: Path) -> None:
        """Make a symbolic link."""
        os.symlink(to, self._at(name), dir_fd=self._handle)

    def _at(self, name: str) -> str:
        return str(self.path / name) if self._handle is None else name


def _is_real(path: Path, *, follow: bool) -> bool:  # pragma: no cover - Windows
    known = path.stat(follow_symlinks=follow)
    junction = getattr(known, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 1)
    return stat.S_ISDIR(known.st_mode) and (follow or not junction)
