"""One photo from the standard input, or to the standard output, a device or a named pipe."""

from __future__ import annotations

import io
import stat
import sys
import traceback
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.cli.options import answer
from photochrom.errors import BadOption, BadPhoto, PhotochromError, explain
from photochrom.names import say

if TYPE_CHECKING:
    from photochrom.batch.options import BatchOptions
from photochrom.batch.worker import Turn

NAME = "-"
_INPUTS = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
"""Other names of the standard input."""
_MOST, _PIECE = 2**30, 2**20
"""Bytes that are taken from a pipe, and at a time."""
_OUTPUTS = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_source(photo: str) -> bool:
    """Whether a photo is read as a pipe is: the standard input, or what a shell gives by <()."""
    if photo == NAME or photo in _INPUTS:
        return True
    return photo.startswith("/dev/fd/") and Path(photo).is_fifo()


def is_end(out: str) -> bool:
    """Whether results cannot be files there: the standard output, a device, or a named pipe.

    Raises:
        BadOption: it is a disk, or a socket.
    """
    if out == NAME or out in _OUTPUTS:
        return True
    try:
        mode = Path(out).stat().st_mode
    except (OSError, ValueError):
        return False
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise BadOption(f"-o {out} is no place for a photo: name a file, or a folder.")
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def colorize_piped(
    photos: tuple[str, ...], out: str, options: BatchOptions, *, verbose: bool
) -> int:
    """Colour one photo; answers the exit status."""
    from photochrom.batch import planning, pool
    from photochrom.batch.worker import Worker
    from photochrom.image import photo as photographs
    from photochrom.inference.flow import colorize_pages

    if len(photos) != 1:
        raise BadOption("A pipe takes one photo: name one, or a folder to write to.")
    if sys.stdin is None or sys.stdout is None:
        raise BadOption("A pipe has two ends, and one of them is closed: open it, or name files.")
    to_pipe = out == NAME or out in _OUTPUTS
    if to_pipe and sys.stdout.isatty():
        raise BadOption("A photo on the terminal would be noise: send it to a file or a program.")
    name = photos[0]
    source: Path | bytes = _read(name) if is_source(name) else Path(name)
    target = None if to_pipe or is_end(out) else Path(out)
    kind = None
    if target is not None:
        planning.make_room(target)
        kind = photographs.check_target(target, None, force=options.force)
    worker = Worker(options)

    shown = "The photo" if isinstance(source, bytes) else name

    def do(given: Path | bytes, turn: Turn) -> tuple[bytes, str]:
        pages, fit, notes = colorize_pages(
            given, worker.look, worker.colorizer, kind=kind, damaged=options.damaged
        )
        if target is None:
            content = photographs.encode(pages, fit, options.encoding)
            return content, notes.sentence(shown)
        photographs.write(
            pages,
            target,
            force=options.force,
            seal=lambda _: turn.claim(),
            encoding=options.encoding,
            keep_times=options.keep_times,
        )
        return b"", notes.sentence(shown)

    try:
        with closing(pool.each([source], do, 1, options.timeout)) as told:
            ((_, result),) = told
    except Exception as error:  # a photo may provoke anything
        if verbose:
            say("it went wrong here:", *"".join(traceback.format_exception(error)).splitlines())
        if isinstance(error, PhotochromError):
            raise
        raise PhotochromError(explain(error, shown)) from error
    if result is None:
        raise pool.overrun(shown, options.timeout)
    content, words = result
    if words:
        say(words)
    if target is not None:
        answer(target)
    else:
        _send(content, out if not to_pipe else NAME)
    return 0


def _read(name: str) -> bytes:
    """What comes, until it ends.

    Raises:
        BadPhoto: that is more than a photo is.
    """
    found = io.BytesIO()
    with (
        nullcontext(sys.stdin.buffer) if name in (NAME, *_INPUTS) else Path(name).open("rb") as file
    ):
        while piece := file.read(_PIECE):
            found.write(piece)
            if found.tell() > _MOST:
                raise BadPhoto(
                    f"More than {_MOST // 2**30} GiB came by the pipe: give the path of a file."
                )
    return found.getvalue()


def _send(content: bytes, out: str) -> None:
    if out == NAME:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        with Path(out).open("wb") as file:
            file.write(content)
    except OSError as error:
        from photochrom import files

        raise files.cannot_write(Path(out), error) from error
