"""Models that were fetched, by what is in them: ``<cache>/models/<SHA-256>/<name>.onnx``.

What is there is taken without asking anybody, and its digest is checked whenever it is loaded.
Beside it ``sources.jsonl`` tells which address it came from, and when.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from photochrom import files
from photochrom.errors import BadModel
from photochrom.parallel import run_aside
from photochrom.storage.model_address import ModelAddress
from photochrom.storage.user_cache import cache_folder

if TYPE_CHECKING:
    from photochrom.storage.download import Watch
    from photochrom.storage.hub import Download

_SOURCES = "sources.jsonl"
_OFFLINE = ("PHOTOCHROM_OFFLINE", "HF_HUB_OFFLINE")


def _ignore(*_: object) -> None:
    """Tell nobody."""


def _show_nothing(_: str) -> AbstractContextManager[Watch]:
    return nullcontext(_ignore)


show: Callable[[str], AbstractContextManager[Watch]] = _show_nothing
"""How a user is shown that a model of this name is fetched; the command line sets it."""


class CachedModel(NamedTuple):
    """A model that was fetched."""

    path: Path
    sha256: str
    source: str
    """The address it came from."""
    commit: str
    """Of the Hub's repository; "" for other servers."""
    fetched: str
    """When, in UTC, as 2026-11-28T03:50:00Z."""


def is_offline(offline: bool = False) -> bool:
    """Whether nothing may be fetched: as asked for, or by the environment."""
    return offline or any(
        os.environ.get(name, "").strip().lower() in ("1", "true", "yes", "on") for name in _OFFLINE
    )


def list_cached(cache: Path | None = None) -> list[CachedModel]:
    """What was fetched, an entry for each address and version, the latest first."""
    folder = (cache or cache_folder()) / "models"
    found = [model for sources in folder.glob(f"*/{_SOURCES}") for model in _read_sources(sources)]
    return sorted(found, key=lambda model: model.fetched, reverse=True)


def fetch_model(
    address: ModelAddress,
    *,
    most: int,
    cache: Path | None = None,
    offline: bool = False,
    renew: bool = False,
) -> Path:
    """Answer the file of a model: that in the cache, else fetched into it.

    Args:
        address: where it is to be had.
        most: bytes that it may have.
        cache: the folder of caches; by default the user's.
        offline: only look into the cache; also by ``PHOTOCHROM_OFFLINE=1``.
        renew: ask the server what the address means now, whatever is in the cache.

    Raises:
        BadModel: there is no such model, it has another digest, or it would have to be fetched.
        BadOption: the user's settings make no sense.
        MissingExtra: httpx is needed and not installed.
        PhotochromError: the server does not answer; what has come is kept, to go on from.
        CannotWrite: the cache does not take it.
    """
    folder = (cache or cache_folder()) / "models"
    if not renew and (path := _find(address, cache)):
        return path
    if is_offline(offline):
        raise BadModel(
            f"{address.source} is not in {folder}, and nothing is fetched offline: run "
            f"photochrom models --fetch {_quoted(address)} once while online."
        )
    from photochrom.storage import hub  # which needs httpx
    from photochrom.storage.download import Refused

    found = run_aside(lambda: hub.find_download(address))
    place = folder / found.sha256
    path = _file_in(place)
    if path is None or not _is_whole(path, found.sha256):
        if path is not None:
            path.unlink(missing_ok=True)
        path = place / f"{_safe_name(found.name)}.onnx"
        try:
            _download_aside(found, path, most)
        except Refused as error:
            if address.repository and error.status in (401, 403):
                raise hub.is_gated(address) from error
            raise
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    entry = {"source": address.source, "commit": found.commit, "fetched": moment}
    files.append_json_lines(place / _SOURCES, [entry])
    return path


def _download_aside(found: Download, path: Path, most: int) -> None:
    """Download a file; after Ctrl-C, no more of it."""
    from photochrom.storage.download import download  # which needs httpx

    stopped = threading.Event()
    with show(path.stem) as shown:

        def watch(done: int, total: int | None) -> None:
            if stopped.is_set():
                raise KeyboardInterrupt
            shown(done, total)

        how: dict[str, Any] = {"most": most, "headers": found.headers, "watch": watch}
        try:
            run_aside(lambda: download(found.url, path, found.sha256, **how))
        except KeyboardInterrupt:
            stopped.set()
            raise


def _find(address: ModelAddress, cache: Path | None) -> Path | None:
    """The file of an address in the cache, if it is there and whole."""
    if address.sha256:
        path = _file_in((cache or cache_folder()) / "models" / address.sha256)
        return path if path and _is_whole(path, address.sha256) else None
    for model in list_cached(cache):
        if model.source == address.source:
            return model.path if _is_whole(model.path, model.sha256) else None
    return None


def _file_in(folder: Path) -> Path | None:
    return next(iter(sorted(folder.glob("*.onnx"))), None)


def _is_whole(path: Path, sha256: str) -> bool:
    with suppress(OSError), files.open_plain(path) as file:
        return files.sha256(file) == sha256
    return False


def _read_sources(sources: Path) -> Iterator[CachedModel]:
    """The addresses of a file, each once, as of the last time."""
    if (path := _file_in(sources.parent)) is None:
        return
    latest: dict[str, CachedModel] = {}
    with suppress(OSError):
        for line in files.read_json_lines(sources):
            with suppress(KeyError, TypeError):  # nothing of ours
                source, *more = (str(line[key]) for key in ("source", "commit", "fetched"))
                latest[source] = CachedModel(path, sources.parent.name, source, *more)
    yield from latest.values()


def _safe_name(name: str) -> str:
    """A name that every disk takes."""
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-")[:80] or "model"


def _quoted(address: ModelAddress) -> str:
    return f"{address.source}{f'#sha256={address.sha256}' if address.sha256 else ''}"
