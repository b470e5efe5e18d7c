"""Sidecars: all that is needed to make a result again, in one JSON file beside it.

========  =========================================================================================
original  name (null where it is not to be told), size in bytes and SHA-256 of the photo's file
result    name, format, encoding and SHA-256 of the result's file
model     name, version and SHA-256 of the model's file; null where the colours came from elsewhere
when      the time that the result's mark gives
options   the fields of :class:`.ColorizeOptions`; of the reference and the like, name and SHA-256
pages     in order: "kept" for one that was in colour already, or size, hints, what the mark tells
          beside the usual, and the colours
========  =========================================================================================

The colours of a page are those that the network gave, small as it saw the photo, as a PNG in a data
URL: 16-bit grey, twice as high as the colours, which holds a above b. Level n stands for
n / 256 - 128 (:mod:`.chroma_steps`). They are null where the page is grey. Hints are a hint file's
content (:mod:`.hints`), with positions in pixels of the page, those of a reference among them.

A sidecar may come from anywhere. So it is read as JSON and PNG alone, both of bounded size; every
field has to be what it should be, and there are no others; nothing in it names a file to be opened
(:mod:`.sidecar_reader`).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from photochrom import __version__, files
from photochrom.color import Array
from photochrom.image.encoding import Encoding
from photochrom.image.photo import Photo
from photochrom.image.provenance import Original
from photochrom.image.reader import read_photo
from photochrom.image.writer import encode_photo
from photochrom.inference.chroma_steps import from_codes, to_codes
from photochrom.inference.hints import Hint, hints_to_json
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.pipeline import PageColors, look_at

VERSION = 1
"""Of the files that are written."""
ENDING = ".photochrom.json"
MOST_BYTES = 2**28
"""Of a sidecar: a thousand pages have about as much."""
MOST_LEVELS = 2**26
"""Of a page's colours: four times what the largest network sees."""
FILES = "reference", "chroma_from"
"""Options that are pictures, of which only names and digests are kept."""
URL = "data:image/png;base64,"
_HEAD = re.compile(rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR(.{4})(.{4})\x10\0\0\0\0", re.DOTALL)
"""Of a PNG of 16-bit grey that is not interlaced, with its width and height."""


class ModelFile(NamedTuple):
    """A model, as it can be told from others."""

    name: str
    version: str
    sha256: str


class ResultFile(NamedTuple):
    """A result's file."""

    name: str
    format: str
    """Pillow's name of it."""
    encoding: Encoding
    sha256: str


@dataclass(frozen=True, kw_only=True, eq=False)
class SidecarPage:
    """What a page was coloured with."""

    size: tuple[int, int]
    """Width and height of the page."""
    png: bytes | None
    """Its colours, as the module says; None for grey."""
    hints: tuple[Hint, ...] = ()
    clauses: tuple[str, ...] = ()
    """As :class:`.Provenance` has them."""

    @classmethod
    def of(cls, colors: PageColors | None) -> SidecarPage | None:
        """From what colouring tells; None for a page that is kept."""
        if colors is None:
            return None
        return cls(
            size=colors.size,
            png=None if colors.lines is None else encode_ab(colors.lines.ab),
            hints=colors.hints,
            clauses=colors.provenance.clauses if colors.provenance else (),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Sidecar:
    """All that is needed to make a result again, but for the photo."""

    version: str = __version__
    """Of photochrom."""
    original: Original
    model: ModelFile | None
    """None where the colours came from elsewhere."""
    when: str
    options: ColorizeOptions
    """Without hints, and without the pictures of :data:`FILES`."""
    sources: Mapping[str, Original]
    """These pictures."""
    damaged: bool
    """Whether what could be read of a broken file was enough."""
    result: ResultFile
    pages: tuple[SidecarPage | None, ...]
    """None for one that was in colour already, and kept."""


def split_options(options: ColorizeOptions) -> tuple[ColorizeOptions, dict[str, Original]]:
    """The options that a sidecar holds, and the files that the others name.

    Args:
        options: with pictures that were opened, or not.
    """
    plain = {field.name: getattr(options, field.name) for field in fields(ColorizeOptions)}
    pictures = {name: plain.pop(name, None) for name in FILES}
    plain["hints"] = ()
    found = {name: look_at(picture) for name, picture in pictures.items() if picture is not None}
    return ColorizeOptions(**plain), {name: told for name, told in found.items() if told}


# --- colours ----------------------------------------------------------------------------------


def encode_ab(ab: Array) -> bytes:
    """Colours (2, h, w) as a PNG, which holds them in whole steps."""
    return encode_photo(Photo(np.concatenate(list(to_codes(ab)))), "PNG")


def decode_ab(png: bytes) -> Array:
    """Colours (2, h, w) float32 of :func:`encode_ab`.

    Raises:
        BadPhoto: they are damaged. ValueError: they are none, or too many.
    """
    width, height = check_png(png)
    codes = read_photo(png).pixels
    if codes.dtype != np.uint16 or codes.shape != (height, width):
        raise ValueError("colours that are no 16-bit PNG")
    return from_codes(codes.reshape(2, height // 2, width))


def check_png(png: bytes) -> tuple[int, int]:
    """The width and height of a PNG that may hold colours, before it is decoded.

    Raises:
        ValueError: it is none, or too large.
    """
    head = _HEAD.match(png)
    width, height = (int.from_bytes(side, "big") for side in head.groups()) if head else (0, 0)
    if not width or not height or height % 2:
        raise ValueError("colours that are no 16-bit PNG of a above b")
    if width * height > MOST_LEVELS:
        raise ValueError(f"colours of {width:,} by {height // 2:,}, more than any network sees")
    return width, height


# --- a file -----------------------------------------------------------------------------------


def write_sidecar(
    sidecar: Sidecar, target: Path, *, force: bool = False, mode: int = 0o666
) -> None:
    """Write a sidecar: the whole file, or none.

    Args:
        sidecar: what is written.
        target: the file.
        force: replace a file that exists.
        mode: the file's permissions, of which the process's mask is taken.

    Raises:
        CannotWrite: it exists, or the folder does not take it. DiskFull: there is no room.
    """
    told = to_json(sidecar)
    try:
        content = json.dumps(told, indent=1, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # a name whose bytes are no text
        content = json.dumps(told, indent=1).encode()
    content += b"\n"
    files.write_atomically(target, lambda file: file.write(content), force=force, mode=mode)


def to_json(sidecar: Sidecar) -> dict[str, Any]:
    """A sidecar as JSON has it."""
    result = sidecar.result
    options = {
        field.name: getattr(sidecar.options, field.name)
        for field in fields(ColorizeOptions)
        if field.name not in ("hints", *FILES)
    }
    return {
        "photochrom_sidecar": VERSION,
        "photochrom": sidecar.version,
        "original": _file_to_json(sidecar.original),
        "result": {"name": result.name, "sha256": result.sha256, "format": result.format}
        | asdict(result.encoding),
        "model": sidecar.model._asdict() if sidecar.model else None,
        "when": sidecar.when,
        "options": options | {"damaged": sidecar.damaged},
        "sources": {name: _file_to_json(told) for name, told in sidecar.sources.items()},
        "pages": list(map(_page_to_json, sidecar.pages)),
    }


def _file_to_json(original: Original) -> dict[str, Any]:
    return {"name": original.name or None, "size": original.size, "sha256": original.sha256}


def _page_to_json(page: SidecarPage | None) -> Any:
    if page is None:
        return "kept"
    return {
        "size": list(page.size),
        "hints": hints_to_json(page.hints, page.size),
        "clauses": list(page.clauses),
        "colors": None if page.png is None else URL + base64.b64encode(page.png).decode(),
    }
