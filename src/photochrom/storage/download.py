"""A model's file, fetched: gone on with after a cut, checked, and whole in its place or not there.

In the folder that it goes to, ``.part`` holds what has come so far, ``.etag`` which version of the
file the server said that is, and ``.lock`` is held by the process that fetches it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from photochrom import files
from photochrom.errors import BadModel, PhotochromError
from photochrom.storage import https

if sys.platform == "win32":  # pragma: no cover
    import msvcrt
else:
    import fcntl

Watch = Callable[[int, int | None], object]
"""Is told how many bytes are there, and how many there will be, where that is known."""
_CHUNK = 1 << 20
"""Bytes; tries that bring as many are not counted."""
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
"""If-Range takes no other (RFC 9110, 13.1.5)."""


def download(
    url: str,
    target: Path,
    sha256: str,
    *,
    most: int,
    headers: Mapping[str, str] | None = None,
    watch: Watch,
) -> None:
    """Fetch a file whose digest is known, unless it is there already.

    However many processes and threads do so at once, one fetches it, and the others wait for that.

    Args:
        url: where it is.
        target: its name, in a folder of its own.
        sha256: its digest.
        most: bytes that it may have.
        headers: to send; see :func:`.https.fetch_url`.
        watch: is told how far it is, while it is fetched.

    Raises:
        Refused: there is no such file, or it is not for everybody.
        BadModel: it has another digest, or is too large.
        PhotochromError: the server does not answer. What has come is kept, to go on from.
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    files.make_parent(target)
    try:
        with _only_one(target.parent):
            if target.exists():
                return
            part, etag = target.parent / ".part", target.parent / ".etag"
            try:
                with part.open("a+b") as file:
                    _complete(_Part(file, etag), url, sha256, most, headers or {}, watch)
                    file.flush()
                    os.fsync(file.fileno())  # or after a power cut its name might be there alone
                part.replace(target)
            finally:
                if part.exists() and not part.stat().st_size:
                    part.unlink()
            etag.unlink(missing_ok=True)
    except OSError as error:
        raise files.cannot_write(target, error) from error


class Refused(BadModel):
    """The server does not give the file.

    Args:
        url: of the file.
        status: what it answered.
    """

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url} cannot be fetched (error {status}): check the address.")
        self.status = status


class _Part:
    """What has come of a file so far."""

    def __init__(self, file: BinaryIO, etag: Path) -> None:
        self.file, self._etag = file, etag
        self.answers = 1
        """That it is made of; in what an earlier process left may be several."""
        self.digest = hashlib.sha256()
        self.size = 0
        file.seek(0)
        while data := file.read(_CHUNK):
            self.digest.update(data)
            self.size += len(data)

    def range(self) -> dict[str, str]:
        """The headers that ask for the rest, or for all of it if it has changed."""
        if not self.size:
            return {}
        with suppress(OSError, UnicodeDecodeError):
            return {"Range": f"bytes={self.size}-", "If-Range": self._etag.read_text("ascii")}
        return {"Range": f"bytes={self.size}-"}

    def begin(self, etag: str) -> None:
        """Forget what has come, and begin with another version of the file."""
        self._etag.unlink(missing_ok=True)
        self.file.seek(0)
        self.file.truncate()
        self.digest, self.size, self.answers = hashlib.sha256(), 0, 0
        if _STRONG_ETAG.fullmatch(etag):
            self._etag.write_text(etag, "ascii")

    def append(self, data: bytes) -> None:
        self.file.write(data)
        self.digest.update(data)
        self.size += len(data)


def _complete(
    part: _Part, url: str, sha256: str, most: int, headers: Mapping[str, str], watch: Watch
) -> None:
    """Ask for what is missing until all is there, and right."""
    before = part.size

    def gained() -> bool:
        nonlocal before
        before, last = part.size, before
        return before - last >= _CHUNK

    while part.digest.hexdigest() != sha256:
        try:
            https.keep_trying(lambda: _receive(part, url, most, headers, watch), gained)
        except https.Unreachable as error:
            part.file.flush()
            raise PhotochromError(
                f"{urlsplit(url).hostname} does not send the model ({error}): start the same "
                "command again later, and it goes on from here."
            ) from error
        found = part.digest.hexdigest()
        if found != sha256:
            several = part.answers > 1
            part.begin("")
            if not several:
                raise BadModel(
                    f"{url} is not the file that was asked for: its SHA-256 is {found}, not "
                    f"{sha256}. Nothing was kept: check the address and the digest."
                )


def _receive(part: _Part, url: str, most: int, headers: Mapping[str, str], watch: Watch) -> None:
    """Ask once, and take what comes.

    Raises:
        https.Unreachable: not all of it came. BadModel: it never will.
    """
    asked = {**headers, **part.range()}
    with https.open_url(url, local=https.is_local(url), headers=asked) as response:
        status, told = response.status_code, response.headers
        if https.may_pass(status):
            raise https.Unreachable(f"error {status}", https.requested_wait(told) or 0.0)
        if status == 416 or (status == 206 and _first_byte(told) != part.size):
            part.begin("")
            raise https.Unreachable("it has another size than before")
        if status not in (200, 206):
            raise Refused(url, status)
        if status == 200:
            part.begin(told.get("etag", ""))
        length = told.get("content-length", "")
        total = part.size + int(length) if length.isdigit() else None
        part.answers += 1
        for data in response.iter_raw():
            part.append(data)
            if max(part.size, total or 0) > most:
                part.begin("")
                raise BadModel(f"{url} is too large for a model: check the address.")
            watch(part.size, total)


def _first_byte(headers: Mapping[str, str]) -> int:
    found = re.match(r"bytes (\d+)-", headers.get("content-range", ""))
    return int(found[1]) if found else -1


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread fetches to this folder."""
    with (folder / ".lock").open("ab") as file:
        while not _try_lock(file):
            time.sleep(0.1)
        yield


def _try_lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed; False if another has locked it.

    Where a disk has no locks, all are let go on: two at once spoil each other's file, which its
    digest tells, and neither keeps.
    """
    try:
        if sys.platform == "win32":  # pragma: no cover
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK)
    return True
