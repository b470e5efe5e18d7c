"""Many photos: what lies in the folders given, and where each result goes."""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from photochrom.batch import journal
from photochrom.errors import BadData, BadOption
from photochrom.image.reader import PHOTO_SUFFIXES
from photochrom.image.writer import default_output, writable_target
from photochrom.storage import search


class Job(NamedTuple):
    """A photo to colour."""

    photo: Path
    target: Path
    """The file its result goes to."""
    root: Path | None = None
    """The folder of results that ``target`` lies in or below; None where it stands alone."""
    trouble: str = ""
    """Why it cannot even be looked for."""
    named: bool = False
    """Whether the user has named the target."""


def jobs(
    photos: Sequence[Path],
    out: Path | None,
    exclude: Sequence[str] = (),
    others: Counter[str] | None = None,
) -> list[Job]:
    """What there is to do.

    Args:
        photos: files, patterns of them, and folders that are searched whole and mirrored below
            ``out``.
        out: a file for a single photo, else a folder; None for beside each photo.
        exclude: patterns of names, or of paths below a folder, that are left out of it.
        others: gets how many files in the folders are no photos, by suffix.

    Raises:
        BadOption: no photos, or several for one file. BadData: a folder holds none.
    """
    if not photos:
        raise BadOption("Name at least one photograph, or a folder of them.")
    named = [(pattern, search.expand_pattern(pattern)) for pattern in photos]
    first = named[0][1]
    into_file = (
        out is not None and out.suffix.lower() in PHOTO_SUFFIXES and not search.is_folder(out)
    )
    if into_file and (len(named) != 1 or len(first) > 1 or any(map(search.is_folder, first))):
        raise BadOption(f"-o {out} is one file, but there may be many photos: name a folder.")
    found: list[Job] = []
    for pattern, paths in named:
        if not paths:
            reason = f"No photo is called {pattern}: check the pattern, and the folder."
            found.append(Job(pattern, pattern, trouble=reason))
        for path in paths:
            if search.is_folder(path):
                found += _of_folder(path, out, exclude, others)
            elif out is None:
                found.append(Job(path, default_output(path)))
            elif into_file:
                found.append(Job(path, out, named=True))
            else:
                found.append(Job(path, writable_target(out / path.name), out))
    once: dict[tuple[Path, Path], Job] = {}
    for job in found:
        once.setdefault((job.photo, job.target), job)
    return set_apart(list(once.values()))


def _of_folder(
    album: Path, out: Path | None, exclude: Sequence[str], others: Counter[str] | None
) -> Iterator[Job]:
    if out is None and (trouble := journal.obstacle(album)):
        yield Job(album, album, trouble=trouble)
        return
    found = search.find_photos(album, out=out, exclude=exclude)
    if others is not None:
        others.update(found.others)
    if not found.photos and not found.unsearched:
        raise no_photos(album, found.others)
    for photo in found.photos:
        if out is None:
            yield Job(photo, default_output(photo), album)
        else:
            yield Job(photo, writable_target(out / photo.relative_to(album)), out)
    for folder, reason in found.unsearched.items():
        yield Job(folder, folder, trouble=reason)


def no_photos(where: Path | str, others: Counter[str]) -> BadData:
    """The error of a folder that holds none."""
    seen = f", but {name_kinds(others)}" if others.total() else ""
    return BadData(
        f"No photos in {where}{seen}: photochrom looks for {', '.join(sorted(PHOTO_SUFFIXES))}."
    )


def name_kinds(others: Counter[str]) -> str:
    """Files by their suffixes, the most frequent first: "9 .cr2, 2 .jxl, 1 without a suffix"."""
    ranked = sorted(others.items(), key=lambda kind: (-kind[1], not kind[0], kind[0]))
    return ", ".join(f"{count:,} {kind or 'without a suffix'}" for kind, count in ranked)


def is_png_instead(job: Job) -> bool:
    """Whether a result is PNG only because the photo's own format cannot be written."""
    ours = job.root is not None or job.target == default_output(job.photo)
    same = job.target.suffix.lower() == job.photo.suffix.lower()
    return ours and not same and job.target.suffix == ".png"


# --- a name for each result -------------------------------------------------------------------


class _Planned(Protocol):
    """A :class:`Job`, of paths, or the same with URLs."""

    @property
    def photo(self) -> Path | str: ...
    @property
    def target(self) -> Path | str: ...
    @property
    def root(self) -> Path | str | None: ...
    @property
    def trouble(self) -> str: ...
    def _replace(self, *, target: Any = ...) -> Self: ...


_Plan = TypeVar("_Plan", bound=_Planned)


def set_apart(jobs: Sequence[_Plan]) -> list[_Plan]:
    """Jobs of which no two have one target, and none has a photo of a folder for its target.

    A photo keeps the usual name before others whose format has to change, and otherwise in the
    order given. The next becomes ``<name>.gif.color.png``, or in a folder of results
    ``<name>-<album>.jpg``: a name that stays the same when the command is started again. Names
    that differ in case alone count as the same, as they do on the disks of Windows and macOS.
    """
    photos = {_place(job.photo) for job in jobs if job.root is not None and not job.trouble}
    taken: dict[str, str] = {}
    """The photo that has a target, by its place."""
    planned = list(jobs)
    for i in sorted(range(len(jobs)), key=lambda i: _changes(jobs[i])):
        job = jobs[i]
        if job.trouble:
            continue
        photo, own = _whole(job.photo), _place(job.photo)
        holder = taken.get(_place(job.target), _whole(job.target))
        for target in _names(job, holder):
            place = _place(target)
            if taken.setdefault(place, photo) == photo and (place == own or place not in photos):
                planned[i] = job._replace(target=target)
                break
    return planned


def _changes(job: _Planned) -> bool:
    """Whether the result has another format than the photo."""
    return Path(job.photo).suffix.lower() != Path(job.target).suffix.lower()


def _names(job: _Planned, holder: str) -> Iterator[Path | str]:
    """What a result may be called: as usual, or if another photo holds that name, otherwise."""
    yield job.target
    photo, target = Path(job.photo), Path(job.target)
    if target.name == default_output(photo).name:
        stem = f"{photo.name}.color"
    elif album := _difference(job.photo, holder):
        stem = f"{target.stem}-{album}"
    else:
        stem = photo.name
    for number in itertools.count(1):
        name = f"{stem}{target.suffix}" if number == 1 else f"{stem}-{number}{target.suffix}"
        if isinstance(job.target, Path):
            yield job.target.with_name(name)
        elif "://" in job.target:
            yield f"{job.target.rpartition('/')[0]}/{name}"
        else:
            yield str(target.with_name(name))


def _difference(photo: Path | str, other: str) -> str:
    """The folder by which the place of a photo differs from that of another, the nearest."""
    mine, theirs = (re.split(r"[/\\]", place)[-2::-1] for place in (_whole(photo), other))
    return next((a for a, b in zip(mine, theirs, strict=False) if a and a != b), "")


def _place(named: Path | str) -> str:
    """What names the same file on every disk."""
    return _folded(_whole(named))


def _whole(named: Path | str) -> str:
    return str(named) if "://" in str(named) else os.path.abspath(named)  # noqa: PTH100 - with ..


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def numbered(target: Path, versions: int | None) -> list[Path]:
    """The files for so many versions, ``name-1.jpg`` and on; for None, the target itself."""
    if versions is None:
        return [target]
    return [target.with_stem(f"{target.stem}-{i}") for i in range(1, versions + 1)]
