"""XMP packets: notes are put in, what is no longer true is cut out, and all else stays as it is.

The packet is read by expat only to learn where things are; the text is then spliced, so that
comments, prefixes, line breaks and whatever else a catalogue keeps there survive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from html import escape
from xml.etree import ElementTree

from photochrom.image.xmp_packet import (
    DERIVED,
    HISTORY,
    MAX_BYTES,
    MM,
    RDF,
    Broken,
    Packet,
    Span,
    splice,
)

__all__ = ["MAX_BYTES", "Broken", "Edit", "merge", "split", "tidy", "with_note"]

_XMP = "http://ns.adobe.com/xap/1.0/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_REFERENCE = "http://ns.adobe.com/xap/1.0/sType/ResourceRef#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

_NOTE = "http://ns.adobe.com/xmp/note/"
_GOOGLE_CAMERA = "http://ns.google.com/photos/1.0/camera/"

_TOOL, _SOURCE = f"{_XMP} CreatorTool", f"{_IPTC} DigitalSourceType"
_SYSTEM, _SYSTEM_VERSION = f"{_IPTC} AISystemUsed", f"{_IPTC} AISystemVersionUsed"
_EXTENDED = f"{_NOTE} HasExtendedXMP"

_APPENDED = (
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.apple.com/HDRGainMap/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    f"{_GOOGLE_CAMERA} MotionPhoto",
    f"{_GOOGLE_CAMERA} MicroVideo",
)
"""Beginnings of the names that promise a video or a gain map behind the picture."""
_OLD_PIXELS = (
    f"{_XMP} Thumbnails",
    "http://ns.adobe.com/photoshop/1.0/ ICCProfile",
    "http://ns.adobe.com/photoshop/1.0/ ColorMode",
    "http://purl.org/dc/terms/ provenance",  # where its Content Credentials lie (C2PA 2.2, A.3)
)
"""What describes the picture as it was in grey."""

_OPEN = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="' + RDF + '"'
_CLOSE = "</rdf:RDF></x:xmpmeta>"
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'  # ISO 16684-1, 7.3.2
    f'{_OPEN}>{_CLOSE}<?xpacket end="w"?>'
).encode()
_DECLARED = re.compile(rb"""\sxmlns:([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PREFIXES = {
    **{_XMP: "xmp", MM: "xmpMM", _EVENT: "stEvt", _REFERENCE: "stRef"},
    _IPTC: "Iptc4xmpExt",
}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST = 1000
"""Letters of what was said before that are remembered."""
_ENDING = b"<?xpacket end"
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>\s*))\d")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What was done to a picture, as an event of its history and as what is so from now on."""

    tool: str
    """What acted, such as "photochrom 1.0"; the creator tool, too, where none is named, as that is
    "the first known tool used to create the resource" (ISO 16684-1, 8.2.2.1)."""
    note: str
    """What it did."""
    source_type: str
    """The URI of one of IPTC's digital source types."""
    system: str = ""
    """The AI system that was used, by IPTC 2025.1; "" if none was."""
    system_version: str = ""
    when: str = ""
    """ISO 8601."""
    derived_from: tuple[tuple[str, str], ...] = ()
    """Fields of a ResourceRef, as the XMP specification has it, and what they say of the file that
    it was made of."""


