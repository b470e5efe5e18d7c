"""The figures of an evaluation as tables: for the terminal, and for documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from rich.table import Column, Table
from rich.text import Text

from photochrom import names
from photochrom.evaluation.results import Results, Summary

Columns = Mapping[str, Callable[[Summary], str]]
"""How each column shows a row, by its heading."""

NONE = "–"
"""What was not measured."""

COLUMNS: Columns = {
    "colorizer": lambda row: row.name,
    "PSNR, dB": lambda row: f"{row.psnr_mean:.2f}",
    "95 % interval": lambda row: "{:.2f}–{:.2f}".format(*row.psnr_interval),
    "median": lambda row: f"{row.psnr_median:.2f}",
    "SSIM": lambda row: f"{row.ssim:.4f}",
    "ΔE00": lambda row: f"{row.delta_e:.2f}",
    "ab error": lambda row: _or_none(row.ab_error, 3),
    "colourfulness": lambda row: f"{row.colourfulness_ratio:.2f}",
    "accuracy 10 / 20": lambda row: f"{row.balanced_10:.3f} / {row.balanced_20:.3f}",
    "colours, jump": lambda row: f"{_or_none(row.colours)}, {_or_none(row.jump)}",
}
PUBLISHED: Columns = {
    "CF": lambda row: _or_none(row.cf),
    "dCF": lambda row: _or_none(row.dcf),
    "dCF, per photo": lambda row: _or_none(row.dcf_per_photo),
}
"""What tables of papers on colorization have; see :mod:`photochrom.evaluation.protocol`."""
MILLISECONDS: Columns = {"ms": lambda row: f"{row.milliseconds:.1f}"}


def columns(rows: Sequence[Summary]) -> Columns:
    """The columns that these rows fill: the plain ones, and what judges said.

    What no row has is left out: figures of papers by other protocols, the ab error in old files.
    """
    judged = dict.fromkeys(name for row in rows for name in row.judged)
    shown: Columns = {**COLUMNS, **PUBLISHED, **{name: partial(_judged, name) for name in judged}}
    newer = ("ab error", *PUBLISHED)
    return {
        head: show
        for head, show in shown.items()
        if head not in newer or any(show(row) != NONE for row in rows)
    }


def terminal(results: Results) -> Table:
    """All rows, for the terminal."""
    shown = {**columns(results.summary), **MILLISECONDS}
    table = Table(*(Column(name, justify="right") for name in shown), title=results.caption)
    for row in results.summary:
        table.add_row(*(Text(names.shown(show(row))) for show in shown.values()))
    return table


def markdown(rows: Iterable[Summary], shown: Columns) -> str:
    """A table for documents; the first column stands left, figures right."""
    lines = [
        list(shown),
        ["---", *["---:"] * (len(shown) - 1)],
        *([show(row) for show in shown.values()] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _or_none(figure: float | None, digits: int = 2) -> str:
    return NONE if figure is None else f"{figure:.{digits}f}"


def _judged(name: str, row: Summary) -> str:
    return f"{row.judged[name]:.3f}" if name in row.judged else NONE
