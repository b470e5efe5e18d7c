"""What curating leaves behind: a list of what is kept, a table of what is not, a folder."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from photochrom import files
from photochrom.data.curate import Verdict
from photochrom.data.shards import Source
from photochrom.errors import BadPhoto, CannotWrite
from photochrom.names import write_table
from photochrom.storage.urls import Remote

KEPT, DROPPED, FOLDER = "kept.txt", "dropped.csv", "kept"


def write(verdicts: Sequence[Verdict], out: Path) -> None:
    """Write ``kept.txt``, a name a line, and ``dropped.csv``.

    Raises:
        CannotWrite: the folder does not take them.
    """
    table = io.StringIO(newline="")
    dropped = ((v.source.name, *v[1:]) for v in verdicts if v.reason)
    write_table(table, ("photo", "reason", "detail", "duplicate_of"), dropped)
    kept = "".join(f"{v.source.name}\n" for v in verdicts if not v.reason)
    for name, text in ((KEPT, kept), (DROPPED, table.getvalue())):
        files.write_bytes(out / name, text.encode("utf-8", "surrogateescape"))


def gather(sources: Sequence[Source], folder: Path, *, link: bool) -> Iterator[str]:
    """Put photos into a folder, those that are there already left as they are.

    Args:
        sources: the photos; what is in a tar or at a URL is written out.
        folder: where to.
        link: of files, make links instead of copies.

    Yields:
        For each photo, why it could not be put there, or "".

    Raises:
        CannotWrite: the folder holds others, or does not take these.
    """
    names = {_name(source): source for source in sources}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    if there - set(names):
        raise CannotWrite(f"{folder} holds photos that are not kept now: remove it, and go on.")
    for name, source in names.items():
        reason = ""
        if name not in there:
            try:
                _put(source, folder / name, link=link)
            except BadPhoto as error:  # it has gone since it was looked at
                reason = f"{source.name}: {error}"
        yield reason


def _name(source: Source) -> str:
    """One that no other photo has, and that stays when photos are added."""
    inner = Path(source.member or source.path.name)
    apart = hashlib.sha256(source.name.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{inner.stem}-{apart}{inner.suffix}"


def _put(source: Source, target: Path, *, link: bool) -> None:
    if link and not source.member and not isinstance(source.path, Remote):
        files.make_symlink(target, source.path.absolute())
    else:
        files.write_bytes(target, source.read())
