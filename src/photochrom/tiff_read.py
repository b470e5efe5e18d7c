"""TIFF files, read page by page.

Pillow reads pages of 1 to 8 bits, and tifffile all others and those that Pillow cannot read. Either
is shown one page at a time as if the file had no other, so that a list of pages that is broken
further on costs nothing, and no more than a page is in memory.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, TiffImagePlugin

from photochrom import exif, levels
from photochrom.errors import BadPhoto
from photochrom.exif import Entry, Layout
from photochrom.icc import Space
from photochrom.levels import Pixels
from photochrom.rescue import inflate

MAX_PAGES = 10_000
"""Beyond this a file is more likely an attack than a scan."""

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _PLANES, _COLOR_MAP, _SUB_DIRECTORIES, _INKS = 274, 277, 284, 320, 330, 332
_EXTRA_SAMPLES, _SAMPLE_FORMAT, _PROFILE, _DNG_VERSION = 338, 339, 34675, 50706
_REDUCED, _MASK = 1, 4  # NewSubfileType: a smaller copy of a page; where it is opaque
_SENSOR = 32803, 34892  # TIFF/EP and DNG: numbers as the sensor gave them
_YCBCR = 6
_UNPACKED, _DEFLATE = 1, (8, 32946)
_MULTIPLIED, _ALPHA = 1, 2  # ExtraSamples; 0 is for anything
_FLOATS, _SIGNED = 3, 2  # SampleFormat
_MOST_SAMPLES, _MOST_WITHIN = 64, 64
_LEFT_OUT = "its extra channel, such as a scanner's infrared, was left out"


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


def _reader(stream: BinaryIO, most: int) -> exif.Read:
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


def _glance(read: exif.Read, at: int, layout: Layout) -> Place:
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
    kind, photometric = number(_SUBFILE_TYPE), number(_PHOTOMETRIC)
    return Place(at, link, after, kind, photometric, _DNG_VERSION in rows, within)


def _within(read: exif.Read, pages: list[Place], layout: Layout) -> Iterator[Place]:
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
    read: exif.Read = field(init=False)
    """From the file, as far as one page may ask for."""

    def __post_init__(self) -> None:
        self.read = _reader(self.tiff.stream, 4 * self.tiff.size + (1 << 20))
        found = exif.read_directory(self.read, self.place.at, self.tiff.layout)
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

    def image(self) -> Image.Image:
        """The page for Pillow, or, where its pixels are for tifffile, only what it tells."""
        if self._suits_pillow():
            try:
                return TiffImagePlugin.TiffImageFile(_Alone(self.tiff, self.place))  # type: ignore[arg-type]
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
        photometric = self.number(_PHOTOMETRIC, 0)
        return (
            not (self.tiff.layout.big and self.tiff.layout.order == "big")
            and max(bits) <= 8
            and set(formats) == {1}
            and (self.number(_PLANES, 1) == 1 or self.number(_SAMPLES, 1) == 1)
            and not (photometric == _YCBCR and self.number(_COMPRESSION, 1) == _UNPACKED)
            and not (photometric == 3 and max(self.numbers(_COLOR_MAP, (0,))) < 256)
            and self.number(_INKS, 1) == 1
        )

    def note(self) -> str | None:
        """What of the pixels that Pillow reads is left behind."""
        extra = self.numbers(_EXTRA_SAMPLES)
        lost = len(extra) - any(kind in (_MULTIPLIED, _ALPHA) for kind in extra)
        return _LEFT_OUT if lost > 0 else None


# --- pixels by tifffile -----------------------------------------------------------------------


class Decoded(NamedTuple):
    """Pixels in a page's own colour space."""

    pixels: Pixels
    """(H, W) grey, (H, W, 3) RGB or Lab, (H, W, 4) CMYK; uint8 or uint16, as profiles want them."""
    alpha: Pixels | None
    space: Space
    notes: tuple[str, ...]
    missing: float
    """Share of the pixels that could not be read, 0..1; they are black."""


_KINDS: dict[int, tuple[Space, int]] = {
    **{0: ("grey", 1), 1: ("grey", 1), 2: ("RGB", 3), 3: ("grey", 1)},
    **{5: ("CMYK", 4), 6: ("RGB", 3), 8: ("Lab", 3), 9: ("Lab", 3)},
}
"""By PhotometricInterpretation: what the colours are, and how many samples they have."""
_WHITE_IS_ZERO, _PALETTE, _CIE_LAB, _ICC_LAB = 0, 3, 8, 9


