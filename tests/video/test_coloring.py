"""Frames of a film on their way to the network."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("av")

from photochrom.video.coloring import FilmInColor
from photochrom.video.raster import Frame


class DamagedFilm:
    """Of ten frames, two of which are not found when the container leads there."""

    def frames(self, start: int = 0, *, seek: bool = True) -> Iterator[Frame]:
        missing = (4, 5) if seek else ()
        return (
            Frame(pts, np.full((2, 2), pts, np.uint8))
            for pts in range(start, 10)
            if pts not in missing
        )


def test_frames_that_are_not_found_by_seeking_are_decoded_from_the_beginning():
    film = FilmInColor.__new__(FilmInColor)
    parts = {
        "film": DamagedFilm(),
        "plan": SimpleNamespace(pts=range(10)),
        "asker": SimpleNamespace(see=lambda luma: luma),
    }
    for name, part in parts.items():
        object.__setattr__(film, name, part)
    assert [frame.luma[0, 0] for frame in film.see(range(2, 9))] == [2, 3, 4, 5, 6, 7, 8]
