"""Photographs packed into tar shards of the WebDataset layout, small and ready to train on.

Each photo is two members of one shard, ``00000042.webp`` and ``00000042.json``; the latter tells
where it came from. ``index.json`` tells how many each shard has, ``members.jsonl`` which. Shards
are written whole or not at all, and the index after each one, so that packing goes on where it was
stopped.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from PIL import Image

from photochrom import files
from photochrom.data.decode import decode, digest, scale_short_side
from photochrom.data.photo_source import PhotoSource
from photochrom.data.shards import INDEX, MEMBERS, none_readable, process_photo
from photochrom.errors import BadOption, BadPhoto, CannotWrite
from photochrom.parallel import map_ahead

VERSION = 2
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
    """Of each: name, count, bytes, sha256, and at which bytes of ``members.jsonl`` its photos are
    told, as ``[offset, size]``: there it has a line, of ``[member, offset, size]`` each."""
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


class _Packed(NamedTuple):
    """A photo encoded anew, or why it is not."""

    name: str
    data: bytes = b""
    about: Mapping[str, Any] = {}
    trouble: str = ""


def pack(
    sources: Sequence[PhotoSource],
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
    index = open_index(sources, out, how)
    yield index
    order = np.random.default_rng(how.seed).permutation(len(sources))
    todo = (sources[i] for i in order[index.taken :])
    encoded = map_ahead(lambda source: _encode(source, how), todo, jobs, ahead=4 * jobs)
    with contextlib.closing(encoded):
        while index.taken < index.photos:
            _add_shard(index, encoded, out, how, tick)
            index.write(out)
            yield index
    if not index.shards:
        raise none_readable(index.unreadable)


def open_index(sources: Sequence[PhotoSource], out: Path, how: Packing) -> Index:
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
        if index.version == 1:
            _bring_up(index, out)
        own = [_shard_name(number) for number in range(len(index.shards))]
        if [shard["name"] for shard in index.shards] != own or not isinstance(index.taken, int):
            raise ValueError("not as this writes it")
        return index
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CannotWrite(
            f"{out / INDEX} is no index of shards: choose a new folder for --out."
        ) from error


def _bring_up(index: Index, out: Path) -> None:
    """Give an index of version 1, which told the photos itself, its ``members.jsonl``."""
    (out / MEMBERS).unlink(missing_ok=True)
    for number, shard in enumerate(index.shards):
        shard["members"] = _tell_members(index.shards[:number], shard.pop("photos"), out)
    index.version = VERSION
    index.write(out)


def _tell_members(
    before: Sequence[Mapping[str, Any]], members: Sequence[Any], out: Path
) -> tuple[int, int]:
    """Write the photos of a shard behind those of the shards before it; returns where they are."""
    at = sum(before[-1]["members"]) if before else 0
    line = json.dumps(members, separators=(",", ":")).encode("ascii") + b"\n"
    try:
        with (out / MEMBERS).open("ab", buffering=0) as file:
            file.truncate(at)  # without what was begun and not told to the index
            files.append_durably(file, line)
    except OSError as error:
        raise files.cannot_write(out / MEMBERS, error) from error
    return at, len(line)


def _encode(source: PhotoSource, how: Packing) -> _Packed:
    def encode(data: bytes) -> _Packed:
        file, pixels = io.BytesIO(), decode(data)
        height, width = pixels.shape[:2]
        small = Image.fromarray(scale_short_side(pixels, min(how.side, height, width)))
        if how.kind == "webp":
            small.save(file, "WEBP", quality=how.quality, method=4)
        else:  # without subsampling, as what is learned is colour
            small.save(file, "JPEG", quality=how.quality, subsampling=0)
        about = {"source": source.name, "sha256": digest(data), "width": width, "height": height}
        return _Packed(source.name, file.getvalue(), about)

    packed = process_photo(source, encode)
    return _Packed(source.name, trouble=str(packed)) if isinstance(packed, BadPhoto) else packed


def _add_shard(
    index: Index, photos: Iterator[_Packed], out: Path, how: Packing, tick: Callable[[], object]
) -> None:
    """Write the next shard, and tell the index; no shard where no photo is left that can be read.

    The index is told what it was only when the shard has its name.
    """
    taken: list[_Packed] = []

    def take_readable() -> Iterator[_Packed]:
        for photo in photos:
            taken.append(photo)
            tick()
            if not photo.trouble:
                yield photo

    readable = take_readable()
    first = next(readable, None)
    if first is not None:
        name = _shard_name(len(index.shards))
        shard: dict[str, Any] = {"name": name}
        members: list[tuple[str, int, int]] = []

        def make(file: BinaryIO) -> None:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for photo in itertools.chain([first], readable):
                    members.append(_add_photo(tar, photo, index.count + len(members), how.kind))
                    if tar.offset >= how.megabytes * _MEGABYTE:
                        break
            shard.update(count=len(members), bytes=file.tell())
            shard.update(sha256=files.sha256(file))

        files.write_atomically(out / name, make)
        shard["members"] = _tell_members(index.shards, members, out)
        index.shards.append(shard)
    index.taken += len(taken)
    index.unreadable |= {photo.name: photo.trouble for photo in taken if photo.trouble}


def _shard_name(number: int) -> str:
    return f"photos-{number:05d}.tar"


def _add_photo(
    tar: tarfile.TarFile, photo: _Packed, number: int, kind: str
) -> tuple[str, int, int]:
    """Write a photo and what is known of it; returns its name, and where and how long it is."""
    key = f"{number:08d}"
    place = f"{key}.{kind}", tar.offset + tarfile.BLOCKSIZE, len(photo.data)
    about = json.dumps(photo.about, sort_keys=True).encode()
    for name, data in ((place[0], photo.data), (f"{key}.json", about)):
        member = tarfile.TarInfo(name)  # without owner and time: the same bytes each time
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    return place
