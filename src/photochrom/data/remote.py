"""Files and folders at a URL that fsspec knows, such as ``file://`` and ``s3://``."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from photochrom import storage
from photochrom.errors import BadData, MissingExtra

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.IGNORECASE | re.DOTALL)


class State(NamedTuple):
    """What tells whether a file has changed, named as :meth:`pathlib.Path.stat` names it."""

    st_size: int
    st_mtime_ns: int
    """Of a URL not a time, but a number that changes when the file does."""


@dataclass(frozen=True)
class Remote:
    """A file or a folder at a URL, with the little of :class:`pathlib.Path` that is used here."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """With its dot."""
        return Path(self.name).suffix

    def resolve(self) -> Remote:
        """Itself."""
        return self

    def is_dir(self) -> bool:
        """Whether it is a folder.

        Raises:
            BadData: the address cannot be looked at.
        """
        fs, place = self._at()
        try:
            return bool(fs.isdir(place))
        except Exception as error:  # each kind of store has its own
            raise self._unseen(error) from error

    def stat(self) -> State:
        """Size and state.

        Raises:
            BadData: it is not there, or cannot be looked at.
        """
        fs, place = self._at()
        try:
            size, key = int(fs.size(place)), str(fs.ukey(place))
        except Exception as error:  # as above
            raise self._unseen(error) from error
        return State(size, int(hashlib.sha256(key.encode()).hexdigest()[:15], 16))

    def files(self, suffixes: frozenset[str]) -> dict[Remote, int]:
        """Files below it, but for what is left out of folders, too, each with its size.

        Args:
            suffixes: of those that are wanted, in lower case.

        Raises:
            BadData: it cannot be looked at.
        """
        fs, place = self._at()
        try:
            found = fs.find(place, detail=True)
            names = {posixpath.relpath(name, place): name for name in sorted(found)}
            return {
                Remote(fs.unstrip_protocol(names[name])): int(found[names[name]]["size"] or 0)
                for name in storage.photos_among(names, suffixes=suffixes)
            }
        except Exception as error:  # as above
            raise self._unseen(error) from error

    def open(self) -> BinaryIO:
        """For reading from its beginning to its end; raises what its store raises."""
        fs, place = self._at()
        return cast("BinaryIO", fs.open(place, "rb"))

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        """A stretch of its bytes.

        Raises:
            OSError: it cannot be read, whatever its store calls that.
        """
        fs, place = self._at()
        try:
            end = None if size is None else offset + size
            return bytes(fs.cat_file(place, start=offset, end=end))
        except Exception as error:  # as above
            raise OSError(str(error) or type(error).__name__) from error

    def _at(self) -> tuple[Any, str]:
        try:
            import fsspec
        except ImportError as error:
            raise MissingExtra("fsspec", "ray") from error
        try:
            fs, place = fsspec.url_to_fs(self.url)
        except Exception as error:  # as above; ImportError says which package the store needs
            raise self._unseen(error) from error
        return fs, str(place)

    def _unseen(self, error: Exception) -> BadData:
        reason = " ".join(str(error).split()) or type(error).__name__
        return BadData(f"{self.url} cannot be looked at ({reason}): check the address.")


def place(given: str | Path | Remote) -> Path | Remote:
    """A path, or where a URL was meant, that.

    A URL that was taken for a path has lost one of its slashes, and gets it back.
    """
    if isinstance(given, Remote):
        return given
    meant = _URL.fullmatch(str(given))
    if not meant or (isinstance(given, Path) and given.exists()):
        return Path(given)
    kind, rest = meant[1].lower(), meant[2]
    return Remote(f"{kind}:///{rest}" if kind in ("file", "local") else f"{kind}://{rest}")
