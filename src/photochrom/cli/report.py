"""Telling: report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional

from photochrom.cli.flags import flag
from photochrom.cli.options import console, load_colorizer, needs, print_result
from photochrom.errors import BadData, BadModel, BadPhoto
from photochrom.names import say
from photochrom.training.presets import PRESETS

if TYPE_CHECKING:
    from photochrom.data.photo_source import PhotoSource
    from photochrom.evaluation.rows import Row
    from photochrom.report.runs import MeasuredRun, Study

ColorizeFunction = Callable[[Any], Any]


def report(
    runs: Annotated[
        Positional[tuple[Path, ...]],
        flag("run folders that were evaluated, or .json figures", "RUN..."),
    ],
    /,
    out: Annotated[Path, flag("the page to write", "FILE.html", short="-o")] = Path("report.html"),
    data: Annotated[
        tuple[Path, ...],
        flag(
            "where the photos are now: folders or .tar files",
            "PATH...",
            default="where they were measured",
        ),
    ] = (),
) -> int:
    """Make one page of a study: tables, the claims and what became of them, and photographs.

    Each run has to hold its figures: photochrom evaluate RUN... --data PHOTOS puts them there.
    Example: photochrom report runs/unet-lab runs/unet-bins hintnet.json -o report.html
    """
    with needs("study"):
        from photochrom.report import document as page
    from photochrom.report.examples import Gallery
    from photochrom.report.runs import read_study

    page.check_target(out)  # before the work, not after it
    study = read_study(runs, {name: asdict(preset) for name, (_, preset) in PRESETS.items()})
    painters, absent = _painters(study.runs)
    find, missing = _finder(study, data)
    absent += missing
    for sentence in absent:
        say(sentence)
    with console().status("painting"):
        page.write_report(study, out, Gallery(study.results, painters, find), absent)
    print_result(out)
    return 0


# --- who paints -----------------------------------------------------------------------------


def _painters(runs: Iterable[MeasuredRun]) -> tuple[dict[Row, ColorizeFunction], list[str]]:
    """Whoever painted each row when it was measured, and why some cannot any more."""
    painters: dict[Row, ColorizeFunction] = {}
    absent = []
    for run in runs:
        model = str(run.path / "model.onnx") if run.trained else run.name
        try:
            colorizer = load_colorizer(model)
        except BadModel as error:
            absent.append(f"No pictures by {run.name}: {error}")
            continue
        painters |= _rows_of(run, colorizer)
    return painters, absent


def _rows_of(run: MeasuredRun, colorizer: Any) -> Mapping[Row, ColorizeFunction]:
    from photochrom.cli.evaluate import paint_ab, paint_rgb

    return {
        row: partial(paint_rgb, colorizer)
        if row.own_rgb
        else partial(paint_ab, colorizer, row.vivid)
        for row in run.rows
    }


# --- where photos are -----------------------------------------------------------------------


def _finder(study: Study, data: Sequence[Path]) -> tuple[Callable[[str], Any], list[str]]:
    """What finds a photo by the name it was measured under, and what to say if it finds none."""
    from photochrom.data import shards
    from photochrom.data.decode import decode

    try:
        for name in () if data else study.results.sources:  # as whoever measured says
            if reason := shards.not_to_name(name):
                raise BadData(f"{name}: {reason}")
        sources = shards.find_sources(data or tuple(map(Path, study.results.sources)))
    except BadData as error:
        return dict[str, Any]().get, [f"No photographs: {error} Say where they are with --data."]
    at: dict[str, list[PhotoSource]] = {}
    for source in sources:
        at.setdefault(_parts(source.name)[-1], []).append(source)

    def find(name: str) -> Any:
        source = _likeliest(name, at.get(_parts(name)[-1], []))
        try:
            return None if source is None else decode(source.read())
        except BadPhoto:
            return None

    photos = study.results.photos
    if not any(_likeliest(name, at.get(_parts(name)[-1], [])) for name in photos):
        where = ", ".join(map(str, data or study.results.sources))
        return find, [f"None of the measured photographs is in {where}: give another --data."]
    return find, []


def _likeliest(name: str, sources: Sequence[PhotoSource]) -> PhotoSource | None:
    """The photo whose path ends most like the name; none where two are as like."""
    alike = sorted(((_shared(name, s.name), i) for i, s in enumerate(sources)), reverse=True)
    if not alike or (len(alike) > 1 and alike[0][0] == alike[1][0]):
        return None
    return sources[alike[0][1]]


def _shared(one: str, other: str) -> int:
    """How many parts at their ends two paths have in common."""
    pairs = zip(reversed(_parts(one)), reversed(_parts(other)), strict=False)
    same = [a == b for a, b in pairs]
    return same.index(False) if False in same else len(same)


def _parts(name: str) -> list[str]:
    return name.replace("\\", "/").split("/")
