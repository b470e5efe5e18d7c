"""Pictures of many photos: sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from photochrom.cli.flags import WHOLE, flag
from photochrom.cli.options import (
    ColorizeArgs,
    Force,
    Most,
    Out,
    Photos,
    find_listed,
    load_colorizer,
    option_values,
    print_result,
    track,
)
from photochrom.errors import BadData, BadModel, BadOption, explain
from photochrom.names import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from photochrom.image.photo import Photo


def sheet(
    photos: Photos,
    /,
    flags: ColorizeArgs,
    out: Out = Path("sheet.jpg"),
    samples: Annotated[int, flag("so many other versions of each", WHOLE)] = 0,
    seed: Annotated[int, flag("of the versions: the same seed gives the same ones", WHOLE)] = 0,
    height: Annotated[int, flag("of each row", "PIXELS")] = 320,
    across: Annotated[int, flag("photos side by side", WHOLE)] = 1,
    most: Most = None,
    force: Force = False,
) -> int:
    """Make one picture of many: grey, coloured and, where there was colour, the original.

    Takes photographs, folders and tar shards. A photo that cannot be shown is named, and the sheet
    is made of the others. Example: photochrom sheet album/ -o before-after.jpg
    """
    from photochrom.evaluation.contact_sheet import make_contact_sheet
    from photochrom.files import make_parent
    from photochrom.image.reader import read_photo
    from photochrom.image.writer import check_target, write_photo
    from photochrom.inference.options import ColorizeOptions

    sources, failed = find_listed(photos, most)
    for source in sources:
        known = source if isinstance(source, Path) else None
        check_target(out, known, force=force)  # before the work, not after it
    colorizer = load_colorizer(flags.model)
    options = ColorizeOptions(**option_values(ColorizeOptions, flags))

    def versions(photo: Photo) -> list[Photo | None]:
        """The photo in every column."""
        hints: list[Any] = [()]
        if samples:
            hints += colorizer.sample_hints(photo, samples, seed)
        coloured = [colorizer.render(photo, replace(options, hints=given)) for given in hints]
        original = photo if _has_color(photo.pixels) else None
        return [colorizer.render(photo, ColorizeOptions(strength=0)), *coloured, original]

    rows = _rows(sources, versions, height, failed)
    for reason in failed:
        say(reason)
    if not rows:
        raise BadData("None of the photos can be shown: name others.")
    columns = ["grey", "coloured", *(f"version {i + 1}" for i in range(samples)), "original"]
    if all(row[-1] is None for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    picture = make_contact_sheet(rows, columns, height=height, across=across)
    make_parent(out)
    print_result(write_photo(read_photo(picture), out, force=force))
    return 1 if failed else 0


def _rows(
    sources: Sequence[Any],
    versions: Callable[[Photo], list[Photo | None]],
    height: int,
    failed: list[str],
) -> list[list[Any]]:
    """The small pictures of each photo; of one that cannot be shown, the reason is told."""
    import numpy as np

    from photochrom.evaluation.contact_sheet import thumbnail
    from photochrom.image.reader import read_photo

    rows = []
    for source in track(sources, "colouring"):
        try:
            encoded = source if isinstance(source, Path) else source.read()
            row = versions(read_photo(encoded))
            small = [photo and np.asarray(thumbnail(_rgb_pixels(photo), height)) for photo in row]
        except (BadModel, BadOption):  # which would be so for each
            raise
        except Exception as error:  # a photo may provoke anything
            name = str(source) if isinstance(source, Path) else source.name
            failed.append(explain(error, name))
            continue
        rows.append(small)
    return rows


def _rgb_pixels(photo: Any) -> Any:
    import numpy as np

    from photochrom.image.photo import to_image

    return np.asarray(to_image(photo).convert("RGB"))


def _has_color(pixels: Any) -> bool:
    import numpy as np

    return pixels.ndim == 3 and bool(
        (np.ptp(pixels, axis=2) > np.iinfo(pixels.dtype).max / 32).any()
    )
