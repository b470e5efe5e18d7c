"""The command line as a user meets it: in a process of its own where it matters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

import photochrom
from photochrom import Colorizer
from photochrom.cli import main
from photochrom.color import grey_to_lightness, lab_to_rgb, rgb_to_lab


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
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


def results(folder: Path) -> list[str]:
    found = [p for p in folder.rglob("*") if p.is_file() and ".photochrom" not in p.parts]
    return sorted(p.relative_to(folder).as_posix() for p in found)


def test_importing_loads_neither_torch_nor_the_engine():
    code = (
        "import sys, photochrom; print(sorted({'torch', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    )
    assert process("-c", code).stdout.strip() == "[]"


def test_help_loads_no_torch():
    code = (
        "import sys\nfrom photochrom.cli import main as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    answer = process("-c", code)
    assert answer.stdout.splitlines()[-1] == "[]"
    for command in main.COMMANDS:
        assert command in answer.stdout


@pytest.mark.parametrize("command", main.COMMANDS)
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


def test_a_name_that_the_terminal_cannot_spell_is_no_reason_to_stop(album, model, monkeypatch):
    photo = (album / "one.png").rename(album / "größe.png")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = process("-m", "photochrom", "colorize", str(photo), "--model", str(model))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("gr\\xf6\\xdfe.color.png")


def test_output_may_go_anywhere(album, model):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run("colorize", album / "one.png", "--model", model) == 0
    assert out.getvalue().strip() == str(album / "one.color.png")


def test_a_folder_is_mirrored(album, model, tmp_path):
    out = tmp_path / "out"
    assert run("colorize", album, "-o", out, "--model", model) == 0
    assert results(out) == ["one.png", "summer/two.jpg"]
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
    assert results(out) == ["one.png", "summer/two.jpg"]


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


@pytest.mark.parametrize("error", [ValueError("odd"), MemoryError(), OSError(5, "Input/output")])
def test_whatever_a_photo_provokes_the_sheet_is_made_of_the_others(
    album, model, tmp_path, capsys, monkeypatch, error
):
    render = Colorizer.render
    Image.new("L", (77, 20)).save(album / "odd.png")

    def provoked(self, photo, options):
        if photo.pixels.shape[1] == 77:
            raise error
        return render(self, photo, options)

    monkeypatch.setattr(Colorizer, "render", provoked)
    out = tmp_path / "s.png"
    photos = (album, tmp_path / "none*.jpg")
    assert run("sheet", *photos, "-o", out, "--model", model, "--height", 50) == 1
    said = capsys.readouterr().err
    assert str(album / "odd.png") in said
    assert "No photo is called" in said
    assert Image.open(out).height < 4 * 50


def test_the_quality_reaches_the_colorizer(album, model, tmp_path, monkeypatch, capsys):
    asked, render = [], Colorizer.render

    def spied(self, photo, options):
        asked.append(options.quality)
        return render(self, photo, options)

    monkeypatch.setattr(Colorizer, "render", spied)
    for name, given in (("a", ()), ("b", ("--quality", "fast")), ("c", ("--quality", "best"))):
        assert run("colorize", album, "--model", model, "-o", tmp_path / name, *given) == 0
    assert asked == ["fast"] * 4 + ["best"] * 2
    assert run("sheet", album, "--model", model, "-o", tmp_path / "s.jpg", "--quality", "best") == 0
    assert asked.count("best") == 4
    assert run("colorize", album, "--model", model, "--quality", "98") == 2
    assert "--quality takes best or fast, not 98" in capsys.readouterr().err


def test_what_would_be_wrong_with_each_stops_a_sheet(album, model, tmp_path, capsys):
    for wrong in (("--size", 7), ("--height", 0), ("--most", 0)):
        assert run("sheet", album, "-o", tmp_path / "s.png", "--model", model, *wrong) == 2
        assert len(capsys.readouterr().err.strip().splitlines()[-1:]) == 1
    assert not (tmp_path / "s.png").exists()


# --- hints, versions, references --------------------------------------------------------------


@pytest.fixture
def able(make_model) -> Path:
    """A model that tells everything and takes hints."""
    return make_model("able", hints=0.1, tells=("logits", "features"))


@pytest.fixture
def photo(album, scene) -> Path:
    return album / "one.png"


def hint_file(folder: Path, *hints: dict[str, object], **more: object) -> Path:
    file = folder / "hints.json"
    file.write_text(json.dumps({"hints": hints} | more))
    return file


def ab_at(path: Path, x: int, y: int) -> np.ndarray:
    return rgb_to_lab(np.asarray(Image.open(path))[y, x] / 255, axis=-1)[1:]


def test_hints_are_honoured(photo, able, tmp_path):
    given = hint_file(tmp_path, {"x": 20, "y": 50, "color": [-20, 15]}, size=[128, 96])
    assert run("colorize", photo, "--model", able, "--hints", given) == 0
    np.testing.assert_allclose(ab_at(photo.with_name("one.color.png"), 10, 25), [-20, 15], atol=5)


def test_hints_are_for_one_photo(album, photo, able, tmp_path, capsys):
    given = hint_file(tmp_path, {"x": 1, "y": 1, "color": "red"})
    before = results(album)
    for photos in ([album], [photo, album / "summer" / "two.jpg"]):
        assert run("colorize", *photos, "--model", able, "--hints", given) == 2
        assert "is for one photo, but there are 2: name that one" in capsys.readouterr().err
    assert results(album) == before
    (album / "summer" / "two.jpg").unlink()
    assert run("colorize", album, "--model", able, "--hints", given) == 0  # a folder of one


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read as hints"),
        ("{", "cannot be read as hints"),
        ("[]", "these are no hints"),
        ('{"hints": [{"x": 1, "y": 1, "color": "reddish"}]}', "'reddish' is no colour"),
        ('{"hints": [{"x": 99, "y": 1, "color": "red"}]}', "lies outside the photo"),
    ],
)
@pytest.mark.parametrize("command", ["colorize", "uncertainty", "palette"])
def test_hints_that_are_wrong_write_nothing(photo, able, tmp_path, capsys, command, text, words):
    given, out = tmp_path / "hints.json", tmp_path / "new.png"
    if text is not None:
        given.write_text(text)
    place = (10, 10) if command == "palette" else ("-o", out)
    assert run(command, photo, *place, "--model", able, "--hints", given) == 2
    said = capsys.readouterr()
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out
    assert not out.exists()


def test_samples_are_numbered_files_that_differ(photo, able, capsys):
    before = set(results(photo.parent))
    assert run("colorize", photo, "--model", able, "--samples", 3, "--seed", 4) == 0
    files = [photo.with_name(f"one.color-{i}.png") for i in (1, 2, 3)]
    assert capsys.readouterr().out.split() == [str(file) for file in files]
    assert set(results(photo.parent)) - before == {file.name for file in files}
    assert len({file.read_bytes() for file in files}) > 1


def test_samples_are_those_of_the_seed(photo, able, tmp_path):
    for out, seed in (("a", 4), ("b", 4), ("c", 5)):
        target = tmp_path / out / "new.jpg"
        assert (
            run("colorize", photo, "-o", target, "--model", able, "--samples", 2, "--seed", seed)
            == 0
        )
    a, b, c = ([(tmp_path / n / f"new-{i}.jpg").read_bytes() for i in (1, 2)] for n in "abc")
    assert a == b != c


def test_samples_overwrite_nothing_unless_forced(photo, able, capsys):
    taken = photo.with_name("one.color-3.png")
    taken.write_bytes(b"mine")
    command = ("colorize", photo, "--model", able, "--samples", 3)
    assert run(*command) == 1
    assert "one.color-3.png exists already" in capsys.readouterr().err
    assert taken.read_bytes() == b"mine"
    assert not photo.with_name("one.color-1.png").exists()  # found out before the work
    assert run(*command, "--force") == 0
    assert Image.open(taken).size == (64, 48)


@pytest.mark.parametrize(
    "asked", [("--samples", 0), ("--samples", 65), ("--samples", 1, "--seed", -1)]
)
def test_samples_that_cannot_be(photo, able, asked, capsys):
    before = results(photo.parent)
    assert run("colorize", photo, "--model", able, *asked) == 2
    said = capsys.readouterr().err
    assert "give a number from" in said
    assert len(said.splitlines()) == 1
    assert results(photo.parent) == before


def test_earlier_samples_are_no_photos(album, able, tmp_path):
    assert run("colorize", album, "--model", able, "--samples", 2) == 0
    assert run("colorize", album, "--model", able, "-o", tmp_path / "out") == 0
    assert results(tmp_path / "out") == ["one.png", "summer/two.jpg"]


def test_a_reference_lends_its_colours(photo, scene, able, tmp_path, capsys):
    grey = scene / 255.0
    L = 0.3 * grey_to_lightness(grey) + 45
    lab = np.dstack([L, np.full_like(L, -20), np.full_like(L, 20)])
    rgb = np.rint(np.clip(lab_to_rgb(lab, axis=-1), 0, 1) * 255).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "green.png")
    Image.fromarray(rgb).convert("L").save(photo)
    out = tmp_path / "new.png"
    assert (
        run("colorize", photo, "-o", out, "--model", able, "--reference", tmp_path / "green.png")
        == 0
    )
    assert capsys.readouterr().err == ""
    coloured = rgb_to_lab(np.asarray(Image.open(out)) / 255, axis=-1)[..., 1:]
    assert np.abs(coloured - [-20, 20]).mean() < 6


def test_a_reference_that_shows_something_else_is_said(photo, able, tmp_path, capsys):
    Image.new("RGB", (40, 40), "red").save(photo)
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    assert (
        run("colorize", photo, "--model", able, "--reference", tmp_path / "red.png", "--recolor")
        == 0
    )
    assert "shows nothing that it does" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [("missing.png", 1, "does not exist"), ("grey.png", 2, "The reference has no colour")],
)
def test_references_that_lend_nothing(photo, able, tmp_path, capsys, reference, code, words):
    Image.new("L", (40, 40), 99).save(tmp_path / "grey.png")
    before = results(photo.parent)
    assert run("colorize", photo, "--model", able, "--reference", tmp_path / reference) == code
    assert words in capsys.readouterr().err
    assert results(photo.parent) == before


def test_a_reference_is_never_written_over(photo, able, tmp_path, capsys):
    colours = tmp_path / "colours.png"
    Image.new("RGB", (40, 40), "red").save(colours)
    before = colours.read_bytes()
    asked = ("--model", able, "--reference", colours, "-o", colours, "--force")
    assert run("colorize", photo, *asked) == 1
    assert "is the photo itself" in capsys.readouterr().err
    assert colours.read_bytes() == before


def test_a_palette_is_a_colour_and_a_share_on_each_line(photo, able, tmp_path, capsys):
    assert run("palette", photo, 20, 30.5, "--model", able) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert len(lines) > 1
    assert sum(float(share) for _, share in lines) == pytest.approx(1, abs=0.01)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour, _ in lines)
    given = hint_file(tmp_path, {"x": 20, "y": 30.5, "color": lines[0][0]})
    asked = ("palette", photo, 20, 30.5, "--model", able, "--hints", given)
    assert run(*asked) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert run(*asked, "--most", 1) == 0
    assert capsys.readouterr().out == f"{first}\n"


def test_a_palette_on_a_terminal_shows_its_colours(photo, able, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert run("palette", photo, 20, 30, "--model", able) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(re.search("#[0-9a-f]{6} [01][.][0-9]{3}$", line) for line in lines)


@pytest.mark.parametrize(("x", "y"), [(65, 10), (10, 49), (-1, 10), (10, -0.5), ("nan", 1)])
def test_a_palette_is_of_a_point_of_the_photo(photo, able, x, y, capsys):
    assert run("palette", photo, x, y, "--model", able) == 2
    said = capsys.readouterr()
    assert "outside the photo" in said.err or "give numbers of pixels" in said.err
    assert not said.out


def test_what_a_model_does_not_tell_is_a_request_that_is_wrong(photo, model, tmp_path, capsys):
    out = tmp_path / "new.png"
    Image.new("RGB", (9, 9), "red").save(tmp_path / "red.png")
    for command in (
        ("palette", photo, 1, 1),
        ("uncertainty", photo, "-o", out),
        ("colorize", photo, "-o", out, "--samples", 2),
        ("colorize", photo, "-o", out, "--reference", tmp_path / "red.png"),
    ):
        assert run(*command, "--model", model) == 2
        assert "use a model that does" in capsys.readouterr().err
    assert not out.exists()


def test_uncertainty_is_a_picture_of_the_photos_size(photo, able, tmp_path, capsys):
    out = tmp_path / "maps" / "guesses.png"
    assert run("uncertainty", photo, "-o", out, "--model", able) == 0
    assert Image.open(out).size == (64, 48)
    path, figures = capsys.readouterr().out.splitlines()
    assert path == str(out)
    assert re.fullmatch(r"\d[.]\d\d bits on average, at most \d[.]\d\d", figures)
    assert run("uncertainty", photo, "-o", out, "--model", able) == 1
    assert "exists already" in capsys.readouterr().err
    assert run("uncertainty", photo, "-o", out, "--model", able, "--force") == 0


def test_uncertainty_never_replaces_the_photo(photo, able, capsys):
    before = photo.read_bytes()
    assert run("uncertainty", photo, "-o", photo, "--model", able, "--force") == 1
    assert "is the photo itself" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_a_photo_too_large_for_memory_does_not_stop_the_others(
    album, able, tmp_path, capsys, monkeypatch
):
    render = Colorizer.render

    def narrow(self, photo, options):
        if photo.source.name == "one.png":
            raise MemoryError
        return render(self, photo, options)

    monkeypatch.setattr(Colorizer, "render", narrow)
    assert run("colorize", album, "-o", tmp_path / "out", "--model", able) == 1
    assert "one.png needs more memory than there is" in capsys.readouterr().err
    assert results(tmp_path / "out") == ["summer/two.jpg"]


def test_an_interrupt_is_no_traceback(photo, able, capsys, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Colorizer, "render", interrupt)
    assert run("colorize", photo, "--model", able) == 130
    assert capsys.readouterr().err.startswith("photochrom: Interrupted")


# --- measuring and training -------------------------------------------------------------------


def test_a_sheet_shows_versions_too(photo, able, tmp_path):
    widths = []
    for name, versions in (("plain.png", ()), ("versions.png", ("--samples", 2))):
        out = tmp_path / name
        assert run("sheet", photo, "-o", out, "--model", able, "--height", 50, *versions) == 0
        widths.append(Image.open(out).width)
    assert widths[1] > 1.8 * widths[0]  # four pictures beside two


def test_a_sheet_of_nothing_is_said(tmp_path, model, capsys):
    bad, out = tmp_path / "bad.png", tmp_path / "sheet.jpg"
    bad.write_bytes(b"bad")
    assert run("sheet", bad, "-o", out, "--model", model) == 1
    assert "None of the photos can be shown" in capsys.readouterr().err
    assert not out.exists()


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
    assert run("evaluate", model, "--data", folder, "--csv", target) == 2
    assert "figures.json is no name for figures: end it in .csv." in capsys.readouterr().err
    (folder / "bad.png").write_bytes(b"bad")
    assert run("evaluate", model, "--data", folder) == 1
    assert "bad.png" in capsys.readouterr().err


def test_train_export_evaluate_and_colour(tmp_path, album, capsys):
    pytest.importorskip("torch")
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
    table = tmp_path / "figures.csv"
    assert run("evaluate", out, "--data", folder, "--csv", table, "--perceptual", "lite2") == 0
    assert (out / "model.onnx").exists()
    kept = json.loads((out / "evaluation.json").read_text())
    names = [row["name"] for row in kept["summary"]]
    assert names == ["grey", "constant", "run", "run, own RGB"]
    assert kept["models"]["run"]["experiment"] == "cnn-rgb"
    assert kept["sources"] == [str(folder)]
    assert {"lite2", "top-1 kept", "FD-lite2"} <= kept["summary"][2]["judged"].keys()
    assert len(table.read_text().splitlines()) == 1 + 4 * 12
    assert run("export", tmp_path, "-o", model) == 1
    assert "is no run" in capsys.readouterr().err


def test_training_starts_from_a_model_by_its_name(tmp_path, monkeypatch, capsys):
    pytest.importorskip("torch")
    from photochrom.inference.onnx_model import WEIGHTS
    from photochrom.training import train

    began = []
    monkeypatch.setattr(train, "train", lambda _, session: began.append(session.init))
    common = "--data", tmp_path, "--out", tmp_path / "run", "--init"
    assert run("train", "hintnet", *common, "hintnet") == 0
    assert run("train", "hintnet", *common, tmp_path) == 0
    assert began == [WEIGHTS / "hintnet.onnx", tmp_path]
    assert run("train", "hintnet", *common, "hintnot") == 2
    assert "There is no model hintnot: give a path, or one of: " in capsys.readouterr().err


def test_without_torch_training_names_the_extra(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "photochrom.training.export", None)
    assert run("export", tmp_path, "-o", tmp_path / "x.onnx") == 1
    assert "pip install 'photochrom[train]'" in capsys.readouterr().err


# --- what is coloured, and what is said of it -------------------------------------------------


@pytest.fixture
def beach(tmp_path) -> Path:
    """A photo in colour."""
    x = np.linspace(0, 255, 64).astype(np.uint8)
    rgb = np.dstack([np.tile(x, (48, 1)), np.tile(255 - x, (48, 1)), np.full((48, 64), 90)])
    Image.fromarray(rgb.astype(np.uint8)).save(tmp_path / "beach.png")
    return tmp_path / "beach.png"


def test_a_photo_in_colour_is_passed_over_loudly(beach, model, capsys):
    assert run("colorize", beach, "--model", model) == 0
    said = capsys.readouterr()
    assert "beach.png is in colour already, so it was passed over: see --recolor." in said.err
    assert not said.out
    assert [path.name for path in beach.parent.glob("beach*")] == ["beach.png"]
    assert run("colorize", beach, "--model", model, "--recolor") == 0
    assert beach.with_name("beach.color.png").exists()


def test_in_a_folder_those_in_colour_are_counted(album, beach, model, tmp_path, capsys):
    beach.rename(album / "beach.png")
    assert run("colorize", album, "-o", tmp_path / "out", "--model", model) == 0
    assert "1 of 3 photos was in colour already" in capsys.readouterr().err
    assert not (tmp_path / "out" / "beach.png").exists()


def test_results_say_that_they_were_colorized(album, model, tmp_path):
    named = tmp_path / "out.png"
    note = f"colorized by photochrom {photochrom.__version__}, model toy"
    asked = ("colorize", album / "one.png", "-o", named, "--force", "--model", model)
    for options, told in [((), True), (("--no-mark",), False), (("--strength", 0), False)]:
        assert run(*asked, *options) == 0
        image = Image.open(named)
        image.load()
        assert (note in image.text.get("Software", "")) is told
        assert (b"compositeWithTrainedAlgorithmicMedia" in named.read_bytes()) is told


def test_strip_leaves_out_what_the_file_said(album, model, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Artist], exif[ExifTags.Base.Orientation] = "Ansel", 6
    Image.open(album / "one.png").save(album / "one.png", exif=exif, dpi=(300, 300))
    asked = ("colorize", album / "one.png", "-o", tmp_path / "out.jpg", "--model", model)
    assert run(*asked) == 0
    assert Image.open(tmp_path / "out.jpg").getexif()[ExifTags.Base.Artist] == "Ansel"
    assert run(*asked, "--strip", "--force") == 0
    image = Image.open(tmp_path / "out.jpg")
    assert image.size == (48, 64)
    assert ExifTags.Base.Artist not in image.getexif()
    assert "photochrom" in image.getexif()[ExifTags.Base.Software]
    assert run(*asked, "--strip", "--no-mark", "--force") == 0
    assert not Image.open(tmp_path / "out.jpg").getexif()


def pages_at(path: Path, *modes: str) -> Path:
    """A TIFF of so many pages: L and toned ones, and one in colour where a mode is "RGB"."""
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    colour = np.dstack([ramp, ramp[::-1, ::-1], np.full_like(ramp, 90)])
    images = [Image.fromarray(colour if mode == "RGB" else ramp) for mode in modes]
    images[0].save(path, save_all=True, append_images=images[1:])
    return path


def test_every_page_is_coloured_but_those_in_colour(tmp_path, model, capsys):
    scan = pages_at(tmp_path / "scan.tif", "RGB", "L", "L")
    assert run("colorize", scan, "--model", model) == 0
    with Image.open(scan) as before, Image.open(tmp_path / "scan.color.tif") as after:
        assert after.n_frames == 3
        assert np.array_equal(np.asarray(before), np.asarray(after))
        after.seek(2)
        assert np.ptp(np.asarray(after), axis=2).max() > 10
    assert run("colorize", scan, "-o", tmp_path / "one.jpg", "--model", model) == 1
    assert "JPEG holds one page" in capsys.readouterr().err
    assert not (tmp_path / "one.jpg").exists()
    all_colour = pages_at(tmp_path / "all.tif", "RGB", "RGB")
    assert run("colorize", all_colour, "--model", model) == 0
    assert "in colour already" in capsys.readouterr().err


def test_hints_and_samples_are_for_one_page(tmp_path, able, capsys):
    scan = pages_at(tmp_path / "scan.tif", "L", "L")
    assert run("colorize", scan, "--model", able, "--samples", 2) == 1
    assert "has 2 pages, but samples are of one" in capsys.readouterr().err


def test_a_damaged_page_leaves_nothing(tmp_path, model, capsys):
    scan = pages_at(tmp_path / "scan.tif", "L", "L")
    whole = scan.read_bytes()
    with Image.open(scan) as image:
        image.seek(1)
        strip = image.tag_v2[TiffImagePlugin.STRIPOFFSETS][0]
    scan.write_bytes(whole.replace(strip.to_bytes(4, "little"), (1 << 30).to_bytes(4, "little")))
    assert run("colorize", scan, "--model", model) == 1
    assert "Page 2 of" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*scan*")] == ["scan.tif"]
    assert not list(tmp_path.glob(".*"))


def test_an_animation_is_named_and_becomes_a_still(tmp_path, model, capsys):
    (tmp_path / "album").mkdir()
    frames = [Image.fromarray(np.full((40, 40), level, np.uint8)) for level in (30, 200)]
    frames[0].save(tmp_path / "album" / "moving.gif", save_all=True, append_images=frames[1:])
    assert run("colorize", tmp_path / "album", "-o", tmp_path / "out", "--model", model) == 0
    assert "it holds 2 pictures, of which only the first is coloured" in capsys.readouterr().err
    assert Image.open(tmp_path / "out" / "moving.gif.png").format == "PNG"


@pytest.mark.parametrize("name", ["two\nlines.png", os.fsdecode(b"caf\xe9.png"), "-rf.png"])
def test_odd_names(album, name, model):
    try:
        (album / "one.png").rename(album / name)
    except OSError:
        pytest.skip("this disk does not take the name")
    done = process("-m", "photochrom", "colorize", str(album), "--model", str(model))
    assert done.returncode == 0, done.stderr
    assert (album / name).with_suffix(".color.png").exists()
    assert "Traceback" not in done.stderr


# --- a cluster --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a.jpg", "--ray"], ["a.jpg", "--ray", "local"]),
        (["--ray", "a.jpg"], ["--ray", "local", "a.jpg"]),
        (["--ray", "--force", "a.jpg"], ["--ray", "local", "--force", "a.jpg"]),
        (["--ray", "s3://bucket/scans"], ["--ray", "local", "s3://bucket/scans"]),
        (["--ray", "local", "a.jpg"], ["--ray", "local", "a.jpg"]),
        (["--ray", "auto"], ["--ray", "auto"]),
        (["--ray", "ray://head:10001"], ["--ray", "ray://head:10001"]),
        (["--ray", "10.0.0.7:6379", "a.jpg"], ["--ray", "10.0.0.7:6379", "a.jpg"]),
        (["--ray=head:6379", "a.jpg"], ["--ray=head:6379", "a.jpg"]),
        (["a.jpg"], ["a.jpg"]),
    ],
)
def test_a_cluster_may_be_named_or_not(given, expected):
    assert main._with_address(["colorize", *given]) == ["colorize", *expected]


def test_without_ray_the_extra_is_named(album, model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "photochrom.batch.ray_data", raising=False)
    monkeypatch.delattr(photochrom.batch, "ray_data", raising=False)
    assert run("colorize", album, "--model", model, "--ray") == 1
    said = capsys.readouterr().err
    assert "This needs ray, which is not installed: pip install 'photochrom[ray]'." in said
    assert not (album / "one.color.png").exists()


@pytest.mark.parametrize("asked", [["s3://a/b"], [".", "-o", "s3://a/b"]])
def test_urls_are_for_a_cluster(asked, model, album, capsys, monkeypatch):
    monkeypatch.chdir(album)
    assert run("colorize", *asked, "--model", model) == 2
    assert "s3://a/b is not on this machine: fetch it first, or use --ray." in (
        capsys.readouterr().err
    )


def test_hints_are_for_one_photo_on_a_cluster_too(album, able, tmp_path, capsys):
    pytest.importorskip("ray")
    given = hint_file(tmp_path, {"x": 1, "y": 1, "color": "red"})
    assert run("colorize", album, "--model", able, "--hints", given, "--ray") == 2
    assert "is for one photo, but there are 2: name that one" in capsys.readouterr().err


def test_only_the_second_ctrl_c_is_the_end(monkeypatch):
    handlers = []
    monkeypatch.setattr("signal.signal", lambda number, handler: handlers.append(handler))
    with pytest.raises(KeyboardInterrupt):
        main._interrupt()
    assert handlers == [signal.SIG_DFL]


def test_a_closed_end_of_a_pipe_is_said(album, model, capsys, monkeypatch):
    for stream in ("stdin", "stdout"):
        with monkeypatch.context() as patch:
            patch.setattr(sys, stream, None)
            assert run("colorize", "-", "--model", model) == 2
        assert "one of them is closed: open it, or name files." in capsys.readouterr().err
