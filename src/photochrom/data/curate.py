"""Which photos of a set are worth training on, and why the others are not.

Every photo is looked at once (:mod:`photochrom.data.look`); what was seen is kept in
``looks.jsonl``, so that to choose anew, with other limits or more photos, looks at new photos only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from photochrom import files
from photochrom.data import look
from photochrom.data.look import MIRROR, Look
from photochrom.data.shards import Source
from photochrom.errors import BadData, BadOption, BadPhoto

Hashes = npt.NDArray[np.uint64]

LOOKS = "looks.jsonl"
REASONS = {
    "unreadable": "not an image, or cut short",
    "small": "too few pixels",
    "grey": "hardly any colour",
    "toned": "one weak hue, as sepia",
    "bordered": "a plain frame",
    "parted": "a line across: a collage, a caption",
    "graphic": "a few flat colours, as of a map",
    "leak": "near to a photo of --against",
    "duplicate": "near to another photo",
}
"""Why photos are dropped, in the order in which it is asked."""
FAR = 7
"""The largest distance that is searched for, bits: one of four bands differs in one bit at most."""
_BAND = 16  # bits


@dataclass(frozen=True)
class Limits:
    """What a photo has to be to be kept. Chosen by looking; docs/data.md tells how often they err.

    The first is the study's own rule.
    """

    saturation: float = 20.0
    """Least mean saturation of HSV, 0..255."""
    short: int = 200
    """Least short side, pixels."""
    toned: float = 14.0
    """A photo of one hue, as toned prints are, is dropped below so much mean chroma; 0: none."""
    frame: float = 0.02
    """Largest share that a border may take."""
    gutter: float = 0.9
    """Sharpness at which a plain line across is taken for a seam."""
    graphic: float = 0.3
    """Share in a few flat colours from which on it is no photo."""
    alike: int = 6
    """Bits of 64 by which near-duplicates may differ; negative to keep them."""

    def __post_init__(self) -> None:
        if self.alike > FAR:
            raise BadOption(f"--alike is {self.alike}: give at most {FAR} bits.")
        for name in ("saturation", "short", "toned"):
            if getattr(self, name) < 0:
                raise BadOption(f"--{name} is {getattr(self, name)}: give 0 or more.")


class Verdict(NamedTuple):
    """What becomes of a photo."""

    source: Source
    reason: str = ""
    """One of :data:`REASONS`; empty where it is kept."""
    detail: str = ""
    duplicate_of: str = ""
    """The photo it is near to."""


def judge(
    sources: Sequence[Source],
    looks: Sequence[Look],
    limits: Limits,
    against: Sequence[tuple[str, Look]] = (),
) -> list[Verdict]:
    """Keep or drop each photo; of near-duplicates the one with most pixels is kept.

    Args:
        sources: the photos.
        looks: of each.
        limits: what is kept.
        against: names and looks of photos of which none may be kept, nor one near to them.
    """
    verdicts = [
        Verdict(source, *_alone(seen, limits)) for source, seen in zip(sources, looks, strict=True)
    ]
    if limits.alike < 0:
        return verdicts
    # the best first, so that a worse one is dropped for it; those to be kept apart before all
    left = [i for i, verdict in enumerate(verdicts) if not verdict.reason]
    left.sort(key=lambda i: -looks[i].width * looks[i].height)
    foreign = [(name, seen) for name, seen in against if not seen.trouble]
    names = [name for name, _ in foreign] + [sources[i].name for i in left]
    seen = [seen.hash for _, seen in foreign] + [looks[i].hash for i in left]
    first = len(foreign)
    kept = np.ones(len(seen), bool)
    for one, other, distance in alike(np.array(seen, np.uint64), limits.alike):
        if other >= first and kept[one] and kept[other]:
            kept[other] = False
            i = left[other - first]
            reason = "leak" if one < first else "duplicate"
            verdicts[i] = Verdict(sources[i], reason, f"{distance} of 64 bits", names[one])
    return verdicts


def _alone(seen: Look, limits: Limits) -> tuple[str, str]:
    """Why a photo is dropped whatever the others are, and in figures; or neither."""
    short = min(seen.width, seen.height)
    if seen.trouble:
        return "unreadable", seen.trouble
    if short < limits.short:
        return "small", f"{seen.width} x {seen.height}"
    if seen.saturation < limits.saturation:
        return "grey", f"saturation {seen.saturation:.1f} of 255"
    if seen.tone != "colour" and seen.chroma < limits.toned:
        return "toned", f"chroma {seen.chroma:.1f}"
    if seen.frame > limits.frame:
        return "bordered", f"{seen.frame:.1%} is border"
    if seen.gutter > limits.gutter:
        return "parted", f"a line across, {seen.gutter:.0%} sharp"
    if seen.graphic > limits.graphic:
        return "graphic", f"{seen.graphic:.0%} in flat colours"
    return "", ""


# --- near-duplicates --------------------------------------------------------------------------


def alike(hashes: Hashes, most: int) -> list[tuple[int, int, int]]:
    """Pairs ``(i, j, distance)``, i < j, whose hashes differ by at most ``most`` bits, in order.

    A mirror image counts as alike. Hashes are looked up by bands (Norouzi et al. 2012): of four
    bands of 16 bits one differs by a bit at most where all do by :data:`FAR`.
    """
    found: dict[tuple[int, int], int] = {}
    for other in (hashes, hashes ^ np.uint64(MIRROR)):
        for band in range(64 // _BAND):
            mine, theirs = _band(hashes, band), _band(other, band)
            order = np.argsort(theirs, kind="stable")
            for flip in (0, *(1 << bit for bit in range(_BAND))):
                for i, j in _equal(mine ^ flip, theirs[order], order):
                    near = np.bitwise_count(hashes[i] ^ other[j])
                    chosen = (near <= most) & (i < j)
                    for pair in zip(i[chosen], j[chosen], near[chosen], strict=True):
                        a, b, distance = map(int, pair)
                        found[a, b] = min(distance, found.get((a, b), 64))
    return sorted((a, b, distance) for (a, b), distance in found.items())


def _band(hashes: Hashes, band: int) -> npt.NDArray[np.int64]:
    return (hashes >> np.uint64(_BAND * band) & np.uint64((1 << _BAND) - 1)).astype(np.int64)


def _equal(
    wanted: npt.NDArray[np.int64],
    there: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    most: int = 1 << 22,
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """All pairs of a wanted number and an equal one in ``there``, sorted; so many at a time."""
    first = np.searchsorted(there, wanted, "left")
    counts = np.searchsorted(there, wanted, "right") - first
    block = np.cumsum(counts) // most  # bounds the memory where many are equal
    for number in range(int(block[-1]) + 1 if len(block) else 0):
        mine = np.flatnonzero((block == number) & (counts > 0))
        i = np.repeat(mine, counts[mine])
        start = np.repeat(np.cumsum(counts[mine]) - counts[mine], counts[mine])
        yield i, order[first[i] + np.arange(len(i)) - start]


# --- looking ----------------------------------------------------------------------------------


class Looks:
    """What was seen of photos, kept in a folder.

    Raises:
        CannotWrite: the folder does not take files.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOOKS
        self.known: dict[str, Look] = {}
        self._states: dict[str, tuple[int, int]] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                for line in self.path.read_text(encoding="ascii", errors="replace").splitlines():
                    self._learn(line)
        except OSError as error:
            raise files.cannot_write(self.path, error) from error

    def take(self, sources: Sequence[Source], jobs: int) -> Iterator[Look]:
        """The look of each photo, those that are not known yet taken on so many threads."""
        block = 32 * jobs  # bounds what waits in memory, and what is lost when this is stopped
        try:
            with ThreadPoolExecutor(jobs) as pool, self.path.open("ab") as file:
                if file.tell():
                    file.write(b"\n")  # a line that was cut off ends here
                for first in range(0, len(sources), block):
                    some = sources[first : first + block]
                    keys = ["" if source.trouble else self._key(source) for source in some]
                    fine = [i for i, source in enumerate(some) if not source.trouble]
                    new = [i for i in fine if keys[i] not in self.known]
                    for i, seen in zip(new, pool.map(_look, [some[i] for i in new]), strict=True):
                        self.known[keys[i]] = seen
                        told = {"photo": keys[i], "version": look.VERSION} | asdict(seen)
                        file.write(json.dumps(told).encode() + b"\n")
                    file.flush()
                    for source, key in zip(some, keys, strict=True):
                        yield Look(source.trouble) if source.trouble else self.known[key]
        except OSError as error:
            raise files.cannot_write(self.path, error) from error

    def _learn(self, line: str) -> None:
        try:
            told = json.loads(line)
            photo, version = told.pop("photo"), told.pop("version")
            if version == look.VERSION:
                self.known[photo] = Look(**told)
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # an empty line, or what a crash has left of one

    def _key(self, source: Source) -> str:
        """A photo as it is: where, how large, and when it was changed."""
        where = str(source.path)
        if where not in self._states:
            try:
                state = source.path.stat()
                self._states[where] = state.st_size, state.st_mtime_ns
            except (OSError, BadData):
                self._states[where] = 0, 0  # gone; to look at it will say so
        return "\t".join(map(str, (source.name, source.offset, *self._states[where])))


def _look(source: Source) -> Look:
    try:
        return look.look(source.read())
    except BadPhoto as error:
        return Look(str(error))
