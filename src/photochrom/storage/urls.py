"""Files and folders at a URL that fsspec knows, such as ``file://`` and ``s3://``.

fsspec knows kinds of URL that run what they are given, or that lead from one to the next by ``::``.
So only some are asked, and fewer of those that a list names and not the user: see :func:`refusal`.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from photochrom.errors import BadData, MissingExtra
from photochrom.storage import folders

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.IGNORECASE | re.DOTALL)


STORES = frozenset(
    ("file", "local", "memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf")
)
"""Kinds of URL that a list may name: they lead to where the user's own settings say."""
KINDS = STORES | {"http", "https", "sftp", "hdfs"}
"""Kinds of URL that the user may name, who knows which server that is."""


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
            names = below(found, place)
            return {
                Remote(fs.unstrip_protocol(names[name])): int(found[names[name]]["size"] or 0)
                for name in folders.photos_among(names, suffixes=suffixes)
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
        return connect(self.url)

    def _unseen(self, error: Exception) -> BadData:
        return _unseen(self.url, error)


def connect(place: str) -> tuple[Any, str]:
    """The file system of a URL, or of a path, and what the place is called there.

    Raises:
        BadData: photochrom does not ask such URLs, or the address cannot be looked at.
        MissingExtra: it needs one.
    """
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtra("fsspec", "ray") from error
    if "://" not in place:
        fs = fsspec.filesystem("file")
        return fs, str(fs._strip_protocol(place))  # which may hold any sign
    if reason := refusal(place, KINDS):
        raise BadData(f"{place} cannot be looked at ({reason}): check the address.")
    try:
        fs, inside = fsspec.url_to_fs(place)
    except Exception as error:  # each has its own; ImportError says which package the store needs
        raise _unseen(place, error) from error
    return fs, str(inside)


def refusal(url: str, kinds: frozenset[str]) -> str:
    """Why a URL is not asked; "" if it is.

    Args:
        url: of whatever kind.
        kinds: those that may be, :data:`KINDS` or :data:`STORES`.
    """
    kind = url.partition("://")[0].lower()
    if "::" in url:
        return "it leads through one URL to another, by ::"
    return "" if kind in kinds else f"{kind}:// is not of {', '.join(sorted(kinds))}"


def below(found: Iterable[str], folder: str) -> dict[str, str]:
    """What a store says that it has in a folder, by the place below it; not what leads out of it.

    Args:
        found: names of files, as the store knows them.
        folder: likewise.
    """
    places = {posixpath.relpath(name, folder): name for name in sorted(found)}
    return {place: name for place, name in places.items() if _stays(place)}


def _stays(place: str) -> bool:
    if os.name == "nt":
        place = place.replace("\\", "/")
    return ".." not in place.split("/") and not Path(place).is_absolute() and not Path(place).drive


def _unseen(url: str, error: Exception) -> BadData:
    reason = " ".join(str(error).split()) or type(error).__name__
    return BadData(f"{url} cannot be looked at ({reason}): check the address.")


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
