"""Hints for frames of a film, and where they are kept.

A file is that of a photo (:mod:`photochrom.inference.hints`) and tells the frame, the first being
0; positions are in pixels of a picture of that size, upright as a player shows it:

    {"frame": 120, "size": [640, 480], "hints": [{"x": 320, "y": 96, "color": "#7a8b4f"}]}

"points" is another name for "hints". A file may hold a list of such, and a folder is as good as the
files in it. Without "frame" the file's name tells it, ``shot-0003-frame-000120.json``; what the
page has saved since, ``shot-0003-frame-000120.hints.json``, takes its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from reprlib import repr as shown
from typing import Any

from photochrom.color import Array
from photochrom.errors import BadOption
from photochrom.inference.hints import Hint, HintSet, check_keys, read_json, to_hint_set
from photochrom.inference.spots import to_spots

FrameHints = str | os.PathLike[str] | Mapping[Any, Any] | Sequence[Any]
"""A file, a folder of files, what a file holds, or hints by the number of their frame."""

_NAME = re.compile(r"frame[-_ ]?(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class SourcedHints(HintSet):
    """Hints of a frame, and where they were found."""

    source: str = "the hints"
    """The file's path; for those without a file, whatever a sentence may begin with."""


def read_frame_hints(given: FrameHints) -> dict[int, HintSet]:
    """The hints of each frame that has some, by its number from 0.

    Args:
        given: see :data:`FrameHints`; an empty list is none.

    Raises:
        BadOption: no such file, no hints in it, no frame told, one told twice, or they are no
            hints. The sentence begins with the file's name.
    """
    if isinstance(given, str | os.PathLike):
        found = _read_folder(Path(given)) if Path(given).is_dir() else _read_file(Path(given))
    else:
        found = _read(given, "the hints") if given else []
    return _join(found)


def read_hint_folder(folder: Path) -> dict[int, HintSet]:
    """The hints of each frame that has some in the files of a folder; there may be none.

    Raises:
        BadOption: as :func:`read_frame_hints`.
    """
    return _join(_search_folder(folder))


def place_hints(
    found: Mapping[int, HintSet],
    *,
    frames: int,
    size: tuple[int, int],
    rotation: int,
    small: tuple[int, int],
) -> dict[int, Array]:
    """Where the hints lie in what the network sees of their frames.

    Args:
        found: by frame.
        frames: how many the film has.
        size: height and width of a frame, as it is stored.
        rotation: degrees, counterclockwise, by which a player turns it: 0, 90, 180 or 270.
        small: height and width of what the network sees of it.

    Returns:
        By frame (n, 5) float32, see :mod:`photochrom.inference.spots`.

    Raises:
        BadOption: the film has no such frame, or its frames are of another shape. The sentence
            begins with the file's name.
    """
    placed = {}
    upright = size if rotation % 180 else size[::-1]
    for frame, hints in found.items():
        source = hints.source if isinstance(hints, SourcedHints) else "the hints"
        if frame >= frames:
            raise BadOption(
                f"{source}: there is no frame {frame}, as the film has {frames}, from 0 to "
                f"{frames - 1}: give the number of one of them."
            )
        try:
            on_film = hints.scaled_to((upright[0], upright[1]))
        except BadOption as error:
            raise BadOption(f"{source}: {error}") from error
        placed[frame] = lay_hints(on_film, size, rotation, small)
    return placed


def lay_hints(
    hints: Iterable[Hint], size: tuple[int, int], rotation: int, small: tuple[int, int]
) -> Array:
    """Where hints on the upright picture lie in what the network sees of a frame, (n, 5).

    Args:
        hints: on the picture as a player shows it, none outside.
        size: height and width of the frame, as it is stored.
        rotation: degrees, counterclockwise, by which the player turns it.
        small: height and width of what the network sees of it.
    """
    return to_spots([turn_back(hint, size, rotation) for hint in hints], size, small)


