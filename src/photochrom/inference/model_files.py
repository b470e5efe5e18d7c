"""Which models there are, and where their files lie: here, or at an address to be fetched from."""

from __future__ import annotations

import os
from pathlib import Path

from photochrom import files
from photochrom.errors import BadModel
from photochrom.inference import onnx_file
from photochrom.storage.model_address import is_address, parse_address
from photochrom.storage.model_cache import fetch_model

WEIGHTS = Path(__file__).parents[1] / "weights"
DEFAULT_MODEL = "hintnet"
GENERATOR = "generator"
"""The name of what draws versions, and is no colorizer."""


def list_models() -> dict[str, Path]:
    """Models by name: those of the package, and those in the folder ``$PHOTOCHROM_MODELS``."""
    found = {path.stem: path for place in _places() for path in place.glob("*.onnx")}
    found.pop(GENERATOR, None)
    return dict(sorted(found.items()))


def find_generator() -> Path:
    """Find what draws versions: that in the folder ``$PHOTOCHROM_MODELS``, or the package's."""
    paths = (place / f"{GENERATOR}.onnx" for place in _places())
    return next((path for path in paths if path.is_file()), WEIGHTS / f"{GENERATOR}.onnx")


def _places() -> list[Path]:
    more = os.environ.get("PHOTOCHROM_MODELS")
    return [Path(more), WEIGHTS] if more else [WEIGHTS]


def find_model(
    model: str | os.PathLike[str],
    *,
    sha256: str | None = None,
    cache: str | os.PathLike[str] | None = None,
    offline: bool = False,
) -> Path:
    """Find the file of a model by its name, its path or its address, which it is fetched from.

    Args:
        model: a name of :func:`list_models`, a path, or an address as in
            :mod:`photochrom.storage.model_address`.
        sha256: what the file's digest has to be; an address may say it by itself.
        cache: a folder for what is fetched; by default the user's.
        offline: fetch nothing; also by ``PHOTOCHROM_OFFLINE=1`` in the environment.

    Raises:
        BadModel: there is none, or it is not the one that was asked for.
        BadOption: the address makes no sense.
        MissingExtra: it has to be fetched, for which httpx is needed.
        PhotochromError: it has to be fetched, and the server does not answer.
        CannotWrite: the cache does not take it.
    """
    if is_address(str(model)):
        address = parse_address(str(model), sha256)
        folder = None if cache is None else Path(cache)
        return fetch_model(address, most=onnx_file.MOST_BYTES, cache=folder, offline=offline)
    path = Path(model)
    if path.suffix != ".onnx" and not path.exists():
        named = list_models()
        if str(model) not in named:
            names = ", ".join(named) or "none is installed"
            raise BadModel(f"There is no model {model}: give a path, or one of: {names}.")
        path = named[str(model)]
    if not path.is_file():
        raise BadModel(f"{path} is not a file: check the path of the model.")
    if sha256 is not None:
        _check_digest(path, sha256)
    return path


def _check_digest(path: Path, sha256: str) -> None:
    with files.open_plain(path) as file:
        found = files.sha256(file)
    if found != sha256.strip().lower():
        raise BadModel(
            f"{path} is not the file that was asked for: its SHA-256 is {found}, not {sha256}."
        )
