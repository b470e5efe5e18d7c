"""Where a picture comes from: a note in the places where programs look for one.

The colours of a coloured photo were never in front of the camera. Its source type is therefore
IPTC's ``compositeWithTrainedAlgorithmicMedia``, which stands for media edited by a model that was
trained; ``algorithmicallyEnhanced`` is for corrections that leave the content as it was.
(IPTC NewsCodes, Digital Source Type, 2024-09-17: http://cv.iptc.org/newscodes/digitalsourcetype/)

========================  =====================================================================
EXIF ProcessingSoftware   photochrom and its version: "the name and version of the software used
                          to post-process the picture" (Exiv2's table of tags, 0x000b)
EXIF Software             the same, where there is none: it names the scanner or camera
PNG text "Software"       the whole note
XMP                       the source type, an event of the history with the whole note, and the
                          creator tool where there is none
========================  =====================================================================
"""

from __future__ import annotations

from dataclasses import replace

from PIL.ExifTags import Base as Tag

from photochrom.image import exif, ifd, xmp
from photochrom.image.photo import Photo

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def mark_colorized(photo: Photo, tool: str, model: str) -> Photo:
    """The photo with the note that it was colorized.

    An XMP packet that is broken stays as it is, without a note: who repairs it finds it whole.

    Args:
        photo: that was coloured.
        tool: such as "photochrom 1.0".
        model: such as "hintnet 2".
    """
    note = f"colorized by {tool}, model {model}"
    notes = photo.notes
    try:
        block = _note_software(photo.exif, ifd.text_entry(tool))
    except MemoryError:
        raise
    except Exception:  # whatever the bytes provoke
        block = _note_software(b"", ifd.text_entry(tool))
        notes += ("its EXIF data are damaged and were left out",)
    try:
        packet = xmp.with_note(photo.xmp, tool=tool, note=note, source_type=SOURCE_TYPE)
    except MemoryError:
        raise
    except Exception:
        packet = photo.xmp
        notes += ("its XMP packet is damaged, so it stays as it was and does not tell of this",)
    said = ("Software", note)
    text = (*(pair for pair in photo.text if pair != said), said)
    return replace(photo, exif=block, xmp=packet, text=text, notes=notes)


def _note_software(block: bytes, entry: ifd.IfdEntry) -> bytes:
    block = exif.edit(block, {Tag.ProcessingSoftware: entry})
    if exif.has_entry(block, Tag.Software):
        return block
    return exif.edit(block, {Tag.Software: entry})


def strip_metadata(photo: Photo) -> Photo:
    """The photo without what its file said of it, except how its pixels are to be shown."""
    return replace(photo, exif=b"", xmp=b"", iptc=b"", text=())
