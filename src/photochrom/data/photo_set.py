"""Photos under numbers, however they are kept, and which of them are held out."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photochrom.color import Pixels
from photochrom.errors import BadData

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chosen:
    """Numbers below ``total`` without those left out, in order; it holds only the latter."""

    total: int
    left_out: Numbers
    """In order, each once."""

    def __len__(self) -> int:
        return self.total - len(self.left_out)

    def __getitem__(self, places: Numbers | slice) -> Numbers:
        """The numbers at some places."""
        if isinstance(places, slice):
            places = np.arange(*places.indices(len(self)), dtype=np.int64)
        before = self.left_out - np.arange(len(self.left_out))  # how many are kept before each
        found: Numbers = places + np.searchsorted(before, places, side="right")
        return found

    def count_below(self, numbers: Numbers) -> Numbers:
        """How many are below each of some numbers."""
        found: Numbers = numbers - np.searchsorted(self.left_out, numbers, side="left")
        return found


class PhotoSet(ABC):
    """Photos under numbers: decoded ones, or such as are decoded when they are asked for."""

    unreadable: dict[str, str]
    """Photos that could not be decoded, by name, each with the reason."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read_photos(self, numbers: Iterable[int]) -> Iterator[Pixels]:
        """The photos of these numbers that can be read, one after another: ``(h, w, 3)`` uint8."""

    @abstractmethod
    def fingerprint(self) -> str:
        """The same wherever the same photos have the same numbers."""

    @abstractmethod
    def look(self, part: slice, *, whole: bool) -> Iterator[tuple[int, str, str]]:
        """Number, name and digest of each photo that may be held out.

        Args:
            part: which part of them.
            whole: of a very large set too, all.
        """

    def split(
        self, share: float, index: dict[str, str] | None = None, part: slice = slice(None)
    ) -> tuple[Numbers, Numbers]:
        """Numbers of the photos not to train on, and of those to validate on, in order.

        Args:
            share: part of the photos to hold out, chosen by a hash of their content.
            index: photo name (whole, or as it is called inside its tar) to ``train`` or ``val``;
                where given it decides, and photos it does not name are left out.
            part: which part of the set to look at, where processes share that.
        """
        listed = self.look(part, whole=index is not None)
        if index is None:
            held = np.array([i for i, _, key in listed if is_held_out(key, share)], np.int64)
            return held, held
        splits = [(i, _find_split(index, name)) for i, name, _ in listed]
        left_out = [i for i, split in splits if split != "train"]
        validation = [i for i, split in splits if split == "val"]
        return np.array(left_out, np.int64), np.array(validation, np.int64)


def _find_split(index: dict[str, str], name: str) -> str | None:
    inside = name.partition(".tar/")[2]
    return index.get(name) or index.get(inside) or index.get(Path(name).name)


def is_held_out(digest: str, share: float) -> bool:
    """Whether the photo belongs to the ``share`` that is held out; the same on every machine."""
    return int(digest[:8], 16) < share * 2**32


def read_split_index(path: Path) -> dict[str, str]:
    """Photo name to split from a CSV with the columns ``name`` and ``split``.

    Raises:
        BadData: missing file or columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets write a BOM
            return {row["name"]: row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise BadData(f"{path} is no index: it needs the columns name and split.") from error
