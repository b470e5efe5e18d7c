"""Photos that are kept for a while, so that a hint costs no upload."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from photochrom.errors import BadPhoto
from photochrom.image import photo as photos
from photochrom.image import reader, tone
from photochrom.image.photo import Photo
from photochrom.inference import hints as hint_files
from photochrom.inference.hints import Hint
from photochrom.web import trouble
from photochrom.web.queue import Lane

PREVIEW = 1280
"""Long side of a preview, pixels."""
MOST_PAGES = 100
"""Of a file: the network looks at each, however small it is."""
_ICON = b"\0\0\1\0"
"""How an ICO begins, which Pillow decodes when it opens it, before its size is known."""


class Bounds(NamedTuple):
    """How large a photo may be."""

    megapixels: float
    """Of all its pages."""
    megabytes: float
    """That decoding a page takes; pages are decoded one after the other."""


class Sight(NamedTuple):
    """What is to be seen of a photo, found by decoding it once."""

    width: int
    height: int
    pages: int
    tone: tone.Tone
    preview: Photo
    """The first page, at most PREVIEW long, 8 bits, as it came: grey or in colour."""
    notes: tuple[str, ...] = ()
    """What of it could not be read, beside the picture."""


@dataclass
class Session:
    """A photo that somebody works on."""

    name: str
    """What its file is called, without folders."""
    data: bytes
    """The file."""
    sight: Sight
    owner: str = ""
    """The client who has sent it."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    used: float = 0.0
    """When, in the seconds of ``time.monotonic``."""
    previews: Lane = field(default_factory=Lane)
    """Of which only the newest is wanted."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.data) + self.preview.pixels.nbytes

    @property
    def preview(self) -> Photo:
        """The photo as :class:`Sight` has it."""
        return self.sight.preview

    @property
    def extent(self) -> tuple[int, int]:
        """Width and height of the photo."""
        return self.sight.width, self.sight.height

    def scaled(self, hints: Sequence[Hint]) -> tuple[Hint, ...]:
        """Hints on the photo as hints on its preview.

        Raises:
            BadOption: one lies outside the photo, or there are too many.
        """
        small = self.preview.pixels.shape[0], self.preview.pixels.shape[1]
        full = self.sight.height, self.sight.width
        spots = hint_files.spots(hints, full, small)
        return tuple(Hint(x, y, (a, b)) for y, x, a, b in spots.tolist())

    def unscaled(self, hints: tuple[Hint, ...]) -> tuple[Hint, ...]:
        """Hints on the preview as hints on the photo."""
        height, width = self.preview.pixels.shape[:2]
        across, down = self.sight.width / width, self.sight.height / height
        return tuple(
            replace(hint, x=round(hint.x * across, 2), y=round(hint.y * down, 2)) for hint in hints
        )


def check_size(data: bytes, bounds: Bounds) -> None:
    """Refuse a file that is too large, by what its headers say.

    Raises:
        BadPhoto: it is no picture. Trouble: it is larger than that.
    """
    if data[:4] == _ICON:
        raise BadPhoto("This is an icon, and no photo: send a JPEG, PNG or TIFF.")
    pixels = 0
    with reader.opened(data) as file:
        if len(file.pages) > MOST_PAGES:
            raise trouble.too_large(f"it has more than {MOST_PAGES} pages")
        for page in file.pages:
            reader.turn_to(file, page)
            pixels += file.image.width * file.image.height
            if pixels > bounds.megapixels * 1e6:
                raise trouble.too_large(f"it has more than {bounds.megapixels:g} megapixels")
            if reader.bytes_needed(file) > bounds.megabytes * 1e6:
                raise trouble.too_large(f"it takes more than {bounds.megabytes:g} MB of memory")


def analysed(data: bytes, bounds: Bounds) -> Sight:
    """Everything about a photo that is needed more than once.

    Raises:
        BadPhoto: it cannot be read. Trouble: it is too large.
    """
    check_size(data, bounds)
    first = photos.read(data)
    height, width = first.pixels.shape[:2]
    image = photos.to_image(replace(first, alpha=None))
    image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.LANCZOS)
    return Sight(
        width=width,
        height=height,
        pages=first.pictures if first.paged else 1,
        tone=tone.of(first),
        preview=Photo(np.asarray(image)),
        notes=first.notes,
    )


class Sessions:
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
        self._kept: OrderedDict[str, Session] = OrderedDict()  # the least recently used first
        self._lock = threading.Lock()

    def add(self, session: Session) -> None:
        """Keep a photo; others make room."""
        with self._lock:
            session.used = time.monotonic()
            self._kept[session.id] = session
            self._clear()

    def __getitem__(self, id: str) -> Session:  # noqa: A002
        """The photo of an id; Trouble where it is not here."""
        with self._lock:
            self._clear()
            session = self._kept.get(id)
            if session is None:
                raise trouble.expired()
            session.used = time.monotonic()
            self._kept.move_to_end(id)
            return session

    def remove(self, id: str) -> None:  # noqa: A002
        """Forget a photo."""
        with self._lock:
            self._kept.pop(id, None)

    def clear(self) -> None:
        """Forget what was kept for too long, or takes too much."""
        with self._lock:
            self._clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _clear(self) -> None:
        oldest = time.monotonic() - self.seconds
        while self._kept and next(iter(self._kept.values())).used < oldest:
            self._kept.popitem(last=False)
        while len(self._kept) > 1 and (
            len(self._kept) > self.most or sum(s.size for s in self._kept.values()) > self.budget
        ):
            del self._kept[self._least()]

    def _least(self) -> str:
        """The id of the photo that is worth least; the last one that was used is worth most."""
        *others, last = self._kept.values()
        shares = defaultdict[str, float](float)
        for session in (*others, last):
            shares[session.owner] += 1 / self.most + session.size / self.budget
        return max(others, key=lambda session: shares[session.owner]).id
