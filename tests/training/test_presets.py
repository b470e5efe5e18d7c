"""Settings of an experiment and of a training that are out of range."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from photochrom.errors import BadOption
from photochrom.training.presets import PRESETS, TrainOptions

experiment = partial(type(PRESETS["cnn-rgb"][1]), "cnn-rgb")
training = partial(TrainOptions, data=[], out=Path("x"))
NAN = float("nan")


@pytest.mark.parametrize(
    ("settings", "name", "value", "words"),
    [
        (experiment, "batch", 0, "give 1 or more"), (experiment, "zoom", 0.0, "above 0, up to 1"),
        (experiment, "ema", 1.0, "below 1"), (experiment, "lr", NAN, "above 0"),
        (experiment, "smallest", 16, "from 32 to --size (96)"),
        (experiment, "validation", 1.0, "between 0 and 1"),
        (training, "minutes", 0, "a number above 0"), (training, "accumulate", 0, "1 or more"),
        (training, "readers", -1, "1 or more"), (training, "save_every", NAN, "or more"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_told_the_range(settings, name, value, words):
    with pytest.raises(BadOption) as raised:
        settings(**{name: value})
    assert f"--{name.replace('_', '-')} {value} is out of range: give " in str(raised.value)
    assert words in str(raised.value)
