"""Where a picture comes from: a note in the places where programs look for one.

The colours of a coloured photo were never in front of the camera. Its source type is therefore
IPTC's ``compositeWithTrainedAlgorithmicMedia``, which stands for media edited by a model that was
trained; ``algorithmicallyEnhanced`` is for corrections that leave the content as it was. Colours
that no model of ours gave make it a ``composite``, "any of which may or may not be generative AI".
(IPTC NewsCodes, Digital Source Type, 2024-09-17: http://cv.iptc.org/newscodes/digitalsourcetype/)

==============================  ===============================================================
EXIF ProcessingSoftware         photochrom and its version: "the name and version of the software
                                used to post-process the picture" (Exiv2's table of tags, 0x000b)
EXIF Software                   the same, where there is none: it names the scanner or camera
PNG text "Software"             the whole note
XMP DigitalSourceType           the source type
XMP AISystemUsed                "photochrom, model hintnet": IPTC Photo Metadata 2025.1 asks for
                                "the AI engine and/or the model name"
XMP AISystemVersionUsed         the versions of both, "0.1.0, model 3"
XMP DerivedFrom                 the file that it was made of, see :class:`Original`
XMP History                     an event: when, by what, and the whole note
XMP CreatorTool                 photochrom and its version, where there is none
==============================  ===============================================================
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from PIL.ExifTags import Base as Tag

from photochrom import files
from photochrom.image import exif, ifd, xmp
from photochrom.image.photo import Photo
from photochrom.names import escape_controls

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPE = f"{_SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
MIXED = f"{_SOURCE_TYPES}composite"

_SHA256 = "nih:sha-256;"
TOOL = "photochrom "


@dataclass(frozen=True, kw_only=True)
class Original:
    """The file that a picture was made of.

    In XMP it is a reference by the file's name, never its folder, and by its SHA-256. That stands
    for the ``instanceID``, the identifier of "a specific incarnation of a resource", which is what
    these bytes are; ``documentID`` would name all versions of a photo alike. It is written as
    ``nih:sha-256;`` and the digest in hexadecimal, which is the form that RFC 6920 gives it.
    """

    sha256: str
    """Of its bytes, in hexadecimal."""
    name: str = ""
    """Without its folder; "" where it has none, or is not to be told."""
    size: int = 0
    """Bytes."""

    @classmethod
    def within(cls, data: bytes, name: str = "") -> Original:
        """A file that is held in memory."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), name=name, size=len(data))

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Original:
        """Look at a file.

        Raises:
            OSError: it cannot be read.
        """
        with files.open_plain(path) as file:
            return cls(sha256=files.sha256(file), name=Path(path).name, size=file.tell())

    def nameless(self) -> Original:
        """The same, but for its name, which may say who is on it."""
        return replace(self, name="")

    @property
    def reference(self) -> tuple[tuple[str, str], ...]:
        """The fields of XMP's ``ResourceRef``."""
        named = (("filePath", escape_controls(self.name)),) if self.name else ()
        return (*named, ("instanceID", self.instance_id))

    @property
    def instance_id(self) -> str:
        """The identifier of these bytes."""
        return f"{_SHA256}{self.sha256}"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """How a picture came by its colours."""

    version: str
    """Of photochrom."""
    model: str = ""
    """The name of the model that coloured it; "" where none did."""
    model_version: str = ""
    when: str = ""
    """The time, ISO 8601 in UTC; see :func:`now`."""
    original: Original | None = None
    """The file that it was made of, if it was one."""
    clauses: tuple[str, ...] = ()
    """What else is to be known, such as "3 hints"."""

    @property
    def tool(self) -> str:
        """What coloured it, such as "photochrom 1.0"."""
        return _plain(f"{TOOL}{self.version}")

    @property
    def note(self) -> str:
        """All of it in words, but for the original and the time."""
        model = f"{self.model} {self.model_version}".strip()
        done = f"colorized by {self.tool}" + (f", model {model}" if model else "")
        return _plain("; ".join([done, *self.clauses]))

    @property
    def source_type(self) -> str:
        """IPTC's digital source type, as a URI."""
        return SOURCE_TYPE if self.model else MIXED

    @property
    def edit(self) -> xmp.Edit:
        """The same for an XMP packet."""
        version = f"{self.version}, model {self.model_version}".removesuffix(", model ")
        return xmp.Edit(
            tool=self.tool,
            note=self.note,
            source_type=self.source_type,
            system=f"photochrom, model {self.model}" if self.model else "",
            system_version=version if self.model else "",
            when=self.when,
            derived_from=self.original.reference if self.original else (),
        )


def marked_original(mark: xmp.Edit) -> Original | None:
    """The file that a mark tells its picture was made of."""
    told = dict(mark.derived_from)
    sha256 = told.get("instanceID", "")
    if not sha256.startswith(_SHA256):
        return None
    return Original(sha256=sha256.removeprefix(_SHA256), name=told.get("filePath", ""))


def now() -> str:
    """The time as provenance has it, such as "2026-11-28T09:30:00Z".

    ``SOURCE_DATE_EPOCH``, in seconds since 1970, stands for it where that is set, so that a result
    can be made again byte for byte (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    told = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(told) if told.isdecimal() and len(told) < _DIGITS else time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


_DIGITS = 12
"""Of seconds that are a year of four digits."""


def _plain(text: str) -> str:
    """Words that may name files and models of anybody's, as every format can hold them."""
    return escape_controls(text).encode("utf-8", "replace").decode()


def mark_colorized(photo: Photo, provenance: Provenance) -> Photo:
    """The photo with the note that it was colorized.

    An XMP packet that is broken stays as it is, without a note: who repairs it finds it whole.

    Args:
        photo: that was coloured.
        provenance: how.
    """
    tool, note = provenance.tool, provenance.note
    notes = photo.notes
    try:
        block = _note_software(photo.exif, ifd.text_entry(tool))
    except MemoryError:
        raise
    except Exception:  # whatever the bytes provoke
        block = _note_software(b"", ifd.text_entry(tool))
        notes += ("its EXIF data are damaged and were left out",)
    try:
        packet = xmp.with_note(photo.xmp, provenance.edit)
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
