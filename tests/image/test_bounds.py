"""What keeps a worker busy: reading costs no more than a file is worth."""

from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
import pytest
import tifffile
from image_files import chunk
from image_files import png as png_file
from PIL import Image
from test_limits import GREY, STRIP, gif, jpeg_of, tiff

from photochrom.errors import BadPhoto
from photochrom.image import headers, ifd, jpeg, photo_file, png, tiff_directories, tiff_page, xmp
from photochrom.image.decoding import decode_file
from photochrom.image.encoding import fit_to_format
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.writer import encode_photo
from photochrom.image.xmp_packet import RDF, Packet

# --- what keeps a worker busy ---------------------------------------------------------------------


class Counted(io.BytesIO):
    """Bytes of which those are counted that were read."""

    read_so_far = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_so_far += len(data)
        return data


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("codec", [None, "zlib"])
def test_a_page_costs_no_more_for_others(depth, codec):
    costs = []
    for many in (2, 200):
        file = Counted()
        with tifffile.TiffWriter(file) as writer:
            for _ in range(many):
                writer.write(np.ones((20, 30), depth), metadata=None, compression=codec)
        size = len(file.getvalue())
        found = tiff_directories.find_pages(file, size)
        before = file.read_so_far
        page = tiff_page.Page(found, found.pages[-1])
        opened = photo_file.PhotoFile(page.described(), "album", size, page=page)
        assert decode_file(opened, "page").pixels.all()
        costs.append(file.read_so_far - before)
    assert costs[0] == costs[1] < 3000


def test_entries_that_overlap_are_not_read_again_and_again():
    rows = [(tag, ifd.SHORT, 65_535, 8) for tag in range(30_000, 31_900)]
    body = b"".join(struct.pack("<HHII", *row) for row in rows)
    plain = tiff(STRIP, GREY.tobytes())
    first = struct.unpack("<I", plain[4:8])[0]
    own = struct.unpack("<H", plain[first : first + 2])[0]
    table = plain[first + 2 : first + 2 + 12 * own]
    made = plain[:4] + struct.pack("<I", len(plain)) + plain[8:]
    made += struct.pack("<H", own + len(rows)) + table + body + bytes(4)
    file = Counted(made.ljust(900_000, b"\0"))
    found = tiff_directories.find_pages(file, 900_000)
    before = file.read_so_far
    page = tiff_page.Page(found, found.pages[0])
    assert np.array_equal(np.asarray(page.open_image()), GREY)
    assert file.read_so_far - before < 100_000
    read = read_photo(file.getvalue())
    assert np.array_equal(read.pixels, GREY)
    assert any("EXIF" in note for note in read.notes)


def test_an_album_has_so_many_pages_at_most(monkeypatch):
    monkeypatch.setattr(tiff_directories, "MAX_PAGES", 3)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(5):
            writer.write(GREY, metadata=None)
    with pytest.raises(BadPhoto, match="more than 3 pages"):
        read_photo(file.getvalue())


def test_a_packet_is_read_without_making_expressions(monkeypatch):
    told = "".join(
        f'<r:Description xmlns:p{i}="urn:one" xmlns:q="urn:{i}" p{i}:a="1" q:b=\'2\'/>'
        for i in range(300)
    )
    packet = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="{RDF}">{told}</r:RDF></x:xmpmeta>'
    ).encode()
    monkeypatch.setattr(re, "compile", lambda *_: pytest.fail("an expression was compiled"))
    places = Packet(packet).named("urn:")
    assert [packet[a:b].strip() for a, b in places[:2]] == [b'p0:a="1"', b"q:b='2'"]
    assert len(places) == 600


def test_padding_is_taken_off_however_long():
    inside = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="%s"></r:RDF></x:xmpmeta>'
    packet = inside % RDF.encode() + b" " * 1_000_000 + b"<!-- the end -->"
    with pytest.raises(xmp.Broken):
        xmp.split(packet, 60_000)
    padded = packet.replace(b"<!-- the end -->", b'<?xpacket end="w"?>')
    assert len(xmp.split(padded, 60_000)[0]) < 300


