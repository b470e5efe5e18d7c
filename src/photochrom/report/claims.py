"""What the original study claims, and what the figures say to it.

Every verdict is computed: two rows are compared photo by photo, and the bootstrap's 95 % interval
of the mean difference decides. Where it includes 0, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from photochrom.color import STUDY_GRID
from photochrom.report.compare import Of, Verdict, colour, difference, gains, jump, psnr
from photochrom.report.runs import Run, Study
from photochrom.report.settings import MIXED, names

SKIPS = 2.3
"""dB that skips are worth in the original study."""
BALANCED = (0.5, 0.7)
"""The alphas that are said to balance."""


@dataclass(frozen=True)
class Finding:
    """One answer to a claim."""

    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Claim:
    """A sentence of the original study, and the answers to it."""

    title: str
    findings: tuple[Finding, ...]
    caveat: str = ""
    """What else differs between the runs that are compared."""


def claims(study: Study) -> tuple[Claim, ...]:
    """All of them, in the order of the study's axes."""
    return (_skips(study), _lab(study), _classes(study), _mixes(study), _grey(study))


def missing(*models: str) -> tuple[Finding, ...]:
    """What to run where the runs for a claim are not there."""
    runs = "; ".join(f"photochrom train {m} --data PHOTOS --out runs/{m}" for m in models)
    return (Finding("not measured", f"Needs {names(models)}: {runs}; then evaluate and report."),)


def _pair(study: Study, *models: str) -> tuple[tuple[Run, ...], tuple[Finding, ...]]:
    """The runs that stand for the models, or what to do about those that are not there."""
    found = {model: study.of_model(model) for model in models}
    absent = [model for model, run in found.items() if run is None]
    return tuple(run for run in found.values() if run), missing(*absent) if absent else ()


def _marks(study: Study, runs: Sequence[Run]) -> str:
    """What has to be known of runs that are compared, those with the same mark in one sentence."""
    alike: dict[str, list[str]] = {}
    for run in runs:
        for mark in study.marks(run):
            alike.setdefault(mark, []).append(run.name)
    told = [
        f"{names(who)} {'is' if len(who) == 1 else 'are'} {mark}." for mark, who in alike.items()
    ]
    return " ".join(told)


def _told(study: Study, more: str, less: str, of: Of, what: str, unit: str) -> Finding:
    apart = difference(study, more, less, of)
    if apart is None:
        return Finding("not measured", f"{what}: no photo has smooth regions to compare.")
    return Finding(apart.verdict, f"{what}: {apart.show(unit)} over {apart.n:,} photos.")


def _skips(study: Study) -> Claim:
    title = f"Skips are worth +{SKIPS} dB (unet-rgb against cnn-rgb)."
    runs, absent = _pair(study, "unet-rgb", "cnn-rgb")
    if absent:
        return Claim(title, absent)
    unet, cnn = runs
    findings = []
    if unet.own_rgb and cnn.own_rgb:
        own = _told(study, unet.own_rgb, cnn.own_rgb, psnr, "The networks' own RGB", " dB")
        apart = difference(study, unet.own_rgb, cnn.own_rgb)
        if apart:
            inside = "inside" if apart.low <= SKIPS <= apart.high else "outside"
            own = Finding(own.verdict, f"{own.text} The published +{SKIPS} dB lies {inside}.")
        findings.append(own)
    findings.append(
        _told(study, unet.name, cnn.name, psnr, "Their colour on the photo's own L", " dB")
    )
    return Claim(title, tuple(findings), _marks(study, runs))


def _lab(study: Study) -> Claim:
    title = "Lab beats RGB (unet-lab against unet-rgb)."
    runs, absent = _pair(study, "unet-lab", "unet-rgb")
    if absent:
        return Claim(title, absent)
    lab, rgb = runs
    findings = []
    if rgb.own_rgb:
        findings.append(_told(study, lab.name, rgb.own_rgb, psnr, "Against own RGB", " dB"))
    what = "Both on the photo's own L, so that colour alone is compared"
    findings.append(_told(study, lab.name, rgb.name, psnr, what, " dB"))
    sizes = [str(run.experiment.get("size", "?")) for run in runs]
    caveat = (
        "The two differ in more than colour space: unet-lab is the deeper network (20.5 M "
        f"parameters against 4.5 M) and sees {sizes[0]} px where unet-rgb sees {sizes[1]}. "
    )
    return Claim(title, tuple(findings), caveat + _marks(study, runs))


def _classes(study: Study) -> Claim:
    title = (
        "Classification is more saturated than regression, but shows steps and costs memory "
        "(unet-bins against unet-lab)."
    )
    runs, absent = _pair(study, "unet-bins", "unet-lab")
    if absent:
        return Claim(title, absent)
    bins, lab = runs
    findings = (
        _told(study, bins.name, lab.name, colour, "More saturated, in colourfulness", ""),
        _told(study, bins.name, lab.name, jump, "Larger jumps in smooth regions, in ab", ""),
        _memory(bins, lab),
    )
    return Claim(title, findings, _marks(study, runs))


