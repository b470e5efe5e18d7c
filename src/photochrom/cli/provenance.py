"""Results made again, and looked into: apply and verify."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tyro.conf import Positional

from photochrom.cli.flags import flag
from photochrom.cli.options import Force, print_result
from photochrom.cli.waiting import shown_if_long
from photochrom.errors import PhotochromError, explain
from photochrom.names import remark

if TYPE_CHECKING:
    from photochrom.inference.verification import Verification


def apply(
    sidecar: Annotated[Positional[Path], flag("a file that colorize --sidecar wrote", "SIDECAR")],
    photo: Annotated[Positional[Path], flag("the photo that it was written for", "PHOTO")],
    /,
    out: Annotated[
        Path | None, flag("the picture to write", "FILE", short="-o", default="beside the photo")
    ] = None,
    force: Force = False,
) -> int:
    """Make a result again from its sidecar: the same pixels and metadata, without any model.

    The photo has to be the very file that the sidecar was written for, by its SHA-256. What is
    written is compared with the result that the sidecar tells of, and a difference is said.

    Example: photochrom apply grandmother.color.photochrom.json grandmother.jpg -o again.jpg
    """
    from photochrom.inference.reapply import apply_to_file

    try:
        with shown_if_long("colouring"):
            applied = apply_to_file(sidecar, photo, out, force=force)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise PhotochromError(explain(error, str(photo))) from error
    print_result(applied.path)
    if note := applied.notes.sentence(str(photo)):
        remark(note)
    if applied.same is False:
        remark(
            f"{applied.path} is not byte for byte the file that the sidecar tells of: another "
            "version of photochrom or of a library has written it, or it was signed then."
        )
    return 0


def verify(
    result: Annotated[Positional[Path], flag("a photo that was coloured", "RESULT")],
    original: Annotated[Positional[Path], flag("the photo that it was made of", "ORIGINAL")],
    /,
    json: Annotated[bool, flag("answer in JSON")] = False,
    damaged: Annotated[bool, flag("take what can be read of an original that is broken")] = False,
) -> int:
    """Tell whether a result has the original's lightness, and what its metadata say.

    Lightness is L of CIE Lab, 0..100. In formats without loss no pixel may differ by more than 0.5;
    in JPEG and the like none by more than 6, and 99 % of them by no more than 2, or by more where a
    JPEG was written at a low quality. The exit status is 0 if that is so, and 1 if not. A strip
    below the picture, such as a caption's, is left out; a caption in its corner counts as a
    difference.

    Example: photochrom verify grandmother.color.jpg grandmother.jpg
    """
    from photochrom.inference.verification import verify as look

    try:
        with shown_if_long("comparing"):
            found = look(result, original, damaged=damaged)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise PhotochromError(explain(error, str(result))) from error
    print_result(*([_to_json(found)] if json else _describe(found)))
    return 0 if found.same_lightness else 1


def _to_json(found: Verification) -> str:
    more = {"same_lightness": found.same_lightness, "same_original": found.same_original}
    return json.dumps(asdict(found) | more)


def _describe(found: Verification) -> list[str]:
    """A line for each thing that is to be known."""
    bound = f"none more than {found.bound:.3g}"
    if found.bound_of_most is not None:
        bound += f", and 99 % of them no more than {found.bound_of_most:.3g}, as the file has loss"
    verdict = "the original's" if found.same_lightness else "not the original's"
    lines = [
        f"lightness: {verdict}: pixels differ by {found.greatest:.2f} at most, and 99 % of them by "
        f"{found.most:.2f} at most (bound: {bound})",
    ]
    if found.captioned:
        lines.append("caption: the strip below the picture was left out")
    if found.tool:
        when = f"; {found.when}" if found.when else ""
        lines.append(f"mark: {found.note}{when}")
    else:
        lines.append("mark: none of photochrom's")
    if found.recorded is None:
        lines.append("original: the result does not tell which file it was made of")
    elif found.same_original:
        lines.append(f"original: this very file, by its SHA-256 {found.original.sha256}")
    else:
        name = f" ({found.recorded.name})" if found.recorded.name else ""
        lines.append(
            f"original: another file{name}, by its SHA-256 {found.recorded.sha256}; this one has "
            f"{found.original.sha256}"
        )
    return lines
