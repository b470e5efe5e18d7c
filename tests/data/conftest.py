"""Photographs in folders and tars, and files that only pretend to be some."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

Encode = Callable[..., bytes]


@pytest.fixture
def pack_tar() -> Callable[[Path, dict[str, bytes]], Path]:
    """Writes a tar of the given members."""

    def write(path: Path, members: dict[str, bytes]) -> Path:
        with tarfile.open(path, "w") as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture
def fill(encoded: Encode) -> Callable[..., Path]:
    """Makes a folder of the given files: ``fill(path, {"a.jpg": 1})``; numbers are seeds."""

    def write(folder: Path, files: dict[str, int | bytes]) -> Path:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(encoded(data) if isinstance(data, int) else data)
        return folder

    return write


@pytest.fixture
def bad(encoded: Encode) -> dict[str, bytes]:
    """Files that are called photos and cannot be read as such."""
    return {
        "text.jpg": b"A letter, not a photograph.\n" * 20,
        "empty.jpg": b"",
        "short.jpg": encoded(99)[:-200],
        "short.png": encoded(99, kind="PNG")[:150],
    }
