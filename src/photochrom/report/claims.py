"""What the original study claims, and what the figures say to it.

Every answer is computed: two rows are compared photo by photo, and the bootstrap's 95 % interval
of the mean difference decides. Where it includes 0, nothing is decided.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from photochrom.color import STUDY_GRID
from photochrom.evaluation.rows import Row
from photochrom.report import compare
from photochrom.report.compare import ClaimOutcome, PhotoFigure
from photochrom.report.runs import MeasuredRun, Study
from photochrom.report.settings import MIXED, join_names

SKIPS = 2.3
"""dB that skips are worth in the original study."""
BALANCED = (0.5, 0.7)
"""The alphas that are said to balance."""


@dataclass(frozen=True)
class Finding:
    """One answer to a claim."""

    outcome: ClaimOutcome
    text: str


@dataclass(frozen=True)
class Claim:
    """A sentence of the original study, and the answers to it."""

    title: str
    findings: tuple[Finding, ...]
    caveat: str = ""
    """What else differs between the runs that are compared."""


def check_claims(study: Study) -> tuple[Claim, ...]:
    """All of them, in the order of the study's axes."""
    pairs = (
        (f"Skips are worth +{SKIPS} dB", "unet-rgb", "cnn-rgb", _skips),
        ("Lab beats RGB", "unet-lab", "unet-rgb", _lab),
        (
            "Classification is more saturated than regression, but shows steps and costs memory",
            "unet-bins",
            "unet-lab",
            _classes,
        ),
    )
    found = []
    for words, *models, check in pairs:
        title = f"{words} ({' against '.join(models)})."
        runs = [study.run_for_model(model) for model in models]
        if absent := [model for model, run in zip(models, runs, strict=True) if not run]:
            train = "; ".join(f"photochrom train {m} --data PHOTOS --out runs/{m}" for m in absent)
            text = f"Needs {join_names(absent)}: {train}; then evaluate and report."
            found.append(Claim(title, (Finding("not measured", text),)))
        else:
            found.append(Claim(title, *check(study, *(run for run in runs if run))))
    return (*found, _mixes(study), _grey(study))


def _marks(study: Study, *runs: MeasuredRun) -> str:
    """What has to be known of runs that are compared, those with the same mark in one sentence."""
    alike: dict[str, list[str]] = {}
    for run in runs:
        for mark in study.marks(run):
            alike.setdefault(mark, []).append(run.name)
    return " ".join(
        f"{join_names(runs)} {'is' if len(runs) == 1 else 'are'} {mark}."
        for mark, runs in alike.items()
    )


def _compare(study: Study, more: Row, less: Row, figure: PhotoFigure, what: str) -> Finding:
    apart = compare.difference(study.results, more, less, figure)
    if apart is None:
        return Finding("not measured", f"{what}: no photo has smooth regions to compare.")
    return Finding(apart.outcome, f"{what}: {apart.show(figure.unit)} over {apart.n:,} photos.")


_Checked = tuple[tuple[Finding, ...], str]
"""Findings and caveat."""


def _skips(study: Study, unet: MeasuredRun, cnn: MeasuredRun) -> _Checked:
    findings = []
    if unet.own_rgb and cnn.own_rgb:
        rows = unet.own_rgb, cnn.own_rgb
        own = _compare(study, *rows, compare.PSNR, "The networks' own RGB")
        apart = compare.difference(study.results, *rows)
        inside = "inside" if apart and apart.low <= SKIPS <= apart.high else "outside"
        findings.append(replace(own, text=f"{own.text} The published +{SKIPS} dB lies {inside}."))
    what = "Their colour on the photo's own L"
    findings.append(_compare(study, unet.rows[0], cnn.rows[0], compare.PSNR, what))
    return tuple(findings), _marks(study, unet, cnn)


def _lab(study: Study, lab: MeasuredRun, rgb: MeasuredRun) -> _Checked:
    findings = []
    if rgb.own_rgb:
        own = _compare(study, lab.rows[0], rgb.own_rgb, compare.PSNR, "Against own RGB")
        findings.append(own)
    what = "Both on the photo's own L, so that colour alone is compared"
    findings.append(_compare(study, lab.rows[0], rgb.rows[0], compare.PSNR, what))
    sizes = [str(run.experiment.get("size", "?")) for run in (lab, rgb)]
    caveat = (
        "The two differ in more than colour space: unet-lab is the deeper network (20.5 M "
        f"parameters against 4.5 M) and sees {sizes[0]} px where unet-rgb sees {sizes[1]}. "
    )
    return tuple(findings), caveat + _marks(study, lab, rgb)


def _classes(study: Study, bins: MeasuredRun, lab: MeasuredRun) -> _Checked:
    findings = []
    for row in bins.rows:  # one, or one for each share of its class weights
        at = "" if row.vivid is None else f" at vivid {row.vivid:g}"
        for figure, what in (
            (compare.COLORFULNESS, f"More saturated{at}, in colourfulness"),
            (compare.JUMP, f"Larger jumps in smooth regions{at}, in ab"),
        ):
            findings.append(_compare(study, row, lab.rows[0], figure, what))
    return (*findings, _memory(bins, lab)), _marks(study, bins, lab)


