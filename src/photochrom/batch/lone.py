"""A photo by itself: where its result goes, as no journal lies there that would tell what is done.

What is there already is never taken for this photo's result because of its name: its own mark has
to tell that it was made of this photo in this way.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import NamedTuple

from photochrom.batch.options import BatchOptions
from photochrom.batch.planning import Job
from photochrom.errors import CannotWrite
from photochrom.image.mark import tells
from photochrom.image.provenance import Provenance
from photochrom.inference.colorizer import Colorizer
from photochrom.inference.pipeline import look_at, tell_provenance


class Place(NamedTuple):
    """Where a result goes."""

    target: Path
    done: bool = False
    """Whether it is there."""


def find_place(job: Job, options: BatchOptions, colorizer: Colorizer) -> Place:
    """Find out where the result of a photo by itself goes, and whether it is there already.

    That is the file that was asked for. Where it has the usual name, which is taken by another
    result, ``house.color.jpg``, it is the next, ``house.color-2.jpg``.

    Raises:
        CannotWrite: the usual name is taken, and the mark of what is there could not tell these
            options from others. BadPhoto: the photo cannot be read.
    """
    if options.force or options.samples is not None or not job.target.is_file():
        return Place(job.target)
    sought = _mark(job.photo, options, colorizer)
    if job.named:
        return Place(job.target, done=sought is not None and tells(job.target, sought))
    for target in _names(job.target):
        if not target.exists():
            if sought is None:
                raise CannotWrite(
                    f"{job.target} exists already: choose another name, as in -o {target}, or "
                    "replace it by force (--force)."
                )
            return Place(target)
        if sought is not None and tells(target, sought):
            return Place(target, done=True)
    raise AssertionError("there are always more names")  # pragma: no cover


def _names(target: Path) -> itertools.chain[Path]:
    more = (target.with_stem(f"{target.stem}-{i}") for i in itertools.count(2))
    return itertools.chain([target], more)


def _mark(photo: Path, options: BatchOptions, colorizer: Colorizer) -> Provenance | None:
    """The mark that the result gets; None where that does not tell all that was asked for."""
    told = BatchOptions(
        model=options.model,
        size=options.size,
        strength=options.strength,
        vivid=options.vivid,
        quality=options.quality,
        recolor=options.recolor,  # without which there is no result, or the same
        seed=options.seed,  # of samples alone
    )
    model = colorizer.model.path
    if not options.strength or options.digest(model) != told.digest(model):
        return None
    return tell_provenance(options, colorizer, (), "", look_at(photo))
