"""``photochrom train``, ``export`` and ``evaluate`` as a user meets them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 255, (4, 5, 3), np.uint8)
        Image.fromarray(pixels).resize((50, 40)).save(folder / f"{i}.png")
    return folder


def test_models_are_measured_beside_the_baselines(model, photos, tmp_path, capsys):
    target = tmp_path / "figures.json"
    asked = ("evaluate", model, "--data", photos)
    assert run(*asked, "--json", target) == 0
    rows = json.loads(target.read_text())["summary"]
    assert [row["name"] for row in rows] == ["grey", "constant", "toy"]
    assert run(*asked, "--csv", target) == 2
    assert "figures.json is no name for figures: end it in .csv." in capsys.readouterr().err
    (photos / "bad.png").write_bytes(b"bad")
    assert run(*asked) == 1
    assert "bad.png" in capsys.readouterr().err


def test_the_dial_is_asked_of_models_that_have_it(make_model, photos, tmp_path, capsys):
    plain = make_model("plain")
    dialled = make_model("dialled", vivid=[], metadata={"default_vivid": "0"})
    target = tmp_path / "figures.json"
    asked = ("--data", photos, "--json", target, "--vivid", "1", "0")
    assert run("evaluate", plain, dialled, *asked) == 0
    rows = json.loads(target.read_text())["summary"]
    names = ["grey", "constant", "plain", "dialled, vivid 1", "dialled, vivid 0"]
    assert [row["name"] for row in rows] == names
    assert run("evaluate", plain, *asked) == 2
    assert "leave it out" in capsys.readouterr().err


@pytest.mark.slow
def test_train_export_evaluate_and_colour(tmp_path, photo, photos, capsys):
    pytest.importorskip("torch")
    out = tmp_path / "run"
    settings = {"size": 32, "side": 40, "batch": 4, "epochs": 1, "validation": 0.3}
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    common = ("--data", photos, "--out", out, "--cache", tmp_path / "cache", "--quiet", *flags)
    assert run("train", "cnn-rgb", *common) == 0
    assert run("train", "cnn-rgb", *common) == 1
    assert "already holds a run" in capsys.readouterr().err
    model = tmp_path / "mine.onnx"
    assert run("export", out, "-o", model) == 0
    assert run("colorize", photo, "--model", model, "-o", tmp_path / "new.png") == 0
    table = tmp_path / "figures.csv"
    assert run("evaluate", out, "--data", photos, "--csv", table, "--perceptual", "lite2") == 0
    assert (out / "model.onnx").exists()
    kept = json.loads((out / "evaluation.json").read_text())
    names = [row["name"] for row in kept["summary"]]
    assert names == ["grey", "constant", "run", "run, own RGB"]
    assert kept["models"]["run"]["experiment"] == "cnn-rgb"
    assert kept["sources"] == [str(photos)]
    assert {"lite2", "top-1 kept", "FD-lite2"} <= kept["summary"][2]["judged"].keys()
    assert len(table.read_text().splitlines()) == 1 + 4 * 12
    assert run("export", tmp_path, "-o", model) == 1
    assert "is no run" in capsys.readouterr().err


def test_training_starts_from_a_model_by_its_name(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    from photochrom.inference.model_files import WEIGHTS
    from photochrom.training import train

    began = []
    monkeypatch.setattr(train, "train", lambda _, session: began.append(session.init))
    common = "--data", tmp_path, "--out", tmp_path / "run", "--init"
    assert run("train", "hintnet", *common, "hintnet") == 0
    assert run("train", "hintnet", *common, tmp_path) == 0
    assert began == [WEIGHTS / "hintnet.onnx", tmp_path]
    assert run("train", "hintnet", *common, "hintnot") == 2
    assert "There is no model hintnot: give a path, or one of: " in capsys.readouterr().err


def test_without_torch_the_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "photochrom.training.export", None)
    assert run("export", tmp_path, "-o", tmp_path / "x.onnx") == 1
    assert "pip install 'photochrom[train]'" in capsys.readouterr().err
