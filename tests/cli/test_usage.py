"""What is wrong with a command line is said in one plain sentence that names the next step."""

from __future__ import annotations

import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photochrom.cli import main
from photochrom.cli.summary import Summary
from photochrom.errors import BadOption
from photochrom.image import pillow, writer
from photochrom.training.presets import PRESETS, TrainOptions


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def model(make_model) -> Path:
    return make_model()


@pytest.fixture
def photo(tmp_path: Path, scene, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(scene).save("a.png")
    return Path("a.png")


# --- the parser -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("colorize x.jpg --vivid abc", ("--vivid", "a number", "abc", "colorize --help")),
        ("colorize x.jpg --jobs 1.5", ("--jobs", "a whole number", "1.5", "colorize --help")),
        ("colorize x.jpg --size foo", ("--size", "a whole number or auto", "foo")),
        ("colorize x.jpg --device abc", ("--device", "auto, cpu or cuda", "abc")),
        ("colorize x.jpg --vivid", ("--vivid", "needs a value", "colorize --help")),
        ("colorize x.jpg --colour red", ("no option --colour", "colorize --help")),
        ("colorize x.jpg --quality-jpeg 200", ("200", "from 1 to 100")),
        ("colorize x.jpg --timeout -1", ("-1", "0 for no limit")),
        ("paint", ("no command paint", "photochrom --help")),
        ("", ("needs a command", "colorize", "photochrom --help")),
        ("palette x.jpg", ("pixels from the left and pixels from the top", "palette --help")),
        ("palette x.jpg 3 b", ("pixels from the top", "a number", "not b")),
        ("data", ("needs a command", "pack", "data --help")),
        ("data pack", ("needs", "data pack --help")),
        ("train hintnet --data x --out y --batch 0", ("--batch 0", "out of range", "1 or more")),
    ],
)
def test_each_mistake_is_one_plain_sentence(asked, words, capsys):
    assert run(*asked.split()) == 2
    said = capsys.readouterr()
    assert not said.out
    assert len(said.err.splitlines()) == 1
    for word in words:
        assert word in said.err
    for foreign in ("class", "NoneType", "FLOAT", "INT", "│", "None"):
        assert foreign not in said.err


def test_help_is_still_help(capsys):
    assert run("colorize", "--help") == 0
    assert "--timeout" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("batch", 0, "give 1 or more"), ("zoom", 0.0, "above 0, up to 1"), ("ema", 1.0, "below 1"),
        ("smallest", 16, "from 32 to --size (96)"), ("lr", float("nan"), "above 0"),
        ("validation", 1.0, "between 0 and 1"),
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_told_the_range(name, value, words):
    experiment = PRESETS["cnn-rgb"][1]
    with pytest.raises(BadOption) as raised:
        type(experiment)("cnn-rgb", **{name: value})
    assert f"--{name} {value} is out of range" in str(raised.value)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("minutes", 0), ("accumulate", 0), ("readers", -1), ("save_every", float("nan"))],
)
def test_a_session_is_told_the_range_too(name, value):
    with pytest.raises(BadOption, match=r"is out of range: give .*(or more|above)"):
        TrainOptions(data=[], out=Path("x"), **{name: value})


# --- where a result goes ----------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["txt", "svg", "pdf", "foo", "jpgg", "docx"])
def test_a_name_that_is_no_pictures_makes_no_folder(photo, model, suffix, capsys):
    assert run("colorize", photo, "-o", f"x.{suffix}", "--model", model) == 2
    assert "or in / to make a folder of that name" in capsys.readouterr().err
    assert not Path(f"x.{suffix}").exists()
    assert run("colorize", photo, "-o", f"x.{suffix}/", "--model", model) == 0
    assert Path(f"x.{suffix}/a.png").exists()
    assert run("colorize", photo, "-o", f"x.{suffix}", "--model", model) == 0  # as it is there


def test_a_folder_of_many_may_have_a_dot_but_not_the_name_of_a_document(photo, model, capsys):
    assert run("colorize", ".", "-o", "out.2024", "--model", model) == 0
    assert Path("out.2024/a.png").exists()
    assert run("colorize", ".", "-o", "x.pdf", "--model", model) == 2
    assert not Path("x.pdf").exists()


@pytest.mark.parametrize("suffix", ["gif", "pgm"])
def test_a_format_that_is_only_read_is_refused_with_what_to_choose(photo, model, suffix, capsys):
    assert run("colorize", photo, "-o", f"x.{suffix}", "--model", model) == 1
    assert "end it in .jpg, .png" in capsys.readouterr().err
    assert not Path(f"x.{suffix}").exists()


def test_heic_without_its_extra_says_which(photo, model, monkeypatch, capsys):
    monkeypatch.setattr(pillow, "heif_available", lambda: False)
    monkeypatch.setattr(writer, "_format_of", lambda _: None)
    assert run("colorize", photo, "-o", "x.heic", "--model", model) == 1
    assert "pip install 'photochrom[heif]'" in capsys.readouterr().err


# --- devices and pipes ------------------------------------------------------------------------


