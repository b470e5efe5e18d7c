"""The luma of decoded frames, as the film stores it: never by way of RGB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.video.planes import LUMA_WEIGHTS
from photochrom.video.raster import Raster

if TYPE_CHECKING:
    from av import VideoFrame
    from av.video.format import VideoFormat

_FULL = 2  # AVCOL_RANGE_JPEG
_IN_HIGH_BITS = re.compile(r"p\d\d\d|.*msb")  # p010le and its kin


def find_raster(frame: VideoFrame) -> Raster:
    """How the luma of a film is stored, from one of its frames.

    Samples of 9 bits become 10 and those of more than 12 become 12, which is what is encoded later.
    A range that is not told is the limited one, but for kinds that only ever have the full one.
    """
    name, depth = frame.format.name, frame.format.components[0].bits
    full = frame.color_range == _FULL or name.startswith("yuvj") or _is_rgb(frame.format)
    full |= not frame.color_range and name.startswith(("gray", "ya"))
    bits = 8 if depth <= 8 else 10 if depth <= 10 else 12
    return Raster(height=frame.height, width=frame.width, bits=bits, full_range=full)


def read_luma(frame: VideoFrame, raster: Raster) -> Array:
    """The luma of a frame, (H, W) uint8, or uint16 where a sample has more than 8 bits."""
    if unpacked := _unpacked_format(frame.format):
        color_range = "JPEG" if raster.full_range else "MPEG"
        # With more threads, swscale spoils pixels now and then where 16 does not divide the width.
        frame = frame.reformat(format=unpacked, dst_color_range=color_range, threads=1)
    kind, plane = frame.format, frame.planes[0]
    depth, channels = kind.components[0].bits, 3 if kind.is_rgb else 1
    dtype = np.dtype("u1" if depth <= 8 else ">u2" if kind.is_big_endian else "<u2")
    line = abs(plane.line_size)  # longer than the row by padding
    codes: Array = np.ndarray(
        (frame.height, frame.width, channels),
        dtype,
        buffer=memoryview(plane),
        strides=(line, channels * dtype.itemsize, dtype.itemsize),
    )
    if plane.line_size < 0:  # rows are stored from the last to the first
        codes = codes[::-1]
    codes = _weigh(codes) if kind.is_rgb else codes[..., 0]
    if depth <= 8:
        return codes.copy()
    if _IN_HIGH_BITS.match(kind.name):
        codes = codes >> (16 - depth)
    codes = codes << max(0, raster.bits - depth) >> max(0, depth - raster.bits)
    # A damaged file may hold more than its depth allows.
    return np.asarray(np.minimum(codes, (1 << raster.bits) - 1).astype(np.uint16))


def _weigh(rgb: Array) -> Array:
    """Y of full range. Of grey, and a film that is to be coloured is grey, it is R, G and B."""
    red, blue = LUMA_WEIGHTS["bt709"]
    weights = np.array([[red, 1 - red - blue, blue]], np.float32)
    y = np.asarray(cv2.transform(rgb.astype(np.float32), weights))
    return np.asarray(np.rint(y).astype(rgb.dtype))


def _is_rgb(kind: VideoFormat) -> bool:
    return kind.is_rgb or kind.has_palette or kind.is_bayer or kind.name.startswith("mono")


def _unpacked_format(kind: VideoFormat) -> str | None:
    """What a format has to be brought to for its luma to have a plane of its own, if it has not."""
    depth, name = kind.components[0].bits, kind.name
    decimal = re.search(r"f(16|32)", name)
    if kind.is_rgb or kind.has_palette or kind.is_bayer or name.startswith("xyz"):
        return "rgb24" if depth <= 8 else "rgb48le"
    if name.startswith(("ya", "mono")) or decimal:
        return "gray" if depth <= 8 else "gray16le"
    if all(part.plane for part in kind.components[1:]):
        return None
    return {8: "yuv422p", 10: "yuv422p10le", 12: "yuv422p12le"}.get(depth, "yuv422p16le")
