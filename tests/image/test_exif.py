"""EXIF blocks: what is not changed on purpose keeps its type, count, bytes and place."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import FUZZ, mangled
from PIL import Image
from PIL.ExifTags import Base as Tag

from photochrom.image import exif, ifd, pillow
from photochrom.image.encoding import fit_to_format
from photochrom.image.ifd import IfdEntry, Layout
from photochrom.image.photo import Photo
from photochrom.image.reader import read_pages, read_photo
from photochrom.image.writer import encode_photo, write_photo
from tags import dump, load, mark

GREY = np.linspace(0, 255, 32 * 48).reshape(32, 48).astype(np.uint8)
NOTE = b"Canon's own\0" + bytes(range(64))
COMMENT = b"UNICODE\0" + "Großmutter am Fenster".encode("utf-16-le")
FORMATS = [
    *("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "JPEG2000"),
    pytest.param(
        "HEIF", marks=pytest.mark.skipif(not pillow.heif_available(), reason="needs an extra")
    ),
]


def entry(kind: int, data: bytes, order: str = "little") -> IfdEntry:
    return IfdEntry(kind, len(data) // ifd.SIZES[kind], data)


def block(order: str = "little", orientation: int = 1) -> bytes:
    """Kinds of entries that programs spoil: text beyond ASCII, UNDEFINED, unknown tags."""
    layout = Layout(order)

    def number(value: int, size: int = 2) -> bytes:
        return layout.pack(value, size)

    details = {
        0x9000: entry(7, b"0232"),
        0x9286: entry(7, COMMENT),
        0xA001: entry(3, number(65535)),
        0xA002: entry(4, number(48, 4)),
        0xA003: entry(4, number(32, 4)),
        0xA300: entry(7, b"\3"),
        0xA430: entry(2, "Zoë Müller\0".encode()),
        0x927C: entry(7, NOTE),
        0xA005: {1: entry(2, b"R98\0")},
    }
    tree = {
        0x010E: entry(2, "Großmutter\0".encode()),
        0x0112: entry(3, number(orientation)),
        0xC4A5: entry(7, b"PrintIM\0" + bytes(20)),
        0xFDE8: entry(9, number(7, 4) * 3),  # of nobody's
        ifd.EXIF: details,
        ifd.GPS: {0: entry(1, b"\2\3\0\0"), 2: entry(5, number(48, 4) + number(1, 4))},
    }
    return exif.build_block(tree, order)


def flat(data: bytes) -> dict[str, tuple[int, int, bytes]]:
    """Every entry by its path, as it is stored."""

    def walk(tree: ifd.Tree, path: str) -> dict[str, tuple[int, int, bytes]]:
        found = {}
        for tag, value in tree.items():
            if isinstance(value, dict):
                found |= walk(value, f"{path}/{tag:x}")
            else:
                found[f"{path}/{tag:x}"] = (value.type, value.count, value.data)
        return found

    return walk(exif.parse(data).tree, "")


CHANGED = {"/112", "/b", "/131", "/8769/a001", "/8769/a002", "/8769/a003"}
RESOLUTION = {"/11a", "/11b", "/128"}


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("order", ["little", "big"])
def test_entries_keep_type_count_and_bytes(format, order):  # noqa: A002
    start = Photo(np.dstack([GREY] * 3), exif=block(order), dpi=(300, 300))
    read = read_photo(encode_photo(start, format))
    marked = mark(read)
    again = read_photo(encode_photo(marked, format))
    before, after = flat(block(order)), flat(again.exif)
    kept = before.keys() - CHANGED
    assert {path: after[path] for path in kept} == {path: before[path] for path in kept}
    assert after.keys() - before.keys() <= {"/b", "/131"} | RESOLUTION
    assert after["/8769/a001"][2] == Layout(order).pack(1, 2)  # sRGB


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("source", ["JPEG", "TIFF"])
def test_a_maker_note_stays_where_it_was(order, source):
    """Its offsets count from the block's head, and in a TIFF from the file's."""
    started = read_photo(encode_photo(Photo(GREY, exif=block(order)), source))
    place = exif.parse(started.exif).tree[ifd.EXIF][0x927C].at
    marked = mark(started)
    assert marked.exif[place : place + len(NOTE)] == NOTE
    written = encode_photo(marked, "TIFF")
    assert written[place : place + len(NOTE)] == NOTE
    again = read_photo(written)
    assert exif.parse(again.exif).tree[ifd.EXIF][0x927C].at == place


def test_marking_again_and_again_lets_nothing_grow():
    once = mark(Photo(GREY, exif=block()))
    twice = mark(once)
    assert twice.exif == once.exif
    longer = mark(once, "1.0.1")
    assert len(longer.exif) <= len(once.exif) + 24
    assert load(longer.exif)[11] == "photochrom 1.0.1"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["little", "big"])
def test_orientation_and_size_are_patched_in_place(orientation, order):
    old = block(order, orientation)
    tidied = exif.tidy(old, (48, 32))
    assert (tidied.orientation, tidied.whole, len(tidied.block)) == (orientation, True, len(old))
    entries = flat(tidied.block)
    width, height = (48, 32) if orientation < 5 else (32, 48)
    layout = Layout(order)
    assert entries["/112"] == (3, 1, layout.pack(1, 2))
    assert entries["/8769/a002"] == (4, 1, layout.pack(width, 4))
    assert entries["/8769/a003"] == (4, 1, layout.pack(height, 4))


def test_what_tells_how_pixels_were_stored_is_left_out():
    stored = {258: entry(3, b"\x10\0"), 262: entry(3, b"\1\0"), 340: entry(3, b"\1\0")}
    stored |= {341: entry(3, b"\xff\0"), 305: entry(2, b"scanner\0")}
    tidied = exif.tidy(exif.build_block(stored), (4, 4))
    assert flat(tidied.block).keys() == {"/131"}


def test_broken_parts_cost_only_themselves():
    whole = block()
    first = int.from_bytes(whole[4:8], "little")
    rows = {int.from_bytes(whole[i : i + 2], "little"): i for i in range(first + 2, first + 74, 12)}
    cut = bytearray(whole)
    cut[rows[ifd.GPS] + 8 : rows[ifd.GPS] + 12] = (1 << 30).to_bytes(4, "little")
    tidied = exif.tidy(bytes(cut), (48, 32))
    assert not tidied.whole
    assert flat(tidied.block).keys() == {p for p in flat(whole) if not p.startswith("/8825")}
    assert exif.tidy(whole[:11], (48, 32)) == exif.Tidied(b"", 1, False)
    read = read_photo(encode_photo(Photo(GREY, exif=bytes(cut)), "JPEG"))
    assert any("EXIF" in note for note in read.notes)
    assert read.pixels.shape == GREY.shape


def test_a_block_too_long_for_jpeg_is_left_out_and_said():
    long = replace(Photo(GREY), exif=exif.build_block({0xFDE8: entry(7, bytes(70_000))}))
    fitted = fit_to_format(long, "JPEG")
    assert fitted.exif == b""
    assert any("EXIF" in note for note in fitted.notes)
    assert read_photo(encode_photo(long, "JPEG")).pixels.shape == GREY.shape
    assert 0xFDE8 in exif.parse(read_photo(encode_photo(long, "PNG")).exif).tree


@pytest.mark.parametrize("format", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
def test_exiftool_reads_the_same_before_and_after(format, tmp_path: Path):  # noqa: A002
    def told(path: Path) -> dict[str, object]:
        command = ["exiftool", "-j", "-G1", "-EXIF:all", "-MakerNotes:all", "-u", str(path)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return {k: v for k, v in json.loads(out)[0].items() if ":" in k}

    before, after = tmp_path / f"a.{format.lower()}", tmp_path / f"b.{format.lower()}"
    write_photo(Photo(np.dstack([GREY] * 3), exif=block()), before, force=True)
    write_photo(mark(read_photo(before)), after)
    old, new = told(before), told(after)
    ours = ("IFD0:StripOffsets", "IFD0:StripByteCounts", "ExifIFD:ColorSpace")
    assert {k: new.get(k) for k in old if k not in ours} == {
        k: v for k, v in old.items() if k not in ours
    }
    assert "IFD0:ProcessingSoftware" in new


def test_a_tiff_page_of_a_big_file_keeps_them_too():
    pages = [Photo(GREY, exif=block("big"), pictures=2)] * 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("photochrom.image.encoding._BIG", 1)
        data = encode_photo(pages, "TIFF")
    assert data[:4] == b"II+\0"
    layout = Layout("big")
    for page in read_pages(data):
        entries = flat(page.exif)
        assert entries["/8769/9286"] == (7, len(COMMENT), COMMENT)
        assert entries["/fde8"] == (9, 3, (7).to_bytes(4, exif.parse(page.exif).layout.order) * 3)
    assert layout.order == "big"


def test_resolution_by_pillow_and_by_us():
    for dpi in ((300, 300), (72, 96), (299.5, 1200)):
        fresh = exif.with_resolution(b"", dpi)
        told = Image.Exif()
        told.load(fresh)
        assert (float(told[282]), float(told[283]), told[296]) == (*dpi, 2)
        assert exif.read_resolution(fresh) == pytest.approx(dpi)
        assert exif.with_resolution(fresh, dpi) == fresh
    centimetres = dump({282: 100.0, 283: 50.0, 296: 3})
    assert exif.read_resolution(centimetres) == pytest.approx((254, 127))


# --- any bytes --------------------------------------------------------------------------------


def survives(data: bytes) -> None:
    tidied = exif.tidy(data, (48, 32))
    assert 1 <= tidied.orientation <= 8
    assert len(tidied.block) <= 2 * len(data) + 64  # a directory anew at most
    marked = exif.edit(tidied.block, {Tag.Software: ifd.text_entry("photochrom 1")})
    assert exif.has_entry(marked, Tag.Software)
    assert exif.edit(marked, {Tag.Software: ifd.text_entry("photochrom 1")}) == marked
    exif.with_resolution(marked, (300, 300))


BLOCKS = mangled([block("little"), block("big")])


@FUZZ
@given(BLOCKS | st.binary(max_size=400))
def test_any_bytes(data):
    survives(data)


@pytest.mark.slow
@settings(FUZZ, max_examples=10_000)
@given(BLOCKS | st.binary(max_size=2000))
def test_any_bytes_for_long(data):
    survives(data)


@pytest.mark.parametrize("order", ["little", "big"])
def test_a_value_beyond_the_end_costs_no_other(order):
    """Whatever its length: read for nothing, it may not use up what the block has to give."""
    data = block(order)
    count = data.rindex((0xA430).to_bytes(2, order)) + 4
    for length in (*range(66_000, 68_000, 100), *range(66_900, 67_400, 4)):
        changed = data[:count] + length.to_bytes(4, order) + data[count + 4 :]
        assert ifd.GPS in exif.parse(changed).tree
        survives(changed)


def test_directories_that_lead_to_each_other():
    data = bytearray(block())
    tree = exif.parse(bytes(data)).tree
    first = int.from_bytes(data[4:8], "little")
    for i in range(first + 2, first + 2 + 12 * len(tree), 12):
        if data[i : i + 2] in (b"\x69\x87", b"\x25\x88"):
            data[i + 8 : i + 12] = data[4:8]  # Exif and GPS are the first directory itself
    survives(bytes(data))
    assert struct.unpack("<I", data[4:8])[0] == first
