"""A study as one page: what was measured, what it says to the claims, and photographs to look at.

The page holds all it shows; it asks for nothing from anywhere and runs no code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from photochrom import files
from photochrom.errors import BadOption
from photochrom.evaluation.results import RowSummary
from photochrom.evaluation.rows import BASELINES, CONSTANT, GREY, Row
from photochrom.evaluation.tables import MILLISECONDS, NONE, Columns, filled_columns
from photochrom.report import chroma_plane, claims, compare, curves, plot_style, toy
from photochrom.report.examples import LARGE, CloseUp, Gallery, Plate, embed
from photochrom.report.original import ORIGINAL
from photochrom.report.runs import MeasuredRun, Study
from photochrom.report.settings import MIXED, describe_loss, describe_mix, format_number

COLUMNS_SHOWN = 10
"""Versions of a photo on the sheets, at most."""


@dataclass(frozen=True)
class Pictures:
    """What is shown of photographs; empty where they cannot be had."""

    hero: Plate | None = None
    plates: tuple[Plate, ...] = ()
    mixes: tuple[Plate, ...] = ()
    extremes: Mapping[Row, tuple[Plate, ...]] = field(default_factory=dict)
    close_ups: tuple[CloseUp, ...] = ()


def check_target(target: str | os.PathLike[str]) -> Path:
    """The page's path, before the work rather than after it.

    Raises:
        BadOption: it is not called .html.
    """
    path = Path(target)
    if path.suffix != ".html":
        raise BadOption(f"{path} is no name for a page: end it in .html.")
    return path


def write_report(
    study: Study,
    target: str | os.PathLike[str],
    gallery: Gallery | None = None,
    absent: Sequence[str] = (),
) -> None:
    """Write the page, replaced if it exists: the whole of it, or nothing.

    Args:
        study: what is told.
        target: an .html file.
        gallery: where the photographs come from; none to leave them out.
        absent: why pictures are missing, in sentences.

    Raises:
        BadOption: the target is not called .html.
        MissingExtra: matplotlib is not installed.
        CannotWrite: the folder does not take it; nothing is left behind.
    """
    path = check_target(target)
    page = render_report(study, choose_pictures(study, gallery) if gallery else Pictures(), absent)
    files.write_bytes(path, page.encode())


def render_report(study: Study, shown: Pictures, absent: Sequence[str] = ()) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = [row for row in study.results.rows if row.hints is None]
    models = [row for row in rows if row not in BASELINES]
    columns = _list_columns(study)
    hues = [(row, chroma_plane.hues(study.results, row)) for row in rows if row != CONSTANT]
    return environment.get_template("report.html").render(
        study=study,
        n=len(study.results.photos),
        n_hinted=len(study.results.rows) - len(rows),
        columns=columns,
        lines=_list_lines(study, columns),
        original=_list_original(study),
        claims=claims.check_claims(study),
        charts=_draw_charts(study),
        worlds=[(world, toy.predict_world(world)) for world in toy.WORLDS],
        objects=toy.OBJECTS,
        temperature=toy.TEMPERATURE,
        clouds=[
            (cloud, embed(Image.fromarray(cloud.picture), "PNG"))
            for cloud in chroma_plane.clouds(study.results, models)
        ],
        roses=[(row, found, chroma_plane.balanced_recall(found)) for row, found in hues],
        wedge=chroma_plane.wedge,
        pictures=shown,
        absent=absent,
    )


# --- the tables -----------------------------------------------------------------------------


def _list_columns(study: Study) -> Columns:
    """The columns of the results, what the models say of themselves among them."""

    def fact(key: str, show: Callable[[float], str], row: RowSummary) -> str:
        run = study.run_of(row.row)
        try:
            return show(float(run.facts[key])) if run else NONE
        except (KeyError, ValueError):
            return NONE

    columns: dict[str, Callable[[RowSummary], str]] = {
        **filled_columns(study.results.summary),
        "parameters": partial(fact, "parameters", lambda v: f"{v / 1e6:.2f} M"),
        "GFLOP": partial(fact, "gflop", lambda v: f"{v:.1f}"),
        **MILLISECONDS,
    }
    del columns["colorizer"]  # which says more on the page
    return columns


def _list_lines(study: Study, columns: Columns) -> list[dict[str, Any]]:
    """The table of results: the baselines, then every row that was given no hints."""
    return [
        {
            "row": summary.row,
            "settings": _settings(run, summary.row),
            "marks": study.marks(run) if run else (),  # to be known before figures are compared
            "cells": [show(summary) for show in columns.values()],
        }
        for summary in study.results.summary
        if summary.row.hints is None
        for run in [study.run_of(summary.row)]
    ]


def _settings(run: MeasuredRun | None, row: Row) -> str:
    if row in BASELINES:
        return {GREY: "no colour at all", CONSTANT: "one colour everywhere"}[row]
    if run is None or not run.trained:
        return "not trained here"
    asked = run.experiment
    parts = [
        run.model if run.model != run.name else "",
        f"{asked['size']} px" if "size" in asked else "",
        f"batch {asked['batch']}" if "batch" in asked else "",
        f"{format_number(run.epochs)} epochs" if run.epochs is not None else "",
        describe_loss(run.model, asked),
        "the picture the network paints" if row.own_rgb else "",
    ]
    return " · ".join(part for part in parts if part)


def _list_original(study: Study) -> list[dict[str, Any]]:
    """The original study's four rows, each beside the run that stands for it here."""
    summary = {row.row: row for row in study.results.summary}
    rows = []
    for model, row in ORIGINAL.items():
        run = study.run_for_model(model)
        ours = summary[run.own_rgb or run.rows[0]] if run else None
        marks = study.marks(run) if run else ()
        rows.append({"model": model, "row": row, "ours": ours, "marks": marks})
    return rows


