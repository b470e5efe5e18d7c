"""TIFF files, read page by page.

Pillow reads pages of 1 to 8 bits, and tifffile all others and those that Pillow cannot read. Either
is shown one page at a time as if the file had no other, so that a list of pages that is broken
further on costs nothing, and no more than a page is in memory.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, cast

from PIL import Image, TiffImagePlugin

from photochrom import exif, ifd
from photochrom.ifd import Entry, Layout

MAX_PAGES = 10_000
"""Beyond this a file is more likely an attack than a scan."""

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _PLANES, COLOR_MAP, _SUB_DIRECTORIES, INKS = 274, 277, 284, 320, 330, 332
EXTRA_SAMPLES, _SAMPLE_FORMAT, _PROFILE, _DNG_VERSION = 338, 339, 34675, 50706
_REDUCED, _MASK = 1, 4  # NewSubfileType: a smaller copy of a page; where it is opaque
_SENSOR = 32803, 34892  # TIFF/EP and DNG: numbers as the sensor gave them
YCBCR = 6
UNPACKED = 1  # Compression
MULTIPLIED, ALPHA = 1, 2  # ExtraSamples; 0 is for anything
_MOST_WITHIN = 64
LEFT_OUT = "its extra channel, such as a scanner's infrared, was left out"


def begins(head: bytes) -> bool:
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
        ValueError: the first directory cannot be read, or there are more than any scan has.
    """
    read = _reader(stream, 4 * size + (1 << 20))
    head = read(0, 16)
    layout = Layout.of(head)
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
            raise ValueError(f"it has more than {MAX_PAGES:,} pages")
    if not found:
        raise ValueError("its first directory is missing")
    if place < 0:
        broken = True
    inner = list(_within(read, found, layout))
    raw = head[8:10] == b"CR" or any(
        page.dng or page.photometric in _SENSOR for page in [*found, *inner]
    )
    pages = [page for page in found if not page.kind & (_REDUCED | _MASK)]
    pages = pages or [page for page in inner if not page.kind & (_REDUCED | _MASK)]
    return Tiff(stream, size, layout, pages or found[:1], raw, broken)


def _reader(stream: BinaryIO, most: int) -> ifd.Read:
    """Read from a file, but no more in all than a budget: entries may all point to one place."""
    left = most

    def read(at: int, length: int) -> bytes:
        nonlocal left
        left -= max(length, 0)
        if left < 0 or at < 0 or at >= 1 << 62:
            return b""
        stream.seek(at)
        return stream.read(length)

    return read


def _glance(read: ifd.Read, at: int, layout: Layout) -> Place:
    """Look at a directory. Raises ValueError: there is none."""
    counter, entry, word = (8, 20, 8) if layout.big else (2, 12, 4)
    count = layout.number(read(at, counter))
    if not 0 < count < 65536:
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
    kind, photometric = number(_SUBFILE_TYPE), number(PHOTOMETRIC)
    return Place(at, link, after, kind, photometric, _DNG_VERSION in rows, within)


def _within(read: ifd.Read, pages: list[Place], layout: Layout) -> Iterator[Place]:
    for page in pages[:_MOST_WITHIN]:
        for at in page.within:
            try:
                yield _glance(read, at, layout)
            except ValueError:
                continue


class _Alone(io.RawIOBase):
    """A file in which one page is the first and the last."""

    def __init__(self, tiff: Tiff, page: Place) -> None:
        word = tiff.layout.word
        first = 8 if tiff.layout.big else 4
        self._patches = {first: tiff.layout.pack(page.at), page.link: bytes(word)}
        self._stream, self._at = tiff.stream, 0
        self._size = max(tiff.size, page.link + word)
        self._left = 64 * tiff.size + (1 << 26)  # entries may all point to one place

    def fileno(self) -> int:
        return self._stream.fileno()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        length = max(0, min(len(view), self._size - self._at))
        self._left -= length
        if self._left < 0:
            raise OSError("it points to the same place too often")
        self._stream.seek(min(self._at, 1 << 62))
        data = self._stream.read(length)
        view[:length] = data.ljust(length, b"\0")
        for place, patch in self._patches.items():
            for i, byte in enumerate(patch):
                if self._at <= place + i < self._at + length:
                    view[place + i - self._at] = byte
        self._at += length
        return length


