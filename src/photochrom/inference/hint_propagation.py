"""Colours that a network has answered, brought to the hints it was given.

A network takes hints for advice. What it still lacks at the hinted points is spread by Kriging
(Gaussian-process regression, Rasmussen and Williams 2006, section 2.2): every pixel is corrected
the more, the more it resembles a hinted one in place, lightness and colour, and the less sure the
network was of it; each hinted pixel all the way. So a hint is honoured, reaches over what it
belongs to, and stops at its edges.
"""

from __future__ import annotations

import cv2
import numpy as np

from photochrom.color import Array
from photochrom.inference.spots import to_pixels

# How far resemblance reaches. Chosen on photographs held out from training, with 1, 10 and 100
# true hints, where a third more or less of any changes PSNR by less than 0.1 dB; and by looking at
# single hints far from what the network thought, which must not bleed.
_REACH = 0.23  # of the short side
_LIGHTNESS = 13.0  # L
_COLOUR = 9.0  # ab
_EVERYWHERE = 0.15  # what all of a photo has in common, as the colour of its light
_DOUBT = 0.03  # how much of a hint may be noise: contradicting neighbours are averaged
_LEAST = 2.0  # ab: nothing is surer than this
_STRIDE = 4  # pixels of a cell; of 8, 4, 2 and 1 none was better or worse by over 0.1 dB
_CELLS = 64  # on the short side, or as many as there are pixels: in fewer a hint is smeared out


def propagate_hints(ab: Array, L: Array, spots: Array, unsure: Array | None = None) -> Array:
    """ab that meets the hints.

    Args:
        ab: ``(2, H, W)``, the network's answer.
        L: ``(H, W)``, the lightness it saw.
        spots: ``(n, 4)``: y and x in pixels, a, b; or ``(n, 5)``, with a reach as a factor.
        unsure: ``(h, w)`` of any size, how far off the answer may be, standard deviation in ab;
            without it, as far everywhere.

    Returns:
        ``(2, H, W)`` float32, -128..127.
    """
    if not len(spots):
        return ab
    size, spots = L.shape, spots.astype(np.float32)
    stride = max(1, min(_STRIDE, min(size) // _CELLS))
    cells = tuple(-(-side // stride) for side in size)
    planes = [cv2.resize(p, cells[::-1], interpolation=cv2.INTER_AREA) for p in (L, *ab)]
    y, x = np.meshgrid(*((np.arange(n) + 0.5) / min(cells) / _REACH for n in cells), indexing="ij")
    scales = (_LIGHTNESS, _COLOUR, _COLOUR)
    place = np.stack([y, x, *(p / s for p, s in zip(planes, scales, strict=True))], -1)
    place = place.astype(np.float32)  # (h, w, 5): all in units of their reach
    scale = np.array(cells) / size
    row, column = to_pixels(spots[:, :2] * scale, (cells[0], cells[1])).T
    hinted = place[row, column]  # (n, 5)
    may_err = np.ones(cells, np.float32)
    if unsure is not None:
        may_err = cv2.resize(unsure.astype(np.float32), cells[::-1])
        may_err = np.maximum(may_err, _LEAST)
    lacking = spots[:, 2:4] - np.stack([planes[1][row, column], planes[2][row, column]], -1)
    least, most = lacking.min(0, initial=0), lacking.max(0, initial=0)
    lacking /= may_err[row, column, None]  # from here on in units of what may be missing
    among = _alike(hinted, hinted) + np.float32(_DOUBT) * np.eye(len(spots), dtype=np.float32)
    # OpenCV and einsum, as BLAS would start threads that cost more than they save.
    _, weights = cv2.solve(among, lacking, flags=cv2.DECOMP_CHOLESKY)
    missing = np.einsum("mn,nc->mc", _alike(place.reshape(-1, 5), hinted), weights)
    missing = missing.reshape(*cells, 2)
    # Where the network is less sure than at a hint that it got wrong, this would go to extremes.
    missing = np.clip(missing * may_err[..., None], least, most)
    missing = cv2.resize(missing, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(ab + missing.transpose(2, 0, 1), -128, 127), np.float32)


def _alike(one: Array, other: Array) -> Array:
    """1 for equal places, ``(m, n)``: a rational quadratic kernel on top of a constant."""
    squares = np.zeros((len(one), len(other)), np.float32)
    for p, q in zip(one.T, other.T, strict=True):  # m, n >> 5: not all five at once
        squares += np.subtract.outer(p, q) ** 2
    return np.asarray(_EVERYWHERE + (1 - _EVERYWHERE) / (1 + squares / 6) ** 3)
