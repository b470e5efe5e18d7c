"""Photographs in folders and tars, and files that only pretend to be some."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def encoded() -> Encode:
    """The bytes of a photo of noise: ``encoded(seed, width=60, height=40, kind="JPEG")``."""

    def encode(seed: int, width: int = 60, height: int = 40, kind: str = "JPEG", **how) -> bytes:
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        photo = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        photo.save(file, kind, **how)
        return file.getvalue()

    return encode


@pytest.fixture
def pack() -> Callable[[Path, dict[str, bytes]], Path]:
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
def bad(encoded: Encode) -> dict[str, bytes]:
    """Files that are called photos and cannot be read as such."""
    return {
        "text.jpg": b"A letter, not a photograph.\n" * 20,
        "empty.jpg": b"",
        "short.jpg": encoded(99)[:-200],
        "short.png": encoded(99, kind="PNG")[:150],
    }
