"""The JSON of requests and answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from photochrom.errors import BadOption
from photochrom.inference import hints as hint_files
from photochrom.inference.hints import Hint, HintSet
from photochrom.inference.options import ColorizeOptions, Quality

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Side = Annotated[float, Field(ge=1, le=1e6)]
Unit = Annotated[float, Field(ge=-128, le=127)]


class Shape(BaseModel):
    """What all have in common: no NaN, and nothing that is not known."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")


class Spot(Shape):
    """A hint: a colour at a point of the photo."""

    x: Coordinate = Field(description="pixels of the full photo from the left")
    y: Coordinate = Field(description="pixels from the top")
    color: Annotated[str, Field(max_length=40)] | tuple[Unit, Unit] = Field(
        description='"#7a8b4f", a CSS name, or a and b of CIE Lab', examples=["#7a8b4f"]
    )

    @classmethod
    def of(cls, hint: Hint) -> Spot:
        """A hint as JSON."""
        return cls(x=hint.x, y=hint.y, color=hint.color)


Spots = Annotated[list[Spot], Field(max_length=hint_files.MOST), FailFast()]


def hints(spots: list[Spot]) -> list[Hint]:
    """What the engine takes; for a thread, as a thousand colours keep others waiting.

    Raises:
        BadOption: a colour is none.
    """
    return [Hint(spot.x, spot.y, spot.color) for spot in spots]


class HintFile(BaseModel):
    """Hints, and the size of the photo they were made on if it is not this one's."""

    size: tuple[Side, Side] | None = None
    hints: Spots

    @classmethod
    def of(cls, text: str) -> HintFile:
        """From JSON: a list of hints, or what a hint file holds.

        Raises:
            BadOption: it is neither.
        """
        try:
            told = json.loads(text or "[]")
            file = cls.model_validate({"hints": told} if isinstance(told, list) else told)
            hints(file.hints)  # is each a colour?
        except (ValidationError, ValueError, RecursionError) as error:
            raise BadOption(
                'The hints cannot be read: give [{"x": 640, "y": 210, "color": "#7a8b4f"}, ...].'
            ) from error
        return file

    def parsed(self) -> HintSet:
        """The hints as the engine takes them; for a thread, as of :func:`hints`."""
        return HintSet(tuple(hints(self.hints)), self.size)


class Question(Shape):
    """What is known of a photo so far."""

    hints: Spots = Field(default=[], description="colours at points")


class Look(Question):
    """How a photo is to be coloured."""

    vivid: Annotated[float, Field(ge=0, le=1)] | None = None
    strength: Annotated[float, Field(ge=0, le=1.5)] = 1.0
    size: Annotated[int, Field(ge=32, le=512)] | None = Field(
        default=None, description="short side at which the network looks, pixels"
    )
    model: Annotated[str, Field(max_length=100)] | None = None

    def options(self) -> ColorizeOptions:
        """The same for the engine; for a thread, as of :func:`hints`."""
        return ColorizeOptions(
            size=self.size, strength=self.strength, vivid=self.vivid, hints=hints(self.hints)
        )


class Wish(Look):
    """A look, as a preview or in full."""

    side: Annotated[int, Field(ge=16, le=1280)] | None = Field(
        default=None,
        description="long side of the answer, pixels; such a request supersedes none",
    )
    full: bool = Field(default=False, description="the whole photo, in its own format")
    strip: bool = Field(default=False, description="leave out what the file says of the photo")
    mark: bool = Field(default=True, description="note that it was colorized")
    quality: Quality = Field(
        default="fast", description="best: of a whole photo, the mean of six looks at it"
    )

    def options(self) -> ColorizeOptions:
        """The same for the engine; a photo that is kept is coloured whatever it is."""
        return replace(
            super().options(),
            quality=self.quality,
            strip=self.strip,
            mark=self.mark,
            recolor=True,
        )


class Point(Question):
    """A place whose colours are asked for."""

    x: Coordinate
    y: Coordinate
    most: Annotated[int, Field(ge=1, le=64)] = 9


class Drawing(Question):
    """Other versions that are asked for."""

    k: Annotated[int, Field(ge=1, le=16)] = 4
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


class Problem(BaseModel):
    """No result."""

    detail: str = Field(description="one sentence for the user")
    code: str = Field(description="one word for programs")


class Health(BaseModel):
    """How the server does."""

    status: Literal["ok"]
    version: str
    working: int
    waiting: int


class ModelFacts(BaseModel):
    """A model, and what it can do."""

    name: str
    version: str
    default: bool
    hints: bool
    distribution: bool
    size: int
    vivid: float | None


class Models(BaseModel):
    """The models there are."""

    models: list[ModelFacts]


class Sample(BaseModel):
    """A photograph that comes with the page."""

    name: str


class Samples(BaseModel):
    """Photographs to try it with."""

    photos: list[Sample]


class Extent(BaseModel):
    """A size in pixels."""

    width: int
    height: int


class Facts(BaseModel):
    """A photo that is kept."""

    id: str
    name: str
    width: int
    height: int
    pages: int
    tone: Literal["grey", "toned", "colour"]
    preview: Extent
    expires_in: int
    notes: list[str] = Field(description="what of it could not be read, beside the picture")


class Swatch(BaseModel):
    """A colour that a point may have."""

    color: str
    ab: tuple[float, float]
    probability: float


class Palette(BaseModel):
    """The likeliest colours at a point, the likeliest first."""

    lightness: float
    colors: list[Swatch]


class Version(BaseModel):
    """One way it may have been."""

    hints: list[Spot]


class Versions(BaseModel):
    """Coherent versions of a photo, each as hints."""

    versions: list[Version]
