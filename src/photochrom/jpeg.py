"""JPEG, its strips encoded side by side.

A baseline scan may be cut by restart markers, each of which begins anew (ITU-T T.81, sections
B.2.4.4 and E.1.4). So strips of a photo are encoded as files of their own, by all cores, and their
scans laid end to end: the same pixels as from one go.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

_LONGEST = 65_500  # libjpeg's own limit for a side
_BLOCK = 8
_STRIP = 1 << 19  # pixels; their blocks have to be counted by 16 bits
_START, _END = b"\xff\xd8", b"\xff\xd9"
_RESTART, _SCAN, _FRAME = 0xD0, 0xDA, 0xC0
_METADATA = frozenset(range(0xE0, 0xF0)) | {0xFE}  # APP0..APP15 and the comment


def encode(pixels: npt.NDArray[np.uint8], options: Mapping[str, Any]) -> bytes:
    """RGB (H, W, 3) as a file, its colour at full resolution (4:4:4).

    Args:
        pixels: the photo.
        options: ``quality`` and metadata, as Pillow's ``save`` takes them.

    Raises:
        ValueError: JPEG holds no such photo.
    """
    height, width = pixels.shape[:2]
    if max(height, width) > _LONGEST:
        raise ValueError(f"it holds at most {_LONGEST:,} pixels along a side")
    across = -(-width // _BLOCK)
    down = max(1, _STRIP // (across * _BLOCK**2))  # blocks of a strip
    flags = {
        cv2.IMWRITE_JPEG_QUALITY: options["quality"],
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
        cv2.IMWRITE_JPEG_RST_INTERVAL: across * down,
    }

    def strip(start: int) -> bytes:
        bgr = cv2.cvtColor(pixels[start : start + down * _BLOCK], cv2.COLOR_RGB2BGR)
        return bytes(cv2.imencode(".jpg", bgr, [n for flag in flags.items() for n in flag])[1])

    with ThreadPoolExecutor(cv2.getNumThreads()) as pool:
        strips = [_split(data) for data in pool.map(strip, range(0, height, down * _BLOCK))]
    like = io.BytesIO()
    Image.new("RGB", (1, 1)).save(like, "JPEG", **options)
    head = [part for kind, part in _split(like.getvalue())[0] if kind in _METADATA]
    for kind, part in strips[0][0]:
        if kind == _FRAME:
            part = part[:5] + height.to_bytes(2, "big") + part[7:]
        if kind not in _METADATA:
            head.append(part)
    scans = [scan for _, scan in strips]
    body = [bytes([0xFF, _RESTART + i % 8]) + scan for i, scan in enumerate(scans[1:])]
    return b"".join([_START, *head, scans[0], *body, _END])


def _split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The segments of a file, each with its kind, and the scan after them."""
    segments, offset, kind = [], len(_START), 0
    while kind != _SCAN:
        kind = data[offset + 1]
        end = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4], "big")
        segments.append((kind, data[offset:end]))
        offset = end
    return segments, data[offset : -len(_END)]
