"""What the commands share: their options, their words to the user, how they find photos."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro
from tyro.conf import OmitArgPrefixes, Positional

from photochrom import names
from photochrom.cli.flags import WHOLE, flag, group
from photochrom.errors import BadOption, MissingExtra
from photochrom.names import escape_controls

if TYPE_CHECKING:
    from rich.console import Console

    from photochrom.data.photo_source import PhotoSource
    from photochrom.inference.colorizer import Colorizer
    from photochrom.inference.hints import Hint
    from photochrom.inference.options import Hints

T = TypeVar("T")

Photos = Annotated[
    Positional[tuple[Path, ...]], flag("photographs, or folders of them", "PHOTO...")
]
Out = Annotated[Path, flag("the picture to write", "FILE", short="-o")]
Model = Annotated[
    str | None,
    flag(
        "a name that photochrom models lists, an .onnx file, or an address such as hf://owner/name",
        "NAME|FILE|ADDRESS",
        default="the best there is",
    ),
]
Size = Annotated[
    int | Literal["auto"],
    flag(
        "short side at which the network sees the photo, in pixels; auto: what it likes best",
        "PIXELS|auto",
    ),
]
Vivid = Annotated[
    float | None,
    flag("0 most accurate .. 1 most colourful", "0..1", default="the model's own"),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "openvino"],
    flag("what computes; auto: a GPU, else OpenVINO for much work, else the CPU"),
]
HintFile = Annotated[Path | None, flag("a file of hints: colours at points of the photo", "FILE")]
HintFlags = Annotated[
    tuple[str, ...],
    tyro.conf.UseAppendAction,
    flag(
        "a colour at a point, as in 420,330,#b03a2e or '420,330,dark olive green,large'; a reach "
        "is small, normal or large; may be given several times",
        "X,Y,COLOR[,REACH]",
    ),
]
Force = Annotated[bool, flag("overwrite results that exist")]
Most = Annotated[int | None, flag("stop after so many photos", WHOLE)]


@dataclass(frozen=True, kw_only=True)
class ColorizeFlags:
    """Flags of every command that colours; their names are those of ``ColorizeOptions``."""

    vivid: Vivid = None
    strength: Annotated[float, flag("how much of the colour: 0 grey, 1 as predicted", "0..1.5")] = (
        1.0
    )
    quality: Annotated[
        Literal["best", "fast"],
        flag("of the colours; best: the mean of six looks, which take six times as long"),
    ] = "fast"
    model: Model = None
    size: Size = "auto"


ColorizeArgs = Annotated[ColorizeFlags, OmitArgPrefixes, group("colour")]


def option_values(options: type[Any], *flags: object) -> dict[str, Any]:
    """The flags that have a field of that name in a class of options, as it takes them."""
    known = {name: value for one in flags for name, value in vars(one).items() if value is not None}
    known["size"] = parse_size(known["size"])
    return {field.name: known[field.name] for field in fields(options) if field.name in known}


def print_result(*lines: object) -> None:
    """What was asked for, a line each, as it may go into a pipe; unseen signs are spelled out."""
    print(*(escape_controls(str(line)) for line in lines), sep="\n", flush=True)  # noqa: T201


def counted(number: int, thing: str) -> str:
    """A number of things, in the singular where it is one."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def console() -> Console:
    """Where progress is shown, unless it is not wanted."""
    from rich.console import Console

    return Console(stderr=True, quiet=names.is_quiet())


def track(items: Iterable[T], words: str, total: int | None = None) -> Iterable[T]:
    """Show how many of some items are taken, and answer them."""
    from rich.progress import track as shown

    return shown(items, words, total, console=console())


def load_colorizer(model: str | None, device: str | None = None) -> Colorizer:
    """The colorizer that was asked for; without a device, for a few photos."""
    from photochrom.inference.colorizer import Colorizer
    from photochrom.inference.sessions import settle_device

    return Colorizer(model, device=device or settle_device("auto", 1))


def parse_size(size: int | Literal["auto"]) -> int | None:
    """A size as the engine takes it."""
    return None if size == "auto" else size


def gather_hints(file: Path | None, flags: Sequence[str]) -> Hints:
    """The hints of ``--hints`` and those of ``--hint``.

    Raises:
        BadOption: one of either is none.
    """
    from photochrom.inference.hints import HintSet, read_hint_set

    if not flags:
        return file or ()
    known = tuple(map(_parse_hint, flags))
    listed = HintSet(()) if file is None else read_hint_set(file)
    return HintSet(listed.hints, listed.size, known)


def _parse_hint(flag: str) -> Hint:
    from photochrom.inference.hints import to_hint

    x, y, color, *_ = (*flag.split(",", 2), "", "")
    fields: list[Any] = [_to_number(x), _to_number(y), color.strip()]
    if "," in color and not color.rstrip().endswith(")"):  # as rgb(1, 2, 3) does
        fields[2:] = (part.strip() for part in color.rsplit(",", 1))
    try:
        if not color:
            raise BadOption("it has not three parts: write x, y and colour, as 420,330,#b03a2e.")
        return to_hint(tuple(fields))
    except BadOption as error:
        raise BadOption(f"--hint {flag}: {error}") from error


def _to_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Turn a missing package into the sentence that says how to get it."""
    try:
        yield
    except ImportError as error:
        raise MissingExtra(error.name or str(error), extra) from error


def check_most(most: int | None) -> None:
    """Refuse to stop after no photo at all.

    Raises:
        BadOption: that was asked for.
    """
    if most is not None and most < 1:
        raise BadOption(f"--most is {most}: give 1 or more.")


def find_listed(
    photos: Iterable[Path], most: int | None
) -> tuple[list[Path | PhotoSource], list[str]]:
    """Photo files, and photos inside tar shards; and sentences on what cannot be searched."""
    from photochrom.data import shards
    from photochrom.storage import search

    check_most(most)
    found: list[Path | PhotoSource] = []
    troubles: list[str] = []
    for pattern in photos:
        paths = search.expand_pattern(pattern)
        if not paths:
            troubles.append(f"No photo is called {pattern}: check the pattern, and the folder.")
        for path in paths:
            if path.suffix == ".tar" and path.is_file():
                found += shards.find_sources([path])[:most]
            elif search.is_folder(path):
                inside = search.find_photos(path)
                found += inside.photos
                troubles += inside.unsearched.values()
            else:
                found.append(path)
    return found[:most], troubles
