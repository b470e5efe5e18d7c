"""Draws of a photo's chroma, each of which gives all its places colours that go together.

A colorizer tells what a place may be; what goes with what, a second network, by flow matching
(:mod:`photochrom.training.models.generator` says how). It is an ONNX file like a colorizer's, whole
and made of ONNX's own operators, and nothing but this is known of it:

=============  ======================  =========================================================
input          noisy                   (N, 2, h, w) float32: chroma and noise, in units
input          time                    (1,): how much of it is chroma, 0..1
input          logits                  (1, Q, 4 h, 4 w): log of the probability of Q colours, up to
                                       a number for each place; h and w are even
output         clean                   (N, 2, h, w): the chroma behind the noise, in units
metadata       centres                 ab of the Q colours
metadata       size                    the short side of photos whose logits it likes best
=============  ======================  =========================================================
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.errors import BadModel
from photochrom.inference import color_distribution, onnx_file, sessions
from photochrom.inference.model_files import find_generator
from photochrom.inference.onnx_model import MOST

UNIT = 20.0
"""ab that counts as 1: noise has to be about as large as chroma."""
STRIDE = 16
"""Of the chroma that is drawn: finer, it would put no thing nearer to the truth."""
STEPS, SHIFT = 8, 5.0
"""From noise to chroma, and how much denser they lie at the start, where things are decided."""
MULTIPLE = 2 * STRIDE
"""Pixels that a generator's photo has along each side, so many times."""
CELLS = 4
"""Of the logits, along one of the chroma."""
TEMPERATURE = 0.75
"""Of the noise, chosen on held-out photos: from all of it, colours are too often odd."""
AT_ONCE = 8
"""Draws, which share the network's memory."""
_INPUTS = {"noisy", "time", "logits"}
_NEVER = 1e-12
"""The probability of a colour that a colorizer does not know."""


class Generator:
    """A generator, loaded once; threads may share it.

    Args:
        path: of its file; that of :func:`.find_generator` if left out.
        threads: as for a :class:`.Model`.
        device: as in :func:`.sessions.load`.

    Raises:
        BadModel: there is no such file, or it does not keep the contract.
    """

    def __init__(
        self,
        path: Path | None = None,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        path = path or find_generator()
        self._session = sessions.load(onnx_file.read(path), path, threads, device)
        self._path, metadata = path, self._session.metadata
        if {value.name for value in self._session.inputs} != _INPUTS:
            raise BadModel(f"{path} is no generator: export a run of one.")
        try:
            self.size = int(metadata["size"])
            self.centres = np.array(json.loads(metadata["centres"]), np.float32).reshape(-1, 2)
            if not MULTIPLE <= self.size <= MOST["size"]:
                raise ValueError
            if not len(self.centres) or not np.isfinite(self.centres).all():
                raise ValueError
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise BadModel(
                f"{path} needs a size and pairs of numbers as centres in its metadata: export it "
                "again."
            ) from error

    def draw(
        self,
        logits: Array,
        centres: Array,
        size: tuple[int, int],
        rngs: Sequence[np.random.Generator],
    ) -> Array:
        """Chroma of a photo, ``(N, 2, H/16, W/16)`` in ab.

        Args:
            logits: ``(Q, h, w)``, a colorizer's; h and w may be any.
            centres: ``(Q, 2)``, ab of its colours.
            size: H and W of what the colorizer saw, multiples of :data:`MULTIPLE`.
            rngs: one for each draw.

        Raises:
            BadModel: what the file answers breaks the contract.
        """
        h, w = (side // STRIDE for side in size)
        logits = resize_planes(self._translate(logits, centres), (CELLS * h, CELLS * w))[None]
        noise = np.stack([rng.standard_normal((2, h, w), np.float32) for rng in rngs])
        noise *= TEMPERATURE
        some = (noise[i : i + AT_ONCE] for i in range(0, len(noise), AT_ONCE))
        return np.concatenate([self._follow(z, logits) for z in some])

    def _follow(self, z: Array, logits: Array) -> Array:
        """Where noise ``(N, 2, h, w)`` leads."""
        before = z
        for time, share, beyond in plan_steps():
            now = np.array([time], np.float32)
            clean = self._denoise({"noisy": z, "time": now, "logits": logits})
            goal = clean + np.float32(beyond) * (clean - before)
            z, before = z + np.float32(share) * (goal - z), clean
        return np.asarray(np.clip(z * UNIT, -128, 127))

    def _denoise(self, inputs: dict[str, Array]) -> Array:
        try:
            (clean,) = self._session.run(["clean"], inputs)
        except MemoryError:
            raise
        except Exception as error:  # the runtime has an exception of its own for every cause
            raise BadModel(
                f"{self._path} fails ({sessions.first_line(error)}): export it again."
            ) from error
        if clean.shape != inputs["noisy"].shape or not np.isfinite(clean).all():
            raise BadModel(f"{self._path} answers no chroma of the size asked: export it again.")
        return np.asarray(clean)

    def _translate(self, logits: Array, centres: Array) -> Array:
        """What a colorizer takes for likely, as colours of the generator's that are nearest."""
        if np.array_equal(centres, self.centres):
            return logits
        apart = ((centres[:, None] - self.centres) ** 2).sum(-1)
        shares = np.zeros((len(self.centres), len(centres)), np.float32)
        shares[apart.argmin(1), np.arange(len(centres))] = 1
        p = color_distribution.softmax(logits[None])[0]
        likely = shares @ p.reshape(len(centres), -1)
        return np.asarray(np.log(np.maximum(likely, _NEVER))).reshape(-1, *p.shape[1:])


def resize_planes(planes: Array, size: tuple[int, int]) -> Array:
    """``(C, h, w)`` at another size; what gets smaller is averaged."""
    if planes.shape[1:] == size:
        return planes
    how = cv2.INTER_AREA if size[0] < planes.shape[1] else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, size[::-1], interpolation=how) for plane in planes])


class Step(NamedTuple):
    """One of a draw."""

    time: float
    """When it begins."""
    share: float
    """Of the way from where the draw is to the clean chroma."""
    beyond: float
    """How far beyond the clean chroma to aim, in steps from that before to this."""


def plan_steps(steps: int = STEPS, shift: float = SHIFT) -> list[Step]:
    """The steps of a draw: those of DPM-Solver++(2M), Lu et al. 2022 (arXiv 2211.01095).

    Each aims where the clean chroma is going to be, judged by how it moved since the last. Euler's
    aim at where it is, and so few of them draw things whose colours vary a sixth too little.

    Args:
        steps: how many.
        shift: how much denser they lie at time 0 than evenly.
    """
    even = np.linspace(0, 1, steps + 1)
    times = even / (even + shift * (1 - even))
    with np.errstate(divide="ignore"):
        far = np.diff(np.log(times / (1 - times)))  # of signal to noise; the ends lie infinitely so
    beyond = np.zeros(steps)
    beyond[2:-1] = far[2:-1] / (2 * far[1:-2])
    shares = np.diff(times) / (1 - times[:-1])
    return [Step(*map(float, step)) for step in zip(times[:-1], shares, beyond, strict=True)]
