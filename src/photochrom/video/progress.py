"""How far the work on a film has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class VideoProgress:
    """How far the work on a film has come."""

    phase: Literal["scanning", "following", "coloring", "joining"]
    """First all frames are looked at, then coloured, and then joined with the film's sound. Before
    a shot is coloured of which something is known, that is followed through all of it."""
    frames_done: int
    """Of this phase; those that an earlier run has coloured are among them."""
    frames: int
    """All that there are, of this phase; while they are looked at, what the film tells, or 0."""
    shot: int = 0
    """The one that is being coloured, from 1."""
    shots: int = 0
    """All that there are; 0 while that is not known."""


VideoListener = Callable[[VideoProgress], object]
"""Is told of it after each frame; what it raises ends the work, and the same call goes on later."""
