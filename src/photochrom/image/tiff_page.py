"""A page of a TIFF, shown to decoders as if the file had no other, nor anything beside its pixels.

Pillow reads pages of 1 to 8 bits, and tifffile all others and those that Pillow cannot read. Either
gets a file that is made up of the page's strips or tiles and of those entries of its directory that
pixels are read by: what the page says beside, however much, is not for decoders, and neither are
the other pages.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from itertools import accumulate
from typing import Any, BinaryIO, cast

from PIL import Image, TiffImagePlugin
from PIL.ExifTags import Base as Tag

from photochrom.image import exif, ifd
from photochrom.image.ifd import IfdEntry
from photochrom.image.limits import Excess, Memory
from photochrom.image.tiff_directories import PageDirectory, Tiff

_PIXELS = frozenset(
    (
        *(256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 292, 293, 296, 317),
        *(320, 322, 323, 324, 325, 332, 338, 339, 347, *range(512, 522), *range(529, 533), 32997),
        Tag.InterColorProfile,
    )
)
"""Tags by which pixels are read, shown upright and measured."""
_COUNTS = frozenset((256, 257, 258, 259, 262, 277, 278, 284, 322, 323, 332, 338, 339, 32997))
"""Those that sizes are told by, and which have to be whole numbers for every reader alike."""
_WHOLE = {1: 1, 3: 2, 4: 4, 16: 8}  # bytes of a number by type
YCBCR, MULTIPLIED, ALPHA = 6, 1, 2  # PhotometricInterpretation; ExtraSamples, where 0 is anything
UNPACKED, _OLD_JPEG = 1, 6  # Compression
MAX_SAMPLES = 64
MAX_SEGMENTS = 300_000
"""Strips or tiles: as many as there can be rows, or tiles of 64 by 64 in a gigapixel."""
_TILE = 1 << 24  # bytes that a tile may take though the page is smaller
_ENTRIES = 1 << 26  # bytes of the entries that pixels are read by; most of them are a profile's
_METADATA = 1 << 25  # bytes of the entries that tell of the photo
LEFT_OUT = "its extra channel, such as a scanner's infrared, was left out"


class _Pieces(io.RawIOBase):
    """A file made up of bytes and of parts of another."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._at, self.size = stream, 0, 0
        self._starts: list[int] = []
        self._pieces: list[tuple[int, int, bytes | None]] = []  # place, length, what lies there

    def add(self, length: int, place: int = 0, data: bytes | None = None) -> None:
        """Add so many bytes at the end."""
        if length:
            self._starts.append(self.size)
            self._pieces.append((place, length, data))
            self.size += length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and self._at < self.size:
            index = bisect_right(self._starts, self._at) - 1
            place, length, data = self._pieces[index]
            skipped = self._at - self._starts[index]
            length = min(length - skipped, len(view) - done)
            if data is None:
                self._stream.seek(place + skipped)
                part = self._stream.read(length)
            else:
                part = data[skipped : skipped + length]
            view[done : done + length] = part.ljust(length, b"\0")
            done += length
            self._at += length
        return done

    def read(self, size: int | None = -1) -> bytes:
        """No more than there is, so that what a directory promises takes no memory."""
        left = max(0, self.size - self._at)
        data = bytearray(left if size is None or size < 0 else min(size, left))
        self.readinto(data)
        return bytes(data)


class DescribedImage(Image.Image):
    """What a page tells beside its pixels."""

    format = "TIFF"
    format_description = "TIFF of which only the directory was read"

    def __init__(
        self, size: tuple[int, int], orientation: int | None, info: dict[Any, Any]
    ) -> None:
        super().__init__()
        self._size, self._mode, self.info = size, "L", info
        if orientation is not None:
            self.getexif()[Tag.Orientation] = orientation


