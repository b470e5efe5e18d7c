from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from photochrom.image import xmp
from photochrom.image.photo import Photo
from tags import dump, load, mark

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
MM = "{http://ns.adobe.com/xap/1.0/mm/}"
XAP = "{http://ns.adobe.com/xap/1.0/}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
REFERENCE = "{http://ns.adobe.com/xap/1.0/sType/ResourceRef#}"
PRINT = "http://cv.iptc.org/newscodes/digitalsourcetype/print"

PIXEL = Photo(__import__("numpy").zeros((2, 2, 3), "uint8"))


def packet(attributes: str = "", inside: str = "", about: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Some Catalogue 9">\n'
        '<!-- kept -->\n<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        f'<r:Description r:about="{about}" xmlns:dc="http://purl.org/dc/elements/1.1/"\n'
        '  xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\n'
        '  xmlns:xmp="http://ns.adobe.com/xap/1.0/"\n'
        '  xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"\n'
        '  xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"\n'
        f'  dc:source="line 1&#xA;line &gt; 2" {attributes}>{inside}</r:Description>\n'
        "</r:RDF>\n</x:xmpmeta>\n" + " " * 50 + '\n<?xpacket end="w"?>'
    ).encode()


EDIT = xmp.Edit(
    tool="photochrom 1",
    note="colorized",
    source_type="urn:colour",
    system="photochrom, model toy",
    system_version="1, model 2",
    when="2026-11-28T09:30:00Z",
    derived_from=(("filePath", "old & grey.jpg"), ("instanceID", "nih:sha-256;00")),
)
EVENT_OF_IT = {
    "action": "edited",
    "when": "2026-11-28T09:30:00Z",
    "softwareAgent": "photochrom 1",
    "parameters": "colorized",
}


def note(data: bytes, **changes) -> bytes:
    return xmp.with_note(data, replace(EDIT, **changes))


def found(data: bytes) -> dict[str, list[str]]:
    """Every property of the packet's descriptions, as an element or an attribute."""
    values: dict[str, list[str]] = {}
    for description in ET.fromstring(data.decode()).iter(f"{RDF}Description"):
        for child in description:
            values.setdefault(child.tag, []).append(child.text or "")
        for name, value in description.attrib.items():
            values.setdefault(name, []).append(value)
    return values


def derived(data: bytes) -> list[dict[str, str]]:
    return [
        {part.tag.removeprefix(REFERENCE): part.text or "" for part in item}
        for item in ET.fromstring(data.decode()).iter(f"{MM}DerivedFrom")
    ]


def events(data: bytes) -> list[dict[str, str]]:
    root = ET.fromstring(data.decode())
    return [
        {part.tag.removeprefix(EVENT): part.text or "" for part in item}
        for history in root.iter(f"{MM}History")
        for item in history.iter(f"{RDF}li")
    ]


def test_a_new_packet():
    data = note(b"")
    assert data.startswith(b"<?xpacket begin=")
    assert found(data)[f"{IPTC}DigitalSourceType"] == ["urn:colour"]
    assert found(data)[f"{XAP}CreatorTool"] == ["photochrom 1"]
    assert found(data)[f"{IPTC}AISystemUsed"] == ["photochrom, model toy"]
    assert found(data)[f"{IPTC}AISystemVersionUsed"] == ["1, model 2"]
    assert derived(data) == [dict(EDIT.derived_from)]
    assert events(data) == [EVENT_OF_IT]


def test_what_is_not_told_is_not_there():
    data = note(b"", system="", system_version="", when="", derived_from=())
    assert found(data).keys() & {f"{IPTC}AISystemUsed", f"{MM}DerivedFrom"} == set()
    assert "when" not in events(data)[0]


def test_what_xml_has_no_sign_for_is_shown_as_such():
    data = note(b"", derived_from=(("filePath", "a\x00\ud800\uffffb<.jpg"),))
    assert derived(data) == [{"filePath": "a\ufffd\ufffd\ufffdb<.jpg"}]


def test_every_other_byte_stays():
    before = packet(about="uuid:1&amp;2")
    after = note(before)
    end = before.index(b"</r:RDF>")
    assert after.startswith(before[:end])
    assert after.endswith(before[end:])
    assert found(after)[f"{RDF}about"] == ["uuid:1&2"] * 2  # or they would be two resources
    assert note(before + bytes(100)) == after  # as some programs pad it


@pytest.mark.parametrize(
    ("attributes", "inside"),
    [
        (f"ext:DigitalSourceType='{PRINT}'", ""),
        ("", f"<ext:DigitalSourceType>{PRINT}</ext:DigitalSourceType><dc:rights/>"),
    ],
)
def test_a_source_type_is_replaced_and_remembered(attributes, inside):
    data = note(packet(attributes, inside))
    assert found(data)[f"{IPTC}DigitalSourceType"] == ["urn:colour"]
    assert events(data)[0]["parameters"] == f"colorized; digital source type before: {PRINT}"
    twice = note(data)
    assert found(twice)[f"{IPTC}DigitalSourceType"] == ["urn:colour"]
    assert [event["parameters"] for event in events(twice)][1] == "colorized"


