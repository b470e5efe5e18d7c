"""A study as one page: what was measured, what it says to the claims, and photographs to look at.

The page holds all it shows; it asks for nothing from anywhere and runs no code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from PIL import Image

from photochrom import files
from photochrom.errors import BadOption
from photochrom.evaluation.results import BASELINES, Summary
from photochrom.report import chroma_plane, claims, compare, curves, plot_style, tables, toy
from photochrom.report.examples import LARGE, CloseUp, Gallery, Plate, embed
from photochrom.report.original import ORIGINAL
from photochrom.report.runs import OWN_RGB, Run, Study
from photochrom.report.settings import MIXED, loss_of, mix, plain

UNKNOWN = "–"
COLUMNS_SHOWN = 10
"""Versions of a photo on the sheets, at most."""


@dataclass(frozen=True)
class Line:
    """A row of the table of results."""

    name: str
    settings: str
    marks: tuple[str, ...]
    """What has to be known before its figures are compared."""
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """What is shown of photographs; empty where they cannot be had."""

    hero: Plate | None = None
    plates: tuple[Plate, ...] = ()
    mixes: tuple[Plate, ...] = ()
    extremes: Mapping[str, tuple[Plate, ...]] = field(default_factory=dict)
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


def write(
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
    page = render(study, pictures(study, gallery) if gallery else Pictures(), absent)
    files.write_bytes(path, page.encode())


def render(study: Study, shown: Pictures, absent: Sequence[str] = ()) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    rows = [row.name for row in study.results.summary if row.hints is None]
    models = [name for name in rows if name not in BASELINES]
    alphas = claims.ablation(study)
    return environment.get_template("report.html").render(
        study=study,
        n=study.results.summary[0].n,
        n_hinted=sum(row.hints is not None for row in study.results.summary),
        columns=columns(study),
        lines=lines(study),
        original=original(study),
        claims=claims.claims(study),
        charts=charts(study),
        alphas=alphas,
        worlds=[(world, toy.answers(world)) for world in toy.WORLDS],
        objects=toy.OBJECTS,
        temperature=toy.TEMPERATURE,
        clouds=[
            (cloud, embed(Image.fromarray(cloud.picture), "PNG"))
            for cloud in chroma_plane.clouds(study.results, models)
        ],
        roses=[(name, found, chroma_plane.balanced_recall(found)) for name, found in _hues(study)],
        wedge=chroma_plane.wedge,
        pictures=shown,
        absent=absent,
    )


def _hues(study: Study) -> list[tuple[str, tuple[chroma_plane.Hue, ...]]]:
    rows = [r.name for r in study.results.summary if r.hints is None and r.name != "constant"]
    return [(name, chroma_plane.hues(study.results, name)) for name in rows]


# --- the tables -----------------------------------------------------------------------------


def columns(study: Study) -> dict[str, Callable[[Summary], str]]:
    """How each column of the results shows a row."""
    rows = study.results.summary
    judged = list(dict.fromkeys(name for row in rows for name in row.judged))

    def fact(key: str, show: Callable[[float], str]) -> Callable[[Summary], str]:
        def tell(row: Summary) -> str:
            run = study.run_of(row.name)
            facts = next(iter(run.results.models.values()), {}) if run else {}
            try:
                return show(float(facts[key]))
            except (KeyError, ValueError):
                return UNKNOWN

        return tell

    return {
        "PSNR, dB": lambda row: f"{row.psnr_mean:.2f}",
        "95 % interval": lambda row: "{:.2f}–{:.2f}".format(*row.psnr_interval),
        "SSIM": lambda row: f"{row.ssim:.4f}",
        "ΔE00": lambda row: f"{row.delta_e:.2f}",
        "ab error": tables.COLUMNS["ab error"],
        "colourfulness": lambda row: f"{row.colourfulness_ratio:.2f}",
        "accuracy 10 / 20": lambda row: f"{row.balanced_10:.3f} / {row.balanced_20:.3f}",
        "colours": lambda row: UNKNOWN if row.colours is None else f"{row.colours:.2f}",
        "jump": lambda row: UNKNOWN if row.jump is None else f"{row.jump:.2f}",
        **{name: show for name, show in tables.columns(rows).items() if name in tables.PUBLISHED},
        **{name: _judged(name) for name in judged},
        "parameters": fact("parameters", lambda v: f"{v / 1e6:.2f} M"),
        "GFLOP": fact("gflop", lambda v: f"{v:.1f}"),
        "ms": lambda row: UNKNOWN if row.name in BASELINES else f"{row.milliseconds:.1f}",
    }


def _judged(name: str) -> Callable[[Summary], str]:
    return lambda row: f"{row.judged[name]:.3f}" if name in row.judged else UNKNOWN


def lines(study: Study) -> tuple[Line, ...]:
    """The table of results: the baselines, then every row that was given no hints."""
    shown = columns(study)
    told = []
    for row in study.results.summary:
        if row.hints is None:
            run = study.run_of(row.name)
            cells = tuple(show(row) for show in shown.values())
            marks = study.marks(run) if run else ()
            told.append(Line(row.name, _settings(run, row.name), marks, cells))
    return tuple(told)


def _settings(run: Run | None, row: str) -> str:
    if row in BASELINES:
        return {"grey": "no colour at all", "constant": "one colour everywhere"}[row]
    if run is None or not run.trained:
        return "not trained here"
    asked = run.experiment
    parts = [
        run.model if run.model != run.name else "",
        f"{asked['size']} px" if "size" in asked else "",
        f"batch {asked['batch']}" if "batch" in asked else "",
        f"{plain(run.epochs)} epochs" if run.epochs is not None else "",
        loss_of(run.model, asked),
        "the picture the network paints" if row.endswith(OWN_RGB) else "",
    ]
    return " · ".join(part for part in parts if part)


def original(study: Study) -> list[dict[str, Any]]:
    """The original study's four rows, each beside the run that stands for it here."""
    summary = {row.name: row for row in study.results.summary}
    told = []
    for model, row in ORIGINAL.items():
        run = study.of_model(model)
        ours = summary.get(run.own_rgb or run.name) if run else None
        marks = study.marks(run) if run else ()
        told.append({"model": model, "row": row, "ours": ours, "marks": marks})
    return told