def with_note(packet: bytes, edit: Edit) -> bytes:
    """Add an event to a packet's history, and what else tells of it.

    What the packet said before of the source type, the AI system and the file that it was made of
    gives way, as each has room for one alone, and is remembered in the event.

    Args:
        packet: UTF-8, or nothing for a new one.
        edit: what was done.

    Raises:
        Broken: it is not well-formed, not XMP, has a document type, or is not in UTF-8.
    """
    packet = packet.rstrip(b"\0") or _EMPTY
    found = Packet(packet)
    note = "; ".join([edit.note, *_remembered(found, edit)])
    event = _element(f"{_EVENT} action", "edited")
    event += _element(f"{_EVENT} when", edit.when)
    event += _element(f"{_EVENT} softwareAgent", edit.tool)
    event += _element(f"{_EVENT} parameters", note)
    event = f'<rdf:li xmlns:rdf="{RDF}" rdf:parseType="Resource">{event}</rdf:li>'
    parts = [
        f'<rdf:Description xmlns:rdf="{RDF}" rdf:about={_quote(found.about)}>',
        _element(_SOURCE, edit.source_type),
        _element(_SYSTEM, edit.system),
        _element(_SYSTEM_VERSION, edit.system_version),
        "" if found.named(_TOOL) else _element(_TOOL, edit.tool),
    ]
    replaced = [_SOURCE, _SYSTEM, _SYSTEM_VERSION]
    if edit.derived_from:
        replaced.append(DERIVED)
        fields = [_element(f"{_REFERENCE} {name}", text) for name, text in edit.derived_from]
        inside = "".join(fields)
        parts.append(
            f'<xmpMM:DerivedFrom xmlns:xmpMM="{MM}" rdf:parseType="Resource">{inside}'
            "</xmpMM:DerivedFrom>"
        )
    edits = [(*span, "") for name, _, span in found.properties if name in replaced]
    if found.history_end < 0:
        edits += [(*span, "") for span in found.named(HISTORY)]  # one without events
        sequence = f"<rdf:Seq>{event}</rdf:Seq>"
        parts.append(f'<xmpMM:History xmlns:xmpMM="{MM}">{sequence}</xmpMM:History>')
    else:
        edits.append((found.history_end, found.history_end, event))
    parts.append("</rdf:Description>")
    edits.append((found.end, found.end, "".join(parts)))
    return splice(packet, edits)


def _remembered(found: Packet, edit: Edit) -> Iterable[str]:
    """What a packet said until now, where it says something else from now on."""
    told = {name: text for name, text, _ in found.properties}
    source, system = told.get(_SOURCE), told.get(_SYSTEM)
    if source and source != edit.source_type:
        yield f"digital source type before: {_clip(source)}"
    version = told.get(_SYSTEM_VERSION, "")
    if system and (system, version) != (edit.system, edit.system_version):
        yield f"AI system before: {_clip(system)}{version and f', version {_clip(version)}'}"
    fields = found.derived_from
    if edit.derived_from and fields and fields != list(edit.derived_from):
        yield f"derived from before: {_clip(', '.join(map(' '.join, fields)))}"


