"""The command line. Each command imports what it needs when it runs, so that help is instant."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.progress import track
from tyro.conf import CascadeSubcommandArgs, OmitArgPrefixes, OmitSubcommandPrefixes, Positional

from photochrom import __version__
from photochrom.errors import BadData, BadOption, BadPhoto, MissingExtra, PhotochromError
from photochrom.training.presets import PRESETS, Session

if TYPE_CHECKING:
    from photochrom.colorizer import Colorizer

DESCRIPTION = "photochrom gives colour to black-and-white photographs."


Photos = Annotated[
    Positional[tuple[Path, ...]],
    tyro.conf.arg(metavar="PHOTO...", help="photographs, or folders of them"),
]
Model = Annotated[
    str | None, tyro.conf.arg(help="a bundled model's name, or an .onnx file; default: the best")
]
Size = Annotated[
    int | None,
    tyro.conf.arg(help="short side at which the network looks, pixels; default: its own"),
]
Strength = Annotated[float, tyro.conf.arg(help="how much of the colour: 0 grey, 1 as predicted")]
Vivid = Annotated[
    float | None, tyro.conf.arg(help="0 most accurate .. 1 most colourful; default: the model's")
]

Force = Annotated[bool, tyro.conf.arg(help="overwrite results that exist")]
Most = Annotated[int | None, tyro.conf.arg(help="stop after so many photos")]


def colorize(
    photos: Photos,
    /,
    out: Annotated[
        Path | None, tyro.conf.arg(aliases=["-o"], help="file or folder; default: beside the photo")
    ] = None,
    model: Model = None,
    size: Size = None,
    strength: Strength = 1.0,
    vivid: Vivid = None,
    force: Force = False,
) -> int:
    """Colour photographs.

    The result keeps the photo's size, format, lightness and metadata; the photo itself is never
    touched. Example: photochrom colorize grandmother.jpg -o coloured/ --vivid 0.5
    """
    from photochrom import batch

    jobs = batch.jobs(photos, out)
    colorizer = _colorizer(model)
    failed: dict[Path, str] = {}
    for photo, target in track(jobs, "colouring", console=_stderr(), disable=len(jobs) == 1):
        try:
            if target is not None:
                batch.make_room(target)
            written = colorizer.colorize(
                photo, output=target, force=force, size=size, strength=strength, vivid=vivid
            )
        except BadOption:
            raise
        except PhotochromError as error:
            failed[photo] = str(error)
        except MemoryError:
            failed[photo] = f"{photo} needs more memory than there is: make it smaller first."
        else:
            print(written)  # noqa: T201 - the answer, for pipes
    for reason in failed.values():
        _say(reason)
    if failed and len(jobs) > 1:
        _say(f"{len(failed)} of {len(jobs)} photos failed.")
    return 1 if failed else 0


def sheet(
    photos: Photos,
    /,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="the picture to write")] = Path(
        "sheet.jpg"
    ),
    model: Model = None,
    size: Size = None,
    strength: Strength = 1.0,
    vivid: Vivid = None,
    height: Annotated[int, tyro.conf.arg(help="of each row, pixels")] = 320,
    across: Annotated[int, tyro.conf.arg(help="photos side by side")] = 1,
    most: Most = None,
    force: Force = False,
) -> int:
    """Make one picture of many: grey, coloured and, where there was colour, the original.

    Takes photographs, folders and tar shards. Example: photochrom sheet album/ -o before-after.jpg
    """
    from photochrom import batch
    from photochrom import photo as photographs
    from photochrom.study.sheet import sheet as make

    sources = _readable(photos, most)
    for source in sources:
        known = source if isinstance(source, Path) else None
        photographs.check_target(out, known, force=force)  # before the work, not after it
    colorizer = _colorizer(model)
    rows, failed = [], []
    for source in track(sources, "colouring", console=_stderr()):
        try:
            before = photographs.read(source)
        except BadPhoto as error:
            failed.append(str(error))
            continue
        after = colorizer.render(before, size=size, strength=strength, vivid=vivid)
        grey = colorizer.render(before, strength=0)
        original = _eight_bit(before) if _has_colour(before.pixels) else None
        rows.append((_eight_bit(grey), _eight_bit(after), original))
    for reason in failed:
        _say(reason)
    if not rows:
        raise BadData("None of the photos can be shown: name others.")
    columns = ["grey", "coloured", "original"]
    if all(row[2] is None for row in rows):
        rows, columns = [row[:2] for row in rows], columns[:2]  # type: ignore[misc]
    picture = make(rows, columns, height=height, across=across)
    batch.make_room(out)
    photographs.write(photographs.read(picture), out, force=force)
    print(out)  # noqa: T201
    return 1 if failed else 0


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
        predict = _colorizer(_exported(model)).predict
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
            _say(reason)
    if json is not None:
        results.write(json)
    if sys.stdout.isatty():
        Console().print(results.table())
    else:
        print(results.markdown())  # noqa: T201 - whole, however narrow the terminal
    return 1 if unreadable else 0


def export(
    run: Positional[Path],
    /,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="the .onnx file to write")],
    name: Annotated[str, tyro.conf.arg(help="what the model calls itself")] = "",
    fp16: Annotated[bool, tyro.conf.arg(help="store weights in 16 bits: half the file")] = False,
) -> int:
    """Make one ONNX file of a trained run, and check that it answers as the network does.

    Example: photochrom export runs/mine -o mine.onnx --fp16
    """
    with _needs("train"):
        from photochrom.training.export import export as make
    difference = make(run, out, name=name, fp16=fp16)
    print(f"{out} (at most {difference:.2g} in ab from the network)")  # noqa: T201
    return 0


_Preset = tyro.extras.subcommand_type_from_defaults(
    {name: experiment for name, (_, experiment) in PRESETS.items()},
    {name: description for name, (description, _) in PRESETS.items()},
)


def train(
    experiment: OmitArgPrefixes[OmitSubcommandPrefixes[_Preset]],  # type: ignore[valid-type]
    session: OmitArgPrefixes[Session],
) -> int:
    """Train a colorizer; every setting of the preset is a flag.

    Example: photochrom train hintnet --data photos/ --out runs/mine --minutes 60
    """
    with _needs("train"):
        from photochrom.training.train import train as fit
    fit(experiment, session)
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "colorize": colorize,
    "sheet": sheet,
    "evaluate": evaluate,
    "train": train,
    "export": export,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 something failed, 2 the request was wrong."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if list(arguments) in (["--version"], ["-V"]):
        print(f"photochrom {__version__}")  # noqa: T201
        sys.exit(0)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name it cannot spell is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        code = tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="photochrom",
            description=DESCRIPTION,
            args=arguments,
            config=(CascadeSubcommandArgs, tyro.conf.FlagCreatePairsOff),
        )
    except PhotochromError as error:
        _say(str(error))
        code = error.exit_code
    except KeyboardInterrupt:
        _say("Interrupted.")
        code = 130
    sys.exit(code)


# --- what the commands share -----------------------------------------------------------------


def _say(sentence: str) -> None:
    print(f"photochrom: {sentence}", file=sys.stderr)  # noqa: T201


def _stderr() -> Console:
    return Console(stderr=True)


def _colorizer(model: str | None) -> Colorizer:
    from photochrom.colorizer import Colorizer

    return Colorizer(model)


@contextmanager
def _needs(extra: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise MissingExtra(error.name or str(error), extra) from error


def _readable(photos: Iterable[Path], most: int | None) -> list[Path | bytes]:
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
        with _needs("train"):
            from photochrom.training.export import export as make
        make(run, target, name=run.name)
    return str(target)


def _eight_bit(photo: Any) -> Any:
    import numpy as np

    from photochrom.photo import to_image

    return np.asarray(to_image(photo).convert("RGB"))


def _has_colour(pixels: Any) -> bool:
    import numpy as np

    return pixels.ndim == 3 and bool(
        (np.ptp(pixels, axis=2) > np.iinfo(pixels.dtype).max / 32).any()
    )
