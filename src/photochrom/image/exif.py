"""EXIF blocks, edited where they lie.

A block is a small TIFF (EXIF 3.0, 4.5; TIFF 6.0, section 2): a head, a first directory of entries
about the picture, and the directories it points to. Maker notes count places from the head, so
bytes stay where they are: values are patched in place, and a first directory that gains or loses
entries is written anew at the end. Types, counts and unknown tags survive as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from PIL.ExifTags import Base as Tag

from photochrom.image import ifd
from photochrom.image.ifd import (
    EXIF,
    Broken,
    IfdEntry,
    Layout,
    Order,
    Parsed,
    Read,
    Tree,
    read_number,
)
from photochrom.image.manifests import TIFF_TAG

_PIXELS = {254, 255, *range(258, 267), 273, *range(277, 282), 284, *range(288, 293), 301}
_PIXELS |= {*range(317, 343), 347, *range(512, 529)}
"""TIFF 6.0's tags for how old pixels were stored."""
_CARRIED_APART: set[int] = {
    *(Tag.XMLPacket, Tag.IPTCNAA, Tag.ImageResources, Tag.InterColorProfile),
    TIFF_TAG,  # which is not carried on at all
}
_TIFF_ONLY = {256, 257, *range(529, 533)}  # size and YCbCr, which a JPEG's EXIF may tell
_WIDTHS, _HEIGHTS = (256, Tag.ExifImageWidth), (257, Tag.ExifImageHeight)
_PINNED = 60_000  # bytes before a maker note that may be filled up so that it stays where it was


def parse(block: bytes) -> Parsed:
    """Read a block. Raises Broken."""
    layout = Layout.parse(block)
    if layout.big:
        raise Broken("it is a BigTIFF")
    read = ifd.bytes_reader(block)
    return ifd.read_tree(read, layout.number(ifd.read_exactly(read, 4, 4)), layout)


def build_block(tree: Tree, order: Order = "little") -> bytes:
    """A new block; a maker note stays where it was, if that is not far in."""
    layout = Layout(order)
    details = tree.get(EXIF)
    note = details.get(Tag.MakerNote) if isinstance(details, dict) else None
    tree = ifd.reorder(tree, order, order)
    if not (isinstance(note, IfdEntry) and note.at and 8 <= note.at <= _PINNED and note.count > 4):
        data, at = ifd.serialize(tree, 8, layout)
        return layout.head + layout.pack(at) + data
    tree[EXIF][Tag.MakerNote] = note  # type: ignore[index]  # it is where the note was found
    data, at = ifd.serialize(tree, 8, layout)
    if 8 + len(data) <= note.at:
        return layout.head + layout.pack(at) + data.ljust(note.at - 8, b"\0") + note.data
    before = bytes(note.at - 8) + note.data
    data, at = ifd.serialize(tree, 8 + len(before) + len(before) % 2, layout)
    return layout.head + layout.pack(at) + before + bytes(len(before) % 2) + data


# --- editing ----------------------------------------------------------------------------------


def edit(block: bytes, changes: Mapping[int, IfdEntry | None]) -> bytes:
    """Change entries of the first directory; None takes one out.

    A block that cannot be read gives way to a new one.
    """
    try:
        parsed = parse(block)
    except Broken:
        fresh = {tag: entry for tag, entry in changes.items() if entry}
        return build_block({**fresh}) if fresh else b""
    _, tree, first, _ = parsed
    data, entries = bytearray(block), dict(first.entries)
    for tag, entry in changes.items():
        old, at = entries.pop(tag, None), None
        if entry and old and (old.type, old.count) == (entry.type, entry.count):
            at = old.at
        if entry and at is not None:
            data[at : at + len(entry.data)] = entry.data
        if entry:
            entries[tag] = replace(entry, at=at)
    entries = {tag: entry for tag, entry in entries.items() if tag in tree or tag in changes}
    if entries.keys() == first.entries.keys() and all(e.at is not None for e in entries.values()):
        return bytes(data)
    return _rewrite_first(data, parsed, {**entries})


