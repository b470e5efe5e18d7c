"""Whatever a file says beside its pixels: the picture is read, marked and written all the same."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from image_files import chunk
from PIL import Image
from test_exif import block

from photochrom.errors import PhotochromError
from photochrom.image import encoding, jpeg, metadata
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.writer import encode_photo
from spoil import spoiled
from tags import mark

GREY = np.add.outer(np.arange(12), np.arange(16)).astype(np.uint8) * 8
CASES = int(os.environ.get("PHOTOCHROM_FUZZ", "60"))
TAGS = (*(256, 257, 270, 274, 282, 283, 296, 305, 306, 315, 513, 514, 700, 33723, 34377), 11)
TAGS = (*TAGS, 0x8769, 0x8825, 0xA005, 0x927C, 0xA001, 0xA002, 0xA003, 0x9286, 37724, 50341)
WORDS = (
    b'xmlns: rdf: Description about xmpMM:History rdf:Seq rdf:li tiff:Orientation="6" <a> </a> <'
).split(b" ")
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    b"xmp:CreatorTool=\"a &amp; b\" xmp:Rating='3'><xmp:Label>red</xmp:Label></rdf:Description>"
    b"</rdf:RDF></x:xmpmeta>"
)
IPTC = b"\x1c\x02\x05\x00\x05title\x1c\x02\x78\x00\x03abc"


def directory(random: np.random.Generator) -> bytes:
    """A block of entries that are made up, and point anywhere."""
    order = "<>"[random.integers(2)]
    many = int(random.integers(0, 12))
    rows = b""
    for _ in range(many):
        tag = random.choice(TAGS) if random.random() < 0.8 else random.integers(65536)
        kind = random.choice([1, 2, 3, 4, 5, 7, 9, 10, 12, 13, 16, 129, random.integers(65536)])
        count = random.choice([0, 1, 2, 3, 5, 60, random.integers(1 << 32)])
        place = random.choice([0, 1, 6, 8, 40, 100, random.integers(400), random.integers(1 << 32)])
        rows += struct.pack(order + "HHII", *map(int, (tag, kind, count, place)))
    start = b"II*\0" if order == "<" else b"MM\0*"
    rest = struct.pack(order + "I", int(random.choice([0, 8, 60])))
    head = start + struct.pack(order + "IH", 8, many + int(random.random() < 0.1))
    return head + rows + rest + random.bytes(int(random.integers(200)))


def parts(random: np.random.Generator) -> dict[str, bytes]:
    """EXIF, XMP and IPTC, each odd or missing."""
    order = ("little", "big")[random.integers(2)]
    made = [directory(random), spoiled(block(order), random, words=WORDS), b"", random.bytes(30)]
    return {
        "exif": made[random.integers(4)],
        "xmp": spoiled(XMP, random, words=WORDS) if random.random() < 0.7 else b"",
        "iptc": spoiled(IPTC, random, words=WORDS) if random.random() < 0.7 else b"",
    }


def jpeg_file(random: np.random.Generator) -> bytes:
    told = parts(random)
    resources = metadata.pack_iptc(told["iptc"])
    resources = b"Photoshop 3.0\0" + spoiled(resources, random, words=WORDS)
    segments = [
        jpeg.segment(0xE1, b"Exif\0\0" + told["exif"]),
        jpeg.segment(0xE1, jpeg.XMP + told["xmp"]),
        jpeg.segment(0xED, resources),
        jpeg.segment(0xFE, random.bytes(20)),
        jpeg.segment(0xE0, b"JFIF\0" + random.bytes(int(random.integers(12)))),
        jpeg.segment(0xE2, random.choice([b"MPF\0", b"ICC_PROFILE\0\1\1", b""]) + told["exif"]),
        jpeg.segment(0xEE, b"Adobe" + random.bytes(int(random.integers(9)))[:6]),
        random.choice([b"\xff" * 3, b"junk"]),
    ]
    random.shuffle(segments)
    start = b"\xff\xd8" + jpeg.segment(0xFE, b"made up")
    return start + b"".join(segments[: random.integers(8)]) + jpeg.encode(GREY, 90)[2:]


def png_file(random: np.random.Generator) -> bytes:
    told = parts(random)
    packed = zlib.compress(
        random.choice([told["xmp"], b"\nexif\n 3\n" + told["exif"].hex().encode()])
    )
    contents = [
        (b"eXIf", told["exif"]),
        (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + told["xmp"]),
        (b"iTXt", b"Title\0\1\0\0\0" + packed),
        (b"zTXt", b"Raw profile type exif\0\0" + packed),
        (b"zTXt", b"Raw profile type iptc\0\0" + packed[: random.integers(1, 50)]),
        (b"tEXt", random.bytes(int(random.integers(100)))),
        (b"tEXt", b"Raw profile type APP1\0" + told["exif"].hex().encode()),
        (b"pHYs", random.bytes(int(random.choice([9, 9, 3])))),
        (b"gAMA", random.bytes(int(random.choice([4, 4, 0])))),
        (b"cHRM", random.bytes(32)),
        (b"tIME", random.bytes(7)),
        (b"iCCP", b"x\0\0" + packed),
    ]
    random.shuffle(contents)
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "PNG")
    data = file.getvalue()
    return data[:33] + b"".join(chunk(*c) for c in contents[: random.integers(8)]) + data[33:]


def tiff_file(random: np.random.Generator) -> bytes:
    told = parts(random)
    made = Photo(GREY, dpi=(300, 300), **told)
    data = bytearray(encode_photo(made, "TIFF"))
    begun = random.integers(8, len(data))
    for _ in range(random.integers(4)):  # but not what the pixels are read by
        place = int(random.integers(begun, len(data)))
        if data[place - 2 : place + 2] not in data[:8]:
            data[place : place + 1] = random.bytes(1)
    return bytes(data)


def other_file(random: np.random.Generator) -> bytes:
    told = parts(random)
    image = Image.fromarray(GREY)
    options = {"exif": b"Exif\0\0" + told["exif"], "xmp": told["xmp"], "comment": random.bytes(9)}
    file = io.BytesIO()
    try:
        image.save(file, ("WEBP", "JPEG2000", "GIF", "AVIF")[random.integers(4)], **options)
    except Exception:
        image.save(file := io.BytesIO(), "GIF")
    return file.getvalue()


KINDS = {"JPEG": jpeg_file, "PNG": png_file, "other": other_file}
FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "JPEG2000", "AVIF", "HEIF", "PPM", "GIF", "BMP")


def through(data: bytes, kind: str) -> Photo:
    """Read, mark, write and read again; answers what was read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = read_photo(data)
        marked = mark(read)
        again = read_photo(encode_photo(marked, kind))
        assert again.pixels.shape[:2] == read.pixels.shape[:2]
    return read


@pytest.mark.parametrize("kind", KINDS)
def test_odd_metadata_never_cost_the_photo(kind):
    formats = [name for name in FORMATS if name in encoding.writable_formats()]
    for case in range(CASES):
        random = np.random.default_rng([case, len(kind)])
        data = KINDS[kind](random)
        try:
            read = through(data, str(random.choice(formats[:5] if CASES < 1000 else formats)))
        except Exception as error:
            raise AssertionError(f"case {case}") from error
        assert sorted(read.pixels.shape[:2]) == sorted(GREY.shape), case


def test_odd_pages_cost_no_other_error_than_ours():
    for case in range(CASES):
        data = tiff_file(np.random.default_rng(case))
        try:
            through(data, "TIFF")
        except PhotochromError:
            continue
        except Exception as error:
            raise AssertionError(f"case {case}") from error
