"""A folder of the shots of a folder of frames, to be looked at and to put hints into.

It holds the same as that of a film, :mod:`.shot_folder`, but for the times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from photochrom import files
from photochrom.color import Array
from photochrom.errors import BadPhoto, CannotWrite, InColor
from photochrom.image.photo import Photo
from photochrom.image.reader import as_photo
from photochrom.inference.chroma_upsampling import to_grey_levels
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import HintSet
from photochrom.inference.pipeline import sentence_in_color
from photochrom.video.asking import Asker
from photochrom.video.frame_hints import read_frame_hints, read_hint_folder
from photochrom.video.frame_plan import (
    FramePlan,
    list_frames,
    place_in_shot,
    read_frame,
    scan_frames,
)
from photochrom.video.guiding import Guide, check_reference, match_reference
from photochrom.video.options import VideoOptions
from photochrom.video.picture import ask_about, look
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.shot_sheets import Entry, color_alone, make_entry, write_sheets, write_shot


def write_frame_shots(
    path: Path,
    folder: Path,
    options: VideoOptions,
    colorizer: Colorizer,
    *,
    listener: VideoListener | None = None,
) -> list[Path]:
    """Write a frame and a file for hints of each shot, and contact sheets of all.

    Args:
        path: the folder of frames.
        folder: is made if it is missing; hints in it stay, and show what they do.
        options: how the frames are coloured.
        colorizer: by which model.
        listener: is told how far it has come.

    Returns:
        The contact sheets.

    Raises:
        BadPhoto, BadOption, InColor, CannotWrite, DiskFull: as :func:`.write_shots`.
    """
    tell = listener or (lambda _: None)
    reference = None if options.reference is None else as_photo(options.reference)
    if reference is not None:
        check_reference(colorizer, reference)
    if folder.exists() and not folder.is_dir():
        raise CannotWrite(f"{folder} is a file: give the name of a folder.")
    hints = read_frame_hints(options.hints)
    if folder.is_dir():
        hints |= read_hint_folder(folder)
    paths = list_frames(path)
    files.make_parent(folder / "shots")

    def scanned(done: int) -> None:
        tell(VideoProgress(phase="scanning", frames_done=done, frames=len(paths)))

    plan = scan_frames(paths, scanned)
    if not plan.shots:
        raise BadPhoto(f"No frame can be read. {plan.troubles[0]}")
    if plan.in_color and not options.recolor:
        raise InColor(sentence_in_color(str(path)))
    chosen = [_choose(numbers, hints) for numbers in plan.shots]
    entries = _write_frames(folder, plan, chosen, hints, reference, options, colorizer, tell)
    return write_sheets(folder, entries, sum(map(len, chosen)))


def _choose(numbers: list[int], hints: Mapping[int, HintSet]) -> list[int]:
    """The frames that stand for a shot: those with hints, or the one in its middle."""
    return [number for number in numbers if number in hints] or [numbers[len(numbers) // 2]]


def _write_frames(
    folder: Path,
    plan: FramePlan,
    chosen: list[list[int]],
    hints: Mapping[int, HintSet],
    reference: Photo | None,
    options: VideoOptions,
    colorizer: Colorizer,
    tell: VideoListener,
) -> Iterator[Entry]:
    """Write the files of each shot; yields what the contact sheets show."""
    for shot, numbers in enumerate(chosen):
        asker = ask_about(plan.sizes[shot], colorizer, options.colorize_options)
        guide = _make_guide(
            plan, place_in_shot(plan, shot, hints, asker.size), asker, reference, colorizer
        )
        for number in numbers:
            _, photo, lightness = look(number, read_frame(plan.frames[number]), asker)
            picture = to_grey_levels(photo.lightness(), np.uint8)
            write_shot(folder, shot + 1, number, picture)
            ab = color_alone(number, lightness, asker, guide)
            caption = f"shot {shot + 1}, frame {number}, {plan.frames[number].name}"
            yield make_entry(caption, picture, ab, lightness, options.strength)
        tell(
            VideoProgress(
                phase="coloring",
                frames_done=plan.shots[shot][-1] + 1,
                frames=len(plan.frames),
                shot=shot + 1,
                shots=len(plan.shots),
            )
        )


def _make_guide(
    plan: FramePlan,
    placed: Mapping[int, Array],
    asker: Asker,
    reference: Photo | None,
    colorizer: Colorizer,
) -> Guide:
    """What is known of the colours of a shot's frames."""

    def match(number: int) -> Array:
        assert reference is not None
        frame = read_frame(plan.frames[number])
        return match_reference(colorizer, reference, frame, small=asker.size)

    return Guide(placed, None if reference is None else match)
