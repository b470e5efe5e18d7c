"""What stands of a folder of frames, written down so that work that was cut off goes on.

In ``.photochrom/`` of the results lies a line of JSON for each frame that was written: its name,
the digest of all that its shot's colours come from, and what its file looks like. It is written
before the file gets its name. What a part of a long shot leaves for the next one lies there, too.
As in :mod:`photochrom.batch.journal`, little is believed: all that a line can bring about is that a
result which is there as it says is left as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import uuid
from pathlib import Path
from typing import Any, BinaryIO

from photochrom import files
from photochrom.held_folder import HeldFolder
from photochrom.video.propagation import State

FOLDER = ".photochrom"
_SUFFIX = ".frames"
_STATE_SUFFIX = ".npz"
_PLAN = "frames.json"
_MOST = 2**28
"""Bytes that are read of a file in it."""


class FrameJournal:
    """The journal of a folder of frames in colour; threads may share it.

    Args:
        folder: where the results go, made if it is not there.

    Raises:
        CannotWrite: the folder does not take files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, list[Any]] = {}
        self._file: BinaryIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.staging = HeldFolder(folder / FOLDER, within=HeldFolder(folder))
            files.discard_abandoned(self.staging)
            for name in filter(lambda name: name.endswith(_SUFFIX), self.staging.names()):
                self._learn(name)
        except OSError as error:
            raise files.cannot_write(folder, error) from error

    def stands(self, target: Path, wish: str) -> bool:
        """Whether a result is there as it was written for such a wish."""
        try:
            return [wish, *_looks(os.lstat(target))] in self._known.get(target.name, ())
        except OSError:
            return False

    def note(self, name: str, wish: str, file: BinaryIO) -> None:
        """Write down a finished file that is about to get its name.

        Raises:
            CannotWrite: the disk does not take it.
        """
        line = [name, wish, *_looks(os.fstat(file.fileno()))]
        try:
            with self._lock:
                if self._file is None:  # each process has one of its own
                    self._file = self.staging.create(f"{uuid.uuid4().hex}{_SUFFIX}", buffering=0)
                files.append_durably(self._file, f"{json.dumps(line)}\n".encode())
        except OSError as error:
            raise files.cannot_write(self.folder, error) from error

    def save_state(self, wish: str, start: int, state: State) -> None:
        """Keep what a part of a shot leaves for the next one.

        Raises:
            CannotWrite: the disk does not take it.
        """
        files.write_atomically(self.folder / FOLDER / _state_name(wish, start), state.save)

    def load_state(self, wish: str, start: int) -> State | None:
        """What the part of a shot that begins there has left, if that is known."""
        try:
            with self.staging.read(_state_name(wish, start)) as file:
                return State.load(file)
        except (OSError, ValueError):
            return None

    def drop_states(self, wish: str) -> None:
        """Forget what a shot's parts have left, when all of it stands."""
        for name in list(self.staging.names()):
            if name.startswith(wish) and name.endswith(_STATE_SUFFIX):
                with contextlib.suppress(OSError):
                    self.staging.remove(name)

    def close(self) -> None:
        """Let go of the journal's file."""
        if self._file is not None:
            self._file.close()

    def _read(self, name: str) -> bytes:
        with self.staging.read(name) as file:
            return file.read(_MOST)

    def _learn(self, name: str) -> None:
        for text in self._read(name).split(b"\n"):
            with contextlib.suppress(ValueError, RecursionError):
                line = json.loads(text)
                if _is_line(line):
                    self._known.setdefault(line[0], []).append(line[1:])

    def read_plan(self, key: str) -> Any:
        """What was found out of frames with such a key; None if that is not known."""
        try:
            kept = json.loads(self._read(_PLAN))
        except (OSError, ValueError, RecursionError):
            return None
        return kept["plan"] if isinstance(kept, dict) and kept.get("key") == key else None

    def write_plan(self, key: str, plan: object) -> None:
        """Keep what was found out.

        Raises:
            CannotWrite: the disk does not take it.
        """
        text = json.dumps({"key": key, "plan": plan})
        files.write_bytes(self.folder / FOLDER / _PLAN, text.encode())


def _state_name(wish: str, start: int) -> str:
    return f"{wish}-{start}{_STATE_SUFFIX}"


def _is_line(line: Any) -> bool:
    kinds = [type(part) for part in line] if isinstance(line, list) else []
    return kinds == [str, str, int, int]


def _looks(known: os.stat_result) -> list[int]:
    return [known.st_size, known.st_mtime_ns]
