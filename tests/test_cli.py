"""The command line as a user meets it: in a process of its own where it matters."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photochrom
from photochrom import cli


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def model(make_model) -> Path:
    return make_model(vivid=[], metadata={"default_vivid": "0"})


@pytest.fixture
def album(tmp_path: Path, scene) -> Path:
    """Two grey photos, one in a sub-folder, and a note that is no photo."""
    folder = tmp_path / "album"
    (folder / "summer").mkdir(parents=True)
    Image.fromarray(scene).save(folder / "one.png")
    Image.fromarray(scene.T).save(folder / "summer" / "two.jpg")
    (folder / "notes.txt").write_text("not a photo")
    return folder


def test_importing_loads_neither_torch_nor_the_engine():
    code = (
        "import sys, photochrom; print(sorted({'torch', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    )
    assert process("-c", code).stdout.strip() == "[]"


def test_help_loads_no_torch():
    code = (
        "import sys\nfrom photochrom import cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    answer = process("-c", code)
    assert answer.stdout.splitlines()[-1] == "[]"
    for command in cli.COMMANDS:
        assert command in answer.stdout


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_each_help_shows_an_example(command, capsys):
    assert run(command, "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: photochrom {command} " in shown


def test_the_public_names_are_there():
    for name in photochrom.__all__:
        assert getattr(photochrom, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'colourise'"):
        _ = photochrom.colourise


def test_version(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == f"photochrom {photochrom.__version__}"


def test_as_a_module(album, model):
    done = process("-m", "photochrom", "colorize", str(album / "one.png"), "--model", str(model))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(album / "one.color.png")
    assert np.ptp(np.asarray(Image.open(album / "one.color.png")), axis=2).max() > 10


def test_a_folder_is_mirrored(album, model, tmp_path):
    out = tmp_path / "out"
    assert run("colorize", album, "-o", out, "--model", model) == 0
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert written == ["one.png", "summer/two.jpg"]
    assert Image.open(out / "summer" / "two.jpg").size == (48, 64)


def test_one_photo_into_a_named_file(album, model, tmp_path):
    assert run("colorize", album / "one.png", "-o", tmp_path / "new.jpg", "--model", model) == 0
    assert Image.open(tmp_path / "new.jpg").format == "JPEG"


def test_many_photos_do_not_go_into_one_file(album, model, tmp_path, capsys):
    assert run("colorize", album, "-o", tmp_path / "new.jpg", "--model", model) == 2
    assert "name a folder" in capsys.readouterr().err


def test_results_are_not_overwritten_unless_forced(album, model, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("colorize", album, "-o", out, "--model", model) == 0
    before = (out / "one.png").read_bytes()
    assert run("colorize", album, "-o", out, "--model", model, "--strength", 0) == 1
    assert (out / "one.png").read_bytes() == before
    assert "2 of 2 photos failed" in capsys.readouterr().err
    assert run("colorize", album, "-o", out, "--model", model, "--strength", 0, "--force") == 0
    assert np.ptp(np.asarray(Image.open(out / "one.png")), axis=2).max() == 0


def test_a_bad_photo_does_not_stop_the_others(album, model, tmp_path, capsys):
    (album / "broken.jpg").write_bytes(b"this is text")
    (album / "empty.jpg").write_bytes(b"")
    out = tmp_path / "out"
    assert run("colorize", album, "-o", out, "--model", model) == 1
    said = capsys.readouterr()
    assert "broken.jpg" in said.err
    assert "empty.jpg" in said.err
    assert "2 of 4 photos failed" in said.err
    assert sorted(p.name for p in out.rglob("*.*")) == ["one.png", "two.jpg"]


def test_what_is_wrong_is_said_in_one_sentence(album, model, tmp_path, capsys):
    empty = tmp_path / "nothing"
    empty.mkdir()
    cases = [
        ((tmp_path / "missing.jpg", "--model", model), 1, "missing.jpg"),
        ((empty, "--model", model), 1, "No photos in"),
        ((album / "one.png", "--model", "no-such-model"), 2, "no-such-model"),
        ((album / "one.png", "--model", model, "--strength", 9), 2, "strength"),
        ((album / "one.png", "--model", model, "--size", 5), 2, "size"),
        (("--model", model), 2, "at least one photograph"),
    ]
    for arguments, code, words in cases:
        assert run("colorize", *arguments) == code, arguments
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said
        assert len(said.splitlines()) == 1, said


def test_unknown_options_are_usage_errors(album):
    assert process("-m", "photochrom", "colorize", str(album), "--colour", "red").returncode == 2
    assert process("-m", "photochrom", "paint").returncode == 2


def test_sheet_of_files_folders_and_shards(album, model, tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    Image.fromarray(colour).save(album / "colour.png")
    shard = tmp_path / "shard.tar"
    with tarfile.open(shard, "w") as tar:
        tar.add(album / "one.png", "inside/one.png")
    out = tmp_path / "sheet.jpg"
    assert run("sheet", album, shard, "-o", out, "--model", model, "--height", 50) == 0
    picture = Image.open(out)
    assert picture.height > 4 * 50
    again = ("sheet", shard, "-o", out, "--model", model, "--height", 50)
    assert run(*again) == 1
    assert run(*again, "--force") == 0
    assert Image.open(out).height < picture.height


def test_a_sheet_never_replaces_a_photo_and_survives_a_bad_one(album, model, tmp_path, capsys):
    one = album / "one.png"
    before = one.read_bytes()
    for photos in (one, album):
        assert run("sheet", photos, "-o", one, "--model", model, "--force") == 1
    assert one.read_bytes() == before
    (album / "bad.png").write_bytes(b"bad")
    assert run("sheet", album, "-o", tmp_path / "s.png", "--model", model, "--height", 50) == 1
    assert "bad.png" in capsys.readouterr().err
    assert (tmp_path / "s.png").exists()


def test_evaluate_measures_models_beside_the_baselines(model, tmp_path, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        pixels = np.random.default_rng(i).integers(0, 255, (12, 16, 3), np.uint8)
        Image.fromarray(pixels).resize((80, 60)).save(folder / f"{i}.png")
    target = tmp_path / "figures.json"
    assert run("evaluate", model, "--data", folder, "--json", target) == 0
    rows = json.loads(target.read_text())["summary"]
    assert [row["name"] for row in rows] == ["grey", "constant", "toy"]
    (folder / "bad.png").write_bytes(b"bad")
    assert run("evaluate", model, "--data", folder) == 1
    assert "bad.png" in capsys.readouterr().err


def test_train_export_evaluate_and_colour(tmp_path, album, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 255, (4, 5, 3), np.uint8)
        Image.fromarray(pixels).resize((50, 40)).save(folder / f"{i}.png")
    out = tmp_path / "run"
    settings = {"size": 32, "side": 40, "batch": 4, "epochs": 1, "validation": 0.3}
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    common = ("--data", folder, "--out", out, "--cache", tmp_path / "cache", "--quiet", *flags)
    assert run("train", "cnn-rgb", *common) == 0
    assert run("train", "cnn-rgb", *common) == 1
    assert "already holds a run" in capsys.readouterr().err
    model = tmp_path / "mine.onnx"
    assert run("export", out, "-o", model) == 0
    assert run("colorize", album / "one.png", "--model", model, "-o", tmp_path / "new.png") == 0
    assert run("evaluate", out, "--data", folder) == 0
    assert (out / "model.onnx").exists()
    assert run("export", tmp_path, "-o", model) == 1
    assert "is no run" in capsys.readouterr().err


def test_without_torch_training_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "photochrom.training.export", None)
    assert run("export", tmp_path, "-o", tmp_path / "x.onnx") == 1
    assert "pip install 'photochrom[train]'" in capsys.readouterr().err
