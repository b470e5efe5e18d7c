"""Pictures of many photos: sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.progress import track

from photochrom.commands.shared import (
    Force,
    Model,
    Most,
    Photos,
    Size,
    Strength,
    Vivid,
    console,
    load,
    pixels,
    readable,
    say,
)
from photochrom.errors import BadData, BadPhoto


def sheet(
    photos: Photos,
    /,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], help="the picture to write")] = Path(
        "sheet.jpg"
    ),
    model: Model = None,
    size: Size = "auto",
    strength: Strength = 1.0,
    vivid: Vivid = None,
    samples: Annotated[int, tyro.conf.arg(help="so many other versions of each")] = 0,
    seed: Annotated[int, tyro.conf.arg(help="of the versions")] = 0,
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

    sources = readable(photos, most)
    for source in sources:
        known = source if isinstance(source, Path) else None
        photographs.check_target(out, known, force=force)  # before the work, not after it
    colorizer = load(model)
    rows, failed = [], []
    for source in track(sources, "colouring", console=console()):
        try:
            before = photographs.read(source)
        except BadPhoto as error:
            failed.append(str(error))
            continue
        versions: list[Any] = [()]
        if samples:
            versions += colorizer.versions(before, samples, seed, size=pixels(size))
        coloured = [
            colorizer.render(
                before, size=pixels(size), strength=strength, vivid=vivid, hints=version
            )
            for version in versions
        ]
        grey = colorizer.render(before, strength=0)
        original = _eight_bit(before) if _has_colour(before.pixels) else None
        rows.append([_eight_bit(grey), *map(_eight_bit, coloured), original])
    for reason in failed:
        say(reason)
    if not rows:
        raise BadData("None of the photos can be shown: name others.")
    columns = ["grey", "coloured", *(f"version {i + 1}" for i in range(samples)), "original"]
    if all(row[-1] is None for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    picture = make(rows, columns, height=height, across=across)
    batch.make_room(out)
    photographs.write(photographs.read(picture), out, force=force)
    print(out)  # noqa: T201
    return 1 if failed else 0


def _eight_bit(photo: Any) -> Any:
    import numpy as np

    from photochrom.photo import to_image

    return np.asarray(to_image(photo).convert("RGB"))


def _has_colour(pixels: Any) -> bool:
    import numpy as np

    return pixels.ndim == 3 and bool(
        (np.ptp(pixels, axis=2) > np.iinfo(pixels.dtype).max / 32).any()
    )
