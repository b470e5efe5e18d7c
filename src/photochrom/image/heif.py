"""HEIC and HEIF photographs, as phones take them, through pillow-heif (extra ``heif``)."""

from __future__ import annotations

from functools import cache

SUFFIXES = ("heic", "heif", "hif")

_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")
"""ISO/IEC 23008-12, annexes B and 10; AVIF files may begin with the last two as well."""


def looks_like(head: bytes) -> bool:
    """Whether a file with these first bytes may be one."""
    return head[4:8] == b"ftyp" and head[8:12] in _BRANDS


@cache
def available() -> bool:
    """Whether pillow-heif is installed; if so, Pillow reads and writes these from now on."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True
