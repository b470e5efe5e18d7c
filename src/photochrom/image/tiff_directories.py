"""The pages of a TIFF, found by what their directories hold at a glance.

Nothing else of them is read, so that a list of pages that is broken further on costs nothing, and
neither does a page that is not turned to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from PIL.ExifTags import Base as Tag

from photochrom.image import ifd
from photochrom.image.ifd import Layout
from photochrom.image.limits import Excess
from photochrom.image.manifests import TIFF_TAG

MAX_PAGES = 2_000
"""Beyond this a file is more likely an attack than a scan."""

_LOOKED_AT = (
    *(Tag.NewSubfileType, Tag.ImageWidth, Tag.ImageLength, Tag.PhotometricInterpretation),
    *(Tag.SubIFDs, Tag.DNGVersion),
)
_REDUCED, _MASK = 1, 4  # NewSubfileType: a smaller copy of a page; where it is opaque
_SENSOR = 32803, 34892  # TIFF/EP and DNG: numbers as the sensor gave them
_MOST_WITHIN = 64
_MOST = 1 << 24  # bytes of all directories: those of ten thousand pages have a tenth of it


class PageDirectory(NamedTuple):
    """Where a page's directory lies, and what it holds at a glance."""

    at: int
    next: int  # the place of the next; 0 where there is none, -1 where it is not told
    full: bool  # whether it is no smaller copy and no mask
    raw: bool  # whether it holds what a sensor gave
    within: tuple[int, ...]  # places of the directories that it points to


@dataclass(frozen=True)
class Tiff:
    """A TIFF whose pages were found, but not read."""

    stream: BinaryIO
    size: int
    layout: Layout
    pages: list[PageDirectory]
    """What the file is for: no smaller copies and masks, unless there is nothing else."""
    raw: bool  # whether it is a camera's raw file
    broken: bool  # whether the list of pages leads nowhere after the last one
    signed: bool  # whether the last directory is no page, but Content Credentials


def find_pages(stream: BinaryIO, size: int) -> Tiff:
    """Find the pages of a file, of whose directories nothing else is looked at.

    Raises:
        ValueError: the first directory cannot be read.
        Excess: there are more than any scan has.
    """
    read = ifd.file_reader(stream, min(4 * size, _MOST) + (1 << 20))
    head = read(0, 16)
    layout = Layout.parse(head)
    place = layout.number(head[8:16] if layout.big else head[4:8])
    found: list[PageDirectory] = []
    seen, signed = set(), False
    while place > 0 and place not in seen:
        seen.add(place)
        try:
            found.append(_glance(read, place, layout))
        except ifd.Broken:
            signed = _is_signature(read, place, layout)
            place = 0 if signed else -1
            break
        place = found[-1].next
        if len(found) > MAX_PAGES:
            raise Excess(f"it has more than {MAX_PAGES:,} pages")
    if not found:
        raise ValueError("its first directory is missing, or has too many entries")
    inner = list(_glance_within(read, found, layout))
    raw = head[8:10] == b"CR" or any(page.raw for page in found + inner)
    pages = [page for page in found if page.full] or [page for page in inner if page.full]
    return Tiff(stream, size, layout, pages or found[:1], raw, place < 0, signed)


def _glance(read: ifd.Read, at: int, layout: Layout) -> PageDirectory:
    """Look at a directory. Raises Broken: there is none."""
    entries, _, end, following, _ = ifd.read_directory(read, at, layout, _LOOKED_AT)
    if Tag.ImageWidth not in entries or Tag.ImageLength not in entries or not read(end - 1, 1):
        raise ifd.Broken("it is no page")
    kind, photometric = (
        ifd.read_number(entries.get(tag), layout) or 0
        for tag in (Tag.NewSubfileType, Tag.PhotometricInterpretation)
    )
    inner = entries.get(Tag.SubIFDs)
    within: tuple[int, ...] = ()
    if inner:
        size = 8 if inner.type in (16, 18) else 4
        starts = range(0, len(inner.data), size)[:_MOST_WITHIN]
        within = tuple(layout.number(inner.data[i : i + size]) for i in starts)
    raw = photometric in _SENSOR or Tag.DNGVersion in entries
    return PageDirectory(at, following, not kind & (_REDUCED | _MASK), raw, within)


def _is_signature(read: ifd.Read, at: int, layout: Layout) -> bool:
    """Whether a directory holds nothing but a C2PA manifest, as those of many pages do."""
    try:
        return bool(ifd.read_directory(read, at, layout, (TIFF_TAG,)).entries)
    except ifd.Broken:
        return False


def _glance_within(
    read: ifd.Read, pages: list[PageDirectory], layout: Layout
) -> Iterator[PageDirectory]:
    for page in pages[:_MOST_WITHIN]:
        for at in page.within:
            try:
                yield _glance(read, at, layout)
            except ifd.Broken:
                continue
