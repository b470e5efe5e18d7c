"""Toys that colour."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import Mock

import pytest

from photochrom.inference.colorizer import Colorizer

MakeToy = Callable[..., Colorizer]


@pytest.fixture
def make_toy(make_model) -> MakeToy:
    """Colorizers of the models that ``make_model`` makes."""
    return lambda *name, **given: Colorizer(make_model(*name, **given))


@pytest.fixture
def spy_on() -> Callable[[Colorizer], list]:
    """Lists, for each run of a colorizer's network, the outputs asked for and the inputs."""

    def spy_on(colorizer: Colorizer) -> list:
        colorizer.model._session = Mock(wraps=colorizer.model._session)
        return colorizer.model._session.run.call_args_list

    return spy_on


@pytest.fixture(params=[0.1, 0], ids=["takes hints", "takes none"])
def painter(make_toy: MakeToy, request) -> Colorizer:
    """Made to tell everything, with hints for an input or without."""
    return make_toy(hints=request.param, tells=("logits", "features"))
