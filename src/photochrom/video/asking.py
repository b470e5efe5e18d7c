"""A network's colours for the frames of a film, and what it sees of them."""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.options import ColorizeOptions
from photochrom.inference.prediction import Predictor, network_size
from photochrom.video.raster import Raster


class Asker:
    """A colorizer that is asked about frames of one film.

    Args:
        colorizer: whose network answers.
        raster: of the film.
        options: of which ``size`` and ``vivid`` count.
        rotation: degrees, counterclockwise, by which a player turns the film: the network is shown
            frames upright, as it knows skies above and lawns below.

    Raises:
        BadOption: the model has no ``vivid``.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        raster: Raster,
        options: ColorizeOptions,
        rotation: int = 0,
    ) -> None:
        colorizer.model.fill_numbers(vivid=options.vivid)  # before there is a frame
        self._predictor, self._vivid = Predictor(colorizer.model), options.vivid
        self._table, self._turns = raster.lightness(), rotation // 90
        self.size = network_size(raster.height, raster.width, options.size or colorizer.model.size)
        """h, w of what the network sees."""

    def see(self, luma: Array) -> Array:
        """The lightness of a frame as the network sees it, (h, w) float32, 0..100.

        Args:
            luma: (H, W) uint8 or uint16, the film's own codes.
        """
        if luma.dtype == np.uint8:
            L = cv2.LUT(luma, self._table)  # no OpenCV before 5 has larger tables
        else:
            L = self._table.take(luma, mode="clip")
        way = cv2.INTER_AREA if self.size[0] <= luma.shape[0] else cv2.INTER_CUBIC
        small = cv2.resize(L, self.size[::-1], interpolation=way)
        return np.asarray(np.clip(small, 0, 100))

    def ask(self, L: Array, spots: Array) -> Array:
        """The colours of a frame, (2, h, w) float32.

        Args:
            L: (h, w), as of :meth:`see`.
            spots: (n, 5), what is known there, see :mod:`photochrom.inference.spots`; n may be 0.
                Without any the network runs once.
        """
        upright = np.ascontiguousarray(np.rot90(L, self._turns))
        turned = turn_spots(spots, (L.shape[0], L.shape[1]), self._turns)
        ab = self._predictor.colors(upright, turned, self._vivid)
        return np.ascontiguousarray(np.rot90(ab, -self._turns, axes=(1, 2)))


def turn_spots(spots: Array, size: tuple[int, int], turns: int) -> Array:
    """Spots (n, 5) where they lie when their picture, h by w, is turned by quarters of a circle,
    counterclockwise.
    """
    h, w = size
    for _ in range(turns % 4):
        spots = np.column_stack([w - spots[:, 1], spots[:, 0], spots[:, 2:]])
        h, w = w, h
    return spots
