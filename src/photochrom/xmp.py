"""XMP packets: a note of what was done is put in, and every other byte stays as it is.

The packet is read by expat only to learn where things are; the note is then spliced into the text,
so that comments, prefixes, line breaks and whatever else a catalogue keeps there survive. A
document type is refused, and with it entities: an XMP packet has none (ISO 16684-1, 7.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_XMP = "http://ns.adobe.com/xap/1.0/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"

_TOP, _DESCRIPTION = f"{_RDF} RDF", f"{_RDF} Description"
_ABOUT, _TOOL = f"{_RDF} about", f"{_XMP} CreatorTool"
_HISTORY, _SOURCE = f"{_MM} History", f"{_IPTC} DigitalSourceType"

_EMPTY = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'  # ISO 16684-1, 7.3.2
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta>'
    '<?xpacket end="w"?>'
).encode()
_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")


class Broken(Exception):
    """The packet is not one that can be added to."""


@dataclass
class _Layout:
    """Where things are in a packet, in bytes."""

    end: int = -1
    """Of the RDF, where a description can be added."""
    history_end: int = -1
    """Of the list of events."""
    about: str = ""
    tool: bool = False
    source: str = ""
    """What the source type was."""
    cuts: list[tuple[int, int]] = field(default_factory=list)
    """Source types, as elements and attributes, and a history without events."""


def with_note(packet: bytes, *, tool: str, note: str, source_type: str) -> bytes:
    """A packet with an event in its history and a digital source type.

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
    layout = _layout(packet)
    if layout.source not in ("", source_type):
        note += f"; digital source type before: {layout.source}"
    event = (
        f'<rdf:li xmlns:rdf="{_RDF}" xmlns:stEvt="{_EVENT}" rdf:parseType="Resource">'
        f"<stEvt:action>edited</stEvt:action><stEvt:softwareAgent>{escape(tool)}"
        f"</stEvt:softwareAgent><stEvt:parameters>{escape(note)}</stEvt:parameters></rdf:li>"
    )
    parts = [
        f'<rdf:Description xmlns:rdf="{_RDF}" rdf:about={quoteattr(layout.about)}>'
        f'<iptc:DigitalSourceType xmlns:iptc="{_IPTC}">{escape(source_type)}'
        "</iptc:DigitalSourceType>"
    ]
    if not layout.tool:
        parts.append(f'<xmp:CreatorTool xmlns:xmp="{_XMP}">{escape(tool)}</xmp:CreatorTool>')
    if layout.history_end < 0:
        sequence = f"<rdf:Seq>{event}</rdf:Seq>"
        parts.append(f'<xmpMM:History xmlns:xmpMM="{_MM}">{sequence}</xmpMM:History>')
    parts.append("</rdf:Description>")
    edits = [(start, stop, "") for start, stop in layout.cuts]
    edits.append((layout.end, layout.end, "".join(parts)))
    if layout.history_end >= 0:
        edits.append((layout.history_end, layout.history_end, event))
    for start, stop, text in sorted(edits, reverse=True):
        packet = packet[:start] + text.encode() + packet[stop:]
    _layout(packet)  # what comes out can be read
    return packet


def _layout(packet: bytes) -> _Layout:
    reader = _Reader(packet)
    try:
        reader.parser.Parse(packet, True)
    except expat.ExpatError as error:
        raise Broken(str(error)) from error
    if reader.layout.end < 0:
        raise Broken("it holds no RDF")
    return reader.layout


class _Reader:
    """Walks a packet and notes its layout."""

    def __init__(self, packet: bytes) -> None:
        self.packet = packet
        self.layout = _Layout()
        self.path: list[tuple[str, re.Match[bytes]]] = []  # the open elements: name, first tag
        self.prefixes: set[str] = set()
        self.text: list[str] = []
        self.parser = expat.ParserCreate("UTF-8", " ")  # names are "namespace name"
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartNamespaceDeclHandler = self.declare
        self.parser.StartDoctypeDeclHandler = self.refuse

    def refuse(self, *_: object) -> None:
        raise Broken("it has a document type")

    def declare(self, prefix: str | None, uri: str) -> None:
        if prefix and uri == _IPTC:
            self.prefixes.add(prefix)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        start = self.parser.CurrentByteIndex
        tag = _TAG.match(self.packet, start)
        if tag is None:
            raise Broken("a tag does not end")
        if name == _DESCRIPTION and self.inside(_TOP):
            self.layout.about = attributes.get(_ABOUT, attributes.get("about", self.layout.about))
            self.layout.tool |= _TOOL in attributes
            if _SOURCE in attributes:
                self.layout.source = attributes[_SOURCE]
                self.cut_attribute(tag)
        self.path.append((name, tag))
        self.text.clear()

    def end(self, name: str) -> None:
        _, tag = self.path.pop()
        empty = tag[0].endswith(b"/>")
        here = tag.start() if empty else self.parser.CurrentByteIndex  # of </name>
        if name == _TOP and not empty:
            self.layout.end = here
        elif name == f"{_RDF} Seq" and self.inside(_TOP, _DESCRIPTION, _HISTORY) and not empty:
            self.layout.history_end = here
        elif self.inside(_TOP, _DESCRIPTION):
            self.layout.tool |= name == _TOOL
            if name == _SOURCE:
                self.layout.source = "".join(self.text).strip()
            if name == _SOURCE or (name == _HISTORY and self.layout.history_end < 0):
                stop = self.packet.index(b">", here) + 1 if not empty else tag.end()
                self.layout.cuts.append((tag.start(), stop))

    def inside(self, *names: str) -> bool:
        """Whether these are the innermost elements that are open."""
        return [name for name, _ in self.path[-len(names) :]] == list(names)

    def cut_attribute(self, tag: re.Match[bytes]) -> None:
        names = b"|".join(re.escape(prefix.encode()) for prefix in self.prefixes)
        pattern = rb"\s(?:" + names + rb"):DigitalSourceType\s*=\s*(?:\"[^\"]*\"|'[^']*')"
        match = re.compile(pattern).search(self.packet, *tag.span())
        if match is None:
            raise Broken("an attribute is not where it should be")
        self.layout.cuts.append(match.span())
