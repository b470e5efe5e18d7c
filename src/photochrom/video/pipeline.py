"""A film on its way: looked through, coloured part by part, joined with its sound.

What is done is kept beside the result (:mod:`.side_folder`), so that whatever stops the work, the
same call goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from photochrom.errors import CannotWrite, InColor, MissingExtra, PhotoWarning

try:
    import av  # noqa: F401 - before the modules that need it
except ImportError as error:
    raise MissingExtra("av", "video") from error

from photochrom import __version__, files
from photochrom.color import Array
from photochrom.image.photo import Photo
from photochrom.image.provenance import Provenance, now
from photochrom.image.reader import as_photo
from photochrom.inference.colorizer import Colorizer, default_colorizer
from photochrom.inference.hints import HintSet
from photochrom.inference.pipeline import look_at, sentence_in_color, tell_provenance
from photochrom.names import escape_controls
from photochrom.video import propagation
from photochrom.video.asking import Asker
from photochrom.video.assembly import assemble
from photochrom.video.coloring import FilmInColor, make_guide, place_on_film, write_parts
from photochrom.video.encoding import Target, choose_target, default_suffix
from photochrom.video.film import Film, open_film
from photochrom.video.frame_hints import read_frame_hints
from photochrom.video.guiding import check_reference
from photochrom.video.options import VideoKeywords, VideoOptions
from photochrom.video.plan import PLAN_OF_SHOTS, Plan, find_plan, sign
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.side_folder import SideFolder


def colorize_video(
    path: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str] | None = None,
    force: bool = False,
    colorizer: Colorizer | None = None,
    progress: VideoListener | None = None,
    **options: Unpack[VideoKeywords],
) -> Path:
    """Colour a film; its sound and all else that is in its file are kept.

    What is done is kept in the folder ``<result>.parts`` until the result stands: whatever stops
    the work, the same call goes on with it.

    Args:
        path: the film.
        output: the file to write, whose suffix chooses the container; by default
            ``<stem>.color.<suffix>`` beside the film. Folders that are missing are made.
        force: replace the output if it exists.
        colorizer: by which model; by default the bundled one.
        progress: is told how far it has come, see :class:`.VideoProgress`.
        options: the fields of :class:`.VideoOptions`.

    Returns:
        The path that was written.

    Raises:
        BadFilm: the film cannot be read.
        BadOption: an option is out of range, or does not go with this film or model.
        InColor: the film is in colour already, and ``recolor`` is False.
        CannotWrite: the result exists already, is just being made, or cannot be written.
        DiskFull: there is no room; what is done is kept.
        MissingExtra: PyAV is not installed (extra ``video``).

    Warns:
        PhotoWarning: something of the film has no place in the result.
    """
    notes: list[str] = []
    result = color_film(
        Path(path),
        None if output is None else Path(output),
        VideoOptions(**options),
        default_colorizer() if colorizer is None else colorizer,
        force=force,
        listener=progress,
        note=notes.append,
    )
    for note in notes:
        told = escape_controls(f"{os.fspath(path)}: {note}")
        warnings.warn(told, PhotoWarning, stacklevel=2)
    return result


def color_film(
    path: Path,
    output: Path | None,
    options: VideoOptions,
    colorizer: Colorizer,
    *,
    force: bool = False,
    listener: VideoListener | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> Path:
    """Colour a film, see :func:`colorize_video`.

    Args:
        path: the film.
        output: the result; by default beside the film.
        options: how.
        colorizer: by which model.
        force: replace a result that exists.
        listener: is told how far it has come.
        note: is told at once what is good to know, in clauses without a full stop.
    """
    hints = read_frame_hints(options.hints)
    if options.reference is not None:
        reference = as_photo(options.reference)
        check_reference(colorizer, reference)
        options = replace(options, reference=reference)
    with open_film(path, deinterlace=options.deinterlace) as film:
        result = default_result(film, options) if output is None else output
        _check_result(result, path, force=force)
        target = choose_target(film, options, result)
        if not options.recolor and film.is_in_color():
            raise InColor(sentence_in_color(str(path)))
        for clause in target.notes:
            note(clause)
        work = _Work(
            film=film,
            target=target,
            asker=Asker(colorizer, film.raster, options.colorize_options, film.rotation),
            colorizer=colorizer,
            options=options,
            hints=hints,
            tell=listener or (lambda _: None),
            note=note,
        )
        files.make_parent(result)
        with SideFolder(result).held() as side:
            plan = work.look_through(side)
            work.color(plan, side)
            work.join(plan, side, result, force=force)
            side.remove()
    return result


def default_result(film: Film, options: VideoOptions) -> Path:
    """Where the result of a film goes by default: ``old.avi`` becomes ``old.color.mp4``, say."""
    return film.path.with_name(f"{film.path.stem}.color{default_suffix(film, options)}")


def _check_result(result: Path, film: Path, *, force: bool) -> None:
    """Refuse a place for the result before the work.

    Raises:
        CannotWrite: it is none.
    """
    if result.is_dir():
        raise CannotWrite(f"{result} is a folder: give the name of a file in it.")
    if result.exists() and result.samefile(film):
        raise CannotWrite(f"{result} is the film itself: choose another name for the result.")
    if result.exists() and not force:
        raise files.already_exists(result)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """A film that is worked on, and all that stays the same meanwhile."""

    film: Film
    target: Target
    asker: Asker
    colorizer: Colorizer
    options: VideoOptions
    """With a reference that is read already."""
    hints: Mapping[int, HintSet]
    tell: VideoListener
    note: Callable[[str], object]

    def look_through(self, side: SideFolder) -> Plan:
        """Find out what the film consists of, unless that is known."""
        kept, hints = [side.plan], self.options.hints
        if isinstance(hints, str | os.PathLike):
            kept.append(Path(hints) / PLAN_OF_SHOTS)
        plan = find_plan(self.film, kept, self.tell)
        if many := self.film.damaged:
            self.note(f"{many:,} of its frames are damaged: they are as they can be decoded")
        return plan

    def color(self, plan: Plan, side: SideFolder) -> None:
        """Colour and encode the parts that are not there yet."""
        film, asker, reference = self.film, self.asker, self.options.reference
        placed = place_on_film(self.hints, film, plan, asker)
        if side.begin(self._wish(plan, placed)):
            self.note("it was begun with other options or another model, so it is begun anew")
        assert reference is None or isinstance(reference, Photo)
        guide = make_guide(film, plan, asker, placed, reference, self.colorizer)
        colored = FilmInColor(
            film=film,
            plan=plan,
            asker=asker,
            target=self.target,
            strength=self.options.strength,
            guide=guide,
        )
        write_parts(colored, side, self.tell)
        if guide.unmatched:
            self.note(
                f"nothing of the reference was found in {guide.unmatched} of its "
                f"{len(plan.shots)} shots, so they were coloured without it"
            )

    def join(self, plan: Plan, side: SideFolder, result: Path, *, force: bool) -> None:
        """Make the result of the parts, and of what else the film has."""
        many = len(plan.pts)
        self.tell(VideoProgress(phase="joining", frames_done=many, frames=many))
        clauses = assemble(
            self.film,
            [side.part(part.number) for part in plan.parts()],
            plan.pts,
            self.target,
            result,
            provenance=self._provenance(),
            force=force,
            staging=side.staging,
        )
        for clause in clauses:
            self.note(clause)

    def _wish(self, plan: Plan, placed: Mapping[int, Array]) -> dict[str, Any]:
        """All that decides how the parts turn out, as JSON has it."""
        options, reference = self.options, self.options.reference
        spots = json.dumps({frame: spots.tolist() for frame, spots in placed.items()})
        seen = reference.pixels.tobytes() if isinstance(reference, Photo) else b""
        wish = {
            "photochrom": __version__,
            "method": propagation.VERSION,
            "film": sign(self.film),
            "cuts": plan.cuts,
            "model": self.colorizer.sha256,
            "target": asdict(replace(self.target, notes=())),
            "size": options.size,
            "strength": options.strength,
            "vivid": options.vivid,
            "hints": hashlib.sha256(spots.encode()).hexdigest(),
            "reference": hashlib.sha256(seen).hexdigest() if seen else None,
        }
        known: dict[str, Any] = json.loads(json.dumps(wish))  # where a tuple becomes a list
        return known

    def _provenance(self) -> Provenance | None:
        """What the mark of the result tells; None for none."""
        if not self.options.mark or self.options.strength <= 0:
            return None
        given = [hint for known in self.hints.values() for hint in (*known.hints, *known.more)]
        asked = replace(self.options.colorize_options, reference=self.options.reference)
        return tell_provenance(asked, self.colorizer, tuple(given), now(), look_at(self.film.path))
