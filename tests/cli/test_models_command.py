"""photochrom models, and models named by an address, as a user meets them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import numpy as np

import commands
from photochrom.inference.model_files import WEIGHTS


def test_the_bundled_model_is_listed_with_size_and_licence(model_server, capsys):
    assert commands.run("models") == 0
    (line,) = capsys.readouterr().out.splitlines()
    name, version, megabytes, licence = line.split("  ")
    assert (name, licence) == ("hintnet (default)", "research and private use")
    assert version.isdigit()
    assert megabytes == f"{(WEIGHTS / 'hintnet.onnx').stat().st_size / 1e6:.1f} MB"


def test_a_fetched_model_is_listed_by_what_names_it_and_can_be_used(
    model_server, make_model, photo, out, capsys
):
    facts = {"version": "7", "licence": "CC0-1.0"}
    toy = make_model("toy", metadata=facts).read_bytes()
    model_server.repositories["me/toy"] = {"toy.onnx": toy}
    assert commands.run("models", "--fetch", "hf://me/toy", model_server.address(toy)) == 0
    capsys.readouterr()
    assert commands.run("models", "--json") == 0
    _, *fetched = json.loads(capsys.readouterr().out)
    assert {(m["version"], m["licence"], m["bytes"]) for m in fetched} == {
        ("7", "CC0-1.0", len(toy))
    }
    model_server.files.clear()
    for model in fetched:
        commands.run("colorize", photo, "-o", out / "a.png", "--model", model["name"], "--force")
    assert (out / "a.png").exists()


def test_every_version_has_a_name_of_its_own(model_server, make_model, capsys):
    for offset in (1.0, 2.0):
        data = make_model("toy", offset=(offset, 0.0)).read_bytes()
        model_server.repositories["me/toy"] = {"toy.onnx": data}
        assert commands.run("models", "--fetch", "hf://me/toy") == 0
    capsys.readouterr()
    commands.run("models", "--json")
    names = [model["name"] for model in json.loads(capsys.readouterr().out)[1:]]
    assert len(set(names)) == 2
    assert "hf://me/toy" in names


def test_a_folder_of_ones_own_is_listed_and_what_is_broken_in_it_is_named(
    model_server, make_model, tmp_path, monkeypatch, capsys
):
    make_model("mine", metadata={"version": "2"})
    (tmp_path / "mine.md").write_text("---\nlicense: other\nlicense_name: my-own-terms\n---\n")
    (tmp_path / "broken.onnx").write_bytes(b"?")
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path))
    assert commands.run("models") == 0
    shown = capsys.readouterr()
    assert "mine  2  0.0 MB  my own terms" in shown.out.splitlines()
    assert "broken" not in shown.out
    assert "broken.onnx is cut short, or no ONNX model" in shown.err


def test_what_is_no_address_is_refused_before_anything_is_fetched(model_server, capsys):
    assert commands.run("models", "--fetch", "hf://me/toy", "hintnet") == 2
    assert "hintnet is no address: name it as hf://owner/name." in capsys.readouterr().err
    assert model_server.asked == []


def test_without_httpx_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_CACHE", str(tmp_path))
    monkeypatch.delenv("PHOTOCHROM_OFFLINE", raising=False)
    status, said = commands.run_without("httpx", "models", "--fetch", "hf://me/toy")
    assert status == 1
    assert "pip install 'photochrom[fetch]'" in said


def test_without_httpx_all_else_works(tmp_path):
    status, said = commands.run_without("httpx", "colorize", tmp_path / "nowhere.jpg")
    assert status == 1
    assert "nowhere.jpg does not exist" in said


def test_after_ctrl_c_the_same_command_goes_on(model_server, tmp_path, capsys):
    data = np.random.default_rng(1).bytes(4_000_000)
    address = model_server.address(data)
    model_server.gate = threading.Event()
    command = [sys.executable, "-m", "photochrom", "models", "--fetch", address]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=commands.hear_ctrl_c
    )
    part = tmp_path / "cache" / "models" / address[-64:] / ".part"
    commands.wait_for(lambda: part.exists() and part.stat().st_size >= 1_900_000)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    model_server.gate.set()
    kept = part.stat().st_size  # the server had given 2,000,000 of the bytes; not all may have come
    assert process.returncode == 130
    assert "Interrupted. What has come of toy is kept; the same command goes on with it." in said
    assert commands.run("models", "--fetch", address) == 0
    assert model_server.fetches()[-1]["range"] == f"bytes={kept}-"
    path = capsys.readouterr().out.strip()
    assert open(path, "rb").read() == data  # noqa: SIM115, PTH123
