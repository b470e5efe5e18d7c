#!/usr/bin/env python3
"""Colour the selected layer in GIMP 3: its colours become a layer above it.

photochrom runs as a command of its own, as GIMP brings its own Python. GIMP's interface:
https://developer.gimp.org/api/3.0/libgimp/
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
from gi.repository import Gimp, GimpUi, Gio, GLib, GObject  # noqa: E402

PROCEDURE = "photochrom-colorize"
VIVID = 0.5
"""That of the model which comes with photochrom."""

FLATPAK = Path("/.flatpak-info")
"""A file that is there inside of a Flatpak only."""


class Refused(Exception):
    """Why there is no colour, in one sentence."""


def find_command() -> list[str]:
    """Find photochrom: what the variable PHOTOCHROM names, or else in PATH and ~/.local/bin.

    Raises:
        Refused: it is not there.
    """
    named = os.environ.get("PHOTOCHROM")
    own = Path.home() / ".local" / "bin"
    if FLATPAK.exists():  # where the host's commands are seen by their full paths at best
        at_home = own / "photochrom"
        program = named or (str(at_home) if at_home.exists() else "photochrom")
        return ["flatpak-spawn", "--host", "--watch-bus", program]
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), str(own)])
    found = shutil.which(named or "photochrom", path=places)
    if found:
        return [found]
    if named:
        raise Refused(f"The variable PHOTOCHROM names {named}, which is no command: correct it.")
    raise Refused(
        "photochrom is not found: install it, or set the variable PHOTOCHROM to its full path."
    )


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder that photochrom sees, too, and that goes when it is left."""
    shared = os.environ.get("XDG_CACHE_HOME") if FLATPAK.exists() else None
    return tempfile.TemporaryDirectory(prefix="photochrom-", dir=shared)


def colorize(
    command: list[str],
    photo: Path,
    result: Path,
    *,
    vivid: float,
    strength: float,
    quality: str,
    pulse: Callable[[], object],
) -> None:
    """Run photochrom on a file, and call ``pulse`` ten times a second meanwhile.

    Raises:
        Refused: by photochrom, in its own words.
    """
    options = ["--vivid", f"{vivid:g}", "--strength", f"{strength:g}", "--quality", quality]
    line = [*command, "colorize", str(photo), "-o", str(result), "--recolor", "--quiet", *options]
    # GIMP may have set these for its own Python.
    not_ours = ("PYTHONHOME", "PYTHONPATH")
    try:
        process = subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={name: value for name, value in os.environ.items() if name not in not_ours},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise Refused(f"{command[0]} does not start: {error.strerror}.") from error
    with process:
        try:
            said = None
            while said is None:
                try:
                    said = process.communicate(timeout=0.1)[1]
                except subprocess.TimeoutExpired:
                    pulse()
        except BaseException:
            process.kill()
            raise
    if process.returncode or not result.exists():
        raise Refused(reason(said) or f"photochrom ended with status {process.returncode}.")


