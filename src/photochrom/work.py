"""One photo after another, coloured as was asked for; what came of each is told, not raised."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import cv2

from photochrom import batch, tone
from photochrom import hints as hint_files
from photochrom import photo as photographs
from photochrom.batch import Job
from photochrom.colorizer import SAMPLES, Colorizer
from photochrom.errors import BadOption, BadPhoto, CannotWrite, DiskFull, PhotochromError
from photochrom.hints import Hint
from photochrom.ledger import Ledger, Seen
from photochrom.photo import Photo

Seal = Callable[[Path], None]
State = Literal["done", "skipped", "passed", "failed"]


@dataclass(frozen=True)
class Order:
    """What was asked for, the same for all photos; the options of ``photochrom colorize``."""

    model: str | None = None
    size: int | None = None
    strength: float = 1.0
    vivid: float | None = None
    hints: Path | None = None
    reference: Path | None = None
    samples: int | None = None
    seed: int = 0
    recolor: bool = False
    strip: bool = False
    mark: bool = True
    device: str = "auto"
    force: bool = False


class Outcome(NamedTuple):
    """What came of a photo."""

    photo: str
    state: State
    """Coloured now, done before, passed over because it is in colour, or failed."""
    results: tuple[str, ...]
    words: str
    """What is to be said of it: why there is no result, or what it lacks."""
    seconds: float


class InColour(PhotochromError):
    """A photo that is passed over."""


class Worker:
    """A colorizer with an order; threads may share it.

    Args:
        order: what to do with every photo.
        threads: for each photo; by default all there are.

    Raises:
        PhotochromError: what the order names cannot be used.
    """

    def __init__(self, order: Order, threads: int | None = None) -> None:
        self.order = order
        if threads is not None:
            cv2.setNumThreads(threads)
        if order.samples is not None and not 1 <= order.samples <= SAMPLES:
            raise BadOption(f"samples is {order.samples}: give a number from 1 to {SAMPLES}.")
        if order.hints is not None:
            hint_files.read(order.hints)  # before the work, not after it
        self.colorizer = Colorizer(order.model, threads=threads, device=order.device)
        self.guide = None if order.reference is None else photographs.read(order.reference)

    @cached_property
    def wish(self) -> str:
        """A digest of all that decides what a photo becomes, apart from the photo."""
        told = asdict(self.order) | {"model": self.colorizer.model.path}
        for name in ("force", "device"):
            del told[name]
        for name in ("model", "hints", "reference"):
            if told[name] is not None:  # what is in the file counts, and not what it is called
                told[name] = hashlib.sha256(told[name].read_bytes()).hexdigest()
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def __call__(self, job: Job, ledger: Ledger) -> Outcome:
        """Colour a photo, unless the ledger knows that this was done.

        Raises:
            BadOption: the order does not go with the model. DiskFull: there is no room.
        """
        start = time.perf_counter()
        state, results, words = self._outcome(job, ledger)
        names = tuple(map(str, results))
        return Outcome(str(job.photo), state, names, words, time.perf_counter() - start)

    def _outcome(self, job: Job, ledger: Ledger) -> tuple[State, list[Path], str]:
        if job.trouble:
            return "failed", [], job.trouble
        targets = batch.numbered(job.target, self.order.samples)
        wish = self.wish if ledger.folder else ""
        seen: Seen | None = None
        try:
            entry = ledger.find(job.photo, targets, wish)
            if entry and entry.passed:
                return "passed", [], entry.passed
            begun = len(entry.results) if entry else 0
            if begun == len(targets):
                return "skipped", targets, ""
            seen = ledger.look(job.photo)
            seal = ledger.seal(seen, targets, wish)
            try:
                words = self._colour(job.photo, targets, ledger, seal, begun)
            except CannotWrite:
                ledger.refresh()  # another process may have been faster
                entry = ledger.find(job.photo, targets, wish)
                if entry is None or len(entry.results) <= begun:
                    raise
                return self._outcome(job, ledger)
            return "done", targets, words
        except InColour as error:
            ledger.pass_over(seen, targets[0], wish, str(error))
            return "passed", [], str(error)
        except (BadOption, DiskFull):
            raise
        except PhotochromError as error:
            named = str(job.photo) in str(error)
            return "failed", [], str(error) if named else f"{job.photo}: {error}"
        except MemoryError:
            reason = f"{job.photo} needs more memory than there is: make it smaller first."
            return "failed", [], reason
        except (OSError, RecursionError) as error:  # such as a name too long with .color in it
            reason = str(getattr(error, "strerror", None) or error)
            tried = f"{job.photo} cannot be coloured to {job.target} ({reason})"
            return "failed", [], f"{tried}: check names and permissions."

    def _colour(
        self, photo: Path, targets: list[Path], ledger: Ledger, seal: Seal, begun: int
    ) -> str:
        """Colour one photo; answers what is to be said of it.

        Args:
            photo: the file.
            targets: what to write.
            ledger: of their folder.
            seal: told of each.
            begun: how many of them were written before the process was stopped.
        """
        order = self.order
        replace = targets if order.force else targets[:begun]
        batch.make_room(targets[0])
        for target in targets:  # before the work, not after it
            for source in (photo, order.reference):
                photographs.check_target(target, source, force=target in replace)
        pages = photographs.pages(photo)
        first = next(pages)
        self._check(first, photo, str(photo))

        def write(coloured: Photo | Iterator[Photo], target: Path) -> None:
            force, part = target in replace, ledger.part(target)
            photographs.write(coloured, target, force=force, part=part, seal=seal)

        if first.paged:
            write(map(self._page, itertools.chain([first], pages)), targets[0])
            return ""
        given, words = self._hints(first, str(photo))
        versions = [given]
        if order.samples is not None:
            versions = self.colorizer.versions(
                first, order.samples, order.seed, hints=given, size=order.size
            )
        for target, version in zip(targets, versions, strict=True):
            write(self._render(first, version), target)
        return words

    def stream(self, source: Path | bytes) -> tuple[Iterator[Photo], str]:
        """The pages of a photo coloured, and what is to be said of it.

        Raises:
            PhotochromError: it cannot be coloured, or is in colour already.
        """
        name = "The photo" if isinstance(source, bytes) else str(source)
        pages = photographs.pages(source)
        first = next(pages)
        self._check(first, source, name)
        if first.paged:
            return map(self._page, itertools.chain([first], pages)), ""
        hints, words = self._hints(first, name)
        return iter([self._render(first, hints)]), words

    def _check(self, first: Photo, source: Path | bytes, name: str) -> None:
        """Whether the photo of which this is the first page is to be coloured."""
        if first.paged and (self.order.hints or self.order.samples is not None):
            raise BadPhoto(
                f"{name} has {first.pictures} pages, but hints and samples are for one: split it."
            )
        if not self.order.recolor and tone.of(first) == "colour":
            rest = photographs.pages(source) if first.paged else iter(())
            if all(tone.of(page) == "colour" for page in rest):
                raise InColour(
                    f"{name} is in colour already, so it was passed over: see --recolor."
                )

    def _page(self, page: Photo) -> Photo:
        """One of several pages, coloured unless it is in colour already."""
        if not self.order.recolor and tone.of(page) == "colour":
            return page
        return self._render(page, self._hints(page, "")[0])

    def _hints(self, page: Photo, name: str) -> tuple[tuple[Hint, ...], str]:
        """What is given and what is borrowed from the reference, and a word on what is lacking."""
        height, width = page.pixels.shape[:2]
        words: list[str] = []
        if page.pictures > 1 and not page.paged:
            words.append(f"{name} holds {page.pictures} pictures: only the first is coloured.")
        given: tuple[Hint, ...] = ()
        if self.order.hints is not None:
            given = hint_files.read(self.order.hints, (width, height))
        if self.guide is not None:
            borrowed = self.colorizer.borrow(page, self.guide)
            given += borrowed
            if not borrowed:
                shown = f"{self.order.reference} shows nothing that {name} does"
                words.append(f"{shown}: coloured without it.")
        return given, " ".join(words)

    def _render(self, page: Photo, hints: tuple[Hint, ...]) -> Photo:
        """A page as it is to be written."""
        order = self.order
        coloured = self.colorizer.render(
            page, hints=hints, size=order.size, strength=order.strength, vivid=order.vivid
        )
        marked = order.mark and order.strength > 0
        return self.colorizer.finish(coloured, strip=order.strip, mark=marked)
