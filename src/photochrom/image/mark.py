"""What the mark of a coloured picture says, read from its file without decoding the pixels.

Somebody may have written it by hand, so that all it may bring about is that a file is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from photochrom.errors import PhotochromError
from photochrom.image import metadata, xmp
from photochrom.image.photo_file import open_file
from photochrom.image.provenance import TOOL, Original, Provenance, marked_original

_VERSION = re.compile(r"(?<=colorized by photochrom )[^,;]+")
_BEFORE = " before: "
"""In what an event remembers of what was said until then."""


def tells(path: Path, provenance: Provenance) -> bool:
    """Whether a file says that its picture came by its colours in this way, and of this original.

    Which version of photochrom it was, and when, does not count.

    Args:
        path: the file; one that cannot be read says nothing.
        provenance: with its original.
    """
    if provenance.original is None:
        return False
    try:
        return any(_says(mark, provenance, provenance.original) for mark in read_marks(path))
    except (PhotochromError, OSError):
        return False


def read_marks(path: Path) -> Iterator[xmp.Edit]:
    """The marks of ours that the pages of a file have.

    Raises:
        BadPhoto: it cannot be read.
    """
    for packet in _packets(path):
        try:
            mark = xmp.find_edit(packet, TOOL)
        except xmp.Broken:
            continue
        if mark is not None:
            yield mark


def _packets(path: Path) -> list[bytes]:
    """The XMP packet of each page."""
    packets = []
    with open_file(path) as file:
        for page in range(file.pages):
            file.turn_to(page)
            found = metadata.read_metadata(file.image, file.image.size, file.data, file.page)
            packets.append(found.xmp)
    return packets


def _says(mark: xmp.Edit, provenance: Provenance, original: Original) -> bool:
    made_of = marked_original(mark)
    if made_of is None or made_of.sha256 != original.sha256:
        return False
    told = [clause for clause in mark.note.split("; ") if _BEFORE not in clause]
    return _VERSION.sub("", "; ".join(told)) == _VERSION.sub("", provenance.note)
