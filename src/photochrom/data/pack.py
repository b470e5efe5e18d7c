"""Photographs packed into tar shards of the WebDataset layout, small and ready to train on.

Each photo is two members of one shard, ``00000042.webp`` and ``00000042.json``; the latter tells
where it came from. ``index.json`` tells what is in each shard. Shards are written whole or not at
all, and the index after each one, so that packing goes on where it was stopped.
"""

from __future__ import annotations

import io
import itertools
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from PIL import Image

from photochrom import files
from photochrom.data.cache import fit
from photochrom.data.shards import INDEX, Source, decode, digest, one_of_many
from photochrom.errors import BadData, BadOption, BadPhoto, CannotWrite

VERSION = 1
_SIDES = 16, 4096
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Packing:
    """How to pack."""

    side: int = 256
    """Short side, pixels; smaller photos are not enlarged."""
    kind: Literal["webp", "jpg"] = "webp"
    """The format of the packed photos."""
    quality: int = 90
    """Of the format, 1..100."""
    seed: int = 0
    """Of the order."""
    megabytes: int = 64
    """A shard is closed when it has reached so many."""

    def __post_init__(self) -> None:
        if not _SIDES[0] <= self.side <= _SIDES[1]:
            raise BadOption(f"--side is {self.side}: give {_SIDES[0]} to {_SIDES[1]} pixels.")
        if not 1 <= self.quality <= 100:
            raise BadOption(f"--quality is {self.quality}: give 1 to 100.")
        if self.seed < 0:
            raise BadOption(f"--seed is {self.seed}: give 0 or more.")
        if self.megabytes < 1:
            raise BadOption(f"--shard-megabytes is {self.megabytes}: give 1 or more.")


@dataclass
class Index:
    """What is in a folder of shards; ``index.json``."""

    how: dict[str, Any]
    """The packing."""
    set: str
    """A digest of the names and sizes of the photos that are packed."""
    photos: int
    """How many those are."""
    taken: int = 0
    """How many of them are packed so far, or found to be unreadable."""
    shards: list[dict[str, Any]] = field(default_factory=list)
    """Of each: name, count, bytes, sha256, and its photos as ``[member, offset, size]``."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Photos that were left out, by name, each with the reason."""
    version: int = VERSION

    @property
    def count(self) -> int:
        """Photos in the shards."""
        return sum(int(shard["count"]) for shard in self.shards)

    @property
    def bytes(self) -> int:
        """Of all shards."""
        return sum(int(shard["bytes"]) for shard in self.shards)

    def write(self, out: Path) -> None:
        """Put it beside the shards."""
        text = json.dumps(asdict(self), separators=(",", ":")) + "\n"
        files.write_bytes(out / INDEX, text.encode("ascii"))


class _Ready(NamedTuple):
    """A photo encoded anew, or why it is not."""

    name: str
    data: bytes
    about: dict[str, Any]
    trouble: str


def pack(
    sources: Sequence[Source],
    out: Path,
    how: Packing,
    jobs: int,
    tick: Callable[[], object] = lambda: None,
) -> Iterator[Index]:
    """Pack photos, and answer what there is: before the first shard, and after each one.

    Args:
        sources: the photos.
        out: the folder for the shards; one that was begun with the same photos is gone on with.
        how: how.
        jobs: photos under way at a time.
        tick: is called for each photo.

    Raises:
        CannotWrite: the folder holds something else, or does not take files.
        BadData: none of the photos can be read.
    """
    index = begin(sources, out, how)
    yield index
    order = np.random.default_rng(how.seed).permutation(len(sources))
    todo = [sources[i] for i in order[index.taken :]]
    with ThreadPoolExecutor(jobs) as pool:
        ready = _ahead(pool, todo, how, 4 * jobs)
        while index.taken < index.photos:
            _add_shard(index, ready, out, how, tick)
            index.write(out)
            yield index
    if not index.shards:
        name, reason = next(iter(index.unreadable.items()))
        raise BadData(f"None of the photos can be read; the first, {name}: {reason}")


