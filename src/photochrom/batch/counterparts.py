"""Pictures that colours come from: a reference, or for each photo the one that is called alike."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from photochrom.batch.options import path_of
from photochrom.batch.planning import Job
from photochrom.errors import BadPhoto, PhotochromError, explain
from photochrom.image.photo import Photo
from photochrom.image.reader import PHOTO_SUFFIXES, read_photo

if TYPE_CHECKING:
    from photochrom.batch.worker import Worker


def read_reference(path: Path) -> Photo:
    """Open a photo that all others are to take colours from.

    Raises:
        BadPhoto: it cannot be read.
    """
    try:
        return read_photo(path)
    except PhotochromError:
        raise
    except Exception as error:  # a photo may provoke anything
        raise BadPhoto(explain(error, str(path))) from error


def with_picture(worker: Worker, job: Job) -> Worker:
    """Make a worker take the colours of a photo's own picture, where those of a folder are given.

    Raises:
        BadPhoto: there is none for it.
    """
    folder = path_of(worker.options.chroma_from)
    if folder is None or not folder.is_dir() or job.trouble:
        return worker
    own, picture = copy.copy(worker), find_counterpart(job, folder)
    own.__dict__.pop("digest", None)
    own.options = replace(worker.options, chroma_from=picture)
    own.page_options = replace(worker.page_options, chroma_from=picture)
    return own


def find_counterpart(job: Job, folder: Path) -> Path:
    """Find the picture for a photo: of the same name, or of the same stem.

    Args:
        job: the photo. One of a folder within an album has its picture in a folder of that name.
        folder: of pictures.

    Raises:
        BadPhoto: there is none, or there are several of that stem.
    """
    inner = Path() if job.root is None else job.target.parent.relative_to(job.root)
    place = folder / inner
    named = place / job.photo.name
    if named.is_file():
        return named
    found = [
        path
        for path in sorted(place.iterdir() if place.is_dir() else ())
        if path.stem == job.photo.stem and path.suffix.lower() in PHOTO_SUFFIXES and path.is_file()
    ]
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(path.name for path in found[:2])
        raise BadPhoto(f"{place} has {names} for {job.photo.name}: leave one of them there.")
    raise BadPhoto(
        f"{place} has no picture for {job.photo.name}: give it one called {job.photo.stem}.png "
        "or the like."
    )
