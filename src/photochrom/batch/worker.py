"""One photo after another, coloured as was asked for; what came of each is told, not raised."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

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
    InColor,
    PhotochromError,
    explain,
    kind_and_place,
)
from photochrom.image import photo as photographs
from photochrom.image import sidecar
from photochrom.image import writer as encoders
from photochrom.image.photo import Photo
from photochrom.image.writer import Encoding
from photochrom.inference import hints as hint_files
from photochrom.inference.colorizer import SAMPLES, Colorizer
from photochrom.inference.flow import (
    ColoredPages,
    Notes,
    colorize_pages,
    gather_hints,
    in_color,
    open_pages,
    png_instead,
)
from photochrom.inference.options import ColorizeOptions, check_range

Seal = Callable[[BinaryIO], None]
State = Literal["done", "skipped", "passed", "failed"]


@dataclass(frozen=True, kw_only=True)
class BatchOptions(ColorizeOptions):
    """What is asked for of many photos: the options of ``photochrom colorize``.

    Hints and reference are paths.

    Raises:
        BadOption: a value is out of range.
    """

    model: str | None = None
    samples: int | None = None
    """So many versions of each, in a file of its own."""
    seed: int = 0
    device: str = "auto"
    force: bool = False
    encoding: Encoding = encoders.DEFAULT
    keep_times: bool = False
    """Results get the times of their photos."""
    damaged: bool = False
    """Colour what can be read of broken files."""
    timeout: float = 0.0
    """Seconds for each photo; 0 for as many as it takes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples is not None:
            check_range("samples", self.samples, 1, SAMPLES)

    def digest(self, model: Path) -> str:
        """A digest of all that decides what a photo becomes, apart from the photo.

        Of files what is in them counts, and not what they are called. The names of what is listed
        are those in journals that were begun by older versions.
        """
        listed: dict[str, Any] = {
            "model": _sha256(model),
            "size": self.size,
            "strength": self.strength,
            "vivid": self.vivid,
            "hints": _sha256(self.hints),
            "reference": _sha256(self.reference),
            "samples": self.samples,
            "seed": self.seed,
            "recolor": self.recolor,
            "strip": self.strip,
            "mark": self.mark,
        }
        if self.quality != "fast":  # as journals of before it could be chosen
            listed["quality"] = self.quality
        if self.encoding != encoders.DEFAULT:  # likewise
            listed["encoding"] = asdict(self.encoding)
        return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()


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


class Worker:
    """A colorizer with its options; threads may share it.

    Args:
        options: what to do with every photo.
        threads: for each photo; by default all there are.

    Raises:
        PhotochromError: what the options name cannot be used.
    """

    def __init__(self, options: BatchOptions, threads: int | None = None) -> None:
        self.options = options
        if threads is not None:
            cv2.setNumThreads(threads)
        if hints := _path(options.hints):
            hint_files.read(hints)  # before the work, not after it
        self.colorizer = Colorizer(options.model, threads=threads, device=options.device)
        self.look: ColorizeOptions = options
        """With the reference opened."""
        if reference := _path(options.reference):
            self.look = replace(self.look, reference=_read_reference(reference))

    @cached_property
    def wish(self) -> str:
        """:meth:`BatchOptions.digest`, with the model that is used."""
        return self.options.digest(self.colorizer.model.path)

    def __call__(self, job: Job, ledger: Ledger, turn: Turn | None = None) -> Outcome:
        """Colour a photo, unless the ledger knows that this was done.

        This is the guard around each of many: whatever goes wrong costs this photo alone.

        Raises:
            BadOption: the options do not go with the model. DiskFull: there is no room. Both would
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
        targets = planning.numbered(job.target, self.options.samples)
        wish = self.wish if ledger.folder else ""
        entry = ledger.find(job.photo, targets, wish)
        if entry and entry.passed:
            return "passed", [], in_color(str(job.photo))
        begun = len(entry.results) if entry else 0
        if begun == len(targets):
            return "skipped", targets, ""
        seen = ledger.look(job.photo)
        seal = ledger.seal(seen, targets, wish, entry.results if entry else ())
        try:
            words = self._colour(job, targets, ledger, seal, begun, turn)
        except InColor as error:
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
        options, photo = self.options, job.photo
        planning.make_room(targets[0])
        for target in targets[begun:]:  # before the work, not after it
            for source in (photo, _path(options.reference)):
                kind = photographs.check_target(target, source, force=options.force)
        notes = Notes()
        if _is_instead(job):
            notes.add(png_instead(photo.suffix[1:].upper()))

        def write(pages: Iterator[Photo], target: Path) -> None:
            def name(file: BinaryIO) -> None:
                turn.claim()
                if not options.strip:
                    notes.add(*sidecar.copy(photo, target, force=options.force))
                seal(file)

            try:
                photographs.write(
                    pages,
                    target,
                    force=options.force,
                    room=ledger.room(target),
                    seal=name,
                    encoding=options.encoding,
                    keep_times=options.keep_times,
                )
            except BaseException:
                turn.release()
                raise
            if target != targets[-1]:
                turn.release()

        todo = zip(targets, self._colored(photo, kind), strict=True)
        for target, colored in itertools.islice(todo, begun, None):
            write(colored.pages, target)
            notes.add(*colored.notes)
        return notes.sentence(str(photo))

    def _colored(self, photo: Path, kind: str) -> Iterator[ColoredPages]:
        """The photo coloured, or in so many versions."""
        options, look, colorizer = self.options, self.look, self.colorizer
        if options.samples is None:
            yield colorize_pages(photo, look, colorizer, kind=kind, damaged=options.damaged)
            return
        page, _ = open_pages(photo, look, damaged=options.damaged)
        if page.paged:
            raise BadPhoto(f"{photo} has {page.pictures} pages, but samples are of one: split it.")
        notes = Notes()
        hints = gather_hints(page, look, colorizer, notes)
        drawn = colorizer.sample_hints(
            page, options.samples, options.seed, hints=hints, size=look.size
        )
        for version in drawn:
            own = replace(look, hints=version, reference=None, recolor=True)
            colored = colorize_pages(page, own, colorizer, kind=kind)
            colored.notes.add(*notes)
            yield colored


def _read_reference(path: Path) -> Photo:
    try:
        return photographs.read(path)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise BadPhoto(explain(error, str(path))) from error


def _is_instead(job: Job) -> bool:
    """Whether a result is PNG only because the photo's own format cannot be written."""
    ours = job.root is not None or job.target == photographs.default_output(job.photo)
    same = job.target.suffix.lower() == job.photo.suffix.lower()
    return ours and not same and job.target.suffix == ".png"


def _path(given: object) -> Path | None:
    """A path, where that is what was given."""
    return Path(given) if isinstance(given, str | os.PathLike) else None


def _sha256(given: object) -> str | None:
    """Of what is in a file, if one was given."""
    if (path := _path(given)) is None:
        return None
    with files.open_plain(path) as file:
        return files.sha256(file)
