"""Files made for tests, by libraries that know nothing of ours or byte by byte."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import tifffile
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms


def saved(image: Image.Image | np.ndarray, format: str = "PNG", **options) -> bytes:  # noqa: A002
    """A file by Pillow."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def tiff(pixels: np.ndarray, **options) -> bytes:
    """A TIFF by tifffile."""
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, **({"metadata": None} | options))
    return file.getvalue()


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png_head(width: int, height: int, bits: int = 8, kind: int = 0) -> bytes:
    """The signature of a PNG, and its IHDR."""
    told = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", told)


def png(pixels: np.ndarray, *chunks: bytes, bits: int | None = None) -> bytes:
    """A PNG as plain as can be; ``bits`` below 8 are packed."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = bits or pixels.itemsize * 8
    if bits < 8:
        wide = np.unpackbits(pixels[..., None], axis=-1)[..., 8 - bits :]
        rows = np.packbits(wide.reshape(height, -1), axis=1)
    else:
        rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = png_head(width, height, bits, kind)
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    return head + b"".join(chunks) + body + chunk(b"IEND", b"")


def profile(name: str) -> bytes:
    """A colour profile of Pillow's: "sRGB", "LAB" or "XYZ"."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


def gamma_profile(gamma: float, grey: bool = False) -> bytes:
    """An ICC version 2 profile of sRGB's primaries, or of grey, with a plain power curve."""

    def fixed(*values: float) -> bytes:
        return b"".join(round(v * 65536).to_bytes(4, "big", signed=True) for v in values)

    curve = b"curv" + bytes(4) + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big")
    white = b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249)
    tags = {b"wtpt": white, b"kTRC": curve + bytes(2)}
    if not grey:
        primaries = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
        tags = {b"wtpt": white}
        for letter, xyz in zip(b"rgb", primaries, strict=True):
            tags[bytes([letter]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*xyz)
            tags[bytes([letter]) + b"TRC"] = curve + bytes(2)
    tags[b"desc"] = b"desc" + bytes(4) + (5).to_bytes(4, "big") + b"test\0" + bytes(79)
    table, data, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        table += tag + (offset + len(data)).to_bytes(4, "big") + len(value).to_bytes(4, "big")
        data += value + bytes(-len(value) % 4)
    size = offset + len(data)
    head = size.to_bytes(4, "big") + b"lcms" + bytes([2, 0x20, 0, 0]) + b"mntr"
    head += (b"GRAY" if grey else b"RGB ") + b"XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + len(tags).to_bytes(4, "big") + table + data


# --- any bytes --------------------------------------------------------------------------------

FUZZ = settings(
    max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


@st.composite
def mangled(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of these with bytes changed, cut out, put in or doubled, and maybe its end missing."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.sampled_from(["set", "cut", "insert", "repeat", "zero", "fill"])):
            case "set":
                data[place : place + 4] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del data[place : place + draw(st.integers(1, 64))]
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=16))
            case "repeat":
                data[place:place] = data[place : place + 64]
            case "zero":
                data[place : place + 16] = bytes(len(data[place : place + 16]))
            case "fill":
                data[place : place + 4] = b"\xff" * 4
    whole = bytes(data) or b"x"
    return whole[: draw(st.just(len(whole)) | st.integers(1, len(whole)))]
