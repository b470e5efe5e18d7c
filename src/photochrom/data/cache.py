"""A set of photos decoded once: one flat file of pixels, so that an epoch never waits for JPEG.

The cache is keyed by what lies at the given paths and by the short side; it is built in a
temporary folder and renamed when whole, so a killed run leaves nothing that looks finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from photochrom.color import Pixels
from photochrom.data.decode import decode, digest, scale_short_side
from photochrom.data.photo_set import Numbers, PhotoSet
from photochrom.data.photo_source import PhotoSource, stamp_file
from photochrom.data.shards import find_sources, none_readable, process_photo
from photochrom.errors import BadPhoto, CannotWrite
from photochrom.parallel import map_ahead
from photochrom.storage.user_cache import cache_folder

VERSION = 2


@dataclass(frozen=True)
class DecodedPhotos(PhotoSet):
    """Decoded photos, all of the same short side."""

    names: list[str]
    digests: list[str]
    """Of their content."""
    unreadable: dict[str, str]
    """Photos that could not be decoded, by name, each with the reason."""
    pixels: Pixels
    """Every photo's ``(h, w, 3)`` sRGB one after another, flat; memory-mapped."""
    table: Numbers
    """``(n, 3)``: where photo i begins in ``pixels``, its h and its w."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> Pixels:
        """Photo i, ``(h, w, 3)`` uint8."""
        start, h, w = self.table[i]
        return self.pixels[start : start + h * w * 3].reshape(h, w, 3)

    def read_photos(self, numbers: Iterable[int]) -> Iterator[Pixels]:
        """The photos of these numbers, one after another: ``(h, w, 3)`` uint8."""
        return (self[i] for i in numbers)

    def fingerprint(self) -> str:
        """A digest of the content of all."""
        return hashlib.sha256("\n".join(self.digests).encode()).hexdigest()

    def look(self, part: slice, *, whole: bool) -> Iterator[tuple[int, str, str]]:  # noqa: ARG002
        """Number, name and digest of each photo of a part."""
        numbers = range(len(self))[part]
        return zip(numbers, self.names[part], self.digests[part], strict=True)


def load(
    paths: Sequence[Path], side: int, folder: Path | None = None, quiet: bool = False
) -> DecodedPhotos:
    """The photos at ``paths`` with a short side of ``side`` pixels, from the cache or into it.

    Raises:
        BadData: nothing at ``paths``, or nothing of it can be decoded.
        CannotWrite: the cache does not hold them.
    """
    sources = find_sources(paths)
    folder = (folder or cache_folder()) / _key(sources, side)
    if not (folder / "index.json").exists():
        try:
            _build(sources, side, folder, quiet)
        except OSError as error:
            raise CannotWrite(
                f"{folder.parent} cannot hold the decoded photos ({error.strerror or error}): "
                "make room, or choose another --cache."
            ) from error
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return DecodedPhotos(
        index["names"],
        index["digests"],
        index["unreadable"],
        # copy-on-write: torch takes it without complaint, and the file cannot change
        np.memmap(folder / "pixels.u8", np.uint8, mode="c"),
        np.array(index["table"], np.int64),
    )


def _key(sources: Sequence[PhotoSource], side: int) -> str:
    state: list[tuple[str, str, int, int]] = []
    for path in dict.fromkeys(source.path for source in sources if not source.trouble):
        size, changed = stamp_file(path)
        state.append((str(path), str(path.resolve() if changed else path), size, changed))
    state += [(source.name, source.trouble, 0, 0) for source in sources if source.trouble]
    return hashlib.sha256(repr((VERSION, side, state)).encode()).hexdigest()[:16]


def _build(sources: Sequence[PhotoSource], side: int, folder: Path, quiet: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        index = _decode_all(sources, side, unfinished / "pixels.u8", quiet)
        (unfinished / "index.json").write_text(json.dumps(index), encoding="utf-8")
        try:
            unfinished.rename(folder)
        except OSError:
            if not (folder / "index.json").exists():  # else another process was first
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _decode_all(
    sources: Sequence[PhotoSource], side: int, target: Path, quiet: bool
) -> dict[str, object]:
    """Decode photos into one file; returns its index."""
    table: list[tuple[int, int, int]] = []
    names: list[str] = []
    digests: list[str] = []
    unreadable: dict[str, str] = {}
    start = 0

    def prepare(data: bytes) -> tuple[Pixels, str]:
        return scale_short_side(decode(data), side), digest(data)

    cores = os.cpu_count() or 1
    prepared = map_ahead(
        lambda source: process_photo(source, prepare), sources, cores, ahead=16 * cores
    )
    bar = track(prepared, f"decoding {len(sources)} photos", len(sources), disable=quiet)
    with target.open("wb") as file, contextlib.closing(prepared):
        for source, photo in zip(sources, bar, strict=True):
            if isinstance(photo, BadPhoto):
                unreadable[source.name] = str(photo)
                continue
            pixels, key = photo
            file.write(pixels.tobytes())
            table.append((start, *pixels.shape[:2]))
            start += pixels.size
            names.append(source.name)
            digests.append(key)
    if not names:
        raise none_readable(unreadable)
    return {"table": table, "names": names, "digests": digests, "unreadable": unreadable}