def reason(said: str) -> str:
    """Pick the sentence that tells why out of what a command said; empty if it said nothing."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith("photochrom: ")]
    return (own or lines or [""])[-1].removeprefix("photochrom: ")


def save_layer(image: Any, layer: Any, path: Path) -> None:
    """Write a layer as a PNG of its size, as it looks by itself.

    By way of an image of its own, so that the opened one stays as it is. That image is RGB, and
    grey layers become so in it.

    Raises:
        Refused: GIMP cannot.
    """
    alone = Gimp.Image.new_with_precision(
        layer.get_width(), layer.get_height(), Gimp.ImageBaseType.RGB, image.get_precision()
    )
    try:
        if image.get_base_type() == Gimp.ImageBaseType.RGB:
            alone.set_color_profile(image.get_color_profile())
        copy = Gimp.Layer.new_from_drawable(layer, alone)
        alone.insert_layer(copy, None, 0)
        copy.set_offsets(0, 0)
        copy.set_visible(True)
        copy.set_opacity(100)
        copy.set_mode(Gimp.LayerMode.NORMAL)
        file = Gio.File.new_for_path(str(path))
        if not Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, alone, file, None):
            raise Refused("GIMP could not write the layer to a temporary file: is the disk full?")
    finally:
        alone.delete()


def add_layer(image: Any, layer: Any, path: Path) -> None:
    """Put a picture above a layer, in one step that can be undone. The image becomes RGB.

    Raises:
        Refused: GIMP cannot.
    """
    image.undo_group_start()
    try:
        if image.get_base_type() != Gimp.ImageBaseType.RGB:
            image.convert_rgb()
        file = Gio.File.new_for_path(str(path))
        colour = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image, file)
        if colour is None:
            raise Refused("GIMP could not read the result: undo, and try again.")
        colour.set_name(f"{layer.get_name()}, colour")
        image.insert_layer(colour, layer.get_parent(), image.get_item_position(layer))
        _, x, y = layer.get_offsets()
        colour.set_offsets(x, y)
    finally:
        image.undo_group_end()


def add_colour(image: Any, drawables: list[Any], **options: Any) -> None:
    """Colour the one layer that is selected; options are those of :func:`colorize`.

    Raises:
        Refused: there is no such layer, or a step fails.
    """
    if len(drawables) != 1 or not isinstance(drawables[0], Gimp.Layer):
        raise Refused("Select one layer, not several, and neither a mask nor a channel.")
    (layer,) = drawables
    if layer.is_floating_sel():
        raise Refused("Anchor the floating selection first, or make it a layer.")
    command = find_command()
    Gimp.progress_init("photochrom")
    with temporary_folder() as folder:
        photo, result = Path(folder, "layer.png"), Path(folder, "colour.png")
        save_layer(image, layer, photo)
        colorize(command, photo, result, pulse=Gimp.progress_pulse, **options)
        add_layer(image, layer, result)
    Gimp.progress_end()
    Gimp.displays_flush()


class Photochrom(Gimp.PlugIn):
    """What GIMP asks a plug-in."""

    def do_query_procedures(self) -> list[str]:
        """Name what there is."""
        return [PROCEDURE]

    def do_set_i18n(self, _name: str) -> bool:
        """Tell that there are no translations."""
        return False

    def do_create_procedure(self, name: str) -> Any:
        """Describe the one command: its place in the menus and its options."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, self.run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label("Colour with _photochrom…")
        procedure.add_menu_path("<Image>/Colors")
        procedure.set_documentation(
            "Colour a black-and-white photograph",
            "Puts the selected layer in colour on a layer above it. The image becomes RGB.",
            name,
        )
        procedure.set_attribution("photochrom", "photochrom", "2026")
        writable = GObject.ParamFlags.READWRITE
        procedure.add_double_argument(
            "vivid", "_Vivid", "0 most accurate, 1 most colourful", 0, 1, VIVID, writable
        )
        procedure.add_double_argument(
            "strength", "_Strength", "0 grey, 1 as predicted", 0, 1.5, 1, writable
        )
        qualities = Gimp.Choice.new()
        qualities.add("fast", 0, "Fast", "one look")
        qualities.add("best", 1, "Best", "the mean of six looks: takes six times as long")
        procedure.add_choice_argument(
            "quality", "_Quality", "Of the colours", qualities, "fast", writable
        )
        return procedure

    def run(
        self, procedure: Any, run_mode: Any, image: Any, drawables: Any, config: Any, _data: Any
    ) -> Any:
        """Ask for the options where GIMP wants that, and colour."""
        if run_mode == Gimp.RunMode.INTERACTIVE:
            GimpUi.init("photochrom")
            dialog = GimpUi.ProcedureDialog.new(procedure, config, "Colour with photochrom")
            dialog.fill(None)
            accepted = dialog.run()
            dialog.destroy()
            if not accepted:
                return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, None)
        options = {name: config.get_property(name) for name in ("vivid", "strength", "quality")}
        try:
            add_colour(image, drawables, **options)
        except (Refused, OSError) as error:
            told = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), str(error), 0)
            return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, told)
        return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


if __name__ == "__main__":
    Gimp.main(Photochrom.__gtype__, sys.argv)