# --- charts -----------------------------------------------------------------------------------


def charts(study: Study) -> dict[str, Markup]:
    """Every chart that there are figures for, by name, as SVG."""
    runs = [run for run in study.runs if run.trained]
    summary = {row.name: row for row in study.results.summary}
    alphas = {alpha: summary[run.name] for alpha, run in claims.ablation(study).items()}
    gains = compare.gains(study)
    drawn: dict[str, Callable[[], Any]] = {"tradeoff": lambda: curves.draw_tradeoff(study.results)}
    if gains:
        drawn["gains"] = lambda: curves.draw_gains(gains)
    if alphas:
        drawn["mixes"] = lambda: curves.draw_mixes(alphas)
    if any(row.hints == 0 for row in study.results.summary):
        drawn["hints"] = lambda: curves.draw_hint_curve(study.results)
    for name, words in (
        ("loss", "training loss"),
        ("val_psnr", "validation PSNR, dB"),
        ("val_colourfulness", "colourfulness ÷ truth's"),
    ):
        if any(curves.history(run, name) for run in runs):
            drawn[name] = _training(runs, name, words)
    return {name: Markup(plot_style.inline(draw, name)) for name, draw in drawn.items()}  # noqa: S704


def _training(runs: Sequence[Run], name: str, words: str) -> Callable[[], Any]:
    return lambda: curves.draw_training(runs, name, words, log=name == "loss")


# --- photographs ------------------------------------------------------------------------------


def pictures(study: Study, gallery: Gallery) -> Pictures:
    """Everything that is shown of photographs, by the rows that can paint."""
    rows = shown(study, list(gallery.painters))
    bare = dict.fromkeys(rows, "")
    sheet = gallery.sheet
    if not sheet or not rows:
        return Pictures(plates=tuple(gallery.plate(view, bare) for view in sheet))
    summary = {row.name: row for row in study.results.summary}
    best = max(rows, key=lambda row: summary[row].psnr_mean)
    colour = {score.photo: score.truth_colourfulness for score in study.results.rows["grey"]}
    liveliest = max(sheet, key=lambda view: colour[view.name])
    alphas = {
        run.name: mix(alpha)
        for alpha, run in claims.ablation(study).items()
        if run.name in gallery.painters
    }
    return Pictures(
        hero=gallery.plate(liveliest, {best: ""}, LARGE),
        plates=tuple(gallery.plate(view, bare) for view in sheet),
        mixes=tuple(gallery.plate(view, alphas) for view in sheet[:2]) if alphas else (),
        extremes={row: gallery.extremes(row) for row in rows},
        close_ups=gallery.close_ups(_steppers(study, rows)),
    )


def shown(study: Study, painted: Sequence[str]) -> list[str]:
    """The rows on the sheets: of many settings of one run the ends and the middle, no ablations."""
    chosen: list[str] = []
    for run in study.runs:
        usual = study.presets.get(run.model, {}).get("alpha")
        if run.trained and run.model in MIXED and run.experiment.get("alpha") != usual:
            continue
        rows = [row for row in run.rows if row in painted]
        chosen += rows if len(rows) <= 3 else [rows[0], rows[len(rows) // 2], rows[-1]]
    return chosen[:COLUMNS_SHOWN]


def _steppers(study: Study, rows: Sequence[str]) -> list[str]:
    """Rows for close-ups: classification, then regression, then what else there is."""
    order = ("unet-bins", "unet-lab", "hintnet")

    def rank(row: str) -> int:
        run = study.run_of(row)
        model = run.model if run else ""
        return order.index(model) if model in order else len(order)

    return sorted(rows, key=rank)[:4]
