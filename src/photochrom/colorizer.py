"""The engine: a colorizer in ONNX, and photographs coloured by it at their full size.

A colorizer is any ONNX file that keeps this contract; nothing else about it is known or asked:

=============  ======================  =========================================================
input          L                       (N, 1, H, W) float32, 0..100
input          hints, optional         (N, 3, H, W) float32: a, b, and a mask of 0 or 1
input          any others              float32 numbers (), or (1,), such as vivid; metadata
                                       ``default_<name>`` holds what is used when none is asked for
output         ab                      (N, 2, H, W) float32, -128..127
outputs        logits, rgb, optional   not used here
metadata       name, version           words about the model
metadata       multiple                H and W must be multiples of it; 32 unless it says so
metadata       size                    the short side it likes best; 256 unless it says so
=============  ======================  =========================================================
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

from photochrom import photo as photos
from photochrom import upsample
from photochrom.errors import BadModel, BadOption
from photochrom.photo import Photo, Source

Array = npt.NDArray[Any]

WEIGHTS = Path(__file__).with_name("weights")
DEFAULT_MODEL = "hintnet"

MAX_STRENGTH = 1.5
"""Beyond it most strong colours stand at the edge of sRGB, and are all the same."""
SIZES = 32, 2048
"""Short sides for the network: one cell of its coarsest features, to what memory bears."""
_LONGEST = 4
"""The long side for the network, in short sides: a wider panorama is seen smaller."""


class Colorizer:
    """A model, loaded once, that colours any number of photographs; threads may share it.

    Args:
        model: a path to an ONNX file, or the name of one that comes with the package.
        threads: CPU threads for the network; by default one per core.

    Raises:
        BadModel: there is no such model, or it does not keep the contract.
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, *, threads: int | None = None
    ) -> None:
        self.path = _find(DEFAULT_MODEL if model is None else model)
        self._session = _load(self.path, threads)
        self.metadata = dict(self._session.get_modelmeta().custom_metadata_map)
        """What the model says of itself: name, version, licence and the like."""
        self.multiple = int(_number(self.path, self.metadata, "multiple", 32))
        self.size = int(_number(self.path, self.metadata, "size", 256))
        self.takes_hints, self.defaults = _contract(self.path, self._session, self.metadata)

    def predict(
        self,
        L: Array,
        hints: Array | None = None,
        *,
        vivid: float | None = None,
        temperature: float | None = None,
    ) -> Array:
        """The network's colours for lightness of any size.

        Args:
            L: (N, 1, H, W) in 0..100.
            hints: (N, 3, H, W): a, b and a mask that is 1 where they are known, 0 elsewhere.
            vivid: 0 most accurate .. 1 most colourful; what that means is up to the model.
            temperature: how decided; likewise.

        Returns:
            ab, (N, 2, H, W) float32 in -128..127.

        Raises:
            BadOption: the shapes are wrong, or the model has no such input.
            BadModel: what it answers is not ab for L.
        """
        if L.ndim != 4 or L.shape[1] != 1 or L.size == 0:
            raise BadOption(f"L has shape {L.shape}: give (N, 1, H, W).")
        inputs = {"L": _pad(L, self.multiple, "symmetric")}
        inputs |= self._numbers(vivid=vivid, temperature=temperature)
        if hints is not None:
            self._check_hints(hints, L)
        if self.takes_hints:
            known = np.zeros((len(L), 3, *L.shape[2:])) if hints is None else hints
            inputs["hints"] = _pad(known, self.multiple, "constant")
        (ab,) = self._session.run(["ab"], inputs)
        if ab.shape != (len(L), 2, *inputs["L"].shape[2:]) or not np.isfinite(ab).all():
            raise BadModel(
                f"{self.path} answered ab of shape {ab.shape}, or not numbers, to L of shape "
                f"{inputs['L'].shape}: export it again, with sizes that may vary."
            )
        return np.asarray(np.clip(ab[..., : L.shape[2], : L.shape[3]], -128, 127))

    def render(
        self,
        photo: Photo,
        *,
        size: int | None = None,
        strength: float = 1.0,
        vivid: float | None = None,
    ) -> Photo:
        """A photo in colour, its lightness kept; the options are those of :meth:`colorize`."""
        _check_range("strength", strength, 0, MAX_STRENGTH)
        size = self.size if size is None else size
        _check_range("size", size, *SIZES)
        self._numbers(vivid=vivid)  # so that an option is refused whatever the strength
        if strength == 0 and photo.pixels.ndim == 2:
            return replace(photo, pixels=np.repeat(photo.pixels[..., None], 3, axis=2))
        L, depth = photo.lightness(), photo.pixels.dtype.type
        if strength == 0:
            return replace(photo, pixels=upsample.grey(L, depth))
        height, width = _network_size(L.shape[0], L.shape[1], size)
        small = cv2.resize(L, (width, height), interpolation=cv2.INTER_AREA)
        ab = self.predict(small[None, None], vivid=vivid)[0]
        chroma = upsample.fit(ab, small, (L.shape[0], L.shape[1]))
        rgb = upsample.recombine(L, chroma, strength=strength, dtype=depth)
        return replace(photo, pixels=rgb)

    def colorize(
        self,
        photo: Source,
        *,
        size: int | None = None,
        strength: float = 1.0,
        vivid: float | None = None,
        output: str | os.PathLike[str] | None = None,
        force: bool = False,
    ) -> Any:
        """Colour a photograph; what comes back is of the kind that went in.

        Args:
            photo: a path; the bytes of a file; a PIL image; or an array (H, W), (H, W, 1),
                (H, W, 3) or (H, W, 4), uint8, uint16, or floating-point in 0..1. Of a photo that
                is in colour already, the lightness is kept and the colour replaced.
            size: short side in pixels for the network, 32..2048; a smaller photo is not enlarged.
                By default what the model likes best.
            strength: how much of the colour, 0..1.5: 0 is grey, 1 is what the network says.
            vivid: for models that have it.
            output: for a path: the file to write, by default ``<stem>.color.<suffix>`` beside it.
            force: for a path: replace the output if it exists.

        Returns:
            For a path, the path that was written; for bytes, a file in the same format; for a PIL
            image, an image; for an array, (H, W, 3) of the same dtype, or (H, W, 4) with alpha.

        Raises:
            BadPhoto: the photo cannot be read.
            BadOption: an option is out of range, or does not go with this photo or model.
            CannotWrite: the result exists already, or cannot be written.
        """
        if isinstance(photo, (str, os.PathLike)):
            target = photos.default_output(photo) if output is None else Path(output)
            photos.check_target(target, Path(photo), force=force)  # before the work, not after it
        elif output is not None or force:
            raise BadOption("output and force go with a path: save the result that is returned.")
        coloured = self.render(photos.read(photo), size=size, strength=strength, vivid=vivid)
        if isinstance(photo, (str, os.PathLike)):
            return photos.write(coloured, target, force=force)
        if isinstance(photo, bytes):
            return photos.encode(coloured)
        if isinstance(photo, Image.Image):
            return photos.to_image(coloured)
        return photos.to_array(coloured, photo.dtype)

    def _numbers(self, **asked: float | None) -> dict[str, Array]:
        """The network's inputs that are numbers: what was asked for over what the model says."""
        for name, value in asked.items():
            if value is None:
                continue
            if name not in self.defaults:
                raise BadOption(f"{self.path.stem} has no {name}: leave the option out.")
            if not np.isfinite(value):
                raise BadOption(f"{name} is {value}: give a finite number.")
            if name == "vivid":
                _check_range(name, value, 0, 1)
        wanted = {name: value for name, value in asked.items() if value is not None}
        return {
            name: np.full_like(default, wanted.get(name, default))
            for name, default in self.defaults.items()
        }

    def _check_hints(self, hints: Array, L: Array) -> None:
        if not self.takes_hints:
            raise BadOption(f"{self.path.stem} takes no hints: leave them out.")
        if hints.shape != (len(L), 3, *L.shape[2:]):
            raise BadOption(f"hints have shape {hints.shape}: give (N, 3, H, W) for L {L.shape}.")


