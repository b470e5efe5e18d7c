"""Photos that are kept for a while, so that a hint costs no upload."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from photochrom.color import Pixels
from photochrom.errors import BadPhoto
from photochrom.image.photo import Photo, to_image
from photochrom.image.photo_file import open_file
from photochrom.image.reader import read_photo
from photochrom.image.tone import Tone, measure_tone
from photochrom.image.writer import default_format
from photochrom.inference.hints import Hint, resolve_hints
from photochrom.inference.options import Hints
from photochrom.inference.spots import to_spots
from photochrom.web import problems
from photochrom.web.problems import RequestProblem
from photochrom.web.work_queue import Lane

PREVIEW = 1280
"""Long side of a preview, pixels."""
MOST_PAGES = 100
"""Of a file: the network looks at each, however small it is."""
_ICON = b"\0\0\1\0"
"""How an ICO begins, which Pillow decodes when it opens it, before its size is known."""


class PhotoLimits(NamedTuple):
    """How large a photo may be."""

    megapixels: float
    """Of all its pages."""

    @property
    def megabytes(self) -> float:
        """That decoding a page may take: what the largest photos in 8 bits do."""
        return 10 * self.megapixels


class PhotoSummary(NamedTuple):
    """What is to be seen of a photo, found by decoding it once."""

    width: int
    height: int
    pages: int
    format: str
    """Pillow's name of the one its result has by default."""
    tone: Tone
    preview: Photo
    """The first page, at most PREVIEW long, 8 bits, as it came: grey or in colour."""
    notes: tuple[str, ...] = ()
    """What of it could not be read, beside the picture."""

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height of the photo."""
        return self.width, self.height

    def to_preview(self, hints: Hints) -> tuple[Hint, ...]:
        """Hints on the photo as hints on its preview.

        Raises:
            BadOption: they are none for this photo.
        """
        hints = resolve_hints(hints, self.extent)
        height, width = self.preview.pixels.shape[:2]
        spots = to_spots(hints, self.extent[::-1], (height, width))
        return tuple(
            replace(hint, x=x, y=y, color=(a, b))
            for hint, (y, x, a, b, _) in zip(hints, spots.tolist(), strict=True)
        )

    def from_preview(self, hints: Sequence[Hint]) -> tuple[Hint, ...]:
        """Hints on the preview as hints on the photo."""
        height, width = self.preview.pixels.shape[:2]
        across, down = self.width / width, self.height / height
        return tuple(
            replace(hint, x=round(hint.x * across, 2), y=round(hint.y * down, 2)) for hint in hints
        )


@dataclass
class KeptPhoto:
    """A photo that somebody works on."""

    name: str
    """What its file is called, without folders."""
    data: bytes
    """The file."""
    summary: PhotoSummary
    owner: str = ""
    """The client who has sent it."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    used: float = 0.0
    """When, in the seconds of ``time.monotonic``."""
    previews: Lane = field(default_factory=Lane)
    """Of which only the newest is wanted."""
    lightness: Pixels | None = None
    """Its grey levels (H, W) at full size, once they were asked for and while there is room."""
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by who reads the lightness, so that it is read once."""

    @property
    def preview(self) -> Photo:
        """The photo as :class:`PhotoSummary` has it."""
        return self.summary.preview

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        lightness = 0 if self.lightness is None else self.lightness.nbytes
        return len(self.data) + self.preview.pixels.nbytes + lightness


def check_size(data: bytes, limits: PhotoLimits) -> int:
    """Refuse a file that is too large, by what its headers say.

    Returns:
        How many pages it has.

    Raises:
        BadPhoto: it is no picture. RequestProblem: it is larger than that.
    """
    if data[:4] == _ICON:
        raise BadPhoto("This file is an icon, not a photo: send a JPEG, PNG or TIFF.")
    pixels = 0
    with open_file(data) as file:
        if file.pages > MOST_PAGES:
            raise problems.too_large(f"it has more than {MOST_PAGES} pages")
        for page in range(file.pages):
            file.turn_to(page)
            pixels += file.image.width * file.image.height
            if pixels > limits.megapixels * 1e6:
                raise problems.too_large(f"it has more than {limits.megapixels:g} megapixels")
            if file.memory.total > limits.megabytes * 1e6:
                raise problems.too_large(f"it takes more than {limits.megabytes:g} MB of memory")
        return file.pages


def summarize(data: bytes, limits: PhotoLimits) -> PhotoSummary:
    """Everything about a photo that is needed more than once.

    Raises:
        BadPhoto: it cannot be read. RequestProblem: it is too large.
    """
    check_size(data, limits)
    first = read_photo(data)
    height, width = first.pixels.shape[:2]
    image = to_image(replace(first, alpha=None))
    image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.LANCZOS)
    return PhotoSummary(
        width=width,
        height=height,
        pages=first.pictures if first.paged else 1,
        format=default_format(first.format),
        tone=measure_tone(first),
        preview=Photo(np.asarray(image)),
        notes=first.notes,
    )


class PhotoStore:
    """The photos that are kept; threads may share it.

    Where there are too many, the client who keeps most makes room, with what he has not used for
    longest.

    Args:
        most: how many.
        budget: bytes that they may take together.
        seconds: how long one is kept after it was last used.
    """

    def __init__(self, most: int, budget: int, seconds: float) -> None:
        self.most, self.budget, self.seconds = most, budget, seconds
        self._kept: OrderedDict[str, KeptPhoto] = OrderedDict()  # the least recently used first
        self._lock = threading.Lock()
        self.dropped = False
        """Whether photos have gone that others may still know of."""

    def add(self, photo: KeptPhoto) -> None:
        """Keep a photo; others make room."""
        with self._lock:
            photo.used = time.monotonic()
            self._kept[photo.id] = photo
            self._evict()

    def __getitem__(self, id: str) -> KeptPhoto:  # noqa: A002
        """The photo of an id; RequestProblem where it is not, or no longer, here."""
        with self._lock:
            self._evict()
            photo = self._kept.get(id)
            if photo is None:
                sentence = "The server no longer has this photo: send it again."
                raise RequestProblem(404, "expired", sentence)
            photo.used = time.monotonic()
            self._kept.move_to_end(id)
            return photo

    def keep_lightness(self, photo: KeptPhoto, levels: Pixels) -> None:
        """Keep a photo's lightness with it, if there is room for it."""
        with self._lock:
            photo.lightness = levels
            self._evict()

    def remove(self, id: str) -> None:  # noqa: A002
        """Forget a photo."""
        with self._lock:
            if id in self._kept:
                self._drop(id)

    def total(self) -> tuple[int, int]:
        """How many there are, and bytes that they take."""
        with self._lock:
            return len(self._kept), self._size()

    def evict(self) -> None:
        """Forget what was kept for too long, or takes too much."""
        with self._lock:
            self._evict()

    def _evict(self) -> None:
        oldest = time.monotonic() - self.seconds
        while self._kept and (first := next(iter(self._kept.values()))).used < oldest:
            self._drop(first.id)
        for photo in self._kept.values():
            if not self._too_large():
                break
            photo.lightness = None  # it can be read from the file again
        while len(self._kept) > 1 and (len(self._kept) > self.most or self._too_large()):
            self._drop(self._least_worth())

    def _drop(self, id: str) -> None:  # noqa: A002
        del self._kept[id]
        self.dropped = True

    def _too_large(self) -> bool:
        return self._size() > self.budget

    def _size(self) -> int:
        return sum(photo.size for photo in self._kept.values())

    def _least_worth(self) -> str:
        """The id of the photo that is worth least; the last one that was used is worth most."""
        *others, last = self._kept.values()
        shares = defaultdict[str, float](float)
        for photo in (*others, last):
            shares[photo.owner] += 1 / self.most + photo.size / self.budget
        return max(others, key=lambda photo: shares[photo.owner]).id