def has_entry(block: bytes, tag: int) -> bool:
    """Whether the first directory has an entry."""
    try:
        return tag in parse(block).tree
    except Broken:
        return False


def _rewrite_first(data: bytearray, parsed: Parsed, entries: Tree) -> bytes:
    """The block with its first directory anew, at the end."""
    if not entries:
        return b""
    layout, _, first, (_, *others) = parsed
    last = all(other.at < first.at for other in others)
    if last and first.end + layout.word >= len(data) and first.at >= 8:  # it was at the end already
        del data[first.at :]
    data += bytes(len(data) % 2)
    added, at = ifd.serialize(entries, len(data), layout)
    data[4:8] = layout.pack(at)
    return bytes(data + added)


class Tidied(NamedTuple):
    """A block that fits upright sRGB pixels."""

    block: bytes
    orientation: int  # 1..8, as it was told
    whole: bool  # whether all of it could be read


def tidy(block: bytes, size: tuple[int, int], *, turned: bool = False) -> Tidied:
    """Make a block fit pixels that are turned upright and brought to sRGB.

    Orientation, size and colour space are patched where they lie; thumbnails, which would go on
    showing the photo in grey, and what tells how old pixels were stored are taken out.

    Args:
        block: as it came.
        size: width and height of the pixels.
        turned: whether they are upright already, whatever the block says.
    """
    block = block.removeprefix(b"Exif\0\0")
    if not block:
        return Tidied(b"", 1, True)
    try:
        parsed = parse(block)
    except Broken:
        return Tidied(b"", 1, False)
    layout, tree, first, _ = parsed
    orientation = read_number(tree.get(Tag.Orientation), layout) or 1
    orientation = orientation if orientation in range(1, 9) and not turned else 1
    data = bytearray(block)
    _patch_in_place(data, tree, size if orientation < 5 else size[::-1], layout)
    gone = (_PIXELS | _CARRIED_APART) & first.entries.keys()
    gone |= {tag for tag in first.entries if tag not in tree}  # leading nowhere
    if read_number(tree.get(Tag.Orientation), layout) is None:
        gone |= {Tag.Orientation} & first.entries.keys()  # which could not be patched
    if first.next > 0:
        _drop_thumbnail(data, parsed)
    if gone or not first.whole:
        entries: Tree = {tag: e for tag, e in first.entries.items() if tag not in gone}
        for tag, entry in entries.items():  # short values were patched in the old directory
            if isinstance(entry, IfdEntry) and entry.at is not None:
                now = bytes(data[entry.at : entry.at + len(entry.data)])
                entries[tag] = replace(entry, data=now)
        return Tidied(_rewrite_first(data, parsed, entries), orientation, parsed.whole)
    return Tidied(bytes(data), orientation, parsed.whole)


def _patch_in_place(data: bytearray, tree: Tree, size: tuple[int, int], layout: Layout) -> None:
    values: dict[int, int] = {**dict.fromkeys(_WIDTHS, size[0]), **dict.fromkeys(_HEIGHTS, size[1])}
    values |= {Tag.Orientation: 1, Tag.ColorSpace: 1}
    details = tree.get(EXIF)
    for directory in (tree, details if isinstance(details, dict) else {}):
        for tag, value in values.items():
            entry = directory.get(tag)
            if not isinstance(entry, IfdEntry) or read_number(entry, layout) is None:
                continue
            length = len(entry.data)
            if entry.at is not None and value < 1 << 8 * length:
                data[entry.at : entry.at + length] = layout.pack(value, length)


