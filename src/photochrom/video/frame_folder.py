"""A folder of frames: the same names, formats, depths and metadata come out, in colour.

Frames are the pictures right in the folder, in natural order, ``frame_2.png`` before
``frame_10.png``. Those of another size than the one before begin a new shot. One that cannot be
read is told of, and its shot goes on without it.
"""

from __future__ import annotations

import hashlib
import mimetypes
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from photochrom import __version__
from photochrom.color import Array
from photochrom.errors import BadOption, BadPhoto, InColor
from photochrom.image.photo import Photo
from photochrom.image.provenance import now
from photochrom.image.reader import as_photo
from photochrom.image.writer import check_target, writable_target, write_photo
from photochrom.inference.chroma_upsampling import fit_lines
from photochrom.inference.colorizer import Colorizer, default_colorizer
from photochrom.inference.hints import Hint, HintSet
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import (
    Notes,
    finish_page,
    fit_page,
    look_at,
    tell_provenance,
)
from photochrom.parallel import map_ahead
from photochrom.video import propagation
from photochrom.video.asking import Asker
from photochrom.video.frame_hints import read_frame_hints
from photochrom.video.frame_journal import FrameJournal
from photochrom.video.frame_plan import (
    THREADS,
    FramePlan,
    describe_frames,
    digest,
    explain_frame,
    list_frames,
    place_in_shot,
    read_frame,
    scan_frames,
)
from photochrom.video.guiding import UNMATCHED, Guide, check_reference, match_reference
from photochrom.video.holding import hold_spots
from photochrom.video.options import VideoOptions
from photochrom.video.picture import Picture, ask_about, look
from photochrom.video.propagation import Carrier, State

PART = 500
"""Frames of a shot from one state that is kept to the next: so many are coloured anew at most where
work was stopped."""
_NONE = np.zeros((0, 5), np.float32)

Listener = Callable[[str, int, int], object]
"""Is told of progress: what is done, "look" or "color", with how many frames, of how many."""


@dataclass
class FolderOutcome:
    """What came of a folder of frames."""

    written: int = 0
    kept: int = 0
    """Those that stood already."""
    failed: dict[int, str] = field(default_factory=dict)
    """A sentence on each frame that was not coloured, by its number from 0."""
    notes: Counter[str] = field(default_factory=Counter)
    """What is to be said of frames that were, a clause each, and of how many."""


def colorize_folder(
    folder: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: VideoOptions,
    *,
    colorizer: Colorizer | None = None,
    force: bool = False,
    listener: Listener = lambda *_: None,
) -> FolderOutcome:
    """Colour the frames of a folder into files of the same names in another.

    What stands there of the same wish is kept. So work that was stopped goes on, and after hints
    were changed only their shots are coloured anew.

    Args:
        folder: of the frames.
        output: the folder for the results, made if it is not there.
        options: of which those that speak of a film's file do not count.
        colorizer: by which model; by default the bundled one.
        force: replace results of another wish, and any other files of those names.
        listener: is told of progress.

    Raises:
        BadPhoto: the folder holds no frames that can be read.
        InColor: most are in colour already, and ``options.recolor`` is not set.
        BadOption: the options do not go with the frames or the model.
        CannotWrite: a result exists already, or the folder does not take it.
    """
    source, target = Path(folder), Path(output)
    frames = list_frames(source)
    if target.exists() and target.samefile(source):
        raise BadOption(f"{target} is the folder of the frames itself: choose another for results.")
    kind, _ = mimetypes.guess_type(target.name)
    if (target.exists() and not target.is_dir()) or (kind or "").startswith("video/"):
        raise BadOption(f"{target} is no folder: frames become frames, so name a folder for them.")
    hints = read_frame_hints(options.hints)
    colorizer = colorizer or default_colorizer()
    reference = None if options.reference is None else as_photo(options.reference)
    if reference is not None:
        check_reference(colorizer, reference)
    colorizer.model.fill_numbers(vivid=options.vivid)
    with closing(FrameJournal(target)) as journal:
        plan = _plan(frames, journal, listener)
        if plan.in_color and not options.recolor:
            raise InColor(f"{source} is in colour already, so it was passed over: see --recolor.")
        work = _Work(plan, target, options, hints, reference, colorizer, journal, force)
        work.check()
        outcome = work.outcome
        for shot in range(len(plan.shots)):
            for _ in work.color_shot(shot):
                listener("color", outcome.written + outcome.kept, len(frames))
    return outcome


def _plan(frames: list[Path], journal: FrameJournal, listener: Listener) -> FramePlan:
    """What there is to do; found out anew where a frame has changed."""
    key = digest(__version__, describe_frames(frames))
    plan = FramePlan.from_json(frames, journal.read_plan(key))
    if plan is None:
        plan = scan_frames(frames, lambda done: listener("look", done, len(frames)))
        journal.write_plan(key, plan.to_json())
    if not plan.shots:
        raise BadPhoto(f"No frame can be read. {plan.troubles[0]}")
    return plan


