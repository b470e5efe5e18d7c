"""What is asked for of many photos, and what of it decides how a photo turns out."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from photochrom import files
from photochrom.errors import BadOption
from photochrom.image.encoding import DEFAULT_ENCODING, Encoding
from photochrom.inference.adviser import SAMPLES
from photochrom.inference.hints import HintSet
from photochrom.inference.options import ColorizeOptions, Hints, check_range


@dataclass(frozen=True, kw_only=True)
class BatchOptions(ColorizeOptions):
    """What is asked for of many photos: the options of ``photochrom colorize``.

    Hints are a path or a :class:`.HintSet`, the reference is a path. What colours are taken from
    is the path of a picture, or of a folder of pictures that are called as the photos are.

    Raises:
        BadOption: a value is out of range.
    """

    model: str | None = None
    samples: int | None = None
    """So many versions of each, in a file of its own."""
    seed: int = 0
    device: str = "auto"
    force: bool = False
    encoding: Encoding = DEFAULT_ENCODING
    keep_times: bool = False
    """Results get the times of their photos."""
    damaged: bool = False
    """Colour what can be read of broken files."""
    uncertainty_map: bool = False
    """Beside each result a picture of where the network guesses."""
    sidecar: bool = False
    """Beside each result all that is needed to make it again, in a file (:mod:`.sidecar`)."""
    sign: tuple[Path, Path] | None = None
    """PEM files of a certificate and its key, by which results get Content Credentials."""
    timeout: float = 0.0
    """Seconds for each photo; 0 for as many as it takes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples is not None:
            check_range("samples", self.samples, 1, SAMPLES)
        if self.sign and not (self.mark and self.strength > 0):
            raise BadOption(
                "What is signed is that photos were colorized: leave out --sign, or --no-mark and "
                "--strength 0."
            )

    def _of_the_model(self) -> list[str]:
        given = {
            "model": self.model is not None,
            "samples": self.samples is not None,
            "uncertainty-map": self.uncertainty_map,
        }
        return [*super()._of_the_model(), *(name for name, is_so in given.items() if is_so)]

    def digest(self, model: Path) -> str:
        """A digest of all that decides what a photo becomes, apart from the photo.

        Of files what is in them counts, and not what they are called. The names of what is listed
        are those in journals that were begun by older versions.
        """
        listed: dict[str, Any] = {
            "model": _sha256(model),
            "size": self.size,
            "strength": self.strength,
            "vivid": self.vivid,
            "hints": _digest_hints(self.hints),
            "reference": _sha256(self.reference),
            "samples": self.samples,
            "seed": self.seed,
            "recolor": self.recolor,
            "strip": self.strip,
            "mark": self.mark,
        }
        if self.quality != "fast":  # as journals of before it could be chosen
            listed["quality"] = self.quality
        if self.encoding != DEFAULT_ENCODING:  # likewise
            listed["encoding"] = asdict(self.encoding)
        if self.caption is not None:  # likewise
            listed["caption"] = [self.caption, self.caption_place]
        if self.sign is not None:  # likewise
            listed["sign"] = _sha256(self.sign[0])
        if (picture := path_of(self.chroma_from)) is not None:  # likewise
            listed["chroma_from"] = None if picture.is_dir() else _sha256(picture)
        return hashlib.sha256(json.dumps(listed, sort_keys=True).encode()).hexdigest()

    def absolute(self) -> BatchOptions:
        """The same, whatever folder the process that they are sent to stands in."""

        def whole(source: Any) -> Any:
            path = path_of(source)
            return source if path is None else path.absolute()

        model = self.model
        if model and Path(model).is_file():
            model = str(Path(model).absolute())
        paths = {name: whole(getattr(self, name)) for name in ("hints", "reference", "chroma_from")}
        sign = self.sign and (self.sign[0].absolute(), self.sign[1].absolute())
        return replace(self, model=model, sign=sign, **paths)


def path_of(source: object) -> Path | None:
    """A path, where that is what was given."""
    return Path(source) if isinstance(source, str | os.PathLike) else None


def _digest_hints(hints: Hints) -> str | None:
    """Of what they say, where there are any; of a file, of what is in it."""
    if not isinstance(hints, HintSet):
        return _sha256(hints)
    return hashlib.sha256(repr(hints).encode()).hexdigest()


def _sha256(source: object) -> str | None:
    """Of what is in a file, if one was given."""
    if (path := path_of(source)) is None:
        return None
    with files.open_plain(path) as file:
        return files.sha256(file)
