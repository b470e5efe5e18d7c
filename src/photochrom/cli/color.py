"""What one asks before a hint: palette and uncertainty."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional

from photochrom.cli.flags import WHOLE, flag
from photochrom.cli.options import (
    Force,
    HintFile,
    HintFlags,
    Model,
    Out,
    Size,
    Vivid,
    gather_hints,
    load_colorizer,
    parse_size,
    print_result,
)
from photochrom.cli.waiting import shown_if_long

Photo = Annotated[Positional[Path], flag("a photograph", "PHOTO")]


def palette(
    photo: Photo,
    x: Annotated[Positional[float], flag("pixels from the left", "X")],
    y: Annotated[Positional[float], flag("pixels from the top", "Y")],
    /,
    model: Model = None,
    size: Size = "auto",
    hints: HintFile = None,
    hint: HintFlags = (),
    most: Annotated[int, flag("colours at most, beside the present one", WHOLE)] = 9,
    vivid: Vivid = None,
) -> int:
    """Show the colour of a point and others that it may have, each as the hint that asks for it.

    The first is what it has now, given the hints so far; the others follow with how likely they
    are, the likeliest first, and what CSS calls them. To choose one, add its --hint to what you
    colour the photo with.
    Example: photochrom palette grandmother.jpg 640 210
    """
    found = load_colorizer(model).palette(
        photo,
        x,
        y,
        hints=gather_hints(hints, hint),
        most=most,
        vivid=vivid,
        size=parse_size(size),
    )
    for swatch in (found.keep, *found.colors):
        if sys.stdout.isatty():
            from rich.console import Console

            Console().print(f"[on {swatch.color}]      [/] ", end="")
        share = "now" if swatch is found.keep else f"{swatch.probability:.0%}"
        print_result(f"--hint {x:g},{y:g},{swatch.color} {share:>4} {swatch.name}")
    return 0


def uncertainty(
    photo: Photo,
    /,
    out: Out,
    model: Model = None,
    size: Size = "auto",
    hints: HintFile = None,
    hint: HintFlags = (),
    force: Force = False,
) -> int:
    """Draw where the network guesses: black is certain, yellow could be anything.

    It also prints up to five places where a hint would put most right, the best first.

    Example: photochrom uncertainty grandmother.jpg -o guesses.png
    """
    from photochrom.files import make_parent
    from photochrom.image.reader import read_photo
    from photochrom.image.writer import check_target, write_photo
    from photochrom.inference.color_distribution import render_entropy

    check_target(out, photo, force=force)
    colorizer = load_colorizer(model)
    known, side = gather_hints(hints, hint), parse_size(size)
    with shown_if_long("looking"):
        bits = colorizer.uncertainty(photo, hints=known, size=side)
        places = colorizer.unsure_places(photo, hints=known, size=side)
    make_parent(out)
    print_result(write_photo(read_photo(render_entropy(bits)), out, force=force))
    print_result(f"{bits.mean():.2f} bits on average, at most {bits.max():.2f}")
    for place in places:
        print_result(f"check x {place.x:.0f}, y {place.y:.0f}, radius {place.radius:.0f}")
    return 0
