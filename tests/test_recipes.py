"""The recipes: what they ask of photochrom, by a stand-in; and all of it for once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom.training.presets import PRESETS

RECIPES = Path(__file__).parents[1] / "recipes"
STUDY = ["cnn-rgb", "unet-rgb", "unet-lab", "unet-bins"]

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="the recipes are for bash")

STAND_IN = """\
#!/usr/bin/env bash
echo "${0##*/} $*" >> "$CALLS"
[ "${0##*/}" = photochrom ] || exec photochrom "${@:6}"
case $1 in
  train)
    while [ "$1" != --out ]; do shift; done
    mkdir -p "$2" && touch -t 201001010000 "$2"/{checkpoint,model}.safetensors
    [[ -z ${FAIL:-} || $2 != *"$FAIL" ]] || exit 130 ;;
  evaluate)
    [ -n "${BLIND:-}" ] || for run in "${@:2}"; do
      [ "$run" != --data ] || break
      touch "$run/evaluation.json"
    done
    exit "${UNREADABLE:-0}" ;;
esac
"""

Recipe = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "my photos"
    folder.mkdir()
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Runs a recipe with stand-ins that note in ``calls`` what they were asked for."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("photochrom", "torchrun"):
        (programs / name).write_text(STAND_IN)
        (programs / name).chmod(0o755)

    def run(name: str, *arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            [RECIPES / name, *map(str, arguments)],
            env={"PATH": path, "CALLS": str(tmp_path / "calls"), **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    """What the stand-ins were asked for since the last time, the folder's own path left out."""

    def since() -> list[str]:
        path = tmp_path / "calls"
        lines = path.read_text().replace(f"{tmp_path}/", "").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    return since


def test_seeds_trains_the_four_as_their_presets_say(recipe, photos, calls):
    done = recipe("seeds.sh", "--data", photos, photos, ACCUMULATE="4")
    assert done.returncode == 0, done.stderr
    given = "--data my photos my photos --out runs/study"
    assert calls() == [
        f"photochrom train cnn-rgb {given}/cnn-rgb --device auto",
        f"photochrom train unet-rgb {given}/unet-rgb --device auto",
        f"photochrom train unet-lab {given}/unet-lab --device auto --accumulate 4",
        f"photochrom train unet-bins {given}/unet-bins --device auto --accumulate 4",
    ]
    assert "Not measured: no --test." in done.stdout


def test_what_is_too_large_is_made_smaller_for_some_minutes(recipe, photos, calls):
    flags = ("--data", photos, "--size", 96, "--minutes", 30)
    done = recipe("seeds.sh", *flags, "--", "--seed", 3, DEVICE="cuda", PROCESSES="2")
    assert "runs/study/cnn-rgb: as the preset says." in done.stdout
    assert "runs/study/unet-lab: 96 instead of 512 pixels, at most 30 minutes." in done.stdout
    asked = [line for line in calls() if line.startswith("torchrun")]
    start = "torchrun --standalone --nproc-per-node 2 -m photochrom train"
    given = "--data my photos --out runs/study"
    smaller = "--size 96 --minutes 30 --side 256"
    assert asked[1:3] == [
        f"{start} unet-rgb {given}/unet-rgb --device cuda --seed 3",
        f"{start} unet-lab {given}/unet-lab --device cuda {smaller} --seed 3",
    ]
    recipe("ablation.sh", *flags[:2], "--size", 384)
    assert "--size 384" in calls()[0]  # and of as many pixels as the photos are kept with


def test_ablation_goes_from_one_loss_to_the_other(recipe, photos, calls):
    recipe("ablation.sh", "--data", photos, "--out", "here", "--model", "unet-rgb")
    assert calls() == [
        f"photochrom train unet-rgb --alpha {alpha} --data my photos "
        f"--out here/unet-rgb-alpha-{alpha} --device auto"
        for alpha in ("1", "0.7", "0.5", "0.3", "0")
    ]


@pytest.mark.parametrize("preset", STUDY)
def test_the_recipes_know_the_sides_of_the_presets(preset):
    script = f'. "{RECIPES}/runs.sh"; side_of {preset}'
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert int(said.stdout) == PRESETS[preset][1].size


def test_a_run_that_stopped_goes_on_and_those_done_do_not(recipe, photos, calls, tmp_path):
    flags = ("seeds.sh", "--data", photos, "--test", photos)
    stopped = recipe(*flags, FAIL="unet-rgb")
    assert stopped.returncode == 130
    assert len(calls()) == 2  # nothing after it
    done = tmp_path / "runs" / "study"
    assert [(done / name / "done").exists() for name in STUDY] == [True, False, False, False]

    assert recipe(*flags).returncode == 0
    asked = calls()
    assert [line.split()[2] for line in asked[:3]] == STUDY[1:]
    assert [line.endswith("--resume") for line in asked[:3]] == [True, False, False]
    runs = " ".join(f"runs/study/{name}" for name in STUDY)
    assert asked[3:] == [
        f"photochrom evaluate {runs} --data my photos --perceptual lite2 --vivid 1 0",
        f"photochrom report {runs} -o runs/study/report.html",
    ]

    again = recipe(*flags)
    assert again.stdout.count("is done.") == 4
    assert calls() == asked[4:]  # no more than the page is made again


