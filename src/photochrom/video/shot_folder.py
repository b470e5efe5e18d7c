"""A folder of a film's shots, to be looked at and to put hints into.

For each shot it holds a frame and a file for its hints, and in the end all of them together, grey
and coloured with the hints that are there so far:

===========================  ================================================================
``shot-0003-frame-000120.png``   the frame in the film's grey, upright as a player shows it
``shot-0003-frame-000120.json``  its hints, none at first: see :mod:`.frame_hints`
``contact-sheet.jpg``            all shots; of a long film ``contact-sheet-01.jpg`` and so on
``.plan.json``                   where the shots begin, so that this is not looked for again
===========================  ================================================================

Shots are counted from 1, frames from 0.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from photochrom import files
from photochrom.color import Array, Pixels
from photochrom.errors import CannotWrite, InColor
from photochrom.evaluation.contact_sheet import make_contact_sheet, thumbnail
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.writer import write_photo
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.painting import paint
from photochrom.inference.pipeline import sentence_in_color
from photochrom.video.asking import Asker
from photochrom.video.film import Film, open_film
from photochrom.video.frame_hints import read_frame_hints, read_hint_folder
from photochrom.video.options import VideoOptions
from photochrom.video.pipeline import find_plan, place_on_film
from photochrom.video.plan import PLAN_OF_SHOTS, Plan, shrink
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.raster import Raster

_NEAR = 12
"""Frames on each side of a shot's middle among which the best is taken: a fade or a flash, or what
a fast move blurs, is mostly over by then."""
_HEIGHT = 180
"""Of a picture on the contact sheet, in pixels."""
_PER_SHEET = 48
"""Frames on one contact sheet."""
_FEW = 8
"""Frames that stand one below the other; more stand two by two."""
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
        BadOption: what the folder holds are no hints, or none for this film.
        InColor: the film is in colour already, and ``recolor`` is False.
        CannotWrite: the folder does not take it. DiskFull: there is no room.
    """
    tell = listener or (lambda _: None)
    if folder.exists() and not folder.is_dir():
        raise CannotWrite(f"{folder} is a file: give the name of a folder.")
    hints = read_frame_hints(options.hints)
    if folder.is_dir():
        hints |= read_hint_folder(folder)
    with open_film(path, deinterlace=options.deinterlace) as film:
        if not options.recolor and film.is_in_color():
            raise InColor(sentence_in_color(str(path)))
        files.make_parent(folder / "shots")
        plan = find_plan(film, options, [folder / PLAN_OF_SHOTS], tell)
        asker = Asker(colorizer, film.raster, options.colorize_options, film.rotation)
        spots = place_on_film(hints, film, plan, asker)
        return _write_sheets(
            folder, film, plan, _Painter(film, asker, spots, options.strength), tell
        )


def _write_sheets(
    folder: Path, film: Film, plan: Plan, painter: _Painter, tell: VideoListener
) -> list[Path]:
    """Write the files of each shot, and the contact sheets."""
    many = sum(max(1, len(painter.hinted(frames))) for frames in plan.shots)
    names = _name_sheets(math.ceil(many / _PER_SHEET))
    entries: list[tuple[str, Pixels, Pixels]] = []
    sheets: list[Path] = []
    for shot, frames in enumerate(plan.shots, 1):
        for number in painter.hinted(frames) or [_choose(film, plan, frames)]:
            luma = next(iter(film.frames(plan.pts[number]))).luma
            stem = f"shot-{shot:04}-frame-{number:06}"
            _write_shot(folder / stem, number, painter.show(luma))
            seconds = (plan.pts[number] - plan.pts[0]) * film.time_base
            caption = f"shot {shot}, frame {number}, {_tell_time(seconds)}"
            entries.append((caption, *painter.thumbnails(luma, number)))
            if len(entries) == _PER_SHEET:
                sheets.append(_write_sheet(folder / names[len(sheets)], entries))
                entries = []
        tell(
            VideoProgress(
                phase="coloring",
                frames_done=frames.stop,
                frames=len(plan.pts),
                shot=shot,
                shots=len(plan.shots),
            )
        )
    if entries:
        sheets.append(_write_sheet(folder / names[len(sheets)], entries))
    return sheets


@dataclass(frozen=True)
class _Painter:
    """Makes pictures of a film's frames, grey and in colour."""

    film: Film
    asker: Asker
    spots: Mapping[int, Array]
    """Hints by frame, where the network sees them."""
    strength: float

    def hinted(self, frames: range) -> list[int]:
        """Those that have hints."""
        return [number for number in self.spots if number in frames]

    def show(self, luma: Array) -> Pixels:
        """A frame in its own grey, upright as a player shows it, (H, W) uint8."""
        raster = self.film.raster
        black, white = raster.black_and_white
        codes = np.arange(1 << raster.bits, dtype=np.float32)
        table = np.clip(np.rint((codes - black) * (255 / (white - black))), 0, 255)
        return np.ascontiguousarray(self._turn(table.astype(np.uint8).take(luma, mode="clip")))

    def thumbnails(self, luma: Array, number: int) -> tuple[Pixels, Pixels]:
        """A frame, small, grey and in colour, each (h, w, 3) uint8."""
        L = self.asker.see(luma)
        ab = self.asker.ask(L, self.spots.get(number, np.zeros((0, 5), np.float32)))
        turned = fit_lines(np.stack([self._turn(plane) for plane in ab]), self._turn(L))
        small = Photo(np.asarray(thumbnail(self.show(luma), _HEIGHT)))
        grey, colored = paint(small, None), paint(small, turned, self.strength)
        return np.asarray(grey.pixels), np.asarray(colored.pixels)

    def _turn(self, plane: Array) -> Array:
        return np.rot90(plane, self.film.rotation // 90)


def _choose(film: Film, plan: Plan, frames: range) -> int:
    """The frame of a shot that shows most: the sharpest of those around its middle."""
    middle = frames[len(frames) // 2]
    first, last = max(frames[0], middle - _NEAR), min(frames[-1], middle + _NEAR)
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


def _write_shot(stem: Path, number: int, picture: Pixels) -> None:
    """Write a frame, and a file for its hints if it has none yet."""
    write_photo(Photo(picture), stem.with_name(f"{stem.name}.png"), force=True)
    hints = stem.with_name(f"{stem.name}.json")
    if not hints.exists():
        height, width = picture.shape[:2]
        empty = {"frame": number, "size": [width, height], "hints": []}
        files.write_bytes(hints, f"{json.dumps(empty)}\n".encode())


def _write_sheet(path: Path, entries: Sequence[tuple[str, Pixels, Pixels]]) -> Path:
    sheet = make_contact_sheet(
        [pictures for _, *pictures in entries],
        ("grey", "coloured"),
        height=_HEIGHT,
        across=1 if len(entries) <= _FEW else 2,
        captions=[caption for caption, *_ in entries],
    )
    return write_photo(read_photo(sheet), path, force=True)


def _name_sheets(many: int) -> list[str]:
    if many == 1:
        return ["contact-sheet.jpg"]
    return [f"contact-sheet-{number:02}.jpg" for number in range(1, many + 1)]


def _tell_time(seconds: Fraction) -> str:
    """A time as 0:12:05.4, from the first frame on."""
    tenths = round(seconds * 10)
    return f"{tenths // 36000}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}"
