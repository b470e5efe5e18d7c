"""The plug-in for GIMP: photochrom itself, with a stand-in for GIMP."""

from __future__ import annotations

import os
import runpy
import shlex
import sys
import tempfile
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import photochrom
from photochrom import Colorizer

SCRIPT = Path(__file__).parents[1] / "integrations" / "gimp" / "photochrom" / "photochrom.py"
OPTIONS = {"vivid": 0.0, "strength": 1.0, "quality": "fast"}
RUN = "import sys; sys.path.insert(0, {!r}); from photochrom.__main__ import start; start()"


class Layer:
    """Of GIMP, as far as the plug-in uses it; and so are those below."""

    def __init__(self, pixels, name="photo", parent=None):
        self.pixels, self.name, self.parent, self.offsets = pixels, name, parent, (0, 0)
        self.visible, self.opacity, self.mode, self.floats = False, 40, "multiply", False

    @classmethod
    def new_from_drawable(cls, layer, image):
        copy = cls(np.array(Image.fromarray(layer.pixels).convert(image.base.upper())))
        copy.offsets = layer.offsets
        return copy

    def get_name(self):
        return self.name

    def get_parent(self):
        return self.parent

    def get_width(self):
        return self.pixels.shape[1]

    def get_height(self):
        return self.pixels.shape[0]

    def get_offsets(self):
        return True, *self.offsets

    def is_floating_sel(self):
        return self.floats

    def set_name(self, name):
        self.name = name

    def set_offsets(self, x, y):
        self.offsets = (x, y)

    def set_visible(self, visible):
        self.visible = visible

    def set_opacity(self, opacity):
        self.opacity = opacity

    def set_mode(self, mode):
        self.mode = mode


class Picture:
    alive: ClassVar[set[Picture]] = set()

    def __init__(self, base, precision):
        self.base, self.precision, self.profile, self.layers, self.steps = (
            base,
            precision,
            None,
            [],
            [],
        )

    @classmethod
    def new_with_precision(cls, width, height, base, precision):
        image = cls(base, precision)
        image.size = (width, height)
        cls.alive.add(image)
        return image

    def delete(self):
        self.alive.remove(self)

    def get_base_type(self):
        return self.base

    def get_precision(self):
        return self.precision

    def get_color_profile(self):
        return self.profile

    def set_color_profile(self, profile):
        self.profile = profile

    def convert_rgb(self):
        assert self.base != "rgb"
        self.base = "rgb"
        self.steps.append("rgb")

    def insert_layer(self, layer, parent, position):
        layer.parent = parent
        self.layers.insert(position, layer)
        self.steps.append("layer")

    def get_item_position(self, layer):
        return self.layers.index(layer)

    def undo_group_start(self):
        self.steps.append("start")

    def undo_group_end(self):
        self.steps.append("end")


def save(mode, image, file, options):
    (layer,) = image.layers
    seen = (layer.visible, layer.opacity, layer.mode, layer.offsets)
    assert (mode, options, seen) == ("silent", None, (True, 100, "normal", (0, 0)))
    assert image.size == (layer.get_width(), layer.get_height())
    Image.fromarray(layer.pixels).save(file)
    return True


def load(mode, image, file):
    assert (mode, image.base) == ("silent", "rgb")
    with Image.open(file) as picture:
        return Layer(np.array(picture))


class Procedure:
    """Keeps what it is told, and answers what it is asked."""

    def __init__(self, *_):
        self.told = {}

    def __getattr__(self, name):
        return lambda *given: self.told.setdefault(name, []).append(given)

    def new_return_values(self, status, error):
        return status, error


class Dialog:
    answer = True

    @classmethod
    def new(cls, procedure, config, title):
        return cls()

    def fill(self, names):
        assert names is None

    def run(self):
        return self.answer

    def destroy(self):
        pass


