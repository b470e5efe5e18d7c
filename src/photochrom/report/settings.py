"""What runs were asked to do, in words, and where that is less than their model's preset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Settings = Mapping[str, Any]
"""An experiment's fields by name, as ``config.json`` has them."""

STUDY_PHOTOS = 5800
"""Training photos of the original study, the share that is held out for validation included."""
MIXED = ("cnn-rgb", "unet-rgb", "unet-lab")
"""The models whose loss is a mix that ``alpha`` weighs."""
CLASSIFIES = ("unet-bins", "hintnet")
"""The models that answer a distribution over colours."""
_CLOSE = 0.98
"""Of the epochs or photos that were meant: what a round number of steps may leave out."""


def describe_differences(
    ours: Settings, preset: Settings, photos: int | None, epochs: float | None
) -> str:
    """Such as "reduced: 64 px instead of 512, 1.3 of 15 epochs"; empty where nothing differs.

    Another mix of losses is not told: it is what an ablation is for.

    Args:
        ours: what the run was asked to do.
        preset: what its model's training is by rights.
        photos: how many it was trained on, where known.
        epochs: how many it made, where known.
    """
    told: list[str] = []
    less = False
    for key, show in _SHOWN.items():
        mine, theirs = ours.get(key, preset[key]), preset[key]
        if mine != theirs:
            told.append(f"{show(mine)} instead of {format_number(theirs)}")
            less |= key in ("size", "batch") and mine < theirs
    meant = STUDY_PHOTOS * (1 - ours.get("validation", preset["validation"]))
    for had, wanted, what in ((photos, meant, "photos"), (epochs, preset["epochs"], "epochs")):
        if had is not None and had < _CLOSE * wanted:
            told.append(f"{format_number(had)} of {format_number(round(wanted))} {what}")
            less = True
    if epochs is None:
        told.append("epochs unknown")
    if not told:
        return ""
    return f"{'reduced' if less else 'other settings'}: {', '.join(told)}"


_SHOWN: Mapping[str, Callable[[Any], str]] = {
    "size": lambda v: f"{format_number(v)} px",
    "batch": lambda v: f"batch {format_number(v)}",
    "lr": lambda v: f"learning rate {format_number(v)}",
    "optimizer": str,
}


def format_number(value: Any) -> str:
    """A number as one says it: 5,626 or 512 or 1.3."""
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}" if value >= 10 else f"{value:.2g}"


def describe_loss(model: str, settings: Settings) -> str:
    """Such as "0.7 MSE + 0.3 L1"; empty where it is not known."""
    if model in CLASSIFIES:
        return "class-weighted cross-entropy"
    alpha = settings.get("alpha")
    return describe_mix(alpha) if model in MIXED and alpha is not None else ""


def describe_mix(alpha: float) -> str:
    """Such as "0.7 MSE + 0.3 L1", or the one that is alone."""
    if alpha in (0, 1):
        return "MSE alone" if alpha else "L1 alone"
    return f"{alpha:.2g} MSE + {1 - alpha:.2g} L1"


def join_names(items: Iterable[str]) -> str:
    """One after another: "a, b and c"."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last
