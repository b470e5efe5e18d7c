"""Areas that an XMP packet marks in a picture, such as faces, when the picture grows below.

Shares of its height are those of MWG's regions (Guidelines for Handling Image Metadata 2.0, 5.9)
and of Microsoft's people tags ("x, y, width, height"); both are known by their usual prefixes.
"""

from __future__ import annotations

import re

_VALUE = rb"(?:\s*=\s*[\"']|>)\s*"
_AREA = re.compile(rb"((?:stArea|stDim):[yh]" + _VALUE + rb")(\d*\.?\d+(?:[eE]-?\d+)?)")
_PEOPLE = re.compile(rb"(MPReg:Rectangle" + _VALUE + rb")([\d.,eE \t-]+)")


def move_regions(packet: bytes, height: int, grown: int) -> bytes:
    """A packet whose areas are where they were in a picture that has grown below.

    Args:
        packet: UTF-8, or nothing.
        height: of the picture before, pixels.
        grown: its height now.
    """
    share = height / grown

    def move_area(found: re.Match[bytes]) -> bytes:
        if found[1].startswith(b"stDim:"):  # the size of the picture that the shares are of
            return found[1] + b"%d" % grown
        return found[1] + b"%.6f" % (float(found[2]) * share)

    def move_people(found: re.Match[bytes]) -> bytes:
        try:
            x, y, width, tall = map(float, found[2].split(b","))
        except ValueError:
            return found[0]
        return found[1] + b"%.6f, %.6f, %.6f, %.6f" % (x, y * share, width, tall * share)

    return _PEOPLE.sub(move_people, _AREA.sub(move_area, packet))
