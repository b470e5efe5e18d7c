"""What files say beside their pixels: kept as it was, or left behind and told; never an error."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import FUZZ, mangled
from PIL import Image

from photochrom.image import jp2, jpeg, metadata, pillow, png, xmp
from photochrom.image.encoding import fit_to_format
from photochrom.image.photo import Photo
from photochrom.image.reader import read_pages, read_photo
from photochrom.image.writer import encode_photo
from tags import mark

GREY = np.linspace(0, 255, 32 * 48).reshape(32, 48).astype(np.uint8)
RGB = Photo(np.dstack([GREY, 255 - GREY, GREY // 2]))
IPTC = (
    b"\x1c\x01\x5a\0\3\x1b%G"
    b"\x1c\x02\x19\0\x0bGro\xc3\x9fmutter\x1c\x02\x5a\0\x07\xc5\x81\xc3\xb3d\xc5\xba"
)
PACKED = IPTC + bytes(-len(IPTC) % 4)


def packet(body: str = "", attributes: str = "", padding: int = 0) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta '
        'xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/"{attributes}>'
        f"<dc:source>Old house</dc:source>{body}</rdf:Description></rdf:RDF></x:xmpmeta>"
        f'{" " * padding}<?xpacket end="w"?>'
    ).encode()


def jpeg_with(*segments: bytes) -> bytes:
    data = saved("JPEG")
    return data[:2] + b"".join(segments) + data[2:]


def saved(format: str, **options) -> bytes:  # noqa: A002
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, format, **options)
    return file.getvalue()


def png_with(*chunks: tuple[bytes, bytes]) -> bytes:
    data = saved("PNG")
    return data[:33] + b"".join(png.pack_chunk(*chunk) for chunk in chunks) + data[33:]


def through(start: bytes, format: str | None = None) -> Photo:  # noqa: A002
    """Read, marked, written, and read again."""
    marked = mark(read_photo(start))
    return read_photo(encode_photo(marked, format))


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + bytes(len(data) % 2)


# --- IPTC -------------------------------------------------------------------------------------

NAMED = b"8BIM\x03\xed\x03abc\0\0\0\x03xyz\0"  # and of odd length
BLOCK = NAMED + resource(0x0404, IPTC) + resource(0x040A, b"\1")
CUTS = [len(NAMED) + k for k in range(4, len(resource(0x0404, IPTC)))]


@pytest.mark.parametrize("cut", CUTS)
def test_resources_that_end_early_cost_the_iptc_alone(cut):
    (read,) = read_pages(jpeg_with(jpeg.segment(0xED, b"Photoshop 3.0\0" + BLOCK[:cut])))
    assert read.iptc == b""
    assert read.pixels.shape == GREY.shape
    assert len(read.notes) == 1


def iptc_of(kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "JPEG":
        return jpeg_with(jpeg.segment(0xED, b"Photoshop 3.0\0" + BLOCK))
    if kind.startswith("PNG"):
        data = BLOCK if kind.endswith("8bim") else IPTC
        return png_with(png.raw_profile_chunk(kind.split()[1], data))
    if kind == "JPEG2000":
        return jp2.with_metadata(saved("JPEG2000"), {"iptc": IPTC}, None)
    _, order, number = kind.split()
    numbers = struct.unpack(f"{order}{len(PACKED) // 4}I", PACKED)
    extra = {
        "4": (33723, 4, len(numbers), numbers, True),
        "7": (33723, 7, len(IPTC), IPTC, True),
        "1": (33723, 1, len(IPTC), tuple(IPTC), True),
        "8bim": (34377, 7, len(BLOCK), BLOCK, True),
    }[number]
    tifffile.imwrite(file, GREY, metadata=None, byteorder=order, extratags=[extra])
    return file.getvalue()


KINDS = ["JPEG", "PNG iptc", "PNG 8bim", "JPEG2000"]
KINDS += [f"TIFF {order} {number}" for order in "<>" for number in ("4", "7", "1", "8bim")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["JPEG", "PNG", "TIFF", "JPEG2000"])
def test_iptc_survives_wherever_it_lies(kind, target):
    assert read_photo(iptc_of(kind)).iptc == IPTC
    assert through(iptc_of(kind), target).iptc == IPTC


def test_iptc_that_a_format_cannot_hold_is_said():
    for format in ("WEBP", "AVIF"):  # noqa: A001
        fitted = fit_to_format(Photo(GREY, iptc=IPTC), format)
        assert any("IPTC" in note for note in fitted.notes)


# --- remarks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comments",
    [["Grüße".encode("latin-1")], ["Łódź".encode()], [b"first", b"second"], [b"\xfc" * 40_000]],
)
def test_comments_of_a_jpeg_keep_their_bytes_and_number(comments):
    start = jpeg_with(*(jpeg.segment(0xFE, comment) for comment in comments))
    again = encode_photo(mark(read_photo(start)))
    assert [part for kind, part in jpeg.segments(again) if kind == 0xFE] == comments


def test_a_latin_1_comment_is_readable_in_a_png():
    start = jpeg_with(jpeg.segment(0xFE, "Grüße".encode("latin-1")))
    assert Image.open(io.BytesIO(encode_photo(read_photo(start), "PNG"))).text == {
        "Comment": "Grüße"
    }


def test_remarks_of_a_png_with_one_keyword_are_all_kept():
    told = [("Comment", "one"), ("Comment", "two"), ("Title", "дом"), ("Author", "Zoë")]
    start = png_with(*(png.text_chunk(*pair) for pair in told), (b"tEXt", b"cut short"))
    assert [pair for pair in through(start).text if pair[0] != "Software"][:4] == told
    packed = png_with((b"zTXt", b"Comment\0\0" + zlib.compress(b"long " * 9)))
    assert ("Comment", "long " * 9) in read_photo(packed).text


# --- XMP --------------------------------------------------------------------------------------


def pieces(data: bytes) -> list[bytes]:
    return [part for kind, part in jpeg.segments(data) if kind == 0xE1]


def test_padding_makes_room_for_the_note():
    full = packet(padding=jpeg.ROOM - len(jpeg.XMP) - len(packet()))
    again = through(jpeg_with(jpeg.segment(0xE1, jpeg.XMP + full)))
    assert b"Old house" in again.xmp
    assert b"colorized by photochrom 1" in again.xmp
    assert not again.notes


@pytest.mark.parametrize("size", [66_000, 300_000])
def test_a_packet_too_long_for_a_segment_goes_into_two_parts(size):
    body = f"<dc:rights>{'m' * size}</dc:rights>"
    start = encode_photo(Photo(RGB.pixels, xmp=packet(body)), "PNG")
    written = encode_photo(mark(read_photo(start)), "JPEG")
    main = [part for part in pieces(written) if part.startswith(jpeg.XMP)]
    assert len(main) == 1
    assert b"HasExtendedXMP" in main[0]
    again = read_photo(written)
    assert body.encode() in again.xmp
    assert b"colorized by photochrom 1" in again.xmp
    assert b"HasExtendedXMP" not in again.xmp
    assert body.encode() in read_photo(encode_photo(again, "WEBP")).xmp  # and in one piece again


def test_extended_xmp_that_lacks_a_part_is_left_out_and_said():
    body = f"<dc:rights>{'m' * 200_000}</dc:rights>"
    whole = encode_photo(Photo(RGB.pixels, xmp=packet(body)), "JPEG")
    segments = list(jpeg.segments(whole))
    lost = next(part for _, part in reversed(segments) if part.startswith(jpeg.XMP_EXTENSION))
    read = read_photo(whole.replace(jpeg.segment(0xE1, lost), b""))
    assert b"mmm" not in read.xmp
    assert b"HasExtendedXMP" not in read.xmp
    assert any("XMP" in note for note in read.notes)


@pytest.mark.parametrize("kind", ["xmp", "APP1"])
def test_xmp_as_imagemagick_6_writes_it(kind):
    data = packet() if kind == "xmp" else jpeg.XMP + packet()
    again = through(png_with(png.raw_profile_chunk(kind, data)))
    assert b"Old house" in again.xmp
    assert b"colorized by photochrom 1" in again.xmp


FORMATS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "JPEG2000"]
if pillow.heif_available():
    FORMATS.append("HEIF")


@pytest.mark.parametrize("format", FORMATS)
def test_no_video_is_promised_that_is_not_there(format):  # noqa: A002
    names = (
        ' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
        ' xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"'
        ' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    )
    body = "<Container:Directory><rdf:Seq><rdf:li>video</rdf:li></rdf:Seq></Container:Directory>"
    start = Photo(RGB.pixels, xmp=packet(body, names))
    read = read_photo(encode_photo(start, format))
    for promise in (b"hdrgm:Version", b"MotionPhoto", b"Container:Directory", b"video"):
        assert promise not in read.xmp
    assert b"Old house" in read.xmp
    assert [note for note in read.notes if "video" in note]


@pytest.mark.parametrize("format", FORMATS)
def test_a_broken_packet_stays_as_it_is_and_that_is_said(format):  # noqa: A002
    broken = packet()[:-40]
    marked = mark(read_photo(encode_photo(Photo(RGB.pixels, xmp=broken), format)))
    assert marked.xmp == broken
    assert any("XMP" in note for note in marked.notes)


def test_thumbnails_and_profiles_of_the_grey_picture_go():
    told = ' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:ICCProfile="Dot Gain"'
    told += ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    body = "<xmp:Thumbnails><rdf:Alt><rdf:li>grey</rdf:li></rdf:Alt></xmp:Thumbnails>"
    tidied, promised = xmp.tidy(packet(body, f'{told} tiff:Orientation = "6"'))
    assert not promised
    assert b"grey" not in tidied
    assert b"Dot Gain" not in tidied
    assert b'tiff:Orientation = "1"' in tidied
    assert b"Old house" in tidied


# --- JPEG 2000 --------------------------------------------------------------------------------


def test_the_exif_box_of_jpeg_2000_is_the_standard_one():
    data = encode_photo(mark(RGB), "JPEG2000")
    (box,) = [c for kind, c in jp2._boxes(data) if kind == b"uuid" and c.startswith(b"JpgTiff")]
    assert box[16:20] in (b"II*\0", b"MM\0*")


# --- any bytes --------------------------------------------------------------------------------

SEEDS = {
    "8BIM": BLOCK,
    "XMP": packet("<dc:rights>x</dc:rights>"),
    "JP2": jp2.with_metadata(saved("JPEG2000"), {"xmp": packet(), "iptc": IPTC}, (300, 300)),
    "PNG": png_with(*(png.text_chunk(*pair) for pair in (("a", "b"), ("Title", "дом")))),
    "JPEG": jpeg_with(jpeg.segment(0xED, b"Photoshop 3.0\0" + BLOCK), jpeg.segment(0xFE, b"x")),
}


def try_all(kind: str, data: bytes) -> None:
    if kind == "8BIM":
        with contextlib.suppress(ValueError):
            assert len(metadata.find_resource(data)) <= len(data)
        assert len(metadata.restore_tiff_iptc(data)) <= len(data) + 3
    elif kind == "XMP":
        tidied, _ = xmp.tidy(data)
        assert len(tidied) <= len(data)
        for change in (
            lambda: xmp.with_note(data, xmp.Edit(tool="photochrom", note="x", source_type="y")),
            lambda: xmp.split(data, 400),
            lambda: xmp.merge(packet(), data),
        ):
            with contextlib.suppress(xmp.Broken):
                change()
    elif kind == "JP2":
        assert sum(map(len, jp2.read_metadata(data).values())) <= len(data)
        assert len(jp2.with_metadata(data, {}, (300, 300))) <= len(data) + 100
    elif kind == "PNG":
        assert len(png.read_texts(data)) <= len(data)
    else:
        assert sum(len(part) for _, part in jpeg.segments(data)) <= len(data)


@pytest.mark.parametrize("kind", SEEDS)
@FUZZ
@given(st.data())
def test_any_bytes(kind, data):
    try_all(kind, data.draw(mangled([SEEDS[kind]]) | st.binary(max_size=200)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
@settings(FUZZ, max_examples=6_000)
@given(st.data())
def test_any_bytes_for_long(kind, data):
    try_all(kind, data.draw(mangled([SEEDS[kind]]) | st.binary(max_size=2000)))
