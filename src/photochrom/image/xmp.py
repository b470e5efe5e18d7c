"""XMP packets: notes are put in, what is no longer true is cut out, and all else stays as it is.

The packet is read by expat only to learn where things are; the text is then spliced, so that
comments, prefixes, line breaks and whatever else a catalogue keeps there survive. A document type
is refused, and with it entities: an XMP packet has none (ISO 16684-1, 7.3).
"""

from __future__ import annotations

import re
from hashlib import md5
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

_XML = "http://www.w3.org/XML/1998/namespace"
_NOTE = "http://ns.adobe.com/xmp/note/"
_GOOGLE_CAMERA = "http://ns.google.com/photos/1.0/camera/"

_TOP, _DESCRIPTION = f"{_RDF} RDF", f"{_RDF} Description"
_ABOUT, _TOOL = f"{_RDF} about", f"{_XMP} CreatorTool"
_HISTORY, _SOURCE = f"{_MM} History", f"{_IPTC} DigitalSourceType"
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
)
"""What describes the picture as it was in grey."""

_OPEN = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="' + _RDF + '"'
_CLOSE = "</rdf:RDF></x:xmpmeta>"
_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'  # ISO 16684-1, 7.3.2
    f'{_OPEN}>{_CLOSE}<?xpacket end="w"?>'
).encode()
_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_DECLARED = re.compile(rb"""\sxmlns:([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ATTRIBUTE = re.compile(rb"""\s([^\s=<>"'/]+)\s*=\s*(?:"[^"]*"|'[^']*')""")
_ENDING = b"<?xpacket end"
_ORIENTATION = re.compile(rb"(tiff:Orientation(?:\s*=\s*[\"']|>\s*))\d")


MAX_BYTES = 16_000_000
"""Of a packet, beyond which it is left out; the largest hold a thumbnail or a depth map."""


class Broken(Exception):
    """The packet is not one that can be changed."""


Span = tuple[int, int]


def with_note(packet: bytes, *, tool: str, note: str, source_type: str) -> bytes:
    """Add an event to a packet's history, and a digital source type.

    Args:
        packet: UTF-8, or nothing for a new one.
        tool: what acted, such as "photochrom 1.0"; the creator tool, too, where none is named, as
            that is "the first known tool used to create the resource" (ISO 16684-1, 8.2.2.1).
        note: what it did.
        source_type: the URI of one of IPTC's digital source types, in place of any other, which
            the event remembers.

    Raises:
        Broken: it is not well-formed, not XMP, has a document type, or is not in UTF-8.
    """
    packet = packet.rstrip(b"\0") or _EMPTY
    found = _Packet(packet)
    sources = [text for name, text, _ in found.properties if name == _SOURCE]
    if sources and sources[-1] not in ("", source_type):
        note += f"; digital source type before: {sources[-1]}"
    event = (
        f'<rdf:li xmlns:rdf="{_RDF}" xmlns:stEvt="{_EVENT}" rdf:parseType="Resource">'
        f"<stEvt:action>edited</stEvt:action><stEvt:softwareAgent>{escape(tool)}"
        f"</stEvt:softwareAgent><stEvt:parameters>{escape(note)}</stEvt:parameters></rdf:li>"
    )
    parts = [
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about={quoteattr(found.about)}>'
        f'<iptc:DigitalSourceType xmlns:iptc="{_IPTC}">{escape(source_type)}'
        "</iptc:DigitalSourceType>"
    ]
    if not found.named(_TOOL):
        parts.append(f'<xmp:CreatorTool xmlns:xmp="{_XMP}">{escape(tool)}</xmp:CreatorTool>')
    edits = [(*span, "") for span in found.named(_SOURCE)]
    if found.history_end < 0:
        edits += [(*span, "") for span in found.named(_HISTORY)]  # one without events
        sequence = f"<rdf:Seq>{event}</rdf:Seq>"
        parts.append(f'<xmpMM:History xmlns:xmpMM="{_MM}">{sequence}</xmpMM:History>')
    else:
        edits.append((found.history_end, found.history_end, event))
    parts.append("</rdf:Description>")
    edits.append((found.end, found.end, "".join(parts)))
    return _splice(packet, edits)


def tidy(packet: bytes) -> tuple[bytes, bool]:
    """Cut out what is not true of the coloured, upright picture; a broken packet stays as it is.

    Returns:
        The packet; and whether it promised a video or a gain map behind the picture.
    """
    packet = _ORIENTATION.sub(rb"\g<1>1", packet)
    if not packet.strip(b"\0 \r\n\t"):
        return b"", False
    try:
        found = _Packet(packet)
        appended = found.named(*_APPENDED)
        cuts = [*appended, *found.named(*_OLD_PIXELS, _EXTENDED)]
        return _splice(packet, [(*span, "") for span in cuts]), bool(appended)
    except Broken:
        return packet, False


# --- packets in two parts, as JPEG's segments are short (XMP specification part 3, 1.1.3.1) ---


def merge(packet: bytes, extension: bytes) -> bytes:
    """Bring a packet and its extension together.

    Raises:
        Broken: they do not go together.
    """
    here, there = _Packet(packet), _Packet(extension)
    known = _declared_prefixes(packet[: here.start])
    theirs = _declared_prefixes(extension[: there.start])
    if any(known.get(prefix, uri) != uri for prefix, uri in theirs.items()):
        raise Broken("their prefixes differ")
    lacking = {prefix: uri for prefix, uri in theirs.items() if prefix not in known}
    added = extension[there.start : there.end].decode()
    opening = "".join(f" xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in lacking.items())
    edits = [(*span, "") for span in here.named(_EXTENDED)]
    edits += [(here.end, here.end, added), (here.start - 1, here.start - 1, opening)]
    return _splice(packet, edits)


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
    found = _Packet(packet)
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
        f'<rdf:Description xmlns:rdf="{_RDF}" xmlns:xmpNote="{_NOTE}" '
        f'rdf:about={quoteattr(found.about)} xmpNote:HasExtendedXMP="{guid}"/>'
    )
    edits = [(*span, "") for span in moved] + [(found.end, found.end, reference)]
    main = _splice(packet, edits)
    if len(main) > room:
        raise Broken("it does not fit")
    _Packet(extension)
    return main, extension, guid


def _declared_prefixes(head: bytes) -> dict[str, str]:
    return {
        match[1].decode(): (match[2] or match[3] or b"").decode()
        for match in _DECLARED.finditer(head)
    }


# --- where things are -------------------------------------------------------------------------


def _splice(packet: bytes, edits: list[tuple[int, int, str]]) -> bytes:
    parts, at = [], 0
    for start, stop, text in sorted(edits):
        parts += [packet[at:start], text.encode()]
        at = max(at, stop)
    packet = b"".join((*parts, packet[at:]))
    _Packet(packet)  # what comes out can be read
    return packet


class _Packet:
    """A packet that was walked through, and where things are in it, in bytes.

    Raises:
        Broken: it is not well-formed, not XMP, has a document type, or is not in UTF-8.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.start = -1  # of what the RDF holds
        self.end = -1  # of the RDF, where a description can be added
        self.history_end = -1  # of the list of events
        self.about = ""
        self.properties: list[tuple[str, str, Span]] = []  # elements and attributes: name, text
        self.descriptions: list[Span] = []
        self._path: list[tuple[str, re.Match[bytes]]] = []  # the open elements: name, first tag
        self._prefixes: dict[str, list[str]] = {}  # what each stands for, the innermost last
        self._text: list[str] = []
        if len(data) > MAX_BYTES:
            raise Broken(f"it has more than {MAX_BYTES:,} bytes")
        self._parser = expat.ParserCreate("UTF-8", " ")  # names are "namespace name"
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartNamespaceDeclHandler = self._declare
        self._parser.EndNamespaceDeclHandler = lambda prefix: self._prefixes[prefix or ""].pop()
        self._parser.StartDoctypeDeclHandler = self._refuse
        try:
            self._parser.Parse(data, True)
        except (expat.ExpatError, UnicodeError, RecursionError) as error:
            raise Broken(str(error)) from error
        if self.end < 0:
            raise Broken("it holds no RDF")

    def named(self, *names: str) -> list[Span]:
        """The places of properties whose names begin so."""
        return [span for name, _, span in self.properties if name.startswith(names)]

    def _refuse(self, *_: object) -> None:
        raise Broken("it has a document type")

    def _declare(self, prefix: str | None, uri: str) -> None:
        self._prefixes.setdefault(prefix or "", []).append(uri)

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        tag = _TAG.match(self.data, self._parser.CurrentByteIndex)
        if tag is None:
            raise Broken("a tag does not end")
        if name == _TOP and self.start < 0 and not tag[0].endswith(b"/>"):
            self.start = tag.end()
        if name == _DESCRIPTION and self._is_within(_TOP):
            self.about = attributes.get(_ABOUT, attributes.get("about", self.about))
            places = self._find_attributes(tag)
            for told, text in attributes.items():
                if " " in told and told != _ABOUT and not told.startswith(f"{_XML} "):
                    if told not in places:
                        raise Broken("an attribute is not where it should be")
                    self.properties.append((told, text, places[told]))
        self._path.append((name, tag))
        self._text.clear()

    def _close(self, name: str) -> None:
        _, tag = self._path.pop()
        empty = tag[0].endswith(b"/>")
        here = tag.start() if empty else self._parser.CurrentByteIndex  # of </name>
        stop = tag.end() if empty else self.data.index(b">", here) + 1
        if name == _TOP and not empty:
            self.end = here
        elif name == f"{_RDF} Seq" and self._is_within(_TOP, _DESCRIPTION, _HISTORY) and not empty:
            self.history_end = here
        elif name == _DESCRIPTION and self._is_within(_TOP):
            self.descriptions.append((tag.start(), stop))
        elif self._is_within(_TOP, _DESCRIPTION):
            text = "".join(self._text).strip()
            self.properties.append((name, text, (tag.start(), stop)))

    def _is_within(self, *names: str) -> bool:
        """Whether these are the innermost elements that are open."""
        return [name for name, _ in self._path[-len(names) :]] == list(names)

    def _find_attributes(self, tag: re.Match[bytes]) -> dict[str, Span]:
        """Where the attributes of a tag lie, by "namespace name"."""
        found = {}
        for match in _ATTRIBUTE.finditer(self.data, *tag.span()):
            prefix, _, local = match[1].decode().rpartition(":")
            if prefix and (uris := self._prefixes.get(prefix)):
                found[f"{uris[-1]} {local}"] = match.span()
        return found
