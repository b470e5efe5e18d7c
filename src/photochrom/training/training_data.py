"""The photos of a training: which there are, which are held out, and what is counted on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from lightning_fabric import Fabric

from photochrom.color import Grid, Pixels, rgb_to_lab
from photochrom.data import cache
from photochrom.data.cache import PhotoSet
from photochrom.data.shards import find_sources, read_split_index
from photochrom.data.stream import StreamedPhotos
from photochrom.errors import BadOption
from photochrom.training.distributed import check_photos, together
from photochrom.training.presets import Experiment, TrainOptions

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingData:
    """A set of photos, and the numbers of those to train and to validate on."""

    photos: PhotoSet
    training: Numbers
    validation: Numbers


def load_data(experiment: Experiment, options: TrainOptions, fabric: Fabric) -> TrainingData:
    """Decode the photos of a training, or find them decoded, and split them.

    Raises:
        BadData: no photos, or the machines have different ones. BadOption: all fall into one part.
    """

    def load(quiet: bool) -> PhotoSet:
        if experiment.stream:
            return StreamedPhotos(find_sources(options.data), experiment.side, options.readers)
        return cache.load(options.data, experiment.side, options.cache, quiet)

    def split() -> tuple[Numbers, Numbers]:
        index = read_split_index(options.index) if options.index else None
        training, validation = photos.split(experiment.validation, index)
        if not len(training) or not len(validation):
            raise BadOption(
                f"Photos to train on: {len(training)}, to validate on: {len(validation)}; both are "
                "needed. Give more photos, another --validation or an --index with train and val."
            )
        return training, validation

    # On each machine one process decodes, the others find it done.
    if not experiment.stream:
        quiet = options.quiet or fabric.global_rank > 0
        together(fabric, lambda: fabric.local_rank or load(quiet))
    photos = together(fabric, lambda: load(quiet=True))
    training, validation = together(fabric, split)
    check_photos(fabric, photos, training, validation)
    return TrainingData(photos, training, validation)


def center_squares(photos: PhotoSet, numbers: Sequence[int], batch: int) -> list[Pixels]:
    """Cut the centre squares of photos; stacks of at most ``batch``, ``(N, s, s, 3)`` uint8."""
    squares = []
    for photo in photos.read_photos(numbers):
        h, w = photo.shape[:2]
        side = min(h, w)
        top, left = (h - side) // 2, (w - side) // 2
        squares.append(photo[top : top + side, left : left + side])
    return [np.stack(squares[i : i + batch]) for i in range(0, len(squares), batch)]


def bin_frequency(
    photos: PhotoSet, numbers: Numbers, grid: Grid, most: int = 2000
) -> npt.NDArray[np.float64]:
    """Count how often each cell of ``grid`` occurs, ``(side²,)``, on at most ``most`` photos."""
    counts = np.zeros(grid.side**2)
    for photo in photos.read_photos(numbers[:: -(-len(numbers) // most)].tolist()):
        rgb = photo[::2, ::2].transpose(2, 0, 1).astype(np.float32) / 255
        _, a, b = rgb_to_lab(rgb)
        counts += np.bincount(grid.index(a, b).astype(np.int64).ravel(), minlength=len(counts))
    return counts
