"""The photos of a training: which there are, which are held out, and what is counted on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from lightning_fabric import Fabric

from photochrom.color import Grid, Pixels, rgb_to_lab
from photochrom.data import cache
from photochrom.data.photo_set import Chosen, Numbers, PhotoSet, read_split_index
from photochrom.data.shards import find_shards
from photochrom.data.stream import StreamedPhotos, count_photos
from photochrom.errors import BadOption
from photochrom.storage.user_cache import cache_folder
from photochrom.training.distributed import check_photos, gather, together
from photochrom.training.presets import Experiment, TrainOptions


@dataclass(frozen=True)
class TrainingData:
    """A set of photos, and the numbers of those to train and to validate on."""

    photos: PhotoSet
    training: Chosen
    validation: Numbers


def load_data(experiment: Experiment, options: TrainOptions, fabric: Fabric) -> TrainingData:
    """Decode the photos of a training, or find them decoded, and split them.

    Raises:
        BadData: no photos, or the machines have different ones. BadOption: all fall into one part.
    """
    if experiment.stream:
        photos = _find_streamed(experiment, options, fabric)
    else:
        photos = _decode(experiment, options, fabric)
    index = together(fabric, lambda: read_split_index(options.index) if options.index else None)
    check_photos(fabric, photos, index)
    part = slice(fabric.global_rank, None, fabric.world_size)
    split = together(fabric, lambda: photos.split(experiment.validation, index, part))
    left_out, validation = map(np.concatenate, zip(*gather(fabric, split), strict=True))
    training = Chosen(len(photos), np.sort(left_out))

    def check() -> None:
        if not len(training) or not len(validation):
            raise BadOption(
                f"Photos to train on: {len(training)}, to validate on: {len(validation)}; both are "
                "needed. Give more photos, another --validation or an --index with train and val."
            )

    together(fabric, check)
    return TrainingData(photos, training, np.sort(validation))


def _decode(experiment: Experiment, options: TrainOptions, fabric: Fabric) -> PhotoSet:
    """On each machine one process decodes, the others find it done."""

    def load(quiet: bool) -> PhotoSet:
        return cache.load(options.data, experiment.side, options.cache, quiet)

    quiet = options.quiet or fabric.global_rank > 0
    together(fabric, lambda: fabric.local_rank or load(quiet))
    return together(fabric, lambda: load(quiet=True))


def _find_streamed(experiment: Experiment, options: TrainOptions, fabric: Fabric) -> PhotoSet:
    """Each process goes through some of the shards without an index, and tells the others."""
    folder = (options.cache or cache_folder()) / "members"
    rank, world = fabric.global_rank, fabric.world_size
    shards = together(fabric, lambda: find_shards(options.data))
    mine = together(fabric, lambda: count_photos(shards[rank::world], folder))
    said = gather(fabric, (len(shards), mine))
    if all(many == len(shards) for many, _ in said):  # else it is found out what differs
        for other, (_, counts) in enumerate(said):
            for i, count in zip(range(other, len(shards), world), counts, strict=True):
                shards[i] = replace(shards[i], count=count)
    return together(
        fabric, lambda: StreamedPhotos(shards, experiment.side, options.readers, folder)
    )


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
    photos: PhotoSet, chosen: Chosen, grid: Grid, most: int = 2000
) -> npt.NDArray[np.float64]:
    """Count how often each cell of ``grid`` occurs, ``(side²,)``, on at most ``most`` photos.

    They are spread evenly; of very many photos in short runs, so that they lie in fewer shards.
    """
    counts = np.zeros(grid.side**2)
    run = 1 if len(chosen) < 1000 * most else 40
    begin = np.arange(0, len(chosen) - run + 1, run * -(-len(chosen) // most))
    sample = (begin[:, None] + np.arange(run)).ravel()
    for photo in photos.read_photos(chosen[sample].tolist()):
        rgb = photo[::2, ::2].transpose(2, 0, 1).astype(np.float32) / 255
        _, a, b = rgb_to_lab(rgb)
        counts += np.bincount(grid.index(a, b).astype(np.int64).ravel(), minlength=len(counts))
    return counts