def colorize(photo: Source, **options: Any) -> Any:
    """:meth:`Colorizer.colorize` by the default model, which is loaded once."""
    return _default().colorize(photo, **options)


@cache
def _default() -> Colorizer:
    return Colorizer()


def available() -> list[str]:
    """The names of the models that come with the package."""
    return sorted(path.stem for path in WEIGHTS.glob("*.onnx"))


# --- models -----------------------------------------------------------------------------------


def _find(model: str | os.PathLike[str]) -> Path:
    path = Path(model)
    if path.suffix != ".onnx" and not path.exists():
        path = WEIGHTS / f"{model}.onnx"
        if not path.is_file():
            names = ", ".join(available()) or "none is installed"
            raise BadModel(f"There is no model {model}: give a path, or one of: {names}.")
    if not path.is_file():
        raise BadModel(f"{path} is not a file: check the path of the model.")
    return path


def _load(path: Path, threads: int | None) -> ort.InferenceSession:
    if threads is not None and threads < 1:
        raise BadOption(f"threads is {threads}: give 1 or more.")
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: one per core
    options.log_severity_level = 3  # errors
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has an exception of its own for every cause
        reason = str(error).splitlines()[0]
        raise BadModel(
            f"{path} cannot be loaded as an ONNX model ({reason}): export or fetch it again."
        ) from error


def _contract(
    path: Path, session: ort.InferenceSession, metadata: dict[str, str]
) -> tuple[bool, dict[str, Array]]:
    """Whether the model takes hints, and the default of each input that is a number."""
    inputs = {value.name: value for value in session.get_inputs()}
    if "L" not in inputs or "ab" not in {value.name for value in session.get_outputs()}:
        raise BadModel(f"{path} is not a colorizer: it needs an input L and an output ab.")
    defaults = {}
    for name, value in inputs.items():
        is_number = value.shape in ([], [1])
        if value.type != "tensor(float)" or not (is_number or name in ("L", "hints")):
            raise BadModel(
                f"{path} asks for {name}, {value.type} of shape {value.shape}, which is not part "
                "of the contract: export it with L, hints and float32 numbers only."
            )
        if is_number:
            default = _number(path, metadata, f"default_{name}", None)
            defaults[name] = np.full(value.shape, default, np.float32)
    return "hints" in inputs, defaults


def _number(path: Path, metadata: dict[str, str], key: str, default: float | None) -> float:
    try:
        return float(metadata[key] if default is None else metadata.get(key, default))
    except (KeyError, ValueError) as error:
        raise BadModel(
            f"{path} needs a number as metadata {key}, not {metadata.get(key)}: export it with one."
        ) from error


# --- sizes ------------------------------------------------------------------------------------


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadOption(f"{name} is {value}: give a number from {low} to {high}.")


def _network_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The height and width at which the network sees a photo: never enlarged, always bounded."""
    short, long = sorted((height, width))
    scale = min(1.0, size / short, _LONGEST * size / long)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _pad(planes: Array, multiple: int, mode: Any) -> Array:
    """(N, C, H, W) as float32, grown below and to the right to multiples of ``multiple``.

    "symmetric" mirrors, however small the picture; "constant" adds zeros.
    """
    bottom, right = (-length % multiple for length in planes.shape[2:])
    return np.pad(planes.astype(np.float32), ((0, 0), (0, 0), (0, bottom), (0, right)), mode)
