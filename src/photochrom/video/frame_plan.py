"""What there is to do for a folder of frames, found out before any of them is coloured."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from photochrom.color import Array
from photochrom.errors import BadPhoto, explain
from photochrom.image.photo import Photo
from photochrom.image.photo_file import DAMAGED_ADVICE
from photochrom.image.reader import read_photo
from photochrom.image.tone import is_color
from photochrom.inference.hints import HintSet
from photochrom.parallel import map_ahead
from photochrom.storage.search import photos_among
from photochrom.video.frame_hints import place_hints
from photochrom.video.picture import size_of, sketch
from photochrom.video.shots import find_cuts

THREADS = 2
"""That read or write frames; each holds one or two of them."""


@dataclass
class FramePlan:
    """The frames of a folder, shot by shot."""

    frames: list[Path]
    shots: list[list[int]] = field(default_factory=list)
    """Numbers of the frames of each, from 0; those that cannot be read are in none."""
    sizes: list[tuple[int, int]] = field(default_factory=list)
    """Height and width of the frames of each shot."""
    troubles: dict[int, str] = field(default_factory=dict)
    """A sentence on each frame that cannot be read, by its number."""
    in_color: bool = False
    """Whether most frames are in colour already."""

    def to_json(self) -> dict[str, Any]:
        """All but the frames, as JSON has it."""
        kept = asdict(self)
        del kept["frames"]
        return kept

    @classmethod
    def from_json(cls, frames: list[Path], known: Any) -> FramePlan | None:
        """What :meth:`to_json` gave; None if it is nothing of the kind, or of other frames."""
        try:
            shots = [[int(number) for number in shot] for shot in known["shots"]]
            sizes = [(int(height), int(width)) for height, width in known["sizes"]]
            troubles = {int(number): str(words) for number, words in known["troubles"].items()}
            in_color = known["in_color"] is True
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        numbers = sorted([*troubles, *chain.from_iterable(shots)])
        if numbers != list(range(len(frames))) or not all(shots) or len(sizes) != len(shots):
            return None
        return cls(frames, shots, sizes, troubles, in_color)


def list_frames(folder: Path) -> list[Path]:
    """The pictures right in a folder, in natural order; hidden files and our own results aside.

    Raises:
        BadPhoto: it cannot be searched, or holds none.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if not entry.is_dir()]
    except OSError as error:
        raise BadPhoto(
            f"{folder} cannot be searched ({error.strerror}): check its permissions."
        ) from error
    frames = photos_among(names)
    if not frames:
        raise BadPhoto(_explain_none(folder, names))
    return [folder / name for name in sorted(frames, key=natural_key)]


def natural_key(name: str) -> tuple[Sequence[str | int], str]:
    """Sorts names by the numbers in them: digits count as numbers, all else as text."""
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], name


def describe_frames(frames: Iterable[Path]) -> list[tuple[str, int, int]]:
    """Name, bytes and time of change in nanoseconds of each; zeros for one that is gone."""
    described = []
    for frame in frames:
        try:
            known = frame.stat()
            described.append((frame.name, known.st_size, known.st_mtime_ns))
        except OSError:
            described.append((frame.name, 0, 0))
    return described


def digest(*facts: object) -> str:
    """The SHA-256 of facts that JSON can hold, in hexadecimal."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def read_frame(path: Path) -> Photo:
    """Open a frame.

    Raises:
        BadPhoto, MissingExtra: as :func:`.read_photo`; or it has pages.
    """
    photo = read_photo(path)
    if photo.paged:
        raise BadPhoto(f"{path} holds {photo.pictures} pages: make a file of each first.")
    return photo


def explain_frame(error: Exception, path: Path) -> str:
    """A sentence on a frame that cannot be read; there is no --damaged for one of many."""
    return explain(error, str(path)).replace(DAMAGED_ADVICE, "")


def place_in_shot(
    plan: FramePlan, shot: int, hints: Mapping[int, HintSet], small: tuple[int, int]
) -> dict[int, Array]:
    """Where hints lie in what the network sees of a shot's frames, by frame: (n, 5).

    Args:
        plan: of the folder.
        shot: from 0.
        hints: of any of its frames.
        small: height and width of what the network sees.

    Raises:
        BadOption: there is no such frame, or it is of another shape.
    """
    known, frames = set(plan.shots[shot]), len(plan.frames)
    here = {n: given for n, given in hints.items() if n in known or n >= frames}
    return place_hints(here, frames=frames, size=plan.sizes[shot], rotation=0, small=small)


class _Glance(NamedTuple):
    number: int
    size: tuple[int, int]
    lightness: Array
    in_color: bool
    trouble: str


def scan_frames(frames: list[Path], tell: Callable[[int], object]) -> FramePlan:
    """Go through all frames once.

    Args:
        frames: in order.
        tell: is told how many were gone through.
    """
    plan = FramePlan(frames)
    colored = 0

    def readable() -> Iterator[_Glance]:
        nonlocal colored
        for glance in map_ahead(_glance, enumerate(frames), THREADS):
            if glance.trouble:
                plan.troubles[glance.number] = glance.trouble
            else:
                colored += glance.in_color
                yield glance
            tell(glance.number + 1)

    for size, alike in groupby(readable(), key=lambda glance: glance.size):
        shots = _split(alike)  # frames of another size are of another shot
        plan.shots += shots
        plan.sizes += [size] * len(shots)
    plan.in_color = 2 * colored > len(frames) - len(plan.troubles)
    return plan


def _split(glances: Iterable[_Glance]) -> list[list[int]]:
    """The numbers of the frames of each shot."""
    numbers: list[int] = []

    def watch() -> Iterator[Array]:
        for glance in glances:
            numbers.append(glance.number)
            yield glance.lightness

    starts = list(find_cuts(watch()))
    return [numbers[start:stop] for start, stop in pairwise([*starts, len(numbers)])]


def _glance(numbered: tuple[int, Path]) -> _Glance:
    number, path = numbered
    try:
        photo = read_frame(path)
        lightness, colored = sketch(photo), is_color(photo)
    except Exception as error:  # a file may provoke anything
        return _Glance(number, (0, 0), np.zeros((0, 0)), False, explain_frame(error, path))
    return _Glance(number, size_of(photo), lightness, colored, "")


def _explain_none(folder: Path, names: Iterable[str]) -> str:
    kinds = {Path(name).suffix.lower() for name in names}
    for kind in (".dpx", ".exr", ".cin"):
        if kind in kinds:
            return (
                f"{folder} holds {kind[1:].upper()} files, which are not read: make 16-bit TIFFs "
                f"of them, as by ffmpeg -i frame_%06d{kind} -pix_fmt rgb48le frame_%06d.tif."
            )
    return f"{folder} holds no pictures that are read: give a film, or a folder of its frames."
