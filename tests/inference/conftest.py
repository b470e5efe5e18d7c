"""Toys that colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from photochrom.inference.colorizer import Colorizer

MakeToy = Callable[..., Colorizer]


class Spy:
    """Stands for a session and keeps what it was given."""

    def __init__(self, session: Any) -> None:
        self.session, self.seen, self.asked = session, [], []

    def run(self, outputs, inputs):
        self.seen.append(inputs)
        self.asked.append(outputs)
        return self.session.run(outputs, inputs)


@pytest.fixture
def make_toy(make_model) -> MakeToy:
    """Colorizers of the models that ``make_model`` makes."""
    return lambda *name, **given: Colorizer(make_model(*name, **given))


@pytest.fixture
def spy_on() -> Callable[[Colorizer], Spy]:
    def spy_on(colorizer: Colorizer) -> Spy:
        colorizer.model._session = spy = Spy(colorizer.model._session)
        return spy

    return spy_on


@pytest.fixture(params=[0.1, 0], ids=["takes hints", "takes none"])
def painter(make_toy: MakeToy, request) -> Colorizer:
    """Made to tell everything, with hints for an input or without."""
    return make_toy(hints=request.param, tells=("logits", "features"))
