"""The rows of every table of figures: which model, asked how; and how that is written."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"(.*?)(?:, vivid (\d+(?:\.\d+)?(?:e-\d+)?))?(, own RGB)?", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """A model, as it was asked. Its ``str`` is its name in tables and files."""

    model: str
    vivid: float | None = None
    own_rgb: bool = False
    """Whether it is the picture that a network paints by itself, lightness included."""
    hints: int | None = None
    """How many true hints it was given; None for a colorizer that takes none."""

    def __str__(self) -> str:
        vivid = "" if self.vivid is None else f", vivid {self.vivid:g}"
        return f"{self.model}{vivid}{', own RGB' if self.own_rgb else ''}{_hints(self.hints)}"

    @classmethod
    def parse(cls, name: str, hints: int | None = None) -> Row:
        """Read a name as ``str`` writes it; of any other, all is the model's own name.

        Args:
            name: such as ``"hintnet, vivid 0.3, 5 hints"``.
            hints: how many the row was given; without them a name tells of none.
        """
        bare = name.removesuffix(_hints(hints))
        found = _NAME.fullmatch(bare)
        model, vivid, own_rgb = found.groups() if found else (bare, None, None)
        row = cls(model, float(vivid) if vivid else None, bool(own_rgb), hints)
        return row if str(row) == name else cls(bare, hints=hints)


def _hints(count: int | None) -> str:
    return "" if count is None else f", {count} hint{'' if count == 1 else 's'}"


TRUTH, GREY, CONSTANT = Row("truth"), Row("grey"), Row("constant")
BASELINES = (GREY, CONSTANT)
"""The rows every table begins with."""
