"""Photographs from Pexels, by its API: https://www.pexels.com/api/documentation/.

A folder of them holds ``<id>.jpg`` and ``manifest.jsonl``, a line of JSON for each photo. A photo
is known by its id, so it is fetched once, whatever was searched for and however often. Answers to
searches are kept for a day in ``.pexels/``, as Pexels asks for.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from photochrom import files
from photochrom.data.decode import decode, digest
from photochrom.data.pexels_search import PexelsSearch
from photochrom.errors import BadOption, BadPhoto, CannotWrite
from photochrom.storage import https

LICENCE = "Pexels License, https://www.pexels.com/license/"
MANIFEST = "manifest.jsonl"
CACHE = ".pexels"
Size = Literal["original", "large2x", "large", "medium"]

_MOST_PHOTO = 64_000_000  # bytes


@dataclass(frozen=True)
class PexelsEntry:
    """A photo that was fetched: a line of the manifest."""

    id: int
    photographer: str
    photographer_url: str
    page: str
    licence: str
    query: str
    """What found it."""
    size: str
    """Which of the sizes that Pexels offers."""
    width: int
    height: int
    bytes: int
    sha256: str
    file: str


class Fetched(NamedTuple):
    """What came of a photo."""

    id: int
    trouble: str = ""
    """Why it is not in the album; "" if it is."""


class Album:
    """A folder of fetched photos; threads may share it.

    Args:
        folder: made if it is not there.
        size: of the photos.

    Raises:
        CannotWrite: it does not take files, or holds photos of another size.
    """

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size = folder, size
        self.entries: dict[int, PexelsEntry] = {}
        self._lock = threading.Lock()
        try:
            (folder / CACHE).mkdir(parents=True, exist_ok=True)
            for line in files.read_json_lines(folder / MANIFEST):
                with contextlib.suppress(TypeError):  # nothing of ours
                    entry = PexelsEntry(**line)
                    photo = folder / _file_name(entry.id)
                    there = photo.is_file() and photo.stat().st_size == entry.bytes
                    if there and entry.file == photo.name:
                        self.entries[entry.id] = entry
        except OSError as error:
            raise files.cannot_write(folder, error) from error
        others = {entry.size for entry in self.entries.values()} - {size}
        if others:
            raise CannotWrite(
                f"{folder} holds photos of the size {min(others)}: choose another --out, or "
                f"--size {min(others)}."
            )

    def add(self, entry: PexelsEntry) -> None:
        """Note that a photo is there."""
        with self._lock:
            files.append_json_lines(self.folder / MANIFEST, [asdict(entry)])
            self.entries[entry.id] = entry


def fetch_photos(
    album: Album, search: PexelsSearch, queries: Sequence[str], count: int, jobs: int
) -> Iterator[Fetched]:
    """Fetch photos until the album holds ``count``, or nothing more is found.

    When the caller stops, so does this: what is under way is finished and noted.

    Args:
        album: where they go.
        search: finds them.
        queries: what to search for, in turn.
        count: how many there shall be.
        jobs: photos under way at a time.

    Raises:
        BadOption: the key is not accepted.
        CannotWrite: the album takes no more.
        PhotochromError: the API does not answer, or wants us to wait for long.
    """

    def take_turns() -> Iterator[tuple[str, dict[str, Any]]]:
        """One photo of each query after another, so that every theme gets its share."""
        searches = {query: search.find_photos(query) for query in queries}
        while searches:
            for query in list(searches):
                photo = next(searches[query], None)
                if photo is None:
                    del searches[query]
                else:
                    yield query, photo

    local = https.is_local(search.api)
    tried, stop = set(album.entries), threading.Event()
    under_way: set[Future[Fetched]] = set()
    candidates = take_turns()
    pool = ThreadPoolExecutor(jobs)
    try:
        while True:
            while len(under_way) < min(jobs, count - len(album.entries)):
                query, photo = next(candidates, ("", None))
                if photo is None:
                    break
                if photo["id"] not in tried:
                    tried.add(photo["id"])
                    under_way.add(pool.submit(_fetch, album, query, photo, local, stop))
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _fetch(
    album: Album, query: str, photo: dict[str, Any], local: bool, stop: threading.Event
) -> Fetched:
    """Fetch a photo into the album, whatever becomes of the others."""
    number, url = photo["id"], photo["src"].get(album.size)
    target = album.folder / _file_name(number)
    if not isinstance(url, str):
        return Fetched(number, f"Pexels does not offer the size {album.size} of it.")
    with contextlib.suppress(OSError, BadPhoto):  # of a process that was killed just then
        album.add(_describe(album, query, photo, target.read_bytes()))
        return Fetched(number)
    trouble, pause = "", 0.0
    for again in range(https.TRIES):
        if again and stop.wait(pause):
            break
        pause = https.BACKOFF * 2**again
        try:
            reply = https.fetch_url(url, _MOST_PHOTO, local=local)
            if reply.status == 200:
                entry = _describe(album, query, photo, reply.body)
                files.write_bytes(target, reply.body)
                album.add(entry)
                return Fetched(number)
            trouble = f"error {reply.status}"
            if not https.may_pass(reply.status):
                break
            pause = max(pause, min(60.0, https.requested_wait(reply.headers) or 0.0))
        except (https.Unreachable, BadPhoto) as error:
            trouble = str(error)
        except BadOption as error:
            return Fetched(number, str(error))
    return Fetched(number, trouble)


def _describe(album: Album, query: str, photo: dict[str, Any], data: bytes) -> PexelsEntry:
    """What is to be known of a photo, which is decoded whole for that.

    Raises:
        BadPhoto: it cannot be.
    """
    height, width = decode(data).shape[:2]
    return PexelsEntry(
        id=photo["id"],
        photographer=str(photo.get("photographer", "")),
        photographer_url=str(photo.get("photographer_url", "")),
        page=str(photo.get("url", "")),
        licence=LICENCE,
        query=query,
        size=album.size,
        width=width,
        height=height,
        bytes=len(data),
        sha256=digest(data),
        file=_file_name(photo["id"]),
    )


def _file_name(number: int) -> str:
    """What a photo is called in the folder."""
    return f"{number}.jpg"
