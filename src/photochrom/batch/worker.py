"""One photo after another, coloured as was asked for; what came of each is told, not raised."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

import cv2

from photochrom import files
from photochrom.batch import planning
from photochrom.batch.journal import Ledger
from photochrom.batch.planning import Job
from photochrom.errors import (
    BadOption,
    BadPhoto,
    CannotWrite,
    DiskFull,
    PhotochromError,
    explain,
    kind_and_place,
)
from photochrom.image import photo as photographs
from photochrom.image import sidecar, tone
from photochrom.image import writer as encoders
from photochrom.image.photo import Photo
from photochrom.image.writer import Encoding
from photochrom.inference import hints as hint_files
from photochrom.inference.averaging import Quality
from photochrom.inference.colorizer import SAMPLES, Colorizer
from photochrom.inference.hints import Hint

Seal = Callable[[BinaryIO], None]
State = Literal["done", "skipped", "passed", "failed"]


@dataclass(frozen=True)
class Order:
    """What was asked for, the same for all photos; the options of ``photochrom colorize``."""

    model: str | None = None
    _: KW_ONLY
    size: int | None = None
    strength: float = 1.0
    vivid: float | None = None
    quality: Quality = "fast"
    hints: Path | None = None
    reference: Path | None = None
    samples: int | None = None
    seed: int = 0
    recolor: bool = False
    strip: bool = False
    mark: bool = True
    device: str = "auto"
    force: bool = False
    encoding: Encoding = encoders.DEFAULT
    keep_times: bool = False
    """Results get the times of their photos."""
    damaged: bool = False
    """Colour what can be read of broken files."""
    timeout: float = 0.0
    """Seconds for each photo; 0 for as many as it takes."""


_NOT_WISHED = ("force", "device", "keep_times", "damaged", "timeout")
"""Of an order: what does not decide how a photo that is coloured will look."""


class Outcome(NamedTuple):
    """What came of a photo."""

    photo: str
    state: State
    """Coloured now, done before, passed over because it is in colour, or failed."""
    results: tuple[str, ...]
    words: str
    """What is to be said of it: why there is no result, or what it lacks."""
    seconds: float
    error: str = ""
    """Of what kind a failure was, and where it arose."""
    trace: str = ""
    """The way there, for whoever mends it."""


def failure(photo: str, error: Exception, seconds: float) -> Outcome:
    """Tell what went wrong with a photo."""
    trace = "".join(traceback.format_exception(error, limit=-_FRAMES))
    words = explain(error, photo)
    return Outcome(photo, "failed", (), words, seconds, kind_and_place(error), trace)


_FRAMES = 40
"""Of a trace that are kept: the innermost."""


class GivenUp(PhotochromError):
    """The photo's turn was over before its result got its name."""


class Turn:
    """A photo's turn. It can be given up by another thread until its last result gets its name."""

    def __init__(self) -> None:
        self.over = False
        self._naming = threading.Lock()
        self._claimed = False

    def claim(self) -> None:
        """Be given up no more; before a result gets its name.

        Raises:
            GivenUp: the turn is over.
        """
        with self._naming:
            if self.over:
                raise GivenUp("This photo was given up.")
            self._claimed = True

    def release(self) -> None:
        """May be given up again."""
        with self._naming:
            self._claimed = False

    def give_up(self) -> bool:
        """End the turn, unless a result just gets its name; whether it has ended."""
        with self._naming:
            self.over = self.over or not self._claimed
            return self.over


