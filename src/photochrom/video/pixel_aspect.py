"""The shape of a film's pixels, told to Matroska after FFmpeg has written it.

PyAV (as of 18.1) cannot tell FFmpeg's muxer of it. The muxer is told of a turn and a mirroring
instead, which takes as much room in the file, and what is meant is written over that.
(Matroska: RFC 9559, sections 5.1.4.1.28.12 to 14 and 5.1.4.1.28.41 to 45; EBML: RFC 8794)
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import BinaryIO

PLACEHOLDER = 90, True
"""What :meth:`.VideoStream.set_display_rotation` is told: both angles are written for it."""
_PROJECTION, _YAW, _ROLL = b"\x76\x70", b"\x76\x73", b"\x76\x75"
_WIDTH, _HEIGHT = b"\x54\xb0", b"\x54\xba"
_NO_UNIT, _PIXELS = b"\x54\xb2\x81\x04", b"\x54\xb2\x81\x00"
_ROOM = 25
"""Bytes of a projection of two angles."""
_HEAD = 1 << 16
"""Bytes of a file within which its tracks begin; attachments come later."""


def write_aspect(file: BinaryIO, aspect: Fraction, size: tuple[int, int], rotation: int) -> None:
    """Write the shape of pixels over the placeholder.

    Args:
        file: of Matroska, of whose first picture the muxer was told :data:`PLACEHOLDER`.
        aspect: the width of a pixel by its height.
        size: rows and columns of the picture.
        rotation: degrees, counterclockwise, that a player turns it by: 0, 90, 180 or 270.
    """
    file.seek(0)
    head = file.read(_HEAD)
    start = head.index(_PROJECTION + bytes([0x80 | (_ROOM - 3)]) + _YAW)
    shape = _tell_aspect(aspect, size)
    if rotation:
        angle = _element(_ROLL, struct.pack(">f", (rotation + 180) % 360 - 180))
        spare = _ROOM - len(shape) - len(angle) - 3
        # One byte is too few for what says that it is void: the length takes it.
        length = (
            struct.pack(">H", 0x4000 | len(angle)) if spare == 1 else bytes([0x80 | len(angle)])
        )
        shape += _PROJECTION + length + angle
    spare = _ROOM - len(shape)
    void = b"\xec" + bytes([0x80 | (spare - 2)]) + bytes(spare - 2) if spare else b""
    file.seek(start)
    file.write(shape + void)
    if (unit := head.rfind(_NO_UNIT, 0, start)) >= 0:
        file.seek(unit)
        file.write(_PIXELS)


def _tell_aspect(aspect: Fraction, size: tuple[int, int]) -> bytes:
    """How large a picture is shown: about as high as it is, and of the right shape."""
    height, width = size
    ratio = (width * aspect / height).limit_denominator(height)
    times = max(1, height // ratio.denominator)
    sides = (struct.pack(">H", times * side) for side in ratio.as_integer_ratio())
    return b"".join(map(_element, (_WIDTH, _HEIGHT), sides))


def _element(name: bytes, data: bytes) -> bytes:
    return name + bytes([0x80 | len(data)]) + data
