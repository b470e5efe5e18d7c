"""A photo by itself, coloured again: it is done already, or its result gets a name of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import digests, run


@pytest.fixture(params=["png", "jpg", "tif", "webp"])
def grandmother(request, tmp_path, scene, monkeypatch):
    """A photo in its folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    monkeypatch.chdir(folder)
    more = {"save_all": True, "append_images": [Image.fromarray(scene[::-1])]}
    name = f"grandmother.{request.param}"
    Image.fromarray(scene).save(name, **(more if request.param == "tif" else {}))
    return name


def test_the_same_again_is_done_already_and_another_setting_has_its_own_name(
    grandmother, tmp_path, model, capsys
):
    asked = ("colorize", grandmother, "--model", model)
    first, second, third = (
        grandmother.replace(".", f".color{number}.") for number in ("", "-2", "-3")
    )
    folder = tmp_path / "photos"
    for options, name in (((), first), (("--vivid", 0.7), second), (("--vivid", 0.9), third)):
        assert run(*asked, *options) == 0
        assert capsys.readouterr().out == f"{name}\n"
    before = digests(folder)
    assert len(before) == 4
    for options, name in (((), first), (("--vivid", 0.7), second), (("--recolor",), first)):
        assert run(*asked, *options) == 0
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == f"photochrom: {name} is done already: see --force to do it again.\n"
    assert run(*asked, "-o", second, "--vivid", 0.7) == 0
    assert "done already" in capsys.readouterr().err
    for name, vivid in ((second, ()), (first, ("--vivid", 0.2))):
        assert run(*asked, "-o", name, *vivid) == 1
        assert f"{name} exists already: choose another name, or" in capsys.readouterr().err
    assert digests(folder) == before


def test_what_the_mark_cannot_tell_is_not_taken_for_done(grandmother, tmp_path, model, capsys):
    first, second = (grandmother.replace(".", f".color{number}.") for number in ("", "-2"))
    asked = ("colorize", grandmother, "--model", model)
    assert run(*asked) == 0
    before = digests(tmp_path / "photos")
    for option in ("--no-mark", "--strip", ("--strength", 0), ("--hint", "9,9,red")):
        capsys.readouterr()
        assert run(*asked, *(option if isinstance(option, tuple) else (option,))) == 1
        said = capsys.readouterr().err
        assert f"{first} exists already: choose another name, as in -o {second}, or" in said
    assert digests(tmp_path / "photos") == before
    assert run(*asked, "--no-mark", "--force") == 0
    assert run(*asked) == 0
    assert f"{first} is another result, so this one is {second}." in capsys.readouterr().err


@pytest.mark.parametrize("grandmother", ["png"], indirect=True)
def test_a_file_of_that_name_that_is_no_result_of_this_photo_stays(
    grandmother, tmp_path, model, make_model, scene, capsys
):
    """A stranger's, a broken one, and those of another photo and another model."""
    asked = ("colorize", grandmother, "--model", model)
    other = make_model("other", vivid=[], metadata={"default_vivid": "0", "version": "2"})
    Image.fromarray(np.flipud(scene)).save("other.png")
    assert run("colorize", "other.png", "-o", "grandmother.color-2.png", "--model", model) == 0
    assert run("colorize", grandmother, "-o", "grandmother.color-3.png", "--model", other) == 0
    Image.fromarray(scene).save("grandmother.color.png")
    Path("grandmother.color-4.png").write_bytes(b"no picture")
    before = digests(tmp_path / "photos")
    capsys.readouterr()
    for _ in range(2):
        assert run(*asked) == 0
    said = capsys.readouterr()
    assert said.out == "grandmother.color-5.png\n"
    assert "grandmother.color-5.png is done already" in said.err
    after = digests(tmp_path / "photos")
    assert after.items() > before.items()
    assert len(after) == len(before) + 1
