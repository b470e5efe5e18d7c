"""Models: an ONNX file that keeps the contract, and nothing else known or asked about it.

=============  ======================  =========================================================
input          L                       (N, 1, H, W) float32, 0..100
input          hints, optional         (N, 3, H, W) float32: a, b, and a mask of 0 or 1
input          any others              float32 numbers (), or (1,), such as vivid; metadata
                                       ``default_<name>`` holds what is used when none is asked for
output         ab                      (N, 2, H, W) float32, -128..127
output         coarse, optional        (N, 2, H/s, W/s): ab before the model enlarges it, taken in
                                       its place, as L can tell where its edges are
output         logits, optional        (N, Q, H/s, W/s): log of the probability of Q colours, up to
                                       a number for each place; metadata ``centres`` holds their ab
output         features, optional      (N, F, H/s, W/s): what is where, to find it elsewhere
metadata       name, version           words about the model
metadata       multiple                H and W must be multiples of it; 32 unless it says so
metadata       size                    the short side it likes best; 256 unless it says so
=============  ======================  =========================================================

A file is whole, and made of ONNX's own operators: :mod:`photochrom.inference.onnx_file` refuses
others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from photochrom.color import Array
from photochrom.errors import BadModel, BadOption
from photochrom.inference import onnx_file, sessions
from photochrom.inference.model_files import DEFAULT_MODEL, find_model

MOST = {"multiple": 1024, "size": 2048}
"""Pixels that a model may ask for: memory grows with their square."""
_FLOAT32 = float(np.finfo(np.float32).max)


class Model:
    """A model, loaded once; threads may share it.

    Args:
        model: a path to an ONNX file, the name of one of :func:`list_models`, or an address that
            it is fetched from, see :func:`find_model`.
        threads: CPU threads for the network; by default one per core.
        device: as in :func:`.sessions.load`.

    Raises:
        BadModel: there is no such model, or it does not keep the contract.
        BadOption: no such number of threads, or no such device.
        MissingExtra: OpenVINO is asked for and not installed (extra ``openvino``).
    """

    def __init__(
        self, model: str | os.PathLike[str], threads: int | None = None, device: str = "auto"
    ) -> None:
        self.path = find_model(model)
        if threads is not None and threads < 1:
            raise BadOption(f"threads is {threads}: give 1 or more.")
        content = onnx_file.read(self.path)
        self._session = sessions.load(content, self.path, threads, device)
        self.metadata = self._session.metadata
        """What the model says of itself: name, version, licence and the like."""
        self.outputs = set(self._session.outputs)
        inputs = {value.name: value for value in self._session.inputs}
        self.multiple = self._pixels("multiple", 32)
        self.size = self._pixels("size", 256)
        if "L" not in inputs or "ab" not in self.outputs:
            raise BadModel(f"{self.path} is not a colorizer: it needs an input L and an output ab.")
        self.takes_hints = "hints" in inputs
        self.defaults = {
            name: default
            for name, value in inputs.items()
            if (default := self._default(value)) is not None
        }
        """The inputs that are numbers, and what they are unless asked for."""
        self.has_distribution = "logits" in self.outputs and "centres" in self.metadata

    def run(
        self, L: Array, hints: Array | None, outputs: Sequence[str], **numbers: float | None
    ) -> list[Array]:
        """Some of the model's outputs for lightness of any size.

        Args:
            L: ``(N, 1, H, W)`` in 0..100.
            hints: ``(N, 3, H, W)``, or none.
            outputs: their names.
            **numbers: inputs that are numbers; None for its own default.

        Returns:
            Each output cut to what belongs to H and W; ``coarse`` to what belongs to :meth:`pad`,
            so that its cells are whole.

        Raises:
            BadOption: the shapes are wrong, or the model has no such input or output.
            BadModel: it fails, or what it answers breaks the contract.
        """
        if L.ndim != 4 or L.shape[1] != 1 or L.size == 0:
            raise BadOption(f"L has shape {L.shape}: give (N, 1, H, W).")
        if absent := sorted(set(outputs) - self.outputs):
            raise BadOption(f"{self.path.stem} tells no {absent[0]}: use a model that does.")
        n, height, width = len(L), L.shape[2], L.shape[3]
        inputs = {"L": self.pad(L)} | self.fill_numbers(**numbers)
        if hints is not None:
            if not self.takes_hints:
                raise BadOption(f"{self.path.stem} takes no hints: leave them out.")
            if hints.shape != (n, 3, height, width):
                raise BadOption(
                    f"hints have shape {hints.shape}: give (N, 3, H, W) for L {L.shape}."
                )
        if self.takes_hints:
            known = np.zeros((n, 3, height, width)) if hints is None else hints
            inputs["hints"] = _pad(known, self.multiple, "constant")
        padded = inputs["L"].shape
        try:
            answers = self._session.run(list(outputs), inputs)
        except MemoryError:
            raise
        except Exception as error:  # the runtime has an exception of its own for every cause
            raise BadModel(
                f"{self.path} fails at L of shape {padded} ({sessions.first_line(error)}): "
                "give a smaller size, or take another model."
            ) from error
        for name, answer in zip(outputs, answers, strict=True):
            fits = name != "ab" or answer.shape == (n, 2, *padded[2:])
            if name == "coarse":
                fits = answer.shape[1:2] == (2,)
            if name == "logits" and self.has_distribution:
                fits = answer.shape[1:2] == (len(self.centres()),)
            if answer.ndim != 4 or len(answer) != n or not fits or not np.isfinite(answer).all():
                raise BadModel(
                    f"{self.path} answered {name} of shape {answer.shape}, or not numbers, to L of "
                    f"shape {padded}: export it again, with sizes that may vary."
                )
        return [
            answer if name == "coarse" else _crop(answer, (height, width), padded)
            for name, answer in zip(outputs, answers, strict=True)
        ]

    def pad(self, L: Array) -> Array:
        """L ``(N, 1, H, W)`` as the model sees it: mirrored up to sides that it can take."""
        return _pad(L, self.multiple, "symmetric")

    def centres(self) -> Array:
        """ab of the colours that ``logits`` speaks of, ``(Q, 2)`` float32.

        Raises:
            BadOption: the model tells no distribution.
            BadModel: they are not pairs of numbers.
        """
        if not self.has_distribution:
            raise BadOption(
                f"{self.path.stem} tells no distribution over colours: use a model that does, "
                f"such as {DEFAULT_MODEL}."
            )
        try:
            centres = np.array(json.loads(self.metadata["centres"]), np.float32).reshape(-1, 2)
            if not np.isfinite(centres).all():
                raise ValueError("not finite")
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BadModel(
                f"{self.path} needs pairs of numbers as metadata centres: export it with them."
            ) from error
        return centres

    def fill_numbers(self, **numbers: float | None) -> dict[str, Array]:
        """The inputs that are numbers: what was asked for over what the model says.

        Raises:
            BadOption: the model has no such input, or the number is out of range.
        """
        wanted = {name: value for name, value in numbers.items() if value is not None}
        for name, value in wanted.items():
            if name not in self.defaults:
                raise BadOption(f"{self.path.stem} has no {name}: leave the option out.")
            if not np.isfinite(value):
                raise BadOption(f"{name} is {value}: give a finite number.")
            if name == "vivid" and not 0 <= value <= 1:
                raise BadOption(f"vivid is {value}: give a number from 0 to 1.")
        return {
            name: np.full_like(default, wanted.get(name, default))
            for name, default in self.defaults.items()
        }

    def _default(self, value: sessions.Input) -> Array | None:
        """What an input that is a number holds when none is asked for; None for a picture."""
        is_number = list(value.shape) in ([], [1])
        if value.type != "tensor(float)" or not (is_number or value.name in ("L", "hints")):
            raise BadModel(
                f"{self.path} asks for {value.name}, {value.type} of shape {value.shape}, which is "
                "not part of the contract: export it with L, hints and float32 numbers only."
            )
        if not is_number:
            return None
        return np.full(value.shape, self._number(f"default_{value.name}", None), np.float32)

    def _pixels(self, key: str, default: int) -> int:
        number = self._number(key, default)
        if not 1 <= number <= MOST[key]:
            raise BadModel(
                f"{self.path} needs 1 to {MOST[key]} as metadata {key}, not {number:g}: "
                "export it with that."
            )
        return int(number)

    def _number(self, key: str, default: float | None) -> float:
        value = self.metadata.get(key, default)
        try:
            number = float(value)  # type: ignore[arg-type]
            if abs(number) <= _FLOAT32:  # and not nan
                return number
        except (TypeError, ValueError):
            pass
        raise BadModel(
            f"{self.path} needs a number as metadata {key}, not {str(value)[:40]}: "
            "export it with one."
        )


def _pad(planes: Array, multiple: int, mode: Any) -> Array:
    """(N, C, H, W) as float32, grown below and to the right to multiples of ``multiple``.

    "symmetric" mirrors, however small the picture; "constant" adds zeros.
    """
    bottom, right = (-length % multiple for length in planes.shape[2:])
    return np.pad(planes.astype(np.float32), ((0, 0), (0, 0), (0, bottom), (0, right)), mode)


def _crop(answer: Array, size: tuple[int, int], padded: tuple[int, ...]) -> Array:
    """What of an answer, at any stride, belongs to the picture before it was padded."""
    height, width = (
        -(-side * cells // grown)
        for side, cells, grown in zip(size, answer.shape[2:], padded[2:], strict=True)
    )
    return answer[:, :, :height, :width]
