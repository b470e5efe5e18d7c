import json
import math
import os
import shutil

import pytest

from photochrom.errors import BadData, BadRun
from photochrom.evaluation.rows import GREY, Row
from photochrom.report.runs import read_run, read_study

# --- one run --------------------------------------------------------------------------------


def test_a_run_knows_what_it_was_asked_and_how_far_it_came(make_run, paints, training):
    run = read_run(make_run("unet-lab", log=training(6.4, peak_bytes=3e9), alpha=0.7))
    assert (run.name, run.model, run.trained, run.stale) == ("unet-lab", "unet-lab", True, False)
    assert run.experiment["alpha"] == 0.7
    assert (run.epochs, run.peak_bytes, run.training_photos) == (6.4, 3e9, 5626)
    assert run.diverged is None
    assert run.rows == (Row("unet-lab"),)
    assert run.own_rgb is None
    assert read_run(make_run("cnn-rgb", rgb=paints.own_rgb)).own_rgb == Row("cnn-rgb", own_rgb=True)


def test_figures_alone_are_a_run_that_was_not_trained_here(measured, tmp_path, paints):
    rows = {"hintnet, vivid 0": paints.flat(0, 5), "hintnet, vivid 1": paints.flat(0, 20)}
    hinted = {"hintnet, vivid 0": lambda L, spots: paints.flat(0, 6)(L)}
    facts = {"hintnet, vivid 0": {"experiment": "hintnet"}}
    measured(rows, hinted=hinted, hint_counts=(0, 5), models=facts).write_json(tmp_path / "h.json")
    run = read_run(tmp_path / "h.json")
    assert (run.name, run.model, run.trained) == ("h", "hintnet", False)
    assert run.rows == (Row("hintnet", 0), Row("hintnet", 1))
    assert run.epochs is run.peak_bytes is run.diverged is None


def test_a_last_line_cut_short_is_ignored(make_run):
    path = make_run("unet-lab")
    whole = read_run(path).log
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 110, "epo')
    assert read_run(path).log == whole
    (path / "metrics.jsonl").unlink()
    assert read_run(path).log == []


@pytest.mark.parametrize(
    "bad",
    ["{", "[1]", "{}", '{"step": "x"}', '{"step": 1, "loss": [2]}', '{"step": NaN}', "\udcff"],
)
def test_any_other_damage_to_the_log_is_named(make_run, bad):
    path = make_run("unet-lab")
    lines = (path / "metrics.jsonl").read_text().splitlines()
    lines[3] = bad
    text = "\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    (path / "metrics.jsonl").write_bytes(text)
    with pytest.raises(BadRun, match=r"metrics\.jsonl is damaged"):
        read_run(path)
    if bad == "{":
        with pytest.raises(BadRun, match=r"in line 4 .*delete that line"):
            read_run(path)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_told(make_run, presets, loss, training):
    log = [*training(20), {"step": 110, "epoch": 21, "loss": loss}]
    study = read_study([make_run("unet-bins", log=log)], presets)
    assert study.runs[0].diverged == 110
    assert study.marks(study.runs[0]) == ("diverged at step 110",)


def test_figures_older_than_the_weights_are_told(make_run, presets):
    path = make_run("unet-lab")
    later = (path / "evaluation.json").stat().st_mtime + 10
    os.utime(path / "model.safetensors", (later, later))
    study = read_study([path], presets)
    assert study.marks(study.runs[0]) == ("evaluated before its last training",)


# --- what is no run -------------------------------------------------------------------------


def test_what_is_not_there_is_said_with_the_next_step(make_run, tmp_path):
    with pytest.raises(BadRun, match=r"none does not exist: name a run folder, or a \.json"):
        read_run(tmp_path / "none")
    path = make_run("unet-lab")
    (path / "evaluation.json").unlink()
    with pytest.raises(BadRun, match=r"has no evaluation\.json: photochrom evaluate .*unet-lab"):
        read_run(path)
    (path / "config.json").unlink()
    with pytest.raises(BadRun, match=r"is no run: it has no config\.json"):
        read_run(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"experiment": {}, "data": {}}'])
