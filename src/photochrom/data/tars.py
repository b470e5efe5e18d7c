"""The members of a tar file, listed with care: it may have been made to harm whoever lists it."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

MOST_HEADER = 1 << 16
"""Bytes of a header, with long names and whatever else is told of a member."""


def members(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Every member, in order, from a file that can be read at any place.

    Raises:
        TarError, or whatever else tarfile raises at what is none.
    """
    with tarfile.open(fileobj=_Headers(file), mode="r:") as tar:  # type: ignore[call-overload]
        while (member := tar.next()) is not None:
            if tar.offset <= member.offset:  # a negative size leads back, and round in a circle
                raise tarfile.ReadError("a member of a negative size")
            yield member
        file.seek(tar.offset)
        if file.read(tarfile.BLOCKSIZE).strip(b"\0"):  # tarfile takes a bad header for the end
            raise tarfile.ReadError("damaged after the first members")


class _Headers:
    """What tarfile reads headers from: a header tells its own size, of which none is too large."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._read = file.seek, file.tell, file.read

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MOST_HEADER:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._read(size)
