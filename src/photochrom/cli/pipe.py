"""One photo from the standard input, or to the standard output, a device or a named pipe."""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.cli.options import print_result
from photochrom.cli.waiting import shown_if_long
from photochrom.errors import BadOption, BadPhoto, PhotochromError, explain
from photochrom.names import remark

if TYPE_CHECKING:
    from photochrom.batch.options import BatchOptions
    from photochrom.batch.turn import Turn
    from photochrom.batch.worker import Ahead

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
    photos: Sequence[str],
    out: str,
    options: BatchOptions,
    model: Ahead | None = None,
) -> int:
    """Colour one photo; answers the exit status.

    Args:
        photos: what was named.
        out: where to.
        options: how.
        model: as for :class:`.Worker`.

    Raises:
        PhotochromError: it cannot be coloured, or the pipe is none.
    """
    if len(photos) != 1:
        raise BadOption("A pipe takes one photo: name one, or a folder to write to.")
    if sys.stdin is None or sys.stdout is None:
        raise BadOption("The standard input or output is closed: open it, or name files.")
    to_stdout = out == NAME or out in _OUTPUTS
    if to_stdout and sys.stdout.isatty():
        raise BadOption("A photo on the terminal would be noise: send it to a file or a program.")
    (name,) = photos
    source: Path | bytes = _read(name) if is_source(name) else Path(name)
    target = None if to_stdout or is_end(out) else Path(out)
    shown = "The photo" if isinstance(source, bytes) else name
    try:
        with shown_if_long("colouring"):
            content, note = _colorize(source, target, options, shown, model)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise PhotochromError(explain(error, shown)) from error
    if note:
        remark(note)
    if target is not None:
        print_result(target)
    else:
        _send(content, NAME if to_stdout else out)
    return 0


def _colorize(
    source: Path | bytes,
    target: Path | None,
    options: BatchOptions,
    name: str,
    model: Ahead | None,
) -> tuple[bytes, str]:
    """Colour a photo into a file, or into bytes; answers these, and what is to be said of it.

    Raises:
        TimeLimit: it took too long. PhotochromError: it cannot be coloured.
    """
    from photochrom.batch import pool
    from photochrom.batch.worker import Worker
    from photochrom.files import make_parent
    from photochrom.image.credentials import check_signable
    from photochrom.image.writer import check_target, encode_photo, write_photo
    from photochrom.inference.pipeline import colorize_pages
    from photochrom.inference.sessions import settle_device

    kind = None
    if target is not None:
        make_parent(target)
        kind = check_target(target, None, force=options.force)
    worker = Worker(replace(options, device=settle_device(options.device, 1)), model=model)

    def do(source: Path | bytes, turn: Turn) -> tuple[bytes, str]:
        colored = colorize_pages(
            source, worker.page_options, worker.colorizer, kind=kind, damaged=options.damaged
        )
        if worker.signer:
            check_signable(colored.kind or "PNG", source)
        title = "" if target is None else target.name
        original = None if isinstance(source, bytes) or options.strip else source
        signer = worker.signer
        sign = None if signer is None else signer.prepare(title, original, colored.told)
        content = b""
        if target is None:
            content = encode_photo(colored.pages, colored.kind, options.encoding, sign)
        else:
            write_photo(
                colored.pages,
                target,
                force=options.force,
                before_rename=lambda _: turn.claim(),
                encoding=options.encoding,
                keep_times=options.keep_times,
                sign=sign,
            )
        return content, colored.notes.sentence(name)

    with closing(pool.map_unordered([source], do, 1, options.timeout)) as outcomes:
        ((_, result),) = outcomes
    if result is None:
        raise pool.overrun(name, options.timeout)
    return result


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
