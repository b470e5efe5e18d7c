"""Which models there are: models; and how a user sees that one is fetched."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from photochrom.cli.flags import flag
from photochrom.cli.options import console, print_result
from photochrom.errors import BadModel, BadOption
from photochrom.names import escape_controls, is_verbose, say

if TYPE_CHECKING:
    from photochrom.storage.download import Watch


@dataclass(frozen=True)
class ListedModel:
    """A model that can be named, as it is shown."""

    name: str
    """What ``--model`` takes."""
    version: str
    default: bool
    bytes: int
    licence: str
    parameters: str
    path: str
    sha256: str


def models(
    fetch: Annotated[
        tuple[str, ...],
        flag("fetch these models now, or their newest versions, for later", "ADDRESS..."),
    ] = (),
    json: Annotated[bool, flag("list as JSON, with SHA-256 and file")] = False,
) -> int:
    """List the models on this machine: version, size, licence; with --verbose, SHA-256 and file.

    These are the bundled model, those in the folder that $PHOTOCHROM_MODELS names, and those that
    were fetched; --model takes what stands first in each line. It also takes addresses: of the
    Hugging Face Hub (hf://owner/name), where photochrom has published none of its own yet, and of
    any other server (https://host/file.onnx#sha256=...).
    Example: photochrom models --fetch hf://owner/name
    """
    from photochrom.inference.onnx_file import MOST_BYTES
    from photochrom.storage.model_address import is_address, parse_address
    from photochrom.storage.model_cache import fetch_model

    for name in fetch:
        if not is_address(name):
            raise BadOption(f"{name} is no address: name it as hf://owner/name.")
    for address in map(parse_address, fetch):
        print_result(fetch_model(address, most=MOST_BYTES, renew=True))
    if not fetch:
        _print(list(_list_models()), as_json=json)
    return 0


def _list_models() -> Iterator[ListedModel]:
    from photochrom.inference.model_files import DEFAULT_MODEL, list_models
    from photochrom.storage.model_cache import list_cached

    for name, path in list_models().items():
        yield from _describe(name, path, name == DEFAULT_MODEL)
    seen = set()
    for model in list_cached():
        name = model.source
        if name in seen or name.startswith("http"):  # an older one, and what needs its digest
            name += f"#sha256={model.sha256}"
        seen.add(name)
        yield from _describe(name, model.path, False)


def _describe(name: str, path: Path, default: bool) -> Iterator[ListedModel]:
    """A model as it is shown; one that cannot be read is named, and left out."""
    from photochrom import files
    from photochrom.inference.onnx_file import read_metadata

    try:
        facts = read_metadata(path)
        with files.open_plain(path) as file:
            sha256, size = files.sha256(file), file.tell()
    except (BadModel, OSError) as error:
        say(f"{name}: {error}")
        return
    licence = _licence_of(path) or facts.get("licence", "") or "not told"
    yield ListedModel(
        name=name,
        version=facts.get("version", ""),
        default=default,
        bytes=size,
        licence=licence,
        parameters=facts.get("parameters", ""),
        path=str(path),
        sha256=sha256,
    )


def _licence_of(path: Path) -> str:
    """The licence that a model's card tells, where that lies beside the model."""
    try:
        head = path.with_suffix(".md").read_text("utf-8")[:4000]
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(r"^---\n.*?^license_name: (\S+)$.*?^---$", head, re.M | re.S)
    return found[1].replace("-", " ") if found else ""


def _print(found: list[ListedModel], *, as_json: bool) -> None:
    if as_json:
        print_result(*json.dumps([asdict(model) for model in found], indent=1).splitlines())
        return
    heads = ["model", "version", "size", "licence"]
    rows = [
        [
            f"{model.name}{' (default)' if model.default else ''}",
            model.version,
            f"{model.bytes / 1e6:.1f} MB",
            model.licence,
            *([model.sha256, model.path] if is_verbose() else []),
        ]
        for model in found
    ]
    if not sys.stdout.isatty():
        print_result(*("  ".join(filter(None, row)) for row in rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*heads, *(["SHA-256", "file"] if is_verbose() else []), box=None)
    table.columns[2].justify = "right"
    for row in rows:
        table.add_row(*(Text(escape_controls(cell), overflow="fold") for cell in row))
    Console().print(table)
    Console().print(
        "\nMore can be had from the Hugging Face Hub: --model hf://owner/name. photochrom has "
        "published none of its own there yet.",
        style="dim",
        highlight=False,
    )


@contextmanager
def show_fetch(name: str) -> Iterator[Watch]:
    """Show how far a model is fetched, and say after Ctrl-C what becomes of it."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with Progress(TextColumn("fetching"), TextColumn(name), *columns, console=console()) as shown:
        task = shown.add_task("", total=None)
        try:
            yield lambda done, total: shown.update(task, completed=done, total=total)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"Interrupted. What has come of {name} is kept; the same command goes on with it."
            ) from None