def test_what_was_trained_on_is_measured_again(recipe, photos, calls, tmp_path):
    flags = ("ablation.sh", "--data", photos, "--test", photos)
    recipe(*flags)
    calls()
    older = tmp_path / "runs" / "ablation" / "unet-lab-alpha-0.5" / "evaluation.json"
    os.utime(older, (1e9, 1e9))
    recipe(*flags)
    assert [line.split()[1] for line in calls()] == ["evaluate", "report"]


def test_photos_that_cannot_be_read_are_told_and_the_others_shown(recipe, photos, calls):
    flags = ("seeds.sh", "--data", photos, "--test", photos)
    assert recipe(*flags, UNREADABLE="1").returncode == 1
    assert calls()[-1].startswith("photochrom report")
    assert recipe(*flags).returncode == 0


def test_nothing_is_shown_that_was_not_measured(recipe, photos, calls):
    failed = recipe("seeds.sh", "--data", photos, "--test", photos, UNREADABLE="2", BLIND="1")
    assert failed.returncode == 2
    assert calls()[-1].startswith("photochrom evaluate")


def test_smoke_is_both_in_small(recipe, calls):
    assert recipe("smoke.sh", "--out", "small").returncode == 0
    asked = calls()
    trained = [line.split()[2] for line in asked if line.startswith("photochrom train")]
    assert sorted(trained) == sorted([*STUDY, *["cnn-rgb"] * 5])
    assert all("/samples --out small/" in line for line in asked if " train " in line)
    assert [line.split()[1] for line in asked].count("report") == 2
    assert recipe("smoke.sh", "--out", "new", FAIL="unet-lab").returncode == 130
    assert recipe("smoke.sh", "--out", "other", FAIL="alpha-0.3").returncode == 130


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("seeds.sh", "name the photos to train on with --data."),
        ("seeds.sh --data", "--data needs a value."),
        ("seeds.sh --data --size 96", "--data needs a value."),
        ("seeds.sh --data none", "none does not exist: name a folder or a .tar of photos."),
        ("seeds.sh --data . --test none",
         "none does not exist: name a folder or a .tar of photos."),
        ("seeds.sh --data . --out one two", "--out takes one value, not one two."),
        *(
            (f"seeds.sh --data . --size {size}",
             f"--size {size} is no side the networks can see: take a multiple of")
            for size in ("100", "16", "wide")
        ),
        ("seeds.sh --data . --minutes 5",
         "--minutes is for models that --size makes smaller: give --size"),
        *(
            (f"seeds.sh --data . --size 96 --minutes {minutes}",
             f"--minutes {minutes} is no time: give a number above 0.")
            for minutes in ("0.0", "1h")
        ),
        ("seeds.sh --data . --epochs 3",
         "there is no --epochs here, only --data --test --out --size --min"),
        ("seeds.sh photos",
         "there is no photos here, only --data --test --out --size --minutes --."),
        ("seeds.sh --data . --model unet-lab",
         "there is no --model here, only --data --test --out"),
        ("ablation.sh --data . --model unet-bins", "--model unet-bins has no alpha: take cnn-"),
        ("smoke.sh --size 32", "there is no --size here, only --data --out."),
        ("smoke.sh -- --epochs 2", "there is no -- here, only --data --out."),
    ],
)  # fmt: skip
def test_a_wrong_commandis_one_sentence(recipe, calls, command, said):
    refused = recipe(*command.split())
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"{command.split()[0]}: {said}")
    assert refused.stderr.count("\n") == 1
    assert calls() == []


def test_without_photochrom_the_recipes_say_so(recipe, photos, tmp_path):
    (tmp_path / "bin" / "photochrom").unlink()
    refused = recipe("seeds.sh", "--data", photos, PATH=os.defpath)
    assert refused.returncode == 2
    assert "photochrom is not installed here: activate its environment first." in refused.stderr


def test_the_flagship_is_trained_in_two_stages_small_photos_first(recipe, calls, tmp_path):
    shards = ("a.tar", "b.tar")
    done = recipe("flagship.sh", "runs/new", 100, *shards, "--", "--seed", 3)
    assert done.returncode == 0, done.stderr
    train = "torchrun --standalone --nproc-per-node 2 -m photochrom train hintnet"
    first, second, exported = (line for line in calls() if not line.startswith("photochrom train"))
    for line in (first, second):
        assert line.startswith(f"{train} --data a.tar b.tar --device cpu")
        assert line.endswith("--seed 3")
    assert "--out runs/new/1 --minutes 70 --init hintnet --size 192 --smallest 128" in first
    assert "--out runs/new/2 --minutes 30 --init runs/new/1 --size 320 --smallest 160" in second
    assert exported.startswith("photochrom export runs/new/2 --out runs/new/hintnet.onnx")
    (tmp_path / "runs" / "new" / "2" / "done").unlink()
    recipe("flagship.sh", "runs/new", 100, *shards, INIT="", PROCESSES="8")
    (again, *_) = (line for line in calls() if line.startswith("torchrun"))
    assert "--nproc-per-node 8" in again  # the first stage is done
    assert again.endswith("--resume")


