"""A network's colours for a photo: seen at the sizes it likes, with what is known at some spots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from photochrom.color import Array
from photochrom.image.photo import Photo
from photochrom.inference import averaging, chroma_upsampling, color_distribution
from photochrom.inference import hints as hint_files
from photochrom.inference.chroma_steps import round_ab
from photochrom.inference.chroma_upsampling import ChromaLines, fit_lines
from photochrom.inference.hint_propagation import propagate_hints
from photochrom.inference.hints import Hint
from photochrom.inference.onnx_model import Model
from photochrom.inference.options import ColorizeOptions, Hints, Quality
from photochrom.inference.spots import to_planes, to_spots

_LONGEST = 4
"""The long side for the network, in short sides: a wider panorama is seen smaller."""
_ENOUGH = 1024
"""Cells that tell well enough how unsure the network is where; more only take time."""
_PHOTOS, _SMALL = 32, 2**18
"""Photos whose answers without hints are remembered, and pixels of those: a few megabytes each."""
_DRAWN = 8
"""Sets of hints on them whose colours are remembered."""


@dataclass(frozen=True, eq=False)
class View:
    """A photo as the network sees it."""

    size: tuple[int, int]
    """Height and width of the photo."""
    small: Array
    """L, (h, w)."""

    def spots(self, hints: Hints) -> Array:
        """Where hints lie on it, (n, 5) float32: y, x, a, b, reach."""
        height, width = self.size
        known = hint_files.resolve_hints(hints, (width, height))
        return to_spots(known, self.size, (self.small.shape[0], self.small.shape[1]))

    def hint(self, row: int, column: int, ab: Array, cells: Sequence[int]) -> Hint:
        """A hint on the photo, in the middle of one of ``cells`` rows and columns."""
        height, width = self.size
        y, x = (row + 0.5) * height / cells[0], (column + 0.5) * width / cells[1]
        return Hint(round(x, 2), round(y, 2), (round(float(ab[0]), 2), round(float(ab[1]), 2)))


class Look(NamedTuple):
    """A network's answer without hints."""

    ab: Array
    """(2, h, w)."""
    unsure: Array | None
    """How far off it may be, standard deviation in ab; of any size."""
    features: Array | None
    """(F, h', w'), what is where."""