OTHER = "<stRef:filePath>a.psd</stRef:filePath><stRef:instanceID>xmp.iid:7</stRef:instanceID>"
REF = 'xmlns:stRef="http://ns.adobe.com/xap/1.0/sType/ResourceRef#"'


@pytest.mark.parametrize(
    "inside",
    [
        f"<xmpMM:DerivedFrom {REF} r:parseType='Resource'>{OTHER}</xmpMM:DerivedFrom>",
        f"<xmpMM:DerivedFrom {REF} stRef:filePath='a.psd' stRef:instanceID='xmp.iid:7'/>",
        f"<xmpMM:DerivedFrom {REF}><r:Description>{OTHER}</r:Description></xmpMM:DerivedFrom>",
    ],
)
def test_an_earlier_origin_and_system_are_replaced_and_remembered(inside):
    system = 'ext:AISystemUsed="Paint" ext:AISystemVersionUsed="9"'
    data = note(packet(system, inside))
    assert derived(data) == [dict(EDIT.derived_from)]
    assert found(data)[f"{IPTC}AISystemUsed"] == ["photochrom, model toy"]
    assert found(data)[f"{IPTC}AISystemVersionUsed"] == ["1, model 2"]
    assert events(data)[0]["parameters"] == (
        "colorized; AI system before: Paint, version 9; "
        "derived from before: filePath a.psd, instanceID xmp.iid:7"
    )
    assert events(note(data))[1] == EVENT_OF_IT


def test_an_origin_stays_where_no_other_is_told():
    inside = f"<xmpMM:DerivedFrom {REF} stRef:filePath='a.psd'/>"
    data = note(packet(inside=inside), derived_from=())
    assert inside.encode() in data
    assert events(data) == [EVENT_OF_IT]


def test_what_is_remembered_of_a_long_packet_has_an_end():
    data = note(packet(f'ext:AISystemUsed="{"x" * 9000}"'))
    said = f"colorized; AI system before: {'x' * 1000} (cut off)"
    assert events(data)[0]["parameters"] == said


@pytest.mark.parametrize(
    ("attributes", "inside"),
    [('xmp:CreatorTool="Scan 3"', ""), ("", "<xmp:CreatorTool>Scan 3</xmp:CreatorTool>")],
)
def test_the_first_tool_stays(attributes, inside):
    assert found(note(packet(attributes, inside)))[f"{XAP}CreatorTool"] == ["Scan 3"]


def test_history_is_continued():
    old = "<r:li r:parseType='Resource'><stEvt:action>created</stEvt:action></r:li>"
    data = note(packet(inside=f"<xmpMM:History><r:Seq>{old}</r:Seq></xmpMM:History>"))
    assert [event["action"] for event in events(data)] == ["created", "edited"]
    for empty in ("<xmpMM:History/>", "<xmpMM:History><r:Seq/></xmpMM:History>"):
        data = note(packet(inside=empty))
        assert len(found(data)[f"{MM}History"]) == 1
        assert [event["action"] for event in events(data)] == ["edited"]
    elsewhere = f"<xmpMM:Ingredients><r:Bag><r:li><xmpMM:History><r:Seq>{old}</r:Seq>"
    elsewhere += "</xmpMM:History></r:li></r:Bag></xmpMM:Ingredients>"
    assert len(events(note(packet(inside=elsewhere)))) == 2


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    "broken",
    [
        b"<x:xmpmeta",
        b"no xml at all",
        b'<a xmlns="adobe:ns:meta/"/>',
        b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
        packet()[:-200],
        packet().replace(b"kept", b"\xff\xfe"),
        packet().decode().encode("utf-16"),
        BOMB,
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
    ],
)
def test_a_broken_packet_is_refused_and_kept(broken):
    with pytest.raises(xmp.Broken):
        note(broken)
    marked = mark(replace(PIXEL, xmp=broken))
    assert marked.xmp == broken
    assert load(marked.exif)[11] == "photochrom 1"


def test_deep_and_long_packets_take_no_time():
    start = time.process_time()
    with pytest.raises(xmp.Broken):
        note(b"<a>" * 100_000)
    note(packet(inside="<dc:x>" * 20_000 + "</dc:x>" * 20_000))
    note(packet("a='" + "&#xA;" * 300_000 + "'"))
    assert time.process_time() - start < 5


def test_the_scanner_keeps_its_name():
    exif = dump({305: "ScanMaster 3"})
    marked = mark(replace(PIXEL, exif=exif))
    assert load(marked.exif) == {305: "ScanMaster 3", 11: "photochrom 1"}
    assert load(mark(PIXEL).exif) == {
        305: "photochrom 1",
        11: "photochrom 1",
    }
    said = ("Software", "colorized by photochrom 1, model toy 2")
    assert marked.text == (said,)
    assert mark(marked).text == (said,)