@pytest.mark.parametrize("name", ["flagship.sh", "flagship-gpu.sh", "seeds-gpu.sh"])
def test_what_is_missing_is_asked_for(recipe, name):
    refused = recipe(name, "one")
    assert refused.returncode != 0
    assert "give " in refused.stderr


def test_two_runs_are_averaged_but_not_what_was_said_of_one(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    for name, value in (("before", 1.0), ("after", 2.0)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(name)
        safetensors.save_file(
            {"layer": np.full(3, value, "f"), "head.weights": np.full(2, value, "f")},
            tmp_path / name / "model.safetensors",
            {"facts": '{"step": 7, "val_psnr": 25.0}'},
        )
    command = [sys.executable, RECIPES / "average.py", "before", "after", "0.75", "mean"]
    subprocess.run(command, cwd=tmp_path, check=True)
    mean = safetensors.load_file(tmp_path / "mean" / "model.safetensors")
    np.testing.assert_allclose(mean["layer"], 1.75)
    np.testing.assert_allclose(mean["head.weights"], 2)
    assert (tmp_path / "mean" / "config.json").read_text() == "after"
    with safetensors.safe_open(tmp_path / "mean" / "model.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["facts"]) == {"step": 7}
    assert subprocess.run(command, cwd=tmp_path, stderr=subprocess.DEVNULL).returncode


def soft_photos(folder: Path, n: int) -> list[Path]:
    """Small photos without edges, in files of their own."""
    folder.mkdir()
    for i in range(n):
        coarse = np.random.default_rng(i).integers(0, 256, (4, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((80, 64), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return sorted(folder.iterdir())


def lines_of(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "what", "flags"),
    [
        ("flagship-gpu.sh", "10", "--side 64 --size 64 --smallest 32"),
        ("seeds-gpu.sh", "unet-lab", "--side 64 --size 32"),
    ],
)
def test_what_runs_on_a_gpu_runs_without(tmp_path, name, what, flags):
    """Everything but its speed: 12 steps, and all that comes before and after them."""
    shards, out, index = tmp_path / "shards", tmp_path / "out", tmp_path / "index.csv"
    shards.mkdir()
    with tarfile.open(shards / "a.tar", "w") as tar:
        for file in soft_photos(tmp_path / "photos", 8):
            tar.add(file, file.name)
    rows = (f"{i}.png,{'train' if i < 6 else 'val'}\n" for i in range(8))
    index.write_text("name,split\n" + "".join(rows))
    environment = os.environ | {
        "PYTHON": sys.executable,
        "DEVICE": "cpu",
        "CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    small = f"{flags} --batch 2 --epochs 4 --report-every 4 --index {index}".split()
    command = [RECIPES / name, shards, out, what, *small]
    told = subprocess.run(
        command, env=environment, check=True, timeout=1200, stdout=subprocess.PIPE
    )
    assert b"% of peak" in told.stdout
    run = out / ("run" if what == "10" else what)
    assert lines_of(run)[-1]["step"] == 12
    assert (run / "profile.txt").stat().st_size > 1000
    parts = sorted(out.glob("*.onnx.part*"))
    assert all(part.stat().st_size <= 14 * 2**20 for part in parts)
    whole = next(out.glob("*.onnx")).read_bytes()
    assert b"".join(part.read_bytes() for part in parts) == whole


@pytest.mark.slow
def test_smoke(tmp_path):
    soft_photos(tmp_path / "photos", 5)
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PHOTOCHROM_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        "DEVICE": "cpu",
    }
    command = [RECIPES / "smoke.sh", "--data", tmp_path / "photos", "--out", tmp_path / "out"]
    subprocess.run(command, env=environment, check=True, timeout=1200)
    seeds, ablation = tmp_path / "out" / "seeds", tmp_path / "out" / "ablation"
    alphas = [f"cnn-rgb-alpha-{alpha}" for alpha in ("1", "0.7", "0.5", "0.3", "0")]
    runs = [*(seeds / name for name in STUDY), *(ablation / name for name in alphas)]
    for run in runs:
        last = lines_of(run)[-1]
        assert last["epoch"] == 1
        assert last.keys() >= {"val_psnr", "peak_bytes"}
        assert json.loads((run / "evaluation.json").read_text())
    told = [json.loads((run / "config.json").read_text())["experiment"]["alpha"] for run in runs]
    assert told[4:] == [1, 0.7, 0.5, 0.3, 0]
    for folder in (seeds, ablation):
        assert "<html" in (folder / "report.html").read_text()
