"""What a file asks for is found out from its headers, before any codec sees it."""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile
from image_files import chunk, png_head
from image_files import png as png_file
from PIL import Image, TiffImagePlugin

from photochrom.errors import BadPhoto
from photochrom.image import ifd, limits, png
from photochrom.image.photo_file import open_file
from photochrom.image.reader import read_photo

GREY = np.add.outer(np.arange(16), np.arange(16)).astype(np.uint8) * 8


def tiff(values: dict[int, tuple[int, ...]], data: bytes = b"", pad: int = 0) -> bytes:
    """A TIFF of one page: numbers by tag, and where "at" stands for its strip or tile, data."""
    layout = ifd.Layout()
    tree: ifd.Tree = {
        tag: ifd.IfdEntry(ifd.LONG, len(numbers), b"".join(map(layout.pack, numbers)))
        for tag, numbers in values.items()
    }
    start = 8 + len(data) + len(data) % 2
    body, at = ifd.serialize(tree, start, layout)
    return layout.head + layout.pack(at) + data.ljust(start - 8, b"\0") + body + bytes(pad)


PAGE = {256: (16,), 257: (16,), 258: (8,), 259: (1,), 262: (1,), 277: (1,)}
STRIP = PAGE | {273: (8,), 278: (16,), 279: (256,)}


def jpeg_of(size: tuple[int, int] | None = None, *, progressive: bool = False) -> bytes:
    """A small JPEG, which may tell another size."""
    flags = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
    data = bytes(cv2.imencode(".jpg", GREY, flags)[1])
    if size is None:
        return data
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", size[1], size[0]) + data[at + 4 :]


def with_scans(many: int) -> bytes:
    data = jpeg_of(progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * many + b"\xff\xd9"


def codestream(size: int, tile: int, components: int = 1) -> bytes:
    told = struct.pack(">HIIIIIIIIH", 0, size, size, 0, 0, tile, tile, 0, 0, components)
    told += bytes([7, 1, 1]) * components
    return b"\xff\x4f\xff\x51" + struct.pack(">H", 2 + len(told)) + told + b"\xff\x52\0\x0c"


def gif(before: bytes = b"", pictures: int = 1) -> bytes:
    picture = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
    return (
        b"GIF89a"
        + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0)
        + bytes(6)
        + before
        + (picture * pictures)
        + b";"
    )


def webp(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 100) + b"WEBPVP8X\x0a\0\0\0\2\0\0\0" + sides + bytes(78)


