"""One photo after another, coloured as was asked for; what came of each is told, not raised."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from photochrom import files
from photochrom.batch import lone, planning
from photochrom.batch.companions import (
    SidecarDraft,
    check_sidecar,
    draw_map,
    has_sidecar,
    map_beside,
    sidecar_beside,
    time_of,
    write_companions,
)
from photochrom.batch.counterparts import read_reference, with_picture
from photochrom.batch.entries import JournalEntry, Seen
from photochrom.batch.journal import Journal
from photochrom.batch.options import BatchOptions, path_of
from photochrom.batch.planning import Job
from photochrom.batch.turn import GivenUp, Turn
from photochrom.batch.versions import Version, Versions
from photochrom.errors import (
    BadOption,
    BadPhoto,
    CannotWrite,
    DiskFull,
    InColor,
    explain,
    kind_and_place,
)
from photochrom.files import make_parent
from photochrom.image.credentials import Signer, check_signable
from photochrom.image.photo_file import check_file_size
from photochrom.image.provenance import now
from photochrom.image.writer import check_target, digest_photo, write_photo
from photochrom.inference import hints as hint_files
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.onnx_model import Model
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import Notes, png_instead, sentence_in_color
from photochrom.inference.sidecar import ResultFile

Ahead = Callable[[], Model]
"""Answers a model that is being loaded, when it is."""
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
    return Outcome(
        photo, "failed", (), explain(error, photo), seconds, kind_and_place(error), trace
    )


_FRAMES = 40
"""Of a trace that are kept: the innermost."""


class Worker:
    """A colorizer with its options; threads may share it.

    Args:
        options: what to do with every photo.
        threads: for each photo; by default all there are.
        model: that of the options; by default it is loaded here.

    Raises:
        PhotochromError: what the options name cannot be used.
    """

    def __init__(
        self,
        options: BatchOptions,
        threads: int | None = None,
        model: Ahead | None = None,
    ) -> None:
        self.options = options
        if hints := path_of(options.hints):
            hint_files.read_hints(hints)  # before the work, not after it
        loaded = options.model if model is None else model()
        self.colorizer = Colorizer(loaded, threads=threads, device=options.device)
        self.signer = Signer(*options.sign) if options.sign else None
        if options.uncertainty_map:
            self.colorizer.model.centres()  # or there is no distribution to tell of
        self.page_options: ColorizeOptions = options
        """With the reference opened."""
        if reference := path_of(options.reference):
            self.page_options = replace(self.page_options, reference=read_reference(reference))

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
        start, worker = time.perf_counter(), self
        try:
            worker = with_picture(self, job)
            state, results, words = worker._outcome(job, journal, turn or Turn())
        except (BadOption, DiskFull, GivenUp):
            raise
        except Exception as error:  # a photo may provoke anything
            return worker.fail(job, journal, error, time.perf_counter() - start)
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
            job = job._replace(target=target)
            if done:
                return self._done_already(job, journal)
        targets = planning.numbered(job.target, self.options.samples)
        digest = self.digest if journal.folder else ""
        entry = journal.find(job.photo, targets, digest)
        if entry and entry.passed:
            return "passed", [], sentence_in_color(str(job.photo))
        begun = len(entry.results) if entry else 0
        notes = Notes()
        made_up = entry is not None and self._make_up(job, targets, entry, journal, notes)
        if begun == len(targets):
            return "done" if made_up else "skipped", targets, notes.sentence(str(job.photo))
        self._check_companions(job, targets[begun:])
        seen = journal.stamp(job.photo)
        record = journal.recorder(seen, targets, digest, entry.results if entry else ())
        try:
            words = self._colorize(job, targets, journal, record, begun, turn, seen)
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

    def _done_already(self, job: Job, journal: Journal) -> tuple[Status, list[Path], str]:
        """What comes of a photo by itself whose result is there."""
        photo, result, notes = Seen.at(job.photo, ""), Seen.at(job.target, ""), Notes()
        entry = JournalEntry(str(job.target), "", photo, (result,))
        if self._make_up(job, [job.target], entry, journal, notes):
            return "done", [job.target], notes.sentence(str(job.photo))
        return "skipped", [job.target], f"{job.target} is done already: see --force to do it again."

    def _colorize(
        self,
        job: Job,
        targets: list[Path],
        journal: Journal,
        record: Recorder,
        begun: int,
        turn: Turn,
        seen: Seen | None,
    ) -> str:
        """Colour one photo; answers what is to be said of it.

        Args:
            job: the photo.
            targets: what to write.
            journal: of their folder.
            record: told of each.
            begun: how many of them were written before the process was stopped, and are left.
            turn: the photo's.
            seen: the photo as it was, if it was looked at.
        """
        options, photo = self.options, job.photo
        make_parent(targets[0])
        for target in targets[begun:]:  # before the work, not after it
            for source in (photo, path_of(options.reference), path_of(options.chroma_from)):
                kind = check_target(target, source, force=options.force)
        if self.signer:
            check_signable(kind, photo)
        notes = Notes()
        if planning.is_png_instead(job):
            notes.add(png_instead(photo.suffix[1:].upper()))

        def write(version: Version, target: Path) -> None:
            draft, signer, sign = version.draft, self.signer, None
            if signer is not None:
                original = None if options.strip else photo
                sign = signer.prepare(target.name, original, version.colored.told)
            digests: list[str] = []

            def name(file: BinaryIO) -> None:
                turn.claim()
                notes.add(*write_companions(photo, target, options))
                if draft is not None:
                    digests.append(files.sha256(file))
                record(file)

            try:
                write_photo(
                    version.colored.pages,
                    target,
                    force=options.force,
                    staging=journal.staging_for(target),
                    before_rename=name,
                    encoding=options.encoding,
                    keep_times=options.keep_times,
                    sign=sign,
                )
            except BaseException:
                turn.release()
                raise
            if draft is not None:  # which tells of the result as it is
                self._write_sidecar(draft, photo, target, kind, digests[0])
            if target != targets[-1]:
                turn.release()

        when = itertools.repeat(now())
        versions = self._versions(photo, seen).color(kind, when)
        for target, version in itertools.islice(zip(targets, versions, strict=True), begun, None):
            write(version, target)
            notes.add(*version.colored.notes)
        if options.uncertainty_map:  # last, as it can be made up for when the results are there
            notes.add(*self._draw_map(job, map_beside(photo, job.target), journal))
        return notes.sentence(str(photo))

    def _draw_map(self, job: Job, target: Path, journal: Journal) -> tuple[str, ...]:
        """Write the map of uncertainty; answers what is to be said of it."""
        drawn = draw_map(job.photo, self.page_options, self.colorizer, damaged=self.options.damaged)
        staging = journal.staging_for(target)
        write_photo(drawn, target, force=self.options.force, staging=staging)
        return drawn.notes

    def _write_sidecar(
        self, draft: SidecarDraft, photo: Path, target: Path, kind: str, sha256: str
    ) -> None:
        result = ResultFile(target.name, kind, self.options.encoding, sha256)
        draft.write(sidecar_beside(photo, target), result, force=self.options.force)

    def _check_companions(self, job: Job, targets: list[Path]) -> None:
        """Refuse files that exist in the place of those beside results, before the work.

        Raises:
            CannotWrite: there are such.
        """
        options = self.options
        if options.uncertainty_map:
            check_target(map_beside(job.photo, job.target), job.photo, force=options.force)
        for target in targets if options.sidecar else ():
            check_sidecar(sidecar_beside(job.photo, target), force=options.force)

    def _versions(self, photo: Path, seen: Seen | None) -> Versions:
        return Versions(photo, seen, self.options, self.page_options, self.colorizer)

    def _make_up(
        self, job: Job, targets: list[Path], entry: JournalEntry, journal: Journal, notes: Notes
    ) -> bool:
        """Make what is asked for beside results that are there; whether that was anything.

        Raises:
            CannotWrite: something else is in its place, or a result would not come out as it is.
        """
        options, photo = self.options, job.photo
        known = [seen.sha256 for seen in entry.results]
        lacking = [
            options.sidecar
            and not has_sidecar(sidecar_beside(photo, target), sha256, force=options.force)
            for target, sha256 in zip(targets, known, strict=False)
        ]
        if any(lacking) and self.signer:
            raise CannotWrite(
                f"{targets[0]} is signed, and no signature is made twice, so no sidecar was "
                "written: make it anew (--force)."
            )
        if any(lacking):
            kind = check_target(targets[0], photo, force=True)
            when = map(time_of, targets)
            again = self._versions(photo, entry.photo).color(kind, when)
            for target, sha256, lacks, version in zip(targets, known, lacking, again, strict=False):
                if not lacks or version.draft is None:
                    continue
                pages, folder = version.colored.pages, target.parent
                if digest_photo(pages, kind, options.encoding, folder) != sha256:
                    raise CannotWrite(
                        f"{target} is not what would be made now, as it is signed or of another "
                        "version of photochrom, so no sidecar was written: make it anew (--force)."
                    )
                self._write_sidecar(version.draft, photo, target, kind, sha256)
        picture = map_beside(photo, job.target) if options.uncertainty_map else None
        if picture is None or len(known) < len(targets) or picture.exists():
            return any(lacking)
        notes.add(*self._draw_map(job, picture, journal))
        return True
