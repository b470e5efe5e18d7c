"""What is found out of a film before it is coloured: its frames, its shots, and parts of those."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import cv2
import numpy as np

from photochrom import files
from photochrom.color import Array
from photochrom.errors import BadFilm
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.raster import Raster
from photochrom.video.shots import find_cuts

if TYPE_CHECKING:
    from photochrom.video.film import Film

CUTS = 1
"""The version of what finds shots: plans of another one are made anew."""
PART = 500
"""Frames at most that are lost when the work is stopped."""
PLAN_OF_SHOTS = ".plan.json"
"""The file of a plan in a folder of shots (:mod:`.shot_folder`)."""
_LONG_SIDE = 64
"""Pixels, of what cuts are found by."""
_MOST_BYTES = 2**28
"""Of a file; a film of a whole day takes less than a tenth."""


class Part(NamedTuple):
    """Frames that are coloured in one go: all of a shot, or a stretch of a long one."""

    number: int
    """From 0."""
    shot: int
    """From 0."""
    start: int
    """Its first frame, counted from the first of the film, which is 0."""
    stop: int
    """The frame after its last."""
    begins: bool
    """Whether the shot begins with it."""
    ends: bool
    """Whether the shot ends with it."""


@dataclass(frozen=True)
class Plan:
    """What is known of a film before it is coloured."""

    pts: Sequence[int]
    """When each frame is shown, in units of the film's time base."""
    cuts: tuple[int, ...]
    """The first frame of each shot, 0 among them."""

    @property
    def shots(self) -> list[range]:
        """The frames of each shot."""
        return [range(*ends) for ends in pairwise((*self.cuts, len(self.pts)))]

    def parts(self) -> list[Part]:
        """The film in parts of :data:`PART` frames at most, none of which goes across a cut."""
        parts: list[Part] = []
        for shot, frames in enumerate(self.shots):
            for start in frames[::PART]:
                stop = min(start + PART, frames.stop)
                ends = start == frames.start, stop == frames.stop
                parts.append(Part(len(parts), shot, start, stop, *ends))
        return parts

    def save(self, path: Path, signature: object) -> None:
        """Write it into a file, to be read again by :meth:`load`.

        Raises:
            CannotWrite: the folder does not take it. DiskFull: there is no room.
        """
        known = {"signature": signature, "pts": list(self.pts), "cuts": self.cuts}
        files.write_bytes(path, json.dumps(known, separators=(",", ":")).encode())

    @classmethod
    def load(cls, path: Path, signature: object) -> Self | None:
        """What a file holds, if that is a plan of the same signature."""
        known = read_json(path)
        if not isinstance(known, dict) or known.get("signature") != signature:
            return None
        pts, cuts = _read_rising(known.get("pts")), _read_rising(known.get("cuts"))
        if not pts or not cuts or cuts[0] != 0 or cuts[-1] >= len(pts):
            return None
        return cls(array("q", pts), tuple(cuts))


def find_plan(film: Film, kept: Sequence[Path], listener: VideoListener = lambda _: None) -> Plan:
    """Look a film's plan up in some files, or make it; the first of them keeps it.

    Args:
        film: all of it is decoded, if no file has its plan.
        kept: the files.
        listener: is told of each frame that is looked at.

    Raises:
        BadFilm: the film cannot be read. CannotWrite, DiskFull: the folder does not take the file.
    """
    signature = sign(film)
    for path in kept:
        if plan := Plan.load(path, signature):
            break
    else:
        path, plan = film.path, make_plan(film, listener)
    if path != kept[0]:
        plan.save(kept[0], signature)
    return plan


def sign(film: Film) -> dict[str, Any]:
    """What tells a film, as it is to be looked at, from another one, as JSON has it.

    Raises:
        BadFilm: it is not there any more.
    """
    try:
        known = film.path.stat()
    except OSError as error:
        raise BadFilm(
            f"{film.path} cannot be opened any more ({error.strerror}): check path and permissions."
        ) from error
    size, changed = known.st_size, known.st_mtime_ns
    return {"cuts": CUTS, "bytes": size, "changed": changed, "fields": film.fields}


def make_plan(film: Film, listener: VideoListener = lambda _: None) -> Plan:
    """Go through a film once, and find its shots.

    Args:
        film: all of it is decoded.
        listener: is told of each frame.

    Raises:
        BadFilm: it cannot be read, or has no frames.
    """
    pts = array("q")  # eight bytes a frame, as a film may have a million

    def see() -> Iterator[Array]:
        table = film.raster.lightness()
        for frame in film.frames():
            pts.append(frame.pts)
            yield shrink(frame.luma, film.raster, table)
            listener(VideoProgress(phase="scanning", frames_done=len(pts), frames=film.expected))

    cuts = tuple(find_cuts(see()))
    if not pts:
        raise BadFilm(f"{film.path} has no frames: choose another film.")
    return Plan(pts, cuts)


def shrink(luma: Array, raster: Raster, table: Array, long_side: int = _LONG_SIDE) -> Array:
    """The lightness of a frame, small, (h, w) float32, 0..100.

    Args:
        luma: (H, W), the film's own codes.
        raster: of the film.
        table: :meth:`.Raster.lightness`.
        long_side: in pixels, at most.
    """
    scale = min(1, long_side / max(raster.height, raster.width))
    size = max(1, round(raster.width * scale)), max(1, round(raster.height * scale))
    small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    return np.asarray(table[np.minimum(small, len(table) - 1)])


def read_json(path: Path) -> Any:
    """What a file of ours holds; None if it is not there, or not whole."""
    try:
        return json.loads(files.read_plain(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None


def _read_rising(numbers: Any) -> list[int]:
    """Whole numbers of which each is greater than the one before; none if they are nothing such."""
    is_so = (
        isinstance(numbers, list)
        and all(type(number) is int and abs(number) < 2**63 for number in numbers)
        and all(one < other for one, other in pairwise(numbers))
    )
    return numbers if is_so else []
