"""The columns of every table of figures, and tables of them for the terminal and for documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from rich.table import Table
from rich.text import Text

from photochrom import names
from photochrom.evaluation.results import Results, RowSummary
from photochrom.evaluation.rows import BASELINES

Columns = Mapping[str, Callable[[RowSummary], str]]
"""How each column shows a row, by its heading, which has the unit."""

NONE = "–"
"""What was not measured."""


def _figures(*fields: str, digits: int = 2, between: str = "") -> Callable[[RowSummary], str]:
    def show(row: RowSummary) -> str:
        values = (getattr(row, field) for field in fields)
        return between.join(NONE if value is None else f"{value:.{digits}f}" for value in values)

    return show


COLUMNS: Columns = {
    "colorizer": lambda row: str(row.row),
    "PSNR, dB": _figures("psnr_mean"),
    "95 % interval": lambda row: "{:.2f}–{:.2f}".format(*row.psnr_interval),
    "median": _figures("psnr_median"),
    "SSIM": _figures("ssim", digits=4),
    "ΔE00": _figures("delta_e"),
    "ab error": _figures("ab_error", digits=3),
    "colourfulness": _figures("colorfulness_ratio"),
    "accuracy 10 / 20": _figures("balanced_10", "balanced_20", digits=3, between=" / "),
    "colours, jump": _figures("colors", "jump", between=", "),
    "CF": _figures("cf"),
    "dCF": _figures("dcf"),
    "dCF, per photo": _figures("dcf_per_photo"),
}
"""What each means, and which way is better: docs/evaluate.md, and the report's page."""
MILLISECONDS: Columns = {
    "ms": lambda row: NONE if row.row in BASELINES else f"{row.milliseconds:.1f}"
}


def filled_columns(rows: Sequence[RowSummary]) -> Columns:
    """The columns that these rows fill, and those of perceptual metrics.

    What no row has is left out: figures of papers by other protocols, the ab error in old files.
    """
    may_lack = ("ab error", "CF", "dCF", "dCF, per photo")
    judged = dict.fromkeys(name for row in rows for name in row.judged)
    return {
        **{
            heading: show
            for heading, show in COLUMNS.items()
            if heading not in may_lack or any(show(row) != NONE for row in rows)
        },
        **{name: partial(_show_judged, name) for name in judged},
    }


def _show_judged(name: str, row: RowSummary) -> str:
    return f"{row.judged[name]:.3f}" if name in row.judged else NONE


def terminal_table(results: Results) -> Table:
    """All rows, for the terminal."""
    columns = {**filled_columns(results.summary), **MILLISECONDS}
    table = Table(title=results.caption)
    for heading in columns:
        table.add_column(heading, justify="right")
    for row in results.summary:
        table.add_row(*(Text(names.escape_controls(show(row))) for show in columns.values()))
    return table


def markdown_table(rows: Iterable[RowSummary], columns: Columns) -> str:
    """A table for documents; the first column stands left, figures right."""
    lines = [
        list(columns),
        ["---", *["---:"] * (len(columns) - 1)],
        *([show(row) for show in columns.values()] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
