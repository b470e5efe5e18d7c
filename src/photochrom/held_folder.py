"""A folder that others may have a hand in, opened so that nobody can slip in another.

It is held open, and what is done in it is done there, whatever its path comes to mean. Where the
system has no such handles, as Windows, its path stands for it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, which has no such locks
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS = fcntl is not None
"""Whether files can be locked on this system."""
_HELD = {os.open, os.mkdir, os.unlink, os.rename, os.link, os.stat} <= os.supports_dir_fd
"""Whether folders have handles here."""
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", os.O_RDONLY)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
"""A pipe is not waited for."""


class HeldFolder:
    """A folder, held open for as long as anybody has it.

    Args:
        path: the folder; a link to one is followed.
        within: the folder that it lies in, under the name that ``path`` ends in. It is then made
            if it is not there, and a link is not followed.

    Raises:
        NotADirectoryError: it is none. OSError: it cannot be opened.
    """

    def __init__(self, path: Path, within: HeldFolder | None = None) -> None:
        self.path = path
        self._handle: int | None = None
        if within is not None:
            with contextlib.suppress(FileExistsError):
                os.mkdir(within._at(path.name), dir_fd=within._handle)
        if _HELD:
            name, flags = (path, 0) if within is None else (path.name, _NO_LINK)
            outer = None if within is None else within._handle
            self._handle = os.open(name, _FOLDER | flags, dir_fd=outer)
            weakref.finalize(self, os.close, self._handle)
        elif not _is_real_folder(path, follow=within is None):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    @property
    def device(self) -> int:
        """The disk it lies on."""
        return os.stat(self.path if self._handle is None else self._handle).st_dev  # noqa: PTH116

    def names(self) -> Iterator[str]:
        """What is in it, in no order."""
        place: str | int = str(self.path)
        if self._handle is not None:
            place = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._handle)
        try:
            with os.scandir(place) as entries:
                yield from (entry.name for entry in entries)
        finally:
            if isinstance(place, int):
                os.close(place)

    def create(self, name: str, mode: int = 0o666, buffering: int = -1) -> BinaryIO:
        """Make a file, to be written and read; ``mode`` loses the bits of the process's mask.

        Raises:
            FileExistsError: there is something of that name, be it a link to nothing.
        """

        def opener(_: str, flags: int) -> int:
            return os.open(self._at(name), flags | _NO_LINK, mode, dir_fd=self._handle)

        return open(self.path / name, "x+b", buffering, opener=opener)

    def read(self, name: str) -> BinaryIO:
        """Open a file, if it is a plain one, and no link.

        Raises:
            OSError: it is not, or cannot be opened.
        """

        def opener(_: str, flags: int) -> int:
            return os.open(self._at(name), flags | _NO_LINK | AT_ONCE, dir_fd=self._handle)

        if not _NO_LINK and (self.path / name).is_symlink():  # pragma: no cover - Windows
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return check_plain(open(self.path / name, "rb", opener=opener))

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

    def move(self, name: str, to: HeldFolder, new: str) -> None:
        """Give a file another place and name; what has that name is replaced, a link itself."""
        mine, other = self._handle, to._handle
        os.replace(self._at(name), to._at(new), src_dir_fd=mine, dst_dir_fd=other)

    def link(self, name: str, to: HeldFolder, new: str) -> None:
        """Give a file another name as well.

        Raises:
            FileExistsError: that is taken. OSError: the disk has no links.
        """
        follow = os.link not in os.supports_follow_symlinks
        ends = {"src_dir_fd": self._handle, "dst_dir_fd": to._handle}
        os.link(self._at(name), to._at(new), **ends, follow_symlinks=follow)

    def make_symlink(self, name: str, to: Path) -> None:
        """Make a symbolic link."""
        os.symlink(to, self._at(name), dir_fd=self._handle)

    def _at(self, name: str) -> str:
        return str(self.path / name) if self._handle is None else name


def _is_real_folder(path: Path, *, follow: bool) -> bool:
    known = path.stat(follow_symlinks=follow)
    junction = getattr(known, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 1)
    return stat.S_ISDIR(known.st_mode) and (follow or not junction)


def check_plain(file: BinaryIO) -> BinaryIO:
    """Close a file that is no plain one.

    Raises:
        OSError: it is none.
    """
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is no plain file")


class Place(NamedTuple):
    """A name in a folder."""

    folder: HeldFolder
    name: str

    def move(self, goal: Place) -> None:
        """Give the file there another place; what has that is replaced."""
        self.folder.move(self.name, goal.folder, goal.name)


def lock(file: BinaryIO) -> None:
    """Lock a file until it is closed, or this process ends.

    Raises:
        BlockingIOError: another has locked it. OSError: there are no locks here.
    """
    if fcntl is None:  # pragma: no cover
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Make a file that stands for a right, which one at a time has, and remove it in the end.

    The right ends with this process, whatever that ends by. On a disk without locks all have it.

    Raises:
        BlockingIOError: another process, or another thread, has it. OSError: the file cannot be
            made.
    """
    with path.open("ab") as file:
        try:
            lock(file)
        except BlockingIOError:
            raise
        except OSError:  # there are no locks here
            pass
        if not os.fstat(file.fileno()).st_nlink:  # whoever had it has just removed it
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                path.unlink()
