"""The columns of every table of figures, and tables of them for the terminal and for documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from rich.table import Table
from rich.text import Text

from photochrom import names
from photochrom.evaluation.results import Results, Summary
from photochrom.evaluation.rows import BASELINES

NONE = "–"
"""What was not measured."""


@dataclass(frozen=True)
class Column:
    """One figure, or two that belong together, of every row."""

    heading: str
    """With the unit, if it has one."""
    show: Callable[[Summary], str]
    meaning: str = ""
    """What it is, and which way is better."""


def _figures(*fields: str, digits: int = 2, between: str = "") -> Callable[[Summary], str]:
    def show(row: Summary) -> str:
        values = (attrgetter(field)(row) for field in fields)
        return between.join(NONE if value is None else f"{value:.{digits}f}" for value in values)

    return show


MILLISECONDS = Column(
    "ms",
    lambda row: NONE if row.row in BASELINES else f"{row.milliseconds:.1f}",
    "median time of a call on the machine that measured.",
)
_ALWAYS = (
    Column("colorizer", lambda row: str(row.row)),
    Column(
        "PSNR, dB",
        _figures("psnr_mean"),
        "10 · log10(1 / mean squared error) of RGB in 0 to 1. Higher is closer; and being grey is "
        "often closest.",
    ),
    Column(
        "95 % interval",
        lambda row: "{:.2f}–{:.2f}".format(*row.psnr_interval),
        "where the mean PSNR would lie for other photographs of the kind, by bootstrap.",
    ),
    Column("median", _figures("psnr_median"), "of the photographs' PSNR."),
    Column("SSIM", _figures("ssim", digits=4), "structural similarity; 1 is equal."),
    Column(
        "ΔE00",
        _figures("delta_e"),
        "mean CIEDE2000 colour difference: lower is closer, about 1 is just visible.",
    ),
    Column(
        "ab error",
        _figures("ab_error", digits=3),
        "root mean square distance from the true ab, divided by grey's: 1 is no better than no "
        "colour, 0 is the truth. Lightness has no part in it.",
    ),
    Column(
        "colourfulness",
        _figures("colorfulness_ratio"),
        "Hasler and Süsstrunk's measure, the outputs' mean divided by the truths'. 1 is right, 0 "
        "is grey.",
    ),
    Column(
        "accuracy 10 / 20",
        _figures("balanced_10", "balanced_20", digits=3, between=" / "),
        "share of pixels within that ab distance of the truth, rare colours counting as much as "
        "common ones: higher is better.",
    ),
    Column(
        "colours, jump",
        _figures("colors", "jump", between=", "),
        "in smooth regions such as skies: distinct ab values, and the largest ab step between "
        "neighbours, each divided by the truth's. Few colours and large jumps are what is seen as "
        "banding.",
    ),
)
_OF_PAPERS = (
    Column("CF", _figures("cf"), "mean colourfulness as DDColor's code has it."),
    Column("dCF", _figures("dcf"), "how far CF is from the truths': lower is better."),
    Column(
        "dCF, per photo",
        _figures("dcf_per_photo"),
        "the same photograph by photograph, which is never less.",
    ),
)
"""What tables of papers on colorization have; see :mod:`photochrom.evaluation.protocol`."""
COLUMNS = {column.heading: column for column in _ALWAYS + _OF_PAPERS}
"""By heading."""


def filled_columns(rows: Sequence[Summary]) -> list[Column]:
    """The columns that these rows fill, and those of perceptual metrics.

    What no row has is left out: figures of papers by other protocols, the ab error in old files.
    """
    newer = {"ab error", *(column.heading for column in _OF_PAPERS)}
    shown = [
        column
        for heading, column in COLUMNS.items()
        if heading not in newer or any(column.show(row) != NONE for row in rows)
    ]
    judged = dict.fromkeys(name for row in rows for name in row.judged)
    return [*shown, *(Column(name, _show_judged(name)) for name in judged)]


def _show_judged(name: str) -> Callable[[Summary], str]:
    return lambda row: f"{row.judged[name]:.3f}" if name in row.judged else NONE


def terminal_table(results: Results) -> Table:
    """All rows, for the terminal."""
    columns = [*filled_columns(results.summary), MILLISECONDS]
    table = Table(title=results.caption)
    for column in columns:
        table.add_column(column.heading, justify="right")
    for row in results.summary:
        table.add_row(*(Text(names.shown(column.show(row))) for column in columns))
    return table


def markdown_table(rows: Iterable[Summary], columns: Sequence[Column]) -> str:
    """A table for documents; the first column stands left, figures right."""
    lines = [
        [column.heading for column in columns],
        ["---", *["---:"] * (len(columns) - 1)],
        *([column.show(row) for column in columns] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