def _memory(bins: Run, lab: Run) -> Finding:
    size = int(bins.experiment["size"])
    answers = (STUDY_GRID.side**2, 2)
    photo = [_bytes(4 * n * size**2) for n in answers]
    text = (
        f"Memory: {answers[0]} numbers answered a pixel against {answers[1]}; a photo of {size} px "
        f"is {photo[0]} of float32 against {photo[1]}, before any gradient."
    )
    took = bins.peak_bytes, lab.peak_bytes
    alike = all(bins.experiment.get(k) == lab.experiment.get(k) for k in ("size", "batch"))
    if not took[0] or not took[1]:
        return Finding("holds", f"{text} What training took was not recorded.")
    text += f" Training took {_bytes(took[0])} against {_bytes(took[1])} at its peak"
    if not alike:
        return Finding("holds", f"{text}, at other sizes or batches, which do not compare.")
    return Finding("holds" if took[0] > took[1] else "does not hold", f"{text}.")


def _bytes(n: float) -> str:
    return f"{n / 1e9:.2f} GB" if n >= 1e9 else f"{n / 1e6:.3g} MB"


# --- the mix of losses --------------------------------------------------------------------------


def ablation(study: Study) -> dict[float, Run]:
    """Runs that differ in alpha alone, in its order: the largest such family there is."""
    families: dict[tuple[Any, ...], dict[float, Run]] = {}
    for run in study.runs:
        if run.trained and run.model in MIXED:
            alike = (
                run.model,
                *(run.experiment.get(key) for key in ("size", "batch", "lr", "epochs")),
            )
            families.setdefault(alike, {}).setdefault(float(run.experiment["alpha"]), run)
    largest = max(families.values(), key=len, default={})
    return dict(sorted(largest.items())) if len(largest) > 1 else {}


def _mixes(study: Study) -> Claim:
    title = "MSE alone is smoothest and least saturated; α = 0.5 to 0.7 balances MSE and L1."
    runs = ablation(study)
    if not runs:
        train = "photochrom train unet-lab --alpha 1 --data PHOTOS --out runs/unet-lab-mse"
        text = f"Needs runs of one model whose alpha differs, 0 and 1 among them: {train}."
        return Claim(title, (Finding("not measured", text),))
    findings = [*_ends(study, runs), *_middle(study, runs)]
    caveat = _marks(study, tuple(runs.values()))
    return Claim(title, tuple(findings), caveat)


def _ends(study: Study, runs: dict[float, Run]) -> list[Finding]:
    if not {0.0, 1.0} <= runs.keys():
        absent = names(f"--alpha {end:g}" for end in (0.0, 1.0) if end not in runs)
        return [Finding("not measured", f"The pure losses: train with {absent} too.")]
    mse, l1 = runs[1.0].name, runs[0.0].name
    return [
        _told(study, l1, mse, jump, "MSE is smoother: L1's largest ab jump minus MSE's", ""),
        _told(study, l1, mse, colour, "MSE is less saturated: L1's colourfulness minus MSE's", ""),
    ]


def _middle(study: Study, runs: dict[float, Run]) -> list[Finding]:
    """Balanced is what is more colourful than MSE alone and in PSNR above L1 alone."""
    found = []
    for alpha, run in runs.items():
        if not {0.0, 1.0} <= runs.keys() or not BALANCED[0] <= alpha <= BALANCED[1]:
            continue
        over_mse = difference(study, run.name, runs[1.0].name, colour)
        over_l1 = difference(study, run.name, runs[0.0].name, psnr)
        assert over_mse  # every photo has both
        assert over_l1
        verdicts = {over_mse.verdict, over_l1.verdict}
        worst: Verdict = (
            "does not hold"
            if "does not hold" in verdicts
            else "holds"
            if verdicts == {"holds"}
            else "not decided"
        )
        text = (
            f"α = {alpha:g} balances: colourfulness over MSE alone {over_mse.show()}, "
            f"PSNR over L1 alone {over_l1.show(' dB')}."
        )
        found.append(Finding(worst, text))
    return found


# --- the known trap -----------------------------------------------------------------------------


def _grey(study: Study) -> Claim:
    title = "Not a claim but a trap: a colorizer has to beat doing nothing."
    told = gains(study)
    findings = []
    for verdict, words in _AGAINST_GREY.items():
        if rows := [f"{row} by {d.show(' dB')}" for row, d in told.items() if d.verdict == verdict]:
            findings.append(Finding(verdict, f"{words}: {'; '.join(rows)}."))
    return Claim(
        title, tuple(findings) or (Finding("not measured", "There is no row to compare."),)
    )


_AGAINST_GREY: dict[Verdict, str] = {
    "holds": "Closer to the truth than grey",
    "not decided": "Not told apart from grey",
    "does not hold": "Further from the truth than grey",
}
