"""Measuring: evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional

from photochrom.cli.flags import flag, group
from photochrom.cli.options import Most, check_most, load_colorizer, needs, print_result, track
from photochrom.errors import BadOption, BadPhoto, PhotochromError
from photochrom.names import say

if TYPE_CHECKING:
    from photochrom.data.photo_source import PhotoSource
    from photochrom.evaluation.results import Results
    from photochrom.evaluation.rows import Row
    from photochrom.inference.colorizer import Colorizer

Protocol = Literal["crop96", "crop256", "crop512", "native", "colormf"]


@dataclass(frozen=True, kw_only=True)
class EvaluateFlags:
    """Flags of ``photochrom evaluate``."""

    data: Annotated[tuple[Path, ...], flag("folders or .tar files of photos", "PATH...")]
    protocol: Annotated[
        Protocol,
        flag("how photos are cut; colormf: as papers do, the first --most of them by name"),
    ] = "crop256"
    json: Annotated[Path | None, flag("write every figure here", "FILE.json")] = None
    csv: Annotated[Path | None, flag("write a line for each photo here", "FILE.csv")] = None
    vivid: Annotated[
        tuple[float, ...],
        flag(
            "a row for each of these settings, of each model that has this dial",
            "0..1...",
            default="the model's own",
        ),
    ] = ()
    hints: Annotated[
        tuple[int, ...],
        flag("a row of each model, at the first --vivid, for so many true hints", "N..."),
    ] = ()
    perceptual: Annotated[
        tuple[Literal["lite2", "lpips", "fid"], ...],
        flag(
            "also compare by pretrained networks (needs the extras train, eval)",
            "{lite2,lpips,fid}...",
        ),
    ] = ()
    figures: Annotated[
        Path | None, flag("a folder for pictures of the trade-off and the hints", "FOLDER")
    ] = None
    held_out: Annotated[
        float | None,
        flag("only this share of the photos: what a training with it held out", "0..1"),
    ] = None
    most: Most = None

    def check(self) -> None:
        """Refuse what cannot be done before the work, not after it.

        Raises:
            BadOption: a number or the name of a file is wrong.
            MissingExtra: a package is missing.
        """
        check_most(self.most)
        for suffix, path in {".json": self.json, ".csv": self.csv}.items():
            if path is not None and path.suffix != suffix:
                raise BadOption(f"{path} is no name for figures: end it in {suffix}.")
        if self.figures is not None:
            with needs("study"):
                import matplotlib  # noqa: F401

    def sources(self) -> list[PhotoSource]:
        """The photos that were asked for."""
        from photochrom.data import shards
        from photochrom.evaluation.protocol import PUBLISHED, file_order

        sources = shards.find_sources(self.data)
        if self.held_out is not None:
            sources = [source for source in sources if _is_held_out(source, self.held_out)]
        if self.protocol == PUBLISHED:
            sources.sort(key=lambda source: file_order(source.name))
        return sources[: self.most]


def evaluate(
    models: Annotated[
        Positional[tuple[str, ...]],
        flag("bundled names, .onnx files or run folders", "MODEL..."),
    ],
    /,
    flags: Annotated[EvaluateFlags, OmitArgPrefixes, group("")],
) -> int:
    """Measure colorizers on colour photographs, beside doing nothing and one constant colour.

    A model that paints lightness too has two rows: the picture it paints, and its colour on the
    photo's own lightness. A run folder keeps its figures, in evaluation.json.

    Example: photochrom evaluate hintnet runs/mine --data test.tar --json figures.json
    """
    from photochrom.evaluation.evaluate import EvaluateOptions
    from photochrom.evaluation.evaluate import evaluate as measure

    flags.check()
    if flags.perceptual:
        with needs("train"):
            from photochrom.training.perceptual import load_metrics
    # Whatever folder it is called from, the same photos have the same names.
    flags = replace(flags, data=tuple(path.resolve() for path in flags.data))
    sources = flags.sources()
    asked = [_load_asked(model, flags) for model in models]
    if flags.vivid and all(row.vivid is None for one in asked for row in one.rows):
        raise BadOption("None of these models has the dial that --vivid sets: leave it out.")
    for one, other in combinations(asked, 2):
        if one.rows.keys() & other.rows.keys():
            raise BadOption(f"Two models are called {one.name}: rename one of the files.")
    options = EvaluateOptions(
        protocol=flags.protocol,
        hint_counts=flags.hints,
        perceptual=load_metrics(flags.perceptual) if flags.perceptual else (),
    )
    troubles: list[str] = []
    try:
        results = measure(
            track(_decoded(sources, troubles), "measuring", len(sources)),
            {row: paint for one in asked for row, paint in one.rows.items()},
            {row: paint for one in asked for row, paint in one.hinted.items()},
            options,
            troubles,
        )
    finally:
        for reason in troubles:
            say(reason)
    facts = {next(iter(one.rows)): one.facts for one in asked}
    results = replace(results, models=facts, sources=tuple(map(str, flags.data)))
    _write(results, asked, flags)
    _show(results)
    return 1 if troubles else 0


def _write(results: Results, asked: Sequence[_Asked], flags: EvaluateFlags) -> None:
    """Leave each run its own figures, and write the files that were asked for."""
    for one in asked:
        if one.run:
            hinted = [replace(row, hints=n) for row in one.hinted for n in flags.hints]
            results.only([*one.rows, *hinted]).write_json(one.run / "evaluation.json")
    if flags.json is not None:
        results.write_json(flags.json)
    if flags.csv is not None:
        results.write_csv(flags.csv)
    if flags.figures is not None:
        from photochrom.files import make_parent
        from photochrom.report.curves import draw_hint_curve, draw_tradeoff
        from photochrom.report.plot_style import save_figure

        make_parent(flags.figures / "any")
        save_figure(partial(draw_tradeoff, results), flags.figures / "tradeoff.svg")
        if flags.hints:
            save_figure(partial(draw_hint_curve, results), flags.figures / "hints.svg")


def _show(results: Results) -> None:
    from photochrom.evaluation import tables

    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(tables.terminal_table(results))
    else:  # whole, however narrow the terminal
        columns = {**tables.filled_columns(results.summary), **tables.MILLISECONDS}
        table = tables.markdown_table(results.summary, columns)
        print_result(f"{results.caption}:", "", *table.splitlines(), "")


# --- models ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """One model that was named, and the rows it has in the table."""

    name: str
    rows: Mapping[Row, Callable[[Any], Any]]
    hinted: Mapping[Row, Callable[[Any, Any], Any]]
    facts: dict[str, str]
    """What it says of itself."""
    run: Path | None
    """The run folder, if it is one."""


def _load_asked(model: str, flags: EvaluateFlags) -> _Asked:
    from photochrom.evaluation.rows import Row

    run = Path(model) if (Path(model) / "config.json").is_file() else None
    colorizer = load_colorizer(str(_exported(run)) if run else model)
    name = Path(model).resolve().name if run else colorizer.model.path.stem
    settings = [Row(name, vivid) for vivid in flags.vivid if "vivid" in colorizer.model.defaults]
    settings = settings or [Row(name)]
    rows = {row: partial(paint_ab, colorizer, row.vivid) for row in settings}
    hinted = {settings[0]: rows[settings[0]]} if flags.hints else {}
    if "rgb" in colorizer.model.outputs:
        rows[Row(name, own_rgb=True)] = partial(paint_rgb, colorizer)
    facts = {k: v for k, v in colorizer.model.metadata.items() if k != "centres"}
    return _Asked(name, rows, hinted, facts, run)


def _exported(run: Path) -> Path:
    """A run folder's ONNX file, made when it is missing or older than the weights."""
    target, weights = run / "model.onnx", run / "model.safetensors"
    fresh = target.exists() and weights.exists()
    if not fresh or target.stat().st_mtime < weights.stat().st_mtime:
        with needs("train"):
            from photochrom.training.export import export as make
        make(run, target, name=run.resolve().name)
    return target


