"""What has been done, written down so that work that was cut off goes on where it stopped.

Beside the results, in ``.photochrom/``, each process keeps a file of its own: a line of JSON for
each photo that tells what was in it, what was wished, and which files came of it. The line is
written when a result is finished and before it gets its name, so at whatever moment a process is
killed, a result that has its name is known here. Results are made in that folder, too, and what a
killed process leaves unfinished is cleared away by the next.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from photochrom import atomic
from photochrom.errors import BadPhoto, CannotWrite

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where age has to tell what is abandoned
    fcntl = None  # type: ignore[assignment]

FOLDER = ".photochrom"
_ALWAYS = ("target", "wish", "photo", "results", "passed")
"""What every line of a ledger tells."""
_PATIENCE = 0.5
"""Seconds to wait for a thread that is just writing to a disk which hangs."""
_ABANDONED = 86_400
"""Seconds after which an unfinished file counts as left behind, where locks cannot tell."""


@dataclass(frozen=True)
class Seen:
    """A file as it was."""

    name: str
    size: int
    changed: int
    """Nanoseconds; where it and the size are the same, the content is taken to be."""
    sha256: str

    @classmethod
    def of(cls, path: Path, name: str) -> Seen:
        """Look at a file, which is called ``name`` in the ledger."""
        with path.open("rb") as file:
            known = os.fstat(file.fileno())  # first: what changes after that shows as changed
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(name, known.st_size, known.st_mtime_ns, digest)

    def still(self, path: Path) -> bool:
        """Whether the file at ``path`` has this content."""
        try:
            known = path.stat()
            if (known.st_size, known.st_mtime_ns) == (self.size, self.changed):
                return True
            return known.st_size == self.size and Seen.of(path, "").sha256 == self.sha256
        except OSError:
            return False


@dataclass(frozen=True)
class Entry:
    """What came of a photo, whole or so far."""

    target: str
    """The first file it was to become."""
    wish: str
    """What was asked for, as a digest."""
    photo: Seen
    results: tuple[Seen, ...] = ()
    passed: str = ""
    """Why it has no results, where that is as it should be."""
    failed: str = ""
    """Why it has none, where that is not; it is tried again."""
    error: str = ""
    """Of what kind the failure was, and where it arose."""

    @classmethod
    def from_json(cls, line: str) -> Entry:
        """From a line of a ledger.

        Raises:
            ValueError, KeyError, TypeError, RecursionError: it is none.
        """
        told = dict(json.loads(line))
        results = tuple(Seen(**result) for result in told.pop("results"))
        target = str(told.pop("target"))
        return cls(target, photo=Seen(**told.pop("photo")), results=results, **told)


class Ledger:
    """The ledger of a folder of results; threads may share it, and other processes write beside it.

    Args:
        folder: where results go, made if it is not there; None for a ledger that knows nothing.

    Raises:
        CannotWrite: the folder does not take files.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = None if folder is None else folder.absolute()
        self._lock = threading.Lock()
        self._entries: dict[str, list[Entry]] = {}
        self._read: dict[Path, int] = {}
        """How much of each file is known already, bytes."""
        self._parts = itertools.count()
        if self.folder is None:
            return
        self._name = uuid.uuid4().hex
        try:
            (self.folder / FOLDER).mkdir(parents=True, exist_ok=True)
            self._clear()
            self._file = (self.folder / FOLDER / f"{self._name}.jsonl").open("ab", buffering=0)
            _locked(self._file)
            self.refresh()
        except OSError as error:
            raise atomic.refusal(self.folder, error) from error

    def close(self) -> None:
        """Let go of the ledger's file, and of one that was never written to."""
        if self.folder is None or not self._lock.acquire(timeout=_PATIENCE):
            return
        try:
            empty = not self._file.tell()
            self._file.close()
            if empty:
                Path(self._file.name).unlink(missing_ok=True)
        finally:
            self._lock.release()

    def find(self, photo: Path, targets: Sequence[Path], wish: str) -> Entry | None:
        """What came of this content on this wish, if its results are there, unchanged.

        Either all of the targets, or the first few, where the process was stopped then.
        """
        if self.folder is None:
            return None
        paths = list(map(self._relative, targets))
        with self._lock:
            entries = self._entries.get(paths[0], [])
        for entry in sorted(entries, key=lambda entry: -len(entry.results)):
            if (
                entry.wish == wish
                and not entry.failed
                and [seen.name for seen in entry.results] == paths[: len(entry.results)]
                and all(seen.still(self.folder / seen.name) for seen in entry.results)
                and entry.photo.still(photo)
            ):
                return entry
        return None

    def refresh(self) -> None:
        """Learn what other processes have done meanwhile."""
        if self.folder is None:
            return
        with self._lock:
            for path in sorted((self.folder / FOLDER).glob("*.jsonl")):
                if path.stem != self._name:
                    self._learn(path)

    def part(self, target: Path) -> Path | None:
        """Where to make a result before it gets its name; None for beside that."""
        if self.folder is None:
            return None
        if target.parent.stat().st_dev != (self.folder / FOLDER).stat().st_dev:
            return None  # a link has led to another disk, where nothing can be moved to
        return self.folder / FOLDER / f"{self._name}.{next(self._parts)}.part"

    def look(self, photo: Path) -> Seen | None:
        """A photo as it is before it is read, so that one which changes then is not taken for done.

        None where that is not asked for, or where there is no file to look at.

        Raises:
            BadPhoto: it cannot be read.
        """
        if self.folder is None or not os.path.isfile(photo):  # noqa: PTH113 - which never raises
            return None
        try:
            return Seen.of(photo, str(photo))
        except OSError as error:
            raise BadPhoto(
                f"{photo} cannot be opened ({error.strerror}): check path and permissions."
            ) from error

    def seal(
        self, photo: Seen | None, targets: Sequence[Path], wish: str
    ) -> Callable[[Path], None]:
        """What is to be called with each finished result, in the order of the targets."""
        if self.folder is None or photo is None:
            return lambda _: None
        paths = list(map(self._relative, targets))
        results: list[Seen] = []

        def note(part: Path) -> None:
            results.append(Seen.of(part, paths[len(results)]))
            self._write(Entry(paths[0], wish, photo, tuple(results)))

        return note

    def pass_over(self, photo: Seen | None, target: Path, wish: str, reason: str) -> None:
        """Note that a photo is not to be coloured.

        Raises:
            CannotWrite: the ledger does not take it.
        """
        if self.folder is not None and photo is not None:
            self._write(Entry(self._relative(target), wish, photo, passed=reason))

    def fail(self, photo: Path, target: Path, wish: str, reason: str, error: str) -> None:
        """Note what went wrong with a photo, which is tried again all the same.

        Raises:
            CannotWrite: the ledger does not take it.
        """
        if self.folder is not None:
            named = Seen(str(photo), 0, 0, "")  # perhaps it cannot even be looked at
            self._write(Entry(self._relative(target), wish, named, failed=reason, error=error))

    def _write(self, entry: Entry) -> None:
        assert self.folder is not None
        told = {name: value for name, value in asdict(entry).items() if value or name in _ALWAYS}
        line = (json.dumps(told) + "\n").encode()  # ASCII, whatever the names
        with self._lock:
            if self._file.closed:
                raise CannotWrite(f"The work in {self.folder} has ended: start it again.")
            start = self._file.seek(0, os.SEEK_END)
            try:
                if self._file.write(line) < len(line):  # which is how a disk says that it gets full
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(self._file.fileno())
            except OSError as error:
                with contextlib.suppress(OSError):  # half a line would spoil the next
                    self._file.truncate(start)
                raise atomic.refusal(self.folder, error) from error
            self._entries.setdefault(entry.target, []).append(entry)

    def _relative(self, target: Path) -> str:
        return target.absolute().relative_to(self.folder or "").as_posix()

    def _learn(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                fresh = file.read()
        except OSError:  # it was empty and is gone, or belongs to somebody who does not show it
            return
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._read[path] = self._read.get(path, 0) + len(whole)
        for entry in _entries(whole):
            self._entries.setdefault(entry.target, []).append(entry)

    def _clear(self) -> None:
        """Remove what was begun by processes that are no more."""
        assert self.folder is not None
        for part in (self.folder / FOLDER).glob("*.part"):
            if not _alive(part.with_name(part.name.partition(".")[0] + ".jsonl"), part):
                part.unlink(missing_ok=True)


def _entries(lines: bytes) -> Iterator[Entry]:
    for line in lines.decode("ascii", "replace").splitlines():
        try:
            yield Entry.from_json(line)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # what a crash of the machine has left of a line


def _locked(file: BinaryIO) -> bool:
    """Lock a file for as long as this process lives; whether that was possible."""
    if fcntl is None:  # pragma: no cover
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _alive(ledger: Path, part: Path) -> bool:
    """Whether the process that keeps a ledger still runs."""
    try:
        if fcntl is None:  # pragma: no cover
            return time.time() - part.stat().st_mtime < _ABANDONED
        with ledger.open("rb") as file:
            return not _locked(file)
    except FileNotFoundError:
        return False
    except OSError:  # it does not show itself
        return True
