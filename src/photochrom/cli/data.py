"""Photographs to train on: got, cleaned, packed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, OmitSubcommandPrefixes, Positional, subcommand

from photochrom.cli.flags import NUMBER, WHOLE, deferred, flag
from photochrom.cli.options import console, counted, print_result, track
from photochrom.errors import BadData, BadOption, BadPhoto, CannotWrite
from photochrom.names import remark, say

if TYPE_CHECKING:
    from photochrom.data.curate import Decision
    from photochrom.data.photo_source import PhotoSource

Sets = Annotated[
    Positional[tuple[str, ...]],
    flag("folders, .tar shards, .txt lists, or URLs of folders or shards", "PHOTOS..."),
]
Jobs = Annotated[int | None, flag("photos under way at a time", WHOLE, default="one per core")]
_SHOWN = 48
"""Photos of a contact sheet at most."""


def pexels(
    *,
    count: Annotated[int, flag("so many photos, those in the folder included", WHOLE)],
    out: Annotated[Path, flag("the folder for them", "FOLDER", short="-o")],
    query: Annotated[
        tuple[str, ...], flag("what to search for, each as often as the others", "WORDS...")
    ] = ("people", "places", "nature", "objects"),
    size: Annotated[
        Literal["original", "large2x", "large", "medium"],
        flag("large is at most 940 x 650 pixels, medium 350 high"),
    ] = "large",
    jobs: Annotated[int, flag("downloads at a time", WHOLE)] = 6,
    api: Annotated[str, flag("where the API is", "URL")] = "https://api.pexels.com/v1",
) -> int:
    """Download photographs from Pexels, each once, with who took them.

    Needs a key of the API (https://www.pexels.com/api/) in the environment variable PEXELS_API_KEY.
    Start it again after whatever has stopped it.
    Example: photochrom data pexels --count 6800 -o photos/
    """
    if count < 1 or not 1 <= jobs <= 32:
        raise BadOption(
            f"--count is {count}, --jobs {jobs}: give a count of 1 or more, and 1 to 32 jobs."
        )
    if not query or not all(word.strip() for word in query):
        raise BadOption("There is nothing to search for: name it with --query.")
    from photochrom.data.pexels import CACHE, Album, fetch_photos
    from photochrom.data.pexels_search import PexelsSearch, read_key

    key = read_key()
    album = Album(out, size)
    search = PexelsSearch(api, key, out / CACHE, remark)
    before, failed = len(album.entries), []
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = TextColumn("fetching"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console()) as progress:
        task = progress.add_task("", total=count, completed=before)
        for fetched in fetch_photos(album, search, list(dict.fromkeys(query)), count, jobs):
            if fetched.trouble:
                failed.append(f"Photo {fetched.id} could not be fetched: {fetched.trouble}")
            progress.update(task, completed=len(album.entries))
    for sentence in failed:
        say(sentence)
    got = len(album.entries)
    print_result(out)
    remark(f"{counted(got, 'photo')}, {got - before:,} of them new.")
    if got < count:
        say("Pexels has no more of these: search for something else with --query.")
    return 1 if got < count else 0


def curate(
    photos: Sets,
    /,
    *,
    out: Annotated[Path, flag("the folder for what is found", "FOLDER", short="-o")],
    against: Annotated[
        tuple[str, ...],
        flag("test sets: what is near to one of their photos is dropped", "PHOTOS..."),
    ] = (),
    saturation: Annotated[float, flag("least mean saturation", "0..255")] = 20.0,
    short: Annotated[int, flag("least short side", "PIXELS")] = 200,
    toned: Annotated[
        float, flag("least mean chroma of a photo of one hue; 0 keeps all", NUMBER)
    ] = 14.0,
    frame: Annotated[float, flag("largest share of a plain border", "0..1")] = 0.02,
    gutter: Annotated[float, flag("sharpest plain line across", "0..1")] = 0.9,
    graphic: Annotated[float, flag("largest share of flat colours", "0..1")] = 0.3,
    alike: Annotated[
        int, flag("bits, of 64, by which near-duplicates differ; -1 keeps them", WHOLE)
    ] = 6,
    link: Annotated[bool, flag("link what is kept into OUT/kept/")] = False,
    copy: Annotated[bool, flag("copy what is kept into OUT/kept/")] = False,
    jobs: Jobs = None,
) -> int:
    """Find out which photographs are worth training on, and why the others are not.

    Writes kept.txt, which train, evaluate and data pack take, dropped.csv, and a picture of what
    was dropped for each reason: look at them. No photo is touched.
    Example: photochrom data curate photos/ -o clean/ --against test/
    """
    from photochrom.data import curate as data

    if link and copy:
        raise BadOption("--link and --copy are two ways to do one thing: choose one.")
    limits = data.CurationLimits(
        saturation=saturation, short=short, toned=toned,
        frame=frame, gutter=gutter, graphic=graphic, alike=alike,
    )  # fmt: skip
    _claim(out, data.LOOKS)
    sources, others = _find(photos, out), _find(against, out) if against else []
    looks, everything = data.Looks(out), [*others, *sources]
    taken = looks.take(everything, _jobs(jobs))
    seen = list(track(taken, "looking", len(everything)))
    known = [(source.name, look) for source, look in zip(others, seen, strict=False)]
    decisions = data.decide(sources, seen[len(others) :], limits, known)
    data.write_decisions(decisions, out)
    _draw_dropped(decisions, {source.name: source for source in everything}, out)
    kept = [decision.source for decision in decisions if not decision.reason]
    lost: list[str] = []
    if link or copy:
        folder = data.gather_photos(kept, out / data.FOLDER, link=link)
        lost = list(filter(None, track(folder, "gathering", len(kept))))
    for reason in lost:
        say(reason)
    _say_counts(Counter(decision.reason for decision in decisions))
    print_result(out / data.KEPT)
    if not kept:
        raise BadData("No photo is left: look at the pictures of what was dropped.")
    return 1 if lost else 0


def _say_counts(counts: Counter[str]) -> None:
    """How many photos were dropped for each reason, and how many are kept."""
    from photochrom.data.curate import REASONS

    for reason, words in REASONS.items():
        if counts[reason]:
            remark(f"{counts[reason]} dropped as {reason}: {words}.")
    remark(f"{counts['']:,} of {counted(counts.total(), 'photo')} kept.")


def pack(
    photos: Sets,
    /,
    *,
    out: Annotated[Path, flag("the folder for the shards", "FOLDER", short="-o")],
    side: Annotated[int, flag("short side; no photo is enlarged", "PIXELS")] = 256,
    kind: Annotated[Literal["webp", "jpg"], flag("format of the photos")] = "webp",
    quality: Annotated[int, flag("of the format", "1..100")] = 90,
    seed: Annotated[int, flag("of the random order", WHOLE)] = 0,
    shard_megabytes: Annotated[int, flag("close a shard at so many megabytes", WHOLE)] = 64,
    jobs: Jobs = None,
) -> int:
    """Pack photographs, small and in random order, into tar shards to train on.

    The layout is WebDataset's; index.json tells what is in them. Start it again after whatever has
    stopped it. Example: photochrom data pack clean/kept.txt -o shards/ --side 256
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from photochrom.data import pack as data

    how = data.Packing(side, kind, quality, seed, shard_megabytes)
    sources = _find(photos, out)
    with Progress(
        TextColumn("packing"), BarColumn(), MofNCompleteColumn(), console=console()
    ) as progress:
        task = progress.add_task("", total=len(sources))
        for index in data.pack(sources, out, how, _jobs(jobs), lambda: progress.advance(task)):
            progress.update(task, completed=index.taken)
    for name, reason in index.unreadable.items():
        say(f"{name}: {reason}")
    print_result(out)
    megabytes = index.bytes / 1e6
    shards = counted(len(index.shards), "shard")
    remark(f"{counted(index.count, 'photo')} in {shards}, {megabytes:.1f} MB.")
    return 1 if index.unreadable else 0


_Action = (
    Annotated[Any, subcommand("pexels", constructor=deferred(pexels))]
    | Annotated[Any, subcommand("curate", constructor=deferred(curate))]
    | Annotated[Any, subcommand("pack", constructor=deferred(pack))]
)


def data(action: OmitArgPrefixes[OmitSubcommandPrefixes[_Action]]) -> int:
    """Get photographs to train on, clean them, and pack them.

    Example: photochrom data curate photos/ -o clean/
    """
    return int(action())


def _find(given: Sequence[str], out: Path) -> list[PhotoSource]:
    """The photos, by names that hold wherever they are read; not those below ``out``."""
    from photochrom.data import shards
    from photochrom.storage.remote import Remote, parse_place

    if isinstance(far := parse_place(out), Remote):
        raise BadOption(
            f"--out is {far}: choose a folder on this machine, and upload it afterwards."
        )
    places = [parse_place(name) for name in given]
    if not places:
        raise BadOption("There are no photos: name folders or .tar shards of them.")
    found = shards.find_sources([p if isinstance(p, Remote) else p.absolute() for p in places])
    results = out.absolute()
    found = [s for s in found if isinstance(s.path, Remote) or results not in s.path.parents]
    if not found:
        raise BadData(f"There are no photos but those in {out}, where the results go: name others.")
    return list({source.name: source for source in found}.values())


def _jobs(asked: int | None) -> int:
    from photochrom.parallel import cores

    if asked is not None and asked < 1:
        raise BadOption(f"--jobs is {asked}: give 1 or more.")
    return asked or cores()


def _claim(out: Path, own: str) -> None:
    """That a folder is new, or was made by this command."""
    try:
        foreign = out.exists() and not (out / own).exists() and any(out.iterdir())
    except OSError as error:
        raise CannotWrite(f"{out} is no folder: choose another --out.") from error
    if foreign:
        raise CannotWrite(f"{out} holds something else: choose a new folder for --out.")


def _draw_dropped(decisions: Sequence[Decision], named: dict[str, PhotoSource], out: Path) -> None:
    """A picture of what was dropped for each reason."""
    from photochrom import files
    from photochrom.data.curate import REASONS
    from photochrom.data.decode import decode
    from photochrom.evaluation.contact_sheet import make_contact_sheet

    def read(source: PhotoSource | None) -> Any:
        with suppress(BadPhoto):
            return None if source is None else decode(source.read())

    for reason in REASONS:
        target = out / f"dropped-{reason}.jpg"
        target.unlink(missing_ok=True)
        dropped = [decision for decision in decisions if decision.reason == reason]
        if reason == "unreadable" or not dropped:
            continue
        paired = reason in ("leak", "duplicate")
        rows = [
            [read(d.source), read(named.get(d.duplicate_of))][: 1 + paired]
            for d in dropped[:: -(-len(dropped) // _SHOWN)]
        ]
        columns = [reason, "near to"][: 1 + paired]
        page = make_contact_sheet(rows, columns, height=140, across=4 if paired else 8)
        files.write_atomically(target, partial(page.save, format="JPEG", quality=85))