# --- charts -----------------------------------------------------------------------------------


def _draw_charts(study: Study) -> dict[str, Markup]:
    """Every chart that there are figures for, by name, as SVG."""
    results = study.results
    summary = {row.row: row for row in results.summary}
    alphas = {a: summary[run.rows[0]] for a, run in claims.find_ablation(study).items()}
    gains = compare.gains_over_grey(results)
    draw: dict[str, Callable[[], Any]] = {"tradeoff": partial(curves.draw_tradeoff, results)}
    if gains:
        draw["gains"] = partial(curves.draw_gains, gains)
    if alphas:
        draw["mixes"] = partial(curves.draw_mixes, alphas)
    if any(row.hints == 0 for row in results.rows):
        draw["hints"] = partial(curves.draw_hint_curve, results)
    runs = [run for run in study.runs if run.trained]
    for name, words in (
        ("loss", "training loss"),
        ("val_psnr", "validation PSNR, dB"),
        ("val_colourfulness", "colourfulness ÷ truth's"),
    ):
        if any(curves.history(run, name) for run in runs):
            draw[name] = partial(curves.draw_training, runs, name, words)
    return {name: Markup(plot_style.render_svg(d, name)) for name, d in draw.items()}  # noqa: S704


# --- photographs ------------------------------------------------------------------------------


def choose_pictures(study: Study, gallery: Gallery) -> Pictures:
    """Everything that is shown of photographs, by the rows that can paint."""
    rows = choose_rows(study, list(gallery.painters))
    bare = dict.fromkeys(rows, "")
    sheet = gallery.sheet
    plates = tuple(gallery.plate(view, bare) for view in sheet)
    if not sheet or not rows:
        return Pictures(plates=plates)
    psnr = {row.row: row.psnr_mean for row in study.results.summary}
    best = max(rows, key=lambda row: psnr[row])
    colorful = {score.photo: score.truth_colorfulness for score in study.results.rows[GREY]}
    liveliest = max(sheet, key=lambda view: colorful[view.name])
    alphas = {
        run.rows[0]: describe_mix(alpha)
        for alpha, run in claims.find_ablation(study).items()
        if run.rows[0] in gallery.painters
    }
    # For close-ups classification first, then regression, then what else there is.
    models = {row: run.model for row in rows if (run := study.run_of(row))}
    order = {model: i for i, model in enumerate(("unet-bins", "unet-lab", "hintnet"))}
    steppers = sorted(rows, key=lambda row: order.get(models[row], len(order)))[:4]
    return Pictures(
        hero=gallery.plate(liveliest, {best: ""}, LARGE),
        plates=plates,
        mixes=tuple(gallery.plate(view, alphas) for view in sheet[:2]) if alphas else (),
        extremes={row: gallery.extremes(row) for row in rows},
        close_ups=gallery.close_ups(steppers),
    )


def choose_rows(study: Study, painted: Sequence[Row]) -> list[Row]:
    """The rows on the sheets: of many settings of one run the ends and the middle, no ablations."""
    chosen: list[Row] = []
    for run in study.runs:
        usual = study.presets.get(run.model, {}).get("alpha")
        if run.trained and run.model in MIXED and run.experiment.get("alpha") != usual:
            continue
        rows = [row for row in run.rows if row in painted]
        chosen += rows if len(rows) <= 3 else [rows[0], rows[len(rows) // 2], rows[-1]]
    return chosen[:COLUMNS_SHOWN]