def turn_back(hint: Hint, size: tuple[int, int], rotation: int) -> Hint:
    """A hint on the upright picture, brought to the frame as it is stored.

    Args:
        hint: on the picture as a player shows it.
        size: height and width of the frame, as it is stored.
        rotation: degrees, counterclockwise, by which the player turns it.
    """
    height, width = size
    x, y = {
        0: (hint.x, hint.y),
        90: (width - hint.y, hint.x),
        180: (width - hint.x, height - hint.y),
        270: (hint.y, height - hint.x),
    }[rotation % 360]
    return replace(hint, x=x, y=y)


def frame_of(name: str) -> int | None:
    """The frame that a file's name tells, such as 120 for "shot-0003-frame-000120.json"."""
    told = _NAME.findall(name)
    return int(told[-1]) if told else None


# --- files and what they hold -----------------------------------------------------------------


def _read_folder(folder: Path) -> list[tuple[int, SourcedHints]]:
    found = _search_folder(folder)
    if not found:
        raise BadOption(
            f"{folder} holds no hints: put some into its .json files, or open its pictures on the "
            "page of photochrom serve and save their hints there."
        )
    return found


def _search_folder(folder: Path) -> list[tuple[int, SourcedHints]]:
    paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))
    held = {path: _read(read_json(path), str(path), frame_of(path.name)) for path in paths}
    saved = {path for path in held if ".hints" in path.name}  # as the page names them
    later = {frame for path in saved for frame, _ in held[path]}
    return [
        (frame, hints)
        for path, some in held.items()
        for frame, hints in some
        if path in saved or frame not in later
    ]


def _read_file(path: Path) -> list[tuple[int, SourcedHints]]:
    found = _read(read_json(path), str(path), frame_of(path.name))
    if not found:
        raise BadOption(f"{path} holds no hints: put some into it, or leave it out.")
    return found


def _read(given: Any, source: str, named: int | None = None) -> list[tuple[int, SourcedHints]]:
    """The frames that something holds hints for, and these."""
    found = []
    for entry, told, where in _list_entries(given, source, named):
        try:
            frame, hints = _split(entry, told)
            known = to_hint_set(hints)
            if len(known):
                _check_frame(frame)
                known = SourcedHints(known.hints, known.size, known.more, where)
                found.append((frame, known))
        except BadOption as error:
            raise BadOption(f"{where}: {error}") from error
    return found


def _list_entries(
    given: Any, source: str, named: int | None
) -> Iterator[tuple[Any, int | None, str]]:
    """The hints of each frame, its number if it is known from elsewhere, and where they are."""
    if isinstance(given, Mapping) and given and all(type(key) is int for key in given):
        for frame, hints in given.items():
            yield hints, frame, f"{source}, frame {frame}"
    elif isinstance(given, Sequence) and any(map(_is_set, given)):
        for number, entry in enumerate(given, 1):
            yield entry, named, f"{source}, entry {number}"
    else:
        yield given, named, source


def _is_set(entry: Any) -> bool:
    """Whether it is the hints of a frame, and not one hint."""
    return isinstance(entry, Mapping) and not entry.keys().isdisjoint(("frame", "hints", "points"))


def _split(entry: Any, told: int | None) -> tuple[Any, Any]:
    """The frame, and hints as a photo has them."""
    if not isinstance(entry, Mapping):
        return told, entry
    keys = ("frame", "size", "hints", "points")
    check_keys(entry, required=(), others=keys, what="a set of hints for a frame")
    if "hints" in entry and "points" in entry:
        raise BadOption("hints and points are two names for one thing: leave one out.")
    hints = {"hints" if key == "points" else key: entry[key] for key in entry if key != "frame"}
    return entry.get("frame", told), hints


def _check_frame(frame: Any) -> None:
    if frame is None:
        raise BadOption(
            'no frame is told: write "frame": 120 beside the hints, or name the file as --shots '
            "does, shot-0003-frame-000120.json."
        )
    if type(frame) is not int or frame < 0:
        raise BadOption(f"{shown(frame)} is no frame: give its number, from 0.")


def _join(found: Iterable[tuple[int, SourcedHints]]) -> dict[int, HintSet]:
    joined: dict[int, SourcedHints] = {}
    for frame, hints in found:
        other = joined.setdefault(frame, hints)
        if other is not hints:
            raise BadOption(
                f"{hints.source}: frame {frame} has hints in {other.source}, too: put all of "
                "them into one."
            )
    return dict(sorted(joined.items()))
