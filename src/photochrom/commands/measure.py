"""Measuring: evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional

from photochrom.commands.shared import Most, load, needs, say
from photochrom.errors import BadOption, PhotochromError

if TYPE_CHECKING:
    from photochrom.colorizer import Colorizer
    from photochrom.study.results import Results


def evaluate(
    models: Annotated[
        Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="MODEL...", help="bundled names, .onnx files or run folders"),
    ],
    /,
    data: Annotated[tuple[Path, ...], tyro.conf.arg(help="folders or .tar files of photos")],
    protocol: Annotated[
        Literal["crop256", "crop512", "native"], tyro.conf.arg(help="how photos are cut")
    ] = "crop256",
    json: Annotated[Path | None, tyro.conf.arg(help="write every figure here")] = None,
    vivid: Annotated[
        tuple[float, ...], tyro.conf.arg(help="a row of each model for each of these settings")
    ] = (),
    hints: Annotated[
        tuple[int, ...],
        tyro.conf.arg(help="a row of each model, at the first --vivid, for so many true hints"),
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

    Example: photochrom evaluate hintnet runs/mine --data test.tar --json figures.json
    """
    from photochrom.data import shards
    from photochrom.study import evaluate as study

    rows: dict[str, Callable[[Any], Any]] = {}
    hinted: dict[str, Callable[[Any, Any], Any]] = {}
    for model in models:
        colorizer = load(_exported(model))
        name = Path(model).name.removesuffix(".onnx")
        settings: dict[str, float | None] = {f"{name}, vivid {value:g}": value for value in vivid}
        settings = settings or {name: None}
        if settings.keys() & rows.keys():
            raise BadOption(f"Two models are called {name}: rename one of the files.")
        for row, value in settings.items():
            rows[row] = partial(_painted, colorizer, value)
        if hints:
            row, value = next(iter(settings.items()))
            hinted[row] = partial(_painted, colorizer, value)
    sources = shards.find(data)
    if held_out is not None:
        sources = [s for s in sources if shards.is_validation(shards.digest(s.read()), held_out)]
    if json is not None and json.suffix != ".json":
        raise BadOption(f"{json} is no name for figures: end it in .json.")
    if figures is not None:  # before the work, not after it
        with needs("study"):
            import matplotlib  # noqa: F401
    unreadable: list[str] = []
    try:
        results = study.evaluate(
            _decoded(sources[:most], unreadable),
            rows,
            hinted=hinted,
            hint_counts=hints,
            protocol=protocol,
            total=len(sources[:most]),
        )
    finally:
        for reason in unreadable:
            say(reason)
    if json is not None:
        results.write(json)
    if figures is not None:
        _draw(results, figures, bool(hints))
    if sys.stdout.isatty():
        Console().print(results.table())
    else:
        print(results.markdown())  # noqa: T201 - whole, however narrow the terminal
    return 1 if unreadable else 0


def _painted(colorizer: Colorizer, vivid: float | None, L: Any, spots: Any = None) -> Any:
    """What the study asks, ``(1, 1, H, W)`` and spots to ``(1, 2, H, W)``, as the tool does it."""
    return colorizer.paint(L[0, 0], spots, vivid=vivid)[None]


def _draw(results: Results, folder: Path, hints: bool) -> None:
    from photochrom.batch import make_room
    from photochrom.study import curves

    make_room(folder / "any")
    curves.tradeoff(results, folder / "tradeoff.svg")
    if hints:
        curves.hint_curve(results, folder / "hints.svg")


def _decoded(sources: Sequence[Any], unreadable: list[str]) -> Iterator[tuple[str, Any]]:
    from photochrom.data import shards

    for name, pixels in shards.photos(sources):
        if isinstance(pixels, PhotochromError):
            unreadable.append(f"{name}: {pixels}")
        else:
            yield name, pixels


def _exported(model: str) -> str:
    """A run folder's ONNX file, made when it is missing or older than the weights."""
    run = Path(model)
    if not (run / "config.json").is_file():
        return model
    target, weights = run / "model.onnx", run / "model.safetensors"
    fresh = target.exists() and weights.exists()
    if not fresh or target.stat().st_mtime < weights.stat().st_mtime:
        with needs("train"):
            from photochrom.training.export import export as make
        make(run, target, name=run.name)
    return str(target)
