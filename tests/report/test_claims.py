import numpy as np
import pytest

from photochrom.evaluation.results import Results, Score, Steps, Tally
from photochrom.evaluation.rows import GREY, Row
from photochrom.report import claims, compare
from photochrom.report.runs import MeasuredRun, Study

OFFSETS = np.linspace(-1, 1, 40)
VARIES = {"unet-rgb, own RGB"}
"""Photos differ more here, so that the interval of a difference has a width."""
LINE = {"step": 1, "epoch": 20.0}


def results(rows):
    """Rows are name -> (PSNR, colourfulness, jump or None); photos differ alike in all of them."""
    scores = []
    for i, o in enumerate(OFFSETS):
        for name, (psnr, colour, jump) in (BASELINES | rows).items():
            row, psnr = Row.parse(name), psnr + o * (1.2 if name in VARIES else 1)
            steps = None if jump is None else Steps(5, jump + o / 10), Steps(9, 3.0)
            scores.append(Score(f"{i}.png", row, psnr, 0.9, 5, colour + o, 40, 1, *steps))
    tally = Tally((1,) * 676, (1,) * 676, (1,) * 4096)
    names = map(Row.parse, ["truth", *BASELINES, *rows])
    return Results("crop256", (1, 7), tuple(scores), dict.fromkeys(names, tally))


BASELINES = {"grey": (22.0, 0.0, 0.5), "constant": (22.5, 8.0, 0.5)}


def study(rows, presets, *, settings=None, log=None):
    """Rows of one name are a run, of the model that is the name up to a colon."""
    runs = []
    everything = results(rows)
    parsed = [Row.parse(name) for name in rows]
    for name in dict.fromkeys(row.model for row in parsed):
        model, _, alpha = name.partition(":")
        asked = presets[model] | ({"alpha": float(alpha)} if alpha else {})
        mine = everything.only([row for row in parsed if row.model == name])
        told = (LINE | (log or {}).get(name, {}),)
        asked |= (settings or {}).get(name, {})
        runs.append(MeasuredRun(name, None, mine, asked, 5626, told))
    return Study(tuple(runs), everything, presets)


def outcomes(claim):
    return [finding.outcome for finding in claim.findings]


def check(words, presets, rows, **given):
    """The claim with such a title, of a study of such rows."""
    told = claims.check_claims(study(rows, presets, **given))
    return next(claim for claim in told if words in claim.title)


FOUR = {
    "cnn-rgb": (23.0, 20.0, 2.0),
    "cnn-rgb, own RGB": (15.0, 18.0, 2.0),
    "unet-rgb": (23.4, 22.0, 2.0),
    "unet-rgb, own RGB": (17.3, 20.0, 2.0),
    "unet-lab": (24.5, 21.0, 2.0),
    "unet-bins": (23.8, 30.0, 9.0),
}


# --- differences ----------------------------------------------------------------------------


def test_a_difference_is_photo_by_photo():
    apart = compare.difference(results(FOUR), Row("unet-lab"), GREY)
    assert apart.mean == pytest.approx(2.5)
    assert (apart.low, apart.high) == pytest.approx((2.5, 2.5))  # however much photos differ
    assert apart.n == len(OFFSETS)
    assert apart.outcome == "holds"
    assert apart.show(" dB") == "+2.50 dB (95 %: +2.50 to +2.50)"


def test_the_interval_decides():
    ends = (0.1, 0.2), (-0.2, -0.1), (-0.1, 0.1), (0.0, 0.1)
    decided = [compare.Difference(sum(pair) / 2, *pair, 9).outcome for pair in ends]
    assert decided == ["holds", "does not hold", "not decided", "not decided"]
    shown = compare.Difference(-0.5, -0.6, -0.4, 9).show()
    assert shown == "−0.50 (95 %: −0.60 to −0.40)"  # a minus, no hyphen


def test_photos_that_do_not_tell_are_left_out(presets):
    rows = {"unet-lab": (24, 20, None), "unet-bins": (24, 20, 9.0)}
    assert (
        compare.difference(results(rows), Row("unet-bins"), Row("unet-lab"), compare.JUMP) is None
    )
    finding = check("Classification", presets, rows).findings[1]
    assert finding.outcome == "not measured"
    assert "no photo has smooth regions" in finding.text


# --- each claim -----------------------------------------------------------------------------


def test_skips(presets):
    claim = check("Skips", presets, FOUR)
    assert outcomes(claim) == ["holds", "holds"]
    assert "+2.30 dB" in claim.findings[0].text
    assert "published +2.3 dB lies inside" in claim.findings[0].text
    assert "+0.40 dB" in claim.findings[1].text
    claim = check("Skips", presets, FOUR | {"unet-rgb, own RGB": (14.0, 20.0, 2.0)})
    assert outcomes(claim) == ["does not hold", "holds"]
    assert "lies outside" in claim.findings[0].text