class _Asked:
    """What the network is asked about one view; two are equal if they ask the same."""

    def __init__(self, L: Array, spots: Array) -> None:
        self.L, self.spots = L, spots
        self.size = L.shape[0], L.shape[1]
        self._key = self.size, L.tobytes(), len(spots), spots.tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Asked) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model's answers to views of a photo."""

    model: Model

    def lines(
        self, views: Sequence[View], spots: Sequence[Array], vivid: float | None
    ) -> ChromaLines:
        """The colours of a photo, which its full size takes by :meth:`.ChromaLines.widen`.

        They are rounded to steps that a file can keep, whether one does or not, so that what is
        coloured from a file comes out the same.

        Args:
            views: of it; the first is the one at which hints are met.
            spots: what is known, on each of them.
            vivid: as in :class:`.ColorizeOptions`.
        """
        L = views[0].small
        if L.size > _SMALL or len(views) > 1:
            remember = L.size <= _SMALL
            return fit_lines(round_ab(self._meet(views, spots, vivid, remember=remember)), L)
        return self._drawn(_Asked(L, spots[0]), vivid)

    @cached_property
    def _drawn(self) -> Callable[[_Asked, float | None], ChromaLines]:
        """The lines of a photo's only view: who has seen it in colour asks for a palette next, and
        for its picture.
        """

        def draw(asked: _Asked, vivid: float | None) -> ChromaLines:
            views = [View(asked.size, asked.L)]
            ab = self._meet(views, [asked.spots], vivid, remember=True)
            return fit_lines(round_ab(ab), asked.L)

        return lru_cache(_DRAWN)(draw)

    @cached_property
    def _told(self) -> Callable[[_Asked, float | None], Array]:
        """The network's ab with some hints: of a few that are changed one by one, the others are
        asked for again.
        """

        def tell(asked: _Asked, vivid: float | None) -> Array:
            return self._averaged([View(asked.size, asked.L)], [asked.spots], vivid)

        return lru_cache(_DRAWN)(tell)

    def forget(self) -> None:
        """Forget all photos that it has seen."""
        for known in ("_drawn", "_told", "_remembered"):
            self.__dict__.pop(known, None)

    def colors(self, L: Array, spots: Array, vivid: float | None = None) -> Array:
        """The colours of one of many pictures that are not seen again, such as a film's.

        Args:
            L: (h, w) float32, as the network sees it.
            spots: (n, 5), what is known on it.
            vivid: as in :class:`.ColorizeOptions`.

        Returns:
            ab, (2, h, w) float32, as the network and the spots have it.
        """
        view = View((L.shape[0], L.shape[1]), L)
        return self._meet([view], [spots], vivid, remember=False)

    def _meet(
        self,
        views: Sequence[View],
        spots: Sequence[Array],
        vivid: float | None,
        *,
        remember: bool,
    ) -> Array:
        """The answer brought to the spots; what it is made of is remembered if that is wanted."""
        L, here = views[0].small, spots[0]
        look = self._remembered if remember else self._look
        if not len(here):
            return self._averaged(views, spots, vivid)
        first, unsure, features = look(L.tobytes(), L.shape, vivid)
        plain = self._averaged(views, [here[:0]] * len(views), vivid, first)

        def ask(chosen: Array) -> Array:
            if remember and len(views) == 1:
                return self._told(_Asked(L, here[chosen]), vivid)
            return self._averaged(views, [some[chosen] for some in spots], vivid)

        followed = ask if self.model.takes_hints else None
        return propagate_hints(plain, L, here, unsure, features, followed)

    @cached_property
    def _remembered(self) -> Callable[..., Look]:
        """As :meth:`_look`: one hint after another is put on the same few photos."""
        return lru_cache(_PHOTOS)(self._look)

    def _look(self, content: bytes, size: tuple[int, int], vivid: float | None) -> Look:
        """What hints are brought to, for L float32 that is laid out like that."""
        told = {"logits": self.model.has_distribution, "features": "features" in self.model.outputs}
        more = [name for name, there in told.items() if there]
        ab, *others = self._ab(np.frombuffer(content, np.float32).reshape(size), None, vivid, more)
        known = dict(zip(more, others, strict=True))
        unsure = features = None
        if "logits" in known:
            every = 2 if known["logits"][0, 0].size > _ENOUGH else 1
            p = color_distribution.softmax(known["logits"][..., ::every, ::every])
            unsure = color_distribution.spread(p, self.model.centres())[0]
        if "features" in known:
            features = known["features"][0]
        return Look(ab, unsure, features)

    def _averaged(
        self,
        views: Sequence[View],
        spots: Sequence[Array],
        vivid: float | None,
        first: Array | None = None,
    ) -> Array:
        """The answer to the only view of a photo, or the mean one to several and their mirror
        images; ``first`` is that to the first view, if it is known.
        """
        answers = [] if first is None else [first]
        for view, some in zip(views, spots, strict=True):
            L, planes = view.small, self._planes(view.small, [some])
            if view is not views[0] or first is None:
                answers += self._ab(L, planes, vivid)
            if len(views) > 1:
                mirrored = None if planes is None else planes[..., ::-1]
                there = self._ab(L[:, ::-1], mirrored, vivid)[0]
                answers.append(np.ascontiguousarray(there[..., ::-1]))
        return averaging.average(answers, like=answers[:2]) if len(views) > 1 else answers[0]

    def _ab(
        self, L: Array, planes: Array | None, vivid: float | None, more: Sequence[str] = ()
    ) -> list[Array]:
        """The network's ab (2, h, w) for L (h, w), and other outputs of it."""
        plain = "coarse" not in self.model.outputs
        outputs = ["ab" if plain else "coarse", *more]
        (ab,), *others = self.model.run(L[None, None], planes, outputs, vivid=vivid)
        if not plain:
            ab = chroma_upsampling.refine(ab, self.model.pad(L[None, None])[0, 0])
            ab = ab[:, : L.shape[0], : L.shape[1]]
        return [np.clip(ab, -128, 127), *others]

    def logits(self, L: Array, spots: Sequence[Array]) -> Array:
        """(N, Q, h, w) for N sets of spots on the same L."""
        lightness = np.broadcast_to(L, (len(spots), 1, *L.shape))
        (logits,) = self.model.run(lightness, self._planes(L, spots), ["logits"])
        return logits

    def features(self, L: Array) -> Array:
        """What is where in L (h, w), (F, h', w'); of a model that does not tell it, F is 0."""
        if "features" not in self.model.outputs:
            return np.zeros((0, 1, 1), np.float32)
        (features,) = self.model.run(L[None, None], None, ["features"])
        return np.asarray(features[0])

    def _planes(self, L: Array, spots: Sequence[Array]) -> Array | None:
        if not self.model.takes_hints or not any(map(len, spots)):
            return None
        return np.stack([to_planes(some, (L.shape[0], L.shape[1])) for some in spots])

    def views(self, photo: Photo | Array, size: int | None, quality: Quality) -> list[View]:
        """A photo, or its L (H, W), at the size asked for and what else the quality takes.

        Raises:
            BadOption: the size is out of range, or there is no such quality.
        """
        ColorizeOptions(size=size, quality=quality)
        lightness = photo.lightness if isinstance(photo, Photo) else photo.__getitem__
        height, width = (photo.pixels if isinstance(photo, Photo) else photo).shape[:2]
        return [
            View((height, width), chroma_upsampling.shrink(lightness, (height, width), seen))
            for short in averaging.sizes(size or self.model.size, quality)
            for seen in (network_size(height, width, short),)
        ]


def network_size(height: int, width: int, size: int) -> tuple[int, int]:
    """The height and width at which the network sees a photo.

    A small photo is enlarged: at 64 pixels, where nothing is as large as in training, hintnet is
    9 dB worse than at its own size.
    """
    short, long = sorted((height, width))
    scale = min(size / short, _LONGEST * size / long)
    return max(1, round(height * scale)), max(1, round(width * scale))
