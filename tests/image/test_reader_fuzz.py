"""Whatever the bytes: a photo, or a sentence, in bounded time and memory."""

from __future__ import annotations

import contextlib
import io
import struct
import time
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import FUZZ, chunk, gamma_profile, mangled, png, tiff

from photochrom.errors import PhotochromError
from photochrom.image import icc
from photochrom.image.reader import read_pages, read_photo

GREY = np.add.outer(np.arange(24), np.arange(30)).astype(np.uint8) * 4
DEEP = GREY.astype(np.uint16) * 257
MINUTE = 60


def attempt(data: bytes, *, damaged: bool = False) -> None:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(PhotochromError):
            for page in read_pages(data, damaged):
                assert page.pixels.dtype in (np.uint8, np.uint16)
                assert page.lightness().shape == page.pixels.shape[:2]
    assert time.process_time() - start < 10


# --- TIFF -----------------------------------------------------------------------------------------

TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324)
TAGS = (*TAGS, 325, 330, 332, 338, 339, 347, 530, 700, 32997, 33723, 34665, 34675, 50706)
numbers = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 32]), st.integers(0, 2**32 - 1)
)
entry = st.tuples(
    st.one_of(st.sampled_from(TAGS), st.integers(0, 65535)),
    st.one_of(st.sampled_from([1, 2, 3, 4, 5, 7, 13, 16]), st.integers(0, 65535)),
    st.one_of(st.sampled_from([0, 1, 2, 3, 4]), numbers),
    numbers,
)


@st.composite
def directories(draw) -> bytes:
    """Directories of made-up entries that point anywhere."""
    order = draw(st.sampled_from("<>"))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    size = [(256, 3, 1, draw(st.integers(0, 40))), (257, 3, 1, draw(st.integers(0, 40)))]
    parts, at = [], 8
    for _ in range(draw(st.integers(1, 3))):
        entries = size + draw(st.lists(entry, max_size=14))
        body = b""
        for tag, kind, count, value in entries:
            short = kind == 3 and count == 1 and order == ">"
            field = (
                struct.pack(order + "HH", value & 0xFFFF, 0)
                if short
                else struct.pack(order + "I", value)
            )
            body += struct.pack(order + "HHI", tag, kind, count) + field
        at += 6 + len(body)
        following = draw(st.one_of(st.just(at), st.just(0), numbers))
        parts.append(
            struct.pack(order + "H", len(entries)) + body + struct.pack(order + "I", following)
        )
    return head + b"".join(parts) + draw(st.binary(max_size=300))


WHOLE = [
    tiff(GREY, compression="lzw", rowsperstrip=5),
    tiff(DEEP, compression="zlib", predictor=True, tile=(16, 16)),
    tiff(np.stack([DEEP] * 3), photometric="rgb", planarconfig="separate", byteorder=">"),
    tiff(DEEP.astype(np.float32) / 65535, bigtiff=True),
    tiff(np.dstack([GREY] * 4), photometric="separated", bigtiff=True, byteorder=">"),
    tiff(np.dstack([DEEP] * 3), photometric="cielab"),
    tiff(np.dstack([GREY] * 4), photometric="rgb", extrasamples=["assocalpha"]),
]


tiffs = st.one_of(directories(), mangled(WHOLE), mangled([data[:400] for data in WHOLE]))


@FUZZ
@given(tiffs, st.booleans())
def test_directories(data, damaged):
    attempt(data, damaged=damaged)


@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("tag", [322, 323])
def test_tiles_larger_than_their_page_cost_no_memory(tag, damaged):
    whole = tiff(DEEP, compression="zlib", predictor=True, tile=(16, 16))
    place = max(whole.find(struct.pack("<HHI", tag, kind, 1)) for kind in (3, 4))
    large = whole[:place] + struct.pack("<HHII", tag, 4, 1, 1 << 22) + whole[place + 12 :]
    tracemalloc.start()
    with pytest.raises(PhotochromError):
        read_photo(large, damaged=damaged)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


