"""A result is made again from its sidecar, and looked into beside its original."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from commands import run
from photochrom import apply_sidecar
from photochrom.batch import worker
from photochrom.errors import CannotWrite
from photochrom.image.photo import Photo
from photochrom.image.reader import read_photo
from photochrom.image.writer import write_photo

DEEP = np.linspace(0, 65535, 48 * 64).reshape(48, 64).astype(np.uint16)


@pytest.fixture
def model(make_model) -> Path:
    return make_model(hints=0.1, slope=(0.3, -0.2), tells=("logits", "features"))


def again(out: Path, photo: Path) -> bytes:
    """What a sidecar and its photo become, at another place."""
    (sidecar,) = out.glob("*.photochrom.json")
    target = out / f"again{photo.suffix}"
    assert run("apply", sidecar, photo, "-o", target) == 0
    return target.read_bytes()


CASES = {
    "8 bits": ("photo.png", lambda scene: [Photo(scene)], ()),
    "16 bits": ("photo.png", lambda _: [Photo(DEEP)], ("--strength", "0.7")),
    "a JPEG": ("photo.jpg", lambda scene: [Photo(scene, dpi=(300, 300))], ("--quality-jpeg", "91")),
    "pages": (
        "photo.tif",
        lambda scene: [
            replace(Photo(page), format="TIFF", pictures=3)
            for page in (np.dstack([scene, 255 - scene, scene]), DEEP, scene[:, ::-1])
        ],
        ("--compression", "lzw"),
    ),
    "a strip": ("photo.png", lambda _: [Photo(np.arange(9000, dtype=np.uint16)[:, None] * 7)], ()),
    "hints": (
        "photo.png",
        lambda scene: [Photo(scene)],
        ("--hint", "9,9,red", "--hint", "50,30,olive,small", "--size", "40"),
    ),
    "a caption": ("photo.png", lambda scene: [Photo(scene)], ("--caption", "Kolor", "--strip")),
    "grey": ("photo.png", lambda scene: [Photo(scene)], ("--strength", "0")),
    "no mark": ("photo.png", lambda scene: [Photo(scene)], ("--no-mark",)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_sidecar_gives_the_same_file_again(model, scene, tmp_path, monkeypatch, capsys, case):
    name, pages, options = CASES[case]
    photo = write_photo(pages(scene), tmp_path / name)
    assert run("colorize", photo, "--model", model, "--sidecar", *options) == 0
    result = tmp_path / f"photo.color{photo.suffix}"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")  # and at another time
    capsys.readouterr()
    assert again(tmp_path, photo) == result.read_bytes()
    assert capsys.readouterr().err == ""


def test_another_format_has_the_same_pixels(model, scene, tmp_path):
    photo = write_photo(Photo(scene), tmp_path / "photo.png")
    assert run("colorize", photo, "--model", model, "--sidecar") == 0
    target = apply_sidecar(
        tmp_path / "photo.color.photochrom.json", photo, output=tmp_path / "new" / "again.tif"
    )
    expected = read_photo(tmp_path / "photo.color.png").pixels
    np.testing.assert_array_equal(read_photo(target).pixels, expected)


def test_no_network_is_loaded(model, scene, tmp_path):
    photo = write_photo(Photo(scene), tmp_path / "photo.png")
    assert run("colorize", photo, "--model", model, "--sidecar") == 0
    model.unlink()
    code = (
        "import sys; sys.modules['onnxruntime'] = None; from photochrom.__main__ import start; "
        "start()"
    )
    asked = ("apply", tmp_path / "photo.color.photochrom.json", photo, "-o", tmp_path / "b.png")
    subprocess.run([sys.executable, "-c", code, *map(str, asked)], check=True, timeout=300)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "photo.color.png").read_bytes()


def test_another_photo_is_refused_by_its_digest(model, scene, tmp_path, capsys):
    photo = write_photo(Photo(scene), tmp_path / "photo.png")
    other = write_photo(Photo(scene[::-1]), tmp_path / "other.png")
    assert run("colorize", photo, "--model", model, "--sidecar") == 0
    sidecar = tmp_path / "photo.color.photochrom.json"
    told = json.loads(sidecar.read_text())["original"]["sha256"]
    capsys.readouterr()
    assert run("apply", sidecar, other) == 1
    said = capsys.readouterr().err
    assert "is not the photo that" in said
    assert f"that of photo.png was {told}" in said
    assert not (tmp_path / "other.color.png").exists()
    assert run("apply", sidecar, photo) == 1  # the usual name is taken
    assert "exists already" in capsys.readouterr().err
    assert run("apply", sidecar, tmp_path / "none.png") == 1
    assert "does not exist" in capsys.readouterr().err
    assert run("apply", photo, photo) == 1
    assert "is no sidecar of photochrom" in capsys.readouterr().err


def test_damaged_colors_are_refused_and_leave_nothing(model, scene, tmp_path, capsys):
    photo = write_photo(Photo(scene), tmp_path / "photo.png")
    assert run("colorize", photo, "--model", model, "--sidecar") == 0
    sidecar = tmp_path / "photo.color.photochrom.json"
    told = json.loads(sidecar.read_text())
    told["pages"][0]["colors"] = told["pages"][0]["colors"][: 22 + 96]  # whole base64
    sidecar.write_text(json.dumps(told))
    before = sorted(tmp_path.iterdir())
    assert run("apply", sidecar, photo, "-o", tmp_path / "again.png") == 1
    assert "are damaged" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


# --- folders, and what is done already --------------------------------------------------------


@pytest.fixture
def album(tmp_path, scene) -> Path:
    (tmp_path / "album").mkdir()
    for number, name in enumerate(("a.png", "b.jpg", "b.png")):
        write_photo(Photo(np.roll(scene, 7 * number)), tmp_path / "album" / name)
    return tmp_path / "album"


SIDECARS = ["a.photochrom.json", "b.jpg.photochrom.json", "b.png.photochrom.json"]


def sidecars(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.photochrom.json"))


def test_sidecars_are_made_up_for_beside_results_that_are_there(model, album, out):
    asked = ("colorize", album, "-o", out, "--model", model)
    assert run(*asked) == 0
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert run(*asked, "--sidecar") == 0
    assert sidecars(out) == SIDECARS
    assert all(path.stat().st_mtime_ns == then for path, then in before.items() if path.is_file())
    for name in ("a.png", "b.jpg", "b.png"):
        stem = name if name[0] == "b" else "a"
        target = apply_sidecar(
            out / f"{stem}.photochrom.json", album / name, output=out / f"x{name}"
        )
        assert target.read_bytes() == (out / name).read_bytes()
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert run(*asked, "--sidecar") == 0
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())


def test_a_lone_photo_gets_its_sidecar_later(model, album, capsys):
    asked = ("colorize", album / "a.png", "--model", model)
    assert run(*asked) == 0
    assert run(*asked, "--sidecar") == 0
    assert sidecars(album) == ["a.color.photochrom.json"]
    capsys.readouterr()
    assert run(*asked, "--sidecar") == 0
    assert "is done already" in capsys.readouterr().err


def test_a_sidecar_that_tells_of_another_result_is_kept_unless_forced(model, album, out, capsys):
    asked = ("colorize", album / "a.png", "-o", f"{out}/", "--model", model, "--sidecar")
    assert run(*asked) == 0
    sidecar = out / "a.photochrom.json"
    assert run(*asked[:-1], "--strength", "0.5", "--force") == 0
    before = sidecar.read_bytes()
    capsys.readouterr()
    assert run(*asked, "--strength", "0.5") == 1
    assert "tells of another result" in capsys.readouterr().err
    assert sidecar.read_bytes() == before
    assert run(*asked, "--strength", "0.5", "--force") == 0
    assert json.loads(sidecar.read_text())["options"]["strength"] == 0.5
    (out / "a.png").unlink()
    before = sidecar.read_bytes()
    capsys.readouterr()
    assert run(*asked) == 1
    assert "make that again by photochrom apply" in capsys.readouterr().err
    assert sidecar.read_bytes() == before
    sidecar.write_text("mine")
    assert run(*asked) == 1
    assert sidecar.read_text() == "mine"
    assert not (out / "a.png").exists()


def test_a_result_that_would_come_out_otherwise_gets_no_sidecar(
    model, album, out, capsys, monkeypatch
):
    asked = ("colorize", album, "-o", out, "--model", model)
    assert run(*asked, "--no-mark") == 0
    monkeypatch.setattr(worker, "digest_photo", lambda *_: "0" * 64)
    assert run(*asked, "--no-mark", "--sidecar") == 1
    assert "is not what would be made now" in capsys.readouterr().err
    assert sidecars(out) == []


def test_what_was_stopped_before_a_sidecar_was_written_is_made_up_for(
    model, album, out, monkeypatch
):
    def stop(*_: object, **__: object) -> None:
        raise CannotWrite("no room")

    asked = ("colorize", album, "-o", out, "--model", model, "--sidecar")
    with monkeypatch.context() as stopped:
        stopped.setattr(worker.SidecarDraft, "write", stop)
        assert run(*asked) == 1
    assert sidecars(out) == []
    assert run(*asked) == 0
    assert sidecars(out) == SIDECARS


def test_each_version_has_its_sidecar(model, album, out):
    photo = album / "a.png"
    asked = ("colorize", photo, "-o", f"{out}/", "--model", model, "--samples", "2")
    assert run(*asked) == 0
    assert run(*asked, "--sidecar") == 0
    assert sidecars(out) == ["a-1.photochrom.json", "a-2.photochrom.json"]
    for number in (1, 2):
        target = apply_sidecar(
            out / f"a-{number}.photochrom.json", photo, output=out / f"x{number}.png"
        )
        assert target.read_bytes() == (out / f"a-{number}.png").read_bytes()


def test_a_reference_is_told_by_its_digest(model, album, out, color_scene):
    reference = write_photo(Photo(color_scene), out.parent / "red.png")
    asked = ("colorize", album / "a.png", "-o", f"{out}/", "--model", model, "--sidecar")
    assert run(*asked, "--reference", reference) == 0
    told = json.loads((out / "a.photochrom.json").read_text())
    assert told["sources"]["reference"]["name"] == "red.png"
    assert len(told["sources"]["reference"]["sha256"]) == 64
    stripped = out / "stripped.png"
    assert run(*asked[:2], "-o", stripped, *asked[4:], "--reference", reference, "--strip") == 0
    told = json.loads((out / "stripped.photochrom.json").read_text())
    assert told["original"]["name"] is None
    assert told["sources"]["reference"]["name"] is None


def test_a_sidecar_is_for_the_same_eyes_as_its_result(model, album, out):
    (album / "a.png").chmod(0o600)
    assert run("colorize", album / "a.png", "-o", f"{out}/", "--model", model, "--sidecar") == 0
    assert (out / "a.photochrom.json").stat().st_mode & 0o777 == 0o600


def test_a_pipe_has_no_sidecar(model, capsys):
    assert run("colorize", "-", "--sidecar", "--model", model) == 2
    assert "--sidecar is a file" in capsys.readouterr().err


# --- verify -----------------------------------------------------------------------------------


def test_a_result_has_the_lightness_of_its_original(model, album, capsys):
    for name in ("a.png", "b.jpg"):
        photo = album / name
        assert run("colorize", photo, "--model", model) == 0
        capsys.readouterr()
        assert run("verify", album / f"{name[0]}.color{photo.suffix}", photo) == 0
        said = capsys.readouterr().out
        assert "lightness: the original's" in said
        assert "mark: colorized by photochrom" in said
        assert "2026-09-21T14:13:20Z" in said
        assert "original: this very file" in said


def test_another_photo_has_another_lightness(model, album, capsys):
    assert run("colorize", album / "a.png", "--model", model) == 0
    capsys.readouterr()
    assert run("verify", album / "a.color.png", album / "b.png", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["same_lightness"], told["same_original"]) == (False, False)
    assert told["greatest"] > told["most"] > 1
    assert told["recorded"]["name"] == "a.png"
    assert run("verify", album / "b.png", album / "b.png") == 0
    said = capsys.readouterr().out
    assert "pixels differ by 0.00 at most" in said
    assert "mark: none of photochrom's" in said
    assert "does not tell which file" in said


def test_lightness_is_compared_to_a_level(tmp_path, scene, capsys):
    one = write_photo(Photo(np.minimum(scene, 200)), tmp_path / "one.png")
    moved = np.minimum(scene, 200)
    moved[0, 0] += 10  # of black, 10 levels: 10 / 255 / 12.92 * 903.3 of L
    other = write_photo(Photo(moved), tmp_path / "other.png")
    assert run("verify", other, one, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["greatest"] == pytest.approx(10 / 255 / 12.92 * 903.2963, abs=1e-3)
    assert told["most"] == 0


def test_the_strip_of_a_caption_is_left_out(model, album, tmp_path, capsys):
    big = np.kron(read_photo(album / "a.png").pixels, np.ones((4, 4), np.uint8))
    photo = write_photo(Photo(big), tmp_path / "big.png")
    assert run("colorize", photo, "--model", model, "--caption", "Kolor") == 0
    capsys.readouterr()
    assert run("verify", tmp_path / "big.color.png", photo) == 0
    assert "the strip below the picture was left out" in capsys.readouterr().out
    assert run("verify", photo, tmp_path / "big.color.png") == 1
    assert "has 256 by 192 pixels and" in capsys.readouterr().err


def test_every_page_is_compared(tmp_path, scene, capsys):
    pages = [replace(Photo(page), format="TIFF", pictures=2) for page in (DEEP, scene)]
    one = write_photo(pages, tmp_path / "one.tif")
    other = write_photo([pages[0], replace(pages[1], pixels=255 - scene)], tmp_path / "two.tif")
    assert run("verify", one, one) == 0
    assert run("verify", other, one) == 1
    single = write_photo(pages[0], tmp_path / "single.tif")
    capsys.readouterr()
    assert run("verify", single, one) == 1
    assert "has more pages than the other" in capsys.readouterr().err


def test_a_retouched_spot_is_noticed_whatever_the_format(tmp_path, capsys):
    grey = np.kron(
        np.arange(40, 200, 10, dtype=np.uint8).reshape(4, 4), np.ones((32, 32), np.uint8)
    )
    one = write_photo(Photo(grey), tmp_path / "one.png")
    touched = grey.copy()
    touched[8:11, 8:11] += 60  # of 9 in 16,384 pixels
    for suffix, bound in (("png", 0.5), ("jpg", 6), ("webp", 6)):
        same = write_photo(Photo(grey), tmp_path / f"same.{suffix}")
        assert run("verify", same, one) == 0
        other = write_photo(Photo(touched), tmp_path / f"other.{suffix}")
        capsys.readouterr()
        assert run("verify", other, one, "--json") == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["bound"], told["most"] < 2 < bound + 2 < told["greatest"]) == (bound, True)


def test_a_broken_original_is_compared_as_it_was_colored(model, tmp_path, scene, capsys):
    photo = write_photo(Photo(np.kron(scene, np.ones((4, 4), np.uint8))), tmp_path / "cut.jpg")
    photo.write_bytes(photo.read_bytes()[:-900])
    assert run("colorize", photo, "--model", model, "--sidecar", "--damaged") == 0
    assert again(tmp_path, photo) == (tmp_path / "cut.color.jpg").read_bytes()
    assert run("verify", tmp_path / "cut.color.jpg", photo) == 1
    assert "cut short" in capsys.readouterr().err
    assert run("verify", tmp_path / "cut.color.jpg", photo, "--damaged") == 0