def test_a_result_may_go_to_a_device(photo, model, capsys):
    assert run("colorize", photo, "-o", "/dev/null", "--model", model) == 0
    assert not capsys.readouterr().err


def test_a_result_may_go_to_a_named_pipe(photo, model, tmp_path):
    os.mkfifo("pipe.jpg")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe.jpg").read_bytes()))
    reader.start()
    assert run("colorize", photo, "-o", "pipe.jpg", "--model", model) == 0
    reader.join()
    Path("b.png").write_bytes(read[0])
    assert np.asarray(Image.open("b.png")).shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_the_standard_input_by_any_name(photo, model, monkeypatch, name, capfdbinary):
    with photo.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": file}))
        assert run("colorize", name, "--model", model) == 0
    assert capfdbinary.readouterr().out[:8] == b"\x89PNG\r\n\x1a\n"
    with photo.open("rb") as file:
        monkeypatch.setattr(sys, "stdin", type("Input", (), {"buffer": file}))
        assert run("colorize", name, "-o", "b.png", "--model", model) == 0
    assert Image.open("b.png").mode == "RGB"


def test_a_pipe_that_a_shell_gives_is_read(photo, model, capfdbinary):
    reading, writing = os.pipe()
    os.write(writing, photo.read_bytes())
    os.close(writing)
    try:
        assert run("colorize", f"/dev/fd/{reading}", "--model", model) == 0
    finally:
        os.close(reading)
    assert capfdbinary.readouterr().out[:8] == b"\x89PNG\r\n\x1a\n"


# --- sidecars ---------------------------------------------------------------------------------

XMP = "<rdf:RDF>{}</rdf:RDF>"


@pytest.fixture
def sidecars(photo) -> None:
    Image.open(photo).save("b.jpg")
    Image.open(photo).save("b.png")
    for name in ("a.png.xmp", "a.xmp", "b.jpg.xmp", "b.xmp"):
        Path(name).write_text(XMP.format(name))


def copied(folder: str = "out") -> dict[str, str]:
    return {
        path.name: re.sub("<[^>]*>", "", path.read_text())
        for path in sorted(Path(folder).glob("*.xmp"))
    }


def test_sidecars_go_with_the_result_where_it_is_clear_whose_they_are(sidecars, model, capsys):
    assert run("colorize", ".", "-o", "out", "--model", model) == 0
    assert copied() == {name: name for name in ("a.png.xmp", "a.xmp", "b.jpg.xmp")}
    assert "sidecar" not in capsys.readouterr().err
    assert run("colorize", "a.png", "--model", model) == 0
    assert Path("a.color.png.xmp").read_text() == XMP.format("a.png.xmp")
    assert Path("a.color.xmp").read_text() == XMP.format("a.xmp")


def test_sidecars_are_left_out_with_the_rest_of_what_is_said_of_the_photo(sidecars, model):
    assert run("colorize", ".", "-o", "out", "--model", model, "--strip") == 0
    assert copied() == {}


def test_a_sidecar_that_exists_is_kept_unless_forced(sidecars, model, capsys):
    Path("out").mkdir()
    Path("out/a.xmp").write_text("mine")
    assert run("colorize", "a.png", "-o", "out", "--model", model) == 0
    assert "out/a.xmp exists already" in capsys.readouterr().err
    assert copied() == {"a.png.xmp": "a.png.xmp", "a.xmp": "mine"}
    Path("out/a.png").unlink()
    assert run("colorize", "a.png", "-o", "out", "--model", model, "--force") == 0
    assert copied() == {"a.png.xmp": "a.png.xmp", "a.xmp": "a.xmp"}


def test_a_raw_photo_may_be_the_one_a_sidecar_is_for(photo, model):
    Path("a.xmp").write_text("of the raw")
    Path("a.CR2").write_bytes(b"raw")
    assert run("colorize", photo, "-o", "out", "--model", model) == 0
    assert copied() == {}


@pytest.mark.parametrize("said", ["no XMP", "larger than"])
def test_what_is_no_sidecar_is_not_copied(photo, model, capsys, tmp_path, said):
    """As where an album from elsewhere has a link of such a name to somebody's keys."""
    secret = tmp_path / "id_rsa"
    secret.write_text("-----BEGIN OPENSSH PRIVATE KEY-----")
    if said == "larger than":
        secret.write_text(XMP)
        os.truncate(secret, 2**31)  # which takes no room on the disk
    Path("a.png.xmp").symlink_to(secret)
    os.mkfifo("a.xmp")
    assert run("colorize", photo, "-o", "out", "--model", model) == 0
    assert said in capsys.readouterr().err
    assert [path.name for path in Path("out").glob("*.xmp")] == []


# --- numbers ----------------------------------------------------------------------------------


def test_one_is_singular(capsys):
    summary = Summary(None)
    summary.counts["skipped"], summary.expected = 1, 1
    assert summary.sum_up(quiet=False) == 0
    assert "1 of 1 photo was done before." in capsys.readouterr().err
    assert "1 of 1 photo is done;" in summary.interrupted()
    summary.counts["skipped"], summary.expected = 1200, 3000
    assert "1,200 of 3,000 photos are done;" in summary.interrupted()