EMBEDDED = jpeg_of((65_500, 65_500))
REFUSED = {
    "a chunk longer than the file": png_head(10, 10, 16) + b"\x7f\xff\xff\xefIDAT" + bytes(40),
    "a line of 49 megapixels": png_head(49_000_000, 1) + chunk(b"IDAT", bytes(48_000)),
    "16-bit RGBA in 0.8 MB": png_head(10_000, 10_000, 16, 6) + chunk(b"IDAT", bytes(800_000)),
    "chunks": png_file(GREY, chunk(b"abCd", b"") * 3000),
    "a tile for a small page": tiff(
        PAGE | {322: (26_000,), 323: (26_000,), 324: (8,), 325: (99,)}, bytes(99)
    ),
    "tiles of a pixel": tiff(
        PAGE | {256: (4000,), 257: (4000,), 322: (1,), 323: (1,), 324: (8,), 325: (99,)}, bytes(99)
    ),
    "channels": tiff(STRIP | {277: (65_535,)}, bytes(256)),
    "bits": tiff(STRIP | {258: (4096,)}, bytes(256)),
    "planes of a large page": tiff(
        STRIP | {256: (20_000,), 257: (20_000,), 258: (64,), 277: (60,)}, bytes(256)
    ),
    "a JPEG of another size in a strip": tiff(
        STRIP | {259: (7,), 279: (len(EMBEDDED),), 332: (1,), 339: (2,)}, EMBEDDED
    ),
    "a PNG in a strip": tiff(STRIP | {259: (34_933,), 258: (16,)}, bytes(256)),
    "entries": tiff(STRIP | {30_000 + i: (8,) for i in range(ifd.MAX_ENTRIES)}, bytes(256)),
    "segments": jpeg_of()[:2] + b"\xff\xef\0\2" * 100_000 + jpeg_of()[2:],
    "scans": with_scans(2000),
    "tiles of JPEG 2000": codestream(10_000, 40),
    "channels of JPEG 2000": codestream(100, 100, 16_384),
    "a canvas": webp(16_384, 16_384),
    "remarks before a GIF": gif(b"!\xff\0" * 1_000_000),
    "remarks before a PPM": b"P6 10 " + b"#\n" * 100_000 + b"10 255\n" + bytes(300),
    "a BMP": b"BM" + struct.pack("<IIIIiiHHIIIIII", 0, 0, 54, 40, 400_000, 9, 1, 24, *[0] * 6),
    "a TGA": bytes([0, 0, 2])
    + bytes(9)
    + struct.pack("<HH", 65_535, 65_535)
    + b"\x18\0"
    + bytes(9),
    "a QOI": b"qoif" + struct.pack(">IIBB", 40_000, 40_000, 3, 0) + bytes(99),
    "an SGI": struct.pack(">hBBHHHH", 474, 1, 1, 3, 65_535, 65_535, 3).ljust(520, b"\0"),
    "a PCX": b"\x0a\5\1\x08" + struct.pack("<HHHH", 0, 0, 65_534, 65_534).ljust(124, b"\1"),
    "a PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 300_000, 300_000, 8, 3) + bytes(99),
    "a PPM": b"P6 30000 30000 255\n" + bytes(99),
    "a PGM": b"P5 40000 20000 255\n" + bytes(1000),
    "a large PNG": png_head(30_000, 30_000) + chunk(b"IDAT", b""),
    "a PNG as large as can be": png_head(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", b""),
    "a large JPEG": jpeg_of((30_000, 30_000)),
    "a JPEG as large as can be": jpeg_of((65_535, 65_535)),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("damaged", [False, True])
def test_what_no_photo_asks_for_is_refused_before_it_is_decoded(name, damaged, monkeypatch):
    reached = []

    def spy(codec):
        return lambda *_, **__: reached.append(codec)

    import imagecodecs

    read_photo(jpeg_of())  # which loads what there is of codecs
    monkeypatch.setattr(png, "MAX_CHUNKS", 2000)
    monkeypatch.setattr(Image.Image, "load", spy("Pillow"))
    monkeypatch.setattr(TiffImagePlugin.TiffImageFile, "_load_libtiff", spy("libtiff"))
    for codec in ("png_decode", "jpeg_decode", "jpeg8_decode", "zlib_decode", "tiff_decode"):
        monkeypatch.setattr(imagecodecs, codec, spy(codec))
    with pytest.raises(BadPhoto):
        read_photo(REFUSED[name], damaged=damaged)
    assert reached in ([], ["Pillow"] * (name == "a JPEG of another size in a strip"))


MEMORY = """
import resource, sys
sys.path[:0] = sys.argv[2:]
import test_limits as files
from photochrom.image.reader import read_photo
from photochrom.errors import BadPhoto
data = files.REFUSED | {
    "segments": files.jpeg_of()[:2] + b"\\xff\\xef\\0\\2" * 8_000_000 + files.jpeg_of()[2:],
}
held = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (held + 200_000_000, held + 200_000_000))
for name in ("segments", "a line of 49 megapixels", "tiles of JPEG 2000"):
    try:
        read_photo(data[name])
    except BadPhoto:
        print(name)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_refusing_takes_no_memory():
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, "", *sys.path], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == ["segments", "a line of 49 megapixels", "tiles of JPEG 2000"]


# --- what is told of memory -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "kind", "least", "most"),
    [("1", "PNG", 1, 3), ("L", "JPEG", 1, 3), ("RGB", "PNG", 6, 8), ("RGBA", "PNG", 11, 13)],
)
def test_bytes_needed_of_a_picture(mode, kind, least, most):
    file = io.BytesIO()
    Image.new(mode, (100, 50)).save(file, kind)
    with open_file(file.getvalue()) as opened:
        assert least * 5000 <= opened.memory.total <= most * 5000


def test_bytes_needed_of_16_bits_and_of_progressive_pictures():
    with open_file(png_head(100, 50, 16, 2) + chunk(b"IDAT", b"x")) as opened:
        assert opened.memory.total == 5000 * (6 + 6)
    needed = []
    for progressive in (False, True):
        with open_file(jpeg_of((1000, 1000), progressive=progressive)) as opened:
            needed.append(opened.memory.total)
    assert needed[1] == needed[0] + 2_000_000  # its coefficients


def test_bytes_needed_of_pages():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for pixels in (np.zeros((50, 100), np.uint8), np.zeros((50, 100, 3), np.uint16)):
            kind = "rgb" if pixels.ndim == 3 else "minisblack"
            writer.write(pixels, photometric=kind, metadata=None, rowsperstrip=10)
    needed = []
    with open_file(file.getvalue()) as opened:
        for page in range(opened.pages):
            opened.turn_to(page)
            needed.append(opened.memory.total)
    strip = 10 * 100
    assert needed == [2 * 5000 + 2 * strip, 12 * 5000 + 2 * 6 * strip]


@pytest.mark.parametrize("layout", ["strips", "tiles"])
def test_a_scan_of_200_megapixels_passes(tmp_path, layout):
    width, height = 17_320, 11_548
    size = 6 * width * height
    values = PAGE | {256: (width,), 257: (height,), 258: (16,) * 3, 262: (2,), 277: (3,)}
    if layout == "strips":
        rows = 64
        many = -(-height // rows)
        values |= {278: (rows,), 273: tuple(1 << 16 for _ in range(many)), 279: (1,) * many}
    else:
        many = -(-height // 256) * -(-width // 256)
        values |= {322: (256,), 323: (256,), 324: (1 << 16,) * many, 325: (1,) * many}
    path = tmp_path / "scan.tif"
    with path.open("wb") as file:
        file.write(tiff(values))
        file.truncate(size)  # which takes no disk
    with open_file(path) as opened:
        limits.check_size(opened.image.size, "scan", opened.memory, opened.size)
        assert 2 * size < opened.memory.total < limits.MAX_BYTES


@pytest.mark.parametrize("name", ["PNG", "16-bit PNG", "JPEG", "progressive JPEG"])
def test_other_photos_of_200_megapixels_pass(name):
    size = 17_320, 11_548
    head = {
        "PNG": png_head(*size, 8, 2) + chunk(b"IDAT", bytes(2_500_000)),
        "16-bit PNG": png_head(*size, 16, 2) + chunk(b"IDAT", bytes(2_500_000)),
        "JPEG": jpeg_of(size) + bytes(2_500_000),
        "progressive JPEG": jpeg_of(size, progressive=True) + bytes(2_500_000),
    }[name]
    with open_file(head) as opened:
        limits.check_size(opened.image.size, name, opened.memory, opened.size)