class Page:
    """A page whose directory was read.

    Args:
        tiff: the file.
        place: one of its pages.

    Raises:
        ValueError: it cannot be read.
        Excess: it asks for more than any page does.
    """

    def __init__(self, tiff: Tiff, place: PageDirectory) -> None:
        self.tiff, self.place = tiff, place
        most = 4 * tiff.size + (1 << 20)
        read = ifd.file_reader(tiff.stream, min(most, _ENTRIES))
        found = ifd.read_directory(read, place.at, tiff.layout, _PIXELS)
        self.entries = {
            tag: entry
            for tag, entry in found.entries.items()
            if (entry.count <= MAX_SEGMENTS or tag in (Tag.JPEGTables, Tag.InterColorProfile))
            and (entry.type in _WHOLE or tag not in _COUNTS)
        }
        """Those that pixels are read by."""
        self.read = ifd.file_reader(tiff.stream, min(most, _METADATA))
        """From the file, as far as one page may ask for what it tells of the photo."""
        self._check()

    def numbers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """The whole numbers of an entry."""
        entry = self.entries.get(tag)
        size = _WHOLE.get(entry.type) if entry else None
        if not entry or not size:
            return default
        data, number = entry.data, self.tiff.layout.number
        return tuple(number(data[i : i + size]) for i in range(0, len(data), size))

    def number(self, tag: int, default: int) -> int:
        """The first of them."""
        return (*self.numbers(tag), default)[0]

    # --- what it asks for ---------------------------------------------------------------------

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.number(Tag.ImageWidth, 0), self.number(Tag.ImageLength, 0)

    @property
    def samples(self) -> int:
        """Of a pixel."""
        return self.number(Tag.SamplesPerPixel, 1)

    @property
    def bits(self) -> int:
        """Of a sample at most."""
        return max(self.numbers(Tag.BitsPerSample, (1,)))

    @property
    def depth(self) -> int:
        """Bytes that a sample takes where it is not packed."""
        return next((size for size in (1, 2, 4) if self.bits <= 8 * size), 8)

    @property
    def segment(self) -> tuple[int, int]:
        """Height and width of a strip or tile."""
        width, height = self.size
        if {Tag.TileOffsets, Tag.TileWidth, Tag.TileLength} & self.entries.keys():
            return self.number(Tag.TileLength, height), self.number(Tag.TileWidth, width)
        return min(self.number(Tag.RowsPerStrip, height), height), width

    @property
    def memory(self) -> Memory:
        """What decoding takes: what decoders give, of 32 bits where it is Pillow's, is beside."""
        (width, height), (tall, wide) = self.size, self.segment
        colors = 3 if self.number(Tag.PhotometricInterpretation, 1) in (3, YCBCR) else 1
        shown = max(colors, self.samples * self.depth)
        given = max(shown, 4) if self.samples > 1 else shown
        together = self.samples if self.number(Tag.PlanarConfiguration, 1) == 1 else 1
        segments = 2 * tall * wide * together * self.depth
        return Memory(width * height * shown, width * height * (shown + given) + segments)

    def _check(self) -> None:
        (width, height), (tall, wide) = self.size, self.segment
        if not (width and height and tall and wide):
            raise ValueError("it has no size")
        if self.samples > MAX_SAMPLES or self.bits > 64:
            raise Excess(f"it has {self.samples:,} channels of {self.bits} bits")
        planes = self.samples if self.number(Tag.PlanarConfiguration, 1) == 2 else 1
        many = -(-height // tall) * -(-width // wide) * planes
        if many > MAX_SEGMENTS:
            raise Excess(f"it has {many:,} strips or tiles")
        sample = self.depth * self.samples
        if tall * wide * sample > max(4 * width * height * sample, _TILE):
            raise Excess("it has tiles that are larger than the page")

    def spans(self) -> list[tuple[int, int]]:
        """PageDirectory and length of each strip or tile, as they are told."""
        tags = (
            (Tag.TileOffsets, Tag.TileByteCounts)
            if Tag.TileOffsets in self.entries
            else (Tag.StripOffsets, Tag.StripByteCounts)
        )
        places, lengths = (self.numbers(tag) for tag in tags)
        return list(zip(places, lengths, strict=True)) if len(places) == len(lengths) else []

    # --- for decoders -------------------------------------------------------------------------

    def stream(self) -> BinaryIO:
        """Open a file that holds the page alone."""
        tiff, layout = self.tiff, self.tiff.layout
        file = _Pieces(tiff.stream)
        entries: ifd.Tree = {
            tag: IfdEntry(entry.type, entry.count, entry.data)
            for tag, entry in self.entries.items()
        }
        head, spans = len(layout.head) + layout.word, self.spans()
        inside = all(0 < at <= tiff.size and 0 < n <= tiff.size - at for at, n in spans)
        total = sum(length for _, length in spans)
        moved = (
            spans
            and inside
            and total <= tiff.size
            and self.number(Tag.Compression, UNPACKED) != _OLD_JPEG  # which points to more
        )
        start = head + total if moved else tiff.size
        start += start % 2
        if moved:
            tag = Tag.TileOffsets if Tag.TileOffsets in entries else Tag.StripOffsets
            lengths = [length for _, length in spans]
            entries[tag] = ifd.places_entry(list(accumulate([head, *lengths[:-1]])), layout)
        data, at = ifd.serialize(entries, start, layout)
        file.add(head, data=layout.head + layout.pack(at))
        if moved:
            for place, length in spans:
                file.add(length, place)
        else:
            file.add(tiff.size - head, head)
        file.add(start - file.size, data=b"\0")
        file.add(len(data), data=data)
        return cast(BinaryIO, file)

    def open_image(self) -> Image.Image:
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
        info: dict[Any, Any] = {}
        if Tag.InterColorProfile in self.entries:
            info["icc_profile"] = self.entries[Tag.InterColorProfile].data
        dpi = exif.find_resolution({**self.entries}, self.tiff.layout)
        if dpi:
            info["dpi"] = dpi
        turned = self.numbers(Tag.Orientation)
        return DescribedImage(self.size, turned[0] if turned else None, info)

    def _suits_pillow(self) -> bool:
        formats = self.numbers(Tag.SampleFormat, (1,))
        photometric = self.number(Tag.PhotometricInterpretation, 0)
        return (
            not (self.tiff.layout.big and self.tiff.layout.order == "big")
            and self.bits <= 8
            and set(formats) == {1}
            and (self.number(Tag.PlanarConfiguration, 1) == 1 or self.samples == 1)
            and not (photometric == YCBCR and self.number(Tag.Compression, 1) == UNPACKED)
            and not (photometric == 3 and max(self.numbers(Tag.ColorMap, (0,))) < 256)
            and self.number(Tag.InkSet, 1) == 1
        )

    def extra_channel_notes(self) -> list[str]:
        """What of the pixels that Pillow reads is left behind."""
        extra = self.numbers(Tag.ExtraSamples)
        lost = len(extra) - any(kind in (MULTIPLIED, ALPHA) for kind in extra)
        return [LEFT_OUT] if lost > 0 else []
