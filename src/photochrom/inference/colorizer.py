"""The engine: photographs coloured at their full size, by a model and by hints.

One network answers what colours are likely, given lightness and hints. Every way of using it is a
set of hints: none, a person's, drawn ones for other versions, or those of a reference photo.
"""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from photochrom import __version__, color
from photochrom.errors import BadOption, PhotoWarning
from photochrom.image import photo as photos
from photochrom.image import provenance
from photochrom.image.photo import Photo, Source
from photochrom.inference import averaging, chroma_upsampling, color_distribution
from photochrom.inference import hints as hint_files
from photochrom.inference.averaging import Quality
from photochrom.inference.hint_propagation import honour
from photochrom.inference.hints import Hint
from photochrom.inference.onnx_model import CLONE, DEFAULT_MODEL, WEIGHTS, Model
from photochrom.inference.reference import match
from photochrom.names import shown
from photochrom.storage.folders import make_room

Array = npt.NDArray[Any]
Hints = Sequence[Hint] | str | os.PathLike[str]
"""Hints, or the path of a file of them."""

MAX_STRENGTH = 1.5
"""Beyond it most strong colours stand at the edge of sRGB, and are all the same."""
SIZES = 32, 2048
"""Short sides for the network: one cell of its coarsest features, to what memory bears."""
SAMPLES = 64
"""Versions at a time at most: they are held in memory together."""
_LONGEST = 4
"""The long side for the network, in short sides: a wider panorama is seen smaller."""
_ENOUGH = 1024
"""Cells that tell well enough how unsure the network is where; more only take time."""
_ANCHORS = 3
"""Colours drawn for a version; with more of them its parts come apart."""
_APART = 0.25
"""Of the short side, that anchors keep between them."""


@dataclass(frozen=True)
class Swatch:
    """A colour that a point may have."""

    color: str
    """``"#rrggbb"`` at the point's own lightness: ready for a :class:`Hint`."""
    ab: tuple[float, float]
    probability: float


