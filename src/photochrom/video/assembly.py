"""The result: what was encoded, and every other stream of the film, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.image.provenance import Provenance
from photochrom.video.encoding import Target

if TYPE_CHECKING:
    from photochrom.video.film import Film


def assemble(
    film: Film,
    segments: Sequence[Path],
    pts: Sequence[int],
    target: Target,
    output: Path,
    *,
    provenance: Provenance | None = None,
    force: bool = False,
) -> tuple[str, ...]:
    """Join segments and the film's other streams into the result, there whole or not at all.

    Args:
        film: whose sound, subtitles, chapters, attachments, and metadata are copied.
        segments: in order; their packets are the frames of the film.
        pts: of each frame, in units of the time base of the film's picture.
        target: how the segments were encoded.
        output: the result.
        provenance: the mark; None for none.
        force: replace a file that exists.

    Returns:
        What could not be carried over, a clause each, such as "a data stream (klv) is left out".

    Raises:
        CannotWrite: it exists, or the folder does not take it. DiskFull: there is no room.
        BadFilm: it cannot be read any more, or the segments are not of its frames.
    """
    raise NotImplementedError
