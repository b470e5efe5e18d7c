"""Which photos of a set are worth training on, and why the others are not.

Every photo is looked at once (:mod:`photochrom.data.look`); what was seen is kept in
``looks.jsonl``, so that to choose anew, with other limits or more photos, looks at new photos only.
What is left behind is a list of what is kept, a table of what is not, and perhaps a folder.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from photochrom import files
from photochrom.data import look as looking
from photochrom.data.look import MIRROR, Look
from photochrom.data.photo_source import PhotoSource, stamp_file
from photochrom.data.shards import process_photo
from photochrom.errors import BadOption, BadPhoto, CannotWrite
from photochrom.names import write_table
from photochrom.parallel import map_ahead
from photochrom.storage.remote import Remote

Hashes = npt.NDArray[np.uint64]

LOOKS, KEPT, DROPPED, FOLDER = "looks.jsonl", "kept.txt", "dropped.csv", "kept"
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
class CurationLimits:
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


class Decision(NamedTuple):
    """What becomes of a photo."""

    source: PhotoSource
    reason: str = ""
    """One of :data:`REASONS`; empty where it is kept."""
    detail: str = ""
    duplicate_of: str = ""
    """The photo it is near to."""


def decide(
    sources: Sequence[PhotoSource],
    looks: Sequence[Look],
    limits: CurationLimits,
    against: Sequence[tuple[str, Look]] = (),
) -> list[Decision]:
    """Keep or drop each photo; of near-duplicates the one with most pixels is kept.

    Args:
        sources: the photos.
        looks: of each.
        limits: what is kept.
        against: names and looks of photos of which none may be kept, nor one near to them.
    """
    decisions = [
        Decision(source, *_reason_to_drop(seen, limits))
        for source, seen in zip(sources, looks, strict=True)
    ]
    if limits.alike < 0:
        return decisions
    # the best first, so that a worse one is dropped for it; those to be kept apart before all
    left = [i for i, decision in enumerate(decisions) if not decision.reason]
    left.sort(key=lambda i: -looks[i].width * looks[i].height)
    foreign = [(name, seen) for name, seen in against if not seen.trouble]
    names = [name for name, _ in foreign] + [sources[i].name for i in left]
    seen = [seen.hash for _, seen in foreign] + [looks[i].hash for i in left]
    first = len(foreign)
    kept = np.ones(len(seen), bool)
    for one, other, distance in find_near_duplicates(np.array(seen, np.uint64), limits.alike):
        if other >= first and kept[one] and kept[other]:
            kept[other] = False
            i = left[other - first]
            reason = "leak" if one < first else "duplicate"
            decisions[i] = Decision(sources[i], reason, f"{distance} of 64 bits", names[one])
    return decisions


def _reason_to_drop(seen: Look, limits: CurationLimits) -> tuple[str, str]:
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


def find_near_duplicates(hashes: Hashes, most: int) -> list[tuple[int, int, int]]:
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
        self._stamp = cache(stamp_file)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = files.read_json_lines(self.path)
        except OSError as error:
            raise files.cannot_write(self.path, error) from error
        for line in lines:
            try:
                photo, version = line.pop("photo"), line.pop("version")
                if version == looking.VERSION:
                    self.known[photo] = Look(**line)
            except (KeyError, TypeError, AttributeError):
                continue  # nothing of ours

    def take(self, sources: Sequence[PhotoSource], jobs: int) -> Iterator[Look]:
        """The look of each photo, those that are not known yet taken on so many threads."""
        block = 32 * jobs  # bounds what is lost when this is killed
        for first in range(0, len(sources), block):
            some = sources[first : first + block]
            keys = ["" if source.trouble else self._key(source) for source in some]
            pairs = zip(keys, some, strict=True)
            new = {key: source for key, source in pairs if key and key not in self.known}
            looks: dict[str, Look] = {}
            try:
                looks.update(zip(new, map_ahead(_look, new.values(), jobs), strict=True))
            finally:
                told = {"version": looking.VERSION}
                lines = [{"photo": key} | told | asdict(seen) for key, seen in looks.items()]
                files.append_json_lines(self.path, lines)
            self.known |= looks
            for source, key in zip(some, keys, strict=True):
                yield self.known[key] if key else Look(source.trouble)

    def _key(self, source: PhotoSource) -> str:
        """A photo as it is: where, how large, and when it was changed."""
        return "\t".join(map(str, (source.name, source.offset, *self._stamp(source.path))))


def _look(source: PhotoSource) -> Look:
    seen = process_photo(source, looking.look)
    return Look(str(seen)) if isinstance(seen, BadPhoto) else seen


# --- results ----------------------------------------------------------------------------------


def write_decisions(decisions: Sequence[Decision], out: Path) -> None:
    """Write ``kept.txt``, a name a line, and ``dropped.csv``.

    Raises:
        CannotWrite: the folder does not take them.
    """
    table = io.StringIO(newline="")
    dropped = ((d.source.name, *d[1:]) for d in decisions if d.reason)
    write_table(table, ("photo", "reason", "detail", "duplicate_of"), dropped)
    kept = "".join(f"{d.source.name}\n" for d in decisions if not d.reason)
    for name, text in ((KEPT, kept), (DROPPED, table.getvalue())):
        files.write_bytes(out / name, text.encode("utf-8", "surrogateescape"))


def gather_photos(sources: Sequence[PhotoSource], folder: Path, *, link: bool) -> Iterator[str]:
    """Put photos into a folder, those that are there already left as they are.

    Args:
        sources: the photos; what is in a tar or at a URL is written out.
        folder: where to.
        link: of files, make links instead of copies.

    Yields:
        For each photo, why it could not be put there, or "".

    Raises:
        CannotWrite: the folder holds others, or does not take these.
    """
    names: dict[str, PhotoSource] = {}
    for source in sources:  # a name that no other photo has, and that stays when photos are added
        inner = Path(source.member or source.path.name)
        apart = hashlib.sha256(source.name.encode(errors="surrogateescape")).hexdigest()[:8]
        names[f"{inner.stem}-{apart}{inner.suffix}"] = source
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = {path.name for path in folder.iterdir() if not path.name.startswith(".")}
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    if there - set(names):
        raise CannotWrite(f"{folder} holds photos that are not kept now: remove it, and go on.")
    for name, source in names.items():
        reason = ""
        if name not in there:
            try:
                _put_photo(source, folder / name, link=link)
            except BadPhoto as error:  # it has gone since it was looked at
                reason = f"{source.name}: {error}"
        yield reason


def _put_photo(source: PhotoSource, target: Path, *, link: bool) -> None:
    if link and not source.member and not isinstance(source.path, Remote):
        files.make_symlink(target, source.path.absolute())
    else:
        files.write_bytes(target, source.read())
