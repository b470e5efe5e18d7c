"""A folder of a film's shots, to be looked at and to put hints into.

For each shot it holds a frame and a file for its hints, and in the end all of them together, grey
and coloured with the hints that are there so far:

===============================  ================================================================
``shot-0003-frame-000120.png``   the frame in the film's grey, upright as a player shows it
``shot-0003-frame-000120.json``  its hints, none at first: see :mod:`.frame_hints`
``contact-sheet.jpg``            all shots; of a long film ``contact-sheet-01.jpg`` and so on
``.plan.json``                   where the shots begin, so that this is not looked for again
===============================  ================================================================

Shots are counted from 1, frames from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from photochrom import files
from photochrom.color import Array, Pixels
from photochrom.errors import CannotWrite, InColor
from photochrom.image.reader import as_photo
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.pipeline import sentence_in_color
from photochrom.video.asking import Asker
from photochrom.video.coloring import make_guide, place_on_film
from photochrom.video.film import Film, open_film
from photochrom.video.frame_hints import read_frame_hints, read_hint_folder
from photochrom.video.guiding import Guide, check_reference, show
from photochrom.video.options import VideoOptions
from photochrom.video.plan import PLAN_OF_SHOTS, Plan, find_plan, shrink
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.raster import Raster
from photochrom.video.shot_sheets import Entry, color_alone, make_entry, write_sheets, write_shot

_NEAR = 12
"""Frames on each side of a shot's middle among which the best is taken: a fade or a flash, or what
a fast move blurs, is mostly over by then."""
_DETAIL = 320
"""Pixels, of the longer side of a frame whose detail is measured."""


def write_shots(
    path: Path,
    folder: Path,
    options: VideoOptions,
    colorizer: Colorizer,
    *,
    listener: VideoListener | None = None,
) -> list[Path]:
    """Write a frame and a file for hints of each shot, and contact sheets of all.

    A hint file that is there stays as it is, and its frame stands for the shot: the same call shows
    what hints do.

    Args:
        path: the film.
        folder: is made if it is missing.
        options: how it is coloured; hints of theirs hold where the folder has none for a frame.
        colorizer: by which model.
        listener: is told how far it has come.

    Returns:
        The contact sheets.

    Raises:
        BadFilm: the film cannot be read.
        BadOption: what the folder holds are no hints, or none for this film; or the reference
            tells nothing.
        InColor: the film is in colour already, and ``recolor`` is False.
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    tell = listener or (lambda _: None)
    if folder.exists() and not folder.is_dir():
        raise CannotWrite(f"{folder} is a file: give the name of a folder.")
    reference = None if options.reference is None else as_photo(options.reference)
    if reference is not None:
        check_reference(colorizer, reference)
    hints = read_frame_hints(options.hints)
    if folder.is_dir():
        hints |= read_hint_folder(folder)
    with open_film(path, deinterlace=options.deinterlace) as film:
        if not options.recolor and film.is_in_color():
            raise InColor(sentence_in_color(str(path)))
        files.make_parent(folder / "shots")
        plan = find_plan(film, [folder / PLAN_OF_SHOTS], tell)
        asker = Asker(colorizer, film.raster, options.colorize_options, film.rotation)
        placed = place_on_film(hints, film, plan, asker)
        guide = make_guide(film, plan, asker, placed, reference, colorizer)
        painter = _Painter(film, asker, guide, frozenset(placed), options.strength)
        many = sum(max(1, len(painter.hinted.intersection(frames))) for frames in plan.shots)
        return write_sheets(folder, _write_frames(folder, film, plan, painter, tell), many)


def _write_frames(
    folder: Path, film: Film, plan: Plan, painter: _Painter, tell: VideoListener
) -> Iterator[Entry]:
    """Write the files of each shot; yields what the contact sheets show."""
    for shot, frames in enumerate(plan.shots, 1):
        for number in _stand_for(frames, painter, plan):
            luma = next(iter(film.frames(plan.pts[number]))).luma
            write_shot(folder, shot, number, painter.show(luma))
            seconds = (plan.pts[number] - plan.pts[0]) * film.time_base
            yield painter.enter(f"shot {shot}, frame {number}, {_tell_time(seconds)}", luma, number)
        tell(
            VideoProgress(
                phase="coloring",
                frames_done=frames.stop,
                frames=len(plan.pts),
                shot=shot,
                shots=len(plan.shots),
            )
        )


@dataclass(frozen=True)
class _Painter:
    """Makes pictures of a film's frames, grey and in colour."""

    film: Film
    asker: Asker
    guide: Guide
    hinted: frozenset[int]
    """The frames that have hints."""
    strength: float

    def show(self, luma: Array) -> Pixels:
        """A frame in its own grey, upright as a player shows it, (H, W) uint8."""
        return np.asarray(show(luma, self.film.raster, self.film.rotation).pixels)

    def enter(self, caption: str, luma: Array, number: int) -> Entry:
        """A frame on a contact sheet."""
        L = self.asker.see(luma)
        ab = color_alone(number, L, self.asker, self.guide)
        turned = np.stack([self._turn(plane) for plane in ab])
        return make_entry(caption, self.show(luma), turned, self._turn(L), self.strength)

    def _turn(self, plane: Array) -> Array:
        return np.rot90(plane, self.film.rotation // 90)


def _stand_for(frames: range, painter: _Painter, plan: Plan) -> list[int]:
    """The frames that stand for a shot: those with hints, or the one that shows most."""
    return sorted(painter.hinted.intersection(frames)) or [_choose(painter.film, plan, frames)]


def _choose(film: Film, plan: Plan, frames: range) -> int:
    """The frame of a shot that shows most: the sharpest of those around its middle."""
    middle = frames[len(frames) // 2]
    near_by = min(_NEAR, len(frames) // 4)  # away from the ends, where shots fade
    first, last = middle - near_by, middle + near_by
    near = islice(film.frames(plan.pts[first]), last + 1 - first)
    detail = [_measure_detail(frame.luma, film.raster) for frame in near]
    best = max(detail)
    # Of frames that are about as good, the one nearest to the middle.
    good = [first + n for n, value in enumerate(detail) if value >= 0.95 * best]
    return min(good, key=lambda number: abs(number - middle))


def _measure_detail(luma: Array, raster: Raster) -> float:
    """How much is to be seen in a frame: the mean slope of its lightness."""
    L = shrink(luma, raster, raster.lightness(), _DETAIL)
    across, down = np.diff(L, axis=1), np.diff(L, axis=0)
    return float(np.abs(across).mean() + np.abs(down).mean())


def _tell_time(seconds: Fraction) -> str:
    """A time as 0:12:05.4, from the first frame on."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"