@dataclass
class _Work:
    """The way from frames to results, shot by shot."""

    plan: FramePlan
    output: Path
    options: VideoOptions
    hints: dict[int, HintSet]
    reference: Photo | None
    colorizer: Colorizer
    journal: FrameJournal
    force: bool

    def __post_init__(self) -> None:
        self.outcome = FolderOutcome(failed=dict(self.plan.troubles))
        self.when = now()
        self.wishes = list(map(self._wish, self.plan.shots))

    def check(self) -> None:
        """Refuse before the work what would be refused in it.

        Raises:
            BadOption, CannotWrite: as :func:`colorize_folder`.
        """
        for shot, numbers in enumerate(self.plan.shots):
            self._place(shot)
            for number in numbers:
                if not self._stands(shot, number):
                    frame = self.plan.frames[number]
                    check_target(self._target(number), frame, force=self.force)

    def color_shot(self, shot: int) -> Iterator[None]:
        """Colour a shot, part by part, unless all of it stands; yields after each frame."""
        numbers, wish = self.plan.shots[shot], self.wishes[shot]
        standing = {number for number in numbers if self._stands(shot, number)}
        self.outcome.kept += len(standing)
        if len(standing) == len(numbers):
            yield
            return
        asker = self._asker(shot)
        spots = self._follow(shot, asker)

        def ask(picture: Picture, lightness: Array) -> Array:
            return asker.ask(lightness, spots.get(picture.number, _NONE))

        def write(colored: tuple[Picture, Array]) -> Sequence[str]:
            picture, ab = colored
            known = spots.get(picture.number, _NONE)
            return self._write(shot, picture, hold_spots(ab, picture.lightness, known))

        state: State | None = None
        for start in range(0, len(numbers), PART):
            part = numbers[start : start + PART]
            known = self.journal.load_state(wish, start)
            if known is not None and standing.issuperset(part):
                state = known
                continue
            carrier: Carrier[Picture] = Carrier(lambda picture: picture.lightness, ask, state)
            pictures = (look(number, photo, asker) for number, photo in self._read(part))
            missing = ((p, ab) for p, ab in carrier.carry(pictures) if p.number not in standing)
            with closing(map_ahead(write, missing, THREADS, 1)) as written:
                for notes in written:
                    self.outcome.written += 1
                    self.outcome.notes.update(notes)
                    yield
            state = carrier.state
            if state is not None and start + PART < len(numbers):
                self.journal.save_state(wish, start, state)
        self.journal.drop_states(wish)

    def _read(self, numbers: Sequence[int]) -> Iterator[tuple[int, Photo]]:
        """The frames of a shot; one that cannot be read any more is noted and left out."""

        def read(number: int) -> Photo | str:
            path = self.plan.frames[number]
            try:
                return read_frame(path)
            except Exception as error:  # a file may provoke anything
                return explain_frame(error, path)

        with closing(map_ahead(read, numbers, THREADS, 1)) as photos:
            for number, photo in zip(numbers, photos, strict=True):
                if isinstance(photo, str):
                    self.outcome.failed[number] = photo
                else:
                    yield number, photo

    def _write(self, shot: int, picture: Picture, ab: Array) -> Sequence[str]:
        """Write a frame in its colours; answers what is to be said of it."""
        number, photo, lightness = picture
        target, notes, told = self._target(number), Notes(), None
        kind = check_target(target, photo.source, force=True)
        lines = fit_lines(ab, lightness) if self.options.strength > 0 else None
        options = self._page_options
        if options.mark and options.strength > 0:
            hints = tuple(h for n in self.plan.shots[shot] for h in self._hints_of(n))
            told = tell_provenance(options, self.colorizer, hints, self.when, look_at(photo))
        page = fit_page(finish_page(photo, lines, options, told), kind, notes, photo)
        write_photo(
            page,
            target,
            force=self.force,
            staging=self.journal.staging,
            before_rename=lambda file: self.journal.note(target.name, self.wishes[shot], file),
        )
        return list(notes)

    def _asker(self, shot: int) -> Asker:
        return ask_about(self.plan.sizes[shot], self.colorizer, self.options.colorize_options)

    def _place(self, shot: int) -> dict[int, Array]:
        return place_in_shot(self.plan, shot, self.hints, self._asker(shot).size)

    def _follow(self, shot: int, asker: Asker) -> Mapping[int, Array]:
        """What is known in the frames of a shot, by hints and the reference, to both its ends."""
        numbers, reference = self.plan.shots[shot], self.reference

        def match(number: int) -> Array:
            assert reference is not None
            frame = read_frame(self.plan.frames[number])
            return match_reference(self.colorizer, reference, frame, small=asker.size)

        guide = Guide(self._place(shot), None if reference is None else match)
        spots = guide.follow(
            numbers, lambda: (look(n, photo, asker).lightness for n, photo in self._read(numbers))
        )
        if guide.unmatched:
            self.outcome.notes[UNMATCHED] += len(numbers)
        return spots

    def _hints_of(self, number: int) -> tuple[Hint, ...]:
        given = self.hints.get(number)
        return () if given is None else (*given.hints, *given.more)

    @property
    def _page_options(self) -> ColorizeOptions:
        """The options as those of photos."""
        return ColorizeOptions(
            size=self.options.size,
            strength=self.options.strength,
            vivid=self.options.vivid,
            reference=self.reference,
            mark=self.options.mark,
        )

    def _wish(self, numbers: Sequence[int]) -> str:
        """A digest of all that the colours of a shot come from."""
        seen = self.reference and hashlib.sha256(self.reference.pixels.tobytes()).hexdigest()
        given = [
            (n, repr((h.hints, h.size, h.more))) for n, h in self.hints.items() if n in numbers
        ]
        return digest(
            (propagation.VERSION, self.colorizer.sha256, seen),
            (self.options.size, self.options.strength, self.options.vivid, self.options.mark),
            describe_frames(self.plan.frames[n] for n in numbers),
            [(numbers.index(n), words) for n, words in given],
        )

    def _target(self, number: int) -> Path:
        return writable_target(self.output / self.plan.frames[number].name)

    def _stands(self, shot: int, number: int) -> bool:
        return self.journal.stands(self._target(number), self.wishes[shot])
