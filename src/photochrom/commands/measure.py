"""Measuring: evaluate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional

from photochrom.commands.shared import Most, load, needs, say
from photochrom.errors import BadOption, PhotochromError


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
    for model in models:
        predict = load(_exported(model)).predict
        name = Path(model).name.removesuffix(".onnx")
        if name in rows:
            raise BadOption(f"Two models are called {name}: rename one of the files.")
        for value in vivid:
            rows[f"{name}, vivid {value:g}"] = partial(predict, vivid=value)
        if not vivid:
            rows[name] = predict
    sources = shards.find(data)
    if held_out is not None:
        sources = [s for s in sources if shards.is_validation(shards.digest(s.read()), held_out)]
    if json is not None and json.suffix != ".json":
        raise BadOption(f"{json} is no name for figures: end it in .json.")
    unreadable: list[str] = []
    try:
        results = study.evaluate(
            _decoded(sources[:most], unreadable),
            rows,
            protocol=protocol,
            total=len(sources[:most]),
        )
    finally:
        for reason in unreadable:
            say(reason)
    if json is not None:
        results.write(json)
    if sys.stdout.isatty():
        Console().print(results.table())
    else:
        print(results.markdown())  # noqa: T201 - whole, however narrow the terminal
    return 1 if unreadable else 0


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
