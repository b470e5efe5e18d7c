"""One photo after another, coloured as was asked for; what came of each is told, not raised."""

from __future__ import annotations

import itertools
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from photochrom.batch import lone, planning
from photochrom.batch.companions import draw_map, map_beside, write_companions
from photochrom.batch.journal import Journal
from photochrom.batch.options import BatchOptions, path_of
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
from photochrom.files import make_parent
from photochrom.image.photo import Photo
from photochrom.image.photo_file import check_file_size
from photochrom.image.reader import read_photo
from photochrom.image.writer import check_target, default_output, write_photo
from photochrom.inference import hints as hint_files
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import (
    ColoredPages,
    Notes,
    colorize_pages,
    gather_hints,
    open_pages,
    png_instead,
    sentence_in_color,
)

Recorder = Callable[[BinaryIO], None]
Status = Literal["done", "skipped", "passed", "failed"]


class Outcome(NamedTuple):
    """What came of a photo."""

    photo: str
    state: Status
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
        if hints := path_of(options.hints):
            hint_files.read_hints(hints)  # before the work, not after it
        self.colorizer = Colorizer(options.model, threads=threads, device=options.device)
        if options.uncertainty_map:
            self.colorizer.model.centres()  # or there is no distribution to tell of
        self.page_options: ColorizeOptions = options
        """With the reference opened."""
        if reference := path_of(options.reference):
            self.page_options = replace(self.page_options, reference=_read_reference(reference))

    @cached_property
    def digest(self) -> str:
        """:meth:`BatchOptions.digest`, with the model that is used."""
        return self.options.digest(self.colorizer.model.path)

    def __call__(self, job: Job, journal: Journal, turn: Turn | None = None) -> Outcome:
        """Colour a photo, unless the journal knows that this was done.

        This is the guard around each of many: whatever goes wrong costs this photo alone.

        Raises:
            BadOption: the options do not go with the model. DiskFull: there is no room. Both would
                be so for each. GivenUp: the turn was over.
        """
        start = time.perf_counter()
        try:
            state, results, words = self._outcome(job, journal, turn or Turn())
        except (BadOption, DiskFull, GivenUp):
            raise
        except Exception as error:  # a photo may provoke anything
            return self.fail(job, journal, error, time.perf_counter() - start)
        names = tuple(map(str, results))
        return Outcome(str(job.photo), state, names, words, time.perf_counter() - start)

    def fail(self, job: Job, journal: Journal, error: Exception, seconds: float) -> Outcome:
        """Tell what went wrong with a photo, and note it.

        Raises:
            DiskFull: there is no room for the note.
        """
        outcome = failure(str(job.photo), error, seconds)
        try:
            if journal.folder:
                journal.fail(job.photo, job.target, self.digest, outcome.words, outcome.error)
        except DiskFull:
            raise
        except Exception:  # perhaps the very same trouble, which the outcome tells
            return outcome
        return outcome

    def _outcome(self, job: Job, journal: Journal, turn: Turn) -> tuple[Status, list[Path], str]:
        if job.trouble:
            raise BadPhoto(job.trouble)
        check_file_size(job.photo)  # before it is read to find out whether it was done
        usual = job.target
        if job.root is None:
            target, done = lone.find_place(job, self.options, self.colorizer)
            if done:
                return "skipped", [target], f"{target} is done already: see --force to do it again."
            job = job._replace(target=target)
        targets = planning.numbered(job.target, self.options.samples)
        digest = self.digest if journal.folder else ""
        entry = journal.find(job.photo, targets, digest)
        if entry and entry.passed:
            return "passed", [], sentence_in_color(str(job.photo))
        begun = len(entry.results) if entry else 0
        picture = map_beside(job.photo, job.target) if self.options.uncertainty_map else None
        if begun == len(targets):
            if picture is None or picture.exists():
                return "skipped", targets, ""
            notes = Notes()
            notes.add(*self._draw_map(job, picture, journal))
            return "done", targets, notes.sentence(str(job.photo))
        if picture is not None:
            check_target(picture, job.photo, force=self.options.force)
        seen = journal.stamp(job.photo)
        record = journal.recorder(seen, targets, digest, entry.results if entry else ())
        try:
            words = self._colorize(job, targets, journal, record, begun, turn)
        except InColor as error:
            journal.pass_over(seen, targets[0], digest, str(error))
            return "passed", [], str(error)
        except CannotWrite:
            journal.refresh()  # another process may have been faster
            entry = journal.find(job.photo, targets, digest)
            if entry is None or len(entry.results) <= begun:
                raise
            return self._outcome(job, journal, turn)
        if job.target != usual:
            words = f"{usual} is another result, so this one is {job.target}. {words}".rstrip()
        return "done", targets, words

    def _colorize(
        self,
        job: Job,
        targets: list[Path],
        journal: Journal,
        record: Recorder,
        begun: int,
        turn: Turn,
    ) -> str:
        """Colour one photo; answers what is to be said of it.

        Args:
            job: the photo.
            targets: what to write.
            journal: of their folder.
            record: told of each.
            begun: how many of them were written before the process was stopped, and are left.
            turn: the photo's.
        """
        options, photo = self.options, job.photo
        make_parent(targets[0])
        for target in targets[begun:]:  # before the work, not after it
            for source in (photo, path_of(options.reference)):
                kind = check_target(target, source, force=options.force)
        notes = Notes()
        if _is_instead(job):
            notes.add(png_instead(photo.suffix[1:].upper()))

        def write(pages: Iterator[Photo], target: Path) -> None:
            def name(file: BinaryIO) -> None:
                turn.claim()
                notes.add(*write_companions(photo, target, options))
                record(file)

            try:
                write_photo(
                    pages,
                    target,
                    force=options.force,
                    staging=journal.staging_for(target),
                    before_rename=name,
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
        if options.uncertainty_map:  # last, as it can be made up for when the results are there
            notes.add(*self._draw_map(job, map_beside(photo, job.target), journal))
        return notes.sentence(str(photo))

    def _draw_map(self, job: Job, target: Path, journal: Journal) -> tuple[str, ...]:
        """Write the map of uncertainty; answers what is to be said of it."""
        drawn = draw_map(job.photo, self.page_options, self.colorizer, damaged=self.options.damaged)
        staging = journal.staging_for(target)
        write_photo(drawn, target, force=self.options.force, staging=staging)
        return drawn.notes

    def _colored(self, photo: Path, kind: str) -> Iterator[ColoredPages]:
        """The photo coloured, or in so many versions."""
        options, page_options, colorizer = self.options, self.page_options, self.colorizer
        if options.samples is None:
            yield colorize_pages(photo, page_options, colorizer, kind=kind, damaged=options.damaged)
            return
        page, _ = open_pages(photo, page_options, damaged=options.damaged)
        if page.paged:
            raise BadPhoto(f"{photo} has {page.pictures} pages, but samples are of one: split it.")
        notes = Notes()
        hints = gather_hints(page, page_options, colorizer, notes)
        drawn = colorizer.sample_hints(
            page, options.samples, options.seed, hints=hints, size=page_options.size
        )
        for version in drawn:
            own = replace(page_options, hints=version, reference=None, recolor=True)
            colored = colorize_pages(page, own, colorizer, kind=kind)
            colored.notes.add(*notes)
            yield colored


def _read_reference(path: Path) -> Photo:
    try:
        return read_photo(path)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise BadPhoto(explain(error, str(path))) from error


def _is_instead(job: Job) -> bool:
    """Whether a result is PNG only because the photo's own format cannot be written."""
    ours = job.root is not None or job.target == default_output(job.photo)
    same = job.target.suffix.lower() == job.photo.suffix.lower()
    return ours and not same and job.target.suffix == ".png"
