"""The lines of a journal: what a photo was, and what came of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from photochrom import files

VERSION = 2
"""Of the lines that are written. In the first, which had none, the digest was called a wish."""
_ALWAYS = ("version", "target", "digest", "photo", "results", "passed")
"""What every line tells."""


@dataclass(frozen=True)
class Seen:
    """A file as it was."""

    name: str
    size: int
    changed: int
    """Nanoseconds; where it and the size are the same, the content is taken to be."""
    sha256: str

    @classmethod
    def at(cls, path: Path, name: str) -> Seen:
        """Look at a file, which is called ``name`` in the journal.

        Raises:
            OSError: it is no plain file, or cannot be read.
        """
        with files.open_plain(path) as file:
            return cls.within(file, name)

    @classmethod
    def within(cls, file: BinaryIO, name: str) -> Seen:
        """Look at an open file."""
        known = os.fstat(file.fileno())  # first: what changes after that shows as changed
        return cls(name, known.st_size, known.st_mtime_ns, files.sha256(file))

    @classmethod
    def from_json(cls, known: Any) -> Seen:
        """From a part of a line.

        Raises:
            ValueError, TypeError: it is none.
        """
        seen = cls(**known)
        if [*map(type, vars(seen).values())] != [str, int, int, str]:
            raise TypeError("not what is seen of a file")
        return seen

    def still(self, path: Path, look: Callable[[Path], str]) -> bool:
        """Whether the file at ``path`` has this content; ``look`` tells its digest."""
        try:
            known = path.stat()
            if (known.st_size, known.st_mtime_ns) == (self.size, self.changed):
                return True
            return known.st_size == self.size and look(path) == self.sha256
        except OSError:
            return False


@dataclass(frozen=True)
class JournalEntry:
    """What came of a photo, whole or so far."""

    target: str
    """The first file it was to become."""
    digest: str
    """Of the options."""
    photo: Seen
    results: tuple[Seen, ...] = ()
    passed: str = ""
    """Why it has no results, where that is as it should be."""
    failed: str = ""
    """Why it has none, where that is not; it is tried again."""
    error: str = ""
    """Of what kind the failure was, and where it arose."""

    @classmethod
    def from_json(cls, line: bytes | str) -> JournalEntry | None:
        """From a line; None for what a crash of the machine left of one, and for nonsense."""
        try:
            known = dict(json.loads(line))
            version = known.pop("version", 1)
            if version == 1:
                known["digest"] = known.pop("wish")
            results = tuple(map(Seen.from_json, known.pop("results")))
            entry = cls(photo=Seen.from_json(known.pop("photo")), results=results, **known)
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        words = (entry.target, entry.digest, entry.passed, entry.failed, entry.error)
        return entry if version in (1, VERSION) and all(isinstance(w, str) for w in words) else None

    def to_json(self) -> bytes:
        """The line, ASCII whatever the names."""
        known = {"version": VERSION} | asdict(self)
        known = {name: value for name, value in known.items() if value or name in _ALWAYS}
        return (json.dumps(known) + "\n").encode()
