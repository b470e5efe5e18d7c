"""A film on its way: looked through, coloured part by part, joined with its sound.

What is done is kept beside the result (:mod:`.side_folder`), so that whatever stops the work, the
same call goes on with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
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
from photochrom.video.coloring import FilmInColor, make_guide, write_parts
from photochrom.video.encoding import Target, choose_target, default_suffix
from photochrom.video.film import Film, open_film
from photochrom.video.frame_hints import place_hints, read_frame_hints
from photochrom.video.guiding import check_reference
from photochrom.video.options import VideoKeywords, VideoOptions
from photochrom.video.plan import PLAN_OF_SHOTS, Plan, make_plan
from photochrom.video.progress import VideoListener, VideoProgress
from photochrom.video.side_folder import SideFolder

CUTS = 1
"""The version of what finds shots: plans of another one are made anew."""


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

    def warn(clause: str) -> None:
        told = escape_controls(f"{os.fspath(path)}: {clause}")
        warnings.warn(told, PhotoWarning, stacklevel=4)

    return color_film(
        Path(path),
        None if output is None else Path(output),
        VideoOptions(**options),
        default_colorizer() if colorizer is None else colorizer,
        force=force,
        listener=progress,
        note=warn,
    )


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
    tell = listener or (lambda _: None)
    hints = read_frame_hints(options.hints)
    reference = None if options.reference is None else as_photo(options.reference)
    if reference is not None:
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
        asker = Asker(colorizer, film.raster, options.colorize_options, film.rotation)
        files.make_parent(result)
        with SideFolder(result).held() as side:
            plan = find_plan(film, options, [side.plan, *_plans_of_shots(options)], tell)
            if film.damaged:
                note(f"{film.damaged:,} of its frames are damaged: they are as they can be decoded")
            placed = place_on_film(hints, film, plan, asker)
            if side.begin(_wish(film, target, options, colorizer, placed)):
                note("it was begun with other options or another model, so it is begun anew")
            guide = make_guide(film, plan, asker, placed, reference, colorizer)
            colored = FilmInColor(
                film=film,
                plan=plan,
                asker=asker,
                target=target,
                strength=options.strength,
                guide=guide,
            )
            write_parts(colored, side, tell)
            if guide.unmatched:
                note(
                    f"nothing of the reference was found in {guide.unmatched} of its "
                    f"{len(plan.shots)} shots, so they were coloured without it"
                )
            many = len(plan.pts)
            tell(VideoProgress(phase="joining", frames_done=many, frames=many))
            parts = [side.part(part.number) for part in plan.parts()]
            mark = _provenance(film, options, colorizer, hints)
            left_out = assemble(
                film,
                parts,
                plan.pts,
                target,
                result,
                provenance=mark,
                force=force,
                staging=side.staging,
            )
            for clause in left_out:
                note(clause)
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


def find_plan(film: Film, options: VideoOptions, kept: Sequence[Path], tell: VideoListener) -> Plan:
    """What the film consists of: looked up in some files, or found out; kept in the first.

    Raises:
        BadFilm: it cannot be read. CannotWrite, DiskFull: the folder does not take the file.
    """
    known = film.path.stat()
    signature = {
        "method": CUTS,
        "bytes": known.st_size,
        "changed": known.st_mtime_ns,
        "deinterlace": options.deinterlace,
    }
    for path in kept:
        if plan := Plan.load(path, signature):
            break
    else:
        path, plan = film.path, make_plan(film, tell)
    if path != kept[0]:
        plan.save(kept[0], signature)
    return plan


def _plans_of_shots(options: VideoOptions) -> list[Path]:
    """Where a folder of shots that is given back has its plan."""
    given = options.hints
    return [Path(given) / PLAN_OF_SHOTS] if isinstance(given, str | os.PathLike) else []


def place_on_film(
    hints: Mapping[int, HintSet], film: Film, plan: Plan, asker: Asker
) -> dict[int, Array]:
    """The hints where the network sees them, by frame.

    Raises:
        BadOption: the film has no such frame, or its frames are of another shape.
    """
    raster = film.raster
    return place_hints(
        hints,
        frames=len(plan.pts),
        size=(raster.height, raster.width),
        rotation=film.rotation,
        small=asker.size,
    )


def _wish(
    film: Film,
    target: Target,
    options: VideoOptions,
    colorizer: Colorizer,
    placed: Mapping[int, Array],
) -> dict[str, Any]:
    """All that decides how the parts turn out, as JSON has it."""
    file = film.path.stat()
    spots = {frame: spots.tolist() for frame, spots in placed.items()}
    wish = {
        "photochrom": __version__,
        "method": propagation.VERSION,
        "film": [file.st_size, file.st_mtime_ns],
        "model": colorizer.sha256,
        "target": asdict(replace(target, notes=())),
        "deinterlace": options.deinterlace,
        "size": options.size,
        "strength": options.strength,
        "vivid": options.vivid,
        "hints": hashlib.sha256(json.dumps(spots).encode()).hexdigest(),
        "reference": None,
    }
    if isinstance(options.reference, Photo):
        wish["reference"] = hashlib.sha256(options.reference.pixels.tobytes()).hexdigest()
    known: dict[str, Any] = json.loads(json.dumps(wish))  # a tuple is a list when it is read again
    return known


def _provenance(
    film: Film, options: VideoOptions, colorizer: Colorizer, hints: Mapping[int, HintSet]
) -> Provenance | None:
    """What the mark of the result tells; None for none."""
    if not options.mark or options.strength <= 0:
        return None
    given = tuple(hint for known in hints.values() for hint in (*known.hints, *known.more))
    asked = replace(options.colorize_options, reference=options.reference)
    return tell_provenance(asked, colorizer, given, now(), look_at(film.path))