def decode(page: Page, name: str, *, damaged: bool = False) -> Decoded:
    """Read a page's pixels.

    Args:
        page: whose size was found believable.
        name: for the errors.
        damaged: whether what is missing may be left out.

    Raises:
        BadPhoto: its pixels are of a kind that is not read.
        Exception: of any type, where the file is damaged.
    """
    import tifffile

    with tifffile.TiffFile(_Alone(page.tiff, page.place)) as file:  # type: ignore[arg-type]
        found = file.pages[0]
        assert isinstance(found, tifffile.TiffPage)
        kind = int(found.photometric if found.photometric is not None else 1)
        photometric = page.number(_PHOTOMETRIC, kind)
        if photometric not in _KINDS or page.number(_INKS, 1) != 1:
            raise BadPhoto(f"{name} has colours of an unusual kind: export it as RGB first.")
        space, colors = _KINDS[photometric]
        samples = found.samplesperpixel
        if not colors <= samples <= _MOST_SAMPLES or found.imagedepth != 1:
            raise BadPhoto(
                f"{name} has {samples} channels where {space} has {colors}: export it as RGB first."
            )
        if photometric == _YCBCR and int(found.compression) not in (6, 7):
            return _ycbcr(page)
        extra = page.numbers(_EXTRA_SAMPLES) or ((_ALPHA,) if samples == colors + 1 else ())
        extra = (*extra, *(0,) * samples)[: samples - colors]
        alpha_at = next((i for i, sort in enumerate(extra) if sort in (_MULTIPLIED, _ALPHA)), None)
        keep = [*range(colors)] + ([] if alpha_at is None else [colors + alpha_at])
        values, missing = _values(found, page, keep, damaged)
        bits, form = found.bitspersample, int(found.sampleformat)
    notes = (_LEFT_OUT,) if len(extra) > (alpha_at is not None) else ()
    if photometric == _PALETTE:
        return Decoded(_through_palette(values[..., 0], page), None, "RGB", notes, missing)
    if space == "Lab":
        pixels, alpha = _lab(values, photometric, name), None
        if alpha_at is not None:
            alpha = levels.to_levels(values[..., 3], name)
        return Decoded(pixels, alpha, space, notes, missing)
    planes = _to_levels(values, bits if isinstance(bits, int) else max(bits), form, name)
    pixels = planes[..., :colors] if colors > 1 else planes[..., 0]
    alpha = None if alpha_at is None else planes[..., -1]
    if alpha is not None and extra[alpha_at or 0] == _MULTIPLIED:
        pixels = levels.unmultiply(pixels, alpha)
    if photometric == _WHITE_IS_ZERO:
        pixels = levels.invert(pixels)
    return Decoded(pixels, alpha, space, notes, missing)


