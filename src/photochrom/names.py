"""Names and words that come from elsewhere: how they are shown, told and written into tables.

Whoever names a file may put anything into the name: a line end makes two lines of one in a list,
an escape character moves the cursor of a terminal, an equals sign is a formula to a spreadsheet.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters
    "\u2028\u2029"  # line ends
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # what turns the direction of a line around
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How what a spreadsheet computes begins (OWASP, CSV injection)."""


def escape_controls(text: str) -> str:
    r"""Spell out what would not be seen, or do something: a line end as ``\n``."""
    return _UNSEEN.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def set_talk(*, quiet: bool, verbose: bool) -> None:
    """Settle how much is told: only errors, or also where in the program they arose."""
    _talk.update(quiet=quiet, verbose=verbose)


def is_quiet() -> bool:
    """Whether remarks and progress are not wanted."""
    return _talk["quiet"]


def is_verbose() -> bool:
    """Whether it is to be told where in the program an error arose."""
    return _talk["verbose"]


_talk = {"quiet": False, "verbose": False}


def say(sentence: str, *lines: str) -> None:
    """Tell the user one sentence, and what goes with it, apart from answers."""
    told = map(escape_controls, (f"photochrom: {sentence}", *lines))
    print(*told, sep="\n", file=sys.stderr)  # noqa: T201


def remark(sentence: str) -> None:
    """Say what is good to know, and no error: not if only those are wanted."""
    if not is_quiet():
        say(sentence)


def is_plain(name: str) -> bool:
    """Whether all of a name is seen, so that it can stand in a list, a name a line."""
    return not _UNSEEN.search(name)


def write_table(file: TextIO, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write CSV of which no cell is a formula: words that look like one get an apostrophe.

    Words are quoted, as a spreadsheet may part cells by other signs than commas.

    Args:
        file: opened with ``newline=""``.
        heads: of the columns.
        rows: words and numbers, a cell for each column.
    """
    csv.writer(file).writerow(heads)
    quoted = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
    quoted.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