def _drop_thumbnail(data: bytearray, parsed: Parsed) -> None:
    """Cut the link to what follows the first directory, and blank the picture there."""
    layout, tree, first, directories = parsed
    try:
        second = ifd.read_directory(ifd.bytes_reader(data), first.next, layout).entries
    except Broken:
        second = {}
    data[first.end : first.end + 4] = bytes(4)
    start, length = (
        read_number(second.get(tag), layout) or 0 for tag in (Tag.JpegIFOffset, Tag.JpegIFByteCount)
    )
    alive = [(0, 8), *_spans(tree), *((found.at, found.end + 4) for found in directories)]
    if start and length and not any(a < start + length and start < b for a, b in alive):
        more = data[start + length :]
        data[start:] = bytes(length) + more if more else b""


def _spans(tree: Tree) -> list[tuple[int, int]]:
    """Where the values of a tree lie."""
    spans = []
    for value in tree.values():
        if isinstance(value, dict):
            spans += _spans(value)
        elif value.at is not None:
            spans.append((value.at, value.at + len(value.data)))
    return spans


def read_from_tiff(read: Read, at: int, layout: Layout) -> tuple[bytes, bool]:
    """The EXIF block of a page of a TIFF, and whether all of it could be read.

    Args:
        read: from the file.
        at: where the page's directory lies.
        layout: of the file.
    """
    try:
        parsed = ifd.read_tree(read, at, layout)
    except Broken:
        return b"", False
    kept = _drop_big_types(without_tiff_tags(parsed.tree))
    return (build_block(kept, layout.order) if kept else b""), parsed.whole


def _drop_big_types(tree: Tree) -> Tree:
    """Without the types that only a BigTIFF has."""
    return {
        tag: _drop_big_types(value) if isinstance(value, dict) else value
        for tag, value in tree.items()
        if isinstance(value, dict) or value.type not in (16, 17, 18)
    }


def without_tiff_tags(tree: Tree) -> Tree:
    """A block's entries without those that a TIFF tells by its own."""
    gone = _PIXELS | _CARRIED_APART | _TIFF_ONLY
    return {tag: value for tag, value in tree.items() if tag not in gone}


def read_resolution(block: bytes) -> tuple[float, float] | None:
    """Pixels per inch that a block tells, across and down."""
    try:
        parsed = parse(block)
    except Broken:
        return None
    return find_resolution(parsed.tree, parsed.layout)


def find_resolution(tree: Tree, layout: Layout) -> tuple[float, float] | None:
    """Pixels per inch that entries tell, across and down."""
    values = []
    for tag in (Tag.XResolution, Tag.YResolution):
        entry = tree.get(tag)
        if not isinstance(entry, IfdEntry) or entry.type != ifd.RATIONAL or entry.count != 1:
            return None
        below = layout.number(entry.data[4:])
        values.append(layout.number(entry.data[:4]) / below if below else 0.0)
    unit = read_number(tree.get(Tag.ResolutionUnit), layout) or 2
    scale = {2: 1.0, 3: 2.54}.get(unit)
    return (values[0] * scale, values[1] * scale) if scale else None


def with_resolution(block: bytes, dpi: tuple[float, float]) -> bytes:
    """The block with a resolution in pixels per inch, unless it tells that one already."""
    try:
        parsed = parse(block)
    except Broken:
        return edit(b"", resolution_entries(dpi, Layout()))
    if has_resolution(parsed.tree, parsed.layout, dpi):
        return block
    return edit(block, resolution_entries(dpi, parsed.layout))


def has_resolution(tree: Tree, layout: Layout, dpi: tuple[float, float]) -> bool:
    """Whether entries tell this resolution, to a hundredth."""
    told = find_resolution(tree, layout)
    return bool(told) and all(abs(a - b) < 0.01 * b for a, b in zip(told or (), dpi, strict=True))


def resolution_entries(dpi: tuple[float, float], layout: Layout) -> dict[int, IfdEntry]:
    """Entries that tell a resolution in pixels per inch."""
    across, down = (ifd.rational_entry(value, layout) for value in dpi)
    unit = IfdEntry(ifd.SHORT, 1, layout.pack(2, 2))
    return {Tag.XResolution: across, Tag.YResolution: down, Tag.ResolutionUnit: unit}
