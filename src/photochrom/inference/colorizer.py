"""The engine: photographs coloured at their full size, by a model and by hints.

One network answers what colours are likely, given lightness and hints. Every way of using it is a
set of hints: none, a person's, drawn ones for other versions, or those of a reference photo.
"""

from __future__ import annotations

import os
import warnings
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self, Unpack, overload

import numpy as np
from PIL import Image

from photochrom import files
from photochrom.color import Array
from photochrom.errors import BadOption, PhotoWarning
from photochrom.files import make_parent
from photochrom.image.photo import Photo, to_array, to_image
from photochrom.image.reader import PhotoSource, hold_source
from photochrom.image.writer import check_target, default_output, encode_photo, write_photo
from photochrom.inference.adviser import Adviser
from photochrom.inference.chroma_upsampling import ChromaLines
from photochrom.inference.generator import Generator
from photochrom.inference.model_files import DEFAULT_MODEL, WEIGHTS, find_model
from photochrom.inference.onnx_model import Model
from photochrom.inference.options import (
    ColorizeKeywords,
    ColorizeOptions,
    Quality,
)
from photochrom.inference.painting import paint
from photochrom.inference.pipeline import colorize_pages, name_of
from photochrom.inference.prediction import Predictor
from photochrom.inference.spots import scale_spots
from photochrom.names import escape_controls

_PLAIN = ColorizeOptions()