@pytest.fixture
def gimp(monkeypatch):
    """A stand-in for GIMP, in the places of the modules that it brings."""
    nothing = lambda *_: None  # noqa: E731
    repository = ModuleType("gi.repository")
    repository.Gimp = SimpleNamespace(
        PlugIn=type("PlugIn", (), {"error_quark": staticmethod(lambda: 1), "__gtype__": "type"}),
        ImageProcedure=SimpleNamespace(new=Procedure),
        PDBProcType=SimpleNamespace(PLUGIN="plug-in"),
        PDBStatusType=SimpleNamespace(SUCCESS="done", CANCEL="no", EXECUTION_ERROR="failed"),
        ProcedureSensitivityMask=SimpleNamespace(DRAWABLE=1),
        RunMode=SimpleNamespace(INTERACTIVE="asks", NONINTERACTIVE="silent"),
        ImageBaseType=SimpleNamespace(RGB="rgb"),
        LayerMode=SimpleNamespace(NORMAL="normal"),
        Choice=SimpleNamespace(new=Procedure),
        Image=Picture,
        Layer=Layer,
        file_save=save,
        file_load_layer=load,
        **dict.fromkeys(["progress_init", "progress_pulse", "progress_end"], nothing),
        displays_flush=nothing,
        main=nothing,
    )
    repository.GimpUi = SimpleNamespace(init=nothing, ProcedureDialog=Dialog)
    repository.Gio = SimpleNamespace(File=SimpleNamespace(new_for_path=Path))
    new_error = SimpleNamespace(new_literal=lambda quark, text, code: text)
    repository.GLib = SimpleNamespace(Error=new_error)
    repository.GObject = SimpleNamespace(ParamFlags=SimpleNamespace(READWRITE=3))
    gi = ModuleType("gi")
    gi.require_version = nothing
    monkeypatch.setitem(sys.modules, "gi", gi)
    monkeypatch.setitem(sys.modules, "gi.repository", repository)
    return repository.Gimp


@pytest.fixture
def plugin(gimp):
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


@pytest.fixture
def command(tmp_path, monkeypatch, make_model):
    """photochrom with a toy for a model, named by PHOTOCHROM; and a place for temporary files."""
    toy = make_model(offset=(20.0, 30.0), vivid=[], metadata={"default_vivid": "0"})
    line = [sys.executable, "-c", RUN.format(str(Path(photochrom.__file__).parents[1]))]
    program = tmp_path / "my programs" / "photochrom"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(line)} "$@" --model {shlex.quote(str(toy))}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PHOTOCHROM", str(program))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return program


def opened(base, pixels):
    """An image of two layers, of which the lower is in a group and smaller than the image."""
    image, layer = Picture(base, "u8"), Layer(pixels, parent="group")
    layer.offsets = (7, -3)
    image.layers = [Layer(pixels), layer]
    return image, layer


def run(plugin, image, drawables, mode="silent", **options):
    """What comes of the plug-in as GIMP calls it."""
    config = SimpleNamespace(get_property=(OPTIONS | options).__getitem__)
    return plugin.Photochrom().run(Procedure(), mode, image, drawables, config, None)


@pytest.mark.parametrize("base", ["gray", "rgb"])
def test_the_colours_come_on_a_layer_above_in_one_step(plugin, command, tmp_path, base):
    grey = np.full((30, 40), 128, np.uint8)
    image, layer = opened(base, grey if base == "gray" else np.dstack([grey] * 3))
    assert run(plugin, image, [layer]) == ("done", None)
    _, colour, below = image.layers
    assert below is layer
    assert (colour.offsets, colour.parent, colour.name) == ((7, -3), "group", "photo, colour")
    assert colour.pixels.shape == (30, 40, 3)
    red, green, blue = colour.pixels.reshape(-1, 3).mean(0)
    assert red > green > blue  # a and b are positive
    assert image.steps == ["start", *["rgb"] * (base == "gray"), "layer", "end"]
    assert not Picture.alive
    assert not list((tmp_path / "temporary").iterdir())


def test_options_of_the_dialog_decide_the_colours(plugin, command):
    def saturation(**options):
        image, layer = opened("gray", np.full((30, 40), 128, np.uint8))
        assert run(plugin, image, [layer], "asks", **options) == ("done", None)
        return np.ptp(image.layers[1].pixels.reshape(-1, 3).mean(0))

    assert saturation(strength=0.0) == 0
    assert saturation(vivid=0.0) < saturation(vivid=1.0)


