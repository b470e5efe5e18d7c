"""Measuring: evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional

from photochrom.cli.options import Most, answer, check_most, load, needs
from photochrom.errors import BadOption, BadPhoto, PhotochromError
from photochrom.names import say

Protocol = Literal["crop96", "crop256", "crop512", "native", "colormf"]

if TYPE_CHECKING:
    from photochrom.evaluation.results import Results
    from photochrom.inference.colorizer import Colorizer


def evaluate(
    models: Annotated[
        Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="MODEL...", help="bundled names, .onnx files or run folders"),
    ],
    /,
    data: Annotated[tuple[Path, ...], tyro.conf.arg(help="folders or .tar files of photos")],
    protocol: Annotated[
        Protocol,
        tyro.conf.arg(help="how photos are cut; colormf: as papers do, the first --most by name"),
    ] = "crop256",
    json: Annotated[Path | None, tyro.conf.arg(help="write every figure here")] = None,
    csv: Annotated[Path | None, tyro.conf.arg(help="write a line for each photo here")] = None,
    vivid: Annotated[
        tuple[float, ...], tyro.conf.arg(help="a row of each model for each of these settings")
    ] = (),
    hints: Annotated[
        tuple[int, ...],
        tyro.conf.arg(help="a row of each model, at the first --vivid, for so many true hints"),
    ] = (),
    perceptual: Annotated[
        tuple[Literal["lite2", "lpips", "fid"], ...],
        tyro.conf.arg(help="also compare by pretrained networks (needs the extras train, eval)"),
    ] = (),
    figures: Annotated[
        Path | None, tyro.conf.arg(help="a folder for pictures of the trade-off and the hints")
    ] = None,
    held_out: Annotated[
        float | None, tyro.conf.arg(help="only this share: what training with it held out")
    ] = None,
    most: Most = None,
) -> int:
    """Measure colorizers on colour photographs, beside doing nothing and one constant colour.

    A model that paints lightness too has two rows: the picture it paints, and its colour on the
    photo's own lightness. A run folder keeps its figures, in evaluation.json.

    Example: photochrom evaluate hintnet runs/mine --data test.tar --json figures.json
    """
    from photochrom.data import shards
    from photochrom.evaluation import evaluate as study
    from photochrom.evaluation.protocol import PUBLISHED, by_name

    check_most(most)
    _check_targets({".json": json, ".csv": csv}, figures)
    if perceptual:
        with needs("train"):
            from photochrom.training.perceptual import load_metrics
    # Whatever folder it is called from, the same photos have the same names.
    data = tuple(path.resolve() for path in data)
    sources = shards.find_sources(data)
    if held_out is not None:
        sources = [source for source in sources if _held_out(source, held_out)]
    if protocol == PUBLISHED:
        sources = sorted(sources, key=lambda source: by_name(source.name))
    asked = [_asked(model, vivid, hints) for model in models]
    for one, other in combinations(asked, 2):
        if one.rows.keys() & other.rows.keys():
            raise BadOption(f"Two models are called {one.name}: rename one of the files.")
    unreadable: list[str] = []
    try:
        results = study.evaluate(
            _decoded(sources[:most], unreadable),
            {row: paint for one in asked for row, paint in one.rows.items()},
            hinted={row: paint for one in asked for row, paint in one.hinted.items()},
            hint_counts=hints,
            protocol=protocol,
            perceptual=load_metrics(perceptual) if perceptual else (),
            models={next(iter(one.rows)): one.facts for one in asked},
            sources=[str(path) for path in data],
            total=len(sources[:most]),
            troubles=unreadable,
        )
    finally:
        for reason in unreadable:
            say(reason)
    _keep(results, asked, hints)
    if json is not None:
        results.write(json)
    if csv is not None:
        results.write_csv(csv)
    if figures is not None:
        _draw(results, figures, bool(hints))
    _show(results)
    return 1 if unreadable else 0


def _show(results: Results) -> None:
    from photochrom.report import tables

    if sys.stdout.isatty():
        Console().print(tables.terminal(results))
    else:  # whole, however narrow the terminal
        shown = {**tables.columns(results.summary), **tables.MILLISECONDS}
        table = tables.markdown(results.summary, shown)
        answer(f"{results.caption}:", "", *table.splitlines(), "")


def _check_targets(files: dict[str, Path | None], figures: Path | None) -> None:
    """Refuse what cannot be written before the work, not after it."""
    for suffix, path in files.items():
        if path is not None and path.suffix != suffix:
            raise BadOption(f"{path} is no name for figures: end it in {suffix}.")
    if figures is not None:
        with needs("study"):
            import matplotlib  # noqa: F401


@dataclass(frozen=True)
class _Asked:
    """One model that was named, and the rows it has in the table."""

    name: str
    rows: Mapping[str, Callable[[Any], Any]]
    hinted: Mapping[str, Callable[[Any, Any], Any]]
    facts: dict[str, str]
    """What it says of itself."""
    run: Path | None
    """The run folder, if it is one."""


def _asked(model: str, vivid: Sequence[float], hints: Sequence[int]) -> _Asked:
    run = Path(model) if (Path(model) / "config.json").is_file() else None
    colorizer = load(str(_exported(run)) if run else model)
    name = Path(model).resolve().name if run else Path(model).name.removesuffix(".onnx")
    settings: dict[str, float | None] = {f"{name}, vivid {value:g}": value for value in vivid}
    settings = settings or {name: None}
    rows: dict[str, Callable[[Any], Any]] = {
        row: partial(painted, colorizer, value) for row, value in settings.items()
    }
    first = next(iter(settings))
    hinted = {first: partial(painted, colorizer, settings[first])} if hints else {}
    if "rgb" in colorizer.model.outputs:
        rows[f"{name}, own RGB"] = partial(repainted, colorizer)
    facts = {k: v for k, v in colorizer.model.metadata.items() if k != "centres"}
    return _Asked(name, rows, hinted, facts, run)


def _keep(results: Results, asked: Sequence[_Asked], hints: Sequence[int]) -> None:
    """Leave each run its own figures."""
    from photochrom.evaluation.results import hinted_name

    for one in asked:
        if one.run:
            told = [hinted_name(row, n) for row in one.hinted for n in hints]
            results.only([*one.rows, *told]).write(one.run / "evaluation.json")


def painted(colorizer: Colorizer, vivid: float | None, L: Any, spots: Any = None) -> Any:
    """What the study asks, ``(1, 1, H, W)`` and spots to ``(1, 2, H, W)``, as the tool does it."""
    return colorizer.predict_ab(L[0, 0], spots, vivid=vivid)[None]


def repainted(colorizer: Colorizer, L: Any) -> Any:
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


def _draw(results: Results, folder: Path, hints: bool) -> None:
    from photochrom.report import curves
    from photochrom.storage.search import make_room

    make_room(folder / "any")
    curves.tradeoff(results, folder / "tradeoff.svg")
    if hints:
        curves.hint_curve(results, folder / "hints.svg")


def _decoded(sources: Sequence[Any], unreadable: list[str]) -> Iterator[tuple[str, Any]]:
    from photochrom.data import shards

    for name, pixels in shards.decode_sources(sources):
        if isinstance(pixels, PhotochromError):
            unreadable.append(f"{name}: {pixels}")
        else:
            yield name, pixels


def _held_out(source: Any, share: float) -> bool:
    """Whether training would have held a photo out; one that has gone is named when it is read."""
    from photochrom.data.decode import digest
    from photochrom.data.shards import is_held_out

    try:
        return is_held_out(digest(source.read()), share)
    except BadPhoto:
        return True


def _exported(run: Path) -> Path:
    """A run folder's ONNX file, made when it is missing or older than the weights."""
    target, weights = run / "model.onnx", run / "model.safetensors"
    fresh = target.exists() and weights.exists()
    if not fresh or target.stat().st_mtime < weights.stat().st_mtime:
        with needs("train"):
            from photochrom.training.export import export as make
        make(run, target, name=run.resolve().name)
    return target