class Colorizer:
    """A model, loaded once, that colours any number of photographs; threads may share it.

    Pickled, it is the model's name or the path of its file, and is loaded anew from there.

    Args:
        model: a path to an ONNX file, or the name of one that comes with the package.
        threads: CPU threads for the network; by default one per core.
        device: "cpu", "cuda", or "auto" for a GPU if there is one that can be used.

    Raises:
        BadModel: there is no such model, or it does not keep the contract.
        BadOption: there is no such device.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        self.model = Model(DEFAULT_MODEL if model is None else model, threads, device)
        path = self.model.path
        named = path.stem if path.parent in (WEIGHTS, CLONE) else path.absolute()
        self._again = partial(type(self), named, threads=threads, device=device)

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle and copy: what a loaded network holds no other process can take."""
        return self._again, ()

    @property
    def name(self) -> str:
        """The model's name and version, such as "hintnet 2"."""
        told = self.model.metadata
        return f"{told.get('name', self.model.path.stem)} {told.get('version', '')}".strip()

    def finish(self, photo: Photo, *, strip: bool = False, mark: bool = True) -> Photo:
        """What :meth:`render` made as it is to be written; the options as for :meth:`colorize`."""
        photo = provenance.stripped(photo) if strip else photo
        return provenance.marked(photo, f"photochrom {__version__}", self.name) if mark else photo

    # --- from lightness to ab -----------------------------------------------------------------

    def predict(
        self,
        L: Array,
        hints: Array | None = None,
        *,
        vivid: float | None = None,
        temperature: float | None = None,
    ) -> Array:
        """The network's colours for lightness of any size.

        Args:
            L: (N, 1, H, W) in 0..100.
            hints: (N, 3, H, W): a, b and a mask that is 1 where they are known, 0 elsewhere.
            vivid: 0 most accurate .. 1 most colourful; what that means is up to the model.
            temperature: how decided; likewise.

        Returns:
            ab, (N, 2, H, W) float32 in -128..127.

        Raises:
            BadOption: the shapes are wrong, or the model has no such input.
            BadModel: what it answers is not ab for L.
        """
        (ab,) = self.model.run(L, hints, ["ab"], vivid=vivid, temperature=temperature)
        return np.asarray(np.clip(ab, -128, 127))

    def paint(
        self,
        L: Array,
        spots: Array | None = None,
        *,
        size: int | None = None,
        vivid: float | None = None,
        quality: Quality = "fast",
    ) -> Array:
        """Colours for lightness of any size that meet what is known at some spots.

        Args:
            L: (H, W) in 0..100.
            spots: (n, 4): y and x in pixels, the middle of the first at 0.5, and a, b; or none.
            size: short side for the network; as for :meth:`colorize`.
            vivid: as for :meth:`predict`.
            quality: as for :meth:`colorize`.

        Returns:
            ab, (2, H, W) float32. A model that takes no hints is corrected towards them all the
            same.
        """
        views = self._views(L, size, quality)
        known = np.zeros((0, 4), np.float32) if spots is None else spots
        downs = [np.divide([*view.small.shape, 1, 1], [*L.shape, 1, 1]) for view in views]
        chroma = self._chroma(views, [known * down.astype(np.float32) for down in downs], vivid)
        return chroma.rows(0, L.shape[0], L)

    # --- from photo to photo ------------------------------------------------------------------

    def render(
        self,
        photo: Photo,
        *,
        size: int | None = None,
        strength: float = 1.0,
        vivid: float | None = None,
        hints: Hints = (),
        quality: Quality = "fast",
    ) -> Photo:
        """A photo in colour, its lightness kept; the options are those of :meth:`colorize`."""
        _check_range("strength", strength, 0, MAX_STRENGTH)
        self._sizes(size, quality)
        self.model.numbers(vivid=vivid)  # so that an option is refused whatever the strength
        depth = photo.pixels.dtype.type
        if strength == 0 and photo.pixels.ndim == 2:
            return replace(photo, pixels=np.repeat(photo.pixels[..., None], 3, axis=2))
        if strength == 0:
            return replace(photo, pixels=chroma_upsampling.grey(photo.lightness(), depth))
        views = self._views(photo, size, quality)
        chroma = self._chroma(views, [view.spots(hints) for view in views], vivid)
        rgb = chroma_upsampling.recombine(photo.lightness, chroma, strength=strength, dtype=depth)
        return replace(photo, pixels=rgb)

    def colorize(
        self,
        photo: Source,
        *,
        size: int | None = None,
        strength: float = 1.0,
        vivid: float | None = None,
        hints: Hints = (),
        reference: Source | None = None,
        quality: Quality = "fast",
        output: str | os.PathLike[str] | None = None,
        force: bool = False,
        strip: bool = False,
        mark: bool = True,
    ) -> Any:
        """Colour a photograph; what comes back is of the kind that went in.

        Args:
            photo: a path; the bytes of a file, or one that is open in binary mode; a PIL image; or
                an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), uint8, uint16, or
                floating-point in 0..1. Of a photo that is in colour already, the lightness is kept
                and the colour replaced. Every page of a TIFF is coloured; of an animation, the
                first picture.
            size: short side in pixels at which the network sees the photo, 32..2048.
                By default what the model likes best.
            strength: how much of the colour, 0..1.5: 0 is grey, 1 is what the network says.
            vivid: for models that have it.
            hints: colours at points of the photo, or the path of a hint file; where the reference
                shows another colour at such a point, it stands back.
            reference: a colour photo; what is seen in both takes its colour, and if nothing is
                (:meth:`borrow` tells), the photo is coloured without it.
            quality: "fast", or "best" for the mean of six looks at the photo, which take six times
                as long: as it is and mirrored, at three sizes.
            output: for a path: the file to write, by default ``<stem>.color.<suffix>`` beside it;
                folders that are missing are made.
            force: for a path: replace the output if it exists.
            strip: leave out what the file says of the photo, such as who is on it and where it
                was taken; orientation and colour profile are applied all the same.
            mark: note in the result's metadata that it was colorized, and by which model.

        Returns:
            For a path, the path that was written; for bytes or an open file, the bytes of a file
            in the same format; for a PIL image, an image; for an array, (H, W, 3) of the same
            dtype, or (H, W, 4) with alpha.

        Raises:
            BadPhoto: the photo cannot be read.
            BadOption: an option is out of range, or does not go with this photo or model.
            CannotWrite: the result exists already, or cannot be written.

        Warns:
            PhotoWarning: something beside the picture was damaged or has no place in the result,
                and was left out.
        """
        photo = photos.contents(photo)
        target, kind, notes = Path(), None, dict[str, None]()
        if isinstance(photo, (str, os.PathLike)):
            target = photos.default_output(photo) if output is None else Path(output)
            kind = photos.check_target(target, Path(photo), force=force)  # before the work
            if isinstance(reference, (str, os.PathLike)):
                photos.check_target(target, Path(reference), force=force)
        elif output is not None or force:
            raise BadOption("output and force go with a path: save the result that is returned.")
        pages = photos.pages(photo)
        first = next(pages)
        if hints and first.paged:
            raise BadOption(f"Hints are for one page, and there are {first.pictures}: split them.")
        guide = None if reference is None else _opened(reference)
        if isinstance(photo, (str, os.PathLike)):
            make_room(target)

        def colour(page: Photo) -> Photo:
            given = _listed(hints, page.pixels.shape)
            if guide is not None:
                given = hint_files.join(given, self.borrow(page, guide))
            done = self.render(
                page, size=size, strength=strength, vivid=vivid, hints=given, quality=quality
            )
            done = self.finish(done, strip=strip, mark=mark and strength > 0)
            fit = done if kind is None else photos.fitted(done, kind)
            notes.update(dict.fromkeys(fit.notes))
            return fit

        coloured = map(colour, itertools.chain([first], pages))
        if isinstance(photo, (str, os.PathLike)):
            result: Any = photos.write(coloured, target, force=force)
        elif isinstance(photo, bytes):
            kind = photos.usual(first.format)
            result = photos.encode(coloured, kind)
        elif isinstance(photo, Image.Image):
            result = photos.to_image(next(coloured))
        else:
            result = photos.to_array(next(coloured), photo.dtype)
        for note in notes:
            said = shown(f"{first.source or 'The photo'}: {note}")
            warnings.warn(said, PhotoWarning, stacklevel=2)
        return result

    # --- what else the distribution tells -----------------------------------------------------

    def palette(
        self,
        photo: Source | Photo,
        x: float,
        y: float,
        *,
        hints: Hints = (),
        most: int = 9,
        size: int | None = None,
    ) -> tuple[Swatch, ...]:
        """The likeliest distinct colours at a point, the likeliest first.

        Args:
            photo: as for :meth:`colorize`, or an opened one.
            x: pixels from the left.
            y: pixels from the top.
            hints: that are given already.
            most: how many colours.
            size: as for :meth:`colorize`.

        Raises:
            BadOption: the point lies outside, or the model tells no distribution.
        """
        _check_range("most", most, 1, 64)
        centres = self.model.centres()
        view = self._view(_opened(photo), size)
        here = view.spots([Hint(x, y, (0.0, 0.0))])
        logits = self._logits(view.small, [view.spots(hints)])
        row, column = _cell(here, view.small, logits)
        p = color_distribution.probabilities(logits)[0, :, row, column]
        (L,) = view.small[tuple(hint_files.pixel(here, view.small.shape).T)]
        ab, shares = color_distribution.distinct(p, centres, most)
        lab = color.fit_gamut(np.column_stack([np.full(len(ab), L), ab]).astype(np.float32), axis=1)
        rgb = np.rint(np.clip(color.lab_to_rgb(lab, axis=1), 0, 1) * 255).astype(int)
        return tuple(
            Swatch("#{:02x}{:02x}{:02x}".format(*c), (float(a), float(b)), float(share))
            for c, (_, a, b), share in zip(rgb, lab, shares, strict=True)
        )

    def versions(
        self,
        photo: Source | Photo,
        k: int,
        seed: int = 0,
        *,
        hints: Hints = (),
        size: int | None = None,
    ) -> list[tuple[Hint, ...]]:
        """K coherent versions of a photo, each a set of hints to be coloured with.

        For each, colours are drawn one after another from the network's distribution, where it is
        most unsure, each as a hint for the next.

        Args:
            photo: as for :meth:`palette`.
            k: how many.
            seed: the same gives the same; 0 or more.
            hints: that all of them begin with.
            size: as for :meth:`colorize`.
        """
        _check_range("k", k, 1, SAMPLES)
        _check_range("seed", seed, 0, 2**32 - 1)
        centres = self.model.centres()
        view = self._view(_opened(photo), size)
        given = _listed(hints, view.size)
        versions = [given] * k
        dice = [np.random.default_rng([seed, i]) for i in range(k)]
        for step in range(_ANCHORS):
            # Before the first draw all are one.
            spots = [view.spots(version) for version in (versions if step else versions[:1])]
            p = color_distribution.probabilities(self._logits(view.small, spots))
            cells = p.shape[2:]
            for i, version in enumerate(versions):
                taken = np.array([_cell(s[None], view.small, p) for s in view.spots(version)])
                mine = p[i if step else 0]
                apart = _APART * min(cells)
                row, column, ab = color_distribution.draw(mine, centres, taken, apart, dice[i])
                versions[i] = hint_files.join(version, [view.hint(row, column, ab, cells)])
        return versions

    def samples(
        self,
        photo: Source,
        k: int,
        seed: int = 0,
        *,
        hints: Hints = (),
        size: int | None = None,
        strength: float = 1.0,
        vivid: float | None = None,
        quality: Quality = "fast",
    ) -> list[Any]:
        """K coherent versions of a photo, coloured; for a path, PIL images.

        The options are those of :meth:`versions` and :meth:`colorize`.
        """
        photo = photos.contents(photo)
        opened = photos.read(photo)
        if isinstance(photo, (str, os.PathLike)):
            photo = photos.to_image(opened)
        look = partial(self.colorize, photo, size=size, strength=strength, vivid=vivid)
        return [
            look(hints=version, quality=quality)
            for version in self.versions(opened, k, seed, hints=hints, size=size)
        ]

    def uncertainty(
        self, photo: Source | Photo, *, hints: Hints = (), size: int | None = None
    ) -> Array:
        """Where the network guesses: entropy of its distribution in bits, (H, W) float32."""
        self.model.centres()  # or there is no distribution
        view = self._view(_opened(photo), size)
        logits = self._logits(view.small, [view.spots(hints)])
        bits = color_distribution.entropy(color_distribution.probabilities(logits))[0]
        full = cv2.resize(bits, view.size[::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(full, np.float32)

    def borrow(self, photo: Source | Photo, reference: Source | Photo) -> tuple[Hint, ...]:
        """Hints for a photo from a reference in colour: where the same thing is seen in both.

        Both are looked at in the size the model likes best, as every place of one is held against
        every place of the other.

        Raises:
            BadOption: the reference has no colour, or the model tells no features.
        """
        source = _opened(reference)
        if source.pixels.ndim == 2:
            raise BadOption("The reference has no colour: give a photo that has.")
        mine, theirs = self._view(_opened(photo), None), self._view(source, None)
        (features,), (others,) = (
            self.model.run(v.small[None, None], None, ["features"])[0] for v in (mine, theirs)
        )
        here, there, _ = match(features, others)
        cells = others.shape[1:]
        rgb = cv2.resize(source.pixels, cells[::-1], interpolation=cv2.INTER_AREA)
        top = np.float32(np.iinfo(source.pixels.dtype).max)
        ab = color.rgb_to_lab(rgb.astype(np.float32) / top, axis=-1)[..., 1:]
        return tuple(
            mine.hint(row, column, ab[tuple(other)], features.shape[1:])
            for (row, column), other in zip(here, there, strict=True)
        )

    # --- inside -------------------------------------------------------------------------------

    def _chroma(
        self, views: Sequence[_View], spots: Sequence[Array], vivid: float | None
    ) -> chroma_upsampling.Chroma:
        """The colours of a photo, for its full size.

        Args:
            views: of it; the first is the one at which hints are met.
            spots: what is known, on each of them.
            vivid: as for :meth:`colorize`.
        """
        L, here = views[0].small, spots[0]
        more = ["logits"] if len(here) and self.model.has_distribution else []
        ab, *logits = self._ab(L, self._planes(L, [here]), vivid, more)
        unsure = None
        if logits:
            every = 2 if logits[0][0, 0].size > _ENOUGH else 1
            p = color_distribution.probabilities(logits[0][..., ::every, ::every])
            unsure = color_distribution.spread(p, self.model.centres())[0]
        if len(views) > 1:
            ab = self._averaged(ab, views, spots, vivid)
        return chroma_upsampling.fit(honour(ab, L, here, unsure), L, views[0].size)

    def _averaged(
        self, first: Array, views: Sequence[_View], spots: Sequence[Array], vivid: float | None
    ) -> Array:
        """The mean answer to a photo's views and their mirror images; the first view's is known."""
        answers = [first]
        for view, some in zip(views, spots, strict=True):
            L, planes = view.small, self._planes(view.small, [some])
            mirrored = None if planes is None else planes[..., ::-1]
            answers.append(
                np.ascontiguousarray(self._ab(L[:, ::-1], mirrored, vivid)[0][..., ::-1])
            )
            if view is not views[0]:
                answers += self._ab(L, planes, vivid)
        return averaging.mean(answers, like=answers[:2])

    def _ab(
        self, L: Array, planes: Array | None, vivid: float | None, more: Sequence[str] = ()
    ) -> list[Array]:
        """The network's ab (2, h, w) for L (h, w), and other outputs of it."""
        plain = "coarse" not in self.model.outputs
        asked = ["ab" if plain else "coarse", *more]
        (ab,), *others = self.model.run(L[None, None], planes, asked, vivid=vivid)
        if not plain:
            ab = chroma_upsampling.refine(ab, self.model.pad(L[None, None])[0, 0])
            ab = ab[:, : L.shape[0], : L.shape[1]]
        return [np.clip(ab, -128, 127), *others]

    def _logits(self, L: Array, spots: Sequence[Array]) -> Array:
        """(N, Q, h, w) for N sets of spots on the same L."""
        lightness = np.broadcast_to(L, (len(spots), 1, *L.shape))
        (logits,) = self.model.run(lightness, self._planes(L, spots), ["logits"])
        return logits

    def _planes(self, L: Array, spots: Sequence[Array]) -> Array | None:
        if not self.model.takes_hints or not any(map(len, spots)):
            return None
        return np.stack([hint_files.planes(some, (L.shape[0], L.shape[1])) for some in spots])

    def _view(self, photo: Photo | Array, size: int | None) -> _View:
        """A photo, or its L (H, W)."""
        return self._views(photo, size, "fast")[0]

    def _views(self, photo: Photo | Array, size: int | None, quality: Quality) -> list[_View]:
        """A photo, or its L (H, W), at the size asked for and what else the quality takes."""
        lightness = photo.lightness if isinstance(photo, Photo) else photo.__getitem__
        height, width = (photo.pixels if isinstance(photo, Photo) else photo).shape[:2]
        return [
            _View((height, width), chroma_upsampling.shrink(lightness, (height, width), seen))
            for short in self._sizes(size, quality)
            for seen in (_network_size(height, width, short),)
        ]

    def _sizes(self, size: int | None, quality: Quality) -> list[int]:
        """Short sides for the network, the one that is asked for first."""
        if size is not None:
            _check_range("size", size, *SIZES)
        return averaging.sizes(size or self.model.size, quality)


@dataclass(frozen=True, eq=False)
class _View:
    """A photo as the network sees it."""

    size: tuple[int, int]
    """Height and width of the photo."""
    small: Array
    """L, (h, w)."""

    def spots(self, hints: Hints) -> Array:
        small = (self.small.shape[0], self.small.shape[1])
        return hint_files.spots(_listed(hints, self.size), self.size, small)

    def hint(self, row: int, column: int, ab: Array, cells: Sequence[int]) -> Hint:
        """A hint on the photo, in the middle of one of ``cells`` rows and columns."""
        height, width = self.size
        y, x = (row + 0.5) * height / cells[0], (column + 0.5) * width / cells[1]
        return Hint(round(x, 2), round(y, 2), (round(float(ab[0]), 2), round(float(ab[1]), 2)))


def colorize(photo: Source, **options: Any) -> Any:
    """:meth:`Colorizer.colorize` by the default model, which is loaded once."""
    return _default().colorize(photo, **options)


@cache
def _default() -> Colorizer:
    return Colorizer()


def _opened(photo: Source | Photo) -> Photo:
    return photo if isinstance(photo, Photo) else photos.read(photo)


def _listed(hints: Hints, size: Sequence[int]) -> tuple[Hint, ...]:
    """The hints, read from their file if that is what they are, for a photo of height and width."""
    if isinstance(hints, (str, os.PathLike)):
        return hint_files.read(hints, (size[1], size[0]))
    hint_files.check(listed := tuple(hints))
    return listed


def _cell(spot: Array, small: Array, answer: Array) -> tuple[int, int]:
    """The cell of an answer ``(N, Q, h, w)`` in which a spot on ``small`` lies."""
    cells = answer.shape[2:]
    scaled = spot[:, :2] * (np.array(cells) / small.shape)
    row, column = hint_files.pixel(scaled, (cells[0], cells[1]))[0]
    return int(row), int(column)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise BadOption(f"{name} is {value}: give a number from {low} to {high}.")


def _network_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The height and width at which the network sees a photo.

    A small photo is enlarged: at 64 pixels, where nothing is as large as in training, hintnet is
    9 dB worse than at its own size.
    """
    short, long = sorted((height, width))
    scale = min(size / short, _LONGEST * size / long)
    return max(1, round(height * scale)), max(1, round(width * scale))
