"""What a model knows of a photo before it is coloured: what it might be, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.errors import BadOption
from photochrom.image.photo import Photo
from photochrom.image.reader import PhotoSource, as_photo
from photochrom.inference import color_distribution
from photochrom.inference import hints as hint_files
from photochrom.inference.generator import Generator
from photochrom.inference.hints import Hint
from photochrom.inference.onnx_model import Model
from photochrom.inference.options import Hints, check_range
from photochrom.inference.palette import Palette, make_palette
from photochrom.inference.prediction import Predictor, View
from photochrom.inference.reference import match_photos
from photochrom.inference.resemblance import Place, unsure_places
from photochrom.inference.sampling import draw_versions
from photochrom.inference.spots import to_cells, to_pixels

SAMPLES = 64
"""Versions at a time at most: they are held in memory together."""


class Adviser:
    """The part of :class:`.Colorizer` that answers questions about a photo."""

    model: Model
    _predictor: Predictor
    _load_generator: Callable[[], Generator]

    @cached_property
    def _generator(self) -> Generator:
        """What draws versions; loaded when one is asked for."""
        return self._load_generator()

    def palette(
        self,
        photo: PhotoSource | Photo,
        x: float,
        y: float,
        *,
        hints: Hints = (),
        most: int = 9,
        vivid: float | None = None,
        size: int | None = None,
    ) -> Palette:
        """The colour of a point, and others that it may have, the likeliest first.

        Args:
            photo: as for :meth:`colorize`, or an opened one.
            x: pixels from the left.
            y: pixels from the top.
            hints: that are given already.
            most: how many others; to ask for more changes none of the first.
            vivid: as for :meth:`colorize`: the more vivid, the more strong colours count.
            size: as for :meth:`colorize`.

        Raises:
            BadOption: the point lies outside, or the model tells no distribution.
        """
        check_range("most", most, 1, 64)
        centres = self.model.centres()
        dial = self.model.fill_numbers(vivid=vivid).get("vivid", np.zeros(()))
        opened = as_photo(photo)
        view = self._view(opened, size)
        here, spots = view.spots([Hint(x, y, (0.0, 0.0))]), view.spots(hints)
        logits = self._predictor.logits(view.small, [spots])
        row, column = to_cells(here, view.small, logits.shape[2:])[0]
        p = color_distribution.softmax(logits)[0, :, row, column]
        (L,) = view.small[tuple(to_pixels(here, view.small.shape).T)]
        ((row, column),) = to_pixels(np.array([[y, x]]), view.size)
        chroma = self._predictor.lines([view], [spots], vivid).widen(view.size)
        present = chroma.rows(row, row + 1, opened.lightness(slice(row, row + 1)))[:, 0, column]
        return make_palette(p, centres, float(L), present, vivid=float(dial.item()), most=most)

    def sample_hints(
        self,
        photo: PhotoSource | Photo,
        k: int,
        seed: int = 0,
        *,
        hints: Hints = (),
    ) -> list[tuple[Hint, ...]]:
        """K coherent versions of a photo, each a set of hints to be coloured with.

        Each is one draw of the whole photo's chroma from what the network takes for likely.

        Args:
            photo: as for :meth:`palette`.
            k: how many.
            seed: the same gives the same on the same device; 0 or more.
            hints: that all of them begin with.
        """
        check_range("k", k, 1, SAMPLES)
        check_range("seed", seed, 0, 2**32 - 1)
        self.model.centres()  # or there is no distribution to draw from
        view = self._view(photo, self._generator.size)
        known = hint_files.resolve_hints(hints, view.size[::-1])
        rngs = [np.random.default_rng([seed, i]) for i in range(k)]
        return draw_versions(self._predictor, self._generator, view, known, rngs)

    def uncertainty(
        self, photo: PhotoSource | Photo, *, hints: Hints = (), size: int | None = None
    ) -> Array:
        """Where the network guesses: entropy of its distribution in bits, (H, W) float32."""
        self.model.centres()  # or there is no distribution
        view = self._view(photo, size)
        logits = self._predictor.logits(view.small, [view.spots(hints)])
        bits = color_distribution.entropy(color_distribution.softmax(logits))[0]
        full = cv2.resize(bits, view.size[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(full, np.float32)

    def unsure_places(
        self,
        photo: PhotoSource | Photo,
        *,
        hints: Hints = (),
        most: int = 5,
        size: int | None = None,
    ) -> tuple[Place, ...]:
        """The places most worth checking, the most worthwhile first; fewer of a photo that is sure.

        A place is worthwhile where the network guesses, and where much resembles it, so that one
        hint would put all of that right. They keep apart from each other and from the hints.

        Args:
            photo: as for :meth:`palette`.
            hints: that are given already.
            most: how many at most.
            size: as for :meth:`colorize`.

        Raises:
            BadOption: the model tells no distribution.
        """
        check_range("most", most, 1, 64)
        view = self._view(photo, size)
        return unsure_places(self._predictor, view, view.spots(hints), most)

    def hints_from_reference(
        self, photo: PhotoSource | Photo, reference: PhotoSource | Photo
    ) -> tuple[Hint, ...]:
        """Hints for a photo from a reference in colour: where the same thing is seen in both.

        Both are looked at in the size the model likes best, as every place of one is held against
        every place of the other.

        Raises:
            BadOption: the reference has no colour, or the model tells no features.
        """
        source = as_photo(reference)
        if source.pixels.ndim == 2:
            raise BadOption("The reference has no colour: give a photo that has.")
        return match_photos(self._predictor, as_photo(photo), source)

    def _view(self, photo: PhotoSource | Photo, size: int | None) -> View:
        return self._predictor.views(as_photo(photo), size, "fast")[0]
