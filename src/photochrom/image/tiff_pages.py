"""The pages of a TIFF, found by what their directories hold at a glance.

Nothing else of them is read, so that a list of pages that is broken further on costs nothing, and
neither does a page that is not turned to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from photochrom.image import ifd
from photochrom.image.ifd import Layout
from photochrom.image.limits import Excess

MAX_PAGES = 2_000
"""Beyond this a file is more likely an attack than a scan."""

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _PHOTOMETRIC = 254, 256, 257, 262
_SUB_DIRECTORIES, _DNG_VERSION = 330, 50706
_REDUCED, _MASK = 1, 4  # NewSubfileType: a smaller copy of a page; where it is opaque
_SENSOR = 32803, 34892  # TIFF/EP and DNG: numbers as the sensor gave them
_MOST_WITHIN = 64
_MOST = 1 << 24
"""Bytes of all directories: those of ten thousand pages have a tenth of it."""


def is_tiff(head: bytes) -> bool:
    """Whether a file with these first bytes is a TIFF."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Place(NamedTuple):
    """Where a page's directory lies, and what it holds at a glance."""

    at: int
    link: int
    """Where the place of the next directory is told."""
    next: int
    kind: int
    """``NewSubfileType``."""
    photometric: int
    dng: bool
    within: tuple[int, ...]
    """Places of the directories that it points to."""


@dataclass(frozen=True)
class Tiff:
    """A TIFF whose pages were found, but not read."""

    stream: BinaryIO
    size: int
    layout: Layout
    pages: list[Place]
    """What the file is for: no smaller copies and masks, unless there is nothing else."""
    raw: bool
    """Whether it is a camera's raw file."""
    broken: bool
    """Whether the list of pages leads nowhere after the last one."""


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
    found: list[Place] = []
    seen, broken = set(), False
    while place and place not in seen:
        seen.add(place)
        try:
            found.append(_glance(read, place, layout))
        except ValueError:
            broken = True
            break
        place = found[-1].next
        if len(found) > MAX_PAGES:
            raise Excess(f"it has more than {MAX_PAGES:,} pages")
    if not found:
        raise ValueError("its first directory is missing, or has too many entries")
    if place < 0:
        broken = True
    inner = list(_within(read, found, layout))
    raw = head[8:10] == b"CR" or any(
        page.dng or page.photometric in _SENSOR for page in [*found, *inner]
    )
    pages = [page for page in found if not page.kind & (_REDUCED | _MASK)]
    pages = pages or [page for page in inner if not page.kind & (_REDUCED | _MASK)]
    return Tiff(stream, size, layout, pages or found[:1], raw, broken)


def _glance(read: ifd.Read, at: int, layout: Layout) -> Place:
    """Look at a directory. Raises ValueError: there is none."""
    counter, entry, word = (8, 20, 8) if layout.big else (2, 12, 4)
    count = layout.number(read(at, counter))
    if not 0 < count <= ifd.MAX_ENTRIES:
        raise ValueError("there is no directory")
    table = read(at + counter, count * entry)
    if len(table) < count * entry:
        raise ValueError("a directory is cut short")
    starts = range(0, len(table), entry)
    rows = {layout.number(table[i : i + 2]): table[i : i + entry] for i in starts}
    if _WIDTH not in rows or _HEIGHT not in rows:
        raise ValueError("there is no directory")

    def number(tag: int) -> int:
        row = rows.get(tag, bytes(entry))
        size = {3: 2, 4: 4}.get(layout.number(row[2:4]), word)
        return layout.number(row[entry - word :][:size])

    within: tuple[int, ...] = ()
    if _SUB_DIRECTORIES in rows:
        row = rows[_SUB_DIRECTORIES]
        places = min(layout.number(row[4 : 4 + word]), _MOST_WITHIN)
        size = 8 if layout.number(row[2:4]) in (16, 18) else 4
        value = row[entry - word :]
        data = value if places * size <= word else read(layout.number(value), places * size)
        within = tuple(layout.number(data[i : i + size]) for i in range(0, places * size, size))
    link = at + counter + count * entry
    following = read(link, word)
    after = layout.number(following) if len(following) == word else -1
    kind, photometric = number(_SUBFILE_TYPE), number(_PHOTOMETRIC)
    return Place(at, link, after, kind, photometric, _DNG_VERSION in rows, within)


def _within(read: ifd.Read, pages: list[Place], layout: Layout) -> Iterator[Place]:
    for page in pages[:_MOST_WITHIN]:
        for at in page.within:
            try:
                yield _glance(read, at, layout)
            except ValueError:
                continue