class Colorizer(Adviser):
    """A model, loaded once, that colours any number of photographs; threads may share it.

    Pickled, it is the model's name or the path of its file, and is loaded anew from there.

    Args:
        model: a path to an ONNX file, the name of one that comes with the package, or an address
            as for :meth:`from_pretrained`; or one that is loaded, with those threads and device.
        threads: CPU threads for the network; by default one per core.
        device: "cpu", "cuda", "openvino", or "auto" for the quickest of them that there is.

    Raises:
        BadModel: there is no such model, or it does not keep the contract.
        BadOption: there is no such device.
        MissingExtra: OpenVINO is asked for and not installed (extra ``openvino``).
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model | None = None,
        *,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        if not isinstance(model, Model):
            model = Model(DEFAULT_MODEL if model is None else model, threads, device)
        self.model = model
        self._predictor = Predictor(self.model)
        path = self.model.path
        named = path.stem if path.parent == WEIGHTS else path.absolute()
        self._again = partial(type(self), named, threads=threads, device=device)
        self._load_generator = partial(Generator, threads=threads, device=device)

    @classmethod
    def from_pretrained(
        cls,
        model: str | os.PathLike[str],
        *,
        sha256: str | None = None,
        cache: str | os.PathLike[str] | None = None,
        offline: bool = False,
        threads: int | None = None,
        device: str = "auto",
    ) -> Self:
        """Load a model from the Hugging Face Hub or another server, fetched once and checked.

        What is in the cache is taken without asking anybody. The file is loaded only if its SHA-256
        is right, and it is an ONNX file that reaches for nothing beyond it.

        Args:
            model: ``hf://owner/name``, with ``@revision`` and ``/file.onnx`` as needed, or
                ``https://.../model.onnx``; a name or a path will do, too.
            sha256: the file's digest, 64 hexadecimal digits, which an address may also end in,
                ``#sha256=...``; needed for https, as the Hub tells that of its files.
            cache: the folder of the cache, by default ``$PHOTOCHROM_CACHE`` or where the system
                keeps caches.
            offline: fetch nothing; also by ``PHOTOCHROM_OFFLINE=1`` in the environment.
            threads: CPU threads for the network; by default one per core.
            device: "cpu", "cuda", "openvino", or "auto" for the quickest of them that there is.

        Raises:
            BadModel: there is no such model, it has another digest, is no colorizer, or would have
                to be fetched offline.
            BadOption: the address makes no sense, or there is no such device.
            MissingExtra: it has to be fetched, and httpx is not installed (extra ``fetch``); or
                OpenVINO is asked for and not installed (extra ``openvino``).
            PhotochromError: the server does not answer; what has come is kept, to go on from.
            CannotWrite: the cache does not take it.
        """
        path = find_model(model, sha256=sha256, cache=cache, offline=offline)
        return cls(path, threads=threads, device=device)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: what a loaded network holds no other process can take."""
        return self._again, ()

    @property
    def name(self) -> str:
        """The model's name and version, such as "hintnet 2"."""
        return " ".join(self.name_and_version).strip()

    @property
    def name_and_version(self) -> tuple[str, str]:
        """The same apart; a version that the model does not tell is ""."""
        facts = self.model.metadata
        return facts.get("name", self.model.path.stem), facts.get("version", "")

    @cached_property
    def sha256(self) -> str:
        """Of the model's file."""
        with files.open_plain(self.model.path) as file:
            return files.sha256(file)

    def forget(self) -> None:
        """Forget all photos that it has seen: of the latest few it keeps small grey copies."""
        self._predictor.forget()

    # --- from lightness to ab -----------------------------------------------------------------

    def predict(
        self,
        L: Array,
        hints: Array | None = None,
        *,
        vivid: float | None = None,
    ) -> Array:
        """The network's colours for lightness of any size.

        Args:
            L: (N, 1, H, W) in 0..100.
            hints: (N, 3, H, W): a, b and a mask that is 1 where they are known, 0 elsewhere.
            vivid: 0 most accurate .. 1 most colourful; what that means is up to the model.

        Returns:
            ab, (N, 2, H, W) float32 in -128..127.

        Raises:
            BadOption: the shapes are wrong, or the model has no such input.
            BadModel: what it answers is not ab for L.
        """
        (ab,) = self.model.run(L, hints, ["ab"], vivid=vivid)
        return np.asarray(np.clip(ab, -128, 127))

    def predict_ab(
        self,
        L: Array,
        spots: Array | None = None,
        *,
        size: int | None = None,
        vivid: float | None = None,
        quality: Quality = "fast",
    ) -> Array:
        """Colours for lightness of any size that meet what is known at some spots.

        Args:
            L: (H, W) in 0..100.
            spots: (n, 4): y and x in pixels, the middle of the first at 0.5, and a, b; or (n, 5),
                with how far each reaches as a factor; or none.
            size: short side for the network; as in :class:`ColorizeOptions`, like the others.
            vivid: as for :meth:`predict`.
            quality: "fast" or "best".

        Returns:
            ab, (2, H, W) float32. A model that takes no hints is corrected towards them all the
            same.
        """
        views = self._predictor.views(L, size, quality)
        known = np.zeros((0, 4), np.float32) if spots is None else spots
        scales = [np.divide(view.small.shape, L.shape).tolist() for view in views]
        seen = [scale_spots(known, *scale) for scale in scales]
        lines = self._predictor.lines(views, seen, vivid)
        return lines.widen(views[0].size).rows(0, L.shape[0], L)

    # --- from photo to photo ------------------------------------------------------------------

    def render(self, photo: Photo, options: ColorizeOptions = _PLAIN) -> Photo:
        """A page in colour, its lightness and metadata kept; of the options, those of the look."""
        return paint(photo, self.find_colors(photo, options), options.strength)

    def find_colors(self, photo: Photo, options: ColorizeOptions) -> ChromaLines | None:
        """The same as :meth:`chroma_lines`; None where no colour is asked for."""
        self.model.fill_numbers(vivid=options.vivid)  # so that it is refused whatever the strength
        return self.chroma_lines(photo, options) if options.strength > 0 else None

    def chroma_lines(self, photo: Photo, options: ColorizeOptions = _PLAIN) -> ChromaLines:
        """The colours of a page, before they are brought to its size and strength."""
        views = self._predictor.views(photo, options.size, options.quality)
        spots = [view.spots(options.hints) for view in views]
        return self._predictor.lines(views, spots, options.vivid)

    @overload
    def colorize(
        self,
        photo: str | os.PathLike[str],
        *,
        output: str | os.PathLike[str] | None = None,
        force: bool = False,
        **options: Unpack[ColorizeKeywords],
    ) -> Path: ...
    @overload
    def colorize(
        self,
        photo: bytes | bytearray | memoryview | BinaryIO,
        **options: Unpack[ColorizeKeywords],
    ) -> bytes: ...
    @overload
    def colorize(self, photo: Image.Image, **options: Unpack[ColorizeKeywords]) -> Image.Image: ...
    @overload
    def colorize(self, photo: Array, **options: Unpack[ColorizeKeywords]) -> Array: ...

    def colorize(
        self,
        photo: PhotoSource,
        *,
        output: str | os.PathLike[str] | None = None,
        force: bool = False,
        **options: Unpack[ColorizeKeywords],
    ) -> Any:
        """Colour a photograph; what comes back is of the kind that went in.

        Args:
            photo: a path; the bytes of a file, or one that is open in binary mode; a PIL image; or
                an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, or
                floating-point in 0..1. Every page of a TIFF is coloured; of an animation, the
                first picture.
            output: for a path: the file to write, by default ``<stem>.color.<suffix>`` beside it;
                folders that are missing are made.
            force: for a path: replace the output if it exists.
            options: the fields of :class:`ColorizeOptions`: ``size``, ``strength``, ``vivid``,
                ``quality``, ``hints``, ``reference``, ``chroma_from``, ``strip``, ``mark``,
                ``caption``, ``caption_place`` and ``recolor``, which
                is True here unless you say otherwise.

        Returns:
            For a path, the path that was written; for bytes or an open file, the bytes of a file
            in the same format; for a PIL image, an image; for an array, (H, W, 3) of the same
            dtype, or (H, W, 4) with alpha.

        Raises:
            BadPhoto: the photo cannot be read.
            BadOption: an option is out of range, or does not go with this photo or model.
            CannotWrite: the result exists already, or cannot be written.
            InColor: the photo is in colour already, and ``recolor`` is False.

        Warns:
            PhotoWarning: something beside the picture was damaged or has no place in the result,
                and was left out.
        """
        wanted = ColorizeOptions(**({"recolor": True} | options))
        photo = hold_source(photo)
        target, kind = Path(), None
        if isinstance(photo, str | os.PathLike):
            target = default_output(photo) if output is None else Path(output)
            for source in (photo, wanted.reference, wanted.chroma_from):  # before the work
                known = Path(source) if isinstance(source, str | os.PathLike) else None
                kind = check_target(target, known, force=force)
        elif output is not None or force:
            raise BadOption("output and force go with a path: save the result that is returned.")
        pages, kind, notes, _ = colorize_pages(photo, wanted, self, kind=kind)
        if isinstance(photo, str | os.PathLike):
            make_parent(target)
            result: Any = write_photo(pages, target, force=force)
        elif isinstance(photo, bytes):
            result = encode_photo(pages, kind)
        elif isinstance(photo, Image.Image):
            result = to_image(next(pages))
        else:
            result = to_array(next(pages), photo.dtype)
        for note in notes:
            warnings.warn(escape_controls(f"{name_of(photo)}: {note}"), PhotoWarning, stacklevel=2)
        return result


if TYPE_CHECKING:
    colorize = Colorizer().colorize  # the same overloads
else:

    def colorize(photo: PhotoSource, **options: Any) -> Any:
        """:meth:`Colorizer.colorize` by the default model, which is loaded once."""
        return default_colorizer().colorize(photo, **options)


default_colorizer = cache(Colorizer)
"""The bundled model, loaded once."""