def _clip(text: str) -> str:
    """At most so much of what may be of any length."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} (cut off)"


def _quote(text: str) -> str:
    """The value of an attribute, in quotes (``xml.sax.saxutils`` would import all of urllib)."""
    text = escape(text)
    for space in "\n\r\t":
        text = text.replace(space, f"&#{ord(space)};")
    return f'"{text}"'


def _element(name: str, text: str) -> str:
    """A property that has a text; nothing for none."""
    uri, _, local = name.rpartition(" ")
    prefix = _PREFIXES[uri]
    text = escape(_NOT_XML.sub("\ufffd", text), quote=False)
    return f'<{prefix}:{local} xmlns:{prefix}="{uri}">{text}</{prefix}:{local}>' if text else ""


def find_edit(packet: bytes, tool: str) -> Edit | None:
    """The last event of a history by a tool whose name begins so, and what is so since.

    Raises:
        Broken: as of :func:`with_note`.
    """
    if not packet.strip(b"\0 \r\n\t"):
        return None
    found = Packet(packet.rstrip(b"\0"))  # which refuses what a parser of trees may stumble over
    try:
        tree = ElementTree.fromstring(packet.rstrip(b"\0"))  # noqa: S314 - see above
    except (ElementTree.ParseError, RecursionError) as error:
        raise Broken(str(error)) from error
    events = [
        {part.tag.removeprefix(f"{{{_EVENT}}}"): part.text or "" for part in event.iter()}
        for history in tree.iter(f"{{{MM}}}History")
        for event in history.iter(f"{{{RDF}}}li")
    ]
    ours = [event for event in events if event.get("softwareAgent", "").startswith(tool)]
    if not ours:
        return None
    told = {name: text for name, text, _ in found.properties}
    return Edit(
        tool=ours[-1]["softwareAgent"],
        note=ours[-1].get("parameters", ""),
        source_type=told.get(_SOURCE, ""),
        system=told.get(_SYSTEM, ""),
        system_version=told.get(_SYSTEM_VERSION, ""),
        when=ours[-1].get("when", ""),
        derived_from=tuple(found.derived_from),
    )


def tidy(packet: bytes) -> tuple[bytes, bool]:
    """Cut out what is not true of the coloured, upright picture; a broken packet stays as it is.

    Returns:
        The packet; and whether it promised a video or a gain map behind the picture.
    """
    packet = _ORIENTATION.sub(rb"\g<1>1", packet)
    if not packet.strip(b"\0 \r\n\t"):
        return b"", False
    try:
        found = Packet(packet)
        appended = found.named(*_APPENDED)
        cuts = [*appended, *found.named(*_OLD_PIXELS, _EXTENDED)]
        return splice(packet, [(*span, "") for span in cuts]), bool(appended)
    except Broken:
        return packet, False


# --- packets in two parts, as JPEG's segments are short (XMP specification part 3, 1.1.3.1) ---


def merge(packet: bytes, extension: bytes) -> bytes:
    """Bring a packet and its extension together.

    Raises:
        Broken: they do not go together.
    """
    here, there = Packet(packet), Packet(extension)
    known = _declared_prefixes(packet[: here.start])
    theirs = _declared_prefixes(extension[: there.start])
    if any(known.get(prefix, uri) != uri for prefix, uri in theirs.items()):
        raise Broken("their prefixes differ")
    lacking = {prefix: uri for prefix, uri in theirs.items() if prefix not in known}
    added = extension[there.start : there.end].decode()
    opening = "".join(f" xmlns:{prefix}={_quote(uri)}" for prefix, uri in lacking.items())
    edits = [(*span, "") for span in here.named(_EXTENDED)]
    edits += [(here.end, here.end, added), (here.start - 1, here.start - 1, opening)]
    return splice(packet, edits)


def split(packet: bytes, room: int) -> tuple[bytes, bytes, str]:
    """Fit a packet into so many bytes: without padding, else with an extension.

    Returns:
        The packet, its extension or nothing, and the extension's GUID.

    Raises:
        Broken: it has to be in two parts, and cannot be read.
    """
    if len(packet) <= room:
        return packet, b"", ""
    before, ending, rest = packet.strip().rpartition(_ENDING)
    packet = before.rstrip() + ending + rest
    if len(packet) <= room:
        return packet, b"", ""
    found = Packet(packet)
    outer = b"".join(match[0] for match in _DECLARED.finditer(packet[: found.start]))
    outer = b"".join(
        match[0] for match in _DECLARED.finditer(outer) if match[1] not in (b"x", b"rdf")
    )
    moved: list[Span] = []
    left = len(packet) + 200  # the reference to the extension
    for span in sorted(found.descriptions, key=lambda span: span[0] - span[1]):
        if left <= room:
            break
        moved.append(span)
        left -= span[1] - span[0]
    parts = b"".join(packet[start:stop] for start, stop in sorted(moved))
    extension = _OPEN.encode() + outer + b">" + parts + _CLOSE.encode()
    guid = md5(extension, usedforsecurity=False).hexdigest().upper()
    reference = (
        f'<rdf:Description xmlns:rdf="{RDF}" xmlns:xmpNote="{_NOTE}" '
        f'rdf:about={_quote(found.about)} xmpNote:HasExtendedXMP="{guid}"/>'
    )
    edits = [(*span, "") for span in moved] + [(found.end, found.end, reference)]
    main = splice(packet, edits)
    if len(main) > room:
        raise Broken("it does not fit")
    Packet(extension)
    return main, extension, guid


def _declared_prefixes(head: bytes) -> dict[str, str]:
    return {
        match[1].decode(): (match[2] or match[3] or b"").decode()
        for match in _DECLARED.finditer(head)
    }
