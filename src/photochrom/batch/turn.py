"""A photo's turn, which another thread may end."""

from __future__ import annotations

import threading

from photochrom.errors import PhotochromError


class GivenUp(PhotochromError):
    """The photo's turn was over before its result got its name."""


class Turn:
    """A photo's turn. It can be given up by another thread until its last result gets its name."""

    def __init__(self) -> None:
        self.over = False
        self._naming = threading.Lock()
        self._claimed = False

    def claim(self) -> None:
        """Be given up no more; before a result gets its name.

        Raises:
            GivenUp: the turn is over.
        """
        with self._naming:
            if self.over:
                raise GivenUp("This photo was given up.")
            self._claimed = True

    def release(self) -> None:
        """May be given up again."""
        with self._naming:
            self._claimed = False

    def give_up(self) -> bool:
        """End the turn, unless a result just gets its name; whether it has ended."""
        with self._naming:
            self.over = self.over or not self._claimed
            return self.over
