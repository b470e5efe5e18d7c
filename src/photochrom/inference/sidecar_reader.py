"""Sidecars, read: every field is looked at, as a sidecar may come from anywhere."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from reprlib import repr as shown
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from photochrom import files
from photochrom.errors import BadData, BadOption
from photochrom.image.encoding import Encoding
from photochrom.image.provenance import Original
from photochrom.inference.hints import to_hint_set
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.sidecar import (
    FILES,
    MOST_BYTES,
    URL,
    VERSION,
    ModelFile,
    ResultFile,
    Sidecar,
    SidecarPage,
    check_png,
)

_LONGEST = 4096
"""Letters of a word."""
_MOST_CLAUSES = 100
_MOST_SIDE = 2**31
_FINITE, _LARGEST = 1e300, 2**63
_SHA256 = re.compile("[0-9a-f]{64}")
_WHEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class _Wrong(Exception):
    """A field is not what it should be; its words go on after "its"."""


def read_sidecar(path: str | os.PathLike[str]) -> Sidecar:
    """Read a sidecar; its colours are decoded when they are wanted.

    Raises:
        BadData: there is none, or it is none; the sentence says which field is wrong.
    """
    try:
        content = files.read_plain(path, MOST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise _no_sidecar(path, "it is no text") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadData(f"{path} cannot be read ({reason}): check path and permissions.") from error
    try:
        told = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _no_sidecar(path, "it is no JSON") from error
    version = told.get("photochrom_sidecar") if isinstance(told, Mapping) else None
    if type(version) is not int:
        raise _no_sidecar(path, "it does not say that it is one")
    if version != VERSION:
        raise BadData(
            f"{path} is a sidecar of version {version}, and this photochrom reads {VERSION}: "
            "use the one that wrote it, or a newer one."
        )
    try:
        return _sidecar(told)
    except _Wrong as error:
        raise _no_sidecar(path, f"its {error}") from error
    except BadOption as error:  # such as hints outside the photo
        raise BadData(f"{path}: {error}") from error


def _no_sidecar(path: str | os.PathLike[str], reason: str) -> BadData:
    return BadData(
        f"{path} is no sidecar of photochrom ({reason}): give a file that --sidecar wrote."
    )


def _sidecar(told: Mapping[str, Any]) -> Sidecar:
    names = "photochrom_sidecar photochrom original result model when options sources pages"
    _check_names(told, names.split(), "sidecar")
    options = dict(_mapping(told["options"], "options"))
    damaged = _take(options.pop("damaged", None), bool, "damaged")
    sources = _mapping(told["sources"], "sources")
    if unknown := sorted(set(sources) - set(FILES)):
        raise _Wrong(f"sources hold {shown(unknown[0])}, which is unknown")
    pages = told["pages"]
    if not isinstance(pages, list) or not pages:
        raise _Wrong("pages are no list of them")
    return Sidecar(
        version=_word(told["photochrom"], "photochrom"),
        original=_original(told["original"], "original"),
        model=_model(told["model"]),
        when=_match(_WHEN, told["when"], "when", "2026-11-28T09:30:00Z"),
        options=_options(options),
        sources={name: _original(value, name) for name, value in sources.items()},
        damaged=damaged,
        result=_result(told["result"]),
        pages=tuple(_page(page, f"page {i}") for i, page in enumerate(pages, 1)),
    )


def _original(told: Any, where: str) -> Original:
    known = _mapping(told, where, "name size sha256")
    size = _take(known["size"], int, f"{where} size")
    if size < 0:
        raise _Wrong(f"{where} size is {shown(size)}: it is bytes")
    name = known["name"]
    return Original(
        name="" if name is None else _word(name, f"{where} name"),
        size=size,
        sha256=_digest(known["sha256"], where),
    )


def _model(told: Any) -> ModelFile | None:
    if told is None:
        return None
    known = _mapping(told, "model", "name version sha256")
    return ModelFile(
        _word(known["name"], "model name"),
        _word(known["version"], "model version"),
        _digest(known["sha256"], "model"),
    )


def _result(told: Any) -> ResultFile:
    known = _mapping(told, "result", "name sha256 format quality compression")
    hints = get_type_hints(Encoding)
    encoding = {name: _take(known[name], hints[name], name) for name in hints}
    quality = encoding["quality"]
    if quality is not None and not 1 <= quality <= 100:
        raise _Wrong(f"quality is {shown(quality)}: it goes from 1 to 100")
    return ResultFile(
        _word(known["name"], "result name"),
        _word(known["format"], "format"),
        Encoding(**encoding),
        _digest(known["sha256"], "result"),
    )


def _options(told: Mapping[str, Any]) -> ColorizeOptions:
    names = [field.name for field in fields(ColorizeOptions)]
    names = [name for name in names if name not in ("hints", *FILES)]
    _check_names(told, names, "options")
    hints = get_type_hints(ColorizeOptions)
    return ColorizeOptions(**{name: _take(told[name], hints[name], name) for name in names})


def _page(told: Any, where: str) -> SidecarPage | None:
    if told == "kept":
        return None
    known = _mapping(told, where, "size hints clauses colors")
    size, clauses = known["size"], known["clauses"]
    if not isinstance(size, list) or len(size) != 2:
        raise _Wrong(f"{where} has no size, which is width and height")
    width, height = (_take(side, int, f"{where} size") for side in size)
    if not 0 < min(width, height) <= max(width, height) < _MOST_SIDE:
        raise _Wrong(f"{where} size is {shown(size)}, which no photo has")
    if not isinstance(clauses, list) or len(clauses) > _MOST_CLAUSES:
        raise _Wrong(f"{where} clauses are no list of at most {_MOST_CLAUSES}")
    return SidecarPage(
        size=(width, height),
        png=_png(known["colors"], where),
        hints=to_hint_set(known["hints"]).scaled_to((width, height)),
        clauses=tuple(_word(clause, f"{where} clause") for clause in clauses),
    )


def _png(told: Any, where: str) -> bytes | None:
    if told is None:
        return None
    if not isinstance(told, str) or not told.startswith(URL):
        raise _Wrong(f"{where} has no colours, which are a PNG in a data URL")
    try:
        png = base64.b64decode(told.removeprefix(URL), validate=True)
        check_png(png)
    except (binascii.Error, ValueError) as error:
        reason = "colours that are no base64" if isinstance(error, binascii.Error) else error
        raise _Wrong(f"{where} has {reason}") from error
    return png


# --- fields -----------------------------------------------------------------------------------


def _mapping(told: Any, where: str, names: str = "") -> Mapping[str, Any]:
    if not isinstance(told, Mapping):
        raise _Wrong(f"{where} is {shown(told)}: it has fields")
    if names:
        _check_names(told, names.split(), where)
    return told


def _check_names(told: Mapping[str, Any], names: list[str], where: str) -> None:
    if missing := [name for name in names if name not in told]:
        raise _Wrong(f"{where} lacks {missing[0]}")
    if unknown := sorted(set(told) - set(names)):
        raise _Wrong(f"{where} has {shown(unknown[0])}, which is unknown")


def _take(value: Any, kind: Any, where: str) -> Any:
    """A value, if it is of a kind such as ``float | None`` or ``Literal["best", "fast"]``."""
    if not _fits(value, kind):
        raise _Wrong(f"{where} is {shown(value)}: it cannot be that")
    return value


def _fits(value: Any, kind: Any) -> bool:
    if get_origin(kind) in (Union, UnionType):
        return any(_fits(value, part) for part in get_args(kind))
    if get_origin(kind) is Literal:
        return type(value) is str and value in get_args(kind)
    if kind is float:
        return type(value) in (int, float) and abs(value) < _FINITE
    if kind is str:
        return type(value) is str and len(value) <= _LONGEST
    if kind is int:
        return type(value) is int and abs(value) < _LARGEST
    return kind in (bool, NoneType) and type(value) is kind


def _word(value: Any, where: str) -> str:
    return str(_take(value, str, where))


def _match(pattern: re.Pattern[str], value: Any, where: str, like: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _Wrong(f"{where} is {shown(value)}: it is like {like}")
    return value


def _digest(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _Wrong(f"{where} SHA-256 is {shown(value)}: it has 64 hexadecimal digits")
    return value