def test_a_packet_that_is_too_long_is_left_out_and_told(monkeypatch):
    monkeypatch.setattr(xmp, "MAX_BYTES", 1000)
    data = png_file(
        GREY, chunk(b"iTXt", png.XMP.encode() + bytes(5) + b"<a>" + b" " * 1000 + b"</a>")
    )
    read = read_photo(data)
    assert read.xmp == b""
    assert any("XMP" in note for note in read.notes)


def test_texts_unpack_to_so_much_in_all(monkeypatch):
    monkeypatch.setattr(png, "_MAX_TEXT", 10_000)
    packed = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(4000)))
    assert len(png.read_texts(png_file(GREY, packed * 9))) == 2


def test_one_profile_is_unpacked(monkeypatch):
    unpacked = []
    monkeypatch.setattr(png, "inflate", lambda *_: unpacked.append(1) or b"")
    read_photo(png_file(GREY, chunk(b"iCCP", b"a\0\0x") * 9))
    assert unpacked == [1]


def test_pictures_of_an_animation_are_counted_to_an_end():
    assert headers.count_gif_frames(gif(pictures=3)) == 3
    assert headers.count_gif_frames(gif(pictures=100_000)) < 100_000


def test_what_lies_amid_segments_is_left_out():
    data = jpeg_of()
    remarks = (
        jpeg.segment(0xE1, b"Exif\0\0") + b"\xff\xff" + jpeg.segment(0xE2, b"MPF\0" + bytes(9))
    )
    odd = data[:2] + remarks + jpeg.segment(0xEE, b"Adobe") + b"junk" + data[2:]
    lean = jpeg.strip_remarks(odd)
    assert [kind for kind, _ in jpeg.segments(lean)] == [kind for kind, _ in jpeg.segments(data)]
    assert np.array_equal(read_photo(odd).pixels, read_photo(data).pixels)


@pytest.mark.parametrize("kind", [b"gAMA", b"pHYs", b"cHRM", b"sRGB", b"tRNS", b"acTL", b"fcTL"])
def test_a_short_chunk_of_a_png_costs_itself_alone(kind):
    read = read_photo(png_file(GREY, chunk(kind, b"")))
    assert np.array_equal(read.pixels, GREY)


def test_what_an_encoder_stumbles_over_is_left_out_and_told(monkeypatch):
    told = Photo(np.dstack([GREY] * 3), exif=b"II*\0", xmp=b"<odd/>", iptc=b"\x1c")
    save = Image.Image.save

    def fragile(self, *args, **options):
        if options.get("exif"):
            raise AttributeError("no such thing")
        save(self, *args, **options)

    monkeypatch.setattr(Image.Image, "save", fragile)
    fit = fit_to_format(told, "WEBP")
    assert (fit.exif, fit.xmp) == (b"", told.xmp)
    assert any("EXIF could not be written" in note for note in fit.notes)
    assert read_photo(encode_photo(told, "WEBP")).pixels.shape == (16, 16, 3)


def test_what_a_program_put_beside_an_image_may_be_anything():
    for odd in (None, 1, "a", (1,), {}, object()):
        image = Image.fromarray(GREY)
        image.info |= dict.fromkeys(("gamma", "cicp", "icc_profile", "dpi", "exif", "xmp"), odd)
        assert np.array_equal(read_photo(image).pixels, GREY)


def test_an_orientation_of_an_odd_type_turns_once():
    data = tiff(STRIP | {256: (8,), 257: (32,), 278: (32,), 274: (6,)}, GREY.tobytes())
    at = data.index(struct.pack("<HHII", 274, ifd.LONG, 1, 6))
    data = data[:at] + struct.pack("<HHII", 274, 9, 1, 6) + data[at + 12 :]  # with a sign
    read = read_photo(data)
    again = read_photo(encode_photo(read, "TIFF"))
    assert np.array_equal(read.pixels, again.pixels)
