"""What has been done, written down so that work that was cut off goes on where it stopped.

Beside the results, in ``.photochrom/``, each process keeps a file of its own: a line of JSON for
each photo that tells what was in it, a digest of the options, and which files came of it. The line
is written when a result is finished and before it gets its name, so at whatever moment a process is
killed, a result that has its name is known here. Results are made in that folder, too, and what a
killed process leaves unfinished is cleared away by the next.

An album may come with such a folder in it, or others may write there, so little is believed: the
folder and its files have to be real ones and no links, of a bounded size, and all that a line can
bring about is that a photo of that content whose results are there as it says is left as it is.
Nothing is replaced or removed because of a line.
"""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import BinaryIO

from photochrom import files
from photochrom.batch.entries import JournalEntry, Seen
from photochrom.errors import BadPhoto, CannotWrite
from photochrom.held_folder import HeldFolder

FOLDER = ".photochrom"
_PATIENCE = 0.5
"""Seconds to wait for a thread that is just writing to a disk which hangs."""
_LONGEST = 2**18
"""Bytes that a line of ours may have."""
_MOST_LINES = 2_000_000
_MOST_BYTES = 2**30
"""What is read of all journals of a folder; of what lies beyond nothing is known."""
_TRIED = 64
"""Lines on one photo that are looked at, the last."""