def begin(sources: Sequence[Source], out: Path, how: Packing) -> Index:
    """The index of a folder of shards: one that is there, or a new one, written.

    Raises:
        CannotWrite: the folder holds something else, or does not take files.
    """
    names = "\n".join(f"{source.name}\t{source.size}" for source in sources)
    fresh = Index(asdict(how), digest(names.encode(errors="surrogateescape")), len(sources))
    try:
        if not (out / INDEX).exists():
            if out.exists() and any(not p.name.startswith(".") for p in out.iterdir()):
                raise CannotWrite(f"{out} holds something else: choose a new folder for --out.")
            out.mkdir(parents=True, exist_ok=True)
            fresh.write(out)
            return fresh
        index = _read(out)
        sizes = {s["name"]: (out / s["name"]).stat().st_size for s in index.shards}
    except FileNotFoundError as error:
        raise CannotWrite(f"{error.filename} has gone: choose a new folder for --out.") from error
    except OSError as error:
        raise files.cannot_write(out, error) from error
    if (index.how, index.set, index.version) != (fresh.how, fresh.set, fresh.version):
        raise CannotWrite(
            f"{out} holds shards of other photos or settings: choose a new folder for --out."
        )
    for shard in index.shards:
        if sizes[shard["name"]] != shard.get("bytes"):
            raise CannotWrite(
                f"{out / shard['name']} has been changed: choose a new folder for --out."
            )
    return index


def _read(out: Path) -> Index:
    try:
        index = Index(**json.loads((out / INDEX).read_text(encoding="utf-8")))
        own = [_name(number) for number in range(len(index.shards))]
        if [shard["name"] for shard in index.shards] != own or not isinstance(index.taken, int):
            raise ValueError("not as this writes it")
        return index
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CannotWrite(
            f"{out / INDEX} is no index of shards: choose a new folder for --out."
        ) from error


def _ahead(
    pool: ThreadPoolExecutor, todo: Sequence[Source], how: Packing, most: int
) -> Iterator[_Ready]:
    """In order, at most so many waiting."""
    for first in range(0, len(todo), most):
        yield from pool.map(lambda source: _prepare(source, how), todo[first : first + most])


def _prepare(source: Source, how: Packing) -> _Ready:
    file = io.BytesIO()
    try:
        with one_of_many():
            data = source.read()
            pixels = decode(data)
            height, width = pixels.shape[:2]
            small = Image.fromarray(fit(pixels, min(how.side, height, width)))
            if how.kind == "webp":
                small.save(file, "WEBP", quality=how.quality, method=4)
            else:  # without subsampling, as what is learned is colour
                small.save(file, "JPEG", quality=how.quality, subsampling=0)
    except BadPhoto as error:
        return _Ready(source.name, b"", {}, str(error))
    about = {"source": source.name, "sha256": digest(data), "width": width, "height": height}
    return _Ready(source.name, file.getvalue(), about, "")


def _add_shard(
    index: Index, ready: Iterator[_Ready], out: Path, how: Packing, tick: Callable[[], object]
) -> None:
    """Write the next shard, and tell the index; no shard where no photo is left that can be read.

    The index is told what it was only when the shard has its name.
    """
    taken: list[_Ready] = []

    def readable() -> Iterator[_Ready]:
        for photo in ready:
            taken.append(photo)
            tick()
            if not photo.trouble:
                yield photo

    photos = readable()
    first = next(photos, None)
    if first is not None:
        name = _name(len(index.shards))
        told: dict[str, Any] = {}

        def make(file: BinaryIO) -> None:
            members = _fill(file, itertools.chain([first], photos), index.count, how)
            told.update(count=len(members), bytes=file.tell())
            told.update(sha256=files.sha256(file), photos=members)

        files.write_atomically(out / name, make)
        index.shards.append({"name": name} | told)
    index.taken += len(taken)
    index.unreadable |= {photo.name: photo.trouble for photo in taken if photo.trouble}


def _name(number: int) -> str:
    """Of a shard."""
    return f"photos-{number:05d}.tar"


def _fill(
    file: BinaryIO, photos: Iterable[_Ready], number: int, how: Packing
) -> list[tuple[str, int, int]]:
    """Write photos to a tar until it is full, counting from ``number``; answers where each is."""
    places: list[tuple[str, int, int]] = []
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for photo in photos:
            key = f"{number + len(places):08d}"
            about = json.dumps(photo.about, sort_keys=True).encode()
            for name, data in ((f"{key}.{how.kind}", photo.data), (f"{key}.json", about)):
                told = tarfile.TarInfo(name)  # without owner and time: the same bytes each time
                told.size = len(data)
                if data is photo.data:
                    places.append((name, tar.offset + tarfile.BLOCKSIZE, told.size))
                tar.addfile(told, io.BytesIO(data))
            if tar.offset >= how.megabytes * _MEGABYTE:
                break
    return places
