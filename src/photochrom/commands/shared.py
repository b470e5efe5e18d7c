"""What the commands share: their options, their words to the user, how they find photos."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console
from tyro.conf import Positional

from photochrom.errors import MissingExtra

if TYPE_CHECKING:
    from photochrom.colorizer import Colorizer

Photos = Annotated[
    Positional[tuple[Path, ...]],
    tyro.conf.arg(metavar="PHOTO...", help="photographs, or folders of them"),
]
Model = Annotated[
    str | None, tyro.conf.arg(help="a bundled model's name, or an .onnx file; default: the best")
]
Size = Annotated[
    int | Literal["auto"],
    tyro.conf.arg(help="short side at which the network looks, pixels; auto: what it likes best"),
]
Strength = Annotated[float, tyro.conf.arg(help="how much of the colour: 0 grey, 1 as predicted")]
Vivid = Annotated[
    float | None, tyro.conf.arg(help="0 most accurate .. 1 most colourful; default: the model's")
]

HintFile = Annotated[
    Path | None, tyro.conf.arg(help="a file of hints: colours at points of the photo")
]
Force = Annotated[bool, tyro.conf.arg(help="overwrite results that exist")]
Most = Annotated[int | None, tyro.conf.arg(help="stop after so many photos")]


def say(sentence: str) -> None:
    """One sentence to the user, apart from answers that may go into a pipe."""
    print(f"photochrom: {sentence}", file=sys.stderr)  # noqa: T201


def counted(number: int, thing: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def console() -> Console:
    """Where progress is shown."""
    return Console(stderr=True)


def load(model: str | None) -> Colorizer:
    """The colorizer that was asked for."""
    from photochrom.colorizer import Colorizer

    return Colorizer(model)


def pixels(size: int | Literal["auto"]) -> int | None:
    """A size as the engine takes it."""
    return None if size == "auto" else size


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Turn a missing package into the sentence that says how to get it."""
    try:
        yield
    except ImportError as error:
        raise MissingExtra(error.name or str(error), extra) from error


def readable(photos: Iterable[Path], most: int | None) -> list[Path | bytes]:
    """Photo files, and the bytes of photos inside tar shards."""
    from photochrom import batch
    from photochrom.data import shards

    found: list[Path | bytes] = []
    for given in photos:
        if given.suffix == ".tar":
            found += [source.read() for source in shards.find([given])[:most]]
        else:
            found += batch.inside(given)
    return found[:most]
