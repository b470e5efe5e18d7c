"""Directories of TIFF and EXIF: entries with a tag, a type, a count and their bytes.

Read as they are stored, and laid out so that what lies somewhere already stays there (TIFF 6.0,
section 2; BigTIFF). Bytes keep their file's order; only :func:`reorder` turns them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import BinaryIO, Literal, NamedTuple

Order = Literal["little", "big"]
Read = Callable[[int, int], bytes]
"""From a place and a length to the bytes there, fewer at the end."""

EXIF, GPS, INTEROP = 0x8769, 0x8825, 0xA005
"""Tags whose value is the place of another directory."""
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8 = 1, 2, 3, 4, 5, 7, 16
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
SIZES |= {16: 8, 17: 8, 18: 8, 129: 1}  # BigTIFF's, and EXIF 3.0's UTF-8
_SWAPPED = {5: 4, 10: 4}  # fractions are two numbers
_HEADS: dict[bytes, tuple[Order, bool]] = {
    **{b"II*\0": ("little", False), b"MM\0*": ("big", False)},
    **{b"II+\0": ("little", True), b"MM\0+": ("big", True)},
}
"""Byte order, and whether it is a BigTIFF."""
_MOST = 1 << 26  # bytes of one value, beyond which it is no metadata
MAX_ENTRIES = 2_000
"""Of a directory, beyond which it is none; the largest that are known have some hundred."""


class Broken(Exception):
    """A block, or a directory, that cannot be read."""


@dataclass(frozen=True)
class Layout:
    """How numbers and entries are stored."""

    order: Order = "little"
    big: bool = False  # whether it is a BigTIFF

    @property
    def word(self) -> int:
        """Bytes of a place, and of what an entry holds itself."""
        return 8 if self.big else 4

    @property
    def head(self) -> bytes:
        """Of a file; the place of the first directory is to follow."""
        mark = b"II" if self.order == "little" else b"MM"
        return mark + (
            self.pack(43, 2) + self.pack(8, 2) + bytes(2) if self.big else self.pack(42, 2)
        )

    def pack(self, number: int, size: int | None = None) -> bytes:
        """A number of ``size`` bytes, by default those of a place."""
        return number.to_bytes(self.word if size is None else size, self.order)

    def number(self, data: bytes) -> int:
        """The number that bytes stand for."""
        return int.from_bytes(data, self.order)

    @classmethod
    def parse(cls, head: bytes) -> Layout:
        """Read the first 4 bytes of a file. Raises Broken."""
        if head[:4] not in _HEADS:
            raise Broken("it has no head")
        return cls(*_HEADS[head[:4]])


@dataclass(frozen=True, slots=True)
class IfdEntry:
    """One entry of a directory."""

    type: int
    count: int
    data: bytes  # as stored, in its file's byte order
    at: int | None = None  # where the data lies already; None where it has still to be written


Tree = dict[int, "IfdEntry | Tree"]
"""Entries by tag, and directories by the tags that point to them."""


class Directory(NamedTuple):
    """A directory as it was found."""

    entries: dict[int, IfdEntry]
    at: int
    end: int  # where the place of the next directory is told
    next: int  # its place; 0 where there is none, -1 where it is not told
    whole: bool  # whether every entry could be read


# --- reading ----------------------------------------------------------------------------------


def read_directory(
    read: Read, at: int, layout: Layout, tags: Collection[int] | None = None
) -> Directory:
    """Read the directory at a place; entries that cannot be read are left out.

    Args:
        read: from the file.
        at: the place.
        layout: of the file.
        tags: those that matter, where not all do.

    Raises:
        Broken: the directory itself is not there.
    """
    counter, size = (8, 20) if layout.big else (2, 12)
    count = layout.number(read_exactly(read, at, counter))
    if not 0 < count <= MAX_ENTRIES:
        raise Broken("a directory has no entries, or too many")
    start = at + counter
    table = read(start, count * size)
    entries: dict[int, IfdEntry] = {}
    for i in range(0, len(table) - size + 1, size):
        tag, kind = (layout.number(table[i + k : i + k + 2]) for k in (0, 2))
        if tags is not None and tag not in tags:
            continue
        entry = _read_entry(read, start + i, table[i : i + size], kind, layout)
        if entry and tag not in entries:
            entries[tag] = entry
    end = start + count * size
    after = read(end, layout.word)
    following = layout.number(after) if len(after) == layout.word else -1
    return Directory(entries, at, end, following, len(entries) == count)


def _read_entry(read: Read, at: int, raw: bytes, kind: int, layout: Layout) -> IfdEntry | None:
    count = layout.number(raw[4 : 4 + layout.word])
    length = count * SIZES.get(kind, 0)
    if not length or length > _MOST:
        return None
    if length <= layout.word:
        place = at + 4 + layout.word
        return IfdEntry(kind, count, raw[4 + layout.word :][:length], place)
    place = layout.number(raw[4 + layout.word :])
    data = read(place, length)
    return IfdEntry(kind, count, data, place) if len(data) == length else None


def is_tiff(head: bytes) -> bool:
    """Whether a file with these first bytes is a TIFF."""
    return head[:4] in _HEADS


def read_exactly(read: Read, at: int, length: int) -> bytes:
    """Read so many bytes. Raises Broken: there are fewer."""
    data = read(at, length)
    if len(data) < length:
        raise Broken("it ends too early")
    return data


def read_number(entry: IfdEntry | Tree | None, layout: Layout) -> int | None:
    """The whole number that an entry holds, or None."""
    if (
        not isinstance(entry, IfdEntry)
        or entry.type not in (1, 3, 4, 13, 16, 18)
        or entry.count != 1
    ):
        return None
    return layout.number(entry.data)


class Parsed(NamedTuple):
    """A first directory and those within it."""

    layout: Layout
    tree: Tree  # its entries, with Exif, GPS and Interop as trees
    first: Directory
    directories: list[Directory]  # all of them

    @property
    def whole(self) -> bool:
        """Whether all of it could be read."""
        return all(directory.whole for directory in self.directories)


def read_tree(read: Read, at: int, layout: Layout) -> Parsed:
    """Read a first directory and those within it. Raises Broken: there is no directory."""
    first = read_directory(read, at, layout)
    found = [first]
    tree: Tree = {**first.entries}
    pending = [(tree, first, EXIF), (tree, first, GPS)]
    for entries, directory, pointer in pending:
        if pointer not in entries:
            continue
        try:
            within = read_directory(read, read_number(entries[pointer], layout) or 0, layout)
        except Broken:
            del entries[pointer]
            found.append(directory._replace(whole=False))
            continue
        found.append(within)
        inner: Tree = {**within.entries}
        entries[pointer] = inner
        if pointer == EXIF:
            pending.append((inner, within, INTEROP))
    return Parsed(layout, tree, first, found)


def bytes_reader(block: bytes | bytearray) -> Read:
    """Read from bytes, though no more than a few times all of them."""
    return file_reader(io.BytesIO(block), 4 * len(block) + (1 << 16))


def file_reader(stream: BinaryIO, most: int) -> Read:
    """Read from a file, so many bytes in all at most: entries may all point to one place."""
    left = most

    def read(at: int, length: int) -> bytes:
        nonlocal left
        if not 0 < length <= left or not 0 <= at < 1 << 62:
            return b""
        stream.seek(at)
        data = stream.read(length)
        left -= len(data)  # what was not there has cost nothing
        return data

    return read


# --- writing ----------------------------------------------------------------------------------


def serialize(tree: Tree, start: int, layout: Layout, following: int = 0) -> tuple[bytes, int]:
    """Lay out a directory and those within it.

    Args:
        tree: entries that lie somewhere already stay there.
        start: where the bytes will lie; even.
        layout: of the file.
        following: the place of the next directory.

    Returns:
        The bytes, of an even length, and where in the file the directory begins.
    """
    data, rows = bytearray(), []
    for tag, value in sorted(tree.items()):
        if isinstance(value, dict):
            inner, at = serialize(value, start + len(data), layout)
            data += inner
            value = places_entry([at], layout)
        if len(value.data) <= layout.word:
            field = value.data.ljust(layout.word, b"\0")
        elif value.at is not None:
            field = layout.pack(value.at)
        else:
            field = layout.pack(start + len(data))
            data += value.data + bytes(len(value.data) % 2)
        kind, count = layout.pack(value.type, 2), layout.pack(value.count)
        rows.append(layout.pack(tag, 2) + kind + count + field)
    begins = start + len(data)
    data += layout.pack(len(rows), 8 if layout.big else 2) + b"".join(rows)
    data += layout.pack(following)
    return bytes(data + bytes(len(data) % 2)), begins


def places_entry(places: Sequence[int], layout: Layout) -> IfdEntry:
    """An entry that tells places in the file, or lengths."""
    kind = LONG8 if layout.big else LONG
    return IfdEntry(kind, len(places), b"".join(map(layout.pack, places)))


def text_entry(text: str) -> IfdEntry:
    """An entry of text; what is not ASCII goes as UTF-8."""
    data = text.encode() + b"\0"
    return IfdEntry(ASCII, len(data), data)


def rational_entry(value: float, layout: Layout) -> IfdEntry:
    """An entry of one fraction, 0 or more."""
    fraction = Fraction(value).limit_denominator(10_000)
    parts = layout.pack(fraction.numerator, 4) + layout.pack(fraction.denominator, 4)
    return IfdEntry(RATIONAL, 1, parts)


def reorder(tree: Tree, old: Order, new: Order) -> Tree:
    """The tree with its numbers in another byte order, to be written anew."""
    turned: Tree = {}
    for tag, value in tree.items():
        if isinstance(value, dict):
            turned[tag] = reorder(value, old, new)
            continue
        data, size = value.data, _SWAPPED.get(value.type) or SIZES[value.type]
        if old != new and size > 1:
            data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
        turned[tag] = replace(value, data=data, at=None)
    return turned
