"""What worker processes do with photos: with whole files, and with previews of them."""

from __future__ import annotations

import io
import pickle
import re
import threading
from dataclasses import astuple, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

from photochrom.errors import BadOption
from photochrom.image.levels import Levels
from photochrom.image.provenance import Original
from photochrom.image.writer import encode_photo
from photochrom.inference import chroma_upsampling
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.hints import Hint
from photochrom.inference.model_files import list_models
from photochrom.inference.options import ColorizeOptions, Hints
from photochrom.inference.palette import Palette
from photochrom.inference.pipeline import colorize_pages
from photochrom.inference.resemblance import Place
from photochrom.web.lightness import encode_grey
from photochrom.web.photo_store import PhotoLimits, PhotoSummary, check_size

QUALITY = 90
COMPARISON = 2048
"""Long side of a before/after picture, pixels."""
_CERTAIN, _LOST = 0.45, 0.8
"""Of the bits of all colours being as likely, what is shown as nothing, and as much as can be."""
_YELLOW = (255, 210, 0)
_VEIL = 170
"""Of 255, how much it may hide."""


class ChromaPlanes(NamedTuple):
    """The colours of a photo as lines over its lightness, for who paints it himself."""

    content: bytes
    """float16, little-endian, (height, width, 4): slope of a and b, offset of a and b."""
    width: int
    height: int
    low: tuple[float, float]
    """The least a and b there may be."""
    high: tuple[float, float]


class ColoredFile(NamedTuple):
    """A whole file coloured."""

    content: bytes
    kind: str
    """Pillow's name of its format."""
    notes: tuple[str, ...]
    """What of the photo was left out, and why."""

    def __reduce_ex__(self, _: Any) -> tuple[Any, ...]:
        """For pickle: the content goes as it lies, if the protocol can do that."""
        return ColoredFile, (pickle.PickleBuffer(self.content), self.kind, self.notes)


@dataclass(frozen=True)
class ModelSummary:
    """A model, and what it can do."""

    name: str
    version: str
    default: bool
    hints: bool
    distribution: bool
    size: int
    vivid: float | None