class Remarks:
    """What is to be said of a photo: sentences, and notes of what was left behind.

    Args:
        name: of the photo.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.sentences: list[str] = []
        self._notes: dict[str, None] = {}

    def note(self, *notes: str) -> None:
        """Remember some, each once."""
        self._notes |= dict.fromkeys(note.rstrip(".") for note in notes)

    def read(self, page: Photo) -> Photo:
        """Remember the notes of a page, which is handed on."""
        self.note(*page.notes)
        return page

    def __str__(self) -> str:
        notes = [f"{self.name}: {'; '.join(self._notes)}."] if self._notes else []
        return " ".join([*self.sentences, *notes])


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
        self.guide = None if order.reference is None else _reference(order.reference)

    @cached_property
    def wish(self) -> str:
        """A digest of all that decides what a photo becomes, apart from the photo."""
        told = asdict(self.order) | {"model": self.colorizer.model.path}
        for name in _NOT_WISHED:
            del told[name]
        if self.order.encoding == encoders.DEFAULT:  # as ledgers of before it could be chosen
            del told["encoding"]
        if self.order.quality == "fast":  # likewise
            del told["quality"]
        for name in ("model", "hints", "reference"):
            if told[name] is not None:  # what is in the file counts, and not what it is called
                with files.open_plain(told[name]) as file:
                    told[name] = files.sha256(file)
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def __call__(self, job: Job, ledger: Ledger, turn: Turn | None = None) -> Outcome:
        """Colour a photo, unless the ledger knows that this was done.

        This is the guard around each of many: whatever goes wrong costs this photo alone.

        Raises:
            BadOption: the order does not go with the model. DiskFull: there is no room. Both would
                be so for each. GivenUp: the turn was over.
        """
        start = time.perf_counter()
        try:
            state, results, words = self._outcome(job, ledger, turn or Turn())
        except (BadOption, DiskFull, GivenUp):
            raise
        except Exception as error:  # a photo may provoke anything
            return self.fail(job, ledger, error, time.perf_counter() - start)
        names = tuple(map(str, results))
        return Outcome(str(job.photo), state, names, words, time.perf_counter() - start)

    def fail(self, job: Job, ledger: Ledger, error: Exception, seconds: float) -> Outcome:
        """Tell what went wrong with a photo, and note it.

        Raises:
            DiskFull: there is no room for the note.
        """
        outcome = failure(str(job.photo), error, seconds)
        try:
            if ledger.folder:
                ledger.fail(job.photo, job.target, self.wish, outcome.words, outcome.error)
        except DiskFull:
            raise
        except Exception:  # perhaps the very same trouble, which the outcome tells
            return outcome
        return outcome

    def _outcome(self, job: Job, ledger: Ledger, turn: Turn) -> tuple[State, list[Path], str]:
        if job.trouble:
            raise BadPhoto(job.trouble)
        photographs.check_size(job.photo)  # before it is read to find out whether it was done
        targets = planning.numbered(job.target, self.order.samples)
        wish = self.wish if ledger.folder else ""
        entry = ledger.find(job.photo, targets, wish)
        if entry and entry.passed:
            return "passed", [], _in_colour(job.photo)
        begun = len(entry.results) if entry else 0
        if begun == len(targets):
            return "skipped", targets, ""
        seen = ledger.look(job.photo)
        seal = ledger.seal(seen, targets, wish, entry.results if entry else ())
        try:
            words = self._colour(job, targets, ledger, seal, begun, turn)
        except InColour as error:
            ledger.pass_over(seen, targets[0], wish, str(error))
            return "passed", [], str(error)
        except CannotWrite:
            ledger.refresh()  # another process may have been faster
            entry = ledger.find(job.photo, targets, wish)
            if entry is None or len(entry.results) <= begun:
                raise
            return self._outcome(job, ledger, turn)
        return "done", targets, words

    def _colour(
        self, job: Job, targets: list[Path], ledger: Ledger, seal: Seal, begun: int, turn: Turn
    ) -> str:
        """Colour one photo; answers what is to be said of it.

        Args:
            job: the photo.
            targets: what to write.
            ledger: of their folder.
            seal: told of each.
            begun: how many of them were written before the process was stopped, and are left.
            turn: the photo's.
        """
        order, photo = self.order, job.photo
        planning.make_room(targets[0])
        for target in targets[begun:]:  # before the work, not after it
            for source in (photo, order.reference):
                kind = photographs.check_target(target, source, force=order.force)
        remarks = Remarks(str(photo))
        if _is_instead(job):
            remarks.note(_instead(photo.suffix[1:].upper()))
        pages = self._pages(photo)
        first = next(pages)
        self._check(first, photo, str(photo))

        def write(coloured: Iterable[Photo], target: Path) -> None:
            def name(file: BinaryIO) -> None:
                turn.claim()
                if not order.strip:
                    remarks.note(*sidecar.copy(photo, target, force=order.force))
                seal(file)

            try:
                photographs.write(
                    map(remarks.read, coloured),
                    target,
                    force=order.force,
                    room=ledger.room(target),
                    seal=name,
                    encoding=order.encoding,
                    keep_times=order.keep_times,
                )
            except BaseException:
                turn.release()
                raise
            if target != targets[-1]:
                turn.release()

        if first.paged:
            write((self._page(page, kind) for page in itertools.chain([first], pages)), targets[0])
            return str(remarks)
        given = self._hints(first, str(photo), remarks)
        versions = [given]
        if order.samples is not None:
            versions = self.colorizer.versions(
                first, order.samples, order.seed, hints=given, size=order.size
            )
        for target, version in list(zip(targets, versions, strict=True))[begun:]:
            write([self._render(first, version, kind)], target)
        return str(remarks)

    def stream(
        self, source: Path | bytes, kind: str | None = None
    ) -> tuple[Iterator[Photo], Remarks]:
        """The pages of a photo coloured, and what is to be said of it when all are taken.

        Args:
            source: the photo.
            kind: Pillow's name of the format that is to be written; by default the photo's own,
                or PNG where that cannot be.

        Raises:
            PhotochromError: it cannot be coloured, or is in colour already.
        """
        name = "The photo" if isinstance(source, bytes) else str(source)
        remarks = Remarks(name)
        pages = self._pages(source)
        first = next(pages)
        self._check(first, source, name)
        if kind is None:
            kind = photographs.usual(first.format)
            if first.format not in (None, kind):
                remarks.note(_instead(str(first.format)))
        if first.paged:
            every = itertools.chain([first], pages)
            return (remarks.read(self._page(page, kind)) for page in every), remarks
        done = self._render(first, self._hints(first, name, remarks), kind)
        return iter([remarks.read(done)]), remarks

    def _pages(self, source: Path | bytes) -> Iterator[Photo]:
        return photographs.pages(source, damaged=self.order.damaged)

    def _check(self, first: Photo, source: Path | bytes, name: str) -> None:
        """Whether the photo of which this is the first page is to be coloured."""
        if first.paged and (self.order.hints or self.order.samples is not None):
            raise BadPhoto(
                f"{name} has {first.pictures} pages, but hints and samples are for one: split it."
            )
        if not self.order.recolor and tone.of(first) == "colour":
            rest = self._pages(source) if first.paged else iter(())
            if all(tone.of(page) == "colour" for page in rest):
                raise InColour(_in_colour(name))

    def _page(self, page: Photo, kind: str) -> Photo:
        """One of several pages, coloured unless it is in colour already."""
        if not self.order.recolor and tone.of(page) == "colour":
            return photographs.fitted(page, kind)
        return self._render(page, self._hints(page, "", Remarks("")), kind)

    def _hints(self, page: Photo, name: str, remarks: Remarks) -> tuple[Hint, ...]:
        """What is given and what is borrowed from the reference; what is lacking is remarked."""
        height, width = page.pixels.shape[:2]
        if page.pictures > 1 and not page.paged:
            remarks.sentences.append(
                f"{name} holds {page.pictures} pictures: only the first is coloured."
            )
        given: tuple[Hint, ...] = ()
        if self.order.hints is not None:
            given = hint_files.read(self.order.hints, (width, height))
        if self.guide is not None:
            borrowed = self.colorizer.borrow(page, self.guide)
            given = hint_files.join(given, borrowed)
            if not borrowed:
                shown = f"{self.order.reference} shows nothing that {name} does"
                remarks.sentences.append(f"{shown}: coloured without it.")
        return given

    def _render(self, page: Photo, hints: tuple[Hint, ...], kind: str) -> Photo:
        """A page as it is to be written in a format."""
        order = self.order
        coloured = self.colorizer.render(
            page,
            hints=hints,
            size=order.size,
            strength=order.strength,
            vivid=order.vivid,
            quality=order.quality,
        )
        marked = order.mark and order.strength > 0
        done = self.colorizer.finish(coloured, strip=order.strip, mark=marked)
        return photographs.fitted(done, kind)


def _reference(path: Path) -> Photo:
    try:
        return photographs.read(path)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise BadPhoto(explain(error, str(path))) from error


def _in_colour(name: str | Path) -> str:
    return f"{name} is in colour already, so it was passed over: see --recolor."


def _is_instead(job: Job) -> bool:
    """Whether a result is PNG only because the photo's own format cannot be written."""
    ours = job.root is not None or job.target == photographs.default_output(job.photo)
    same = job.target.suffix.lower() == job.photo.suffix.lower()
    return ours and not same and job.target.suffix == ".png"


def _instead(kind: str) -> str:
    return f"{kind} cannot be written, so the result is PNG"