def test_strips_that_lie_far_apart_cost_no_memory():
    data = tiff(GREY, rowsperstrip=12)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        _, second = file.pages[0].dataoffsets
    told = struct.pack("<I", second)
    assert data.count(told) == 1
    far = data.replace(told, struct.pack("<I", 1 << 31))
    tracemalloc.start()
    with pytest.raises(PhotochromError):
        read_photo(far)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


# --- PNG ------------------------------------------------------------------------------------------

RGB16 = np.dstack([DEEP, DEEP // 2, 65535 - DEEP])
NAMES = b"tRNS gAMA cHRM sRGB cICP iCCP PLTE tEXt zTXt iTXt pHYs eXIf acTL fcTL fdAT IDAT IHDR IEND"
names = st.sampled_from([*NAMES.split(), b"sBIT", b"abcd", b"ABCD"])
packed = st.builds(
    lambda start, rest: start + b"\0\0" + zlib.compress(rest), st.binary(max_size=9), st.binary()
)
contents = st.one_of(
    st.binary(max_size=60),
    packed,
    st.builds(lambda v: struct.pack(">I", v), st.integers(0, 2**32 - 1)),
    st.lists(st.integers(0, 2**32 - 1), min_size=8, max_size=8).map(
        lambda v: struct.pack(">8I", *v)
    ),
    st.just(b"x\0\0" + zlib.compress(gamma_profile(1.0))),
)


@st.composite
def pngs(draw) -> bytes:
    extra = [chunk(*pair) for pair in draw(st.lists(st.tuples(names, contents), max_size=5))]
    pixels = draw(st.sampled_from([GREY, DEEP, RGB16, np.dstack([GREY] * 3)]))
    data = png(pixels, *extra)
    return draw(st.one_of(st.just(data), mangled([data])))


@FUZZ
@given(pngs(), st.booleans())
def test_chunks(data, damaged):
    attempt(data, damaged=damaged)


# --- ICC ------------------------------------------------------------------------------------------

PROFILES = [icc.srgb_profile(), gamma_profile(1.8), gamma_profile(1.0, grey=True)]
SPACES = {"grey": GREY, "RGB": np.dstack([GREY] * 3), "CMYK": np.dstack([GREY] * 4)}
profiles = st.one_of(st.binary(max_size=400), mangled(PROFILES))


@FUZZ
@given(profiles, st.sampled_from(sorted(SPACES)), st.booleans())
def test_profiles(data, space, deep):
    pixels = SPACES[space].astype(np.uint16) * 257 if deep else SPACES[space]
    got, note = icc.to_srgb(pixels, space, data)
    assert got.dtype == pixels.dtype
    assert got.shape[:2] == pixels.shape[:2]
    assert note is None or "profile" in note


# --- the same for a minute each -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["directories", "chunks", "profiles"])
def test_for_a_minute(kind):
    end = time.monotonic() + MINUTE
    inner = {
        "directories": (tiffs, lambda data: attempt(data, damaged=len(data) % 2 == 0)),
        "chunks": (pngs(), lambda data: attempt(data, damaged=len(data) % 2 == 0)),
        "profiles": (profiles, lambda data: icc.to_srgb(SPACES["RGB"], "RGB", data)),
    }
    strategy, check = inner[kind]

    @settings(FUZZ, max_examples=2_000)
    @given(strategy)
    def some(data):
        if time.monotonic() < end:
            check(data)

    while time.monotonic() < end:
        some()


# --- bounds ---------------------------------------------------------------------------------------


def test_entries_that_all_point_to_one_place():
    """A thousand entries of a megabyte each, in a file of one."""
    entries = [(256, 3, 1, 9), (257, 3, 1, 9)]
    entries += [(40_000 + i, 7, 1_000_000, 20_000) for i in range(1000)]
    body = b"".join(struct.pack("<HHII", *row) for row in entries)
    data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4)
    data = data.ljust(20_000, b"\0") + bytes(1_000_000)
    tracemalloc.start()
    attempt(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000_000  # not the 1,000 megabytes that they speak of


def test_a_large_page_takes_no_more_than_it_must():
    """Sixteen bits of a megapixel are 2 MB; while they are decoded, a few times that."""
    data = tiff(np.zeros((1000, 1000), np.uint16), compression="zlib", rowsperstrip=16)
    read_photo(data)
    tracemalloc.start()
    read_photo(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000
