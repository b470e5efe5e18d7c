"""photochrom report as a user meets it: runs whose models can be asked again."""

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import run, run_without
from photochrom.cli import report as command
from photochrom.cli.evaluate import paint_ab
from photochrom.data import shards
from photochrom.inference.colorizer import Colorizer
from photochrom.report.runs import read_run

pytest.importorskip("matplotlib")


@pytest.fixture
def trained(workshop, album, make_model, tmp_path):
    """A run whose model.onnx paints what its figures were measured of."""
    model = make_model("painter", offset=(12.0, -20.0))
    paint = partial(paint_ab, Colorizer(model), None)
    folder = workshop.run(album, tmp_path / "runs" / "unet-lab", paint, size=64)
    shutil.copy(model, folder / "model.onnx")
    return folder


def test_a_page_of_one_run(trained, tmp_path, capsys):
    page = tmp_path / "page.html"
    assert run("report", trained, "-o", page) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(page)
    assert "photochrom:" not in told.err
    html = page.read_text("utf-8")
    assert html.count('alt="unet-lab"') > 4
    assert "reduced: 64 px instead of 512" in html


def test_photos_are_found_where_they_lie_now(trained, album, tmp_path, capsys):
    page = tmp_path / "page.html"
    album.rename(tmp_path / "moved")
    assert run("report", trained, "-o", page) == 0
    told = capsys.readouterr().err
    assert "No photographs: " in told
    assert "Say where they are with --data." in told
    html = page.read_text("utf-8")
    assert "with --data." in html
    assert 'alt="truth"' not in html
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (80, 64), "red").save(tmp_path / "elsewhere" / "other.png")
    assert run("report", trained, "-o", page, "--data", tmp_path / "elsewhere") == 0
    assert "None of the measured photographs is in " in capsys.readouterr().err
    assert run("report", trained, "-o", page, "--data", tmp_path / "moved") == 0
    assert "photochrom:" not in capsys.readouterr().err
    assert 'alt="truth"' in page.read_text("utf-8")


@pytest.mark.parametrize("source", ["http:/127.0.0.1/x", "reference://::file:///x", "a\nb"])
def test_figures_of_somebody_else_do_not_say_what_is_asked(
    trained, tmp_path, capsys, monkeypatch, source
):
    monkeypatch.setattr(shards, "find_sources", lambda paths: pytest.fail(f"{paths} were asked"))
    figures = next(path for path in trained.glob("*.json") if '"sources"' in path.read_text())
    figures.write_text(json.dumps(json.loads(figures.read_text()) | {"sources": [source]}))
    assert run("report", trained, "-o", tmp_path / "page.html") == 0
    assert "No photographs: " in capsys.readouterr().err


def test_a_model_that_has_gone_is_said_and_the_rest_comes(trained, tmp_path, capsys):
    page = tmp_path / "page.html"
    (trained / "model.onnx").unlink()
    assert run("report", trained, "-o", page) == 0
    assert "No pictures by unet-lab: " in capsys.readouterr().err
    html = page.read_text("utf-8")
    assert "No pictures by unet-lab: " in html
    assert 'alt="truth"' in html


def test_a_bundled_model_paints_the_rows_of_its_figures(measured, paints, tmp_path):
    rows = {"hintnet, vivid 0": paints.flat(1, 5), "hintnet, vivid 1": paints.flat(1, 9)}
    measured(rows).write_json(tmp_path / "hintnet.json")
    painters, absent = command._painters([read_run(tmp_path / "hintnet.json")])
    assert not absent
    L = np.linspace(0, 100, 64 * 64, dtype=np.float32).reshape(1, 1, 64, 64)
    careful, bold = (paint(L) for paint in painters.values())
    assert careful.shape == (1, 2, 64, 64)
    assert np.abs(bold).mean() > np.abs(careful).mean()
    shutil.copy(tmp_path / "hintnet.json", tmp_path / "theirs.json")
    painters, absent = command._painters([read_run(tmp_path / "theirs.json")])
    assert not painters
    assert "No pictures by theirs: There is no model theirs" in absent[0]


@pytest.mark.parametrize(
    ("name", "sources", "expected"),
    [
        ("a/one.png", ["/x/a/one.png", "/x/b/one.png"], "/x/a/one.png"),
        ("shard.tar/one.png", ["/x/shard.tar/one.png", "/x/other.tar/one.png"], "/x/shard.tar/one"),
        ("one.png", ["/x/a/one.png", "/x/b/one.png"], None),  # either may be meant
        ("one.png", [], None),
    ],
)
def test_the_likeliest_photo_is_the_one_whose_path_ends_alike(name, sources, expected):
    found = command._likeliest(name, [shards.PhotoSource(Path(source)) for source in sources])
    assert (found.name.startswith(expected)) if expected else found is None


def test_what_is_wrong_is_said_in_one_sentence(trained, tmp_path, capsys):
    page = tmp_path / "page.html"
    cases = [
        (("report", trained, "-o", tmp_path / "page.pdf"), 2, "end it in .html"),
        (("report", tmp_path / "none", "-o", page), 1, "does not exist"),
        (("report", trained, trained, "-o", page), 1, "both have a row unet-lab"),
        (("report", trained, "-o", tmp_path / "no" / "page.html"), 1, "cannot be written"),
    ]
    for arguments, code, words in cases:
        assert run(*arguments) == code
        told = capsys.readouterr().err
        assert words in told
        assert "Traceback" not in told
    (trained / "evaluation.json").unlink()
    assert run("report", trained, "-o", page) == 1
    assert "has no evaluation.json: photochrom evaluate" in capsys.readouterr().err
    assert not page.exists()


def test_without_the_extra_its_name_is_told(trained, tmp_path):
    status, said = run_without("jinja2", "report", trained, "-o", tmp_path / "page.html")
    assert status == 1
    assert "pip install 'photochrom[study]'" in said