def paint_ab(colorizer: Colorizer, vivid: float | None, L: Any, spots: Any = None) -> Any:
    """What the study asks, ``(1, 1, H, W)`` and spots to ``(1, 2, H, W)``, as the tool does it."""
    return colorizer.predict_ab(L[0, 0], spots, vivid=vivid)[None]


def paint_rgb(colorizer: Colorizer, L: Any) -> Any:
    """The picture a model paints by itself, ``(1, 3, H, W)``: made at its size, scaled to L's."""
    import cv2
    import numpy as np

    height, width = L.shape[2:]
    scale = colorizer.model.size / min(height, width)
    size = round(width * scale), round(height * scale)
    small = cv2.resize(
        L[0, 0], size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    )
    (rgb,) = colorizer.model.run(np.clip(small, 0, 100)[None, None], None, ["rgb"])
    full = cv2.resize(rgb[0].transpose(1, 2, 0), (width, height), interpolation=cv2.INTER_CUBIC)
    return full.transpose(2, 0, 1)[None]


# --- photos ---------------------------------------------------------------------------------


def _decoded(sources: Sequence[PhotoSource], troubles: list[str]) -> Iterator[tuple[str, Any]]:
    from photochrom.data import shards

    for name, pixels in shards.decode_sources(sources):
        if isinstance(pixels, PhotochromError):
            troubles.append(f"{name}: {pixels}")
        else:
            yield name, pixels


def _is_held_out(source: PhotoSource, share: float) -> bool:
    """Whether training would have held a photo out; one that has gone is named when it is read."""
    from photochrom.data.decode import digest
    from photochrom.data.photo_set import is_held_out

    try:
        return is_held_out(digest(source.read()), share)
    except BadPhoto:
        return True
