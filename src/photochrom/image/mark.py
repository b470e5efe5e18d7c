"""What the mark of a coloured picture says, read from its file without decoding the pixels.

Somebody may have written it by hand, so that all it may bring about is that a file is left alone.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from photochrom.errors import PhotochromError
from photochrom.image import metadata
from photochrom.image.photo_file import open_file
from photochrom.image.provenance import Original, Provenance
from photochrom.image.xmp_packet import Broken, Packet

_NOTE = re.compile(r"<stEvt:parameters[^>]*>(.*?)</stEvt:parameters>", re.DOTALL)
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
        return any(_says(packet, provenance, provenance.original) for packet in _packets(path))
    except (PhotochromError, OSError):
        return False


def _packets(path: Path) -> list[bytes]:
    """The XMP packet of each page."""
    packets = []
    with open_file(path) as file:
        for page in range(file.pages):
            file.turn_to(page)
            found = metadata.read_metadata(file.image, file.image.size, file.data, file.page)
            packets.append(found.xmp)
    return packets


def _says(packet: bytes, provenance: Provenance, original: Original) -> bool:
    if not packet:
        return False
    try:
        found = Packet(packet)
    except Broken:
        return False
    notes = _NOTE.findall(packet.decode())  # which is UTF-8, or it would be broken
    if (
        not notes
        or ("instanceID", dict(original.reference)["instanceID"]) not in found.derived_from
    ):
        return False
    clauses = html.unescape(notes[-1]).split("; ")
    told = [clause for clause in clauses if _BEFORE not in clause]
    return _VERSION.sub("", "; ".join(told)) == _VERSION.sub("", provenance.note)