def test_lab_against_rgb_is_said_to_be_confounded(presets):
    claim = check("Lab", presets, FOUR)
    assert outcomes(claim) == ["holds", "holds"]
    assert "+7.20 dB" in claim.findings[0].text
    assert "+1.10 dB" in claim.findings[1].text
    assert "20.5 M" in claim.caveat
    assert "512 px where unet-rgb sees 96" in claim.caveat


def test_classification_against_regression(presets):
    claim = check("Classification", presets, FOUR)
    assert outcomes(claim) == ["holds", "holds", "holds"]
    colour, jump, memory = (finding.text for finding in claim.findings)
    assert "+9.00" in colour
    assert "+7.00" in jump
    assert "676 numbers answered a pixel against 2" in memory
    assert "709 MB of float32 against 2.1 MB" in memory  # 4 bytes * 676 * 512²
    assert "was not recorded" in memory


def test_classification_without_its_class_weights_is_judged_too(presets):
    rows = FOUR | {"unet-bins, vivid 1": (20, 40, 9.0), "unet-bins, vivid 0": (24, 21, 6.0)}
    del rows["unet-bins"]
    claim = check("Classification", presets, rows)
    told = [(finding.outcome, finding.text.partition(":")[0]) for finding in claim.findings]
    assert told == [
        ("holds", "More saturated at vivid 1, in colourfulness"),
        ("holds", "Larger jumps in smooth regions at vivid 1, in ab"),
        ("not decided", "More saturated at vivid 0, in colourfulness"),
        ("holds", "Larger jumps in smooth regions at vivid 0, in ab"),
        ("holds", "Memory"),
    ]


def test_memory_that_was_recorded_decides(presets):
    log = {"unet-bins": {"peak_bytes": 9e9}, "unet-lab": {"peak_bytes": 3e9}}
    memory = check("Classification", presets, FOUR, log=log).findings[2]
    assert "9.00 GB against 3.00 GB" in memory.text
    log["unet-lab"] = {"peak_bytes": 10e9}
    memory = check("Classification", presets, FOUR, log=log).findings[2]
    assert memory.outcome == "does not hold"
    smaller = {"unet-lab": {"size": 256}}
    memory = check("Classification", presets, FOUR, log=log, settings=smaller).findings[2]
    assert "do not compare" in memory.text


def test_a_mix_of_losses(presets):
    rows = {
        "unet-lab": (24.5, 21.0, 2.0),  # alpha 0.5
        "unet-lab:1": (24.8, 18.0, 1.0),
        "unet-lab:0": (24.0, 24.0, 3.0),
        "unet-lab:0.3": (24.2, 23.0, 2.5),
    }
    assert list(claims.find_ablation(study(rows, presets))) == [0.0, 0.3, 0.5, 1.0]
    claim = check("MSE alone", presets, rows)
    assert outcomes(claim) == ["holds", "holds", "holds"]
    assert "+2.00" in claim.findings[0].text  # L1's jump minus MSE's
    assert "+6.00" in claim.findings[1].text
    assert "α = 0.5 balances" in claim.findings[2].text
    drab = check("MSE alone", presets, rows | {"unet-lab": (24.5, 17.0, 2.0)})
    assert outcomes(drab) == ["holds", "holds", "does not hold"]
    other = check("MSE alone", presets, rows, settings={"unet-lab:0": {"size": 64}})
    assert "train with --alpha 0 too" in other.findings[0].text  # that run is of another family
    assert "unet-lab:0" not in other.caveat


def test_a_mix_without_its_ends_says_what_to_train(presets):
    rows = {"unet-lab": (24.5, 21.0, 2.0), "unet-lab:0.7": (24.8, 18.0, 1.0)}
    claim = check("MSE alone", presets, rows)
    assert outcomes(claim) == ["not measured"]
    assert "--alpha 0 and --alpha 1" in claim.findings[0].text


def test_claims_whose_runs_are_missing_say_what_to_run(presets):
    told = claims.check_claims(study({"unet-lab": (24.5, 21.0, 2.0)}, presets))
    assert [outcomes(claim) for claim in told[:4]] == [["not measured"]] * 4
    skips, lab, classes, mixes = (claim.findings[0].text for claim in told[:4])
    assert "photochrom train unet-rgb --data" in skips
    assert "photochrom train cnn-rgb --data" in skips
    assert "train unet-rgb" in lab
    assert "train unet-lab" not in lab  # that one is there
    assert "train unet-bins" in classes
    assert "--alpha 1" in mixes


def test_the_trap_names_who_falls_into_it(presets):
    claim = check("trap", presets, FOUR)
    told = {finding.outcome: finding.text for finding in claim.findings}
    assert set(told) == {"holds", "does not hold"}
    assert "unet-lab by +2.50 dB" in told["holds"]
    assert "cnn-rgb, own RGB by −7.00 dB" in told["does not hold"]
    assert "cnn-rgb, own RGB" not in told["holds"]


def test_runs_of_one_mark_share_a_sentence(presets):
    small = {name: {"size": 64} for name in ("unet-lab", "unet-bins")}
    claim = check("Classification", presets, FOUR, settings=small)
    assert claim.caveat == "unet-bins and unet-lab are reduced: 64 px instead of 512."
