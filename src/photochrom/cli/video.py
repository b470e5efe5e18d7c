"""Film: video."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional

from photochrom import interruption
from photochrom.cli.flags import WHOLE, flag, group
from photochrom.cli.options import (
    Device,
    Force,
    Model,
    Size,
    Vivid,
    console,
    counted,
    load_colorizer,
    option_values,
    print_result,
)
from photochrom.errors import BadOption, InColor
from photochrom.names import remark, say

if TYPE_CHECKING:
    from photochrom.video.options import VideoOptions
    from photochrom.video.progress import VideoListener, VideoProgress

_PHASES = {
    "scanning": "looking for shots",
    "following": "following hints",
    "coloring": "colouring",
    "joining": "joining",
}


@dataclass(frozen=True, kw_only=True)
class FilmColorFlags:
    """What decides the colours."""

    vivid: Vivid = None
    strength: Annotated[float, flag("how much of the colour: 0 grey, 1 as predicted", "0..1.5")] = (
        1.0
    )
    model: Model = None
    size: Size = "auto"
    hints: Annotated[
        Path | None,
        flag("hints for frames, which hold to the ends of their shots: see --shots", "FILE|FOLDER"),
    ] = None
    reference: Annotated[
        Path | None,
        flag("a colour photo: what is seen in it and in a shot takes its colour", "PHOTO"),
    ] = None
    recolor: Annotated[bool, flag("colour a film that is in colour already, too")] = False
    device: Device = "auto"


@dataclass(frozen=True, kw_only=True)
class FilmFileFlags:
    """Where the result goes, and how it is encoded."""

    out: Annotated[
        Path | None,
        flag(
            "the film to write, in the format of its ending; of frames, the folder to write",
            "FILE|FOLDER",
            short="-o",
            default="beside the film",
        ),
    ] = None
    shots: Annotated[
        Path | None,
        flag("write a picture and a file for hints of each shot there, and no film", "FOLDER"),
    ] = None
    force: Force = False
    codec: Annotated[
        Literal["h264", "hevc", "av1", "prores", "ffv1"],
        flag("of the result: h264 plays everywhere, ffv1 has no loss"),
    ] = "h264"
    crf: Annotated[
        int | None,
        flag("quality of h264, hevc and av1: less is better", WHOLE, default="the codec's own"),
    ] = None
    bits: Annotated[
        Literal[8, 10] | None,
        flag("of a sample", "{8,10}", default="8 of h264, the film's own of others"),
    ] = None
    deinterlace: Annotated[bool, flag("make whole frames of an interlaced film's fields")] = False
    mark: Annotated[bool, flag("do not note in the file that it was colorized")] = True


@dataclass(frozen=True, kw_only=True)
class VideoFlags:
    """Flags of ``photochrom video``; those of ``VideoOptions`` are called as there."""

    color: Annotated[FilmColorFlags, group("colour")]
    output: Annotated[FilmFileFlags, group("output")]

    def options(self) -> VideoOptions:
        """What is asked for.

        Raises:
            BadOption: a value is out of range.
        """
        from photochrom.video.options import VideoOptions

        return VideoOptions(**option_values(VideoOptions, self.color, self.output))


def video(
    film: Annotated[Positional[Path], flag("a film, or a folder of its frames", "FILM|FOLDER")],
    /,
    flags: Annotated[VideoFlags, OmitArgPrefixes, group("")],
) -> int:
    """Colour a film, with colours that hold still.

    The result keeps the film's lightness, sound, subtitles, chapters and the time of every frame,
    and notes that it was colorized; the film itself is never touched. What is done is kept beside
    the result, in a folder whose name ends in .parts, until the result stands: the same command
    goes on after whatever has stopped it. With --shots, a picture of each shot is written, and a
    file for hints: put colours into those, by hand or on the page of photochrom serve, and give the
    folder back with --hints.

    Example: photochrom video old.mp4 -o coloured.mp4
    """
    color = _color_folder if film.is_dir() else _color_film
    if flags.output.shots:
        color = _write_shots
    try:
        with _progress() as listener:
            return color(film, flags, listener)
    except InColor as passed:  # as for photos
        remark(str(passed))
        return 0
    except KeyboardInterrupt as stop:  # which tells by itself of a model that was being fetched
        interruption.take_notice()
        raise KeyboardInterrupt(str(stop) or _INTERRUPTED) from None


_INTERRUPTED = (
    "Interrupted: no result is half written; what is done is kept, and the same command goes on."
)


def _color_film(film: Path, flags: VideoFlags, listener: VideoListener) -> int:
    """Colour a film; answers the exit status."""
    from photochrom.video.pipeline import color_film

    def note(clause: str) -> None:
        remark(f"{film}: {clause}.")

    options, output = flags.options(), flags.output
    colorizer = load_colorizer(flags.color.model, flags.color.device)
    result = color_film(
        film, output.out, options, colorizer, force=output.force, listener=listener, note=note
    )
    print_result(result)
    return 0


def _write_shots(film: Path, flags: VideoFlags, listener: VideoListener) -> int:
    """Write a folder of the shots of a film, or of frames; answers the exit status."""
    output = flags.output
    if output.out or output.shots is None:
        raise BadOption(
            "--shots writes no film: leave out -o, and give it when the film is coloured."
        )
    if film.is_dir():
        _check_for_frames(film, output)
        from photochrom.video.frame_shots import write_frame_shots as write_shots
    else:
        from photochrom.video.shot_folder import write_shots
    colorizer = load_colorizer(flags.color.model, flags.color.device)
    sheets = write_shots(film, output.shots, flags.options(), colorizer, listener=listener)
    for sheet in sheets:
        print_result(sheet)
    return 0


def _color_folder(folder: Path, flags: VideoFlags, listener: VideoListener) -> int:
    """Colour a folder of frames; answers the exit status."""
    from photochrom.video.frame_folder import colorize_folder
    from photochrom.video.progress import VideoProgress

    options, output = flags.options(), flags.output
    _check_for_frames(folder, output)

    def tell(phase: str, done: int, frames: int) -> None:
        known: Literal["scanning", "coloring"] = "scanning" if phase == "look" else "coloring"
        listener(VideoProgress(phase=known, frames_done=done, frames=frames))

    target = output.out or folder.resolve().with_name(f"{folder.resolve().name}.color")
    colorizer = load_colorizer(flags.color.model, flags.color.device)
    outcome = colorize_folder(
        folder, target, options, colorizer=colorizer, force=output.force, listener=tell
    )
    for clause, frames in outcome.notes.items():
        remark(f"{counted(frames, 'frame')} of {folder}: {clause}.")
    for _, sentence in sorted(outcome.failed.items()):
        say(sentence)
    print_result(target)
    return 1 if outcome.failed else 0


def _check_for_frames(folder: Path, output: FilmFileFlags) -> None:
    """Refuse what is for a film's file alone.

    Raises:
        BadOption: it is given.
    """
    usual = FilmFileFlags()
    for name in ("codec", "crf", "bits", "deinterlace"):
        if getattr(output, name) != getattr(usual, name):
            raise BadOption(f"--{name} is for films, and {folder} is a folder: leave it out.")


@contextmanager
def _progress() -> Iterator[VideoListener]:
    """Show how far the work on a film has come: phase, frames, shots, speed and time left."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counts]}"),
        TimeRemainingColumn(compact=True),
    )
    screen = console()
    with Progress(
        *columns,
        console=screen,
        disable=not screen.is_terminal,
        transient=True,
        redirect_stdout=bool(sys.stdout and sys.stdout.isatty()),
    ) as shown:
        phase, task, before, start = "", shown.add_task("opening", total=None, counts=""), 0, 0.0

        def tell(now: VideoProgress) -> None:
            nonlocal phase, before, start
            if now.phase != phase:
                phase, before, start = now.phase, now.frames_done - 1, time.monotonic()
                shown.reset(task, description=_PHASES[phase], counts="")
            rate = (now.frames_done - before) / max(time.monotonic() - start, 0.1)
            shown.update(
                task,
                total=now.frames or None,
                completed=now.frames_done,
                counts=_count(now, rate),
            )

        yield tell


def _count(now: VideoProgress, rate: float) -> str:
    """How far it is, in words, such as "120 of 4,800 frames, shot 2 of 31, 11.8 frames/s"."""
    if now.phase == "joining":
        return ""
    of = f" of {now.frames:,}" if now.frames >= now.frames_done else ""
    shot = f", shot {now.shot:,} of {now.shots:,}" if now.shots else ""
    return f"{now.frames_done:,}{of} frames{shot}, {rate:.1f} frames/s"