def _memory(bins: MeasuredRun, lab: MeasuredRun) -> Finding:
    size = int(bins.experiment["size"])
    answers = (STUDY_GRID.side**2, 2)
    photo = [_bytes(4 * n * size**2) for n in answers]
    text = (
        f"Memory: {answers[0]} numbers answered a pixel against {answers[1]}; a photo of {size} px "
        f"is {photo[0]} of float32 against {photo[1]}, before any gradient."
    )
    if not bins.peak_bytes or not lab.peak_bytes:
        return Finding("holds", f"{text} What training took was not recorded.")
    took = f"{_bytes(bins.peak_bytes)} against {_bytes(lab.peak_bytes)}"
    text += f" Training took {took} at its peak"
    if any(bins.experiment.get(key) != lab.experiment.get(key) for key in ("size", "batch")):
        return Finding("holds", f"{text}, at other sizes or batches, which do not compare.")
    return Finding("holds" if bins.peak_bytes > lab.peak_bytes else "does not hold", f"{text}.")


def _bytes(n: float) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.3g} MB"


# --- the mix of losses --------------------------------------------------------------------------


def find_ablation(study: Study) -> dict[float, MeasuredRun]:
    """Runs that differ in alpha alone, in its order: the largest such family there is."""
    families: dict[tuple[Any, ...], dict[float, MeasuredRun]] = {}
    for run in study.runs:
        if run.trained and run.model in MIXED:
            same = (run.experiment.get(key) for key in ("size", "batch", "lr", "epochs"))
            family = families.setdefault((run.model, *same), {})
            family.setdefault(float(run.experiment["alpha"]), run)
    largest = max(families.values(), key=len, default={})
    return dict(sorted(largest.items())) if len(largest) > 1 else {}


def _mixes(study: Study) -> Claim:
    title = "MSE alone is smoothest and least saturated; α = 0.5 to 0.7 balances MSE and L1."
    runs = find_ablation(study)
    if not runs:
        train = "photochrom train unet-lab --alpha 1 --data PHOTOS --out runs/unet-lab-mse"
        text = f"Needs runs of one model whose alpha differs, 0 and 1 among them: {train}."
        return Claim(title, (Finding("not measured", text),))
    caveat = _marks(study, *runs.values())
    if absent := [f"--alpha {end:g}" for end in (0.0, 1.0) if end not in runs]:
        text = f"The pure losses: train with {join_names(absent)} too."
        return Claim(title, (Finding("not measured", text),), caveat)
    l1, mse = runs[0.0].rows[0], runs[1.0].rows[0]
    smoother = "MSE is smoother: L1's largest ab jump minus MSE's"
    paler = "MSE is less saturated: L1's colourfulness minus MSE's"
    findings = [
        _compare(study, l1, mse, compare.JUMP, smoother),
        _compare(study, l1, mse, compare.COLORFULNESS, paler),
    ]
    for alpha, run in runs.items():
        if BALANCED[0] <= alpha <= BALANCED[1]:
            findings.append(_balance(study, alpha, run.rows[0], mse, l1))
    return Claim(title, tuple(findings), caveat)


def _balance(study: Study, alpha: float, row: Row, mse: Row, l1: Row) -> Finding:
    """Balanced is what is more colourful than MSE alone and in PSNR above L1 alone."""
    over_mse = compare.difference(study.results, row, mse, compare.COLORFULNESS)
    over_l1 = compare.difference(study.results, row, l1)
    assert over_mse  # every photo has both
    assert over_l1
    worst_first: tuple[ClaimOutcome, ...] = ("does not hold", "not decided", "holds")
    worst = min(over_mse.outcome, over_l1.outcome, key=worst_first.index)
    return Finding(
        worst,
        f"α = {alpha:g} balances: colourfulness over MSE alone {over_mse.show()}, "
        f"PSNR over L1 alone {over_l1.show(' dB')}.",
    )


# --- the known trap -----------------------------------------------------------------------------


def _grey(study: Study) -> Claim:
    title = "Not a claim but a trap: a colorizer has to beat doing nothing."
    gains = compare.gains_over_grey(study.results)
    findings = []
    for outcome, words in _AGAINST_GREY.items():
        rows = [f"{row} by {d.show(' dB')}" for row, d in gains.items() if d.outcome == outcome]
        if rows:
            findings.append(Finding(outcome, f"{words}: {'; '.join(rows)}."))
    nothing = Finding("not measured", "There is no row to compare.")
    return Claim(title, tuple(findings) or (nothing,))


_AGAINST_GREY: dict[ClaimOutcome, str] = {
    "holds": "Closer to the truth than grey",
    "not decided": "Not told apart from grey",
    "does not hold": "Further from the truth than grey",
}
