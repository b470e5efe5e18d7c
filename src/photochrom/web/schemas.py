"""The JSON and forms of requests, and the JSON of answers."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Literal

from fastapi import UploadFile
from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from photochrom.errors import BadOption
from photochrom.image import caption as captions
from photochrom.inference.hints import MOST, Hint, HintSet, Reach, to_hint_set
from photochrom.inference.options import MAX_STRENGTH, ColorizeOptions, Hints, Quality
from photochrom.inference.resemblance import Place
from photochrom.web.engine import ModelSummary

Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
FileFormat = Literal["JPEG", "PNG"]
"""That every program opens, by Pillow's names."""
Unit = Annotated[float, Field(ge=-128, le=127)]
MOST_PIXELS = 1_000_000
"""Along a side of a photo: files hold fewer."""
Side = Annotated[float, Field(gt=0, lt=1e6)]
HINT_BYTES = 200_000
"""Of the hints of a form: a thousand, which is all there may be, take half of it."""

# --- requests ---------------------------------------------------------------------------------


class Strict(BaseModel):
    """What all have in common: no NaN, and nothing that is not known."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")


class HintIn(Strict):
    """A colour at a point of the photo: what :func:`to_hint_set` takes, described."""

    x: Coordinate = Field(description="pixels of the full photo from the left")
    y: Coordinate = Field(description="pixels from the top")
    color: Annotated[str, Field(max_length=40)] | tuple[Unit, Unit] = Field(
        description='"#7a8b4f", a CSS name, or a and b of CIE Lab', examples=["#7a8b4f"]
    )
    reach: Reach = Field(default="normal", description="how far the colour goes beyond the point")


HintList = Annotated[list[HintIn], Field(max_length=MOST)]


class HintFileIn(Strict):
    """Hints, as a file has them."""

    hints: HintList
    size: tuple[Side, Side] | None = Field(
        default=None, description="width and height of the photo that they were made on"
    )


class HintsRequest(Strict):
    """What is known of a photo so far."""

    hints: SkipValidation[HintList | HintFileIn] = Field(
        default=[], description="colours at points"
    )

    def parse_hints(self) -> HintSet:
        """The hints, held against the rule that all keep to.

        It is for a thread, as a thousand colours keep others waiting.

        Raises:
            BadOption: they are none.
        """
        return to_hint_set(self.hints)


class ColorizeFields(Strict):
    """Those fields of :class:`ColorizeOptions` that forms and JSON share, and the model."""

    vivid: Annotated[float, Field(ge=0, le=1)] | None = None
    strength: Annotated[float, Field(ge=0, le=MAX_STRENGTH)] = 1.0
    size: Annotated[int, Field(ge=32, le=512)] | None = Field(
        default=None, description="short side at which the network looks, pixels"
    )
    model: Annotated[str, Field(max_length=100)] | None = None
    strip: bool = Field(default=False, description="leave out what the file says of the photo")
    mark: bool = Field(default=True, description="note that it was colorized")
    quality: Quality = Field(
        default="fast", description="best: of a whole photo, the mean of six looks at it"
    )
    caption: Annotated[str, Field(min_length=1, max_length=captions.MOST)] | None = Field(
        default=None, description="a line that a whole photo shows"
    )
    caption_place: captions.Place = Field(
        default="below", description="in a strip below the picture, or over its lower corner"
    )

    def options(self, hints: Hints, *, recolor: bool) -> ColorizeOptions:
        """The same for the engine."""
        shared = {
            field.name for field in fields(ColorizeOptions)
        } & ColorizeFields.model_fields.keys()
        look = self.model_dump(include=shared)
        return ColorizeOptions(hints=hints, recolor=recolor, **look)


class ColorizeRequest(ColorizeFields, HintsRequest):
    """How a photo that is kept is to be coloured, as a preview or in full."""

    side: Annotated[int, Field(ge=16, le=1280)] | None = Field(
        default=None,
        description="long side of the answer, pixels; such a request supersedes none",
    )
    full: bool = Field(default=False, description="the whole photo, with its metadata")
    format: FileFormat | None = Field(
        default=None, description="of the whole photo; by default the one it came in"
    )


class ChromaRequest(HintsRequest):
    """What the colours of a photo that is kept depend on, before they are painted."""

    vivid: Annotated[float, Field(ge=0, le=1)] | None = None
    size: Annotated[int, Field(ge=32, le=512)] | None = Field(
        default=None, description="short side at which the network looks, pixels"
    )
    model: Annotated[str, Field(max_length=100)] | None = None

    def options(self, hints: Hints) -> ColorizeOptions:
        """The same for the engine."""
        return ColorizeOptions(hints=hints, vivid=self.vivid, size=self.size, recolor=True)


class TileQuery(Strict):
    """A part of a photo, in pixels of the full photo."""

    x: Annotated[int, Field(ge=0, le=MOST_PIXELS)]
    y: Annotated[int, Field(ge=0, le=MOST_PIXELS)]
    width: Annotated[int, Field(ge=1, le=MOST_PIXELS)]
    height: Annotated[int, Field(ge=1, le=MOST_PIXELS)]
    shrink: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="pixels of the photo, across and down, that become one of the tile"
    )


class ColorizeForm(ColorizeFields):
    """A photo, and how it is to be coloured."""

    model_config = ConfigDict(extra="ignore")

    photo: UploadFile = Field(description="what it is, is found by reading it")
    hints: Annotated[str, Field(max_length=HINT_BYTES)] = Field(
        default="", description="JSON: hints, or a hint file"
    )
    recolor: bool = False

    def parse_hints(self) -> HintSet:
        """The hints; for a thread, as those of :class:`HintsRequest`.

        Raises:
            BadOption: they are none.
        """
        try:
            content = json.loads(self.hints or "[]")
        except (ValueError, RecursionError) as error:
            raise BadOption(
                f"The hints cannot be read as JSON ({error}): write them as "
                '[{"x": 640, "y": 210, "color": "#7a8b4f"}].'
            ) from error
        return to_hint_set(content)


class PaletteRequest(HintsRequest):
    """A place whose colours are asked for."""

    x: Coordinate
    y: Coordinate
    most: Annotated[int, Field(ge=1, le=64)] = 9
    vivid: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="the dial, as for colouring"
    )


class UnsureRequest(HintsRequest):
    """Places that are asked for, with what is known so far."""

    most: Annotated[int, Field(ge=1, le=16)] = 5


class SamplesRequest(HintsRequest):
    """Other versions that are asked for."""

    k: Annotated[int, Field(ge=1, le=16)] = 4
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0


# --- answers ----------------------------------------------------------------------------------


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


class Models(BaseModel):
    """The models there are."""

    models: list[ModelSummary]


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


class PhotoFacts(BaseModel):
    """A photo that is kept."""

    id: str
    name: str
    width: int
    height: int
    pages: int
    format: str = Field(description="of its result unless another is asked for, such as JPEG")
    tone: Literal["grey", "toned", "colour"]
    preview: Extent
    expires_in: int
    notes: list[str] = Field(description="what of it could not be read, beside the picture")


class UnsurePlaces(BaseModel):
    """The places most worth checking, in pixels of the full photo; none if the model is sure."""

    places: list[Place]


class Version(BaseModel):
    """One way it may have been."""

    hints: list[Hint]


class Versions(BaseModel):
    """Coherent versions of a photo, each as hints."""

    versions: list[Version]
