"""What a film says of itself, and the mark that it was coloured, in the places of each container.

==========  ====================================  =============================================
            the note, "colorized by photochrom"   XMP
==========  ====================================  =============================================
mp4, m4v    comment; encoder (©cmt, ©too)         a box of type ``uuid`` at the end of the file
mov         comment (©cmt)                        ``XMP_`` among the user data of the film
mkv, webm   COMMENT; ENCODER of the picture       no place for it
==========  ====================================  =============================================

(XMP specification part 3, 2020, sections 2.2.2 and 2.3.2; Matroska's tags, RFC 9559 section 5.1.8)
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

import av

from photochrom.image import xmp
from photochrom.image.provenance import Provenance
from photochrom.video.containers import tags_of

if TYPE_CHECKING:
    from av.container import InputContainer

XMP_BOX = UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes
_OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder", "xmp", "duration")
"""Keys that speak of the file that was, in lower case."""
_OF_THE_CODING = ("encoder", "duration", "bps", "number_of_", "_statistics_", "rotate", "vendor_id")
"""Beginnings of keys that speak of how the picture was coded."""
_MP4 = (
    *("title", "artist", "album_artist", "composer", "album", "date", "comment", "genre"),
    *("copyright", "grouping", "lyrics", "description", "synopsis", "show", "episode_id"),
    *("network", "keywords", "location", "creation_time", "encoding_tool", "timecode"),
)
"""Keys that FFmpeg's muxers write where every player looks; others need a list of their own."""


@dataclass(frozen=True, kw_only=True)
class Tags:
    """What is written into the result."""

    values: Mapping[str, str]
    """Of the whole film."""
    picture: Mapping[str, str]
    """Of the stream of its picture."""
    packet: bytes
    """Of XMP; nothing for none."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Of the muxer."""
    notes: tuple[str, ...] = ()


def gather(source: InputContainer, picture: int, muxer: str, provenance: Provenance | None) -> Tags:
    """What a film says of itself, with the mark.

    Args:
        source: the film, opened with ``export_xmp``.
        picture: index of the stream that was coloured.
        muxer: of the result.
        provenance: the mark; None for none.
    """
    values = {
        key: value for key, value in source.metadata.items() if key.lower() not in _OF_THE_FILE
    }
    own = {
        key: value
        for key, value in tags_of(source.streams[picture]).items()
        if not key.lower().startswith(_OF_THE_CODING)
    }
    packet = source.metadata.get("xmp", "").encode()
    notes: tuple[str, ...] = ()
    if provenance is not None:
        _append_comment(values, provenance.note)
        if muxer == "mp4":
            values["encoding_tool"] = provenance.tool
        else:
            own["encoder"] = provenance.tool
        if muxer in ("mp4", "mov"):
            packet, notes = _mark(packet, provenance)
    if packet and muxer not in ("mp4", "mov"):
        packet, notes = b"", ("its XMP packet is left out, as Matroska has no place for one",)
    if packet and muxer == "mov":
        values["xmp"] = packet.decode()
    options = {"fflags": "+bitexact"}
    if muxer in ("mp4", "mov"):
        odd = any(key.lower() not in (*_MP4, "xmp") for key in values)
        options["movflags"] = "+faststart" + ("+use_metadata_tags" if odd else "")
    return Tags(values=values, picture=own, packet=packet, options=options, notes=notes)


def finish(file: BinaryIO, tags: Tags, muxer: str) -> list[str]:
    """Write what a muxer does not, and tell what it has left out.

    Args:
        file: the result, written.
        tags: that were given to the muxer.
        muxer: FFmpeg's name of it.
    """
    if muxer == "mp4" and tags.packet:
        file.seek(0, os.SEEK_END)
        size = 8 + len(XMP_BOX) + len(tags.packet)
        file.write(struct.pack(">I4s", size, b"uuid") + XMP_BOX + tags.packet)
    file.seek(0)
    with av.open(file, "r", options={"export_xmp": "1"}, metadata_errors="replace") as result:
        there = {key.lower() for key in result.metadata} | {"encoding_tool"}
    lost = sorted(key for key in tags.values if key.lower() not in there)
    return [*tags.notes, *(f"its tag {key} is left out, as {muxer} has no place" for key in lost)]


def _append_comment(values: dict[str, str], note: str) -> None:
    """Add a note to what is said already, and that once."""
    key = next((key for key in values if key.lower() == "comment"), "comment")
    said = values.get(key, "")
    if note not in said:
        values[key] = f"{said}; {note}" if said else note


def _mark(packet: bytes, provenance: Provenance) -> tuple[bytes, tuple[str, ...]]:
    try:
        return xmp.with_note(packet, provenance.edit), ()
    except MemoryError:
        raise
    except Exception:  # whatever the bytes provoke
        return packet, (
            "its XMP packet is damaged, so it stays as it was and does not tell of this",
        )