def _values(
    found: Any, page: Page, keep: list[int], damaged: bool
) -> tuple[npt.NDArray[Any], float]:
    """The samples that are kept, (H, W, samples) as stored, and the share that is missing."""
    height, width = found.imagelength, found.imagewidth
    planes = found.samplesperpixel if found.planarconfig == 2 else 1
    tall = found.tilelength if found.is_tiled else found.rowsperstrip
    wide = found.tilewidth if found.is_tiled else width
    segments = -(-height // tall) * -(-width // wide) * planes
    values: npt.NDArray[Any] | None = None
    missing = 0
    spans = list(zip(found.dataoffsets, found.databytecounts, strict=False))[:segments]
    spans += [(0, 0)] * (segments - len(spans))
    for index, span in enumerate(spans):
        try:
            data, (plane, _, top, left, _), _shape = _segment(found, page, index, span, damaged)
        except MemoryError:
            raise
        except Exception:
            if not damaged:
                raise
            missing += 1
            continue
        if values is None:
            values = np.zeros((height, width, len(keep)), data.dtype)
        part = data[0, : height - top, : width - left]
        if planes > 1:
            if plane in keep:
                values[top : top + len(part), left : left + part.shape[1], keep.index(plane)] = (
                    part[..., 0]
                )
        else:
            values[top : top + len(part), left : left + part.shape[1]] = part[..., keep]
    if values is None:
        raise ValueError("nothing of it can be read")
    return values, missing / segments


def _segment(found: Any, page: Page, index: int, span: tuple[int, int], damaged: bool) -> Any:
    """A strip or tile: samples (1, h, w, samples), its place and its shape."""
    at, length = span
    data = b""
    if at > 0 and length > 0:
        page.tiff.stream.seek(at)
        data = page.tiff.stream.read(min(length, page.tiff.size))
    if (len(data) < length or not data) and not (damaged and data):
        raise ValueError(f"strip {index + 1} is missing")
    decode = found.decode
    tables = {"jpegtables": found.jpegtables, "jpegheader": found.jpegheader}
    try:
        return decode(data, index, **tables)
    except MemoryError:
        raise
    except Exception:
        if not damaged:
            raise
        return decode(_filled_up(data, found, index), index, **tables)


def _filled_up(data: bytes, found: Any, index: int) -> bytes:
    """A strip that is cut short with nothing in place of what is missing."""
    whole = int(np.prod(found.decode(None, index)[2])) * found.dtype.itemsize
    if int(found.compression) == _UNPACKED:
        return data.ljust(whole, b"\0")
    if int(found.compression) in _DEFLATE:
        return zlib.compress(inflate(data, whole).ljust(whole, b"\0"), 1)
    raise ValueError("it is cut short")


def _to_levels(values: npt.NDArray[Any], bits: int, form: int, name: str) -> Pixels:
    if values.dtype == bool:
        values, bits = values.astype(np.uint8), 1
    if form == _FLOATS or values.dtype.kind == "f":
        return levels.to_levels(values, name)
    if values.dtype.kind == "i":
        if values.dtype.itemsize == 1 and values.min() >= 0:
            return values.astype(np.uint8)
        return levels.to_levels(values, name)
    if values.dtype.kind != "u":
        return levels.to_levels(values, name)  # which says what it holds
    return levels.stretch(values, min(bits, values.dtype.itemsize * 8))


def _through_palette(indices: npt.NDArray[Any], page: Page) -> Pixels:
    """Indices (H, W) as RGB."""
    table = page.numbers(_COLOR_MAP)
    if not table or len(table) % 3 or indices.dtype.kind not in "ub":
        raise ValueError("it has no palette")
    step = 256 if max(table) > 255 else 1  # 16 bits, as it should be; old programs wrote 8
    colors = (np.array(table) // step).astype(np.uint8).reshape(3, -1).T
    return np.asarray(colors[np.minimum(indices, len(colors) - 1)])


def _lab(values: npt.NDArray[Any], photometric: int, name: str) -> Pixels:
    """Lab as TIFF has it, (H, W, 3 or more), as version 4 profiles have it."""
    if values.dtype.kind not in "ui" or values.dtype.itemsize > 2:
        raise BadPhoto(f"{name} has Lab colours as {values.dtype}: export it as RGB first.")
    eight = values.dtype.itemsize == 1
    if photometric == _CIE_LAB:  # a and b have a sign
        L = values[..., :1].view(np.uint8 if eight else np.uint16)
        ab = values[..., 1:3].view(np.int8 if eight else np.int16)
        if eight:
            return np.concatenate([L, (ab.astype(np.int16) + 128).astype(np.uint8)], axis=-1)
        moved = np.rint((ab.astype(np.float32) / 256 + 128) * 257).clip(0, 65535)
        return np.concatenate([L, moved.astype(np.uint16)], axis=-1)
    if eight:
        return values[..., :3].astype(np.uint8)
    result = np.empty((*values.shape[:2], 3), np.uint16)  # 0xFF00 is 100, as in version 2
    for rows in levels.bands(values):
        wide = values[rows][..., :3].astype(np.float64) * (65535 / 65280)
        result[rows] = np.rint(wide).clip(0, 65535)
    return result


def _ycbcr(page: Page) -> Decoded:
    """YCbCr that is not JPEG, which only libtiff unpacks."""
    import imagecodecs

    data = _Alone(page.tiff, page.place).readall()
    rgb = imagecodecs.tiff_decode(data, index=0, asrgb=True)
    if rgb.ndim != 3 or rgb.dtype != np.uint8:
        raise ValueError("it has no colours")
    return Decoded(np.ascontiguousarray(rgb[..., :3]), None, "RGB", (), 0.0)
