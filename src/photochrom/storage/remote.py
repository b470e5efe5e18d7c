"""Files and folders at a URL that fsspec knows, such as ``file://`` and ``s3://``.

fsspec knows kinds of URL that run what they are given, or that lead from one to the next by ``::``.
So only some are asked, and fewer of those that a list names and not the user: see
:func:`why_refused`.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from photochrom.errors import BadData, MissingExtra

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.IGNORECASE | re.DOTALL)


STORES = frozenset(
    ("file", "local", "memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hf")
)
"""Kinds of URL that a list may name: they lead to where the user's own settings say."""
KINDS = STORES | {"http", "https", "sftp", "hdfs"}
"""Kinds of URL that the user may name, who knows which server that is."""


class FileStamp(NamedTuple):
    """What tells whether a file has changed, named as :meth:`pathlib.Path.stat` names it."""

    st_size: int
    st_mtime_ns: int
    """Of a URL not a time, but a number that changes when the file does."""


@dataclass(frozen=True)
class Remote:
    """A file or a folder at a URL, with the little of :class:`pathlib.Path` that is used here.

    All that looks at it raises BadData where that is not possible.
    """

    url: str
    size: int = field(default=0, compare=False)
    """Bytes, where it was listed."""

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
        """Whether it is a folder."""
        with self._looked_at() as (fs, place):
            return bool(fs.isdir(place))

    def stat(self) -> FileStamp:
        """Size, and what changes with the content."""
        with self._looked_at() as (fs, place):
            size, key = int(fs.size(place)), str(fs.ukey(place))
        return FileStamp(size, int(hashlib.sha256(key.encode()).hexdigest()[:15], 16))

    def list_files(self) -> dict[str, Remote]:
        """Every file below it, by its place there."""
        with self._looked_at() as (fs, place):
            found = fs.find(place, detail=True)
            return {
                name: Remote(fs.unstrip_protocol(path), int(found[path]["size"] or 0))
                for name, path in places_below(found, place).items()
            }

    def open(self) -> BinaryIO:
        """For reading from its beginning to its end; raises what its store raises."""
        fs, place = connect(self.url)
        return cast("BinaryIO", fs.open(place, "rb"))

    def read(self, offset: int = 0, size: int | None = None) -> bytes:
        """A stretch of its bytes.

        Raises:
            OSError: it cannot be read, whatever its store calls that.
        """
        fs, place = connect(self.url)
        try:
            end = None if size is None else offset + size
            return bytes(fs.cat_file(place, start=offset, end=end))
        except Exception as error:  # each kind of store has its own
            raise OSError(str(error) or type(error).__name__) from error

    @contextmanager
    def _looked_at(self) -> Iterator[tuple[Any, str]]:
        found = connect(self.url)
        try:
            yield found
        except Exception as error:  # as above
            raise _cannot_look_at(self.url, error) from error


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
    if reason := why_refused(place, KINDS):
        raise BadData(f"{place} cannot be looked at ({reason}): check the address.")
    try:
        fs, inside = fsspec.url_to_fs(place)
    except Exception as error:  # each has its own; ImportError says which package the store needs
        raise _cannot_look_at(place, error) from error
    return fs, str(inside)


def why_refused(url: str, kinds: frozenset[str]) -> str:
    """Why a URL is not asked; "" if it is.

    Args:
        url: of whatever kind.
        kinds: those that may be, :data:`KINDS` or :data:`STORES`.
    """
    kind = url.partition("://")[0].lower()
    if "::" in url:
        return "it leads through one URL to another, by ::"
    return "" if kind in kinds else f"{kind}:// is not of {', '.join(sorted(kinds))}"


def places_below(found: Iterable[str], folder: str) -> dict[str, str]:
    """What a store says that it has in a folder, by the place below it; not what leads out of it.

    Args:
        found: names of files, as the store knows them.
        folder: likewise.
    """
    places = {posixpath.relpath(name, folder): name for name in sorted(found)}

    def stays(place: str) -> bool:
        if os.name == "nt":
            place = place.replace("\\", "/")
        path = Path(place)
        return ".." not in place.split("/") and not path.is_absolute() and not path.drive

    return {place: name for place, name in places.items() if stays(place)}


def _cannot_look_at(url: str, error: Exception) -> BadData:
    reason = " ".join(str(error).split()) or type(error).__name__
    return BadData(f"{url} cannot be looked at ({reason}): check the address.")


def parse_place(given: str | Path | Remote) -> Path | Remote:
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
