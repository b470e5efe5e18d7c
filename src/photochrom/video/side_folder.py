"""What is done of a film, kept beside its result until that stands.

Beside ``old.color.mp4`` it is the folder ``old.color.mp4.parts``:

===================  ==========================================================================
``plan.json``        what was found out of the film, with the film's signature
``wish.json``        what decides how its frames are encoded: parts of another wish are removed
``part-00012.mkv``   a part, encoded; there whole or not at all
``state-00012.npz``  what the next part of the same shot goes on from
``lock``             whose holder works on the film
===================  ==========================================================================
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from photochrom import files
from photochrom.errors import CannotWrite
from photochrom.held_folder import HeldFolder, hold
from photochrom.video.plan import read_json
from photochrom.video.propagation import State

_OURS = ("part-*", "state-*")


class SideFolder:
    """The folder beside a result, held by one run at a time.

    Args:
        result: the film that is being made.
    """

    def __init__(self, result: Path) -> None:
        self.result = result
        self.path = result.with_name(f"{result.name}.parts")
        self.plan = self.path / "plan.json"
        self._wish = self.path / "wish.json"

    @contextlib.contextmanager
    def held(self) -> Iterator[Self]:
        """Make it, and have it alone; in the end it goes, if there is nothing in it.

        Raises:
            CannotWrite: another run has it, something else is in its place, or it cannot be made.
            DiskFull: there is no room.
        """
        with contextlib.ExitStack() as stack:
            try:
                if self.path.is_symlink():
                    raise FileExistsError
                self.path.mkdir(exist_ok=True)
                stack.callback(self._remove_if_empty)
                stack.enter_context(hold(self.path / "lock"))
                files.discard_abandoned(self.staging)
            except FileExistsError:
                raise CannotWrite(
                    f"{self.path} is in the way, where parts of the result are to be kept: give "
                    "it another name, or the result."
                ) from None
            except BlockingIOError:
                raise CannotWrite(
                    f"{self.result} is being made by another run: wait until that has ended, or "
                    "choose another name for this result."
                ) from None
            except OSError as error:
                raise files.cannot_write(self.result, error) from error
            yield self

    @property
    def staging(self) -> HeldFolder:
        """The folder itself, for what is not finished: if that is left there, it is removed later.

        Raises:
            OSError: it is not there.
        """
        return HeldFolder(self.path)

    def begin(self, wish: dict[str, Any]) -> bool:
        """Go on with what was begun by the same wish, or else begin anew.

        Args:
            wish: values as JSON has them.

        Returns:
            Whether parts of another wish were there; they are removed.

        Raises:
            CannotWrite: the folder does not take it. DiskFull: there is no room.
        """
        if read_json(self._wish) == wish:
            return False
        others = any(self.path.glob("part-*"))
        self._clear()
        files.write_bytes(self._wish, json.dumps(wish, indent=1).encode())
        return others

    def part(self, number: int) -> Path:
        """Where a part lies, or will."""
        return self.path / f"part-{number:05}.mkv"

    def save_state(self, number: int, state: State) -> None:
        """Keep what a part leaves for the next one of its shot.

        Raises:
            CannotWrite: the folder does not take it. DiskFull: there is no room.
        """
        files.write_atomically(self._state(number), state.save)

    def load_state(self, number: int) -> State:
        """What a part has left.

        Raises:
            CannotWrite: it is not there, or not whole.
        """
        try:
            return State.load(self._state(number))
        except (OSError, ValueError) as error:
            raise CannotWrite(
                f"{self.path} is damaged: remove it, and start again with the same command."
            ) from error

    def _state(self, number: int) -> Path:
        return self.path / f"state-{number:05}.npz"

    def remove(self) -> None:
        """Remove what is ours in it; the folder goes when it is let go of."""
        self._clear()
        for path in (self.plan, self._wish):
            path.unlink(missing_ok=True)

    def _clear(self) -> None:
        for pattern in _OURS:
            for path in self.path.glob(pattern):
                path.unlink(missing_ok=True)

    def _remove_if_empty(self) -> None:
        with contextlib.suppress(OSError):
            self.path.rmdir()