class DescribedImage(Image.Image):
    """What a page tells beside its pixels, which Pillow does not read."""

    format = "TIFF"
    format_description = "TIFF read by tifffile"

    def __init__(
        self, size: tuple[int, int], orientation: int | None, info: dict[Any, Any]
    ) -> None:
        super().__init__()
        self._size, self._mode, self.info = size, "L", info
        if orientation is not None:
            self.getexif()[_ORIENTATION] = orientation


@dataclass(eq=False)
class Page:
    """A page whose directory was read."""

    tiff: Tiff
    place: Place
    entries: dict[int, Entry] = field(init=False)
    read: ifd.Read = field(init=False)
    """From the file, as far as one page may ask for."""

    def __post_init__(self) -> None:
        self.read = _reader(self.tiff.stream, 4 * self.tiff.size + (1 << 20))
        found = ifd.read_directory(self.read, self.place.at, self.tiff.layout)
        self.entries = found.entries
        self.read = _reader(self.tiff.stream, 4 * self.tiff.size + (1 << 20))

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The whole numbers of an entry."""
        entry = self.entries.get(tag)
        size = {1: 1, 3: 2, 4: 4, 16: 8}.get(entry.type) if entry else None
        if not entry or not size:
            return default
        data, number = entry.data, self.tiff.layout.number
        return tuple(number(data[i : i + size]) for i in range(0, len(data), size))

    def number(self, tag: int, default: int) -> int:
        """The first of them."""
        return (*self.numbers(tag), default)[0]

    @property
    def bilevel(self) -> bool:
        """Whether a pixel is one bit."""
        return self.numbers(_BITS, (1,)) == (1,) and self.number(_SAMPLES, 1) == 1

    def stream(self) -> BinaryIO:
        """Open the file as if the page were alone in it."""
        return cast(BinaryIO, _Alone(self.tiff, self.place))

    def image(self) -> Image.Image:
        """The page for Pillow, or, where its pixels are for tifffile, only what it tells."""
        if self._suits_pillow():
            try:
                return TiffImagePlugin.TiffImageFile(self.stream())
            except MemoryError:
                raise
            except Exception:  # tifffile will read it, or say why not
                return self.described()
        return self.described()

    def described(self) -> DescribedImage:
        """What the page tells beside its pixels."""
        size = self.number(_WIDTH, 0), self.number(_HEIGHT, 0)
        if not all(size):
            raise ValueError("it has no size")
        info: dict[Any, Any] = {}
        if _PROFILE in self.entries:
            info["icc_profile"] = self.entries[_PROFILE].data
        dpi = exif.resolution_of({**self.entries}, self.tiff.layout)
        if dpi:
            info["dpi"] = dpi
        turned = self.numbers(_ORIENTATION)
        return DescribedImage(size, turned[0] if turned else None, info)

    def _suits_pillow(self) -> bool:
        bits, formats = self.numbers(_BITS, (1,)), self.numbers(_SAMPLE_FORMAT, (1,))
        photometric = self.number(PHOTOMETRIC, 0)
        return (
            not (self.tiff.layout.big and self.tiff.layout.order == "big")
            and max(bits) <= 8
            and set(formats) == {1}
            and (self.number(_PLANES, 1) == 1 or self.number(_SAMPLES, 1) == 1)
            and not (photometric == YCBCR and self.number(_COMPRESSION, 1) == UNPACKED)
            and not (photometric == 3 and max(self.numbers(COLOR_MAP, (0,))) < 256)
            and self.number(INKS, 1) == 1
        )

    def note(self) -> str | None:
        """What of the pixels that Pillow reads is left behind."""
        extra = self.numbers(EXTRA_SAMPLES)
        lost = len(extra) - any(kind in (MULTIPLIED, ALPHA) for kind in extra)
        return LEFT_OUT if lost > 0 else None
