"""Where things are in an XMP packet, so that it can be changed there and nowhere else.

It is read by expat only to learn that; a document type is refused, and with it entities: an XMP
packet has none (ISO 16684-1, 7.3).
"""

from __future__ import annotations

import re
from xml.parsers import expat

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MM = "http://ns.adobe.com/xap/1.0/mm/"
_XML = "http://www.w3.org/XML/1998/namespace"

TOP, DESCRIPTION = f"{RDF} RDF", f"{RDF} Description"
HISTORY, DERIVED = f"{MM} History", f"{MM} DerivedFrom"
_ABOUT = f"{RDF} about"

_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ATTRIBUTE = re.compile(rb"""\s([^\s=<>"'/]+)\s*=\s*(?:"[^"]*"|'[^']*')""")

MAX_BYTES = 16_000_000
"""Of a packet, beyond which it is left out; the largest hold a thumbnail or a depth map."""


class Broken(Exception):
    """The packet is not one that can be changed."""


Span = tuple[int, int]


def splice(packet: bytes, edits: list[tuple[int, int, str]]) -> bytes:
    """Put texts in the place of some spans, start to stop, which may be empty.

    Raises:
        Broken: what comes out could not be read.
    """
    parts, at = [], 0
    for start, stop, text in sorted(edits):
        parts += [packet[at:start], text.encode()]
        at = max(at, stop)
    packet = b"".join((*parts, packet[at:]))
    Packet(packet)
    return packet


class Packet:
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
        self.derived_from: list[tuple[str, str]] = []  # names of fields, without their namespace
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
        if name == TOP and self.start < 0 and not tag[0].endswith(b"/>"):
            self.start = tag.end()
        if name == DESCRIPTION and self._is_within(TOP):
            self.about = attributes.get(_ABOUT, attributes.get("about", self.about))
            places = self._find_attributes(tag)
            for told, text in attributes.items():
                if " " in told and told != _ABOUT and not told.startswith(f"{_XML} "):
                    if told not in places:
                        raise Broken("an attribute is not where it should be")
                    self.properties.append((told, text, places[told]))
        self._path.append((name, tag))
        self._text.clear()
        if self._is_derivation():
            fields = [(told, text) for told, text in attributes.items() if " " in told]
            self.derived_from += [
                (told.rpartition(" ")[2], text)
                for told, text in fields
                if not told.startswith((f"{RDF} ", f"{_XML} "))
            ]

    def _close(self, name: str) -> None:
        text = "".join(self._text).strip()
        self._text.clear()
        if text and self._is_derivation():
            self.derived_from.append((name.rpartition(" ")[2], text))
        _, tag = self._path.pop()
        empty = tag[0].endswith(b"/>")
        here = tag.start() if empty else self._parser.CurrentByteIndex  # of </name>
        stop = tag.end() if empty else self.data.index(b">", here) + 1
        if name == TOP and not empty:
            self.end = here
        elif name == f"{RDF} Seq" and self._is_within(TOP, DESCRIPTION, HISTORY) and not empty:
            self.history_end = here
        elif name == DESCRIPTION and self._is_within(TOP):
            self.descriptions.append((tag.start(), stop))
        elif self._is_within(TOP, DESCRIPTION):
            self.properties.append((name, text, (tag.start(), stop)))

    def _is_within(self, *names: str) -> bool:
        """Whether these are the innermost elements that are open."""
        return [name for name, _ in self._path[-len(names) :]] == list(names)

    def _is_derivation(self) -> bool:
        """Whether the innermost element that is open is, or is within, what tells of the origin."""
        names = [name for name, _ in self._path[:5]]
        return any(names[i : i + 3] == [TOP, DESCRIPTION, DERIVED] for i in range(3))

    def _find_attributes(self, tag: re.Match[bytes]) -> dict[str, Span]:
        """Where the attributes of a tag lie, by "namespace name"."""
        found = {}
        for match in _ATTRIBUTE.finditer(self.data, *tag.span()):
            prefix, _, local = match[1].decode().rpartition(":")
            if prefix and (uris := self._prefixes.get(prefix)):
                found[f"{uris[-1]} {local}"] = match.span()
        return found