def test_a_refusal_is_told_in_the_words_of_photochrom(plugin, command, tmp_path):
    image, layer = opened("gray", np.full((30, 40), 128, np.uint8))
    words = "vivid is 3.0: give a number from 0 to 1."
    assert run(plugin, image, [layer], vivid=3.0) == ("failed", words)
    assert (len(image.layers), image.base, image.steps) == (2, "gray", [])
    assert not list((tmp_path / "temporary").iterdir())


def test_nothing_happens_to_what_is_not_one_layer_or_where_the_dialog_is_cancelled(
    plugin, command, monkeypatch
):
    image, layer = opened("gray", np.full((30, 40), 128, np.uint8))
    for drawables in ([], [layer, layer], ["mask"]):
        status, words = run(plugin, image, drawables)
        assert (status, words.startswith("Select one layer")) == ("failed", True)
    monkeypatch.setattr(Dialog, "answer", False)
    assert run(plugin, image, [layer], "asks") == ("no", None)
    layer.floats = True
    assert "Anchor" in run(plugin, image, [layer])[1]
    assert image.steps == []


def test_the_command_is_looked_for_in_the_path_and_at_home(plugin, command, tmp_path, monkeypatch):
    assert plugin.find_command() == [str(command)]
    monkeypatch.setenv("PHOTOCHROM", "/no/such")
    with pytest.raises(plugin.Refused, match="names /no/such, which is no command"):
        plugin.find_command()
    monkeypatch.delenv("PHOTOCHROM")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(plugin.Refused, match="not found: install it"):
        plugin.find_command()
    at_home = tmp_path / ".local" / "bin" / "photochrom"
    at_home.parent.mkdir(parents=True)
    command.rename(at_home)
    assert plugin.find_command() == [str(at_home)]
    first = tmp_path / "photochrom"
    first.symlink_to(at_home)
    assert plugin.find_command() == [str(first)]


def test_in_a_flatpak_the_hosts_command_runs_and_shares_a_folder(plugin, tmp_path, monkeypatch):
    globals_ = plugin.find_command.__globals__
    monkeypatch.setitem(globals_, "FLATPAK", SCRIPT)  # a file that exists
    monkeypatch.setenv("PHOTOCHROM", "/opt/photochrom")
    spawn = ["flatpak-spawn", "--host", "--watch-bus"]
    assert plugin.find_command() == [*spawn, "/opt/photochrom"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with plugin.temporary_folder() as folder:
        assert Path(folder).parent == tmp_path
    monkeypatch.delenv("PHOTOCHROM")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert plugin.find_command() == [*spawn, "photochrom"]


def test_a_command_that_cannot_start_or_says_nothing_is_told_of(plugin, tmp_path):
    options = OPTIONS | {"pulse": lambda: None}
    files = tmp_path / "a.png", tmp_path / "b.png"
    with pytest.raises(plugin.Refused, match="no such does not start: No such file"):
        plugin.colorize([str(tmp_path / "no such")], *files, **options)
    with pytest.raises(plugin.Refused, match="ended with status 3"):
        plugin.colorize([sys.executable, "-c", "raise SystemExit(3)"], *files, **options)
    assert plugin.reason("a remark\nphotochrom: Why.\n\n") == "Why."


def test_gimp_is_told_of_one_command_with_the_models_own_vivid_and_starts_it(
    plugin, gimp, monkeypatch
):
    (name,) = plugin.Photochrom().do_query_procedures()
    told = plugin.Photochrom().do_create_procedure(name).told
    assert told["add_menu_path"] == [("<Image>/Colors",)]
    vivid, strength = told["add_double_argument"]
    assert vivid[3:6] == (0, 1, pytest.approx(Colorizer().model.defaults["vivid"].item()))
    assert (strength[0], strength[3:6]) == ("strength", (0, 1.5, 1))
    ((quality, *_, default, _),) = told["add_choice_argument"]
    assert (quality, default) == ("quality", "fast")
    started = []
    monkeypatch.setattr(gimp, "main", lambda *given: started.append(given))
    runpy.run_path(str(SCRIPT), run_name="__main__")
    assert started == [("type", sys.argv)]
    assert os.access(SCRIPT, os.X_OK)
    assert SCRIPT.parent.name == SCRIPT.stem  # or GIMP 3 passes it over
