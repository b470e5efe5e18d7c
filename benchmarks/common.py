"""What the benchmarks that compare models share: photos, models by name, tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from photochrom import Colorizer
from photochrom.data import shards
from photochrom.data.decode import digest
from photochrom.data.photo_set import is_held_out


def options(about: str | None, most: int, *, needs: bool = True) -> argparse.ArgumentParser:
    """A parser of what such a benchmark is asked: photos, how many, and where the table goes.

    Args:
        about: the script's docstring, for its help.
        most: photos, if not said otherwise.
        needs: whether it is nothing without photos in colour.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--data", type=Path, nargs="+", default=[], required=needs)
    parser.add_argument("--held-out", type=float, help="only what training with this share left")
    parser.add_argument("--most", type=int, default=most, help="photos")
    parser.add_argument("--json", type=Path, help="keep the table here")
    return parser


def read(
    data: list[Path], held_out: float | None, most: int
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Name and pixels (H, W, 3) of the first photos that can be read.

    Args:
        data: folders or tars.
        held_out: only what training with this share left out; None for all.
        most: how many.
    """
    sources = shards.find_sources(data)
    if held_out:
        sources = [s for s in sources if is_held_out(digest(s.read()), held_out)]
    found = ((name, p) for name, p in shards.decode_sources(sources) if isinstance(p, np.ndarray))
    return iter(track(islice(found, most), "photos", most, console=Console(stderr=True)))


def load_models(models: list[str]) -> dict[str, Colorizer]:
    """Models by what they are called; as they were given, where two are called the same."""
    found: dict[str, Colorizer] = {}
    for model in models:
        colorizer = Colorizer(model)
        found[model if colorizer.name in found else colorizer.name] = colorizer
    return found


def show(table: Mapping[str, Mapping[str, object]], what: str, target: Path | None) -> None:
    """Print a table in Markdown, and keep it as JSON where a file is named.

    Args:
        table: figures by row and column.
        what: heads the names of the rows.
        target: the file.
    """
    heads = list(next(iter(table.values())))
    print("\n".join([f"| {what} | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]))
    for name, row in table.items():
        print(f"| {name} | {' | '.join(str(row[head]) for head in heads)} |")
    if target:
        target.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n", "utf-8")
