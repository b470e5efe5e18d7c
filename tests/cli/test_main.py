"""The command line as such: what it loads, what it says, and how it ends."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photochrom
from commands import raising, run
from photochrom.cli import main
from photochrom.cli.optional_values import fill_optional_values
from photochrom.inference.colorizer import Colorizer


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


# --- what is loaded ---------------------------------------------------------------------------


def test_importing_loads_neither_torch_nor_the_engine():
    heavy = "{'torch', 'onnxruntime', 'cv2'}"
    code = f"import sys, photochrom; print(sorted({heavy} & set(sys.modules)))"
    assert process("-c", code).stdout.strip() == "[]"


def test_help_names_the_commands_and_loads_no_torch():
    code = (
        "import sys\nfrom photochrom.cli import main as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted({'torch', 'cv2', 'numpy'} & set(sys.modules)))"
    )
    answer = process("-c", code)
    assert answer.stdout.splitlines()[-1] == "[]"
    for command in main.COMMANDS:
        assert command in answer.stdout


@pytest.mark.parametrize("command", [*main.COMMANDS, "data pexels", "data curate", "data pack"])
def test_each_help_shows_an_example(command, capsys):
    assert run(*command.split(), "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Example: photochrom {command} " in shown
    assert not command.startswith("data ") or "done" not in shown  # a name that is our business


def test_the_public_names_are_there():
    for name in photochrom.__all__:
        assert getattr(photochrom, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'colourise'"):
        _ = photochrom.colourise


def test_the_version_is_the_packages(capsys):
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == f"photochrom {photochrom.__version__}"


# --- as a process -----------------------------------------------------------------------------


def test_as_a_module_in_a_terminal_that_cannot_spell_each_name(photo, model, monkeypatch):
    shown = {"one": "one", "größe": "gr\\xf6\\xdfe", "-rf": "-rf"}
    for name in shown:
        photo.with_name(f"{name}.png").write_bytes(photo.read_bytes())
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    photos = [str(photo.with_name(f"{name}.png")) for name in shown]
    done = process("-m", "photochrom", "colorize", *photos, "--model", str(model))
    assert done.returncode == 0, done.stderr
    results = [str(photo.with_name(f"{name}.color.png")) for name in shown.values()]
    assert sorted(done.stdout.splitlines()) == sorted(results)
    for name in shown:
        result = np.asarray(Image.open(photo.with_name(f"{name}.color.png")))
        assert np.ptp(result, axis=2).max() > 10


def test_the_output_may_be_any_stream(photo, model):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run("colorize", photo, "--model", model) == 0
    assert out.getvalue().strip() == str(photo.with_name("one.color.png"))


def test_an_interrupt_is_no_traceback(photo, able, capsys, monkeypatch):
    monkeypatch.setattr(Colorizer, "find_colors", raising(KeyboardInterrupt()))
    assert run("colorize", photo, "--model", able) == 130
    assert capsys.readouterr().err.startswith("photochrom: Interrupted")


def test_only_the_second_ctrl_c_is_the_end(monkeypatch):
    handlers = []
    monkeypatch.setattr("signal.signal", lambda number, handler: handlers.append(handler))
    with pytest.raises(KeyboardInterrupt):
        main._interrupt()
    assert handlers == [signal.SIG_DFL]


# --- what is wrong, in one sentence -----------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("colorize x.jpg --vivid abc", ("--vivid", "a number", "abc", "colorize --help")),
        ("colorize x.jpg --jobs 1.5", ("--jobs", "a whole number", "1.5", "colorize --help")),
        ("colorize x.jpg --size foo", ("--size", "a whole number or auto", "foo")),
        ("colorize x.jpg --device abc", ("--device", "auto, cpu, cuda or openvino", "abc")),
        ("colorize x.jpg --quality 98", ("--quality takes best or fast, not 98",)),
        ("colorize x.jpg --vivid", ("--vivid", "needs a value", "colorize --help")),
        ("colorize x.jpg --colour red", ("no option --colour", "colorize --help")),
        ("colorize x.jpg --quality-jpeg 200", ("200", "from 1 to 100")),
        ("colorize x.jpg --timeout -1", ("-1", "0 for no limit")),
        ("colorize x.jpg --jobs 0", ("jobs is 0", "give 1 or more")),
        ("colorize x.jpg --jobs -1", ("jobs is -1", "give 1 or more")),
        ("colorize x.jpg --strength 9", ("strength is 9", "from 0 to 1.5")),
        ("colorize x.jpg --size 5", ("size is 5", "from 32 to 2048")),
        ("colorize x.jpg --samples 0", ("samples is 0", "give a number from")),
        ("colorize x.jpg --samples 65", ("samples is 65", "give a number from")),
        ("colorize x.jpg --samples 1 --seed -1 --model MODEL", ("give a number from",)),
        ("colorize x.jpg --model no-such-model", ("no-such-model",)),
        ("colorize --model MODEL", ("at least one photograph",)),
        ("paint", ("no command paint", "photochrom --help")),
        ("palette x.jpg", ("pixels from the left and pixels from the top", "palette --help")),
        ("palette x.jpg 3 b", ("pixels from the top", "a number", "not b")),
        ("data", ("needs a command", "pexels", "curate", "pack", "data --help")),
        ("data pack", ("needs", "data pack --help")),
        ("data paint", ("paint", "data --help")),
        ("train hintnet --data x --out y --batch 0", ("--batch 0", "out of range", "1 or more")),
    ],
)
def test_each_mistake_is_one_plain_sentence(asked, words, capsys, photo, able, monkeypatch):
    monkeypatch.chdir(photo.parent)
    photo.rename("x.jpg")
    before = sorted(Path().iterdir())
    assert run(*asked.replace("MODEL", str(able)).split()) == 2
    said = capsys.readouterr()
    assert not said.out
    assert len(said.err.splitlines()) == 1
    for word in words:
        assert word in said.err
    for foreign in ("class", "NoneType", "FLOAT", "INT", "│", "None", "Traceback"):
        assert foreign not in said.err
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        ("missing.jpg", "missing.jpg does not exist"),
        ("nothing", "No photos in"),
        ("n" * 300 + ".jpg", "(File name too long): "),
        ("/".join(["n" * 200] * 30) + ".jpg", "(File name too long): "),
    ],
)
def test_a_photo_that_is_not_there_is_one_sentence(tmp_path, model, photo, words, capsys):
    (tmp_path / "nothing").mkdir()
    assert run("colorize", tmp_path / photo, "--model", model) == 1
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1


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
    assert fill_optional_values(["colorize", *given]) == ["colorize", *expected]