class Journal:
    """The journal of a folder of results.

    Threads may share it, and other processes write beside it.

    Args:
        folder: where results go, made if it is not there; None for a journal that knows nothing.

    Raises:
        CannotWrite: the folder does not take files.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = None if folder is None else folder.absolute()
        self._lock = threading.Lock()
        self._places: dict[int, tuple[tuple[str, int], ...]] = {}
        """Where the lines on a target are, in which file and at which byte, by the target's hash:
        so little that folders of a million photos fit into memory."""
        self._read: dict[str, int] = {}
        """How much of each file is known already, bytes."""
        self._lines_left, self._bytes_left = _MOST_LINES, _MOST_BYTES
        if self.folder is None:
            return
        self._name = f"{uuid.uuid4().hex}.jsonl"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._staging = _open_staging(self.folder)
            files.discard_abandoned(self._staging)
            self._file = self._staging.create(self._name, buffering=0)
            self.refresh()
        except OSError as error:
            raise files.cannot_write(self.folder, error) from error

    def close(self) -> None:
        """Let go of the journal's file, and of one that was never written to."""
        if self.folder is None or not self._lock.acquire(timeout=_PATIENCE):
            return
        try:
            if self._file.closed:
                return
            empty = not self._file.tell()
            self._file.close()
            if empty:
                with contextlib.suppress(FileNotFoundError):
                    self._staging.remove(self._name)
        finally:
            self._lock.release()

    def find(self, photo: Path, targets: Sequence[Path], digest: str) -> JournalEntry | None:
        """What came of this content by these options, if its results are there, unchanged.

        Either all of the targets, or the first few, where the process was stopped then.
        """
        if self.folder is None:
            return None
        paths = list(map(self._relative, targets))
        with self._lock:
            places = self._places.get(hash(paths[0]), ())[-_TRIED:]
        look = cache(lambda path: Seen.at(path, "").sha256)  # once, however many lines there are
        entries = filter(None, map(self._recall, places))
        for entry in sorted(entries, key=lambda entry: -len(entry.results)):
            if (
                entry.target == paths[0]
                and entry.digest == digest
                and not entry.failed
                and [seen.name for seen in entry.results] == paths[: len(entry.results)]
                and all(seen.still(self.folder / seen.name, look) for seen in entry.results)
                and entry.photo.still(photo, look)
            ):
                return entry
        return None

    def refresh(self) -> None:
        """Learn what other processes have done meanwhile."""
        if self.folder is None:
            return
        with self._lock:
            for name in sorted(name for name in self._staging.names() if name.endswith(".jsonl")):
                if name != self._name:
                    self._learn(name)

    def staging_for(self, target: Path) -> HeldFolder | None:
        """The folder to make a result in before it gets its name; None for beside that."""
        if self.folder is None:
            return None
        if target.parent.stat().st_dev != self._staging.device:
            return None  # a link has led to another disk, where nothing can be moved to
        return self._staging

    def stamp(self, photo: Path) -> Seen | None:
        """A photo as it is before it is read, so that one which changes then is not taken for done.

        None where that is not asked for, or where there is no file to look at.

        Raises:
            BadPhoto: it cannot be read.
        """
        if self.folder is None or not os.path.isfile(photo):  # noqa: PTH113 - which never raises
            return None
        try:
            return Seen.at(photo, str(photo))
        except OSError as error:
            raise BadPhoto(
                f"{photo} cannot be opened ({error.strerror}): check path and permissions."
            ) from error

    def recorder(
        self,
        photo: Seen | None,
        targets: Sequence[Path],
        digest: str,
        begun: Sequence[Seen] = (),
    ) -> Callable[[BinaryIO], None]:
        """What is to be called with each finished result.

        Args:
            photo: as it was before it was read.
            targets: the results, in order.
            digest: of the options.
            begun: the first few, which are there already.
        """
        if self.folder is None or photo is None:
            return lambda _: None
        paths = list(map(self._relative, targets))
        results = list(begun)

        def note(file: BinaryIO) -> None:
            results.append(Seen.within(file, paths[len(results)]))
            self._write(JournalEntry(paths[0], digest, photo, tuple(results)))

        return note

    def pass_over(self, photo: Seen | None, target: Path, digest: str, reason: str) -> None:
        """Note that a photo is not to be coloured.

        Raises:
            CannotWrite: the journal does not take it.
        """
        if self.folder is not None and photo is not None:
            self._write(JournalEntry(self._relative(target), digest, photo, passed=reason))

    def fail(self, photo: Path, target: Path, digest: str, reason: str, error: str) -> None:
        """Note what went wrong with a photo, which is tried again all the same.

        Raises:
            CannotWrite: the journal does not take it.
        """
        if self.folder is not None:
            named = Seen(str(photo), 0, 0, "")  # perhaps it cannot even be looked at
            self._write(
                JournalEntry(self._relative(target), digest, named, failed=reason, error=error)
            )

    def _write(self, entry: JournalEntry) -> None:
        assert self.folder is not None
        line = entry.to_json()
        with self._lock:
            if self._file.closed:
                raise CannotWrite(f"The work in {self.folder} has ended: start it again.")
            try:
                start = files.append_durably(self._file, line)
            except OSError as error:
                raise files.cannot_write(self.folder, error) from error
            self._note(entry, (self._name, start))

    def _relative(self, target: Path) -> str:
        return target.absolute().relative_to(self.folder or "").as_posix()

    def _note(self, entry: JournalEntry, place: tuple[str, int]) -> None:
        if entry.failed:  # which is tried again all the same
            return
        key = hash(entry.target)
        self._places[key] = (*self._places.get(key, ())[1 - _TRIED :], place)

    def _recall(self, place: tuple[str, int]) -> JournalEntry | None:
        """What is written at a place, if that is still there."""
        name, start = place
        try:
            with self._staging.read(name) as file:
                file.seek(start)
                return JournalEntry.from_json(file.readline(_LONGEST))
        except OSError:
            return None

    def _learn(self, name: str) -> None:
        start = self._read.get(name, 0)
        try:
            with self._staging.read(name) as file:
                if os.fstat(file.fileno()).st_size - start > self._bytes_left:
                    return  # more than we write
                for at, line in _lines(file, start):
                    self._bytes_left -= len(line)
                    self._lines_left -= 1
                    if min(self._lines_left, self._bytes_left) < 0:
                        return
                    self._read[name] = at + len(line)
                    if entry := JournalEntry.from_json(line):
                        self._note(entry, (name, at))
        except OSError:  # it is gone, is no plain file, or belongs to one who does not show it
            return


def obstacle(folder: Path) -> str:
    """Why a folder can have no journal: a sentence, or nothing."""
    path = folder / FOLDER
    if not os.path.lexists(path) or (path.is_dir() and not path.is_symlink()):
        return ""
    return (
        f"{folder} cannot be written: {FOLDER} in it is a file or a link, and not the folder "
        "that photochrom makes: remove it, or choose another folder for the results."
    )


def _open_staging(folder: Path) -> HeldFolder:
    """Our own folder in one of results.

    Raises:
        CannotWrite: there is something else in its place. OSError: it does not open.
    """
    try:
        return HeldFolder(folder / FOLDER, within=HeldFolder(folder))
    except OSError as error:
        if trouble := obstacle(folder):
            raise CannotWrite(trouble) from error
        raise


def _lines(file: BinaryIO, start: int) -> Iterator[tuple[int, bytes]]:
    """Where each whole line begins, and the line; of one that is too long, pieces."""
    file.seek(start)
    while line := file.readline(_LONGEST):
        if not line.endswith(b"\n") and len(line) < _LONGEST:
            return  # it is just being written
        yield start, line
        start += len(line)