def test_a_damaged_configuration_is_named(make_run, text):
    path = make_run("unet-lab")
    (path / "config.json").write_text(text)
    with pytest.raises(BadRun, match=r"config\.json is damaged"):
        read_run(path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content["scores"].pop(),
        lambda content: content["tallies"]["unet-lab"].update(histogram=[1, 2]),
        lambda content: content["scores"][-1].update(psnr=math.nan),
        lambda content: content.update(
            scores=[score for score in content["scores"] if score["name"] == "unet-lab"]
        ),
        lambda content: content.update(tallies=[]),
        lambda content: content["scores"][0].update(psnr="high"),
    ],
    ids=["a row stops", "a count stops", "no number", "no baselines", "no tallies", "a word"],
)
def test_figures_that_are_not_whole_are_refused(make_run, spoil):
    path = make_run("unet-lab") / "evaluation.json"
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(BadData, match=r"evaluation\.json holds .*evaluate anew"):
        read_run(path.parent)


@pytest.mark.parametrize("share", [0, 0.3, 0.999])
def test_half_written_figures_are_refused(make_run, share):
    path = make_run("unet-lab") / "evaluation.json"
    text = path.read_text()
    path.write_text(text[: int(len(text) * share)])
    with pytest.raises(BadData, match=r"evaluation\.json holds no results"):
        read_run(path.parent)


def test_a_folder_that_was_renamed_is_evaluated_again(make_run, tmp_path):
    make_run("unet-lab").rename(tmp_path / "other")
    with pytest.raises(BadRun, match=r"tells of unet-lab, not of other: photochrom evaluate"):
        read_run(tmp_path / "other")


# --- several --------------------------------------------------------------------------------


def test_runs_come_in_the_order_of_the_presets(make_run, presets, measured, tmp_path, paints):
    names = ["unet-bins", "lab-l1", "cnn-rgb"]
    paths = [make_run(n, model="unet-lab" if n == "lab-l1" else n) for n in names]
    measured({"hintnet": paints.flat(0, 5)}).write_json(tmp_path / "hintnet.json")
    study = read_study([tmp_path / "hintnet.json", *paths], presets)
    assert [run.name for run in study.runs] == ["cnn-rgb", "lab-l1", "unet-bins", "hintnet"]
    rows = [str(row.row) for row in study.results.summary]
    assert rows == ["grey", "constant", "cnn-rgb", "lab-l1", "unet-bins", "hintnet"]
    assert study.run_of(Row("lab-l1")) is study.runs[1]
    assert study.run_of(GREY) is study.run_of(Row("nobody")) is None
    with pytest.raises(BadRun, match="nothing to report"):
        read_study([], presets)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"protocol": "crop96"}, "protocol: native and crop96"), ({"seed": 3}, "seed: 0 and 3")],
)
def test_runs_that_were_measured_otherwise_are_refused_by_name(make_run, presets, options, words):
    paths = [make_run("cnn-rgb"), make_run("unet-rgb", **options)]
    with pytest.raises(BadData, match=rf"cnn-rgb and .*unet-rgb .*{words}: evaluate them in one"):
        read_study(paths, presets)


def test_runs_of_other_photos_are_refused_by_name(make_run, presets, album):
    first = make_run("cnn-rgb")
    (album / "2.png").unlink()
    with pytest.raises(BadData, match=r"cnn-rgb and .*unet-rgb .*differ in their photos"):
        read_study([first, make_run("unet-rgb")], presets)


def test_two_runs_of_one_name_are_refused(make_run, presets, tmp_path):
    path = make_run("cnn-rgb")
    again = shutil.copytree(path, tmp_path / "elsewhere" / "cnn-rgb")
    with pytest.raises(BadData, match=r"elsewhere.* do not go together, both have a row cnn-rgb"):
        read_study([path, again], presets)


def test_who_stands_for_a_model_has_its_mix_and_is_the_least_reduced(make_run, presets):
    paths = [
        make_run("small", model="unet-lab", size=64),
        make_run("mse", model="unet-lab", alpha=1.0),
        make_run("full", model="unet-lab"),
    ]
    study = read_study(paths, presets)
    assert study.run_for_model("unet-lab").name == "full"
    assert read_study(paths[:2], presets).run_for_model("unet-lab").name == "small"
    assert read_study(paths[1:2], presets).run_for_model("unet-lab").name == "mse"
    assert study.run_for_model("unet-bins") is None
    assert [study.mark(run) for run in study.runs] == ["reduced: 64 px instead of 512", "", ""]
    assert read_study(paths, {}).mark(study.runs[0]) == "no preset to compare it with"
