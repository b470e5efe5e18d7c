"""The script for darktable, in Lua with a stand-in for darktable."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "integrations" / "darktable" / "photochrom.lua"
LUA = next(filter(None, map(shutil.which, ("lua5.4", "lua", "luajit"))), None)
pytestmark = pytest.mark.skipif(LUA is None, reason="needs Lua: lua5.4, lua or luajit")

DARKTABLE = r"""
local dt = { configuration = { running_os = os.getenv("SYSTEM") }, preferences = {}, control = {},
  database = {} }
local values = { vivid = os.getenv("VIVID"), command = os.getenv("COMMAND") }
function dt.preferences.register(_, name, kind, _, _, default)
  assert(kind == "string")
  values[name] = values[name] or default
end
function dt.preferences.read(_, name) return values[name] end
function dt.print(text) print("said|" .. text) end
function dt.register_storage(_, _, store, finalize, supported)
  dt.store, dt.finalize, dt.supported = store, finalize, supported
end
function dt.destroy_storage(name) print("gone|" .. name) end
function dt.control.execute(line)  -- what system() gives: the exit status, shifted
  if dt.configuration.running_os == "windows" then print("ran|" .. line) return 1 end
  local first, _, status = os.execute(line)
  return type(first) == "number" and first or status * 256
end
function dt.database.import(path)
  if path:match("unknown") then error("no such kind") end
  return { group_with = function(_, image) print("grouped|" .. path .. "|" .. image.filename) end }
end
return dt
"""
EXPORT = r"""
local dt = require "darktable"
local script = require "photochrom"
local exported, told = {}, {}
for number = 1, #arg, 3 do
  local image = { path = arg[number], filename = arg[number + 1] }
  exported[image] = arg[number + 2]
  dt.store({}, image, {}, arg[number + 2], (number + 2) / 3, #arg / 3, true, told)
end
dt.finalize({}, exported, told)
for _, format in ipairs({ "jpg", "tif", "pfm" }) do
  print("takes|" .. format .. "|" .. tostring(dt.supported({}, { extension = format })))
end
script.destroy()
"""
STAND_IN = """#!/bin/sh
printf '%s|' "$@" >> "$TOLD"
echo >> "$TOLD"
case $2 in *bad*) echo 'photochrom: bad.jpg is broken.' >&2; exit 1;; esac
cp "$2" "$4"
"""


def script_file(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def export(tmp_path: Path):
    """Export photos, each a folder, a name in it and an exported file; give the lines printed."""
    lua = tmp_path / "lua"
    lua.mkdir()
    (lua / "darktable.lua").write_text(DARKTABLE)
    (lua / "export.lua").write_text(EXPORT)
    stand_in = script_file(lua / "it's photochrom", STAND_IN)

    def export(*photos: tuple[Path | str, str, Path | str], **settings: str) -> list[str]:
        environment = {
            "LUA_PATH": f"{lua}/?.lua;{SCRIPT.parent}/?.lua",
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "TOLD": str(tmp_path / "told"),
            "SYSTEM": "linux",
            "COMMAND": str(stand_in),
            **settings,
        }
        words = [str(word) for photo in photos for word in photo]
        done = subprocess.run(
            [LUA, str(lua / "export.lua"), *words],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return export


@pytest.fixture
def album(tmp_path: Path) -> Path:
    album = tmp_path / 'Grandma\'s "album" $HOME `x`'
    album.mkdir()
    return album


def exported(tmp_path: Path, name: str, text: str = "exported") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_the_result_lies_beside_the_original_and_in_its_group(export, album, tmp_path):
    name = 'it\'s "me" $(date) 100%.v2'
    file = exported(tmp_path, f"{name}.tif")
    lines = export((album, f"{name}.NEF", file))
    target = album / f"{name}.color.tif"
    assert target.read_text() == "exported"
    assert f"grouped|{target}|{name}.NEF" in lines
    assert "said|photochrom: 1 of 1 photos coloured." in lines
    assert [line for line in lines if not line.startswith("said")][1:] == [
        "takes|jpg|true",
        "takes|tif|true",
        "takes|pfm|false",
        "gone|photochrom",
    ]
    told = (tmp_path / "told").read_text()
    assert told == f"colorize|{file}|-o|{target}|--recolor|--quiet|\n"
    assert not file.exists()
    assert not Path(f"{file}.log").exists()


def test_no_file_is_overwritten(export, album, tmp_path):
    for name in ("a.color.jpg", "a.color-2.jpg"):
        (album / name).write_text("mine")
    export((album, "a.png", exported(tmp_path, "a.jpg")), VIVID=" 0.5 ")
    assert (album / "a.color.jpg").read_text() == "mine"
    assert (album / "a.color-2.jpg").read_text() == "mine"
    assert (album / "a.color-3.jpg").read_text() == "exported"
    assert (tmp_path / "told").read_text().endswith("|--vivid=0.5|\n")


def test_a_photo_that_fails_is_named_and_the_others_go_on(export, album, tmp_path):
    names = ("bad", "unknown", "good")
    lines = export(*((album, f"{n}.png", exported(tmp_path, f"{n}.jpg")) for n in names))
    assert "said|photochrom: bad.png: bad.jpg is broken." in lines
    assert (
        "said|photochrom: unknown.png: darktable could not import its result, "
        f"{album / 'unknown.color.jpg'}: import it by hand." in lines
    )
    assert f"grouped|{album / 'good.color.jpg'}|good.png" in lines
    assert "said|photochrom: 2 of 3 photos coloured." in lines
    assert not (album / "bad.color.jpg").exists()


def test_a_command_that_is_not_there_is_told_of(export, album, tmp_path):
    lines = export((album, "a.png", exported(tmp_path, "a.jpg")), COMMAND="/no where/photochrom")
    (line,) = (line for line in lines if "a.png: " in line)
    assert line.startswith("said|photochrom: a.png: the command /no where/photochrom does not run")
    assert line.endswith("give its full path in the preferences, under Lua options.")


def test_photochrom_itself_takes_these_options(export, album, tmp_path):
    program = script_file(
        tmp_path / "photochrom", f'#!/bin/sh\nexec "{sys.executable}" -m photochrom "$@"\n'
    )
    lines = export(
        (album, "a.png", exported(tmp_path, "a.jpg")),
        COMMAND=str(program),
        VIVID="1",
        PYTHONPATH=str(SCRIPT.parents[2] / "src"),
    )
    assert any("a.png: " in line and "is a text file, not a photo" in line for line in lines)


def test_windows_gets_its_own_quotes(export, tmp_path):
    file = tmp_path / "100%PATH%.jpg"
    lines = export(
        (r"C:\My photos", "it's 1&2.nef", file), SYSTEM="windows", COMMAND=r"C:\a b\p.exe"
    )
    shown = str(tmp_path / "100") + '"^%"PATH"^%".jpg'
    assert lines[1] == (
        rf'ran|""C:\a b\p.exe" "colorize" "{shown}" "-o" "C:\My photos\it'
        "'s 1&2.color.jpg"
        rf'" "--recolor" "--quiet" > "{shown}.log" 2>&1"'
    )


def test_the_script_compiles():
    compiler = next(filter(None, map(shutil.which, ("luac5.4", "luac"))), None)
    if compiler is None:
        pytest.skip("needs luac")
    subprocess.run([compiler, "-p", str(SCRIPT)], check=True, timeout=60)