class Engine:
    """The models, each loaded when first asked for.

    Pickled, it is the one that the other process has for itself.

    Args:
        model: the path of the default's .onnx file.
        limits: of photos.
        threads: for the network and for pixels; by default one per core.
    """

    def __init__(self, model: Path, limits: PhotoLimits, threads: int | None = None) -> None:
        self.limits, self.threads = limits, threads
        self._model = model
        self._loaded: dict[str | Path, Colorizer] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle: a loaded model no other process can take."""
        return _engine, (self._model, self.limits, self.threads)

    def colorizer(self, name: str | None) -> Colorizer:
        """The model of a name; a request never says a path.

        Raises:
            BadOption: there is no such model.
        """
        wanted: str | Path = self._model
        if name is not None and name != self.name:
            if name not in (known := list_models()):
                raise BadOption(f"There is no such model: take one of {', '.join(known)}.")
            wanted = name
        with self._lock:
            if wanted not in self._loaded:
                self._loaded[wanted] = Colorizer(wanted, threads=self.threads)
            return self._loaded[wanted]

    @property
    def name(self) -> str:
        """Of the default model."""
        return self._model.stem

    @property
    def _default(self) -> Colorizer:
        return self.colorizer(None)

    def load(self) -> None:
        """Load the default model, so that the first photo need not wait for it."""
        self.colorizer(None)

    def forget(self) -> None:
        """Forget what the models have said of photos, and the photos."""
        with self._lock:
            for colorizer in self._loaded.values():
                colorizer.forget()

    def load_models(self) -> list[ModelSummary]:
        """What there is, the default first; all are loaded for it."""
        default = self.name
        found = []
        for name in [default, *(name for name in list_models() if name != default)]:
            model = self.colorizer(name).model
            vivid = model.defaults.get("vivid")
            found.append(
                ModelSummary(
                    name=name,
                    version=model.metadata.get("version", ""),
                    default=name == default,
                    hints=model.takes_hints,
                    distribution=model.has_distribution,
                    size=model.size,
                    vivid=None if vivid is None else round(float(vivid.item()), 3),
                )
            )
        return found

    def colorize_file(
        self,
        data: bytes,
        options: ColorizeOptions,
        model: str | None,
        name: str,
        format: str | None = None,  # noqa: A002
    ) -> ColoredFile:
        """A whole file coloured.

        Args:
            data: the file.
            options: how.
            model: by which, None for the default.
            name: what the file is called.
            format: Pillow's name of the result's; None for the file's own, or PNG where that
                cannot be written.

        Raises:
            PhotochromError: it cannot be coloured, or has more pages than the format holds.
        """
        count = check_size(data, self.limits)
        if count > 1 and format is not None:
            raise BadOption(
                f"{format} holds one page and this file has {count}: download it as it came."
            )
        original = Original.within(data, name)
        try:
            colored = colorize_pages(
                data, options, self.colorizer(model), kind=format, original=original
            )
            content = encode_photo(colored.pages, colored.kind)
        finally:
            self.forget()  # nobody asks here again
        return ColoredFile(content, str(colored.kind), tuple(colored.notes))

    def preview(
        self, photo: PhotoSummary, options: ColorizeOptions, model: str | None, side: int | None
    ) -> bytes:
        """A JPEG of the photo in colour, at most so many pixels long."""
        return jpeg(self._colored(photo, options, model), side)

    def chroma(
        self, photo: PhotoSummary, options: ColorizeOptions, model: str | None
    ) -> ChromaPlanes:
        """What :meth:`preview` would colour the photo with."""
        lines = self.colorizer(model).chroma_lines(photo.preview, self._quick(photo, options))
        planes = np.concatenate([lines.slope, lines.offset]).transpose(1, 2, 0)
        (height, width), ends = planes.shape[:2], (lines.low, lines.high)
        low, high = ((float(a), float(b)) for a, b in (end.ravel() for end in ends))
        return ChromaPlanes(planes.astype("<f2").tobytes(), width, height, low, high)

    def comparison(self, photo: PhotoSummary, options: ColorizeOptions, model: str | None) -> bytes:
        """A JPEG of the photo in grey and in colour, side by side."""
        before = chroma_upsampling.to_grey(photo.preview.lightness())
        pair = before, self._colored(photo, options, model)
        return jpeg(np.concatenate(pair, axis=1), COMPARISON)

    def _colored(self, photo: PhotoSummary, options: ColorizeOptions, model: str | None) -> Levels:
        return self.colorizer(model).render(photo.preview, self._quick(photo, options)).pixels

    @staticmethod
    def _quick(photo: PhotoSummary, options: ColorizeOptions) -> ColorizeOptions:
        """The same for the preview."""
        return replace(options, hints=photo.to_preview(options.hints), quality="fast")

    def palette(
        self, photo: PhotoSummary, x: float, y: float, hints: Hints, most: int, vivid: float | None
    ) -> Palette:
        """The colours of a point of the photo."""
        (here,) = photo.to_preview([Hint(x, y, (0.0, 0.0))])
        known = photo.to_preview(hints)
        return self._default.palette(
            photo.preview, here.x, here.y, hints=known, most=most, vivid=vivid
        )

    def sample_hints(
        self, photo: PhotoSummary, k: int, seed: int, hints: Hints
    ) -> list[tuple[Hint, ...]]:
        """Coherent versions, each as hints on the photo."""
        drawn = self._default.sample_hints(photo.preview, k, seed, hints=photo.to_preview(hints))
        return [photo.from_preview(version) for version in drawn]

    def unsure_places(self, photo: PhotoSummary, hints: Hints, most: int) -> tuple[Place, ...]:
        """The places most worth checking, on the photo."""
        known = photo.to_preview(hints)
        places = self._default.unsure_places(photo.preview, hints=known, most=most)
        scale = photo.width / photo.preview.pixels.shape[1]
        return tuple(
            Place(*(round(length * scale, 1) for length in astuple(place))) for place in places
        )

    def uncertainty(self, photo: PhotoSummary, hints: Hints) -> bytes:
        """A PNG to lay over the photo: yellow where the network guesses."""
        bits = self._default.uncertainty(photo.preview, hints=photo.to_preview(hints))
        share = bits / np.log2(len(self._default.model.centres()))
        veil = np.clip((share - _CERTAIN) / (_LOST - _CERTAIN), 0, 1) * _VEIL
        rgba = np.empty((*bits.shape, 4), np.uint8)
        rgba[..., :3], rgba[..., 3] = _YELLOW, np.rint(veil)
        file = io.BytesIO()
        Image.fromarray(rgba).save(file, "PNG", compress_level=1)
        return file.getvalue()


@cache
def _engine(model: Path, limits: PhotoLimits, threads: int | None) -> Engine:
    if threads is not None:
        cv2.setNumThreads(threads)
    return Engine(model, limits, threads)


def grey_png(photo: PhotoSummary) -> bytes:
    """A PNG of the preview's lightness alone."""
    return encode_grey(chroma_upsampling.to_grey_levels(photo.preview.lightness()))


def original_jpeg(photo: PhotoSummary) -> bytes:
    """A JPEG of the preview as it came."""
    return jpeg(photo.preview.pixels)


def jpeg(pixels: Levels, side: int | None = None) -> bytes:
    """A JPEG of at most so many pixels along its long side."""
    image = Image.fromarray(pixels).convert("RGB")
    if side is not None:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def safe_name(given: str | None) -> str:
    """A harmless name for a photo: the last part of what it is called, without control characters.

    It never becomes a path here, but browsers make one of it.
    """
    last = re.split(r"[\\/]", given or "")[-1]
    spelt = last.encode("utf-8", "replace").decode()  # a form may say any encoding
    return re.sub(r'[\x00-\x1f\x7f-\x9f"]', "", spelt)[:200] or "photo"


def result_name(name: str, format: str) -> str:  # noqa: A002
    """What a photo's result is called: ``<stem>.color.<suffix>``."""
    path = Path(name)
    suffix = path.suffix
    if Image.registered_extensions().get(suffix.lower()) != format:
        suffix = {"JPEG": ".jpg", "TIFF": ".tif"}.get(format, f".{format.lower()}")
    return f"{path.stem}.color{suffix}"
